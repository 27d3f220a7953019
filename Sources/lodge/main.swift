import CLICore
import Glibc

exit(LodgeProgram.run(Array(CommandLine.arguments.dropFirst())))
