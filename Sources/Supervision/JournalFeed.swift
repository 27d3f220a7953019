import DequeModule
public import Guest
import RPC

// Decides what each subscriber of the journal gets next. The driver sends it, reads the disk, and reports how that went.
//
//   published rows --> recent (bounded) --+
//                                         +--> next(for:) --> guests, gap or row --> the driver sends it
//   disk, one read at a time, in turn ----+
//
// A subscription is a place in the journal and no queue: whatever does not fit into a connection is not kept here, and is
// looked up again when there is room.

/// A row of the journal, as far as its place and size matter.
public protocol JournalRow: Sendable {
  /// Rises by one from row to row.
  var sequence: UInt64 { get }
  /// In bytes, as it is kept in memory.
  var size: Int { get }
}

/// Selects what one subscriber gets.
public protocol JournalInterest: Sendable {
  associatedtype Row: JournalRow

  func wants(_ row: Row) -> Bool
  /// Whether a guest belongs in the snapshot.
  func covers(_ guest: StoredGuest) -> Bool
}

/// The newest rows of the journal, the place of every subscriber, and the turn of those that need the disk.
public struct JournalFeed<Interest: JournalInterest>: Sendable {
  public typealias Row = Interest.Row

  /// How much is kept in memory for all subscribers together.
  public struct Bounds: Sendable, Hashable {
    public var recentRows = 4096
    public var recentBytes = 4 << 20
    /// Rows of one read from the disk.
    public var pageRows = 500
    /// Guests that are looked at for one part of a snapshot.
    public var partGuests = 128
    /// Former states of guests, kept for snapshots that are not read to their end.
    public var formerGuests = 16_384

    public init() {}
  }

  /// Names a subscription. Not used again while it exists.
  public struct ID: Sendable, Hashable {
    public let number: UInt32

    public init(number: UInt32) { self.number = number }
  }

  /// To be sent to a subscriber, in the order in which it is given out.
  public enum Piece: Sendable {
    case guests(SnapshotPart)
    case row(Row)
    /// Rows that cannot be given out: retention has dropped them, or this version cannot read them.
    case gap(ClosedRange<UInt64>)
  }

  /// Rows to be read from the disk for one subscriber.
  public struct Read: Sendable, Hashable {
    public let subscription: ID
    public let after: UInt64
    public let limit: Int
    /// The newest row when this was asked for. Those after it may be missing from the answer and be here all the same.
    public let newest: UInt64
  }

  /// Rows that came from the disk and were not given out yet. There is one page at most.
  private struct Page: Sendable {
    var read: Read
    var rows: ArraySlice<Row>
    /// Everything that is kept after `read.after` is in `rows`.
    var isWhole: Bool
  }

  private let bounds: Bounds
  private var recent: Deque<Row> = []
  private var recentSize = 0
  private var cursors: [ID: SubscriptionCursor<Interest>] = [:]
  private var lastNumber: UInt32 = 0
  private var waiting = FairQueue<ID>()
  private var reading: Read?
  private var page: Page?
  private var snapshots = 0
  private var formerGuests = 0
  /// The oldest row on the disk; 0 while there is none.
  public private(set) var oldest: UInt64
  /// The newest row that was ever published; 0 before the first.
  public private(set) var newest: UInt64

  public init(oldest: UInt64, newest: UInt64, bounds: Bounds = Bounds()) {
    self.oldest = oldest
    self.newest = newest
    self.bounds = bounds
  }

  public var count: Int { cursors.count }

  /// Rows in memory, wherever they came from.
  public var rowsHeld: Int { recent.count + (page?.rows.count ?? 0) }
  public var bytesHeld: Int { recentSize }
  public var formerGuestsHeld: Int { formerGuests }

  /// Whether `guestsChange` has to be called.
  public var isTakingSnapshots: Bool { snapshots > 0 }
}

// MARK: Subscriptions

extension JournalFeed {
  /// Adds a subscriber, which gets nothing before `activate`.
  ///
  /// - Parameters:
  ///   - position: the last row that it does not want. With a snapshot that is the newest row.
  ///   - snapshot: the names of all guests, in ascending order, if it wants their states first.
  ///   - tickNanos: time between two reports of the newest number.
  public mutating func add(
    _ interest: Interest, after position: UInt64, snapshot: [GuestName]? = nil, user: UInt32, connection: UInt64,
    tickNanos: UInt64
  ) -> ID {
    repeat { lastNumber = lastNumber == .max ? 1 : lastNumber + 1 } while cursors[ID(number: lastNumber)] != nil
    let id = ID(number: lastNumber)
    var cursor = SubscriptionCursor(
      interest: interest, position: position, user: user, connection: connection, tickNanos: tickNanos)
    if let snapshot {
      cursor.position = newest
      cursor.snapshot = SnapshotCursor(of: snapshot, at: newest)
      snapshots += 1
    }
    cursors[id] = cursor
    return id
  }

  /// The reply to its subscription has been sent: now it gets what it asked for.
  public mutating func activate(_ id: ID) { cursors[id]?.isActive = true }

  /// - Returns: false if this connection has no such subscription.
  public mutating func remove(_ id: ID, of connection: UInt64) -> Bool {
    guard let cursor = cursors[id], cursor.connection == connection else { return false }
    cursors[id] = nil
    if let snapshot = cursor.snapshot { drop(snapshot) }
    if page?.read.subscription == id { page = nil }
    return true
  }

  /// The last row that a subscriber is done with; nil if there is no such subscription.
  public func position(of id: ID) -> UInt64? { cursors[id]?.position }

  /// The subscribers that have everything and are due to hear the newest number.
  public func ticksDue(at nanoseconds: UInt64) -> [ID] {
    cursors.filter { $0.value.isTickDue(newest: newest, at: nanoseconds) }.map(\.key)
  }

  /// A subscriber got the newest number.
  public mutating func ticked(_ id: ID, at nanoseconds: UInt64) { cursors[id]?.lastTick = nanoseconds }
}

// MARK: Rows

extension JournalFeed {
  /// Rows that are on the disk now, in ascending order. After a hole in their numbers the rows before it are given out from
  /// the disk only, where the hole is found.
  public mutating func publish(_ rows: [Row]) {
    for row in rows {
      if row.sequence != newest + 1 {
        recent.removeAll()
        recentSize = 0
      }
      if oldest == 0 { oldest = row.sequence }
      newest = row.sequence
      recent.append(row)
      recentSize += row.size
    }
    while recent.count > bounds.recentRows || recentSize > bounds.recentBytes, let row = recent.popFirst() {
      recentSize -= row.size
    }
  }

  /// Retention has dropped the rows before this one; 0 if all are gone.
  public mutating func pruned(oldest: UInt64) { self.oldest = oldest }

  /// Takes the next piece for a subscriber; nil while there is none: it has everything, it waits for the disk, its
  /// connection is full, or it is not active.
  ///
  /// - Parameters:
  ///   - hasRoom: whether its connection takes more. Without room nothing is kept for it but its place.
  ///   - present: the committed state of a guest.
  public mutating func next(
    for id: ID, hasRoom: Bool, present: (GuestName) -> StoredGuest?
  ) -> Piece? {
    guard var cursor = cursors[id], cursor.isActive else { return nil }
    guard hasRoom else {
      if page?.read.subscription == id { page = nil }
      return nil
    }
    if let part = nextPart(&cursor, present) {
      cursors[id] = cursor
      return .guests(part)
    }
    defer { cursors[id]?.position = cursor.position }
    while cursor.position < newest {
      if let row = inMemory(after: cursor.position) {
        cursor.position = row.sequence
        if cursor.interest.wants(row) { return .row(row) }
      } else if page?.read.subscription == id {
        if let piece = nextOfPage(&cursor) { return piece }
      } else {
        waitForDisk(id)
        return nil
      }
    }
    return nil
  }

  private func inMemory(after position: UInt64) -> Row? {
    guard let first = recent.first?.sequence, position + 1 >= first else { return nil }
    return recent[Int(position + 1 - first)]
  }

  /// Takes from the page until there is something to send, or it is used up.
  private mutating func nextOfPage(_ cursor: inout SubscriptionCursor<Interest>) -> Piece? {
    guard let page else { return nil }
    guard let row = page.rows.first else {
      self.page = nil
      // All rows that were kept have been given out. Those up to the newest of then are gone.
      guard page.isWhole, cursor.position < page.read.newest else { return nil }
      return gap(&cursor, upTo: page.read.newest)
    }
    if row.sequence > cursor.position + 1 { return gap(&cursor, upTo: row.sequence - 1) }
    self.page?.rows.removeFirst()
    guard row.sequence == cursor.position + 1 else { return nil }
    cursor.position = row.sequence
    return cursor.interest.wants(row) ? .row(row) : nil
  }

  /// Rows that are in memory are not missing, even where the disk has them no longer.
  private func gap(_ cursor: inout SubscriptionCursor<Interest>, upTo end: UInt64) -> Piece {
    var last = end
    if let first = recent.first?.sequence, first <= end { last = first - 1 }
    defer { cursor.position = last }
    return .gap(cursor.position + 1...last)
  }
}

// MARK: The disk

extension JournalFeed {
  private mutating func waitForDisk(_ id: ID) {
    guard let cursor = cursors[id], !cursor.isWaiting else { return }
    cursors[id]?.isWaiting = true
    waiting.append(id, user: cursor.user, connection: cursor.connection)
  }

  /// The next read to be made; nil while one is on its way, or none is needed. Subscribers take turns by user.
  public mutating func nextRead() -> Read? {
    while reading == nil, let id = waiting.next(where: { _ in true }) {
      guard let cursor = cursors[id] else { continue }
      reading = Read(subscription: id, after: cursor.position, limit: bounds.pageRows, newest: newest)
    }
    return reading
  }

  /// A read is done: its subscriber has more to get.
  ///
  /// - Parameters:
  ///   - rows: in ascending order, `Read.limit` of them at most. A number that is missing before the last of them cannot be
  ///     given out.
  ///   - isWhole: they are all that can be given out after `Read.after`. Fewer rows than were asked for do not mean that: a
  ///     read ends early where rows are long.
  /// - Returns: false if the subscriber is gone.
  public mutating func haveRead(_ read: Read, _ rows: [Row], isWhole: Bool) -> Bool {
    guard isStillWanted(read) else { return false }
    page = Page(read: read, rows: rows[...], isWhole: isWhole)
    return true
  }

  /// A read has failed: what its subscriber misses is not known, so it cannot go on.
  ///
  /// - Returns: false if the subscriber is gone.
  public mutating func readFailed(_ read: Read) -> Bool { isStillWanted(read) }

  private mutating func isStillWanted(_ read: Read) -> Bool {
    precondition(reading == read, "an answer to another read of the journal than the present one")
    reading = nil
    guard cursors[read.subscription] != nil else { return false }
    cursors[read.subscription]?.isWaiting = false
    return true
  }
}

// MARK: Snapshots

extension JournalFeed {
  /// These guests are about to become what the next rows say; nil for one that was not there. Kept for the snapshots that
  /// have not come to them, so that each shows all guests as of its number.
  ///
  /// - Returns: subscribers that have not read on while too many guests changed. Their snapshots cannot be completed.
  public mutating func guestsChange(_ former: [(name: GuestName, state: StoredGuest?)]) -> [ID] {
    guard isTakingSnapshots else { return [] }
    let shared = former.map { ($0.name, FormerGuest($0.state)) }
    for (id, cursor) in cursors {
      guard var snapshot = cursor.snapshot else { continue }
      let before = snapshot.formerCount
      for (name, guest) in shared { snapshot.keep(name, guest) }
      formerGuests += snapshot.formerCount - before
      cursors[id]?.snapshot = snapshot
    }
    var lost: [ID] = []
    while formerGuests > bounds.formerGuests,
      let (id, cursor) = cursors.max(by: { $0.value.formerCount < $1.value.formerCount }),
      let snapshot = cursor.snapshot
    {
      drop(snapshot)
      cursors[id]?.snapshot = nil
      cursors[id]?.isActive = false
      lost.append(id)
    }
    return lost
  }

  private mutating func nextPart(
    _ cursor: inout SubscriptionCursor<Interest>, _ present: (GuestName) -> StoredGuest?
  ) -> SnapshotPart? {
    guard var snapshot = cursor.snapshot else { return nil }
    let before = snapshot.formerCount
    let part = snapshot.next(limit: bounds.partGuests, where: cursor.interest.covers, present: present)
    formerGuests += snapshot.formerCount - before
    cursor.snapshot = snapshot
    if part.isLast {
      drop(snapshot)
      cursor.snapshot = nil
    }
    return part
  }

  private mutating func drop(_ snapshot: SnapshotCursor) {
    snapshots -= 1
    formerGuests -= snapshot.formerCount
  }
}
