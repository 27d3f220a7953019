/// The command line of a controller: the daemon writes it, the controller reads it.
public struct ControllerArguments: Equatable, Sendable {
  public static let program = "lodge-controller"

  /// For ps; everything else about the guest comes with LAUNCH.
  public var guest: String
  /// The controller's end of the socket pair.
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

  /// The descriptors are the numbers under which the controller gets them.
  public init(
    guest: String, connection: Int32 = 3, lock: Int32 = 4, runDirectory: Int32 = 5, runDirectoryPath: String,
    ownNetwork: Bool, usualTasks: UInt64? = nil, usualMemory: UInt64? = nil
  ) {
    self.guest = guest
    self.connection = connection
    self.lock = lock
    self.runDirectory = runDirectory
    self.runDirectoryPath = runDirectoryPath
    self.ownNetwork = ownNetwork
    self.usualTasks = usualTasks
    self.usualMemory = usualMemory
  }

  private enum Option: String, CaseIterable {
    case guest = "--guest"
    case connection = "--fd"
    case lock = "--lock-fd"
    case runDirectory = "--run-dir-fd"
    case runDirectoryPath = "--run-dir"
    case network = "--network"
    case usualTasks = "--usual-tasks"
    case usualMemory = "--usual-memory"
  }

  private static let ownNetworkValue = "own"

  public static let usage =
    "usage: lodge-controller --guest NAME --fd N --lock-fd N --run-dir-fd N --run-dir PATH [--network own] [--usual-tasks N] [--usual-memory BYTES] (lodged starts it; see lodged(8))"

  /// From argv[0] on.
  public var words: [String] {
    var words = [Self.program]
    func add(_ option: Option, _ value: String?) {
      if let value { words += [option.rawValue, value] }
    }
    add(.guest, guest)
    add(.connection, String(connection))
    add(.lock, String(lock))
    add(.runDirectory, String(runDirectory))
    add(.runDirectoryPath, runDirectoryPath)
    add(.network, ownNetwork ? Self.ownNetworkValue : nil)
    add(.usualTasks, usualTasks.map { String($0) })
    add(.usualMemory, usualMemory.map { String($0) })
    return words
  }

  /// Nil where anything is missing, unknown or twice.
  ///
  /// - Parameter words: from argv[0] on.
  public init?(_ words: [String]) {
    var guest: String?
    var connection: Int32?
    var lock: Int32?
    var runDirectory: Int32?
    var runDirectoryPath: String?
    self.init(guest: "", runDirectoryPath: "", ownNetwork: false)
    var seen: [Option] = []
    var index = 1
    while index < words.count {
      guard index + 1 < words.count, let option = Option(rawValue: words[index]), !seen.contains(option) else {
        return nil
      }
      seen.append(option)
      let value = words[index + 1]
      index += 2
      switch option {
      case .guest: guest = value
      case .runDirectoryPath: runDirectoryPath = value
      case .connection: connection = Self.number(value).flatMap { Int32(exactly: $0) }
      case .lock: lock = Self.number(value).flatMap { Int32(exactly: $0) }
      case .runDirectory: runDirectory = Self.number(value).flatMap { Int32(exactly: $0) }
      case .network:
        guard value == Self.ownNetworkValue else { return nil }
        ownNetwork = true
      case .usualTasks:
        usualTasks = Self.number(value)
        if usualTasks == nil { return nil }
      case .usualMemory:
        usualMemory = Self.number(value)
        if usualMemory == nil { return nil }
      }
    }
    guard let guest, let connection, let lock, let runDirectory, let runDirectoryPath else { return nil }
    self.guest = guest
    self.connection = connection
    self.lock = lock
    self.runDirectory = runDirectory
    self.runDirectoryPath = runDirectoryPath
  }

  /// Decimal digits and nothing else; nil where they are none, or too many.
  private static func number(_ text: String) -> UInt64? {
    var value: UInt64 = 0
    for byte in text.utf8 {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      let (scaled, high) = value.multipliedReportingOverflow(by: 10)
      let (next, carry) = scaled.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
      guard !high, !carry else { return nil }
      value = next
    }
    return text.isEmpty ? nil : value
  }
}
