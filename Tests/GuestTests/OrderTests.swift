import Guest
import Testing

/// Several orders to end one run: each has an end of its own, and what becomes of the run follows from those that stand.
@Suite struct OrderTests {
  private static let first = Actor.user(uid: 1000, pid: 4)
  private static let second = Actor.user(uid: 1001, pid: 5)
  private static let second2 = Actor.user(uid: 1001, pid: 6)
  private static let name = try! GuestName("web")
  private static let policy = StopPolicy(signal: 15, timeoutMillis: 10_000, termTimeoutMillis: 2_000)

  private static func context(_ seconds: UInt64, run: UInt8 = 1) -> GuestLifecycle.Context {
    .init(
      now: Moment(
        wall: Timestamp(nanoseconds: Int64(seconds) * 1_000_000_000),
        boot: BootTime(nanoseconds: seconds * 1_000_000_000)),
      nextRun: RunID([UInt8](repeating: run, count: 16))!)
  }

  private static func running(_ mode: RestartPolicy.Mode = .always) throws -> GuestLifecycle {
    var spec = GuestSpec(rootfs: Rootfs(path: "/"), command: ["/init"])
    spec.stop = policy
    spec.restart.mode = mode
    var guest = GuestLifecycle(name: name, defined: spec)
    _ = try guest.start(by: first, context(1))
    _ = guest.launched(context(1).nextRun, .init(initPID: 1, initStartTime: 1, at: context(1).now))
    return guest
  }

  private static func gentle(_ seconds: UInt64, by actor: Actor = first) -> EndOrder {
    gentle(.stop, seconds, by: actor)
  }

  private static func gentle(_ verb: EndOrder.Verb, _ seconds: UInt64, by actor: Actor = first) -> EndOrder {
    EndOrder(verb, by: actor, timeoutMillis: seconds * 1000, noKill: true)
  }

  private static func exit(_ seconds: UInt64, _ code: Int32 = 3, orders: EndOrders = EndOrders()) -> ExitRecord {
    var facts = EndFacts(initExecuted: .yes, status: InitStatus(.exited(code)))
    facts.orders = orders
    return ExitRecord(
      guest: name, run: context(1).nextRun, boot: .zero, facts: facts, startedAt: context(1).now.wall,
      endedAt: context(seconds).now.wall, lengthNanos: 1)
  }

  private func armed(_ transition: GuestLifecycle.Transition) -> [UInt64] {
    transition.effects.compactMap { effect -> UInt64? in
      switch effect {
      case .armTimer(let due): due.nanoseconds / 1_000_000_000
      case .launch, .stop, .disarmTimer, .acknowledge, .delete: nil
      }
    }
  }

  private func givenUp(_ transition: GuestLifecycle.Transition) -> [UInt32] {
    transition.events.compactMap { $0.kind == .order && $0.order?.givenUp == true ? $0.order?.number : nil }
  }

  /// The one that came later ends first, and takes no other with it; no caller waits for either.
  @Test func eachOrderWithoutForceEndsAtItsOwnTime() throws {
    var guest = try Self.running()
    #expect(armed(try guest.stop(Self.gentle(60), Self.context(10))) == [70])
    #expect(armed(try guest.stop(Self.gentle(1, by: Self.second), Self.context(20))) == [21])
    #expect(guest.timerFired(Self.context(20)).events.isEmpty, "early")
    let short = guest.timerFired(Self.context(21))
    #expect(givenUp(short) == [2] && armed(short) == [70] && guest.state == .stopping)
    #expect(guest.orderGivenUp(Self.context(1).nextRun, number: 2).events.isEmpty, "once, also from the controller")
    let long = guest.timerFired(Self.context(70))
    #expect(givenUp(long) == [1] && armed(long).isEmpty)
    #expect(long.events.map(\.kind) == [.order, .state] && guest.state == .running && guest.desired)
    // As if none had been given.
    let end = guest.ended(Self.exit(80), Self.context(80, run: 2))
    #expect(end.ended?.ended.cause == .exited(code: 3) && end.ended?.ended.headline.whileStopping == nil)
    #expect(guest.state == .waiting)
  }

  @Test func aRestartStaysOneBesideAStopThatIsGivenUp() throws {
    var guest = try Self.running(.never)
    _ = try guest.restart(EndOrder(.restart, by: Self.first, timeoutMillis: 6_000), Self.context(10))
    _ = try guest.stop(Self.gentle(1, by: Self.second), Self.context(11))
    #expect(!guest.desired)
    #expect(givenUp(guest.timerFired(Self.context(12))) == [2])
    #expect(guest.state == .stopping && guest.desired)
    let end = guest.ended(Self.exit(16), Self.context(16, run: 2))
    #expect(guest.state == .starting && guest.run?.startedBy == Self.first, "\(end.events)")
  }

  private static let words: [([EndOrder], [UInt32], GuestLifecycle.AfterStop?)] = [
    ([EndOrder(.restart, by: first), EndOrder(.stop, by: second)], [], .stay),
    ([EndOrder(.stop, by: first), EndOrder(.restart, by: second)], [], .start(by: second)),
    ([EndOrder(.kill, by: first), EndOrder(.restart, by: second)], [], .start(by: second)),
    ([EndOrder(.restart, by: first), EndOrder(.kill, by: second)], [], .stay),
    ([EndOrder(.stop, by: first), gentle(.restart, 1, by: second)], [], .start(by: second)),
    ([EndOrder(.stop, by: first), gentle(.restart, 1, by: second)], [2], .stay),
    ([gentle(.restart, 1), gentle(.stop, 1, by: second)], [2], .start(by: first)),
    ([gentle(.restart, 1), gentle(.stop, 1, by: second)], [1], .stay),
    ([EndOrder(.remove, by: first), EndOrder(.stop, by: second)], [], .remove(by: first)),
    ([gentle(1), gentle(2)], [1, 2], nil),
  ]

  /// The last word counts, as long as it stands; a removal is not taken back.
  @Test(arguments: words)
  func whatFollowsIsSaidByTheOrdersThatStand(
    _ given: [EndOrder], _ givenUp: [UInt32], _ expected: GuestLifecycle.AfterStop?
  ) {
    var orders = EndOrders()
    for order in given { orders.append(order) }
    for number in givenUp { #expect(orders.giveUp(number) != nil) }
    #expect(orders.consequence == expected)
  }

  /// One more than may stand gives the oldest up, and that is an event; those with force are no part of it.
  @Test func anOrderTooManyGivesTheOldestUp() throws {
    var guest = try Self.running()
    _ = try guest.stop(EndOrder(.stop, by: Self.second, timeoutMillis: 100_000), Self.context(5))
    var all: [UInt32] = []
    for second in 10..<20 as Range<UInt64> { all += givenUp(try guest.stop(Self.gentle(1000), Self.context(second))) }
    #expect(all == [2, 3, 4, 5, 6, 7])
    #expect(guest.run?.orders.standing.map(\.number) == [1, 8, 9, 10, 11] && guest.state == .stopping)
  }

  /// The controller gave it up, and the guest ended before the daemon had heard of that: its policy counts.
  @Test func anOrderThatWasGivenUpBeforeTheEndEndsNothing() throws {
    var guest = try Self.running()
    _ = try guest.stop(Self.gentle(60), Self.context(10))
    var theirs = try #require(guest.run).orders
    _ = theirs.giveUp(1)
    let end = guest.ended(Self.exit(80, orders: theirs), Self.context(90, run: 2))
    #expect(givenUp(end) == [1] && end.ended?.ended.cause == .exited(code: 3) && guest.state == .waiting)
  }

  /// A controller that knows nothing of giving up, and one that left no word: then the clock says it.
  @Test func withoutTheWordOfAControllerTheClockGivesUp() throws {
    for end: UInt64 in [15, 25] {
      var guest = try Self.running()
      _ = try guest.stop(Self.gentle(10), Self.context(10))
      let record = ExitRecord(
        guest: Self.name, run: Self.context(1).nextRun, boot: .zero,
        cause: .stopped(by: Self.first, how: .polite, status: .exited(5)), startedAt: nil,
        endedAt: Self.context(end).now.wall, lengthNanos: 1)
      let transition = guest.ended(record, Self.context(100, run: 2))
      #expect(givenUp(transition) == (end > 20 ? [1] : []))
      #expect(guest.last?.ended.cause == (end > 20 ? .exited(code: 5) : record.cause))
      #expect(guest.state == (end > 20 ? .waiting : .stopped))
    }
  }

  /// Until it is known whether init was executed there is nothing that could run on.
  @Test func anOrderHasNoTimeBeforeThereIsAnInit() throws {
    var guest = GuestLifecycle(name: Self.name, defined: try Self.running().defined)
    _ = try guest.start(by: Self.first, Self.context(1))
    #expect(armed(try guest.stop(Self.gentle(1), Self.context(1))).isEmpty)
    #expect(guest.timerFired(Self.context(50)).events.isEmpty && guest.state == .stopping)
    let launched = guest.launched(
      Self.context(1).nextRun, .init(initPID: 1, initStartTime: 1, at: Self.context(60).now))
    #expect(armed(launched) == [60])
    #expect(givenUp(guest.timerFired(Self.context(60))) == [1] && guest.state == .running)
  }

  /// Its time goes on over the death of a daemon, by the wall clock; from then on no step of that clock moves it.
  @Test func anOrderThatWasReadHasTheRestOfItsTime() throws {
    var guest = try Self.running()
    _ = try guest.stop(Self.gentle(60), Self.context(10))
    var run = try #require(guest.run)
    run.orders.update(1) { $0.atBoot = nil }
    var read = GuestLifecycle(
      name: Self.name, defined: guest.defined, phase: .stopping(run), runCount: 1, restarts: RestartHistory(),
      last: nil, desired: false)
    #expect(armed(read.daemonStarted(hostBooted: false, Self.context(30))) == [70])
    var stepped = Self.context(31)
    stepped.now.wall = Timestamp(nanoseconds: 1 << 60)
    let early = read.timerFired(stepped)
    #expect(early.events.isEmpty && armed(early) == [70])
    #expect(givenUp(read.timerFired(Self.context(70))) == [1])
  }

  /// However many there are, those on which a decision depends are kept.
  @Test func whatADecisionDependsOnIsKept() {
    for place in 0..<60 {
      var orders = EndOrders()
      for index in 0..<60 {
        var order = index == place ? EndOrder(.restart, by: Self.second, timeoutMillis: 1_000) : Self.gentle(3600)
        order.at = Timestamp(nanoseconds: Int64(index))
        orders.append(order)
        while let surplus = orders.surplus { _ = orders.giveUp(surplus.number) }
      }
      #expect(orders.kept.contains { $0.verb == .restart }, "at \(place)")
      #expect(orders.standing.count == 5 && orders.count == 60 && orders.kept.count == 16)
      for order in orders.standing where order.noKill { #expect(orders.giveUp(order.number) != nil) }
      #expect(orders.consequence == .start(by: Self.second))
      #expect(orders.isGivenUp(60) != (place == 59) && !orders.isGivenUp(61))
    }
  }

  /// The order that used the force names who ended it, however many came before and after.
  @Test func forceIsByTheActorWhoOrderedItHoweverManyOrdersThereAre() {
    for place in 1...60 as ClosedRange<UInt32> {
      var orders = EndOrders()
      for number in 1...60 as ClosedRange<UInt32> {
        var order = number == place ? EndOrder(.stop, by: Self.second, timeoutMillis: 3_000) : Self.gentle(600)
        order.at = Timestamp(nanoseconds: Int64(number))
        orders.append(order)
        while let surplus = orders.surplus { _ = orders.giveUp(surplus.number) }
      }
      orders.update(place) { $0.killSent = true }
      let status = WaitStatus.signaled(9, coreDumped: false)
      let facts = EndFacts(initExecuted: .yes, status: InitStatus(status), orders: orders)
      #expect(facts.headline.cause == .stopped(by: Self.second, how: .forced, status: status), "at \(place)")
    }
  }

  // MARK: Former records

  private static let killed = WaitStatus.signaled(9, coreDumped: false)
  private static func stop(_ by: Actor) -> EndOrder { EndOrder(.stop, by: by) }

  private static let formerEnds: [([EndOrder], [UInt32], WaitStatus, UInt32?, EndCause)] = [
    // Given up: it ended nothing.
    ([gentle(1)], [1], .exited(5), nil, .exited(code: 5)),
    ([gentle(1)], [1], .signaled(11, coreDumped: true), nil, .signaled(11, coreDumped: true)),
    ([gentle(1)], [1], .signaled(1, coreDumped: false), nil, .reboot),
    ([gentle(1)], [1], killed, nil, .signaled(9, coreDumped: false)),
    ([gentle(1)], [], .exited(5), nil, .stopped(by: first, how: .polite, status: .exited(5))),
    // Another order of the same process stands, or one of another process.
    ([gentle(1), gentle(9)], [1], .exited(5), nil, .stopped(by: first, how: .polite, status: .exited(5))),
    ([gentle(1), stop(second)], [1], .exited(5), nil, .stopped(by: second, how: .polite, status: .exited(5))),
    // SIGKILL is not polite.
    ([stop(first)], [], killed, nil, .signaled(9, coreDumped: false)),
    ([stop(first)], [], killed, 1, .stopped(by: first, how: .forced, status: killed)),
    ([stop(second), gentle(60)], [], killed, 1, .stopped(by: second, how: .forced, status: killed)),
    // Of an order that the former daemon gave nothing is known.
    ([gentle(1, by: second)], [1], .exited(5), nil, .stopped(by: first, how: .polite, status: .exited(5))),
  ]

  /// A former controller kept one name, and called every end polite that came while it stopped the guest.
  @Test(arguments: formerEnds)
  func aFormerCauseIsHeldAgainstTheDaemonsOrders(
    _ given: [EndOrder], _ givenUp: [UInt32], _ status: WaitStatus, _ overdue: UInt32?, _ expected: EndCause
  ) {
    var orders = EndOrders()
    for order in given { orders.append(order) }
    for number in givenUp { _ = orders.giveUp(number) }
    var record = ExitRecord(
      guest: Self.name, run: .zero, boot: .zero, cause: .stopped(by: Self.first, how: .polite, status: status),
      startedAt: nil, endedAt: Timestamp(nanoseconds: 1), lengthNanos: 1)
    record.add(orders, fence: overdue.map { .orderOverdue(number: $0) })
    #expect(record.cause == expected)
    record.add(orders)
    #expect(record.cause == expected, "the same from the second telling")
    if case .signaled(9, _) = expected { #expect((record.headline.whileStopping != nil) == givenUp.isEmpty) }
    #expect(record.facts.orders.kept.map(\.killSent) == given.indices.map { UInt32($0 + 1) == overdue })
  }

  // MARK: Any history

  /// Orders of several actors, in any order, with their ends reported by the clock, by the controller, by both, late and twice,
  /// and with deaths of the daemon between: the events alone say which orders stand, and the guest is as they say.
  @Test(arguments: 0..<40) func theEventsSayWhichOrdersStand(seed: UInt64) throws {
    var random = Random(state: seed &* 7919 &+ 13)
    for _ in 0..<100 {
      var guest = try Self.running([.never, .always, .onFailure][Int(random.below(3))])
      var (second, timer): (UInt64, UInt64?) = (10, nil)
      var given: [UInt32: (order: EndOrder, due: UInt64?)] = [:]
      var givenUp: Set<UInt32> = []
      func take(_ transition: GuestLifecycle.Transition) {
        for event in transition.events {
          guard event.kind == .order, let order = event.order else { continue }
          if order.givenUp {
            #expect(order.noKill && givenUp.insert(order.number).inserted, "once: \(order)")
          } else {
            let due = order.noKill ? second + (order.timeoutMillis ?? 10_000) / 1000 : nil
            #expect(given.updateValue((order, due), forKey: order.number) == nil)
          }
        }
        for effect in transition.effects {
          switch effect {
          case .armTimer(let due): timer = due.nanoseconds / 1_000_000_000
          case .disarmTimer: timer = nil
          case .launch, .stop, .acknowledge, .delete: break
          }
        }
      }
      for _ in 0..<30 {
        let actor = [Self.first, Self.second, Self.second2][Int(random.below(3))]
        let timeout = random.below(4) == 0 ? nil : UInt64(random.below(20)) * 1000
        let context = Self.context(second, run: 2)
        switch random.below(12) {
        case 0...2: take(try guest.stop(.init(.stop, by: actor, timeoutMillis: timeout, noKill: true), context))
        case 3: take(try guest.restart(.init(.restart, by: actor, timeoutMillis: timeout, noKill: true), context))
        case 4 where random.below(3) == 0:
          take(try guest.stop(.init(.stop, by: actor, timeoutMillis: timeout), context))
        case 5 where random.below(3) == 0:
          take(try guest.restart(.init(.restart, by: actor, timeoutMillis: timeout), context))
        case 6, 7: second += UInt64(random.below(9))
        case 8: take(guest.timerFired(context))
        case 9:
          // The controller is a little behind, or was quicker.
          for (number, order) in given where order.due.map({ $0 <= second + 1 }) ?? false {
            take(guest.orderGivenUp(Self.context(1).nextRun, number: number))
          }
        case 10:
          var run = try #require(guest.run)
          for number in given.keys { run.orders.update(number) { $0.atBoot = nil } }
          let isStopping = guest.state == .stopping
          guest = GuestLifecycle(
            name: Self.name, defined: guest.defined, phase: isStopping ? .stopping(run) : .running(run), runCount: 1,
            restarts: RestartHistory(), last: nil, desired: guest.desired)
          timer = nil
          take(guest.daemonStarted(hostBooted: false, context))
        default: break
        }
        if let due = timer, due <= second { take(guest.timerFired(Self.context(second, run: 2))) }
        let standing = given.values.map(\.order).filter { !givenUp.contains($0.number) }.sorted {
          $0.number < $1.number
        }
        for order in standing {
          if let due = given[order.number]?.due { #expect(due > second, "\(order) stands at \(second)") }
        }
        #expect(guest.state == (standing.isEmpty ? .running : .stopping))
        #expect(guest.desired == (standing.last.map { $0.verb == .restart } ?? true))
        let kept = Set(try #require(guest.run).orders.standing.map(\.number))
        #expect(kept.isSuperset(of: standing.filter(\.noKill).map(\.number)))
      }
      let standing = given.values.map(\.order).filter { !givenUp.contains($0.number) }.max { $0.number < $1.number }
      let end = guest.ended(Self.exit(second), Self.context(second, run: 2))
      take(end)
      switch standing?.verb {
      case .restart: #expect(guest.state == .starting && guest.run?.startedBy == standing?.by)
      case .stop, .kill, .remove, .shutdown: #expect(guest.state == .stopped && !guest.desired)
      case nil: #expect(guest.state == (guest.defined.restart.mode == .never ? .stopped : .waiting))
      }
    }
  }
}

/// Vigna's SplitMix64: a seed gives the same history again.
private struct Random {
  var state: UInt64

  mutating func below(_ bound: UInt64) -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return (mixed ^ mixed >> 31) % bound
  }
}
