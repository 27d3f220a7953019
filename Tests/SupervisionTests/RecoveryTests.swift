import Guest
import Supervision
import Testing

@Suite struct RecoveryTests {
  private typealias Phase = GuestLifecycle.Phase
  private typealias Found = Recovery.Found
  private static let web = GuestBookTests.web
  private static let run = ControllerStateTests.run
  private static let other = GuestBookTests.context(2).nextRun
  private static let boot = BootID([UInt8](repeating: 7, count: 16))!
  private static let former = BootID([UInt8](repeating: 6, count: 16))!
  private static let now = Moment(
    wall: Timestamp(nanoseconds: 50_000_000_000), boot: BootTime(nanoseconds: 50_000_000_000))

  private static var launched: GuestLifecycle.Run {
    var run = run
    run.launched = ControllerStateTests.launched
    return run
  }

  private static func ordered(_ order: EndOrder) -> GuestLifecycle.Run {
    var run = launched
    run.orders.append(order)
    return run
  }

  private static func found(
    _ directory: Found.Directory = .none, cgroup: Found.Cgroup = .absent, booted: Bool = false, ordered: Bool = false,
    mark: Known = .notKnown
  ) -> Found {
    Found(directory: directory, cgroup: cgroup, hostBooted: booted, wasOrdered: ordered, mark: mark)
  }

  private static var phasesWithARun: [Phase] {
    [.starting(run), .running(launched), .stopping(launched), .stopping(run)]
  }
  private static var phasesWithoutARun: [Phase] {
    [.stopped, .waiting(.init(attempt: 1, delayMillis: 1, due: now))]
  }

  // MARK: The table

  @Test(arguments: phasesWithARun, [true, false])
  func aControllerThatLivesIsAsked(_ phase: GuestLifecycle.Phase, _ booted: Bool) {
    #expect(Recovery.verdict(phase, Self.found(.held, cgroup: .populated, booted: booted)) == .ask)
  }

  @Test(arguments: phasesWithARun, [true, false])
  func aRecordOfTheRunIsImported(_ phase: GuestLifecycle.Phase, _ booted: Bool) {
    #expect(
      Recovery.verdict(phase, Self.found(.free(record: Self.run.id), cgroup: .populated, booted: booted))
        == .importRecord)
  }

  @Test(arguments: phasesWithARun, [Recovery.Found.Directory.none, .free(record: nil), .free(record: other)])
  func aBootOfTheHostEndsWhatHasNoRecord(_ phase: GuestLifecycle.Phase, _ directory: Recovery.Found.Directory) {
    #expect(Recovery.verdict(phase, Self.found(directory, booted: true)) == .end(.hostReset))
  }

  @Test(arguments: Recovery.Found.Cgroup.allCases, [Known.yes, .no, .notKnown])
  func aRunThatWasLaunchedAndLeftItsLockIsLost(_ cgroup: Recovery.Found.Cgroup, _ mark: Known) {
    for phase in [Phase.running(Self.launched), .stopping(Self.launched)] {
      #expect(
        Recovery.verdict(phase, Self.found(.free(record: nil), cgroup: cgroup, mark: mark)) == .end(.controllerLost))
    }
  }

  @Test(arguments: [Recovery.Found.Cgroup.empty, .populated])
  func theGroupOfARunIsTheWitnessOfItsExecutionUnlessTheMarkDeniesIt(_ cgroup: Recovery.Found.Cgroup) {
    for phase in [Phase.starting(Self.run), .stopping(Self.run)] {
      for mark in [Known.yes, .notKnown] {
        #expect(
          Recovery.verdict(phase, Self.found(.free(record: nil), cgroup: cgroup, mark: mark)) == .end(.controllerLost))
      }
      #expect(
        Recovery.verdict(phase, Self.found(.free(record: nil), cgroup: cgroup, mark: .no)) == .end(.notExecuted))
    }
  }

  @Test func aStartOfWhichNothingIsThereIsCarriedOutOnce() {
    for directory in [Found.Directory.free(record: nil), .free(record: Self.other)] {
      #expect(Recovery.verdict(.starting(Self.run), Self.found(directory)) == .launch)
      #expect(Recovery.verdict(.starting(Self.run), Self.found(directory, ordered: true)) == .end(.notExecuted))
    }
  }

  /// Its folder was made before it was stored. It may have run to its end, of which the record was in the folder.
  @Test func aStartWithoutItsFolderIsNotCarriedOut() {
    for phase in [Phase.starting(Self.run), .stopping(Self.run)] {
      var found = Self.found()
      found.isInherited = true
      #expect(Recovery.verdict(phase, found) == .end(.nothingFound))
    }
  }

  /// It was decided by this daemon, which has ordered nothing yet.
  @Test func aStartOfThisDaemonNeedsNoFolder() {
    #expect(Recovery.verdict(.starting(Self.run), Self.found()) == .launch)
  }

  @Test func aStartThatIsToEndIsNotCarriedOut() {
    #expect(Recovery.verdict(.stopping(Self.run), Self.found()) == .end(.notExecuted))
  }

  @Test(arguments: phasesWithoutARun)
  func whatIsLeftOfAGuestWithoutARunGoes(_ phase: GuestLifecycle.Phase) {
    #expect(Recovery.verdict(phase, Self.found()) == .nothing)
    #expect(Recovery.verdict(phase, Self.found(.held)) == .clear(killsController: true))
    #expect(Recovery.verdict(phase, Self.found(.free(record: Self.run.id))) == .clear(killsController: false))
  }

  // MARK: A controller that was asked

  @Test(arguments: Recovery.Status.Phase.allCases)
  func aFormerRunsControllerHasOnlyToGo(_ status: Recovery.Status.Phase) {
    for phase in Self.phasesWithARun + Self.phasesWithoutARun {
      #expect(Recovery.adoption(phase, .init(run: Self.other, phase: status)) == .dismiss)
    }
  }

  @Test func aControllerThatWasNeverOrderedToLaunchHasOnlyToGo() {
    #expect(Recovery.adoption(.starting(Self.run), .init(run: Self.run.id, phase: .idle)) == .dismiss)
  }

  @Test(arguments: [Recovery.Status.Phase.launching, .running, .stopping, .ended])
  func theRunsControllerIsAdopted(_ status: Recovery.Status.Phase) {
    for phase in [Phase.starting(Self.run), .running(Self.launched)] {
      #expect(Recovery.adoption(phase, .init(run: Self.run.id, phase: status)) == .adopt(orders: []))
    }
  }

  @Test func anOrderThatHasNotReachedItIsGivenAgain() {
    let run = Self.ordered(EndOrder(.stop, by: GuestBookTests.user))
    let phase = Phase.stopping(run)
    #expect(
      Recovery.adoption(phase, .init(run: run.id, phase: .running, orders: [])) == .adopt(orders: run.orders.kept))
    #expect(Recovery.adoption(phase, .init(run: run.id, phase: .stopping, orders: [1])) == .adopt(orders: []))
    #expect(
      Recovery.adoption(phase, .init(run: run.id, phase: .stopping, orders: [2])) == .adopt(orders: run.orders.kept))
    #expect(Recovery.adoption(phase, .init(run: run.id, phase: .ended, orders: [])) == .adopt(orders: []))
  }

  @Test func aKillIsGivenAgainInAnyCase() {
    let run = Self.ordered(EndOrder(.kill, by: GuestBookTests.user))
    #expect(
      Recovery.adoption(.stopping(run), .init(run: run.id, phase: .stopping, orders: [1]))
        == .adopt(orders: run.orders.kept))
  }

  @Test func aFormerVersionHasTheOrderIfItIsStopping() {
    let run = Self.ordered(EndOrder(.stop, by: GuestBookTests.user))
    let phase = Phase.stopping(run)
    #expect(Recovery.adoption(phase, .init(run: run.id, phase: .stopping, orders: nil)) == .adopt(orders: []))
    #expect(
      Recovery.adoption(phase, .init(run: run.id, phase: .running, orders: nil)) == .adopt(orders: run.orders.kept))
  }

  // MARK: The start of a daemon

  private static func lifecycle(_ name: String, _ phase: Phase) -> GuestLifecycle {
    GuestLifecycle(
      name: try! GuestName(name), defined: .model(), phase: phase, runCount: 1, restarts: RestartHistory(), last: nil,
      desired: false)
  }

  private static func record(_ name: String, endedAt: Int64) -> ExitRecord {
    var record = GuestBookTests.exit(1)
    record.guest = try! GuestName(name)
    record.endedAt = Timestamp(nanoseconds: endedAt)
    return record
  }

  @Test func endsAreStoredInTheOrderInWhichTheyHappened() {
    let found = Self.found(.free(record: Self.run.id))
    let ends: [(name: String, at: Int64)] = [("a", 30), ("b", 10), ("c", 20)]
    let surveys = ends.map { end in
      Recovery.Survey(
        Self.lifecycle(end.name, .running(Self.launched)), found, record: Self.record(end.name, endedAt: end.at))
    }
    let plan = Recovery.plan(surveys, now: Self.now, boot: Self.boot, formerBoot: Self.boot)
    #expect(plan.ends.map(\.guest.value) == ["b", "c", "a"] && plan.rest.isEmpty)
  }

  @Test func aBootOfTheHostIsAnEndOfEachRunWithoutARecord() throws {
    let plan = Recovery.plan(
      [
        .init(
          Self.lifecycle("a", .running(Self.launched)), Self.found(.free(record: Self.run.id), booted: true),
          record: Self.record("a", endedAt: 10)),
        .init(Self.lifecycle("b", .running(Self.launched)), Self.found(booted: true)),
      ], now: Self.now, boot: Self.boot, formerBoot: Self.former)
    #expect(plan.ends.map(\.guest.value) == ["a", "b"] && plan.rest.isEmpty)
    let reset = try #require(plan.ends.last)
    #expect(reset.cause == .hostReset && reset.facts.startBoot == Self.former && reset.facts.endBoot == Self.boot)
    #expect(reset.lengthNanos == 0, "boot times of two boots have nothing to do with each other")
  }

  @Test func aDirectoryWhoseEndIsNotStoredYetIsNotCleared() {
    let found = Self.found(.free(record: Self.other))
    let lifecycle = Self.lifecycle("a", .stopped)
    for isUnknown in [true, false] {
      let plan = Recovery.plan(
        [.init(lifecycle, found, isUnknown: isUnknown)], now: Self.now, boot: Self.boot, formerBoot: Self.boot)
      #expect(plan.rest.isEmpty == isUnknown && plan.ends.isEmpty)
    }
  }

  @Test func whatElseIsFoundIsDoneByTheTable() throws {
    let plan = Recovery.plan(
      [
        .init(Self.lifecycle("a", .running(Self.launched)), Self.found(.held)),
        .init(Self.lifecycle("b", .running(Self.launched)), Self.found(.free(record: nil))),
        .init(Self.lifecycle("c", .starting(Self.run)), Self.found(.free(record: nil))),
        .init(Self.lifecycle("d", .stopped), Self.found()),
      ], now: Self.now, boot: Self.boot, formerBoot: Self.boot)
    let wanted: [GuestName: Recovery.Verdict] = [
      try GuestName("a"): .ask, try GuestName("b"): .end(.controllerLost), try GuestName("c"): .launch,
    ]
    #expect(plan.rest == wanted)
  }

  // MARK: Records that the daemon makes

  @Test func anEndThatNothingTellsHasWhatWasSeen() {
    let status = InitStatus(.signaled(9, coreDumped: false), .zombie)
    let run = Self.ordered(EndOrder(.kill, by: GuestBookTests.user))
    let seen = ControllerStateTests.state(
      ControllerStateTests.running, .killUnanswered(order: 1), .statusRead(nil), .statusRead(status), .closed)
    let record = Recovery.record(
      of: run, Self.web, .controllerLost, seen: seen.lastSeen, now: Self.now, boot: Self.boot)
    #expect(record.facts.status == status && record.facts.fence == .orderOverdue(number: 1))
    #expect(record.facts.orders.current?.killSent == true, "the daemon killed for that order")
    #expect(record.cause == .stopped(by: GuestBookTests.user, how: .forced, status: status.value))
    #expect(record.lengthNanos == 49_999_999_999)
  }

  @Test func aControllerThatDiedByItselfIsTheReasonOfTheEnd() {
    let record = Recovery.record(
      of: Self.launched, Self.web, .controllerLost, seen: LastSeen(wasOrdered: true), now: Self.now, boot: Self.boot)
    #expect(record.facts.fence == .controllerDied && record.facts.status == nil)
    #expect(record.cause == .controllerLost && record.facts.endSeen)
  }

  @Test func theMomentOfLookingIsNotTheMomentOfTheEnd() {
    for (seen, wasSilent) in [(LastSeen(), false), (LastSeen(wasOrdered: true), true)] {
      let record = Recovery.record(
        of: Self.launched, Self.web, .controllerLost, seen: seen, wasSilent: wasSilent, now: Self.now, boot: Self.boot)
      #expect(!record.facts.endSeen && record.lengthNanos == 0)
    }
  }

  @Test func aStartWhoseControllerDiedBeforeInitFailed() {
    let record = Recovery.record(of: Self.run, Self.web, .notExecuted, now: Self.now, boot: Self.boot)
    guard case .startFailed(let failure) = record.cause else {
      Issue.record("\(record.cause)")
      return
    }
    #expect(failure.step == "launch" && record.facts.initExecuted == .no && record.startedAt == nil)
  }

  @Test func aFailedStartHasTheOrdersThatCameMeanwhile() {
    var orders = EndOrders()
    orders.append(EndOrder(.stop, by: GuestBookTests.user))
    let record = Recovery.record(
      ofFailedStart: Self.run.id, Self.web, ControllerStateTests.failure, orders: orders, now: Self.now.wall,
      boot: Self.boot)
    #expect(record.facts.orders == orders && record.facts.startFailure == ControllerStateTests.failure)
    #expect(record.facts.initExecuted == .no && record.endedAt == Self.now.wall)
  }

  @Test func aGuestThatIsFoundRunningIsNeverStartedAgain() {
    var guest = GuestLifecycle.found(Self.web, Self.run.id, ControllerStateTests.launched)
    #expect(guest.state == .running && guest.run?.launched == ControllerStateTests.launched)
    let transition = guest.ended(GuestBookTests.exit(1), GuestBookTests.context(2))
    #expect(guest.state == .stopped && transition.effects == [.acknowledge(Self.run.id)])
  }
}
