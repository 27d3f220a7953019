import Guest
import Supervision
import Testing

/// Every subscriber gets every row that it wants once and in order, or hears exactly which it has missed.
@Suite struct JournalFeedTests {
  private typealias Feed = JournalFeed<FeedInterest>

  /// More histories: `LODGE_MODEL_HISTORIES`; one again: `LODGE_TEST_SEED`, which a failure shows.
  @Test func noOrderOfEventsLosesARow() throws {
    let histories = Int(environment("LODGE_MODEL_HISTORIES") ?? 1_000)
    let first = environment("LODGE_TEST_SEED") ?? UInt64.random(in: 0 ... .max)
    for index in 0..<histories {
      let seed = first &+ UInt64(index)
      var world = FeedWorld(seed: seed)
      do {
        for _ in 0..<(20 + world.generator.below(120)) { try world.step() }
        try world.settle()
      } catch let fault as FeedFault {
        Issue.record("\(fault), LODGE_TEST_SEED=\(seed) LODGE_MODEL_HISTORIES=1")
        return
      }
    }
  }

  private static func row(_ sequence: UInt64, size: Int = 1, guest: GuestName? = nil) -> FeedRow {
    FeedRow(sequence: sequence, size: size, guest: guest)
  }

  private static let none = FeedInterest(prefix: "z", wantsDaemon: false)

  private static func feed(published count: UInt64 = 0, recent: Int = 4, page: Int = 3) -> FeedBox {
    var bounds = Feed.Bounds()
    bounds.recentRows = recent
    bounds.pageRows = page
    let feed = FeedBox(bounds)
    if count > 0 { feed.publish((1...count).map { row($0) }) }
    return feed
  }

  @Test func nothingComesBeforeTheReply() {
    let feed = Self.feed(published: 2)
    let id = feed.add(after: 0, active: false)
    #expect(feed.take(id).isEmpty && feed.ticksDue(at: 1_000).isEmpty)
    feed.activate(id)
    #expect(feed.take(id) == [[1], [2]])
  }

  @Test func oneReplyDoesNotOpenAnotherSubscriptionOfTheSameConnection() {
    let feed = Self.feed(published: 1)
    let first = feed.add(after: 0, active: false)
    let second = feed.add(after: 0, active: false)
    feed.activate(first)
    #expect(feed.take(first) == [[1]] && feed.take(second).isEmpty)
  }

  @Test func whatIsInMemoryNeedsNoDisk() {
    let feed = Self.feed(published: 10)
    let id = feed.add(after: 6)
    #expect(feed.take(id) == [[7], [8], [9], [10]])
    #expect(feed.nextRead() == nil)
  }

  @Test func whatIsNotInMemoryIsReadPageByPage() throws {
    let feed = Self.feed(published: 10)
    let id = feed.add(after: 0)
    #expect(feed.take(id).isEmpty)
    let first = try feed.read()
    #expect(first.after == 0 && first.limit == 3 && first.newest == 10)
    #expect(feed.haveRead(first, (1...3).map { Self.row($0) }))
    #expect(feed.take(id) == [[1], [2], [3]])
    let second = try feed.read()
    #expect(feed.haveRead(second, (4...6).map { Self.row($0) }))
    #expect(feed.take(id) == [[4], [5], [6], [7], [8], [9], [10]], "the rest is in memory")
  }

  @Test func aFullConnectionKeepsNothingButItsPlace() throws {
    let feed = Self.feed(published: 10)
    let id = feed.add(after: 0)
    _ = feed.take(id)
    let read = try feed.read()
    _ = feed.haveRead(read, (1...3).map { Self.row($0) })
    #expect(feed.take(id, room: 1) == [[1]])
    #expect(feed.rowsHeld == 4, "the page has gone")
    #expect(feed.position(of: id) == 1 && feed.nextRead() == nil, "and no read is made for it")
    _ = feed.take(id)
    #expect(feed.nextRead()?.after == 1)
  }

  @Test func prunedRowsAreAGapUpToTheFirstThatIsKept() throws {
    let feed = Self.feed(published: 10)
    let id = feed.add(after: 1)
    _ = feed.take(id)
    feed.pruned(oldest: 5)
    let read = try feed.read()
    _ = feed.haveRead(read, [Self.row(5), Self.row(6), Self.row(7)])
    #expect(feed.take(id) == [[2, 4], [5], [6], [7], [8], [9], [10]])
  }

  /// Rows that were published while the disk was read are not part of what the disk has lost.
  @Test func anEmptyAnswerSaysNothingOfRowsAfterTheQuestion() throws {
    let feed = Self.feed(published: 10, recent: 2)
    let id = feed.add(after: 1)
    _ = feed.take(id)
    let read = try feed.read()
    feed.publish([Self.row(11), Self.row(12), Self.row(13)])
    feed.pruned(oldest: 13)
    _ = feed.haveRead(read, [])
    #expect(feed.take(id) == [[2, 10]], "11 is looked for again")
    let again = try feed.read()
    _ = feed.haveRead(again, [Self.row(13)])
    #expect(feed.take(id) == [[11, 11], [12], [13]], "and 12 is still in memory")
  }

  @Test func rowsThatAreOnTheDiskAndNotPublishedComeOnceAndLater() throws {
    let feed = Self.feed(published: 10, recent: 2)
    let id = feed.add(after: 7)
    _ = feed.take(id)
    let read = try feed.read()
    _ = feed.haveRead(read, [Self.row(8), Self.row(9), Self.row(10)])
    #expect(feed.take(id) == [[8], [9], [10]])
    feed.publish([Self.row(11)])
    #expect(feed.take(id) == [[11]])
  }

  @Test func aFilterThatLetsNothingThroughWalksToTheEnd() {
    let feed = Self.feed(published: 4)
    let id = feed.add(after: 0, Self.none)
    #expect(feed.take(id).isEmpty && feed.position(of: id) == 4)
    #expect(feed.ticksDue(at: 100) == [id])
    feed.ticked(id, at: 100)
    #expect(feed.ticksDue(at: 199).isEmpty && feed.ticksDue(at: 200) == [id])
  }

  @Test func oneThatIsBehindHearsNoTick() {
    let feed = Self.feed(published: 4)
    let id = feed.add(after: 0)
    #expect(feed.ticksDue(at: 1_000).isEmpty)
    _ = feed.take(id)
    #expect(feed.ticksDue(at: 1_000) == [id])
  }

  @Test func usersTakeTurnsAtTheDisk() throws {
    let feed = Self.feed(published: 10, recent: 1)
    let flood = (0..<3).map { feed.add(after: 0, user: 1, connection: UInt64($0)) }
    let other = feed.add(after: 0, user: 2, connection: 9)
    for id in flood + [other] { _ = feed.take(id) }
    var order: [Feed.ID] = []
    while let read = feed.nextRead() {
      #expect(feed.nextRead() == read, "one at a time")
      order.append(read.subscription)
      _ = feed.haveRead(read, [])
    }
    #expect(order == [flood[0], other, flood[1], flood[2]])
  }

  @Test func aReadForOneThatHasGoneIsDroppedAndTheNextIsServed() throws {
    let feed = Self.feed(published: 10, recent: 1)
    let first = feed.add(after: 0, connection: 1)
    let second = feed.add(after: 0, connection: 2)
    let third = feed.add(after: 0, connection: 3)
    for id in [first, second, third] { _ = feed.take(id) }
    let read = try feed.read()
    #expect(read.subscription == first)
    #expect(feed.remove(first, of: 1) && feed.remove(second, of: 2))
    #expect(!feed.haveRead(read, [Self.row(1)]) && feed.rowsHeld == 1)
    #expect(feed.nextRead()?.subscription == third)
  }

  @Test func aSubscriptionBelongsToItsConnection() {
    let feed = Self.feed()
    let id = feed.add(after: 0, connection: 1)
    #expect(!feed.remove(id, of: 2) && feed.count == 1)
    #expect(feed.remove(id, of: 1) && !feed.remove(id, of: 1) && feed.count == 0)
  }

  @Test func bytesBoundWhatIsKept() {
    var bounds = Feed.Bounds()
    bounds.recentBytes = 100
    let feed = FeedBox(bounds)
    feed.publish((1...50).map { Self.row($0, size: 30) })
    #expect(feed.rowsHeld == 3 && feed.bytesHeld == 90)
    feed.publish([Self.row(51, size: 1_000)])
    #expect(feed.rowsHeld == 0 && feed.bytesHeld == 0, "one that is too long is on the disk")
  }

  @Test func aHoleInTheNumbersIsFoundOnTheDisk() throws {
    let feed = Self.feed(published: 2)
    let id = feed.add(after: 0)
    feed.publish([Self.row(5)])
    #expect(feed.take(id).isEmpty)
    let read = try feed.read()
    _ = feed.haveRead(read, [Self.row(1), Self.row(2), Self.row(5)])
    #expect(feed.take(id) == [[1], [2], [3, 4], [5]])
  }

  /// Long rows end a read before it has as many as were asked for.
  @Test func aShortAnswerIsNotTheEndOfTheJournal() throws {
    let feed = Self.feed(published: 10)
    let id = feed.add(after: 0)
    _ = feed.take(id)
    #expect(feed.haveRead(try feed.read(), [Self.row(1)], isWhole: false))
    #expect(feed.take(id) == [[1]], "and no gap")
    #expect(feed.haveRead(try feed.read(), [Self.row(2), Self.row(3)], isWhole: false))
    #expect(feed.take(id) == [[2], [3]])
  }

  /// At the beginning, in the middle and at the end of what is read.
  @Test func rowsThatCannotBeReadAreAGap() throws {
    let feed = Self.feed(published: 10, recent: 2)
    let id = feed.add(after: 0)
    _ = feed.take(id)
    #expect(feed.haveRead(try feed.read(), [Self.row(2), Self.row(4)], isWhole: false))
    #expect(feed.take(id) == [[1, 1], [2], [3, 3], [4]])
    #expect(feed.haveRead(try feed.read(), [Self.row(7)], isWhole: true))
    #expect(feed.take(id) == [[5, 6], [7], [8, 8], [9], [10]])
  }

  // MARK: Snapshots

  private static func guest(_ name: String, _ version: Int64) throws -> StoredGuest {
    StoredGuest(
      lifecycle: GuestLifecycle(name: try GuestName(name), defined: .model()),
      createdAt: Timestamp(nanoseconds: version))
  }

  /// The parts of a snapshot, between which guests change, show the moment at which it began.
  @Test func allPartsShowOneMoment() throws {
    var bounds = Feed.Bounds()
    bounds.partGuests = 2
    let feed = FeedBox(bounds)
    var guests: [GuestName: StoredGuest] = [:]
    for name in ["a", "b", "c", "d", "e"] { guests[try GuestName(name)] = try Self.guest(name, 1) }
    feed.publish([Self.row(1)])
    let id = feed.add(after: 0, snapshot: guests.keys.sorted())

    func part() throws -> SnapshotPart {
      guard case .guests(let part) = feed.next(for: id, hasRoom: true, present: { guests[$0] }) else {
        throw FeedFault("no part")
      }
      return part
    }
    let first = try part()
    #expect(first.guests.map(\.lifecycle.name.value) == ["a", "b"] && !first.isLast && first.sequence == 1)
    // a has been given out; c changes twice, d goes, f comes.
    let (a, c, d, f) = (try GuestName("a"), try GuestName("c"), try GuestName("d"), try GuestName("f"))
    #expect(feed.guestsChange([(a, guests[a]), (c, guests[c]), (d, guests[d]), (f, nil)]).isEmpty)
    guests[a] = try Self.guest("a", 2)
    guests[c] = try Self.guest("c", 2)
    guests[d] = nil
    guests[f] = try Self.guest("f", 2)
    feed.publish([Self.row(2, guest: a), Self.row(3, guest: c), Self.row(4, guest: d), Self.row(5, guest: f)])
    _ = feed.guestsChange([(c, guests[c])])
    guests[c] = try Self.guest("c", 3)
    feed.publish([Self.row(6, guest: c)])
    #expect(feed.formerGuestsHeld == 2, "only what is still to be shown")
    let second = try part()
    #expect(second.guests == [try Self.guest("c", 1), try Self.guest("d", 1)] && second.sequence == 1)
    let last = try part()
    #expect(last.guests == [try Self.guest("e", 1)] && last.isLast)
    #expect(feed.formerGuestsHeld == 0 && !feed.isTakingSnapshots)
    #expect(feed.take(id) == [[2], [3], [4], [5], [6]])
  }

  @Test func aSnapshotOfNothingIsOneEmptyPart() {
    let feed = Self.feed(published: 1)
    let id = feed.add(after: 0, snapshot: [])
    #expect(feed.take(id) == [[]] && feed.position(of: id) == 1)
  }

  /// The one that makes most be kept is cut off, and only that one.
  @Test func aSnapshotThatIsNotReadIsGivenUp() throws {
    var bounds = Feed.Bounds()
    bounds.partGuests = 2
    bounds.formerGuests = 4
    let feed = FeedBox(bounds)
    let names = try (0..<8).map { try GuestName("g\($0)") }
    let slow = feed.add(after: 0, snapshot: names, connection: 1)
    let quick = feed.add(after: 0, snapshot: names, connection: 2)
    for _ in 0..<3 { _ = feed.next(for: quick, hasRoom: true, present: { _ in nil }) }
    let former = try names.map { name in (name: name, state: try Self.guest(name.value, 1) as StoredGuest?) }
    #expect(feed.guestsChange(Array(former[0..<4])).isEmpty)
    #expect(feed.guestsChange(Array(former[4...])) == [slow])
    #expect(feed.next(for: slow, hasRoom: true, present: { _ in nil }) == nil)
    #expect(feed.formerGuestsHeld == 2 && feed.isTakingSnapshots)
    _ = feed.remove(slow, of: 1)
    _ = feed.remove(quick, of: 2)
    #expect(feed.formerGuestsHeld == 0 && !feed.isTakingSnapshots)
  }
}

/// A feed by reference, which expressions of tests may change.
private final class FeedBox {
  typealias Feed = JournalFeed<FeedInterest>

  private var feed: Feed

  init(_ bounds: Feed.Bounds) { feed = Feed(oldest: 0, newest: 0, bounds: bounds) }

  var count: Int { feed.count }
  var rowsHeld: Int { feed.rowsHeld }
  var bytesHeld: Int { feed.bytesHeld }
  var formerGuestsHeld: Int { feed.formerGuestsHeld }
  var isTakingSnapshots: Bool { feed.isTakingSnapshots }

  func add(
    after position: UInt64, _ interest: FeedInterest = FeedInterest(prefix: "", wantsDaemon: true),
    snapshot: [GuestName]? = nil, user: UInt32 = 1, connection: UInt64 = 1, active: Bool = true
  ) -> Feed.ID {
    let id = feed.add(
      interest, after: position, snapshot: snapshot, user: user, connection: connection, tickNanos: 100)
    if active { feed.activate(id) }
    return id
  }

  /// Takes all there is for a subscriber: rows as their numbers, gaps as their bounds, the last part of a snapshot as none.
  func take(_ id: Feed.ID, room: Int = .max) -> [[UInt64]] {
    var taken: [[UInt64]] = []
    while let piece = next(for: id, hasRoom: taken.count < room) {
      switch piece {
      case .row(let row): taken.append([row.sequence])
      case .gap(let range): taken.append([range.lowerBound, range.upperBound])
      case .guests(let part): taken.append(part.isLast ? [] : [0])
      }
    }
    return taken
  }

  func read() throws -> Feed.Read { try #require(nextRead()) }
  func nextRead() -> Feed.Read? { feed.nextRead() }
  /// - Parameter isWhole: by default where the disk has given fewer than it was asked for.
  func haveRead(_ read: Feed.Read, _ rows: [FeedRow], isWhole: Bool? = nil) -> Bool {
    feed.haveRead(read, rows, isWhole: isWhole ?? (rows.count < read.limit))
  }
  func publish(_ rows: [FeedRow]) { feed.publish(rows) }
  func pruned(oldest: UInt64) { feed.pruned(oldest: oldest) }
  func activate(_ id: Feed.ID) { feed.activate(id) }
  func remove(_ id: Feed.ID, of connection: UInt64) -> Bool { feed.remove(id, of: connection) }
  func position(of id: Feed.ID) -> UInt64? { feed.position(of: id) }
  func ticksDue(at nanoseconds: UInt64) -> [Feed.ID] { feed.ticksDue(at: nanoseconds) }
  func ticked(_ id: Feed.ID, at nanoseconds: UInt64) { feed.ticked(id, at: nanoseconds) }
  func guestsChange(_ former: [(name: GuestName, state: StoredGuest?)]) -> [Feed.ID] { feed.guestsChange(former) }

  func next(
    for id: Feed.ID, hasRoom: Bool, present: (GuestName) -> StoredGuest? = { _ in nil }
  ) -> Feed.Piece? {
    feed.next(for: id, hasRoom: hasRoom, present: present)
  }
}
