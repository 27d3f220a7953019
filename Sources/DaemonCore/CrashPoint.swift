internal import Layout
internal import LinuxSystem

#if LODGE_CRASHPOINTS
  internal import Synchronization
#endif

/// Named places where tests let the daemon die, fail or pause: `LODGE_CRASHPOINT=name:kill|pause`, with `@N` behind it at
/// the place's Nth time. Compiled into debug and test builds only.
enum CrashPoint {
  /// Every name there is; the tests try each.
  static let names = [
    "daemon.launch.before-spawn", "daemon.launch.spawned", "daemon.exit.received", "daemon.lost.before-fence",
    "daemon.end.stored", "daemon.end.acknowledged", "daemon.commit.before", "daemon.commit.after",
  ]

  @inline(__always)
  static func reach(_ name: StaticString) {
    #if LODGE_CRASHPOINTS
      hit(name)
    #endif
  }

  #if LODGE_CRASHPOINTS
    private static let chosen: (name: String, action: String, time: Int)? = {
      guard let value = OwnProcess.variable(EnvironmentName.crashPoint) else { return nil }
      let parts = value.split(separator: ":", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { return nil }
      let action = parts[1].split(separator: "@", maxSplits: 1).map(String.init)
      return (parts[0], action[0], action.count == 2 ? Int(action[1]) ?? 1 : 1)
    }()
    private static let times = Mutex(0)

    private static func hit(_ name: StaticString) {
      guard let chosen, chosen.name == name.description else { return }
      let time = times.withLock { times in
        times += 1
        return times
      }
      guard time >= chosen.time else { return }
      switch chosen.action {
      case "kill": OwnProcess.die()
      case "pause": OwnProcess.pause(milliseconds: 1_500)
      default: break
      }
    }
  #endif
}
