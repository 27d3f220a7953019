/// The order of turns, and whether one may begin now: work of many users in slices, a bounded time of it in one go.
///
/// A driver serves an item at once when `mayBegin` says so, and queues it otherwise; `next` gives the items out user by user
/// and connection by connection. An item that is not done goes to the back of its user's queue.
public struct TurnQueue<Item: Sendable>: Sendable {
  private var queue = FairQueue<Item>()
  private var budget: TurnBudget

  /// - Parameters:
  ///   - limit: nanoseconds of work in one go.
  ///   - pause: nanoseconds without work after which the next one begins a new go.
  public init(limit: UInt64 = 1_000_000, pause: UInt64 = 200_000) { budget = TurnBudget(limit: limit, pause: pause) }

  public var isEmpty: Bool { queue.isEmpty }

  /// Whether an item that comes now may be served before any other: none waits, and there is time.
  public mutating func mayBegin(at now: UInt64) -> Bool { queue.isEmpty && budget.mayWork(at: now) }

  public mutating func append(_ item: Item, user: UInt32, connection: UInt64) {
    queue.append(item, user: user, connection: connection)
  }

  /// Nil when nothing waits, or when others have to have their turn first.
  public mutating func next(at now: UInt64) -> Item? {
    budget.mayWork(at: now) ? queue.next(where: { _ in true }) : nil
  }

  public mutating func worked(from start: UInt64, to end: UInt64) { budget.worked(from: start, to: end) }

  /// Others have had their turn.
  public mutating func renew() { budget.renew() }
}
