#if LODGE_CRASHPOINTS
  import ContainerRuntime
  import Glibc
  import Layout
#endif

/// Named places where a test ends, fails or pauses the controller: `LODGE_CRASHPOINT=name:kill|error|pause`. Compiled into
/// debug and test builds only.
///
/// Beside these, every step of making a container is one, as `setup.` and the step's name (`setup.mount /proc`): `kill`
/// ends the controller from inside the child at that step.
public enum CrashPoint {
  public static let names = [
    "controller.started", "controller.launch.received", "controller.launch.grouped", "controller.launch.cloned",
    "controller.launch.executed", "controller.launch.told", "controller.stop.begun", "controller.end.seen",
    "controller.end.drained", "controller.end.before-record", "controller.end.recorded", "controller.end.told",
    "controller.end.cleaned",
  ]

  /// Ends or pauses the process if this is the place; true if what comes next is to fail.
  @inline(__always)
  @discardableResult
  static func reach(_ name: StaticString) -> Bool {
    #if LODGE_CRASHPOINTS
      hit(name)
    #else
      false
    #endif
  }

  #if LODGE_CRASHPOINTS
    private static let chosen: (name: String, action: String)? = {
      guard let value = getenv(EnvironmentName.crashPoint) else { return nil }
      let text = String(cString: value)
      guard let colon = text.lastIndex(of: ":") else { return nil }
      return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }()

    private static func hit(_ name: StaticString) -> Bool {
      guard let chosen, chosen.name == name.description else { return false }
      switch chosen.action {
      case "kill":
        kill(getpid(), SIGKILL)
        return false
      case "pause":
        // For ever: whatever waits for this process has to have a limit of its own.
        while true { Glibc.pause() }
      default: return chosen.action == "error"
      }
    }

    /// The step of making a container that is to be replaced, if one was chosen.
    static func setup() -> (step: String, action: SetupStep.Action)? {
      guard let chosen, chosen.name.hasPrefix("setup.") else { return nil }
      let step = String(chosen.name.dropFirst("setup.".count))
      switch chosen.action {
      case "kill": return (step, .crashController)
      case "error": return (step, .fail(EIO))
      case "pause": return (step, .pause)
      default: return nil
      }
    }
  #endif
}
