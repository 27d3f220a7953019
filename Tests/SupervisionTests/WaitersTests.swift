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
