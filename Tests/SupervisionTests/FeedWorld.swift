import Guest
import Testing

@testable import Supervision

/// A row: a change of one guest, or of none.
struct FeedRow: JournalRow, Equatable {
  var sequence: UInt64
  var size: Int
  var guest: GuestName?
  /// The state that the guest has with it; nil where it is removed.
  var state: StoredGuest?
}

/// Wants the guests whose names begin with a text.
struct FeedInterest: JournalInterest {
  var prefix: String
  var wantsDaemon: Bool

  func wants(_ row: FeedRow) -> Bool { row.guest.map { $0.value.hasPrefix(prefix) } ?? wantsDaemon }
  func covers(_ guest: StoredGuest) -> Bool { guest.lifecycle.name.value.hasPrefix(prefix) }
}

struct FeedFault: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

/// Plays the driver of a feed: a disk, guests, connections that fill up and drain; and keeps the books on its own.
struct FeedWorld {
  typealias Feed = JournalFeed<FeedInterest>

  struct Subscriber {
    var interest: FeedInterest
    var connection: UInt64
    var start: UInt64
    var room = 3
    var isActive = false
    /// By name, where it asked for a snapshot.
    var known: [GuestName: StoredGuest]?
    var hasSnapshot = false
    /// The next number that may come.
    var next: UInt64
    var gaps: [ClosedRange<UInt64>] = []
    var received: [UInt64] = []
  }

  var feed: Feed
  let bounds: Feed.Bounds
  var generator: SplitMix
  /// All rows ever, the first at index 0 with number 1.
  var rows: [FeedRow] = []
  var oldest: UInt64 = 1
  var guests: [GuestName: StoredGuest] = [:]
  /// The states of all guests after each row.
  var past: [[GuestName: StoredGuest]] = [[:]]
  var subscribers: [Feed.ID: Subscriber] = [:]
  var gone: [Feed.ID] = []
  var read: Feed.Read?
  var lost = 0

  init(seed: UInt64) {
    generator = SplitMix(seed: seed)
    var bounds = Feed.Bounds()
    bounds.recentRows = 1 + generator.below(12)
    bounds.recentBytes = 20 + generator.below(300)
    bounds.pageRows = 1 + generator.below(6)
    bounds.partGuests = 1 + generator.below(4)
    bounds.formerGuests = generator.below(4) == 0 ? 2 : 1_000
    self.bounds = bounds
    feed = Feed(oldest: 0, newest: 0, bounds: bounds)
  }

  var newest: UInt64 { UInt64(rows.count) }

  mutating func step() throws {
    switch generator.below(16) {
    case 0...3: try change()
    case 4: subscribe()
    case 5: try activate()
    case 6...8: try drain()
    case 9, 10: ask()
    case 11, 12: try answer()
    case 13: if generator.below(3) == 0 { prune() }
    case 14: try unsubscribe()
    default: try endConnection()
    }
    try checkBounds()
  }

  // MARK: What happens

  private mutating func guest() -> GuestName {
    let letters = ["a", "b", "c"]
    return try! GuestName(letters[generator.below(3)] + String(generator.below(5)))
  }

  /// A batch is stored: the feed hears of all its guests first, then of row after row.
  mutating func change() throws {
    var batch: [FeedRow] = []
    for index in 0...generator.below(4) {
      var row = FeedRow(sequence: newest + 1 + UInt64(index), size: 1 + generator.below(40))
      if generator.below(5) > 0 {
        let name = guest()
        row.guest = name
        if generator.below(4) > 0 {
          row.state = StoredGuest(
            lifecycle: GuestLifecycle(name: name, defined: .model()),
            createdAt: Timestamp(nanoseconds: Int64(row.sequence)))
        }
      }
      batch.append(row)
    }
    let names = Set(batch.compactMap(\.guest)).sorted()
    for id in feed.guestsChange(names.map { ($0, guests[$0]) }) { close(id) }
    for row in batch {
      if let name = row.guest { guests[name] = row.state }
      rows.append(row)
      past.append(guests)
      feed.publish([row])
      for id in subscribers.keys.sorted(by: { $0.number < $1.number }) where generator.below(4) > 0 { try pump(id) }
    }
  }

  mutating func subscribe() {
    let interest = FeedInterest(prefix: ["", "a", "b", "z"][generator.below(4)], wantsDaemon: generator.below(2) == 0)
    let connection = UInt64(1 + generator.below(4))
    let wantsSnapshot = generator.below(3) == 0
    let start = wantsSnapshot ? newest : UInt64(generator.below(rows.count + 1))
    let id = feed.add(
      interest, after: start, snapshot: wantsSnapshot ? guests.keys.sorted() : nil, user: UInt32(connection % 2),
      connection: connection, tickNanos: 10)
    subscribers[id] = Subscriber(
      interest: interest, connection: connection, start: start, known: wantsSnapshot ? [:] : nil, next: start + 1)
  }

  mutating func activate() throws {
    guard let id = anyone() else { return }
    feed.activate(id)
    subscribers[id]?.isActive = true
    try pump(id)
  }

  mutating func drain() throws {
    guard let id = anyone() else { return }
    subscribers[id]?.room = 1 + generator.below(12)
    try pump(id)
  }

  mutating func ask() { if read == nil { read = feed.nextRead() } }

  /// The disk answers with the rows of now, which may be more or fewer than those of when it was asked.
  mutating func answer() throws {
    guard let read else { return }
    self.read = nil
    let isGone = subscribers[read.subscription] == nil
    if generator.below(20) == 0 {
      if feed.readFailed(read) { close(read.subscription) }
      return
    }
    let kept = rows.filter { $0.sequence > read.after && $0.sequence >= oldest }
    // Now and then it ends early, as it does where rows are long.
    let found = kept.prefix(generator.below(3) == 0 ? 1 + generator.below(read.limit) : read.limit)
    let isHere = feed.haveRead(read, Array(found), isWhole: found.count == kept.count)
    guard isHere != isGone else {
      throw FeedFault("an answer for a subscriber that has gone, or none for one that is there")
    }
    if isHere { try pump(read.subscription) }
  }

  mutating func prune() {
    oldest = max(oldest, UInt64(generator.below(rows.count + 2)))
    feed.pruned(oldest: oldest > newest ? 0 : oldest)
  }

  mutating func unsubscribe() throws {
    guard generator.below(3) == 0, let id = anyone(), let subscriber = subscribers[id] else { return }
    guard !feed.remove(id, of: subscriber.connection + 10) else { throw FeedFault("removed for another connection") }
    close(id)
  }

  mutating func endConnection() throws {
    guard generator.below(4) == 0 else { return }
    let connection = UInt64(1 + generator.below(4))
    for (id, subscriber) in subscribers where subscriber.connection == connection { close(id) }
  }

  private mutating func close(_ id: Feed.ID) {
    guard let subscriber = subscribers.removeValue(forKey: id) else { return }
    precondition(feed.remove(id, of: subscriber.connection))
    gone.append(id)
  }

  private mutating func anyone() -> Feed.ID? {
    let all = subscribers.keys.sorted { $0.number < $1.number }
    return all.isEmpty ? nil : all[generator.below(all.count)]
  }

  // MARK: What a subscriber gets

  mutating func pump(_ id: Feed.ID) throws {
    for former in gone where feed.next(for: former, hasRoom: true, present: { _ in nil }) != nil {
      throw FeedFault("\(former) has gone and gets something")
    }
    while var subscriber = subscribers[id] {
      guard let piece = feed.next(for: id, hasRoom: subscriber.room > 0, present: { guests[$0] }) else { return }
      guard subscriber.isActive else { throw FeedFault("something came before the reply") }
      guard subscriber.room > 0 else { throw FeedFault("something came to a connection that is full") }
      subscriber.room -= 1
      switch piece {
      case .guests(let part): try take(part, &subscriber)
      case .row(let row): try take(row, &subscriber)
      case .gap(let range): try take(range, &subscriber)
      }
      subscribers[id] = subscriber
    }
  }

  private func take(_ part: SnapshotPart, _ subscriber: inout Subscriber) throws {
    guard subscriber.known != nil, !subscriber.hasSnapshot, subscriber.received.isEmpty, subscriber.gaps.isEmpty else {
      throw FeedFault("a part of a snapshot that is out of place")
    }
    guard part.sequence == subscriber.start, part.guests.count <= bounds.partGuests else {
      throw FeedFault("a part for \(part.sequence) in a snapshot of \(subscriber.start)")
    }
    for guest in part.guests {
      let former = subscriber.known?.updateValue(guest, forKey: guest.lifecycle.name)
      if former != nil { throw FeedFault("\(guest.lifecycle.name) is twice in a snapshot") }
    }
    guard part.isLast else { return }
    subscriber.hasSnapshot = true
    let expected = past[Int(subscriber.start)].filter { subscriber.interest.covers($0.value) }
    if subscriber.known != expected { throw FeedFault("a snapshot of \(subscriber.start) shows another moment") }
  }

  private func take(_ row: FeedRow, _ subscriber: inout Subscriber) throws {
    guard subscriber.known == nil || subscriber.hasSnapshot else { throw FeedFault("a row before the snapshot") }
    guard row.sequence >= subscriber.next else { throw FeedFault("row \(row.sequence) is late or comes twice") }
    guard subscriber.interest.wants(row), rows[Int(row.sequence) - 1] == row else {
      throw FeedFault("row \(row.sequence) is another or is not wanted")
    }
    try checkPassedOver(subscriber.next..<row.sequence, subscriber)
    subscriber.received.append(row.sequence)
    subscriber.next = row.sequence + 1
    if subscriber.known != nil, let name = row.guest { subscriber.known?[name] = row.state }
  }

  private func take(_ range: ClosedRange<UInt64>, _ subscriber: inout Subscriber) throws {
    guard range.lowerBound >= subscriber.next else { throw FeedFault("a gap \(range) over what was given out") }
    guard range.upperBound < oldest else { throw FeedFault("a gap \(range) over rows that are kept from \(oldest) on") }
    try checkPassedOver(subscriber.next..<range.lowerBound, subscriber)
    subscriber.gaps.append(range)
    subscriber.next = range.upperBound + 1
  }

  /// What comes neither as a row nor as a gap has to be unwanted.
  private func checkPassedOver(_ range: Range<UInt64>, _ subscriber: Subscriber) throws {
    for sequence in range where subscriber.interest.wants(rows[Int(sequence) - 1]) {
      throw FeedFault("row \(sequence) is missing")
    }
  }

  private func checkBounds() throws {
    guard feed.rowsHeld <= bounds.recentRows + bounds.pageRows, feed.bytesHeld <= bounds.recentBytes,
      feed.formerGuestsHeld <= bounds.formerGuests
    else { throw FeedFault("\(feed.rowsHeld) rows and \(feed.formerGuestsHeld) former guests are held") }
  }

  // MARK: The end

  /// All connections drain: everything that is due comes, and nothing is kept any more.
  mutating func settle() throws {
    for id in subscribers.keys {
      feed.activate(id)
      subscribers[id]?.isActive = true
    }
    for _ in 0..<10_000 {
      for id in subscribers.keys.sorted(by: { $0.number < $1.number }) {
        subscribers[id]?.room = 1_000_000
        try pump(id)
      }
      ask()
      guard read != nil else { break }
      try answer()
    }
    for (id, subscriber) in subscribers {
      try checkPassedOver(subscriber.next..<newest + 1, subscriber)
      guard feed.position(of: id) == newest else { throw FeedFault("\(id) has not come to the end") }
      if let known = subscriber.known, subscriber.gaps.isEmpty {
        let expected = guests.filter { subscriber.interest.covers($0.value) }
        guard known == expected else { throw FeedFault("snapshot and rows do not lead to the present") }
      }
    }
    guard feed.formerGuestsHeld == 0, !feed.isTakingSnapshots else {
      throw FeedFault("former guests are kept for no one")
    }
    let due = Set(feed.ticksDue(at: 1_000))
    guard due == Set(subscribers.keys) else { throw FeedFault("ticks for \(due.count) of \(subscribers.count)") }
  }
}
