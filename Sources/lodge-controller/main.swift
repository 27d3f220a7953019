import ControllerCore
import Glibc

// One guest's controller. lodged starts it; everything it needs comes by descriptor and by LAUNCH.
guard let arguments = ControllerArguments(CommandLine.arguments) else {
  _ = (ControllerArguments.usage + "\n").withCString { write(2, $0, strlen($0)) }
  exit(64)
}
exit(runController(arguments))
