import Guest
import Supervision
import Testing

@Suite struct PatienceTests {
  private static let user = GuestBookTests.user
  private static let now = ControllerStateTests.at(100)
  private static let policy = StopPolicy(signal: 2, timeoutMillis: 10_000, termTimeoutMillis: 3_000)

  private static func phase(_ order: EndOrder?) -> GuestLifecycle.Phase {
    var run = ControllerStateTests.run
    run.spec.stop = policy
    if let order { run.orders.append(order) }
    return .stopping(run, then: .stay)
  }

  @Test func anOrderWithoutForceHasNoDeadline() {
    #expect(EndOrder(.stop, by: Self.user, noKill: true).deadline(Self.policy, now: Self.now) == nil)
  }

  @Test(arguments: [EndOrder.Verb.kill, .remove])
  func aKillIsDoneWithinTwoSeconds(_ verb: EndOrder.Verb) {
    #expect(EndOrder(verb, by: Self.user).deadline(Self.policy, now: Self.now) == ControllerStateTests.at(102))
  }

  @Test(arguments: [EndOrder.Verb.stop, .restart, .shutdown])
  func aStopHasTheControllersDeadlinesAndTheTimeToReport(_ verb: EndOrder.Verb) {
    let order = EndOrder(verb, by: Self.user)
    #expect(order.deadline(Self.policy, now: Self.now) == ControllerStateTests.at(100 + 10 + 3 + 5))
    var own = order
    own.timeoutMillis = 1_000
    #expect(own.deadline(Self.policy, now: Self.now) == ControllerStateTests.at(100 + 1 + 3 + 5))
  }

  @Test func onlyAnOrderWithoutForceEndsByItsTime() {
    #expect(EndOrder(.stop, by: Self.user).patienceMillis(Self.policy) == nil)
    let gentle = EndOrder(.stop, by: Self.user, noKill: true)
    #expect(gentle.patienceMillis(Self.policy) == 13_000, "then SIGTERM has its time")
    let terminate = EndOrder(.stop, by: Self.user, signal: 15, timeoutMillis: 2_000, noKill: true)
    #expect(terminate.patienceMillis(Self.policy) == 2_000, "it was SIGTERM")
  }

  @Test func aLaunchFromBeforeHasTheTimeOfALaunch() {
    let due = GuestLifecycle.Phase.starting(ControllerStateTests.run).due(now: Self.now, launchMillis: 60_000)
    #expect(due == .init(by: ControllerStateTests.at(160), reason: .launchOverdue))
  }

  @Test func anOrderFromBeforeHasItsTimeAgain() {
    let due = Self.phase(EndOrder(.kill, by: Self.user)).due(now: Self.now, launchMillis: 1)
    #expect(due == .init(by: ControllerStateTests.at(102), reason: .orderOverdue(number: 1)))
    #expect(Self.phase(EndOrder(.stop, by: Self.user, noKill: true)).due(now: Self.now, launchMillis: 1) == nil)
  }

  @Test(arguments: [
    GuestLifecycle.Phase.running(ControllerStateTests.run), .stopped,
    .waiting(.init(attempt: 1, delayMillis: 1, due: .init(wall: Timestamp(nanoseconds: 0), boot: now))),
  ])
  func aGuestThatRunsIsWaitedForForEver(_ phase: GuestLifecycle.Phase) {
    #expect(phase.due(now: Self.now, launchMillis: 1) == nil)
  }

  @Test func aTimerNeverSleepsPastItsMomentOrLongerThanTenSeconds() {
    #expect(ControllerStateTests.at(100).nap(from: ControllerStateTests.at(100)) == 1)
    #expect(ControllerStateTests.at(103).nap(from: ControllerStateTests.at(100)) == 3_001)
    #expect(ControllerStateTests.at(90).nap(from: ControllerStateTests.at(100)) == 1, "it has come")
    #expect(ControllerStateTests.at(1_000_000).nap(from: ControllerStateTests.at(100)) == 10_000)
  }
}
