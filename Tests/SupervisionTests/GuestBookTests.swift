import Guest
import Supervision
import Testing

/// The way of a decision to the disk and back, one step at a time.
@Suite struct GuestBookTests {
  static let web = try! GuestName("web")
  static let user = Actor.user(uid: 1000, pid: 4)
  static let noSpace = GuestError(.storage, "no space")

  static func context(_ run: UInt8) -> GuestLifecycle.Context {
    .init(
      now: Moment(wall: Timestamp(nanoseconds: 1), boot: BootTime(nanoseconds: 1)),
      nextRun: RunID([UInt8](repeating: run, count: 16))!)
  }

  static func book(transient: Bool = false) throws -> GuestBook {
    GuestBook([
      StoredGuest(
        lifecycle: GuestLifecycle(name: web, defined: .model(transient: transient)),
        createdAt: Timestamp(nanoseconds: 1))
    ])
  }

  static func exit(_ run: UInt8) -> ExitRecord {
    ExitRecord(
      guest: web, run: context(run).nextRun, boot: BootID([UInt8](repeating: 7, count: 16))!, cause: .exited(code: 0),
      startedAt: nil, endedAt: Timestamp(nanoseconds: 2), lengthNanos: 1)
  }

  /// Stores all that waits; the steps that follow.
  static func commit(_ book: inout GuestBook) -> [GuestBook.Step] {
    var steps: [GuestBook.Step] = []
    while book.takeBatch() != nil {
      book.stored()
      while let next = book.finishNext() { steps += next }
    }
    return steps
  }

  static func start(_ book: inout GuestBook, run: UInt8 = 1) throws -> GuestBook.Decision {
    try book.decide(web, .request, context(run)) { lifecycle, context throws(GuestError) in
      try lifecycle.start(by: user, context)
    }
  }

  static func ended(_ book: inout GuestBook, run: UInt8 = 1) throws -> GuestBook.Decision {
    try book.decide(web, .fact, context(run + 1)) { lifecycle, context throws(GuestError) in
      lifecycle.ended(exit(run), context)
    }
  }

  static func stop(_ book: inout GuestBook) throws -> GuestBook.Decision {
    try book.decide(web, .order, context(9)) { lifecycle, context throws(GuestError) in
      try lifecycle.stop(EndOrder(.kill, by: user), context)
    }
  }

  @Test func nothingFollowsBeforeItIsStored() throws {
    var book = try Self.book()
    let decision = try Self.start(&book)
    #expect(decision.steps.isEmpty && decision.launching?.id == Self.context(1).nextRun)
    #expect(book[Self.web]?.current.lifecycle.state == .starting)
    #expect(book[Self.web]?.committed?.lifecycle.state == .stopped)
    #expect(book.takeBatch()?.count == 1)
    #expect(book.takeBatch() == nil, "one batch at a time")
    book.stored()
    let next = book.finishNext()
    let steps = try #require(next)
    #expect(book[Self.web]?.committed?.lifecycle.state == .starting)
    guard case .publish = steps.first, case .perform(.launch(let run), Self.web) = steps.dropFirst().first else {
      Issue.record("\(steps)")
      return
    }
    #expect(run.id == Self.context(1).nextRun)
    #expect(steps.contains(.settled(decision.ticket)))
    #expect(book.finishNext() == nil && book.isSettled)
  }

  @Test func aRefusedRequestIsAsIfItHadNotBeen() throws {
    var book = try Self.book()
    let before = book[Self.web]
    let decision = try Self.start(&book)
    _ = book.takeBatch()
    let steps = book.refused(Self.noSpace)
    #expect(book[Self.web] == before && book.isSettled && book.isRefused)
    #expect(
      steps == [.discard(Self.context(1).nextRun, Self.web), .refused(decision.ticket, Self.noSpace)], "\(steps)")
  }

  /// The disk keeps silent about a batch: the order in it is carried out, once; what it stands on is not taken back.
  @Test func anOrderDoesNotWaitForADiskThatDoesNotAnswer() throws {
    var book = try Self.book()
    #expect(book.unanswered(Self.noSpace).isEmpty, "nothing is on its way")
    _ = try Self.start(&book)
    _ = Self.commit(&book)
    let run = Self.context(1).nextRun
    let order = try book.decide(Self.web, .order, Self.context(2)) { lifecycle, context throws(GuestError) in
      try lifecycle.stop(EndOrder(.kill, by: Self.user), context)
    }
    _ = book.takeBatch()
    let other = try book.create(try GuestName("other"), .model(), by: Self.user, at: Timestamp(nanoseconds: 1))
    let isStop: (GuestBook.Step) -> Bool = { if case .perform(.stop, _) = $0 { true } else { false } }
    let steps = book.unanswered(Self.noSpace)
    #expect(steps.filter(isStop).count == 1 && steps.contains(.settled(order.ticket)), "\(steps)")
    #expect(steps.contains(.refused(other.ticket, Self.noSpace)), "what is not on its way can be refused")
    #expect(book[Self.web]?.current.lifecycle.run?.id == run && book.isWriting)
    #expect(!book.unanswered(Self.noSpace).contains(where: isStop), "once")
    // It answers after all.
    book.stored()
    var later: [GuestBook.Step] = []
    while let next = book.finishNext() { later += next }
    #expect(!later.contains(where: isStop) && !book.isRefused && book.isSettled, "\(later)")
  }

  @Test func aGuestThatWasNeverStoredIsGoneAgain() throws {
    var book = GuestBook()
    let decision = try book.create(Self.web, .model(), by: Self.user, at: Timestamp(nanoseconds: 1))
    #expect(throws: GuestError.self) {
      try book.create(Self.web, .model(), by: Self.user, at: Timestamp(nanoseconds: 1))
    }
    _ = book.takeBatch()
    #expect(book.refused(Self.noSpace) == [.refused(decision.ticket, Self.noSpace)])
    #expect(book[Self.web] == nil)
  }

  @Test func aFactStaysUntilTheDiskTakesItAndRequestsBehindItWait() throws {
    var book = try Self.book()
    _ = try Self.start(&book)
    _ = Self.commit(&book)
    _ = try Self.ended(&book)
    let restart = try Self.start(&book, run: 2)
    for _ in 0..<3 {
      _ = book.takeBatch()
      let steps = book.refused(Self.noSpace)
      #expect(steps.allSatisfy { if case .look = $0 { true } else if case .settled = $0 { true } else { false } })
      #expect(!steps.contains(.settled(restart.ticket)), "it stands on what is not stored")
    }
    #expect(book[Self.web]?.unstoredEnds.map(\.ended.run) == [Self.context(1).nextRun])
    #expect(book[Self.web]?.committed?.lifecycle.run?.id == Self.context(1).nextRun, "people see what is stored")
    let steps = Self.commit(&book)
    #expect(steps.contains(.settled(restart.ticket)))
    #expect(book[Self.web]?.unstoredEnds.isEmpty == true && !book.isRefused)
  }

  @Test func aStopIsCarriedOutWithoutTheDiskAndOnlyOnce() throws {
    for isKnown in [false, true] {
      var book = try Self.book()
      _ = try Self.start(&book)
      _ = Self.commit(&book)
      if isKnown {
        _ = book.note([GuestEvent(.daemon, guest: nil, by: .daemon)], .request, at: Timestamp(nanoseconds: 1))
        _ = book.takeBatch()
        _ = book.refused(Self.noSpace)
      }
      let stop = try Self.stop(&book)
      var steps = stop.steps
      for _ in 0..<3 {
        _ = book.takeBatch()
        steps += book.refused(Self.noSpace)
      }
      steps += Self.commit(&book)
      let stops = steps.filter { if case .perform(.stop, _) = $0 { true } else { false } }
      #expect(stops.count == 1, "known: \(isKnown)")
      #expect(steps.filter { $0 == .settled(stop.ticket) }.count == 1)
    }
  }

  /// So the end of a daemon does not wait for a disk that takes nothing.
  @Test func anEventOfTheDaemonItselfIsRefusedAtOnce() throws {
    var book = try Self.book()
    let decision = book.note([GuestEvent(.daemon, guest: nil, by: .daemon)], .request, at: Timestamp(nanoseconds: 1))
    _ = book.takeBatch()
    #expect(book.refused(Self.noSpace) == [.refused(decision.ticket, Self.noSpace)])
    #expect(book.isSettled)
  }

  @Test func aTransientGuestGoesWithItsEnd() throws {
    var book = try Self.book(transient: true)
    _ = try Self.start(&book)
    _ = Self.commit(&book)
    _ = try Self.ended(&book)
    #expect(book[Self.web]?.isLeaving == true)
    #expect(throws: GuestError.self) { try book.find(Self.web) }
    let steps = Self.commit(&book)
    #expect(book[Self.web] == nil)
    guard case .removed(Self.web, let ended?)? = steps.last else {
      Issue.record("\(steps)")
      return
    }
    #expect(ended.ended.run == Self.context(1).nextRun)
  }

  @Test func anEndToldTwiceNeedsNoDiskTheSecondTime() throws {
    var book = try Self.book()
    _ = try Self.start(&book)
    _ = try Self.ended(&book)
    _ = Self.commit(&book)
    let again = try Self.ended(&book)
    #expect(book.takeBatch() == nil)
    #expect(again.steps.contains(.perform(.acknowledge(Self.context(1).nextRun), Self.web)))
  }

  /// A launch that is heard of while its guest is being stopped makes no event, and is to be stored all the same.
  @Test func aFactWithoutAnEventIsStoredIfItChangesTheGuest() throws {
    var book = try Self.book()
    _ = try Self.start(&book)
    _ = try Self.stop(&book)
    _ = Self.commit(&book)
    _ = try book.decide(Self.web, .fact, Self.context(9)) { lifecycle, context throws(GuestError) in
      lifecycle.launched(Self.context(1).nextRun, .init(initPID: 1, initStartTime: 1, at: context.now))
    }
    #expect(book[Self.web]?.committed?.lifecycle.run?.launched == nil)
    #expect(book.takeBatch()?.count == 1)
  }

  // MARK: Two decisions that are one

  private static func run(_ book: inout GuestBook, _ name: String) throws -> GuestBook.Decision {
    try book.run(try GuestName(name), .model(), by: user, context(1)) { _ in nil }
  }

  /// Whatever else waits, and wherever a batch ends: a guest that is defined to be started is never stored without its run.
  @Test func aGuestIsDefinedAndStartedInOneChange() throws {
    for others in [0, 1, 254, 255, 256, 511] {
      var book = GuestBook()
      for number in 0..<others {
        _ = try book.create(try GuestName("o\(number)"), .model(), by: Self.user, at: Timestamp(nanoseconds: 1))
      }
      let decision = try Self.run(&book, "web")
      #expect(decision.launching?.id == Self.context(1).nextRun && decision.run?.id == Self.context(1).nextRun)
      var batches = 0
      while let batch = book.takeBatch() {
        batches += 1
        for change in batch where change.guest == Self.web {
          #expect(change.events.map(\.kind) == [.created, .state])
          guard case .save(let guest) = change.record else { throw Violation(text: "\(change)") }
          #expect(guest.lifecycle.state == .starting && guest.lifecycle.run == decision.run)
        }
        book.stored()
        while book.finishNext() != nil {}
      }
      #expect(batches == (others + 1 + 255) / 256)
      #expect(book[Self.web]?.committed?.lifecycle.run == decision.run)
    }
  }

  /// Its controller was made ready meanwhile, and goes.
  @Test func aGuestThatIsNotStoredIsNeitherDefinedNorStarted() throws {
    var book = GuestBook()
    let decision = try Self.run(&book, "web")
    _ = book.takeBatch()
    let steps = book.refused(Self.noSpace)
    #expect(steps == [.discard(Self.context(1).nextRun, Self.web), .refused(decision.ticket, Self.noSpace)])
    #expect(book[Self.web] == nil && book.sortedNames.isEmpty && book.isSettled)
    #expect(throws: GuestError.self) {
      _ = try book.create(Self.web, .model(), by: Self.user, at: Timestamp(nanoseconds: 1))
      _ = try Self.run(&book, "web")
    }
  }

  // MARK: Effects that are overtaken

  @Test func aLaunchThatIsOvertakenByAStopIsDiscarded() throws {
    var book = try Self.book()
    let run = try #require(try Self.start(&book).run)
    #expect(book.act(for: .launch(run), of: Self.web) == .launch(run))
    _ = try Self.stop(&book)
    #expect(book.act(for: .launch(run), of: Self.web) == .discard(run.id))
    #expect(book.act(for: .launch(run), of: try GuestName("gone")) == .discard(run.id))
  }

  /// An effect may bring the news that another one of the same step is too late.
  @Test func aRunThatHasEndedMeanwhileIsNotStopped() throws {
    var book = try Self.book()
    let run = try #require(try Self.start(&book).run)
    let order = EndOrder(.kill, by: Self.user)
    #expect(book.act(for: .stop(run, order), of: Self.web) == .stop(run, order))
    _ = try Self.ended(&book)
    #expect(book.act(for: .stop(run, order), of: Self.web) == nil)
  }

  /// A start that stands on the folder finds it there, though the end of the run before it is acknowledged first.
  @Test(arguments: [true, false]) func theFolderStaysForTheRunThatFollows(isRestarted: Bool) throws {
    var book = try Self.book()
    let first = try #require(try Self.start(&book).run).id
    _ = Self.commit(&book)
    _ = try book.decide(Self.web, .request, Self.context(9)) { lifecycle, context throws(GuestError) in
      let order = EndOrder(isRestarted ? .restart : .stop, by: Self.user)
      return isRestarted ? try lifecycle.restart(order, context) : try lifecycle.stop(order, context)
    }
    _ = Self.commit(&book)
    let steps = try Self.ended(&book).steps + Self.commit(&book)
    #expect(steps.contains(.perform(.acknowledge(first), Self.web)))
    #expect(book.act(for: .acknowledge(first), of: Self.web) == .acknowledge(first, folderStays: isRestarted))
  }
}
