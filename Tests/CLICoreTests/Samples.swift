import Guest

@testable import CLICore

/// A host on which everything has happened.
enum Samples {
  static let now = Timestamp(nanoseconds: 1_795_255_331_482_000_000)  // 2026-11-21T10:02:11.482Z

  static func ago(seconds: Double) -> Timestamp {
    Timestamp(nanoseconds: now.nanoseconds - Int64(seconds * 1_000_000_000))
  }

  static func id(_ number: UInt8) -> UUIDBytes {
    UUIDBytes([0x6f, 0x1c, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, number])!
  }

  static func name(_ text: String) -> GuestName { try! GuestName(text) }

  static let root = Actor.user(uid: 0, pid: 812)

  /// Every way to end.
  static let causes: [EndCause] = [
    .exited(code: 0), .exited(code: 3),
    .signaled(9, coreDumped: false), .signaled(11, coreDumped: true),
    .oom(
      OutOfMemory(
        victim: .initProcess, limit: .own, limitBytes: 512 << 20, kills: 1, status: .signaled(9, coreDumped: false))),
    .oom(OutOfMemory(victim: .child, limit: .parent, limitBytes: 0, kills: 2, status: .exited(137))),
    .oom(OutOfMemory(victim: .child, limit: .host, limitBytes: 0, kills: 1, status: .exited(137))),
    .reboot, .halt, .powerOff,
    .stopped(by: root, how: .polite, status: .exited(0)),
    .stopped(by: .user(uid: 1000, pid: 33), how: .forced, status: .signaled(9, coreDumped: false)),
    .stopped(by: root, how: .cancelled, status: nil),
    .startFailed(StartFailure(step: "exec", errno: 2, message: "exec /bin/httpd: No such file or directory")),
    .controllerLost, .hostReset, .notKnown,
  ]

  private static func order(_ verb: EndOrder.Verb, by actor: Actor, sent: [Int32] = [], force: Bool = false) -> EndOrder
  {
    var order = EndOrder(verb, by: actor, timeoutMillis: 10_000, number: 1, at: ago(seconds: 730))
    for signal in sent { order.note(sent: signal) }
    order.killSent = force
    return order
  }

  /// The facts behind an end of that cause.
  static func facts(_ cause: EndCause) -> EndFacts {
    var facts = EndFacts(
      initExecuted: .yes, memory: MemoryKills(kills: 0, initKilled: .no, witness: .counter, limitBytes: 512 << 20),
      startBoot: id(200), endBoot: id(200))
    switch cause {
    case .exited(let code): facts.status = InitStatus(.exited(code))
    case .signaled(let signal, let coreDumped): facts.status = InitStatus(.signaled(signal, coreDumped: coreDumped))
    case .oom(let oom):
      facts.status = InitStatus(oom.status)
      facts.memory = MemoryKills(
        kills: oom.kills, initKilled: oom.victim == .initProcess ? .yes : .no, witness: .kernelLog,
        lastKillBeforeEndMillis: 1, limit: oom.limit, limitBytes: 512 << 20)
    case .reboot:
      facts.status = InitStatus(.signaled(1, coreDumped: false))
      facts.reboots = [.restart]
    case .halt, .powerOff:
      facts.status = InitStatus(.signaled(2, coreDumped: false))
      facts.reboots = [cause == .halt ? .halt : .powerOff]
    case .stopped(let actor, let how, let status):
      facts.status = status.map { InitStatus($0) }
      switch how {
      case .polite: facts.orders.append(order(.stop, by: actor, sent: [15]))
      case .forced: facts.orders.append(order(.stop, by: actor, sent: [15], force: true))
      case .cancelled:
        facts.orders.append(order(.kill, by: actor, force: true))
        facts.initExecuted = .no
        facts.memory = nil
        facts.startFailure = StartFailure(step: "launch", errno: 0, message: "launch: called off")
      }
    case .startFailed(let failure):
      facts.initExecuted = .no
      facts.memory = nil
      facts.startFailure = failure
    case .controllerLost:
      facts.memory = nil
      facts.fence = .controllerDied
      facts.initExecuted = .notKnown
    case .hostReset:
      facts.memory = nil
      facts.startBoot = id(199)
    case .notKnown:
      facts.memory = nil
      facts.orders.append(order(.kill, by: root, force: true))
      facts.fence = .orderOverdue(number: 1)
    }
    return facts
  }

  /// Ends with more to them than a cause.
  static let mixed: [EndFacts] = {
    var crash = facts(.signaled(11, coreDumped: true))
    crash.orders.append(order(.stop, by: root, sent: [15]))
    var old = facts(.signaled(9, coreDumped: false))
    old.memory = MemoryKills(
      kills: 3, initKilled: .no, witness: .kernelLog, lastKillBeforeEndMillis: 7_776_000_000, limitBytes: 512 << 20)
    var two = facts(.stopped(by: root, how: .forced, status: .signaled(9, coreDumped: false)))
    two.orders = EndOrders()
    var givenUp = order(.stop, by: .user(uid: 1000, pid: 33), sent: [15])
    givenUp.noKill = true
    givenUp.givenUp = true
    two.orders.append(givenUp)
    two.orders.append(order(.kill, by: root, force: true))
    var zombie = facts(.exited(code: 9))
    zombie.status = InitStatus(.exited(9), .zombie)
    zombie.memory = nil
    zombie.orders.append(order(.kill, by: root, force: true))
    zombie.fence = .orderOverdue(number: 1)
    return [crash, old, two, zombie, EndFacts(formerly: .notKnown)]
  }()

  static func record(
    _ guest: String, number: UInt32, _ cause: EndCause, by: Actor = root, secondsAgo: Double = 720,
    length: Double = 10_930, usage: RunUsage = RunUsage(), tail: [String] = [], facts: EndFacts? = nil
  ) -> RunRecord {
    let facts = facts ?? Self.facts(cause)
    let ended = ExitRecord(
      guest: name(guest), run: id(UInt8(number)), boot: id(200), facts: facts,
      headline: facts.areRecorded ? facts.headline : EndHeadline(cause),
      startedAt: cause.kind == "startFailed" ? nil : ago(seconds: secondsAgo + length),
      endedAt: ago(seconds: secondsAgo), lengthNanos: UInt64(length * 1_000_000_000), usage: usage, logTail: tail)
    return RunRecord(number: number, startedBy: by, ended: ended)
  }

  static var oom: EndCause { causes[4] }

  static let web = GuestView(
    name: name("web"), state: .running, runs: 13, restarts: 1, run: id(13), startedAt: ago(seconds: 266_400.25),
    upNanos: 266_400_250_000_000, initPID: 4242,
    last: record(
      "web", number: 12, oom, by: .policy,
      usage: RunUsage(memoryPeakBytes: 512 << 20, memoryLimitBytes: 512 << 20, cpuMicros: 4_200_000),
      tail: ["GET /", "\u{1B}[31mout of memory\u{7}"]),
    autostart: true, labels: [Label("env", "prod"), Label("tier", "1")])
  static let db = GuestView(
    name: name("db"), state: .waiting, runs: 5, restarts: 4, run: nil, startedAt: nil, upNanos: 0, initPID: 0,
    last: record("db", number: 5, .exited(code: 1), by: .policy, secondsAgo: 1.2, length: 0.35),
    restart: .init(at: ago(seconds: -8), inMillis: 8000, attempt: 5, limit: 10), autostart: true)
  static let mail = GuestView(
    name: name("mail"), state: .stopped, runs: 1, restarts: 0, run: nil, startedAt: nil, upNanos: 0, initPID: 0,
    last: record("mail", number: 1, .halt, secondsAgo: 90_000))
  static let new = GuestView(
    name: name("new"), state: .stopped, runs: 0, restarts: 0, run: nil, startedAt: nil, upNanos: 0, initPID: 0,
    last: nil)
  static let sick = GuestView(
    name: name("sick"), state: .stopping, runs: 2, restarts: 0, run: id(2), startedAt: ago(seconds: 5),
    upNanos: 5_000_000_000,
    initPID: 77, last: record("sick", number: 1, .controllerLost, secondsAgo: 3600), degraded: true,
    stuckTasks: "dd (pid 81) in \u{1B}nfs_wait", note: "restarts given up: 10 within 600 s")
  static let guests = [web, db, mail, new, sick]

  static func entry(_ sequence: UInt64, seconds: Double, _ event: GuestEvent) -> JournalEntry {
    JournalEntry(sequence: sequence, time: ago(seconds: -seconds), boot: id(200), event: event)
  }

  static let events: [JournalEntry] = {
    var sequence: UInt64 = 4710
    func next(_ seconds: Double, _ event: GuestEvent) -> JournalEntry {
      sequence += 1
      return entry(sequence, seconds: seconds, event)
    }
    let labels = [Label("env", "prod")]
    var all = [
      next(-40_000, GuestEvent(.daemon, guest: nil, by: .daemon, message: "lodged 1.0 started")),
      next(0, GuestEvent(.created, guest: name("web"), by: root, labels: labels)),
      next(
        0.001,
        GuestEvent(
          .state, guest: name("web"), run: id(12), runNumber: 12, from: .stopped, to: .starting, by: root,
          labels: labels)),
      next(
        0.004,
        GuestEvent(
          .state, guest: name("web"), run: id(12), runNumber: 12, from: .starting, to: .running, by: root,
          labels: labels)),
    ]
    for (index, cause) in causes.enumerated() {
      let record = record(
        "web", number: 12, cause, usage: RunUsage(memoryPeakBytes: 3 << 20, cpuMicros: 1500))
      all.append(
        next(
          1 + Double(index),
          GuestEvent(
            .state, guest: name("web"), run: id(12), runNumber: 12, from: .running, to: .stopped,
            by: index == 10 ? root : .guest, ended: record.ended, labels: labels)))
    }
    all.append(
      next(
        28,
        GuestEvent(
          .order, guest: name("web"), run: id(12), runNumber: 12, from: .stopping, to: .stopping, by: root,
          order: EndOrder(.stop, by: root, signal: 2, noKill: true, number: 1, at: ago(seconds: -28)))))
    for facts in mixed {
      let record = record("web", number: 12, .notKnown, facts: facts)
      all.append(
        next(
          29,
          GuestEvent(
            .state, guest: name("web"), run: id(12), runNumber: 12, from: .stopping, to: .stopped, by: .guest,
            ended: record.ended)))
    }
    all.append(
      next(
        30,
        GuestEvent(
          .state, guest: name("a-guest-with-a-long-name"), from: .stopped, to: .waiting, by: .policy,
          message: "restart in 1s (attempt 1 of 10)")))
    all.append(
      next(
        31,
        GuestEvent(
          .notice, guest: name("web"), by: .policy, message: "restarts given up: 10 within 600 s\u{1B}[2J",
          notice: .restartsGivenUp)))
    all.append(
      next(32, GuestEvent(.hook, guest: name("web"), by: .daemon, message: "hook page: exit 1, given up after 3 tries"))
    )
    all.append(next(33, GuestEvent(.removed, guest: name("web"), by: .user(uid: 1000, pid: 5))))
    return all
  }()
}
