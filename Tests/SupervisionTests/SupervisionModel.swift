import Guest
import Supervision

/// What can happen to one guest, its controller, its daemon, the disk and the host, in any order.
enum Step: Hashable {
  case start, stop, kill, restart
  /// Orders without force, each with a time of its own.
  case stopWithoutForce(millis: UInt64)
  case restartWithoutForce(millis: UInt64)
  /// The controller does what its orders' times ask for: force, or giving up.
  case controllerActs
  case remove(force: Bool)
  case replace
  /// A client sends a request of before again, because it has not seen the reply.
  case sendAgain(Int)
  case commit
  /// The commit succeeds, and the daemon dies before it does anything about it.
  case commitThenDie
  case diskRefuses(Bool)
  /// The controller gets on with its launch.
  case cgroupMade, launchSucceeds, launchFails
  case guestExits(code: Int32)
  case guestReboots
  case controllerDies
  /// The daemon reads what controllers have sent.
  case newsArrives, newsArrivesAgain
  case connectionCloses
  case timePasses(millis: UInt64)
  /// The wall clock is stepped; boot time is not.
  case clockStepped(millis: Int64)
  case timerFires
  case daemonDies
  case hostResets
  /// A cleaner of the host removes the run directory, which no controller holds any more.
  case directoryVanishes
  case degraded(Bool)

  static func random(using generator: inout SplitMix) -> Step {
    switch generator.below(53) {
    case 0...3: .start
    case 4, 5: .stop
    case 6: .kill
    case 7: .restart
    case 8: .remove(force: generator.below(2) == 0)
    case 9: .replace
    case 10, 11: .sendAgain(generator.below(6))
    case 12...19: .commit
    case 20, 21: .commitThenDie
    case 22: .diskRefuses(true)
    case 23: .diskRefuses(false)
    case 24: .cgroupMade
    case 25...27: .launchSucceeds
    case 28: .launchFails
    case 29, 30: .guestExits(code: Int32(generator.below(3)))
    case 31, 32: .guestReboots
    case 33: .controllerDies
    case 34...36: .newsArrives
    case 37: .newsArrivesAgain
    case 38: .connectionCloses
    case 39: .timePasses(millis: UInt64(generator.below(40_000)))
    case 40: .clockStepped(millis: Int64(generator.below(7_200_000)) - 3_600_000)
    case 41: .timerFires
    case 42, 43: .daemonDies
    case 44: .degraded(generator.below(2) == 0)
    case 45, 46: .stopWithoutForce(millis: UInt64(generator.below(40)) * 1_000)
    case 47: .restartWithoutForce(millis: UInt64(generator.below(40)) * 1_000)
    case 48...50: .controllerActs
    case 51: .directoryVanishes
    default: .hostResets
    }
  }
}

/// A daemon of the real book, ledger, waiters and recovery, without sockets and processes, in a world of the test's own.
struct SupervisionModel {
  private enum News {
    case launched(RunID)
    case launchFailed(RunID)
    case gaveUp(RunID, order: UInt32)
    case ended(ExitRecord)
  }

  private struct Request {
    var key: RequestLedger.Key
    var digest: UInt64
    var step: Step
    var at: BootTime
  }

  private var world: ModelWorld
  // The daemon's memory: it dies with it.
  private var book: GuestBook
  private var ledger = RequestLedger()
  private var waiters = Waiters()
  private var waiting: [Waiters.ID: RunID] = [:]
  /// What callers wait for once their requests are stored.
  private var callers: [GuestBook.Ticket: (Waiters.Condition, RunID, ordered: Bool)] = [:]
  private var ordered: Set<RunID> = []
  private var prepared: Set<RunID> = []
  private var news: [News] = []
  /// Controllers whose connection is open.
  private var connected: Set<RunID> = []
  private var timer: BootTime?
  /// The run that an earlier daemon has stored.
  private var inherited: RunID?

  private var lastNews: News?
  private var sent: [Request] = []
  private var nextRun: UInt64 = 1
  private var jitter: UInt32 = 0
  private let name = GuestBookTests.web
  private let spec: GuestSpec
  /// Its controllers are of the former release.
  private let isFormer: Bool

  init(spec: GuestSpec, isFormer: Bool = false) throws {
    self.spec = spec
    self.isFormer = isFormer
    world = ModelWorld(
      StoredGuest(lifecycle: GuestLifecycle(name: name, defined: spec), createdAt: Timestamp(nanoseconds: 1)))
    book = GuestBook([world.disk.guest!])
  }

  private mutating func context() -> GuestLifecycle.Context {
    var bytes = [UInt8](repeating: 0, count: 16)
    for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: nextRun >> (8 * UInt64(index))) }
    nextRun += 1
    jitter = (jitter + 377) % 1000
    return GuestLifecycle.Context(now: world.now, nextRun: RunID(bytes)!, jitter: jitter)
  }

  private var lifecycle: GuestLifecycle? { book[name]?.current.lifecycle }

  mutating func perform(_ step: Step) throws {
    guard world.disk.guest != nil else { return }
    switch step {
    case .start, .stop, .stopWithoutForce, .kill, .restart, .restartWithoutForce, .remove, .replace:
      let id = context().nextRun
      let request = Request(
        key: .init(uid: 1000, id: id), digest: UInt64(sent.count), step: step, at: world.now.boot)
      sent.append(request)
      try ask(request)
    case .sendAgain(let back):
      guard sent.count > back else { return }
      try ask(sent[sent.count - 1 - back])
    case .controllerActs: controllerActs()
    case .commit: try commit()
    case .commitThenDie:
      guard !world.disk.refuses, let batch = book.takeBatch() else { return }
      try world.store(batch)
      try die()
    case .diskRefuses(let refuses): world.disk.refuses = refuses
    case .cgroupMade: if let run = world.controllers.keys.first { world.makeCgroup(run) }
    case .launchSucceeds:
      guard let run = world.controllers.first(where: { $0.value.phase == .launching })?.key else { return }
      try world.execute(run)
      news.append(.launched(run))
    case .launchFails:
      guard let run = world.controllers.first(where: { $0.value.phase == .launching })?.key else { return }
      world.controllers[run] = nil
      world.cgroups.remove(run)
      if world.directory?.run == run { world.directory?.isHeld = false }
      // With nobody to hear it, it is as if it had died; so another daemon tries it again.
      world.lost.insert(run)
      news.append(.launchFailed(run))
    case .guestExits(let code): if let run = running { exit(run, code) }
    case .guestReboots: if let run = running { end(run, .reboot) }
    case .controllerDies: if let run = world.controllers.keys.first { world.kill(run) }
    case .newsArrives: try hear()
    case .newsArrivesAgain:
      guard let lastNews else { return }
      try hear(lastNews)
    case .connectionCloses: try notice()
    case .timePasses(let millis):
      world.wall += Int64(millis) * 1_000_000
      world.boot += millis * 1_000_000
    case .clockStepped(let millis): world.wall += millis * 1_000_000
    case .timerFires: try fact { $0.timerFired($1) }
    case .daemonDies: try die()
    case .directoryVanishes: world.removeDirectory()
    case .hostResets:
      world.bootAgain()
      try die()
    case .degraded(let degraded): try fact { lifecycle, _ in lifecycle.degraded(degraded) }
    }
  }

  /// Lets everything come to rest, and checks what must then hold.
  mutating func settle() throws {
    world.disk.refuses = false
    for _ in 0..<300 where world.disk.guest != nil {
      try commit()
      if let run = world.controllers.first(where: { $0.value.phase == .launching })?.key {
        try world.execute(run)
        news.append(.launched(run))
      }
      while !news.isEmpty { try hear() }
      try notice()
      try commit()
      guard let lifecycle, world.disk.guest != nil else { break }
      if case .stopped = lifecycle.phase, world.controllers.isEmpty, book.isSettled { break }
      if let timer {
        world.boot = max(world.boot, timer.nanoseconds)
        try fact { $0.timerFired($1) }
      }
      controllerActs()
      // A policy that always restarts is brought to rest by a stop; an order without force comes to its end by itself.
      switch lifecycle.phase {
      case .waiting, .running, .starting: try perform(.kill)
      case .stopping(let run):
        guard run.launched != nil, run.orders.standing.allSatisfy(\.noKill) else {
          try perform(.kill)
          break
        }
        guard timer != nil else { throw Violation(text: "an order without force that has no end") }
      case .stopped: break
      }
    }
    guard world.controllers.isEmpty else { throw Violation(text: "controllers left: \(world.controllers.keys)") }
    for run in world.disk.begun where world.disk.ended[run] == nil {
      throw Violation(text: "run \(run.short) never ended")
    }
    guard let guest = world.disk.guest else { return }
    guard guest.lifecycle.state == .stopped else { throw Violation(text: "never rests: \(guest.lifecycle.phase)") }
    guard world.directory == nil else { throw Violation(text: "a run directory is left") }
    guard world.cgroups.isEmpty else { throw Violation(text: "cgroups are left") }
    guard waiting.isEmpty, waiters.count == 0 else { throw Violation(text: "waiters are left") }
  }

  private var running: RunID? { world.controllers.first { $0.value.phase == .running }?.key }

  // MARK: Requests

  private mutating func ask(_ request: Request) throws {
    let now = world.now
    switch ledger.look(request.key, digest: request.digest, now: now.boot) {
    case .conflict: throw Violation(text: "a request is taken for another one")
    case .known(let record, _):
      // Begun again only after it was forgotten; then it is answered by the newest.
      if let runs = world.disk.runsOfRequests[request.key], case .started(let run) = record.sequel, runs.last != run {
        throw Violation(text: "one request began \(runs.map(\.short)), and is answered by \(run.short)")
      }
      return
    case .new: break
    }
    if let runs = world.disk.runsOfRequests[request.key], !runs.isEmpty, !isForgotten(request) {
      throw Violation(text: "a request that began \(runs.map(\.short)) is not known any more")
    }
    // Each order has an actor of its own.
    let user = Actor.user(uid: 1000, pid: Int32(clamping: nextRun))
    let weight: GuestBook.Weight
    switch request.step {
    case .stop, .stopWithoutForce(_), .kill: weight = .order
    default: weight = .request
    }
    let context = context()
    let former = lifecycle?.run
    var decided: RequestLedger.Record?
    do {
      _ = try book.find(name)
      if book.isRefused, weight == .request { return }
      let decision = try book.decide(
        name, weight, context,
        request: { lifecycle in
          let sequel: RequestLedger.Sequel
          switch request.step {
          case .start: sequel = .started(lifecycle.run?.id ?? .zero)
          case .restart, .restartWithoutForce:
            sequel = .restarted(
              former: former.flatMap { _ in .init(newestOf: lifecycle) },
              number: lifecycle.runCount + (former == nil ? 0 : 1))
          case .remove: sequel = .removed(lifecycle.run?.id)
          case .replace: sequel = .defined(atNextStart: lifecycle.isSpecPending)
          default: sequel = .stopped(.init(newestOf: lifecycle))
          }
          decided = .init(key: request.key, digest: request.digest, guest: lifecycle.name, sequel: sequel, at: now.wall)
          return decided
        },
        { lifecycle, context throws(GuestError) in
          switch request.step {
          case .start: try lifecycle.start(by: user, context)
          case .restart: try lifecycle.restart(EndOrder(.restart, by: user), context)
          case .kill: try lifecycle.stop(EndOrder(.kill, by: user), context)
          case .stopWithoutForce(let millis):
            try lifecycle.stop(EndOrder(.stop, by: user, timeoutMillis: millis, noKill: true), context)
          case .restartWithoutForce(let millis):
            try lifecycle.restart(EndOrder(.restart, by: user, timeoutMillis: millis, noKill: true), context)
          case .remove(let force): try lifecycle.remove(by: user, force: force, context)
          case .replace: lifecycle.configure(lifecycle.defined, by: user)
          default: try lifecycle.stop(EndOrder(.stop, by: user), context)
          }
        })
      if let decided {
        ledger.decided(decided, decision.ticket, now: now.boot)
        switch decided.sequel {
        case .started(let run): callers[decision.ticket] = (.outcome(run), run, false)
        case .stopped(let end?), .restarted(let end?, _):
          let condition = end.order.map { Waiters.Condition.carriedOut(end.run, order: $0) } ?? .ended(end.run)
          callers[decision.ticket] = (condition, end.run, true)
        case .removed(let run?): callers[decision.ticket] = (.ended(run), run, true)
        case .stopped(nil), .removed(nil), .restarted(nil, _), .defined, .signaled: break
        }
      }
      try follow(decision)
    } catch is GuestError {}
  }

  /// Ten minutes by one of the clocks have passed, so it may be.
  private func isForgotten(_ request: Request) -> Bool {
    guard let stored = world.disk.requests.last(where: { $0.key == request.key }) else { return true }
    let byWall = world.now.wall.nanoseconds - stored.at.nanoseconds
    return byWall >= 500_000_000_000 || world.now.boot.since(request.at) >= 500_000_000_000
  }

  private mutating func wait(_ condition: Waiters.Condition, _ run: RunID, ordered: Bool) {
    let id = waiters.makeID()
    if waiters.register(id, condition, of: name, ordered: ordered, in: book) == nil { waiting[id] = run }
  }

  // MARK: The daemon

  private mutating func fact(
    _ body: (inout GuestLifecycle, GuestLifecycle.Context) -> GuestLifecycle.Transition
  ) throws {
    guard book[name] != nil else { return }
    let context = context()
    try follow(
      try book.decide(name, .fact, context) { lifecycle, context throws(GuestError) in body(&lifecycle, context) })
  }

  private mutating func follow(_ decision: GuestBook.Decision) throws {
    try follow(decision.steps)
    // A controller is spawned while its start is being stored, where the folder is free.
    if let run = decision.launching, world.directory == nil, !book.isRefused {
      try world.spawn(run.id)
      prepared.insert(run.id)
    }
  }

  private mutating func commit() throws {
    if !world.disk.refuses { book.diskWorks() }
    while let batch = book.takeBatch() {
      if world.disk.refuses { return try follow(book.refused(GuestBookTests.noSpace)) }
      try world.store(batch)
      book.stored()
      while let steps = book.finishNext() { try follow(steps) }
      if book.isSettled { world.disk.boot = world.bootID }
    }
  }

  private mutating func follow(_ steps: [GuestBook.Step]) throws {
    for step in steps {
      switch step {
      case .publish: break
      case .settled(let ticket):
        if let (condition, run, ordered) = callers.removeValue(forKey: ticket) {
          wait(condition, run, ordered: ordered)
        }
      case .refused(let ticket, _): callers[ticket] = nil
      case .perform(let effect, _): try act(effect)
      case .look(_, let ended): try answer(waiters.look(at: name, ended: ended, in: book))
      case .removed(_, let ended): try answer(waiters.removed(name, ended: ended))
      case .discard(let run, _): discard(run)
      case .requestStored(let key): ledger.stored(key)
      case .requestRefused(let key): ledger.refused(key)
      }
    }
  }

  /// Nothing is an answer that is not on the disk, but to those who ordered it, and then it says so.
  private mutating func answer(_ answers: [(id: Waiters.ID, answer: Waiters.Answer)]) throws {
    for (id, answer) in answers {
      guard let run = waiting.removeValue(forKey: id) else { throw Violation(text: "a waiter was answered twice") }
      switch answer {
      case .ended(let record):
        if world.disk.ended[record.ended.run] == nil { throw Violation(text: "an end is told that is not stored") }
      case .holds:
        if !world.disk.launched.contains(run) { throw Violation(text: "a launch is told, not stored") }
      case .unstored(let record):
        if world.disk.ended[record.ended.run] != nil { throw Violation(text: "an end is told not to be stored") }
      case .givenUp:
        // Said to callers whose order has an end of its own, and only once that is so on the disk, if the disk takes it.
        guard book.isRefused || world.disk.givenUp.contains(where: { $0.run == run }) else {
          throw Violation(text: "an order is said to be given up, not stored")
        }
      case .gone, .stuck: break
      }
    }
  }

  private mutating func discard(_ run: RunID) {
    guard prepared.remove(run) != nil else { return }
    world.controllers[run] = nil
    if world.directory?.run == run { world.directory = nil }
  }

  private mutating func act(_ effect: GuestLifecycle.Effect) throws {
    switch book.act(for: effect, of: name) {
    case .discard(let run): discard(run)
    case nil: break
    case .launch(let run):
      if world.controllers[run.id] == nil { try world.spawn(run.id) }
      prepared.remove(run.id)
      ordered.insert(run.id)
      connected.insert(run.id)
      world.controllers[run.id]?.phase = .launching
    case .stop(let run, let order):
      if prepared.contains(run.id) {
        discard(run.id)
        news.append(.ended(untold(run, .notExecuted)))
        return
      }
      guard connected.contains(run.id), let controller = world.controllers[run.id] else {
        // What it has sent is heard first.
        if world.directory?.isHeld != true, news.isEmpty || !connected.contains(run.id) { try look() }
        return
      }
      switch controller.phase {
      // Without force it waits until it is known whether init was executed.
      case .launching where order.noKill && !isFormer: world.give(order, to: run.id)
      case .idle, .launching: end(run.id, .stopped(by: order.by, how: .cancelled, status: nil))
      // It runs on until it ends by itself, it comes to force, or no order stands.
      case .running where !order.isForce: world.give(order, to: run.id)
      case .running:
        world.give(order, to: run.id)
        force(run.id, order.number)
      }
    case .armTimer(let due): timer = due
    case .disarmTimer: timer = nil
    case .acknowledge(let run, let folderStays): try acknowledge(run, folderStays: folderStays)
    case .delete: world.directory = nil
    }
  }

  private mutating func acknowledge(_ run: RunID, folderStays: Bool) throws {
    guard world.disk.ended[run] != nil else { throw Violation(text: "acknowledged, and not stored") }
    world.cgroups.remove(run)
    ordered.remove(run)
    // The folder may be another run's by now, with an end that is not stored yet.
    if let other = world.directory?.run,
      other == run || !world.disk.begun.contains(other) || world.disk.ended[other] != nil
    {
      world.directory = folderStays ? .init(run: run, isHeld: false) : nil
    }
  }

  /// What the times of its orders ask a controller for. One of the former release keeps to itself that it gave up.
  private mutating func controllerActs() {
    guard let run = running, let controller = world.controllers[run] else { return }
    for order in controller.orders.standing {
      guard world.now.boot.nanoseconds >= order.moment(after: order.politeMillis(spec.stop), world.now).nanoseconds
      else {
        continue
      }
      guard order.noKill else { return force(run, order.number) }
      _ = world.controllers[run]?.orders.giveUp(order.number)
      if !isFormer { news.append(.gaveUp(run, order: order.number)) }
    }
  }

  private mutating func force(_ run: RunID, _ number: UInt32) {
    let killed = WaitStatus.signaled(9, coreDumped: false)
    guard let order = world.controllers[run]?.orders.kept.first(where: { $0.number == number }) else { return }
    if isFormer { return end(run, .stopped(by: order.by, how: .forced, status: killed)) }
    world.controllers[run]?.orders.update(number) { $0.killSent = true }
    end(run, facts: EndFacts(initExecuted: .yes, status: InitStatus(killed)))
  }

  /// Init exits, by itself or because it was asked to: it is all the same to it.
  private mutating func exit(_ run: RunID, _ code: Int32) {
    guard isFormer else { return end(run, facts: EndFacts(initExecuted: .yes, status: InitStatus(.exited(code)))) }
    // The former release kept the actor of the last order, also of one that it had given up.
    let actor = world.controllers[run]?.orders.last?.by
    end(run, actor.map { .stopped(by: $0, how: .polite, status: .exited(code)) } ?? .exited(code: code))
  }

  private mutating func end(_ run: RunID, facts: EndFacts) {
    var facts = facts
    facts.orders = world.controllers[run]?.orders ?? EndOrders()
    guard let record = world.end(run, .notKnown, length: 0) else { return }
    let full = ExitRecord(
      guest: record.guest, run: run, boot: record.boot, facts: facts, startedAt: nil, endedAt: record.endedAt,
      lengthNanos: UInt64(jitter) * 100_000_000)
    if world.directory?.run == run { world.directory?.record = full }
    news.append(.ended(full))
  }

  private mutating func end(_ run: RunID, _ cause: EndCause) {
    if let record = world.end(run, cause, length: UInt64(jitter) * 100_000_000) { news.append(.ended(record)) }
  }

  private mutating func hear() throws {
    guard !news.isEmpty else { return }
    try hear(news.removeFirst())
  }

  private mutating func hear(_ piece: News) throws {
    lastNews = piece
    switch piece {
    case .launched(let run):
      let launched = GuestLifecycle.Launched(initPID: 7, initStartTime: 9, at: world.now)
      try fact { lifecycle, _ in lifecycle.launched(run, launched) }
    case .launchFailed(let run):
      connected.remove(run)
      let record = ExitRecord(
        guest: name, run: run, boot: world.bootID,
        cause: .startFailed(StartFailure(step: "mount /proc", errno: 1, message: "mount /proc: no")), startedAt: nil,
        endedAt: world.now.wall, lengthNanos: 0)
      try fact { $0.ended(record, $1) }
    case .gaveUp(let run, let order): try fact { lifecycle, _ in lifecycle.orderGivenUp(run, number: order) }
    case .ended(let record):
      connected.remove(record.run)
      try fact { $0.ended(record, $1) }
    }
  }

  /// A connection whose controller has gone is at its end, once everything it sent has been heard.
  private mutating func notice() throws {
    for run in prepared where world.controllers[run] == nil {
      prepared.remove(run)
      if world.directory?.run == run { world.directory = nil }
    }
    guard news.isEmpty, let run = lifecycle?.run, connected.contains(run.id), world.controllers[run.id] == nil else {
      return
    }
    connected.remove(run.id)
    try look()
  }

  // MARK: A daemon that comes back

  private mutating func die() throws {
    let hostBooted = world.disk.boot != world.bootID
    world.loseDaemon()
    book = GuestBook(world.disk.guest.map { [$0] } ?? [])
    ledger = RequestLedger(world.disk.requests, now: world.now)
    waiters = Waiters()
    waiting = [:]
    callers = [:]
    ordered = []
    prepared = []
    news = []
    lastNews = nil
    connected = []
    timer = nil
    // Groups of runs that are not present are left by a death between storing an end and acknowledging it.
    world.cgroups = world.cgroups.filter { $0 == lifecycle?.run?.id }
    inherited = world.directory == nil ? lifecycle?.run?.id : nil
    guard world.disk.guest != nil else { return }
    try look(hostBooted: hostBooted)
    try fact { $0.daemonStarted(hostBooted: hostBooted, $1) }
  }

  private mutating func look(hostBooted: Bool = false) throws {
    guard let lifecycle else { return }
    let run = lifecycle.run
    var directory = Recovery.Found.Directory.none
    if let found = world.directory { directory = found.isHeld ? .held : .free(record: found.record?.run) }
    let found = Recovery.Found(
      directory: directory,
      cgroup: run.map { world.cgroups.contains($0.id) ? .empty : .absent } ?? .absent,
      hostBooted: hostBooted, wasOrdered: run.map { ordered.contains($0.id) } ?? false,
      isInherited: run.map { inherited == $0.id } ?? false)
    switch Recovery.verdict(lifecycle.phase, found) {
    case .nothing: break
    case .clear:
      if let holder = world.directory?.run { world.controllers[holder] = nil }
      world.directory = nil
    case .ask:
      guard let holder = world.directory?.run, let controller = world.controllers[holder] else {
        throw Violation(text: "a lock without a holder")
      }
      try asked(lifecycle.phase, holder, controller)
    case .importRecord: if let record = world.directory?.record { try fact { $0.ended(record, $1) } }
    case .end(let end):
      guard let run else { throw Violation(text: "an end without a run") }
      let record = untold(run, end)
      try fact { $0.ended(record, $1) }
    case .launch:
      guard let run else { throw Violation(text: "a launch without a run") }
      if let directory = world.directory, !directory.isHeld { world.directory = nil }
      try act(.launch(run))
    }
  }

  private mutating func asked(
    _ phase: GuestLifecycle.Phase, _ holder: RunID, _ controller: ModelWorld.Controller
  ) throws {
    let status: Recovery.Status.Phase =
      switch controller.phase {
      case .idle: .idle
      case .launching: .launching
      case .running: .running
      }
    // A former controller says only whether it is stopping.
    let isStopping = !controller.orders.standing.isEmpty
    let numbers = isFormer ? nil : Set(controller.orders.kept.map(\.number))
    let account = Recovery.Status(
      run: holder, phase: status == .running && isStopping ? .stopping : status, orders: numbers)
    switch Recovery.adoption(phase, account) {
    case .dismiss:
      world.controllers[holder] = nil
      world.directory?.isHeld = false
      try look()
    case .adopt(let orders):
      ordered.insert(holder)
      connected.insert(holder)
      if case .running = controller.phase { try hear(.launched(holder)) }
      for order in controller.orders.kept where order.givenUp && !isFormer {
        try hear(.gaveUp(holder, order: order.number))
      }
      for order in orders { if let run = lifecycle?.run { try act(.stop(run, order)) } }
    }
  }

  /// As the daemon makes it.
  private func untold(_ run: GuestLifecycle.Run, _ end: Recovery.UntoldEnd) -> ExitRecord {
    Recovery.record(
      of: run, name, end, seen: LastSeen(wasOrdered: ordered.contains(run.id)), now: world.now, boot: world.bootID,
      formerBoot: world.disk.boot)
  }
}
