/// Where everything is. All of it moves under one folder with `lodged --root DIR`.
public struct DaemonPaths: Sendable, Hashable {
  /// `/`, or the folder of a scratch or second instance.
  public var root: String
  public var runtime: String
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

  public var socket: String { runtime + "/lodge.sock" }
  public var readOnlySocket: String { runtime + "/lodge-ro.sock" }
  public var lock: String { runtime + "/lodged.lock" }
  public var runs: String { runtime + "/guests" }
  public var database: String { state + "/lodge.db" }
  /// The guests as a daemon knew them whose database was damaged under it.
  public var copy: String { state + "/guests-kept.db" }
  /// Freed when the disk is full, so that ends can still be stored.
  public var reserve: String { state + "/reserve" }

  /// FNV-1a, 32 bits: short, and the same for the same folder at every start.
  private static func digest(_ text: String) -> String {
    var sum: UInt32 = 0x811c_9dc5
    for byte in text.utf8 { sum = (sum ^ UInt32(byte)) &* 0x0100_0193 }
    let digits = String(sum, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}
