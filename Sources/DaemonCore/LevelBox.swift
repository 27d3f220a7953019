public import Logging
internal import Synchronization

/// The level that every log handler of the daemon looks at.
public final class LevelBox: Sendable {
  public typealias Level = Logger.Level

  private let level: Mutex<Level>

  public init(_ level: Level) { self.level = Mutex(level) }

  public var value: Level {
    get { level.withLock { $0 } }
    set { level.withLock { $0 = newValue } }
  }
}
