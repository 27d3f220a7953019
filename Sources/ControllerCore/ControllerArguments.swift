import LinuxSystem

/// What the daemon gives a controller on its command line.
public struct ControllerArguments: Equatable, Sendable {
  /// For ps; everything else about the guest comes with LAUNCH.
  public var guest: String
  /// Our end of the socket pair.
  public var connection: Int32
  /// The run directory's lock, held as long as this descriptor is open.
  public var lock: Int32
  public var runDirectory: Int32
  public var runDirectoryPath: String
  /// Make a network namespace while waiting for LAUNCH.
  public var ownNetwork: Bool
  /// Limits for a guest whose spec has none of its own: at most so many tasks, so many bytes of memory.
  public var usualTasks: UInt64?
  public var usualMemory: UInt64?

  public static let usage =
    "usage: lodge-controller --guest NAME --fd N --lock-fd N --run-dir-fd N --run-dir PATH [--network own] [--usual-tasks N] [--usual-memory BYTES] (lodged starts it; see lodged(8))"

  /// Nil where anything is missing, unknown or twice.
  public init?(_ arguments: [String]) {
    var values: [String: String] = [:]
    var rest = arguments.dropFirst()
    while let name = rest.popFirst() {
      guard let value = rest.popFirst(), values.updateValue(value, forKey: name) == nil else { return nil }
    }
    func descriptor(_ name: String) -> Int32? {
      values.removeValue(forKey: name).flatMap { Int32(decimal: $0.utf8) }
    }
    func limit(_ name: String) -> UInt64?? {
      guard let value = values.removeValue(forKey: name) else { return .some(nil) }
      return UInt64(decimal: value.utf8).map { .some($0) }
    }
    let network = values.removeValue(forKey: "--network")
    guard let tasks = limit("--usual-tasks"), let memory = limit("--usual-memory") else { return nil }
    guard let guest = values.removeValue(forKey: "--guest"), let connection = descriptor("--fd"),
      let lock = descriptor("--lock-fd"), let runDirectory = descriptor("--run-dir-fd"),
      let runDirectoryPath = values.removeValue(forKey: "--run-dir"), network == nil || network == "own", values.isEmpty
    else { return nil }
    self.guest = guest
    self.connection = connection
    self.lock = lock
    self.runDirectory = runDirectory
    self.runDirectoryPath = runDirectoryPath
    ownNetwork = network != nil
    usualTasks = tasks
    usualMemory = memory
  }
}
