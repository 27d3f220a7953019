import Guest
import Supervision
import Testing

/// A condition holds when it holds on the disk, and not before.
@Suite struct WaitersTests {
  private typealias Book = GuestBookTests
  private let web = GuestBookTests.web
  private let first = GuestBookTests.context(1).nextRun

  private func launched(_ book: inout GuestBook) throws {
    _ = try book.decide(web, .fact, Book.context(9)) { lifecycle, context throws(GuestError) in
      lifecycle.launched(Book.context(1).nextRun, .init(initPID: 1, initStartTime: 1, at: context.now))
    }
  }

  @Test func aStartIsAnsweredWhenItsLaunchIsStored() throws {
    var book = try Book.book()
    var waiters = Waiters()
    _ = try Book.start(&book)
    _ = Book.commit(&book)
    let id = waiters.makeID()
    #expect(waiters.register(id, .outcome(first), of: web, in: book) == nil)
    try launched(&book)
    #expect(waiters.look(at: web, ended: nil, in: book).isEmpty, "decided is not stored")
    _ = Book.commit(&book)
    #expect(waiters.look(at: web, ended: nil, in: book).map(\.answer) == [.holds])
    #expect(waiters.count == 0)
    #expect(waiters.register(waiters.makeID(), .running, of: web, in: book) == .holds, "at once, where it holds")
  }

  @Test func aRunThatEndedAtOnceIsAnAnswerToItsStart() throws {
    var book = try Book.book()
    var waiters = Waiters()
    _ = try Book.start(&book)
    _ = waiters.register(waiters.makeID(), .outcome(first), of: web, in: book)
    _ = try Book.ended(&book)
    _ = Book.commit(&book)
    let ended = book[web]?.committed?.lifecycle.last
    #expect(waiters.look(at: web, ended: ended, in: book).map(\.answer) == [.ended(ended!)])
  }

  /// The end of an order is an answer to its caller alone, when it is on the disk; and says what else stands.
  @Test func anOrderThatIsGivenUpAnswersItsOwnCaller() throws {
    var book = try Book.book()
    var waiters = Waiters()
    _ = try Book.start(&book)
    try launched(&book)
    for (number, millis) in [(2, 60_000), (3, 1_000)] as [(UInt8, UInt64)] {
      _ = try book.decide(web, .order, Book.context(number)) { lifecycle, context throws(GuestError) in
        try lifecycle.stop(EndOrder(.stop, by: Book.user, timeoutMillis: millis, noKill: true), context)
      }
    }
    _ = Book.commit(&book)
    let ids = (1...3).map { _ in waiters.makeID() }
    #expect(waiters.register(ids[0], .carriedOut(first, order: 1), of: web, ordered: true, in: book) == nil)
    #expect(waiters.register(ids[1], .carriedOut(first, order: 2), of: web, ordered: true, in: book) == nil)
    #expect(waiters.register(ids[2], .ended(first), of: web, in: book) == nil)
    func giveUp(_ number: UInt32) throws {
      _ = try book.decide(web, .fact, Book.context(9)) { lifecycle, _ throws(GuestError) in
        lifecycle.orderGivenUp(first, number: number)
      }
    }
    try giveUp(2)
    #expect(waiters.look(at: web, ended: nil, in: book).isEmpty, "decided is not stored")
    _ = Book.commit(&book)
    let other = book[web]?.current.lifecycle.run?.orders.kept.first
    let answers = waiters.look(at: web, ended: nil, in: book)
    #expect(answers.map(\.id) == [ids[1]] && answers.map(\.answer) == [.givenUp(afterMillis: 1_000, standing: other)])
    try giveUp(1)
    _ = Book.commit(&book)
    #expect(
      waiters.look(at: web, ended: nil, in: book).map(\.answer) == [.givenUp(afterMillis: 60_000, standing: nil)])
    #expect(waiters.count == 1, "who only waits for the end is no part of it")
    // Sent again later, to this daemon or to the next, it has the same answer.
    #expect(
      waiters.register(waiters.makeID(), .carriedOut(first, order: 2), of: web, ordered: true, in: book)
        == .givenUp(afterMillis: 1_000, standing: nil))
  }

  /// Orders are carried out though the disk takes nothing, and so they end though it takes nothing.
  @Test func anOrderEndsThoughTheDiskTakesNothing() throws {
    var book = try Book.book()
    var waiters = Waiters()
    _ = try Book.start(&book)
    try launched(&book)
    _ = Book.commit(&book)
    let decision = try book.decide(web, .order, Book.context(2)) { lifecycle, context throws(GuestError) in
      try lifecycle.stop(EndOrder(.stop, by: Book.user, timeoutMillis: 1_000, noKill: true), context)
    }
    _ = book.takeBatch()
    let steps = book.refused(Book.noSpace)
    let isArmed = steps.contains { if case .perform(.armTimer, _) = $0 { true } else { false } }
    #expect(isArmed && steps.contains(.settled(decision.ticket)), "\(steps)")
    _ = waiters.register(waiters.makeID(), .carriedOut(first, order: 1), of: web, ordered: true, in: book)
    _ = try book.decide(web, .fact, Book.context(9)) { lifecycle, _ throws(GuestError) in
      lifecycle.orderGivenUp(first, number: 1)
    }
    #expect(
      waiters.look(at: web, ended: nil, in: book).map(\.answer) == [.givenUp(afterMillis: 1_000, standing: nil)])
  }

  /// What the disk does not take is an answer only to those who ordered it, and says that it is not stored.
  @Test func anEndThatIsNotStoredIsNoEndForThoseWhoOnlyLook() throws {
    var book = try Book.book()
    var waiters = Waiters()
    _ = try Book.start(&book)
    _ = Book.commit(&book)
    let looks = waiters.makeID()
    let ordered = waiters.makeID()
    let rests = waiters.makeID()
    _ = waiters.register(looks, .ended(first), of: web, in: book)
    _ = waiters.register(ordered, .ended(first), of: web, ordered: true, in: book)
    _ = waiters.register(rests, .stopped, of: web, in: book)
    _ = try Book.ended(&book)
    _ = book.takeBatch()
    _ = book.refused(Book.noSpace)
    let end = try #require(book[web]?.unstoredEnds.first)
    let answers = waiters.look(at: web, ended: end, in: book)
    #expect(answers.map(\.id) == [ordered] && answers.map(\.answer) == [.unstored(end)])
    _ = Book.commit(&book)
    #expect(Set(waiters.look(at: web, ended: end, in: book).map(\.id)) == [looks, rests])
  }

  @Test func tasksThatDoNotEndAreAnAnswerAfterAWhileToThoseWhoOrderedTheEnd() throws {
    var book = try Book.book()
    var waiters = Waiters()
    _ = try Book.start(&book)
    let looks = waiters.makeID()
    let ordered = waiters.makeID()
    _ = waiters.register(looks, .ended(first), of: web, in: book)
    _ = waiters.register(ordered, .ended(first), of: web, ordered: true, in: book)
    #expect(waiters.stuck("7 (D)", of: web, now: BootTime(nanoseconds: 1)).isEmpty)
    #expect(waiters.stuck("7 (D)", of: web, now: BootTime(nanoseconds: 4_000_000_000)).isEmpty)
    #expect(waiters.stuck("", of: web, now: BootTime(nanoseconds: 4_500_000_000)).isEmpty, "gone: it begins anew")
    #expect(waiters.stuck("8 (D)", of: web, now: BootTime(nanoseconds: 6_000_000_000)).isEmpty)
    #expect(waiters.stuck("8 (D)", of: web, now: BootTime(nanoseconds: 11_000_000_000)).map(\.id) == [ordered])
    #expect(waiters.cancel(looks, of: web) && !waiters.cancel(looks, of: web) && waiters.count == 0)
  }

  @Test func aGuestThatIsGoneAnswersAll() throws {
    var book = try Book.book(transient: true)
    var waiters = Waiters()
    _ = try Book.start(&book)
    let waits = waiters.makeID()
    let runs = waiters.makeID()
    _ = waiters.register(waits, .ended(first), of: web, in: book)
    _ = waiters.register(runs, .running, of: web, in: book)
    _ = try Book.ended(&book)
    for step in Book.commit(&book) {
      guard case .removed(let name, let ended?) = step else { continue }
      let answers = waiters.removed(name, ended: ended)
      #expect(answers.map(\.answer) == [.ended(ended), .gone])
    }
    #expect(waiters.count == 0)
    #expect(waiters.register(waiters.makeID(), .stopped, of: web, in: book) == .gone)
  }
}
