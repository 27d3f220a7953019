import Guest

/// What can happen to one guest, its controller, the daemon and the host, in any order.
enum Step: Hashable {
  case start, stop, kill, restart
  /// A stop without force, and the end of the oldest such order that is at work.
  case stopWithoutForce, orderGivenUp
  case remove(force: Bool)
  /// The controller of the oldest launch that is still being carried out succeeds.
  case launchSucceeds
  case launchFails
  case guestExits(code: Int32)
  case guestReboots
  case controllerDies
  /// The daemon learns of the oldest end that it has not been told of.
  case endDelivered
  /// ... and is told again.
  case endDeliveredAgain
  case lateLaunched
  case timePasses(millis: UInt64)
  /// The wall clock is stepped; boot time is not.
  case clockStepped(millis: Int64)
  case timerFires
  /// The daemon dies after storing its state and before carrying out the effects of the last input, then starts again.
  case daemonDiesBeforeEffects
  case daemonRestarts
  case hostResets
  case degraded(Bool)

  static func random(using generator: inout SplitMix) -> Step {
    switch generator.below(31) {
    case 0...3: .start
    case 4, 5: .stop
    case 6: .kill
    case 7: .restart
    case 8: .remove(force: generator.below(2) == 0)
    case 9...11: .launchSucceeds
    case 12: .launchFails
    case 13, 14: .guestExits(code: Int32(generator.below(3)))
    case 15: .guestReboots
    case 16: .controllerDies
    case 17...19: .endDelivered
    case 20: .endDeliveredAgain
    case 21: .lateLaunched
    case 22: .timePasses(millis: UInt64(generator.below(40_000)))
    case 23: .clockStepped(millis: Int64(generator.below(7_200_000)) - 3_600_000)
    case 24: .timerFires
    case 25: .daemonDiesBeforeEffects
    case 28: .stopWithoutForce
    case 29, 30: .orderGivenUp
    case 26: generator.below(2) == 0 ? .daemonRestarts : .degraded(generator.below(2) == 0)
    default: .hostResets
    }
  }
}

/// The world around one lifecycle: carries out effects as the daemon and controllers would, and checks every invariant.
struct LifecycleModel {
  struct Violation: Error { var text: String }

  private enum Controller { case launching, running }

  private(set) var guest: GuestLifecycle
  private var spec: GuestSpec
  /// Controllers alive in the world.
  private var alive: [RunID: Controller] = [:]
  /// Ends that have happened, oldest first, and that the daemon has not processed.
  private var untold: [ExitRecord] = []
  private var told: [ExitRecord] = []
  /// Run directories that exist.
  private var directories: Set<RunID> = []
  /// Runs that ended in the journal.
  private var endedRuns: Set<RunID> = []
  private var begunRuns: [RunID] = []
  private var pendingEffects: [GuestLifecycle.Effect] = []
  private var timer: BootTime?
  private var wall: Int64 = 1_800_000_000_000_000_000
  private var boot: UInt64 = 1_000_000_000
  private var bootID = RunID([UInt8](repeating: 1, count: 16))!
  private var nextRun: UInt64 = 1
  private var jitter: UInt32 = 0
  /// State as the events alone give it.
  private var replayed = GuestState.stopped
  private var deleted = false
  /// Set by an acknowledged stop: no launch until somebody asks for one.
  private var mustStay = false
  private var removedEvents = 0
  /// Runs whose newest order is without force: they run on until it is given up or they end.
  private var withoutForce: Set<RunID> = []
  private let name: GuestName

  init(spec: GuestSpec) throws {
    name = try GuestName("web")
    self.spec = spec
    guest = GuestLifecycle(name: name, defined: spec)
  }

  private var now: Moment { Moment(wall: Timestamp(nanoseconds: wall), boot: BootTime(nanoseconds: boot)) }

  private mutating func context() -> GuestLifecycle.Context {
    var bytes = [UInt8](repeating: 0, count: 16)
    for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: nextRun >> (8 * UInt64(index))) }
    nextRun += 1
    jitter = (jitter + 377) % 1000
    return GuestLifecycle.Context(now: now, nextRun: RunID(bytes)!, jitter: jitter)
  }

  mutating func perform(_ step: Step) throws {
    if deleted { return }
    let user = Actor.user(uid: 1000, pid: 4)
    switch step {
    case .start: try request(starts: true) { model, context throws(GuestError) in try model.start(by: user, context) }
    case .restart:
      try request(starts: true) { model, context throws(GuestError) in
        try model.restart(EndOrder(.restart, by: user), context)
      }
    case .stop:
      try request(stops: true) { model, context throws(GuestError) in try model.stop(EndOrder(.stop, by: user), context)
      }
    case .stopWithoutForce:
      try request(stops: true) { model, context throws(GuestError) in
        try model.stop(EndOrder(.stop, by: user, noKill: true), context)
      }
    case .orderGivenUp:
      guard let run = guest.run, let order = run.orders.current, order.noKill else { return }
      // Nothing of it ends the guest any more.
      if alive[run.id] != nil { withoutForce.remove(run.id) }
      let before = guest.state
      let transition = guest.orderGivenUp(run.id, number: order.number)
      // The guest runs on, and its policy counts.
      if before == .stopping, guest.state == .running || guest.state == .starting { mustStay = false }
      try apply(transition)
    case .kill:
      try request(stops: true) { model, context throws(GuestError) in
        try model.stop(EndOrder(.kill, by: user), context)
      }
    case .remove(let force):
      try request(stops: true) { model, context throws(GuestError) in
        try model.remove(by: user, force: force, context)
      }
    case .launchSucceeds:
      guard let run = alive.first(where: { $0.value == .launching })?.key else { return }
      alive[run] = .running
      try apply(guest.launched(run, .init(initPID: 7, initStartTime: 9, at: now)))
    case .launchFails:
      guard let run = alive.first(where: { $0.value == .launching })?.key else { return }
      end(run, .startFailed(StartFailure(step: "mount /proc", errno: 1, message: "mount /proc: no")))
    case .guestExits(let code): if let run = running { end(run, .exited(code: code)) }
    case .guestReboots: if let run = running { end(run, .reboot) }
    case .controllerDies: if let run = alive.keys.first { end(run, .controllerLost) }
    case .endDelivered: try deliver()
    case .endDeliveredAgain:
      guard let record = told.last else { return }
      let context = context()
      try apply(guest.ended(record, context))
    case .lateLaunched:
      guard let run = told.last?.run else { return }
      try apply(guest.launched(run, .init(initPID: 1, initStartTime: 1, at: now)))
    case .timePasses(let millis):
      wall += Int64(millis) * 1_000_000
      boot += millis * 1_000_000
    case .clockStepped(let millis): wall += millis * 1_000_000
    case .timerFires:
      if let timer, timer.nanoseconds > boot {
        // A timer may fire early or spuriously; but one that is due must fire.
      }
      let context = context()
      try apply(guest.timerFired(context))
    case .daemonDiesBeforeEffects:
      pendingEffects = []
      try recover(hostBooted: false)
    case .daemonRestarts: try recover(hostBooted: false)
    case .hostResets:
      // Whatever was alive is gone; records already written survive only if they were on disk: both happen.
      alive = [:]
      pendingEffects = []
      boot = 1_000_000
      bootID = RunID(bootID.bytes.map { $0 &+ 1 })!
      try recover(hostBooted: true)
    case .degraded(let degraded): try apply(guest.degraded(degraded))
    }
  }

  /// Runs everything to rest and checks what must then hold.
  mutating func settle() throws {
    for _ in 0..<200 where !deleted {
      if !pendingEffects.isEmpty { try carryOut() }
      if let run = alive.keys.first { end(run, .exited(code: 0)) }
      while !untold.isEmpty, !deleted { try deliver() }
      if deleted || (guest.state == .stopped && alive.isEmpty && pendingEffects.isEmpty) { break }
      if let timer { boot = max(boot, timer.nanoseconds) }
      if guest.state == .waiting {
        try request(stops: true) { model, context throws(GuestError) in
          try model.stop(EndOrder(.stop, by: .user(uid: 0, pid: 1)), context)
        }
      }
      // A policy that always restarts is brought to rest by a stop.
      if guest.state == .running || guest.state == .starting {
        try request(stops: true) { model, context throws(GuestError) in
          try model.stop(EndOrder(.stop, by: .user(uid: 0, pid: 1)), context)
        }
      }
    }
    guard deleted || guest.state == .stopped else { throw Violation(text: "never comes to rest: \(guest.phase)") }
    guard alive.isEmpty else { throw Violation(text: "controllers left: \(alive)") }
    for run in begunRuns where !endedRuns.contains(run) { throw Violation(text: "run \(run.short) never ended") }
    guard directories.isEmpty else { throw Violation(text: "run directories left: \(directories.map(\.short))") }
  }

  private var running: RunID? { alive.first { $0.value == .running }?.key }

  private mutating func request(
    starts: Bool = false, stops: Bool = false,
    _ body: (inout GuestLifecycle, GuestLifecycle.Context) throws(GuestError) -> GuestLifecycle.Transition
  ) throws {
    let before = guest
    let context = context()
    do {
      let transition = try body(&guest, context)
      if starts { mustStay = false }
      if stops { mustStay = true }
      try apply(transition)
    } catch is GuestError {
      guard guest == before else { throw Violation(text: "a refused request changed the state") }
    }
  }

  private mutating func end(_ run: RunID, _ cause: EndCause) {
    guard alive.removeValue(forKey: run) != nil else { return }
    untold.append(
      ExitRecord(
        guest: name, run: run, boot: bootID, cause: cause, startedAt: nil, endedAt: now.wall,
        lengthNanos: UInt64(jitter) * 100_000_000))
  }

  private mutating func deliver() throws {
    guard !untold.isEmpty else { return }
    let record = untold.removeFirst()
    told.append(record)
    let context = context()
    try apply(guest.ended(record, context))
  }

  /// What the daemon does when it starts: import records, adopt what lives, close what is lost, then go on.
  private mutating func recover(hostBooted: Bool) throws {
    timer = nil
    // Directories of runs that ended in the journal, left by a death between storing and acknowledging.
    defer { directories.subtract(endedRuns) }
    while !untold.isEmpty, !deleted { try deliver() }
    if deleted { return }
    if let run = guest.run, alive[run.id] == nil {
      let cause: EndCause =
        hostBooted
        ? .hostReset
        : directories.contains(run.id)
          ? .controllerLost
          : .startFailed(StartFailure(step: "spawn the controller", errno: 0, message: "the daemon was restarted"))
      let record = ExitRecord(
        guest: name, run: run.id, boot: bootID, cause: cause, startedAt: nil, endedAt: now.wall, lengthNanos: 0)
      told.append(record)
      let context = context()
      try apply(guest.ended(record, context))
    } else if let run = guest.run {
      if alive[run.id] == .running { try apply(guest.launched(run.id, .init(initPID: 7, initStartTime: 9, at: now))) }
      if case .stopping(let run, _) = guest.phase, let order = run.orders.current {
        pendingEffects.append(.stop(run, order))
      }
    }
    if deleted { return }
    let context = context()
    try apply(guest.daemonStarted(hostBooted: hostBooted, context), autostart: hostBooted && spec.autostart)
  }

  private mutating func apply(_ transition: GuestLifecycle.Transition, autostart: Bool = false) throws {
    for event in transition.events {
      guard event.from == replayed else {
        throw Violation(text: "event \(event.kind) from \(event.from), but the journal says \(replayed)")
      }
      if event.kind == .state, event.from == event.to { throw Violation(text: "a transition to the same state") }
      if event.kind != .state, event.from != event.to { throw Violation(text: "\(event.kind) changes the state") }
      if event.kind != .removed { replayed = event.to } else { removedEvents += 1 }
      if event.kind == .state, event.to == .starting, let run = event.run {
        guard !begunRuns.contains(run) else { throw Violation(text: "run \(run.short) began twice") }
        begunRuns.append(run)
        if autostart { mustStay = false }
        if mustStay { throw Violation(text: "a restart after an acknowledged stop") }
      }
      if let ended = event.ended {
        guard endedRuns.insert(ended.run).inserted else { throw Violation(text: "run \(ended.run.short) ended twice") }
        guard begunRuns.last == ended.run else { throw Violation(text: "a run ended that is not the present one") }
      }
    }
    guard replayed == guest.state else {
      throw Violation(text: "state \(guest.state), but the journal says \(replayed)")
    }
    if begunRuns.count - endedRuns.count > 1 { throw Violation(text: "two runs at once") }
    if (guest.run != nil) != (begunRuns.count - endedRuns.count == 1) {
      throw Violation(text: "state \(guest.state) with \(begunRuns.count - endedRuns.count) runs open")
    }
    // Effects of the input before this one have been carried out by now, unless the daemon died.
    try carryOut()
    pendingEffects = transition.effects
    // A guest that was removed takes no further input.
    if transition.effects.contains(.delete) { try carryOut() }
  }

  private mutating func carryOut() throws {
    let effects = pendingEffects
    pendingEffects = []
    for effect in effects {
      switch effect {
      case .launch(let run):
        guard alive.isEmpty else {
          throw Violation(text: "launch of \(run.id.short) while \(alive.keys.map(\.short)) lives")
        }
        // A launch that was overtaken is not carried out: the driver asks the machine.
        guard guest.run?.id == run.id else { continue }
        alive[run.id] = .launching
        directories.insert(run.id)
      case .stop(let run, let order):
        let run = run.id
        guard let controller = alive[run] else {
          // Nothing was spawned yet: the driver reports the cancelled run itself.
          if guest.run?.id == run, !untold.contains(where: { $0.run == run }) {
            untold.append(
              ExitRecord(
                guest: name, run: run, boot: bootID, cause: .stopped(by: order.by, how: .cancelled, status: nil),
                startedAt: nil, endedAt: now.wall, lengthNanos: 0))
          }
          continue
        }
        if order.noKill, controller == .running {
          withoutForce.insert(run)
          continue
        }
        if controller == .launching {
          end(run, .stopped(by: order.by, how: .cancelled, status: nil))
        } else {
          end(
            run,
            .stopped(by: order.by, how: order.isForce ? .forced : .polite, status: .signaled(15, coreDumped: false)))
        }
      case .armTimer(let due): timer = due
      case .disarmTimer: timer = nil
      case .acknowledge(let run):
        guard endedRuns.contains(run) else { throw Violation(text: "acknowledged a run whose end is not stored") }
        directories.remove(run)
      case .delete: deleted = true
      }
    }
  }
}
