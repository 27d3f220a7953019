/// How much work may be done in one go before others get their turn.
///
/// Work that comes in bits counts as one go while the pauses between the bits are short.
public struct TurnBudget: Sendable {
  /// Nanoseconds of work in one go.
  private let limit: UInt64
  /// Nanoseconds without work after which the next one begins a new go.
  private let pause: UInt64
  private var spent: UInt64 = 0
  private var lastEnd: UInt64 = 0

  public init(limit: UInt64, pause: UInt64) {
    self.limit = limit
    self.pause = pause
  }

  /// Whether more may be done now.
  public mutating func mayWork(at now: UInt64) -> Bool {
    if now >= lastEnd + pause { spent = 0 }
    return spent < limit
  }

  public mutating func worked(from start: UInt64, to end: UInt64) {
    spent += end - start
    lastEnd = end
  }

  /// Others have had their turn.
  public mutating func renew() { spent = 0 }
}
