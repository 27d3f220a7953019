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

  public static let usage =
    "usage: lodge-controller --guest NAME --fd N --lock-fd N --run-dir-fd N --run-dir PATH [--network own] (lodged starts it; see lodged(8))"

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
    let network = values.removeValue(forKey: "--network")
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
  }
}
