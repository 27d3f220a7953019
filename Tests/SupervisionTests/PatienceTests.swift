import Guest
import Supervision
import Testing

@Suite struct PatienceTests {
  private static let user = GuestBookTests.user
  private static let now = ControllerStateTests.at(100)
  private static let policy = StopPolicy(signal: 2, timeoutMillis: 10_000, termTimeoutMillis: 3_000)

  private static func moment(_ seconds: UInt64) -> Moment {
    Moment(wall: Timestamp(nanoseconds: Int64(seconds) * 1_000_000_000), boot: ControllerStateTests.at(seconds))
  }

  private static func phase(_ orders: EndOrder...) -> GuestLifecycle.Phase {
    var run = ControllerStateTests.run
    run.spec.stop = policy
    for order in orders { run.orders.append(order) }
    return .stopping(run)
  }

  @Test func anOrderWithoutForceHasNoDeadline() {
    #expect(EndOrder(.stop, by: Self.user, noKill: true).deadline(Self.policy, now: Self.moment(100)) == nil)
  }

  @Test(arguments: [EndOrder.Verb.kill, .remove])
  func aKillIsDoneWithinTwoSeconds(_ verb: EndOrder.Verb) {
    #expect(EndOrder(verb, by: Self.user).deadline(Self.policy, now: Self.moment(100)) == ControllerStateTests.at(102))
  }

  @Test(arguments: [EndOrder.Verb.stop, .restart, .shutdown])
  func aStopHasTheControllersDeadlinesAndTheTimeToReport(_ verb: EndOrder.Verb) {
    let order = EndOrder(verb, by: Self.user)
    #expect(order.deadline(Self.policy, now: Self.moment(100)) == ControllerStateTests.at(100 + 10 + 3 + 5))
    var own = order
    own.timeoutMillis = 1_000
    #expect(own.deadline(Self.policy, now: Self.moment(100)) == ControllerStateTests.at(100 + 1 + 3 + 5))
    // It keeps it, and what is overdue has the time of a kill.
    own.at = Timestamp(nanoseconds: 97_000_000_000)
    #expect(own.deadline(Self.policy, now: Self.moment(100)) == ControllerStateTests.at(106))
    own.atBoot = ControllerStateTests.at(99)
    #expect(own.deadline(Self.policy, now: Self.moment(100)) == ControllerStateTests.at(108))
    #expect(own.deadline(Self.policy, now: Self.moment(5_000)) == ControllerStateTests.at(5_002))
  }

  @Test func onlyAnOrderWithoutForceEndsByItsTime() {
    func after(_ order: EndOrder) -> UInt64? {
      order.givenUpAt(Self.policy, now: Self.moment(100)).map { $0.since(Self.now) / 1_000_000_000 }
    }
    #expect(after(EndOrder(.stop, by: Self.user)) == nil)
    #expect(after(EndOrder(.stop, by: Self.user, noKill: true)) == 13, "then SIGTERM has its time")
    let terminate = EndOrder(.stop, by: Self.user, signal: 15, timeoutMillis: 2_000, noKill: true)
    #expect(after(terminate) == 2, "it was SIGTERM")
    #expect(after(EndOrder(.stop, by: Self.user, timeoutMillis: .max, noKill: true)) != nil)
  }

  @Test func aLaunchFromBeforeHasTheTimeOfALaunch() {
    let due = GuestLifecycle.Phase.starting(ControllerStateTests.run).due(now: Self.moment(100), launchMillis: 60_000)
    #expect(due == .init(by: ControllerStateTests.at(160), reason: .launchOverdue))
  }

  @Test func aKillFromBeforeHasItsTimeAgain() {
    let due = Self.phase(EndOrder(.kill, by: Self.user)).due(now: Self.moment(100), launchMillis: 1)
    #expect(due == .init(by: ControllerStateTests.at(102), reason: .orderOverdue(number: 1)))
    let gentle = EndOrder(.stop, by: Self.user, noKill: true)
    #expect(Self.phase(gentle).due(now: Self.moment(100), launchMillis: 1) == nil)
  }

  /// Of a daemon that comes back: whatever was ordered beside it, before or after.
  @Test func theEarliestDeadlineOfAllOrdersCounts() {
    func order(_ seconds: UInt64, at: UInt64, noKill: Bool = false) -> EndOrder {
      var order = EndOrder(.stop, by: Self.user, timeoutMillis: seconds * 1_000, noKill: noKill)
      order.at = Timestamp(nanoseconds: Int64(at) * 1_000_000_000)
      return order
    }
    let (long, short, gentle) = (order(600, at: 90), order(20, at: 95), order(3600, at: 97, noKill: true))
    for (orders, number) in [([long, short, gentle], 2), ([gentle, long, short], 3), ([short, gentle, long], 1)]
      as [(
        [EndOrder], UInt32
      )]
    {
      var run = ControllerStateTests.run
      run.spec.stop = Self.policy
      for order in orders { run.orders.append(order) }
      let due = GuestLifecycle.Phase.stopping(run).due(now: Self.moment(100), launchMillis: 1)
      #expect(due == .init(by: ControllerStateTests.at(95 + 20 + 3 + 5), reason: .orderOverdue(number: number)))
    }
  }

  @Test(arguments: [
    GuestLifecycle.Phase.running(ControllerStateTests.run), .stopped,
    .waiting(.init(attempt: 1, delayMillis: 1, due: .init(wall: Timestamp(nanoseconds: 0), boot: now))),
  ])
  func aGuestThatRunsIsWaitedForForEver(_ phase: GuestLifecycle.Phase) {
    #expect(phase.due(now: Self.moment(100), launchMillis: 1) == nil)
  }

  @Test func aTimerNeverSleepsPastItsMomentOrLongerThanTenSeconds() {
    #expect(ControllerStateTests.at(100).nap(from: ControllerStateTests.at(100)) == 1)
    #expect(ControllerStateTests.at(103).nap(from: ControllerStateTests.at(100)) == 3_001)
    #expect(ControllerStateTests.at(90).nap(from: ControllerStateTests.at(100)) == 1, "it has come")
    #expect(ControllerStateTests.at(1_000_000).nap(from: ControllerStateTests.at(100)) == 10_000)
  }
}
