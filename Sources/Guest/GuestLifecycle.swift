// The life of one guest.
//
//                     start                launched
//      +---------> STOPPED ---> STARTING -----------> RUNNING
//      |              ^            |                    |   |
//      |       ended, |            | stop          stop |   | ended, and the policy
//      |     no more  |            v                    |   | wants it back
//      |    restarts  +-------- STOPPING <--------------+   |
//      |                      (ended)                       v
//      +--------------------------------------- stop --- WAITING ---(time is up)---> STARTING
//
// An order without force stands until its time is up. When no order stands any more, STOPPING leads back to RUNNING.
//
// Inputs are facts and requests, outputs are events and effects. It has no clock, socket or task: its driver supplies
// the time, and carries out the effects after the new state and the events are safely stored.
//
// Invariants (held by a model test): at most one live run; every run ends exactly once; after an acknowledged stop no
// restart; an event for every change of state, and the events alone give the state.

/// One guest's state, and every decision about it.
public struct GuestLifecycle: Sendable, Hashable {
  /// A start, from the moment it is decided.
  public struct Run: Sendable, Hashable {
    public var id: RunID
    /// 1 is the guest's first run.
    public var number: UInt32
    public var startedBy: Actor
    /// In force for this run, whatever is defined for the next one meanwhile.
    public var spec: GuestSpec
    /// Set once init has been executed.
    public var launched: Launched?
    /// Every order to end it, also those that were given up.
    public var orders: EndOrders

    public init(
      id: RunID, number: UInt32, startedBy: Actor, spec: GuestSpec, launched: Launched? = nil,
      orders: EndOrders = EndOrders()
    ) {
      self.id = id
      self.number = number
      self.startedBy = startedBy
      self.spec = spec
      self.launched = launched
      self.orders = orders
    }
  }

  /// The controller's report that init has been executed.
  public struct Launched: Sendable, Hashable {
    public var initPID: Int32
    /// Field 22 of `/proc/PID/stat`: with the pid it names one process for ever.
    public var initStartTime: UInt64
    public var at: Moment

    public init(initPID: Int32, initStartTime: UInt64, at: Moment) {
      self.initPID = initPID
      self.initStartTime = initStartTime
      self.at = at
    }
  }

  /// The action after a run that was ordered to end; see `EndOrders.consequence`.
  public enum AfterStop: Sendable, Hashable {
    case stay
    case start(by: Actor)
    case remove(by: Actor)
  }

  /// A restart that the policy has decided on.
  public struct PendingRestart: Sendable, Hashable {
    public var attempt: UInt32
    public var delayMillis: UInt64
    public var due: Moment

    public init(attempt: UInt32, delayMillis: UInt64, due: Moment) {
      self.attempt = attempt
      self.delayMillis = delayMillis
      self.due = due
    }
  }

  public enum Phase: Sendable, Hashable {
    case stopped
    case starting(Run)
    case running(Run)
    /// An order of the run stands. The orders that stand at its end say what follows.
    case stopping(Run)
    case waiting(PendingRestart)
  }

  /// The parts of the defined spec that decisions need. A changed policy counts at once, also for a run that began
  /// under another one.
  public struct Settings: Sendable, Hashable {
    public var restart: RestartPolicy
    public var autostart: Bool
    public var transient: Bool
    public var labels: [Label]

    public init(
      restart: RestartPolicy = RestartPolicy(), autostart: Bool = false, transient: Bool = false, labels: [Label] = []
    ) {
      self.restart = restart
      self.autostart = autostart
      self.transient = transient
      self.labels = labels
    }

    public init(_ spec: GuestSpec) {
      self.init(restart: spec.restart, autostart: spec.autostart, transient: spec.transient, labels: spec.labels)
    }
  }

  /// The driver's addition to every input: the time, and a random number.
  public struct Context: Sendable, Hashable {
    public var now: Moment
    /// Identity of the next run, should this input start one.
    public var nextRun: RunID
    /// 0 to 999.
    public var jitter: UInt32

    public init(now: Moment, nextRun: RunID, jitter: UInt32 = 0) {
      self.now = now
      self.nextRun = nextRun
      self.jitter = jitter
    }
  }

  /// Carried out after the state and the events are stored, in this order. An effect carries all that it needs: by then
  /// the guest may have been changed.
  public enum Effect: Sendable, Hashable {
    /// Start the run with the spec in it.
    case launch(Run)
    /// Carry out this order, by the stop policy of the run's own spec, beside the orders that the run has already.
    case stop(Run, EndOrder)
    /// Report back at this time, unless disarmed or armed for another time before.
    case armTimer(BootTime)
    case disarmTimer
    /// The end of this run is stored: its run directory can go.
    case acknowledge(RunID)
    /// Remove the guest. `with`: the run with whose end a transient guest goes; its output may still be read.
    case delete(with: RunID?)
  }

  /// The answer to one input: the state has changed already.
  public struct Transition: Sendable, Hashable {
    public var events: [GuestEvent] = []
    public var effects: [Effect] = []
    /// The run that this input ended.
    public var ended: RunRecord?

    public init() {}
  }

  public let name: GuestName
  /// The spec that the next start takes. The present run has `run?.spec`.
  public private(set) var defined: GuestSpec
  public private(set) var phase: Phase
  public private(set) var runCount: UInt32
  public private(set) var restarts: RestartHistory
  public private(set) var last: RunRecord?
  /// Should it run? Set by the verbs, cleared when it has come to rest.
  public private(set) var desired: Bool
  /// Why it stays as it is, for people; empty if there is nothing to say.
  public private(set) var note: String
  /// Its controller does not answer.
  public private(set) var degraded = false
  /// Tasks that a kill has not ended.
  public private(set) var stuckTasks = ""

  /// A new guest, stopped.
  public init(name: GuestName, defined: GuestSpec) {
    self.init(
      name: name, defined: defined, phase: .stopped, runCount: 0, restarts: RestartHistory(), last: nil,
      desired: false)
  }

  /// A guest as it was stored.
  public init(
    name: GuestName, defined: GuestSpec, phase: Phase, runCount: UInt32, restarts: RestartHistory, last: RunRecord?,
    desired: Bool, note: String = ""
  ) {
    self.name = name
    self.defined = defined
    self.phase = phase
    self.runCount = runCount
    self.restarts = restarts
    self.last = last
    self.desired = desired
    self.note = note
  }

  public var state: GuestState {
    switch phase {
    case .stopped: .stopped
    case .starting: .starting
    case .running: .running
    case .stopping: .stopping
    case .waiting: .waiting
    }
  }

  public var settings: Settings { Settings(defined) }

  /// The present run has another spec than the next one will have.
  public var isSpecPending: Bool { run.map { $0.spec != defined } ?? false }

  /// The run that is starting, running or stopping.
  public var run: Run? {
    switch phase {
    case .starting(let run), .running(let run), .stopping(let run): run
    case .stopped, .waiting: nil
    }
  }
}

// MARK: Requests

extension GuestLifecycle {
  /// An administrator wants it to run.
  public mutating func start(by actor: Actor, _ context: Context) throws(GuestError) -> Transition {
    try checkIsKnown("start")
    switch phase {
    case .stopped, .waiting:
      var transition = Transition()
      if case .waiting = phase { transition.effects.append(.disarmTimer) }
      restarts = RestartHistory()
      desired = true
      begin(by: actor, message: "", context, &transition)
      return transition
    case .starting: throw wrongState("start", "it is starting already", hint: "lodge wait \(name) --for running")
    case .running: throw wrongState("start", "it is running already", hint: "lodge restart \(name)")
    case .stopping:
      throw wrongState("start", "it is stopping", hint: "lodge wait \(name) --for stopped, then start it again")
    }
  }

  /// An administrator wants it to end and to stay so.
  public mutating func stop(_ order: EndOrder, _ context: Context) throws(GuestError) -> Transition {
    try checkSignal(of: order, "stop")
    var transition = Transition()
    let verb = order.isForce ? "kill" : "stop"
    switch phase {
    case .stopped:
      throw wrongState(verb, "it is stopped already\(lastEndInWords)", hint: last == nil ? nil : "lodge why \(name)")
    case .starting(let run), .running(let run), .stopping(let run):
      give(order, to: run, context, &transition)
      return transition
    case .waiting:
      transition.effects.append(.disarmTimer)
      change(to: .stopped, by: order.by, message: "restart cancelled", &transition)
    }
    desired = false
    if settings.transient, state == .stopped { remove(by: order.by, &transition) }
    return transition
  }

  private func checkSignal(of order: EndOrder, _ verb: String) throws(GuestError) {
    guard let fault = order.signal.flatMap({ StopPolicy.fault(ofPolite: $0) }) else { return }
    throw GuestError(.invalidArgument, "\(verb) \(name): \(fault)")
  }

  /// An administrator wants it ended, if it runs, and started anew.
  public mutating func restart(_ order: EndOrder, _ context: Context) throws(GuestError) -> Transition {
    try checkSignal(of: order, "restart")
    try checkIsKnown("restart")
    var transition = Transition()
    switch phase {
    case .stopped, .waiting:
      return try start(by: order.by, context)
    case .starting(let run), .running(let run), .stopping(let run):
      if case .remove? = run.orders.consequence { throw wrongState("restart", "it is being removed") }
      give(order, to: run, context, &transition)
    }
    return transition
  }

  /// An administrator wants it removed. With `force` it is killed first.
  public mutating func remove(by actor: Actor, force: Bool, _ context: Context) throws(GuestError) -> Transition {
    var transition = Transition()
    let order = EndOrder(.remove, by: actor)
    switch phase {
    case .stopped:
      remove(by: actor, &transition)
    case .waiting:
      transition.effects.append(.disarmTimer)
      change(to: .stopped, by: actor, message: "restart cancelled", &transition)
      remove(by: actor, &transition)
    case .starting(let run), .running(let run):
      guard force else {
        throw wrongState(
          "remove", "it is \(state.word)",
          hint: "lodge stop \(name), or lodge rm --force \(name)")
      }
      give(order, to: run, context, &transition)
    case .stopping(let run):
      guard force else { throw wrongState("remove", "it is stopping", hint: "lodge wait \(name) --for stopped") }
      give(order, to: run, context, &transition)
    }
    desired = false
    return transition
  }

  /// The spec was changed. It takes effect at the next start of a running guest; its restart policy counts at once.
  ///
  /// A restart that waits was decided by the former policy: it is called off where the new one wants none.
  public mutating func configure(_ spec: GuestSpec, by actor: Actor) -> Transition {
    defined = spec
    note = ""
    var transition = Transition()
    if case .waiting = phase, let last, !spec.restart.wants(last.ended.cause) {
      desired = false
      transition.effects.append(.disarmTimer)
      change(to: .stopped, by: actor, message: "restart called off by the new policy", &transition)
    }
    transition.events.append(
      GuestEvent(
        .changed, guest: name, from: state, to: state, by: actor,
        message: isSpecPending ? "takes effect at the next start" : "", labels: settings.labels))
    return transition
  }

  /// The event of a signal that is sent to init and is no order: it may end the guest all the same.
  public func signaling(_ signal: Int32, by actor: Actor) -> GuestEvent {
    GuestEvent(
      .notice, guest: name, run: run?.id, runNumber: run?.number ?? 0, from: state, to: state, by: actor,
      message: "kill sends init \(SignalName.name(signal))", labels: settings.labels)
  }

  /// The event of a guest that has just been defined.
  public func created(by actor: Actor) -> Transition {
    var transition = Transition()
    transition.events.append(GuestEvent(.created, guest: name, by: actor, labels: settings.labels))
    return transition
  }
}

// MARK: Facts

extension GuestLifecycle {
  /// Init of that run has been executed. Of any other run than the present one: nothing happens.
  public mutating func launched(_ id: RunID, _ launched: Launched) -> Transition {
    var transition = Transition()
    switch phase {
    case .starting(var run) where run.id == id:
      run.launched = launched
      change(to: .running(run), by: run.startedBy, message: "", &transition)
    case .stopping(var run) where run.id == id && run.launched == nil:
      run.launched = launched
      phase = .stopping(run)
      armGivingUp(launched.at, &transition)
    case .stopped, .waiting, .starting, .running, .stopping: break
    }
    return transition
  }

  /// A run has ended: reported by the controller, read from its record, or found lost. Each run ends once: for a
  /// repeated report, or one of a run long past, only the acknowledgement is repeated.
  ///
  /// The record gets the orders that its writer had not received.
  public mutating func ended(_ record: ExitRecord, _ context: Context) -> Transition {
    var transition = Transition()
    var record = record
    transition.effects.append(.acknowledge(record.run))
    guard self.run?.id == record.run else { return transition }
    giveUpBefore(record, &transition)
    guard let run else { return transition }
    record.add(run.orders)
    let ended = RunRecord(number: run.number, startedBy: run.startedBy, ended: record)
    let before = phase
    degraded = false
    stuckTasks = ""
    last = ended
    transition.ended = ended

    if case .stopping = before {
      if run.orders.nextGivenUpAt(run.spec.stop, now: context.now) != nil { transition.effects.append(.disarmTimer) }
      change(to: .stopped, by: byWhom(record.cause), message: "", ended: record, run: run, &transition)
      switch run.orders.consequence {
      case .stay, nil: break
      case .start(let actor):
        restarts = RestartHistory()
        begin(by: actor, message: "restart", context, &transition)
        return transition
      case .remove(let actor):
        remove(by: actor, &transition)
        return transition
      }
      desired = false
      if settings.transient { remove(by: .daemon, with: record.run, &transition) }
      return transition
    }

    change(to: .stopped, by: byWhom(record.cause), message: "", ended: record, run: run, &transition)
    if settings.transient {
      desired = false
      remove(by: .daemon, with: record.run, &transition)
      return transition
    }
    // An order was at work that is not known here: the record has it, and a stop wins over every policy, however the guest
    // went.
    if let order = record.facts.orders.kept.last(where: \.isAtWork), order.verb == .restart {
      restarts = RestartHistory()
      begin(by: order.by, message: "restart", context, &transition)
      return transition
    }
    if isOrdered(record) {
      desired = false
      return transition
    }
    // A user who started it got the failure as the reply, and can correct the cause.
    if case .startFailed = record.cause, case .user = run.startedBy {
      desired = false
      return transition
    }
    // A restart was decided and stored, and the host went down before it was known to be carried out: it still is to be,
    // after a pause that grows, in case it was this start that took the host down.
    if case .starting = before, record.cause == .hostReset, run.startedBy == .policy, settings.restart.mode != .never {
      restarts.attempt += 1
      restarts.total += 1
      let delay = settings.restart.delayMillis(attempt: restarts.attempt, jitter: context.jitter)
      let due = Moment(
        wall: Timestamp(nanoseconds: context.now.wall.nanoseconds &+ Int64(clamping: delay) &* 1_000_000),
        boot: context.now.boot.adding(milliseconds: delay))
      wait(until: due, delayMillis: delay, &transition)
      return transition
    }
    switch settings.restart.decide(
      cause: record.cause, lengthNanos: record.lengthNanos, history: restarts, now: context.now.boot,
      jitter: context.jitter)
    {
    case .stay:
      desired = false
    case .giveUp(let count):
      desired = false
      note = "restarts given up: \(count) within \(settings.restart.limitWindowMillis / 1000) s"
      transition.events.append(
        GuestEvent(
          .notice, guest: name, from: .stopped, to: .stopped, by: .policy, message: note, labels: settings.labels,
          notice: .restartsGivenUp))
    case .restart(let delay, let history):
      restarts = history
      if delay == 0 {
        begin(by: .policy, message: "restart \(ordinal)", context, &transition)
      } else {
        let due = Moment(
          wall: Timestamp(nanoseconds: context.now.wall.nanoseconds &+ Int64(clamping: delay) &* 1_000_000),
          boot: context.now.boot.adding(milliseconds: delay))
        wait(until: due, delayMillis: delay, &transition)
      }
    }
    return transition
  }

  /// An order without force has come to its end, and the guest runs on. Once no order stands it is running again, as if none
  /// had been given, and its policy counts.
  public mutating func orderGivenUp(_ id: RunID, number: UInt32) -> Transition {
    var transition = Transition()
    if run?.id == id { giveUp(number, "", &transition) }
    return transition
  }

  /// The timer fired. Early or late, for what it was armed for or for what has been cancelled since: only a restart that is
  /// due happens, and only orders whose time is up are given up.
  public mutating func timerFired(_ context: Context) -> Transition {
    var transition = Transition()
    switch phase {
    case .waiting(let pending):
      guard pending.due.boot <= context.now.boot else {
        transition.effects.append(.armTimer(pending.due.boot))
        break
      }
      begin(by: .policy, message: "restart \(ordinal)", context, &transition)
    case .stopping(let run):
      for order in run.orders.standing {
        guard let due = order.givenUpAt(run.spec.stop, now: context.now), due <= context.now.boot else { continue }
        giveUp(order.number, "", &transition)
      }
      armGivingUp(context.now, &transition)
    case .stopped, .starting, .running: break
    }
    return transition
  }

  /// The daemon has started. `hostBooted`: the host has booted since the state was stored, so times of `CLOCK_BOOTTIME`
  /// in it mean nothing any more, and guests that should start with the host do. Runs of the former boot are ended with
  /// `hostReset` before this.
  public mutating func daemonStarted(hostBooted: Bool, _ context: Context) -> Transition {
    var transition = Transition()
    if hostBooted { restarts.recent = [] }
    switch phase {
    case .waiting where hostBooted && settings.autostart, .stopped where hostBooted && settings.autostart:
      // A boot is a fresh start: what the last run failed of may be another now.
      restarts = RestartHistory()
      desired = true
      begin(by: .policy, message: "autostart", context, &transition)
    case .waiting(var pending):
      if hostBooted {
        // The rest by the wall clock, but never more than the whole delay: that clock may have been stepped.
        let left = pending.due.wall.nanoseconds &- context.now.wall.nanoseconds
        let millis = min(UInt64(clamping: left) / 1_000_000, pending.delayMillis)
        pending.due = Moment(wall: pending.due.wall, boot: context.now.boot.adding(milliseconds: millis))
        phase = .waiting(pending)
      }
      transition.effects.append(.armTimer(pending.due.boot))
    case .stopping(var run):
      run.orders.takeUp(at: context.now)
      phase = .stopping(run)
      armGivingUp(context.now, &transition)
    case .stopped, .starting, .running: break
    }
    return transition
  }

  /// The controller has stopped answering, or answers again.
  public mutating func degraded(_ now: Bool) -> Transition {
    var transition = Transition()
    guard now != degraded, run != nil else { return transition }
    degraded = now
    notice(
      now ? .controllerSilent : .controllerAnswers,
      now ? "its controller does not answer; lodge kill \(name) works without it" : "its controller answers again",
      &transition)
    return transition
  }

  /// A kill has not ended these tasks, each with the kernel function it waits in; empty when they are gone.
  public mutating func stuck(_ tasks: String) -> Transition {
    var transition = Transition()
    guard tasks != stuckTasks, run != nil else { return transition }
    stuckTasks = tasks
    if !tasks.isEmpty { notice(.tasksStuck, "tasks do not end: \(tasks)", &transition) }
    return transition
  }
}

// MARK: Pieces

extension GuestLifecycle {
  private var ordinal: String {
    let limit = settings.restart.limitCount
    return limit > 0 ? "attempt \(restarts.attempt) of \(limit)" : "attempt \(restarts.attempt)"
  }

  /// Why the defined spec is only kept; nil where all of it is known.
  public var foreignWords: String? {
    guard !defined.foreign.isEmpty else { return nil }
    return
      "a newer version wrote its spec: \(defined.foreign.map { Visible.text($0.key, limit: 80) }.joined(separator: ", "))"
  }

  private func checkIsKnown(_ verb: String) throws(GuestError) {
    guard let foreignWords else { return }
    throw GuestError(
      .notSupported, "\(verb) \(name): \(foreignWords)",
      hint: "install that version again, or define it anew: lodge create --replace \(name) ...")
  }

  private mutating func begin(by actor: Actor, message: String, _ context: Context, _ transition: inout Transition) {
    if staysForeign(by: actor, &transition) { return }
    runCount += 1
    note = ""
    let run = Run(id: context.nextRun, number: runCount, startedBy: actor, spec: defined)
    change(to: .starting(run), by: actor, message: message, &transition)
    transition.effects.append(.launch(run))
  }

  /// No policy starts what this version does not know all of, nor waits to do so.
  private mutating func staysForeign(by actor: Actor, _ transition: inout Transition) -> Bool {
    guard let foreignWords else { return false }
    desired = false
    note = "not started: \(foreignWords)"
    if state != .stopped { change(to: .stopped, by: actor, message: note, &transition) }
    transition.events.append(
      GuestEvent(.notice, guest: name, from: .stopped, to: .stopped, by: actor, message: note, labels: settings.labels))
    return true
  }

  /// Each order is an event, also one that changes nothing else.
  private mutating func give(
    _ order: EndOrder, to run: Run, _ context: Context, _ transition: inout Transition
  ) {
    var (order, run) = (order, run)
    order.at = context.now.wall
    order.atBoot = context.now.boot
    order = run.orders.append(order)
    note(order, of: run, by: order.by, "", &transition)
    switch phase {
    case .stopping: phase = .stopping(run)
    case .stopped, .starting, .running, .waiting:
      change(to: .stopping(run), by: order.by, message: "", &transition)
    }
    desire()
    transition.effects.append(.stop(run, order))
    while let surplus = self.run?.orders.surplus {
      guard giveUp(surplus.number, "newer orders without force take its place", &transition) else { break }
    }
    armGivingUp(context.now, &transition)
  }

  private func note(
    _ order: EndOrder, of run: Run, by actor: Actor, _ message: String, _ transition: inout Transition
  ) {
    transition.events.append(
      GuestEvent(
        .order, guest: name, run: run.id, runNumber: run.number, from: state, to: state, by: actor, message: message,
        order: order, labels: settings.labels))
  }

  /// The end of an order without force, which is an event, once. It stands until it is known whether init was executed,
  /// however long that takes: before, there is nothing that could run on.
  ///
  /// - Returns: false where there is nothing to be given up.
  @discardableResult
  private mutating func giveUp(_ number: UInt32, _ message: String, _ transition: inout Transition) -> Bool {
    guard case .stopping(var run) = phase, run.launched != nil, let order = run.orders.giveUp(number) else {
      return false
    }
    phase = .stopping(run)
    note(order, of: run, by: .daemon, message, &transition)
    desire()
    guard run.orders.consequence == nil else { return true }
    let message = "\(order.verb.word) given up: it has not ended, and was not to be forced"
    change(to: .running(run), by: .daemon, message: message, &transition)
    return true
  }

  /// Orders that came to their end before the run did, and of which that was not heard: its controller recorded that, or,
  /// where there is no word of a controller that knows of giving up, the clock says so.
  private mutating func giveUpBefore(_ record: ExitRecord, _ transition: inout Transition) {
    guard let run else { return }
    let hasWord = record.facts.areRecorded && record.facts.fence == nil
    for order in run.orders.standing where order.noKill {
      let recorded = record.facts.orders.kept.first { $0.number == order.number }
      if recorded?.givenUp == true || !hasWord && order.wasOver(by: record.endedAt, run.spec.stop) {
        giveUp(order.number, "", &transition)
      }
    }
  }

  /// Should it run once the orders that stand have been carried out?
  private mutating func desire() {
    guard let run else { return }
    switch run.orders.consequence {
    case .stay, .remove: desired = false
    case .start, nil: desired = true
    }
  }

  private mutating func armGivingUp(_ now: Moment, _ transition: inout Transition) {
    guard case .stopping(let run) = phase, run.launched != nil,
      let due = run.orders.nextGivenUpAt(run.spec.stop, now: now)
    else { return }
    transition.effects.append(.armTimer(due))
  }

  private mutating func wait(until due: Moment, delayMillis: UInt64, _ transition: inout Transition) {
    if staysForeign(by: .policy, &transition) { return }
    let pending = PendingRestart(attempt: restarts.attempt, delayMillis: delayMillis, due: due)
    change(to: .waiting(pending), by: .policy, message: "restart in \(seconds(delayMillis)) (\(ordinal))", &transition)
    transition.effects.append(.armTimer(due.boot))
  }

  private mutating func remove(by actor: Actor, with run: RunID? = nil, _ transition: inout Transition) {
    transition.events.append(GuestEvent(.removed, guest: name, by: actor, labels: settings.labels))
    transition.effects.append(.delete(with: run))
  }

  /// The one place where the phase changes between states: so there is an event for every change.
  private mutating func change(
    to next: Phase, by actor: Actor, message: String, ended: ExitRecord? = nil, run: Run? = nil,
    _ transition: inout Transition
  ) {
    let from = state
    phase = next
    let about = self.run ?? run
    transition.events.append(
      GuestEvent(
        .state, guest: name, run: about?.id, runNumber: about?.number ?? 0, from: from, to: state, by: actor,
        message: message, ended: ended, labels: settings.labels))
  }

  private func notice(_ notice: GuestEvent.Notice, _ message: String, _ transition: inout Transition) {
    transition.events.append(
      GuestEvent(
        .notice, guest: name, run: run?.id, runNumber: run?.number ?? 0, from: state, to: state, by: .daemon,
        message: message, labels: settings.labels, notice: notice))
  }

  private func byWhom(_ cause: EndCause) -> Actor {
    switch cause {
    case .stopped(let actor, _, _): actor
    case .exited, .signaled, .oom, .reboot, .halt, .powerOff: .guest
    case .startFailed, .controllerLost, .hostReset, .notKnown: .daemon
    }
  }

  private func isOrdered(_ record: ExitRecord) -> Bool {
    if record.headline.whileStopping != nil { return true }
    switch record.cause {
    case .stopped: return true
    case .exited, .signaled, .oom, .reboot, .halt, .powerOff, .startFailed, .controllerLost, .hostReset, .notKnown:
      return false
    }
  }

  private var lastEndInWords: String {
    guard let last else { return "" }
    return " (\(last.ended.cause.inWords))"
  }

  private func wrongState(_ verb: String, _ why: String, hint: String? = nil) -> GuestError {
    GuestError(.wrongState, "\(verb) \(name): \(why)", hint: hint)
  }
}

/// `1.5 s`, `8 s`, `250 ms`.
private func seconds(_ millis: UInt64) -> String {
  if millis < 1000 { return "\(millis) ms" }
  let tenths = millis % 1000 / 100
  return tenths == 0 ? "\(millis / 1000) s" : "\(millis / 1000).\(tenths) s"
}
