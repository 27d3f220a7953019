import Guest
import Testing

/// The table of what follows from which facts.
@Suite struct HeadlineTests {
  static let root = Actor.user(uid: 0, pid: 1)
  static let other = Actor.user(uid: 65534, pid: 2)
  static let killed = WaitStatus.signaled(9, coreDumped: false)

  private static func order(
    _ verb: EndOrder.Verb = .stop, by actor: Actor = root, sent: [Int32] = [], kill: Bool = false,
    givenUp: Bool = false,
    number: UInt32 = 1
  ) -> EndOrder {
    var order = EndOrder(verb, by: actor, number: number)
    for signal in sent { order.note(sent: signal) }
    order.killSent = order.killSent || kill
    order.givenUp = givenUp
    return order
  }

  private static func ended(
    _ status: WaitStatus, reboots: [RebootCommand] = [], watched: Bool = true, memory: MemoryKills? = nil,
    _ orders: [EndOrder] = []
  ) -> EndFacts {
    EndFacts(
      initExecuted: .yes, status: InitStatus(status), reboots: reboots, rebootWatched: watched, memory: memory,
      orders: EndOrders(orders))
  }

  private static func kills(
    _ count: UInt32, of initProcess: Known, before: UInt64? = nil, limit: OutOfMemory.Limit = .own
  ) -> MemoryKills {
    MemoryKills(
      kills: count, initKilled: initProcess, witness: .kernelLog, lastKillBeforeEndMillis: before, limit: limit,
      limitBytes: 1 << 20)
  }

  private static func oom(_ victim: OutOfMemory.Victim, _ status: WaitStatus, kills: UInt32 = 1) -> EndCause {
    .oom(OutOfMemory(victim: victim, limit: .own, limitBytes: 1 << 20, kills: kills, status: status))
  }

  struct Case: Sendable {
    var name: String
    var facts: EndFacts
    var cause: EndCause
    /// Number of the order beside it.
    var whileStopping: UInt32?

    init(_ name: String, _ facts: EndFacts, _ cause: EndCause, whileStopping: UInt32? = nil) {
      self.name = name
      self.facts = facts
      self.cause = cause
      self.whileStopping = whileStopping
    }
  }

  static let alone: [Case] = [
    Case("exit 0", ended(.exited(0)), .exited(code: 0)),
    Case("exit 3", ended(.exited(3)), .exited(code: 3)),
    Case("a stranger's SIGKILL", ended(killed), .signaled(9, coreDumped: false)),
    Case("a crash", ended(.signaled(11, coreDumped: true)), .signaled(11, coreDumped: true)),
    Case("reboot", ended(.signaled(1, coreDumped: false), reboots: [.restart]), .reboot),
    Case("halt", ended(.signaled(2, coreDumped: false), reboots: [.halt]), .halt),
    Case("power off", ended(.signaled(2, coreDumped: false), reboots: [.powerOff]), .powerOff),
    Case("the first of two", ended(.signaled(2, coreDumped: false), reboots: [.powerOff, .halt]), .powerOff),
    Case("a restart that came to nothing", ended(.signaled(2, coreDumped: false), reboots: [.restart, .halt]), .halt),
    Case("SIGHUP and no call", ended(.signaled(1, coreDumped: false)), .signaled(1, coreDumped: false)),
    Case("SIGINT and no call", ended(.signaled(2, coreDumped: false)), .signaled(2, coreDumped: false)),
    Case(
      "SIGINT and another call", ended(.signaled(2, coreDumped: false), reboots: [.restart]),
      .signaled(2, coreDumped: false)),
    Case("unwatched SIGHUP", ended(.signaled(1, coreDumped: false), watched: false), .reboot),
    Case("unwatched SIGINT", ended(.signaled(2, coreDumped: false), watched: false), .powerOff),
  ]

  static let memory: [Case] = [
    Case("137 proves nothing", ended(.exited(137)), .exited(code: 137)),
    Case("init was killed", ended(killed, memory: kills(1, of: .yes)), oom(.initProcess, killed)),
    Case(
      "a child was killed in March, a stranger's SIGKILL in June",
      ended(killed, memory: kills(1, of: .no, before: 7_776_000_000)), .signaled(9, coreDumped: false)),
    Case(
      "whether init was one is not known", ended(killed, memory: kills(2, of: .notKnown)),
      .signaled(9, coreDumped: false)),
    Case(
      "a shell passes the death of its child on", ended(.exited(137), memory: kills(2, of: .no, before: 3)),
      oom(.child, .exited(137), kills: 2)),
    Case(
      "137 long after the kill", ended(.exited(137), memory: kills(2, of: .no, before: 60_000)), .exited(code: 137)),
    Case("137 at a time not known", ended(.exited(137), memory: kills(2, of: .no)), .exited(code: 137)),
    Case("init chose another code", ended(.exited(3), memory: kills(1, of: .no, before: 1)), .exited(code: 3)),
  ]

  static let stopped: [Case] = [
    Case(
      "exit on the signal", ended(.exited(0), [order(sent: [15])]), .stopped(by: root, how: .polite, status: .exited(0))
    ),
    Case(
      "the very signal", ended(.signaled(15, coreDumped: false), [order(sent: [37, 15])]),
      .stopped(by: root, how: .polite, status: .signaled(15, coreDumped: false))),
    Case("force", ended(killed, [order(sent: [15], kill: true)]), .stopped(by: root, how: .forced, status: killed)),
    Case("stop --signal KILL", ended(killed, [order(sent: [9])]), .stopped(by: root, how: .forced, status: killed)),
    Case(
      "it exited just before the force", ended(.exited(0), [order(sent: [15], kill: true)]),
      .stopped(by: root, how: .polite, status: .exited(0))),
    Case(
      "asked to stop, it powered itself off",
      ended(.signaled(2, coreDumped: false), reboots: [.powerOff], [order(sent: [15])]),
      .stopped(by: root, how: .polite, status: .signaled(2, coreDumped: false))),
    Case("nothing had been sent", ended(.exited(5), [order()]), .exited(code: 5)),
    Case(
      "given up, and it ended later", ended(.exited(5), [order(sent: [15], givenUp: true)]), .exited(code: 5)),
    Case(
      "forced by the one who ordered the force",
      ended(killed, [order(by: other, sent: [15], givenUp: true), order(.kill, kill: true, number: 2)]),
      .stopped(by: root, how: .forced, status: killed)),
    Case(
      "a stop waits, another one kills",
      ended(killed, [order(by: other, sent: [15]), order(.kill, kill: true, number: 2)]),
      .stopped(by: root, how: .forced, status: killed)),
    Case(
      "a stop that came to force, and then a kill",
      ended(killed, [order(by: other, sent: [15], kill: true), order(.kill, kill: true, number: 2)]),
      .stopped(by: other, how: .forced, status: killed)),
    Case(
      "the first who asked",
      ended(.exited(0), [order(by: other, sent: [15]), order(sent: [15], number: 2)]),
      .stopped(by: other, how: .polite, status: .exited(0))),
  ]

  static let meanwhile: [Case] = [
    Case(
      "a crash", ended(.signaled(11, coreDumped: false), [order(sent: [15])]), .signaled(11, coreDumped: false),
      whileStopping: 1),
    Case(
      "a stranger's SIGKILL", ended(killed, [order(sent: [15])]), .signaled(9, coreDumped: false), whileStopping: 1),
    Case(
      "out of memory", ended(killed, memory: kills(1, of: .yes), [order(sent: [15])]), oom(.initProcess, killed),
      whileStopping: 1),
    Case(
      "out of memory, and force at the same time",
      ended(killed, memory: kills(1, of: .yes), [order(sent: [15], kill: true)]), oom(.initProcess, killed),
      whileStopping: 1),
    Case(
      "a reboot", ended(.signaled(1, coreDumped: false), reboots: [.restart], [order(sent: [15])]), .reboot,
      whileStopping: 1),
    Case(
      "its own exit, and a kill at the same time", ended(.exited(9), [order(.kill, kill: true)]), .exited(code: 9),
      whileStopping: 1),
    Case(
      "its own power off, and a kill at the same time",
      ended(.signaled(2, coreDumped: false), reboots: [.powerOff], [order(.kill, kill: true)]), .powerOff,
      whileStopping: 1),
    Case(
      "not beside an order that was given up", ended(killed, [order(sent: [15], givenUp: true)]),
      .signaled(9, coreDumped: false)),
  ]

  private static let failure = StartFailure(step: "mount /proc", errno: 1, message: "mount /proc: no")
  private static let calledOff = StartFailure(step: "launch", errno: 0, message: "launch: called off")
  private static let boots = (BootID([UInt8](repeating: 1, count: 16))!, BootID([UInt8](repeating: 2, count: 16))!)

  static let without: [Case] = [
    Case("a failed start", EndFacts(initExecuted: .no, startFailure: failure), .startFailed(failure)),
    Case(
      "called off", EndFacts(initExecuted: .no, startFailure: calledOff, orders: EndOrders([order(kill: true)])),
      .stopped(by: root, how: .cancelled, status: nil)),
    Case(
      "a failure of its own while it was being called off",
      EndFacts(initExecuted: .no, startFailure: failure, orders: EndOrders([order(kill: true)])),
      .startFailed(failure), whileStopping: 1),
    Case("the controller died", EndFacts(initExecuted: .yes, fence: .controllerDied), .controllerLost),
    Case(
      "the controller died between execve and its word", EndFacts(initExecuted: .notKnown, fence: .controllerDied),
      .controllerLost),
    Case(
      "the controller died, and init is known not to have been executed",
      EndFacts(initExecuted: .no, fence: .controllerDied),
      .startFailed(StartFailure(step: "launch", errno: 0, message: "launch: the controller died"))),
    Case(
      "it was fenced, and the zombie said SIGKILL",
      EndFacts(initExecuted: .yes, status: InitStatus(killed, .zombie), fence: .controllerDied), .controllerLost),
    Case(
      "it was fenced for an order",
      EndFacts(
        initExecuted: .yes, status: InitStatus(killed, .zombie), orders: EndOrders([order(.kill, kill: true)]),
        fence: .orderOverdue(number: 1)), .stopped(by: root, how: .forced, status: killed)),
    Case(
      "it had exited by itself before it was fenced for an order",
      EndFacts(
        initExecuted: .yes, status: InitStatus(.exited(9), .zombie), orders: EndOrders([order(.kill, kill: true)]),
        fence: .orderOverdue(number: 1)), .exited(code: 9), whileStopping: 1),
    Case(
      "it was fenced for an order, and nothing saw how init ended",
      EndFacts(
        initExecuted: .yes, orders: EndOrders([order(.kill, kill: true)]), fence: .orderOverdue(number: 1)), .notKnown,
      whileStopping: 1),
    Case(
      "its controller could not be reached", EndFacts(initExecuted: .yes, fence: .controllerUnreachable),
      .controllerLost),
    Case("its record is damaged", EndFacts(initExecuted: .yes, fence: .recordUnreadable), .notKnown),
    Case("nothing of it was found", EndFacts(initExecuted: .yes, fence: .nothingFound), .notKnown),
    Case(
      "another boot", EndFacts(initExecuted: .yes, startBoot: boots.0, endBoot: boots.1), .hostReset),
    Case("the same boot", EndFacts(initExecuted: .yes, startBoot: boots.0, endBoot: boots.0), .controllerLost),
  ]

  @Test(arguments: alone + memory + stopped + meanwhile + without)
  func oneReasonFollowsFromTheFacts(_ example: Case) {
    let headline = example.facts.headline
    #expect(headline.cause == example.cause, "\(example.name)")
    #expect(headline.whileStopping?.number == example.whileStopping, "\(example.name)")
  }

  @Test func badIsWhatAnAdministratorWantsToHearOf() {
    for (cause, isBad) in [
      (EndCause.exited(code: 0), false), (.exited(code: 1), true), (.signaled(9, coreDumped: false), true),
      (.reboot, false), (.halt, false), (.powerOff, false), (.stopped(by: Self.root, how: .polite, status: nil), false),
      (.stopped(by: Self.root, how: .forced, status: nil), false), (.startFailed(Self.failure), true),
      (.controllerLost, true), (.hostReset, true), (.notKnown, true), (Self.oom(.child, Self.killed), true),
    ] { #expect(cause.isBad == isBad, "\(cause)") }
  }

  /// Every statement of the headline is in the facts, for every combination of them.
  @Test func theHeadlineSaysNoMoreThanTheFacts() {
    let statuses: [WaitStatus?] =
      [nil] + [0, 3, 137].map { .exited($0) } + [1, 2, 9, 11, 15].map { .signaled($0, coreDumped: false) }
    let reboots: [[RebootCommand]] = [[], [.restart], [.halt], [.powerOff], [.halt, .restart]]
    let memories: [MemoryKills?] =
      [nil, Self.kills(0, of: .no)]
      + [Known.yes, .no, .notKnown].flatMap { known in
        [nil, 1, 100_000].map { Self.kills(1, of: known, before: $0) }
      }
    let single: [EndOrder] = [
      Self.order(), Self.order(sent: [15]), Self.order(sent: [15], kill: true), Self.order(sent: [15], givenUp: true),
      Self.order(.kill, kill: true), Self.order(sent: [11]),
    ]
    var orders: [[EndOrder]] = [[]] + single.map { [$0] }
    for first in single {
      for var second in single {
        second.number = 2
        second.by = Self.other
        orders.append([first, second])
      }
    }
    for status in statuses {
      for reboot in reboots {
        for memory in memories {
          for given in orders {
            for fence in [nil, Fence.controllerDied, .orderOverdue(number: 1)] {
              let facts = EndFacts(
                initExecuted: .yes, status: status.map { InitStatus($0) }, reboots: reboot, memory: memory,
                orders: EndOrders(given), fence: fence)
              check(facts)
            }
          }
        }
      }
    }
  }

  private func check(_ facts: EndFacts) {
    let headline = facts.headline
    let status = facts.status?.value
    let atWork = facts.orders.kept.filter(\.isAtWork)
    switch headline.cause {
    case .exited(let code): #expect(status == .exited(code), "\(facts)")
    case .signaled(let signal, let coreDumped):
      #expect(status == .signaled(signal, coreDumped: coreDumped), "\(facts)")
      #expect(signal != 9 || !facts.orders.kept.contains(where: \.killSent), "\(facts)")
    case .oom(let oom):
      #expect(oom.status == status && facts.memory.map { $0.kills > 0 } == true, "\(facts)")
      switch oom.victim {
      case .initProcess: #expect(facts.memory?.initKilled == .yes && status == Self.killed, "\(facts)")
      case .child: #expect(facts.memory?.lastKillBeforeEndMillis == 1 && status == .exited(137), "\(facts)")
      }
    case .reboot: #expect(facts.reboots.contains(.restart) && status == .signaled(1, coreDumped: false), "\(facts)")
    case .halt: #expect(facts.reboots.contains(.halt) && status == .signaled(2, coreDumped: false), "\(facts)")
    case .powerOff: #expect(facts.reboots.contains(.powerOff) && status == .signaled(2, coreDumped: false), "\(facts)")
    case .stopped(let actor, let how, let ended):
      #expect(ended == status && headline.whileStopping == nil, "\(facts)")
      switch how {
      case .polite:
        #expect(atWork.contains { $0.by == actor && !$0.signalsSent.isEmpty }, "\(facts)")
        switch status {
        case .exited: break
        case .signaled(2, _): #expect(!facts.reboots.filter { $0 != .restart }.isEmpty, "\(facts)")
        case .signaled(let signal, _):
          #expect(atWork.contains { $0.by == actor && $0.signalsSent.contains(signal) }, "\(facts)")
        case nil: Issue.record("\(facts)")
        }
      case .forced:
        #expect(status == Self.killed && facts.orders.kept.first(where: \.killSent)?.by == actor, "\(facts)")
      case .cancelled: Issue.record("init was executed: \(facts)")
      }
    case .controllerLost:
      #expect(status == nil || (status == Self.killed && facts.fence == .controllerDied), "\(facts)")
    case .notKnown: #expect(status == nil && facts.fence == .orderOverdue(number: 1), "\(facts)")
    case .startFailed, .hostReset: Issue.record("\(facts)")
    }
    if let order = headline.whileStopping { #expect(order == atWork.first, "\(facts)") }
    if case .stopped = headline.cause { return }
    #expect((headline.whileStopping == nil) == atWork.isEmpty, "\(facts)")
  }
}

@Suite struct EndOrdersTests {
  @Test func theOldestAndTheNewestAreKeptAndTheRestIsCounted() {
    var orders = EndOrders()
    for _ in 0..<40 { orders.append(EndOrder(.stop, by: .daemon)) }
    #expect(orders.kept.map(\.number) == Array(1...8) + Array(33...40))
    #expect(orders.omitted == 24 && orders.count == 40)
    #expect(orders.append(EndOrder(.kill, by: .daemon)).number == 41)
    #expect(orders.kept.last?.verb == .kill && orders.omitted == 25)
  }

  @Test func twoAccountsOfTheSameOrdersBecomeOne() {
    var daemon = EndOrders()
    for verb in [EndOrder.Verb.stop, .restart, .kill] { daemon.append(EndOrder(verb, by: .daemon)) }
    var controller = EndOrders()
    controller.take(daemon.kept[0])
    controller.take(daemon.kept[2])
    controller.update(1) { $0.note(sent: 15) }
    controller.update(3) { $0.killSent = true }
    controller.merge(daemon)
    #expect(controller.kept.map(\.verb) == [.stop, .restart, .kill])
    #expect(controller.kept.map(\.signalsSent) == [[15], [], []])
    #expect(controller.kept.map(\.killSent) == [false, false, true])
    let once = controller
    controller.merge(daemon)
    #expect(controller == once)
  }

  @Test func anOrderThatIsToldAgainLosesNothing() {
    var orders = EndOrders()
    let order = orders.append(EndOrder(.stop, by: .daemon))
    orders.update(1) { $0.note(sent: 15) }
    orders.take(order)
    #expect(orders.kept.map(\.signalsSent) == [[15]])
  }
}

@Suite struct RecordTests {
  private func record(_ facts: EndFacts) throws -> ExitRecord {
    ExitRecord(
      guest: try GuestName("web"), run: .zero, boot: .zero, facts: facts, startedAt: nil,
      endedAt: Timestamp(nanoseconds: 1), lengthNanos: 1)
  }

  @Test func aKillThatTheWriterHadNotHeardOfIsNoStrangers() throws {
    let killed = WaitStatus.signaled(9, coreDumped: false)
    var record = try record(EndFacts(initExecuted: .yes, status: InitStatus(killed)))
    #expect(record.cause == .signaled(9, coreDumped: false))
    var orders = EndOrders()
    orders.append(EndOrder(.kill, by: .policy))
    record.add(orders)
    #expect(record.cause == .signaled(9, coreDumped: false))
    record.add(orders, fence: .orderOverdue(number: 1))
    #expect(record.cause == .stopped(by: .policy, how: .forced, status: killed))
  }

  /// A former controller knew no orders; the daemon that gave them does.
  @Test func aFormerRecordGetsTheOrdersOfTheDaemon() throws {
    let forced = EndCause.stopped(by: .user(uid: 0, pid: 7), how: .forced, status: .signaled(9, coreDumped: false))
    var record = ExitRecord(
      guest: try GuestName("web"), run: .zero, boot: .zero, cause: forced, startedAt: nil,
      endedAt: Timestamp(nanoseconds: 1), lengthNanos: 1)
    var orders = EndOrders()
    orders.append(EndOrder(.stop, by: .user(uid: 5, pid: 6)))
    orders.append(EndOrder(.kill, by: .user(uid: 0, pid: 7)))
    record.add(orders)
    #expect(record.cause == forced && !record.facts.areRecorded)
    #expect(record.facts.orders.kept.map(\.verb) == [.stop, .kill])
    #expect(record.facts.orders.kept.map(\.killSent) == [false, true], "the force was the kill's")
  }

  @Test func aFormerRecordKeepsItsCause() throws {
    for cause in [EndCause.exited(code: 3), .stopped(by: .policy, how: .forced, status: .exited(0)), .controllerLost] {
      var record = ExitRecord(
        guest: try GuestName("web"), run: .zero, boot: .zero, cause: cause, startedAt: nil,
        endedAt: Timestamp(nanoseconds: 1), lengthNanos: 1)
      var orders = EndOrders()
      orders.append(EndOrder(.kill, by: .daemon))
      record.add(orders, fence: .orderOverdue(number: 1))
      #expect(record.cause == cause && !record.facts.areRecorded)
    }
  }
}
