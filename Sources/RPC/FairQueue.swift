/// Work of many users, given out in turn: one item of each user, and within a user one of each connection.
///
/// Items of one connection come out in the order in which they went in. So a user with a thousand waiting items delays
/// another by one item, and not by a thousand.
public struct FairQueue<Item: Sendable>: Sendable {
  private struct Lane: Sendable {
    let connection: UInt64
    private var items: [Item]
    private var head = 0

    init(connection: UInt64, first: Item) {
      self.connection = connection
      items = [first]
    }

    var count: Int { items.count - head }
    var first: Item { items[head] }

    mutating func append(_ item: Item) { items.append(item) }

    mutating func removeFirst() {
      head += 1
      guard head > 32, head * 2 > items.count else { return }
      items.removeFirst(head)
      head = 0
    }
  }

  private struct Share: Sendable {
    let user: UInt32
    /// In the order of their turns.
    var lanes: [Lane]
  }

  /// In the order of their turns: one that was served goes to the back, and so does a new one.
  private var shares: [Share] = []
  public private(set) var count = 0

  public init() {}

  public var isEmpty: Bool { count == 0 }

  public mutating func append(_ item: Item, user: UInt32, connection: UInt64) {
    count += 1
    guard let share = shares.firstIndex(where: { $0.user == user }) else {
      shares.append(Share(user: user, lanes: [Lane(connection: connection, first: item)]))
      return
    }
    if let lane = shares[share].lanes.firstIndex(where: { $0.connection == connection }) {
      shares[share].lanes[lane].append(item)
    } else {
      shares[share].lanes.append(Lane(connection: connection, first: item))
    }
  }

  /// Whether items of this connection wait: a later one has to wait behind them.
  public func holds(user: UInt32, connection: UInt64) -> Bool {
    shares.contains { $0.user == user && $0.lanes.contains { $0.connection == connection } }
  }

  /// Takes the next item whose turn it is and that `isReady`; nil when there is none. Only the first item of each
  /// connection is asked about.
  public mutating func next(where isReady: (Item) -> Bool) -> Item? {
    for share in shares.indices {
      for lane in shares[share].lanes.indices {
        let item = shares[share].lanes[lane].first
        guard isReady(item) else { continue }
        count -= 1
        var servedShare = shares.remove(at: share)
        var servedLane = servedShare.lanes.remove(at: lane)
        servedLane.removeFirst()
        if servedLane.count > 0 { servedShare.lanes.append(servedLane) }
        if !servedShare.lanes.isEmpty { shares.append(servedShare) }
        return item
      }
    }
    return nil
  }

  /// Drops everything of a connection that has ended.
  public mutating func removeAll(user: UInt32, connection: UInt64) {
    guard let share = shares.firstIndex(where: { $0.user == user }),
      let lane = shares[share].lanes.firstIndex(where: { $0.connection == connection })
    else { return }
    count -= shares[share].lanes.remove(at: lane).count
    if shares[share].lanes.isEmpty { shares.remove(at: share) }
  }
}
