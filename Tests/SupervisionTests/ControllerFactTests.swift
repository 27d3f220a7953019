import Guest
import Supervision
import Testing

/// What follows from news of a run.
@Suite struct ControllerFactTests {
  private static let web = GuestBookTests.web
  private static let now = GuestBookTests.context(1).now
  private static let boot = BootID([UInt8](repeating: 7, count: 16))!
  private static let launched = GuestLifecycle.Launched(initPID: 7, initStartTime: 9, at: now)

  private static func facts(_ run: RunID) -> [ControllerFact] {
    var facts: [ControllerFact] = [
      .launched(launched), .startFailed(StartFailure(step: "clone3", errno: 1, message: "clone3: no")),
      .ended(GuestBookTests.exit(1), fence: nil), .givenUp(order: 1), .silent(true), .silent(false), .stuck("1 (D)"),
      .stuck(""), .unwatched, .found(launched),
    ]
    for end in [Recovery.UntoldEnd.hostReset, .controllerLost, .nothingFound, .notExecuted] {
      facts.append(.endedUntold(end, LastSeen()))
    }
    for phase in Recovery.Status.Phase.allCases { facts.append(.introduced(.init(run: run, phase: phase))) }
    return facts
  }

  private static let first = GuestBookTests.context(1).nextRun
  private static let stranger = GuestBookTests.context(99).nextRun

  /// Books with run 1 in each of its states.
  private static func books() throws -> [GuestBook] {
    var book = try GuestBookTests.book()
    _ = try GuestBookTests.start(&book)
    _ = GuestBookTests.commit(&book)
    var books = [book]
    _ = book.note(.launched(first, launched), of: web, GuestBookTests.context(2))
    books.append(book)
    _ = try GuestBookTests.stop(&book)
    books.append(book)
    _ = try GuestBookTests.ended(&book)
    books.append(book)
    return books
  }

  /// News of a run that is not the guest's present one changes no guest, in whatever state that is.
  @Test func newsOfAnotherRunChangesNothing() throws {
    for book in try Self.books() {
      for fact in Self.facts(Self.stranger) {
        guard book[Self.web]?.current.lifecycle.run != nil else { continue }
        if case .ended = fact { continue }
        var after = book
        for consequence in book.consequences(of: fact, Self.stranger, Self.web, now: Self.now, boot: Self.boot) {
          switch consequence {
          case .note(let fact): _ = after.note(fact, of: Self.web, GuestBookTests.context(3))
          case .show: if case .found = fact {} else { Issue.record("\(fact) shows a guest") }
          case .stop, .survey: Issue.record("\(fact) of another run: \(consequence)")
          case .resolve(let adoption): #expect(adoption == .dismiss)
          case .forget, .report: break
          }
        }
        #expect(after[Self.web]?.current == book[Self.web]?.current, "\(fact)")
      }
    }
  }

  /// Of a guest that is gone nothing is kept, but a guest that runs and is not known is shown.
  @Test func ofAGuestThatIsGoneNothingIsKept() {
    for fact in Self.facts(Self.first) {
      let consequences = GuestBook().consequences(of: fact, Self.first, Self.web, now: Self.now, boot: Self.boot)
      #expect(consequences.first == .forget)
      #expect(consequences.count == (fact == .found(Self.launched) ? 2 : 1))
    }
  }

  /// Whatever is reported of the end of the present run, and however often, it is one end with the orders of the run.
  @Test func anEndIsOneWithItsOrders() throws {
    for book in try Self.books() {
      guard let run = book[Self.web]?.current.lifecycle.run else { continue }
      for fact in Self.facts(Self.first) {
        switch fact {
        case .startFailed, .endedUntold, .ended(_, fence: _): break
        case .launched, .givenUp, .silent, .stuck, .introduced, .unwatched, .found: continue
        }
        var after = book
        for _ in 0..<2 {
          for consequence in after.consequences(of: fact, Self.first, Self.web, now: Self.now, boot: Self.boot) {
            switch consequence {
            case .note(let fact): _ = after.note(fact, of: Self.web, GuestBookTests.context(3))
            case .forget: break
            case .report, .resolve, .stop, .survey, .show: Issue.record("\(fact): \(consequence)")
            }
          }
        }
        let ends = try #require(after[Self.web]).unstoredEnds
        #expect(ends.count == 1, "\(fact)")
        switch fact {
        case .startFailed, .endedUntold: #expect(ends.first?.ended.facts.orders == run.orders)
        case .launched, .ended, .givenUp, .silent, .stuck, .introduced, .unwatched, .found: break
        }
      }
    }
  }

  @Test func aRunWithoutAConnectionIsLookedAt() throws {
    for book in try Self.books() {
      let lifecycle = try #require(book[Self.web]).current.lifecycle
      let consequences = book.consequences(of: .unwatched, Self.first, Self.web, now: Self.now, boot: Self.boot)
      #expect(consequences == [lifecycle.run?.id == Self.first ? .survey(lifecycle) : .forget])
    }
  }
}
