import Glibc
import Synchronization

/// Lines for finding a fault, on standard error. Off unless the variable `TRACE` names the topic, as in
/// `TRACE=rpc,lifecycle`, or a program turns it on while it runs.
public enum Trace {
  public enum Topic: String, Sendable, CaseIterable {
    /// Each frame's header.
    case rpc
    /// Each transition of a guest, in the daemon and in its controller.
    case lifecycle

    fileprivate var bit: UInt8 {
      switch self {
      case .rpc: 1
      case .lifecycle: 2
      }
    }
  }

  private static let words: [String] = {
    guard let value = getenv("TRACE") else { return [] }
    return String(cString: value).split(separator: ",").map(String.init)
  }()

  private static let topics = Atomic<UInt8>(fromEnvironment)

  private static var fromEnvironment: UInt8 { words.compactMap(Topic.init).reduce(0) { $0 | $1.bit } }

  /// Words of the variable that are no topics.
  public static var unknownWords: [String] { words.filter { Topic(rawValue: $0) == nil } }

  public static func isOn(_ topic: Topic) -> Bool { topics.load(ordering: .relaxed) & topic.bit != 0 }

  /// Turns on all topics, or goes back to those of the variable.
  public static func setAll(_ isOn: Bool) {
    topics.store(isOn ? Topic.allCases.reduce(0) { $0 | $1.bit } : fromEnvironment, ordering: .relaxed)
  }

  /// The variable that gives a child the topics that are on now; nil if none is.
  public static var variable: String? {
    let names = Topic.allCases.filter { isOn($0) }.map(\.rawValue)
    return names.isEmpty ? nil : "TRACE=" + names.joined(separator: ",")
  }

  /// One line, in one write(2), so that lines of several processes do not mix.
  public static func write(_ topic: Topic, _ line: String) {
    let bytes = Array("\(getpid()) \(topic.rawValue): \(line)\n".utf8)
    _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
  }
}
