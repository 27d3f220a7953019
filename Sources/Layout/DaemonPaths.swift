/// The files and folders of one instance of Lodge. All of it moves under one folder with `lodged --root DIR`.
public struct DaemonPaths: Sendable, Hashable {
  /// `/`, or the folder of a scratch or second instance.
  public var root: String
  /// Kept until the next boot: sockets, locks, the directories of runs.
  public var runtime: String
  /// Kept for good: the database.
  public var state: String
  public var logs: String
  public var configuration: String
  /// Cgroup below which this instance makes its own, so that two instances never meet.
  public var cgroupParent: String

  /// The system's own instance.
  public static let system = DaemonPaths(
    root: "/", runtime: "/run/lodge", state: "/var/lib/lodge", logs: "/var/log/lodge",
    configuration: "/etc/lodge/lodged.yaml", cgroupParent: "/lodge")

  public init(root: String, runtime: String, state: String, logs: String, configuration: String, cgroupParent: String) {
    self.root = root
    self.runtime = runtime
    self.state = state
    self.logs = logs
    self.configuration = configuration
    self.cgroupParent = cgroupParent
  }

  /// An instance of its own under `root`, an absolute path.
  public init(under root: String) {
    self.init(
      root: root, runtime: root + "/run", state: root + "/lib", logs: root + "/log",
      configuration: root + "/lodged.yaml", cgroupParent: "/lodge-" + Self.digest(root))
  }

  /// The instance that the environment of a client names: that under `EnvironmentName.root`, else the system's.
  public init(root: String?) {
    self = if let root, !root.isEmpty { DaemonPaths(under: root) } else { .system }
  }

  // MARK: Sockets

  private static let socketName = "/lodge.sock"
  private static let readOnlySocketName = "/lodge-ro.sock"

  public var socket: String { runtime + Self.socketName }
  public var readOnlySocket: String { runtime + Self.readOnlySocketName }

  /// The read-only socket in the folder of a full one; nil for a path that is named otherwise.
  public static func readOnlySocket(beside socket: String) -> String? {
    guard socket.hasSuffix(socketName) else { return nil }
    return socket.dropLast(socketName.count) + readOnlySocketName
  }

  // MARK: Files of the daemon

  public var lock: String { runtime + "/lodged.lock" }
  public var database: String { state + "/lodge.db" }
  /// The guests as a daemon knew them whose database was damaged under it.
  public var copy: String { state + "/guests-kept.db" }
  /// Freed when the disk is full, so that ends can still be stored.
  public var reserve: String { state + "/reserve" }

  // MARK: Runs and logs

  public var runs: String { runtime + "/guests" }

  /// The directory of a guest's present run.
  public func run(of guest: String) -> RunPaths { RunPaths(path: runs + "/" + guest) }

  /// The console log of a guest; rotated files have a number behind it: `web.log.1`.
  public func log(of guest: String) -> String { logs + "/" + Self.logName(of: guest) }

  public static func logName(of guest: String) -> String { guest + ".log" }

  /// The output of a hook's programs.
  public func log(ofHook name: String) -> String { hookLogs + "/" + name + ".log" }
  /// Apart from the logs of guests: a guest may have any name that a file beside its log could have.
  public var hookLogs: String { logs + "/hooks" }

  /// FNV-1a, 32 bits: short, and the same for the same folder at every start.
  private static func digest(_ text: String) -> String {
    var sum: UInt32 = 0x811c_9dc5
    for byte in text.utf8 { sum = (sum ^ UInt32(byte)) &* 0x0100_0193 }
    let digits = String(sum, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}

/// The directory of a run: the daemon makes it, the controller works in it, and removing it says that the end is stored.
public struct RunPaths: Sendable, Hashable {
  public var path: String

  public init(path: String) { self.path = path }

  /// Held by the controller as long as it lives.
  public static let lockName = "lock"
  /// The controller's socket, on which a restarted daemon finds it.
  public static let socketName = "controller.sock"
  /// A byte that is set right before init is executed.
  public static let executionMarkName = "executing"
  /// How the run ended.
  public static let exitRecordName = "exit"

  public var lock: String { path + "/" + Self.lockName }
  public var socket: String { path + "/" + Self.socketName }
  public var executionMark: String { path + "/" + Self.executionMarkName }
  public var exitRecord: String { path + "/" + Self.exitRecordName }
}
