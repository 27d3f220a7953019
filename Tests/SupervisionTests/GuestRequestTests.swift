import Guest
import Supervision
import Testing

/// What requests decide, and what of them is not even decided.
@Suite struct GuestRequestTests {
  private static let web = GuestBookTests.web
  private static let user = GuestBookTests.user
  private static let order = EndOrder(.stop, by: user)
  private static let restart = EndOrder(.restart, by: user)

  private static let all: [GuestRequest] = [
    .create(.model()), .run(.model()), .change(.model(), expecting: nil), .remove(force: true), .remove(force: false),
    .start, .stop(order), .restart(restart), .signal(10),
  ]

  private static func asked(_ id: UInt8 = 1) -> Asked {
    Asked(actor: user, request: (.init(uid: 1000, id: RequestID([UInt8](repeating: id, count: 16))!), 7))
  }

  /// Books with the guest in each state, and one without it.
  private static func books() throws -> [GuestBook] {
    var books = [GuestBook(), try GuestBookTests.book()]
    var book = try GuestBookTests.book()
    _ = try GuestBookTests.start(&book)
    books.append(book)
    _ = GuestBookTests.commit(&book)
    _ = book.note(
      .launched(
        GuestBookTests.context(1).nextRun,
        .init(initPID: 7, initStartTime: 9, at: GuestBookTests.context(1).now)), of: web, GuestBookTests.context(2))
    _ = GuestBookTests.commit(&book)
    books.append(book)
    _ = try GuestBookTests.stop(&book)
    books.append(book)
    return books
  }

  /// A request that is decided has one record, which is stored with what it decided; one that is refused leaves no trace.
  @Test(arguments: all) func itsRecordIsStoredWithItsDecision(_ request: GuestRequest) throws {
    for var book in try Self.books() {
      let before = book
      do throws(GuestError) {
        let decided = try book.decide(request, Self.web, Self.asked(), GuestBookTests.context(9))
        #expect(decided.record?.sequel == decided.sequel)
        var records: [RequestLedger.Record] = []
        while let batch = book.takeBatch() {
          records += batch.compactMap(\.request)
          book.stored()
          while book.finishNext() != nil {}
        }
        #expect(records == [decided.record].compactMap { $0 })
      } catch {
        #expect(book[Self.web] == before[Self.web] && book.count == before.count)
        #expect(book.isSettled == before.isSettled)
      }
    }
  }

  /// The disk takes nothing: a request is as if it had never been, and its controller goes; an order is carried out.
  @Test(arguments: all) func whatTheDiskRefusesIsTakenBack(_ request: GuestRequest) throws {
    for var book in try Self.books() {
      _ = GuestBookTests.commit(&book)
      let before = book[Self.web]
      guard let decided = try? book.decide(request, Self.web, Self.asked(), GuestBookTests.context(9)) else { continue }
      _ = book.takeBatch()
      let steps = decided.decision.steps + book.refused(GuestBookTests.noSpace)
      switch request.weight {
      case .request:
        #expect(book[Self.web] == before, "\(request)")
        #expect(steps.contains(.refused(decided.decision.ticket, GuestBookTests.noSpace)))
        if let run = decided.decision.launching { #expect(steps.contains(.discard(run.id, Self.web))) }
      case .order, .fact: #expect(steps.contains(.settled(decided.decision.ticket)))
      }
    }
  }

  @Test(arguments: all) func nothingNewIsBegunWhileNothingCanBeStored(_ request: GuestRequest) throws {
    let book = try GuestBookTests.book()
    let room = GuestRequest.Room(guests: 1, configuration: "/etc/lodge/lodged.yaml")
    var full = StorageHealth()
    _ = full.input(.refused(.init(.full, "no space")))
    let isOrder = request.begins == nil
    #expect(request.refusal(Self.web, in: book, full, room, isEnding: false)?.code == (isOrder ? nil : .storage))
    #expect(
      request.refusal(Self.web, in: book, StorageHealth(), room, isEnding: true)?.code
        == (isOrder ? nil : .unavailable))
    #expect(request.refusal(Self.web, in: book, StorageHealth(), room, isEnding: false) == nil)
    let other = try GuestName("other")
    #expect(
      request.refusal(other, in: book, StorageHealth(), room, isEnding: false)?.code
        == (request.defines ? .limitReached : nil))
  }

  @Test func aSpecThatWasChangedMeanwhileIsNotOverwritten() throws {
    var book = try GuestBookTests.book()
    let read = try #require(book[Self.web]).current.lifecycle.defined
    var mine = read
    mine.command = ["/mine"]
    let theirs = GuestSpec(rootfs: Rootfs(path: "/"), command: ["/theirs"])
    _ = try book.decide(.change(theirs, expecting: read), Self.web, Self.asked(1), GuestBookTests.context(2))
    let error = #expect(throws: GuestError.self) {
      try book.decide(.change(mine, expecting: read), Self.web, Self.asked(2), GuestBookTests.context(3))
    }
    #expect(error?.code == .conflict)
    #expect(book[Self.web]?.current.lifecycle.defined == theirs)
  }

  @Test func aSignalNeedsAnInit() throws {
    for var book in try Self.books() {
      let state = book[Self.web]?.current.lifecycle.state
      let decided = try? book.decide(.signal(10), Self.web, Self.asked(), GuestBookTests.context(2))
      #expect((decided != nil) == (state == .running || state == .stopping))
    }
  }
}
