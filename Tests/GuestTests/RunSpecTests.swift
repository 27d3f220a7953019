import Guest
import Testing

/// A run has the spec it was decided with, from the decision to its end, and every effect has it with it: whatever is
/// defined in between is for the next start.
@Suite struct RunSpecTests {
  private static let user = Actor.user(uid: 1000, pid: 4)
  private static let name = try! GuestName("web")

  private static func spec(_ command: String, stop: StopPolicy) -> GuestSpec {
    var spec = GuestSpec(rootfs: Rootfs(path: "/"), command: [command])
    spec.stop = stop
    return spec
  }

  private let first = spec("/first", stop: StopPolicy(signal: 15, timeoutMillis: 8_000))
  private let second = spec("/second", stop: StopPolicy(signal: 2, timeoutMillis: 1_000))

  private func context(_ run: UInt8) -> GuestLifecycle.Context {
    .init(
      now: Moment(wall: Timestamp(nanoseconds: 1), boot: BootTime(nanoseconds: 1)),
      nextRun: RunID([UInt8](repeating: run, count: 16))!)
  }

  private func runs(of transition: GuestLifecycle.Transition) -> [GuestLifecycle.Run] {
    transition.effects.compactMap { effect -> GuestLifecycle.Run? in
      switch effect {
      case .launch(let run), .stop(let run, _): run
      case .armTimer, .disarmTimer, .acknowledge, .delete: nil
      }
    }
  }

  // MARK: A spec that a newer version wrote

  @Test func whatANewerVersionWroteIsNotStarted() throws {
    var spec = first
    spec.foreign = [ForeignSetting("limits.new", "1")]
    spec.restart = RestartPolicy(mode: .always)
    spec.autostart = true
    var guest = GuestLifecycle(name: Self.name, defined: spec)
    #expect { _ = try guest.start(by: Self.user, context(1)) } throws: { error in
      (error as? GuestError)?.code == .notSupported && "\(error)".contains("limits.new")
    }
    let booted = guest.daemonStarted(hostBooted: true, context(1))
    #expect(runs(of: booted).isEmpty && guest.state == .stopped && guest.note.contains("limits.new"))
    #expect(booted.events.map(\.kind) == [.notice], "the journal tells why")
    // Defined anew it is like any other.
    _ = guest.configure(first, by: Self.user)
    #expect(runs(of: try guest.start(by: Self.user, context(1))).count == 1)
  }

  /// It runs, since the newer version started it; when it ends no policy starts it again.
  @Test func whatRunsOfANewerVersionIsLookedAfter() throws {
    var spec = first
    spec.restart = RestartPolicy(mode: .always)
    var guest = GuestLifecycle(name: Self.name, defined: spec)
    let run = try #require(runs(of: try guest.start(by: Self.user, context(1))).first)
    spec.foreign = [ForeignSetting("limits.new", "1")]
    guest = GuestLifecycle(
      name: Self.name, defined: spec, phase: .running(run), runCount: 1, restarts: RestartHistory(), last: nil,
      desired: true)
    #expect(throws: GuestError.self) { _ = try guest.restart(EndOrder(.restart, by: Self.user), context(2)) }
    let ended = guest.ended(
      ExitRecord(
        guest: Self.name, run: run.id, boot: .zero, cause: .exited(code: 3), startedAt: nil,
        endedAt: Timestamp(nanoseconds: 1), lengthNanos: 2_000_000_000_000),
      context(2))
    #expect(ended.ended != nil && runs(of: ended).isEmpty && guest.state == .stopped && !guest.desired)
  }

  @Test func aSpecReplacedBetweenDecisionAndLaunchIsForTheNextRun() throws {
    var guest = GuestLifecycle(name: Self.name, defined: first)
    let start = try guest.start(by: Self.user, context(1))
    let change = guest.configure(second, by: Self.user)
    #expect(runs(of: start).map(\.spec) == [first])
    #expect(guest.run?.spec == first && guest.defined == second && guest.isSpecPending)
    #expect(change.events.map(\.message) == ["takes effect at the next start"])
  }

  @Test func aStopGoesByTheSpecOfTheRun() throws {
    var guest = GuestLifecycle(name: Self.name, defined: first)
    _ = try guest.start(by: Self.user, context(1))
    let launched = GuestLifecycle.Launched(initPID: 1, initStartTime: 1, at: context(1).now)
    _ = guest.launched(context(1).nextRun, launched)
    _ = guest.configure(second, by: Self.user)
    // The first order, one that takes it over, a restart and a removal.
    for order in [EndOrder(.stop, by: Self.user), EndOrder(.kill, by: Self.user)] {
      #expect(runs(of: try guest.stop(order, context(2))).map(\.spec.stop) == [first.stop])
    }
    #expect(runs(of: try guest.remove(by: Self.user, force: true, context(2))).map(\.spec.stop) == [first.stop])
    #expect(guest.run?.launched == launched)
  }

  /// Refused before anything is decided: the guest runs on as it did.
  @Test(arguments: [9, 18, 19] as [Int32]) func aPoliteSignalThatInitCannotHearIsRefused(_ signal: Int32) throws {
    var guest = GuestLifecycle(name: Self.name, defined: first)
    _ = try guest.start(by: Self.user, context(1))
    let order = EndOrder(.stop, by: Self.user, signal: signal)
    #expect(throws: GuestError.self) { try guest.stop(order, context(2)) }
    #expect(throws: GuestError.self) {
      try guest.restart(EndOrder(.restart, by: Self.user, signal: signal), context(2))
    }
    #expect(guest.state == .starting && guest.run?.orders.isEmpty == true)
  }

  @Test func aStopThatIsGivenUpLeavesTheGuestRunning() throws {
    var guest = GuestLifecycle(name: Self.name, defined: first)
    _ = try guest.start(by: Self.user, context(1))
    let launched = GuestLifecycle.Launched(initPID: 1, initStartTime: 1, at: context(1).now)
    _ = guest.launched(context(1).nextRun, launched)
    _ = try guest.stop(EndOrder(.stop, by: Self.user, noKill: true), context(2))
    #expect(guest.state == .stopping)
    let transition = guest.orderGivenUp(context(1).nextRun, number: 1)
    #expect(guest.state == .running && guest.run?.orders.kept.map(\.givenUp) == [true])
    #expect(transition.events.map(\.kind) == [.order, .state])
    // Told a second time, by the controller and by the clock, it is no second event.
    #expect(guest.orderGivenUp(context(1).nextRun, number: 1).events.isEmpty)
  }

  @Test func theNextRunHasWhatIsDefinedThen() throws {
    for isStopped in [false, true] {
      var policy = first
      policy.restart.mode = .always
      policy.restart.backoffInitialMillis = 0
      var next = second
      next.restart = policy.restart
      var guest = GuestLifecycle(name: Self.name, defined: policy)
      _ = try guest.start(by: Self.user, context(1))
      _ = guest.launched(context(1).nextRun, .init(initPID: 1, initStartTime: 1, at: context(1).now))
      _ = guest.configure(next, by: Self.user)
      if isStopped { _ = try guest.restart(EndOrder(.restart, by: Self.user), context(2)) }
      let end = guest.ended(
        ExitRecord(
          guest: Self.name, run: context(1).nextRun, boot: BootID([UInt8](repeating: 7, count: 16))!,
          cause: .exited(code: 1), startedAt: nil, endedAt: Timestamp(nanoseconds: 2), lengthNanos: 1), context(2))
      #expect(runs(of: end).map(\.spec) == [next])
      #expect(!guest.isSpecPending)
    }
  }

  /// A guest whose first run has failed by itself.
  private func failed(_ spec: GuestSpec) throws -> GuestLifecycle {
    var guest = GuestLifecycle(name: Self.name, defined: spec)
    _ = try guest.start(by: Self.user, context(1))
    _ = guest.launched(context(1).nextRun, .init(initPID: 1, initStartTime: 1, at: context(1).now))
    _ = guest.ended(
      ExitRecord(
        guest: Self.name, run: context(1).nextRun, boot: BootID([UInt8](repeating: 7, count: 16))!,
        cause: .exited(code: 1), startedAt: nil, endedAt: Timestamp(nanoseconds: 2), lengthNanos: 1), context(2))
    return guest
  }

  /// A boot of the host starts what is to be started with it, in whichever state its last run has left it.
  @Test(arguments: [true, false], [RestartPolicy.Mode.never, .always])
  func aBootStartsAutostartGuestsThoughARestartWaits(_ autostart: Bool, _ mode: RestartPolicy.Mode) throws {
    var spec = first
    spec.restart.mode = mode
    spec.autostart = autostart
    var guest = try failed(spec)
    let state: GuestState = mode == .always ? .waiting : .stopped
    #expect(guest.state == state)
    var same = guest
    _ = same.daemonStarted(hostBooted: false, context(3))
    #expect(same.state == state, "a restart of the daemon is no boot")
    let boot = guest.daemonStarted(hostBooted: true, context(3))
    #expect(guest.state == (autostart ? .starting : state))
    #expect(boot.events.map(\.kind) == (autostart ? [.state] : []))
    if autostart { #expect(guest.restarts == RestartHistory() && guest.run?.number == 2) }
  }

  /// A restart that waits was decided by one policy, and is not carried out against another.
  @Test(arguments: [RestartPolicy.Mode.never, .onReboot, .onFailure, .always])
  func aRestartThatWaitsIsCalledOffWhereTheNewPolicyWantsNone(_ mode: RestartPolicy.Mode) throws {
    var always = first
    always.restart.mode = .always
    var guest = try failed(always)
    #expect(guest.state == .waiting)
    var next = second
    next.restart.mode = mode
    let change = guest.configure(next, by: Self.user)
    let isWanted = mode == .onFailure || mode == .always
    #expect(guest.state == (isWanted ? .waiting : .stopped) && guest.desired == isWanted)
    #expect(change.events.map(\.kind) == (isWanted ? [.changed] : [.state, .changed]))
    #expect(change.effects == (isWanted ? [] : [.disarmTimer]))
  }

  @Test func theSameSpecAgainIsNoChangeForTheRun() throws {
    var guest = GuestLifecycle(name: Self.name, defined: first)
    _ = try guest.start(by: Self.user, context(1))
    #expect(guest.configure(first, by: Self.user).events.map(\.message) == [""])
    #expect(!guest.isSpecPending)
  }
}
