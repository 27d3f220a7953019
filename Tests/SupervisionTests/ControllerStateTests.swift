import Guest
import Supervision
import Testing

@Suite struct ControllerStateTests {
  typealias State = ControllerState
  static let run = GuestLifecycle.Run(
    id: GuestBookTests.context(1).nextRun, number: 1, startedBy: GuestBookTests.user, spec: .model())
  static let launched = GuestLifecycle.Launched(
    initPID: 7, initStartTime: 9, at: Moment(wall: Timestamp(nanoseconds: 1), boot: BootTime(nanoseconds: 1)))
  static let record = GuestBookTests.exit(1)
  static let failure = StartFailure(step: "mount", errno: 2, message: "mount: no such file")
  static let policy = StopPolicy()
  static let stop = EndOrder(.stop, by: GuestBookTests.user, number: 1)
  static let kill = EndOrder(.kill, by: GuestBookTests.user, number: 2)

  static func at(_ seconds: UInt64) -> BootTime { BootTime(nanoseconds: seconds * 1_000_000_000) }

  /// With these inputs behind it.
  static func state(_ start: State = .prepared, _ inputs: State.Input...) -> State {
    var state = start
    for input in inputs { _ = state.input(input) }
    return state
  }

  static var prepared: State { .prepared }
  static var launching: State { state(.prepared, .launch(run)) }
  static var running: State { state(.prepared, .launch(run), .launched(launched)) }
  static var ended: State { state(running, .endHeard(record)) }
  static var dismissed: State { state(ended, .acknowledged) }
  static var unreached: State { .found(launched) }
  static var leaving: State { state(unreached, .connected, .isStranger) }
  static var gone: State { state(running, .closed) }
  static var examples: [State] {
    [unreached, prepared, state(.prepared, .discarded), launching, running, ended, dismissed, leaving, gone]
  }

  @Test func theExamplesAreOfEveryPhase() {
    #expect(Self.examples.map(\.phase) == State.Phase.allCases)
  }

  // MARK: Start

  @Test func aLaunchIsCalledOnce() {
    var state = Self.prepared
    #expect(!state.lastSeen.wasOrdered)
    #expect(state.input(.launch(Self.run)) == [.callLaunch(Self.run)])
    #expect(state.lastSeen.wasOrdered && state.phase == .launching)
    #expect(state.input(.launch(Self.run)) == [])
  }

  @Test func aLaunchIsReportedOnce() {
    var state = Self.launching
    #expect(state.input(.launched(Self.launched)) == [.reportLaunched(Self.launched)])
    #expect(state.launched == Self.launched && state.phase == .launched)
    #expect(state.input(.launched(Self.launched)) == [])
  }

  @Test func aFailedStartIsTheEndOfTheRun() {
    var state = Self.launching
    #expect(state.input(.startFailed(Self.failure)) == [.reportStartFailed(Self.failure)])
    #expect(state.phase == .ended)
    #expect(state.input(.endHeard(Self.record)) == [], "reported once")
    #expect(state.input(.closed) == [.reap], "and not looked for")
  }

  @Test func aLaunchWithoutAnAnswerIsEndedByForce() {
    var state = Self.launching
    #expect(state.input(.launchOverdue) == [.askAboutLaunch] && state.lastSeen.fence == nil)
    #expect(state.input(.launchOverdue) == [.readStatus, .destroy])
    #expect(state.lastSeen.fence == .launchOverdue)
    #expect(state.input(.closed) == [.reap, .look])
  }

  @Test func aLaunchWhoseAnswerWasOnlyReadLateIsNoReasonToKill() {
    var state = Self.state(Self.launching, .launchOverdue)
    #expect(state.input(.launched(Self.launched)) == [.reportLaunched(Self.launched)])
    #expect(state.input(.launchOverdue) == [] && state.lastSeen.fence == nil)
  }

  @Test func aLateComplaintAboutALaunchThatSucceededIsNoReasonToKill() {
    var state = Self.running
    #expect(state.input(.launchOverdue) == [] && state.lastSeen.fence == nil)
  }

  @Test func aStartThatIsTakenBackDropsItsController() {
    var state = Self.prepared
    #expect(state.input(.discarded) == [.drop])
    #expect(state.input(.closed) == [.reap])
    #expect(state.isForgettable)
  }

  @Test func aStopThatOvertakesTheLaunchIsReported() {
    var state = Self.state(.prepared, .discarded)
    let effects = state.input(.stop(Self.kill, Self.policy, deadline: nil))
    guard case .reportStartFailed? = effects.first, effects.count == 1 else {
      Issue.record("\(effects)")
      return
    }
    #expect(state.phase == .ended)
    #expect(state.input(.stop(Self.kill, Self.policy, deadline: nil)) == [], "once")
  }

  @Test func aStartThatIsCalledOffBeforeItsLaunchIsReported() {
    var state = Self.prepared
    let effects = state.input(.stop(Self.stop, Self.policy, deadline: nil))
    #expect(effects.first == .drop)
    guard case .reportStartFailed(let failure)? = effects.last else {
      Issue.record("\(effects)")
      return
    }
    #expect(failure.message == "launch: called off")
    #expect(state.phase == .ended && !state.lastSeen.wasOrdered)
  }

  @Test func aPreparedControllerThatDiesIsReplacedByTheLaunch() {
    var state = Self.prepared
    #expect(state.input(.closed) == [.reap, .drop])
    #expect(state.isForgettable)
  }

  // MARK: Ends

  @Test(arguments: [launching, running])
  func anEndIsReportedOnce(_ state: State) {
    var state = state
    #expect(state.input(.endHeard(Self.record)) == [.reportEnd(Self.record, fence: nil)])
    #expect(!state.isOpen)
    #expect(state.input(.endHeard(Self.record)) == [])
    #expect(state.input(.closed) == [.reap])
    #expect(!state.isForgettable && state.ownsDirectory, "its end is not stored yet")
    #expect(state.input(.acknowledged) == [])
    #expect(state.isForgettable && !state.ownsDirectory)
  }

  @Test func aRunDirectoryIsOnesOwnUntilTheEndIsStored() {
    let owners = Self.examples.filter(\.ownsDirectory).map(\.phase)
    #expect(owners == [.unreached, .prepared, .launching, .launched, .ended, .gone])
    #expect(!Self.state(.prepared, .discarded).ownsDirectory)
  }

  @Test func anEndThatFollowsAKillHasItsReason() {
    var state = Self.state(Self.running, .killUnanswered(order: 2))
    #expect(state.input(.endHeard(Self.record)) == [.reportEnd(Self.record, fence: .orderOverdue(number: 2))])
  }

  @Test func anEndThatIsStoredGivesTheControllerItsTimeToGo() {
    var state = Self.ended
    #expect(state.input(.acknowledged) == [.sayFarewell])
    #expect(state.input(.acknowledged) == [])
    #expect(state.input(.farewellOver) == [.bury])
  }

  @Test func oneThatWentInTimeIsNotBuried() {
    var state = Self.state(Self.dismissed, .closed)
    #expect(state.input(.farewellOver) == [])
  }

  @Test(arguments: [launching, running])
  func aControllerThatIsLostLeavesItsRunToBeLookedFor(_ state: State) {
    var state = state
    #expect(state.input(.closed) == [.reap, .look])
    #expect(state.phase == .gone && !state.isForgettable, "what is known of it belongs into the record")
    #expect(state.input(.closed) == [])
  }

  // MARK: Orders

  @Test func anOrderIsPassedOn() {
    var state = Self.running
    #expect(
      state.input(.stop(Self.stop, Self.policy, deadline: Self.at(9))) == [.callStop(Self.stop, Self.policy)])
    #expect(state.input(.stop(Self.kill, Self.policy, deadline: Self.at(2))) == [.callKill(Self.kill)])
    #expect(state.lastSeen.fence == nil)
  }

  @Test func aKillIsNotAskedOfASilentController() {
    var state = Self.state(Self.running, .silence(true))
    #expect(state.input(.stop(Self.kill, Self.policy, deadline: nil)) == [.readStatus, .destroy])
    #expect(state.lastSeen.fence == .orderOverdue(number: 2))
  }

  @Test func aPoliteOrderIsAskedOfASilentControllerToo() {
    var state = Self.state(Self.running, .silence(true))
    #expect(state.input(.stop(Self.stop, Self.policy, deadline: nil)) == [.callStop(Self.stop, Self.policy)])
  }

  @Test func theFirstReasonForAKillStays() {
    var state = Self.state(Self.running, .killUnanswered(order: 2))
    #expect(state.input(.unintelligible) == [.destroy])
    #expect(state.lastSeen.fence == .orderOverdue(number: 2))
  }

  @Test func theFirstStatusThatWasReadStays() {
    let first = InitStatus(.exited(3), .zombie)
    let state = Self.state(
      Self.running, .statusRead(nil), .statusRead(first), .statusRead(.init(.exited(4), .zombie)))
    #expect(state.lastSeen.status == first)
  }

  @Test func anInitThatHadEndedBeforeTheKillWasNotEndedByIt() {
    let exited = InitStatus(.exited(9), .zombie)
    var state = Self.state(Self.running, .killUnanswered(order: 2), .statusRead(exited))
    #expect(state.lastSeen.hadEnded && state.lastSeen.endingFence == nil)
    #expect(state.input(.endHeard(Self.record)) == [.reportEnd(Self.record, fence: nil)])
  }

  @Test func anInitThatTheKillEndedHasItsReason() {
    let killed = InitStatus(.signaled(9, coreDumped: false), .zombie)
    let state = Self.state(Self.running, .killUnanswered(order: 2), .statusRead(nil), .statusRead(killed), .closed)
    #expect(!state.lastSeen.hadEnded && state.lastSeen.status == killed)
    #expect(state.lastSeen.endingFence == .orderOverdue(number: 2))
  }

  @Test(arguments: [ended, dismissed, leaving, gone])
  func nothingIsOrderedOfAControllerWhoseRunIsOver(_ state: State) {
    for input in [
      State.Input.stop(Self.stop, Self.policy, deadline: nil), .stop(Self.kill, Self.policy, deadline: nil),
      .killUnanswered(order: 2), .unintelligible, .launchOverdue, .launch(Self.run),
      .secondPassed(now: Self.at(100)), .answered(stuckTasks: nil, now: Self.at(100)),
    ] {
      var state = state
      #expect(state.input(input) == [], "\(input)")
      #expect(state.lastSeen.fence == nil)
    }
  }

  @Test func anOrderThatWasGivenUpIsReportedWhileTheRunGoesOn() {
    var state = Self.running
    #expect(state.input(.gaveUp(order: 1)) == [.reportGivenUp(order: 1)])
    var ended = Self.ended
    #expect(ended.input(.gaveUp(order: 1)) == [])
  }

  // MARK: Silence

  @Test func silenceIsReportedWhenItBeginsAndWhenItEnds() {
    var state = Self.running
    #expect(state.input(.silence(true)) == [.reportSilence(true)])
    #expect(state.input(.silence(true)) == [])
    #expect(state.input(.silence(false)) == [.reportSilence(false)])
  }

  @Test func theSilenceOfOneWhoseRunIsOverIsOfNoInterest() {
    var state = Self.ended
    #expect(state.input(.silence(true)) == [])
  }

  // MARK: Orders that are not carried out

  @Test func tasksAreAskedForOneQuestionAtATime() {
    var state = Self.running
    #expect(state.input(.secondPassed(now: Self.at(1))) == [.askForTasks])
    #expect(state.input(.secondPassed(now: Self.at(2))) == [])
    #expect(
      state.input(.answered(stuckTasks: "dd (io_schedule)", now: Self.at(3)))
        == [.reportStuck("dd (io_schedule)")])
    #expect(state.input(.secondPassed(now: Self.at(4))) == [.askForTasks])
  }

  @Test func oneThatDoesNotAnswerAfterTheDeadlineIsKilled() {
    var state = Self.state(Self.running, .stop(Self.stop, Self.policy, deadline: Self.at(5)))
    #expect(state.input(.secondPassed(now: Self.at(5))) == [.askForTasks], "not yet")
    #expect(state.input(.secondPassed(now: Self.at(6))) == [.reportLate, .readStatus, .destroy])
    #expect(state.lastSeen.fence == .orderOverdue(number: 1))
    #expect(state.input(.secondPassed(now: Self.at(7))) == [], "once")
  }

  /// A later order, with more time or without force, takes no time away from one before it; and the number is that one's.
  @Test func theEarliestDeadlineStandsWhateverIsOrderedBesideIt() {
    let gentle = EndOrder(.stop, by: GuestBookTests.user, noKill: true, number: 2)
    let long = EndOrder(.stop, by: GuestBookTests.user, number: 3)
    let beside: [[State.Input]] = [
      [.stop(gentle, Self.policy, deadline: nil)], [.stop(long, Self.policy, deadline: Self.at(3_600))],
      [.stop(gentle, Self.policy, deadline: nil), .stop(long, Self.policy, deadline: Self.at(3_600))],
    ]
    for inputs in beside {
      for isFirst in [true, false] {
        let short = State.Input.stop(Self.stop, Self.policy, deadline: Self.at(5))
        var (running, unreached) = (Self.running, Self.unreached)
        for input in isFirst ? [short] + inputs : inputs + [short] {
          _ = running.input(input)
          _ = unreached.input(input)
        }
        _ = running.input(.secondPassed(now: Self.at(5)))
        #expect(running.input(.secondPassed(now: Self.at(6))) == [.reportLate, .readStatus, .destroy])
        #expect(running.lastSeen.fence == .orderOverdue(number: 1))
        _ = unreached.input(.notReached(isHeld: true, isEmpty: false, now: Self.at(6)))
        #expect(unreached.lastSeen.fence == .orderOverdue(number: 1))
      }
    }
  }

  @Test func oneThatIsLateIsAskedBeforeItIsKilled() {
    var state = Self.state(Self.running, .stop(Self.stop, Self.policy, deadline: Self.at(5)))
    #expect(state.input(.secondPassed(now: Self.at(6))) == [.askForTasks])
    #expect(
      state.input(.answered(stuckTasks: "", now: Self.at(6)))
        == [.reportStuck(""), .reportLate, .readStatus, .destroy])
  }

  @Test func oneThatDidAllItCouldIsGivenMoreTime() {
    var state = Self.state(Self.running, .stop(Self.stop, Self.policy, deadline: Self.at(5)))
    _ = state.input(.secondPassed(now: Self.at(6)))
    #expect(state.input(.answered(stuckTasks: "dd", now: Self.at(6))) == [.reportStuck("dd")])
    _ = state.input(.secondPassed(now: Self.at(10)))
    #expect(state.input(.secondPassed(now: Self.at(11))) == [], "asked, and its new time is not up")
    #expect(state.input(.secondPassed(now: Self.at(12))) == [.reportLate, .readStatus, .destroy])
  }

  @Test func withoutADeadlineItIsOnlyAsked() {
    var state = Self.state(Self.running, .stop(Self.stop, Self.policy, deadline: nil))
    _ = state.input(.secondPassed(now: Self.at(6)))
    #expect(state.input(.answered(stuckTasks: nil, now: Self.at(1_000_000))) == [])
    #expect(state.input(.secondPassed(now: Self.at(1_000_001))) == [.askForTasks])
  }

  // MARK: Found by a new daemon

  @Test func oneThatIsReachedIsAskedWhatItRuns() {
    var state = Self.unreached
    #expect(state.input(.connected) == [.askWhatItRuns(isUrgent: false)])
    #expect(state.phase == .launched && !state.lastSeen.wasOrdered)
    #expect(state.input(.adopted) == [])
    #expect(state.lastSeen.wasOrdered)
  }

  @Test func aLaunchIsWaitedForAsLongAsALaunchMayTake() {
    var state = State.found(nil, due: .init(by: Self.at(20), reason: .launchOverdue))
    #expect(state.input(.connected) == [.askWhatItRuns(isUrgent: true)])
    #expect(state.phase == .launching)
    #expect(state.input(.launchOverdue) == [.askAboutLaunch])
    #expect(state.input(.launchOverdue) == [.readStatus, .destroy])
  }

  @Test func anOrderFromBeforeKeepsItsDeadline() {
    var state = State.found(Self.launched, due: .init(by: Self.at(5), reason: .orderOverdue(number: 1)))
    #expect(state.input(.connected) == [.askWhatItRuns(isUrgent: false)])
    _ = state.input(.secondPassed(now: Self.at(6)))
    #expect(state.input(.secondPassed(now: Self.at(7))) == [.reportLate, .readStatus, .destroy])
  }

  @Test func oneThatRunsForEverIsTriedForEver() {
    var state = Self.unreached
    for attempt in 1...100 {
      let effects = state.input(.notReached(isHeld: true, isEmpty: false, now: Self.at(UInt64(attempt))))
      guard case .retry(let millis)? = effects.last else {
        Issue.record("attempt \(attempt): \(effects)")
        return
      }
      #expect((20...1_000).contains(millis))
      #expect(effects.contains(.reportSilence(true)) == (attempt == State.attemptsBeforeReport))
    }
    #expect(state.lastSeen.fence == nil)
  }

  @Test func oneThatIsReachedInTheEndIsNoLongerReportedSilent() {
    var state = Self.unreached
    for _ in 0..<State.attemptsBeforeReport {
      _ = state.input(.notReached(isHeld: true, isEmpty: false, now: Self.at(1)))
    }
    _ = state.input(.connected)
    #expect(state.input(.adopted) == [.reportSilence(false)])
  }

  @Test func aLateOneThatIsNotReachedIsKilledAfterItsGuest() {
    var state = State.found(nil, due: .init(by: Self.at(5), reason: .launchOverdue))
    #expect(state.input(.notReached(isHeld: true, isEmpty: false, now: Self.at(5))) == [.retry(afterMillis: 20)])
    #expect(
      state.input(.notReached(isHeld: true, isEmpty: false, now: Self.at(6)))
        == [.readStatus, .killGuest, .retry(afterMillis: 20)])
    #expect(
      state.input(.notReached(isHeld: true, isEmpty: true, now: Self.at(6)))
        == [.killGuest, .killUnreached, .retry(afterMillis: 40)])
    #expect(state.input(.notReached(isHeld: false, isEmpty: true, now: Self.at(7))) == [.look])
    #expect(state.lastSeen.fence == .launchOverdue)
  }

  @Test func aGuestThatDoesNotDieDoesNotKeepItsControllerForEver() {
    var state = State.found(nil, due: .init(by: Self.at(5), reason: .launchOverdue))
    #expect(
      state.input(.notReached(isHeld: true, isEmpty: false, now: Self.at(8))).contains(.killUnreached))
  }

  @Test func oneThatDiedBeforeItWasKilledWasNotKilled() {
    var state = State.found(Self.launched, due: .init(by: Self.at(5), reason: .orderOverdue(number: 1)))
    #expect(state.input(.notReached(isHeld: false, isEmpty: true, now: Self.at(9))) == [.look])
    #expect(state.lastSeen.fence == nil)
  }

  @Test func anOrderToOneThatIsNotReachedSetsItsTime() {
    var state = Self.unreached
    #expect(state.input(.stop(Self.kill, Self.policy, deadline: Self.at(5))) == [])
    #expect(state.input(.notReached(isHeld: true, isEmpty: false, now: Self.at(6))).contains(.killGuest))
    #expect(state.lastSeen.fence == .orderOverdue(number: 2))
  }

  @Test func aStrangerIsWaitedForAndThenTheRunIsLookedFor() {
    var state = Self.state(Self.unreached, .connected)
    #expect(state.input(.isStranger) == [.awaitRelease])
    #expect(state.input(.closed) == [], "by ourselves")
    #expect(state.input(.released) == [.look])
    #expect(state.input(.released) == [])
  }

  @Test func oneThatIsStillThereAfterItsConnectionKeepsWhatIsKnownOfIt() {
    var state = Self.state(Self.running, .killUnanswered(order: 2), .statusRead(.init(.exited(3), .zombie)), .closed)
    #expect(state.input(.foundHeld(nil)) == [] && state.phase == .unreached)
    #expect(state.input(.notReached(isHeld: false, isEmpty: true, now: Self.at(1))) == [.look])
    #expect(
      state.lastSeen.fence == .orderOverdue(number: 2) && state.lastSeen.status?.value == .exited(3)
        && state.lastSeen.wasOrdered)
  }

  @Test func oneThatIsFoundAgainAndEndsInTheOrdinaryWayIsForgottenInTheEnd() {
    let state = Self.state(
      Self.running, .closed, .foundHeld(nil), .connected, .adopted, .endHeard(Self.record), .acknowledged, .closed)
    #expect(state.isForgettable)
  }
}

/// Random histories of one controller. More than the usual number: `LODGE_MODEL_HISTORIES=1000000`; one again:
/// `LODGE_TEST_SEED=...`.
@Suite struct ControllerStateModelTests {
  private typealias State = ControllerState

  @Test func noHistoryBreaksAnInvariant() {
    let histories = environment("LODGE_MODEL_HISTORIES") ?? 20_000
    let seed = environment("LODGE_TEST_SEED") ?? UInt64.random(in: 0 ... .max)
    var generator = SplitMix(seed: seed)
    for _ in 0..<histories {
      var now: UInt64 = 10
      let start: State =
        switch generator.below(4) {
        case 0: .found(nil, due: .init(by: ControllerStateTests.at(20), reason: .launchOverdue))
        case 1: .found(ControllerStateTests.launched)
        default: .prepared
        }
      let inputs = (0..<(3 + generator.below(25))).map { _ in
        now += UInt64(generator.below(4))
        return Self.random(now, &generator)
      }
      guard let violation = Self.violation(start, inputs) else { continue }
      var shortest = inputs
      var index = 0
      while index < shortest.count {
        var fewer = shortest
        fewer.remove(at: index)
        if Self.violation(start, fewer) != nil { shortest = fewer } else { index += 1 }
      }
      Issue.record("\(violation)\nLODGE_TEST_SEED=\(seed)\n\(start.phase): \(shortest)")
      return
    }
  }

  private static func random(_ now: UInt64, _ generator: inout SplitMix) -> State.Input {
    let moment = ControllerStateTests.at(now)
    let deadline = [nil, ControllerStateTests.at(now + UInt64(generator.below(6)))][generator.below(2)]
    let order = [ControllerStateTests.stop, ControllerStateTests.kill][generator.below(2)]
    let inputs: [State.Input] = [
      .launch(ControllerStateTests.run), .launch(ControllerStateTests.run),
      .launched(ControllerStateTests.launched), .launched(ControllerStateTests.launched),
      .startFailed(ControllerStateTests.failure), .launchOverdue, .unintelligible,
      .endHeard(ControllerStateTests.record), .endHeard(ControllerStateTests.record),
      .gaveUp(order: 1), .silence(generator.below(2) == 0), .silence(true),
      .stop(order, ControllerStateTests.policy, deadline: deadline),
      .stop(order, ControllerStateTests.policy, deadline: deadline),
      .killUnanswered(order: order.number),
      .secondPassed(now: moment), .secondPassed(now: moment),
      .secondPassed(now: moment),
      .answered(stuckTasks: [nil, "", "dd"][generator.below(3)], now: moment),
      .answered(stuckTasks: [nil, "", "dd"][generator.below(3)], now: moment),
      .statusRead([nil, InitStatus(.exited(3), .zombie)][generator.below(2)]),
      .discarded, .acknowledged, .farewellOver, .closed, .foundHeld(nil),
      .notReached(isHeld: generator.below(4) > 0, isEmpty: generator.below(2) == 0, now: moment),
      .notReached(isHeld: true, isEmpty: generator.below(2) == 0, now: moment),
      .connected, .connected, .adopted, .isStranger, .released,
    ]
    return inputs[generator.below(inputs.count)]
  }

  /// What of one history is not as it must be; nil if all is.
  private static func violation(_ start: State, _ inputs: [State.Input]) -> String? {
    var state = start
    var ends = 0
    var looks = 0
    var drops = 0
    var launches = 0
    var isAcknowledged = false
    var isAsked = false
    var isStored = false
    var silence = false
    for input in inputs {
      let before = state
      let effects = state.input(input)
      if before.lastSeen.fence != nil, state.lastSeen.fence != before.lastSeen.fence {
        return "the reason for a kill has changed"
      }
      if before.lastSeen.status != nil, state.lastSeen.status != before.lastSeen.status {
        return "a status has changed"
      }
      if before.lastSeen.wasOrdered, !state.lastSeen.wasOrdered { return "an order to launch was forgotten" }
      if before.phase == .gone, state.phase != .gone, state.phase != .unreached {
        return "it came back as \(state.phase)"
      }
      if !before.isOpen, state.isOpen, state.phase != .unreached { return "its run began again" }
      for effect in effects {
        switch effect {
        case .callLaunch:
          launches += 1
          if before.phase != .prepared { return "ordered to launch while \(before.phase)" }
        case .callStop, .callKill, .askForTasks, .askWhatItRuns, .askAboutLaunch:
          if !state.isConnected { return "called without a connection: \(effect)" }
          if !state.isOpen { return "called after its end: \(effect)" }
          if case .askForTasks = effect {
            if isAsked { return "asked twice" }
            isAsked = true
          }
        case .destroy:
          if state.lastSeen.fence == nil { return "killed without a reason" }
          if !before.isOpen { return "killed after its end" }
        case .killGuest, .killUnreached:
          if state.lastSeen.fence == nil { return "killed without a reason" }
          if before.phase != .unreached { return "killed by its lock while \(before.phase)" }
        case .drop:
          drops += 1
          if before.phase != .prepared || before.lastSeen.wasOrdered { return "dropped while \(before.phase)" }
        case .reap: if state.phase != .gone { return "reaped while \(state.phase)" }
        case .look: looks += 1
        case .reportStartFailed, .reportEnd:
          ends += 1
          if !before.isOpen, before.phase != .discarded { return "an end was reported of a run that is over" }
        case .sayFarewell: isAcknowledged = true
        case .bury: if !isAcknowledged || state.phase != .dismissed { return "buried while \(state.phase)" }
        case .reportSilence(let isSilent):
          if isSilent == silence { return "silence was reported twice" }
          silence = isSilent
        case .reportLaunched: if before.phase != .launching { return "launched while \(before.phase)" }
        case .reportLate:
          if !effects.contains(.destroy) { return "late, and not killed" }
        case .readStatus: if before.lastSeen.fence != nil { return "read for the first time after a kill" }
        case .awaitRelease, .retry, .reportGivenUp, .reportStuck, .reportUnreached: break
        }
      }
      if case .answered = input { isAsked = false }
      if ends > 1 { return "\(ends) ends were reported" }
      if launches > 1 { return "ordered to launch twice" }
      if before.phase == .gone, ends > 0, effects.contains(.look) { return "looked for after its end" }
      if looks > 1, !inputs.contains(.foundHeld(nil)) { return "looked for \(looks) times" }
      // Nothing is lost: one that is gone has told its end, was of no use, or is looked for.
      if state.phase == .gone, ends + looks + drops == 0, !isAcknowledged { return "gone without a trace" }
      if case .acknowledged = input { isStored = true }
      if ends + looks > 0, !isStored, state.isForgettable { return "forgotten before its end was stored" }
    }
    return nil
  }
}
