import Guest

/// The life of one controller, decided: facts in, effects out. It has no clock, socket or process; the loop performs.
///
///     idle --launch--> launching --launched--> running --initEnded--> emptying --group empty--> recording
///      |                   |                                                                        |
///      |              launchFailed ------------------------------------------------------------>----+
///      |                                                                                            |
///      +--daemonGone--> done <--delivered-- delivering <--recordWritten, acknowledged---------------+
///
/// A stop lives beside the phase: its signal, repeated as long as init has no handler for it, then SIGTERM, then the
/// kill of the whole cgroup, each with its time; or, ordered without force, its end while the guest runs on. It is here
/// and not in the daemon, so that it goes on without one. Every order is kept with what was done for it.
struct ControllerMachine {
  enum Phase: Equatable {
    case idle, launching, running
    /// Init has ended; what is left in its cgroup is being killed.
    case emptying
    /// The exit record is being written; retried when the disk does not take it.
    case recording
    /// The end is being sent.
    case delivering
    case done
  }

  /// The end, as the record has it.
  enum End: Equatable {
    case initEnded(WaitStatus)
    case startFailed(StartFailure)
  }

  /// An order to end the run, with what the spec had to add.
  struct StopOrder: Equatable {
    var order: EndOrder
    var signal: Int32
    var timeoutMillis: UInt64
    var termTimeoutMillis: UInt64

    init(_ order: EndOrder, signal: Int32, timeoutMillis: UInt64, termTimeoutMillis: UInt64) {
      self.order = order
      self.signal = signal
      self.timeoutMillis = timeoutMillis
      self.termTimeoutMillis = termTimeoutMillis
    }

    /// When it comes to force if it begins at this moment; nil for an order without.
    func force(from now: BootTime) -> BootTime? {
      if self.order.noKill { return nil }
      return now.adding(milliseconds: timeoutMillis).adding(milliseconds: signal == 15 ? 0 : termTimeoutMillis)
    }

    /// An order without force whose time was up before it was heard: its caller has been answered that the guest goes on. By the
    /// wall clock, the one that the order carries; a step of it in between takes the order for given up at worst, and that is
    /// told.
    func isOver(at now: Timestamp, _ policy: StopPolicy) -> Bool {
      guard order.noKill, let given = order.at else { return false }
      let time = (order.timeoutMillis ?? policy.timeoutMillis) + (signal == 15 ? 0 : termTimeoutMillis)
      return now.nanoseconds - given.nanoseconds >= Int64(clamping: time) * 1_000_000
    }

    /// SIGKILL at once.
    init(force order: EndOrder) { self.init(order, signal: 9, timeoutMillis: 0, termTimeoutMillis: 0) }
  }

  enum Input: Equatable {
    case launch
    /// Init was executed.
    case launched
    /// The child has ended without executing init.
    case launchFailed(StartFailure)
    case stop(StopOrder)
    /// An order that reached the controller when its time was up.
    case overdue(EndOrder)
    /// Kill the whole guest.
    case kill(EndOrder)
    /// The answer to `signalInit`: whether init has a handler for that signal. Without one the kernel drops it, because
    /// it is the init of a PID namespace (pid_namespaces(7)).
    case signalHeard(Bool)
    case rebootNoted(RebootCommand)
    case initEnded(WaitStatus)
    /// The answer to `lookAtGroup`.
    case group(isEmpty: Bool)
    /// The answers to `writeRecord`.
    case recordWritten
    case recordRefused
    /// The daemon has removed the run directory: it has the record.
    case acknowledged
    /// Every connection has read its messages, or its time was up.
    case delivered
    /// The last connection is gone.
    case daemonGone
    case timePassed
  }

  enum Effect: Equatable {
    case signalInit(Int32)
    case thaw
    case killAll
    /// Find out which tasks a kill has not ended.
    case noteStuck
    /// The time of an order without force is up, and the guest runs on.
    case tellGaveUp(order: UInt32)
    /// Answer LAUNCH and send INIT.
    case tellLaunched
    /// Take in the console to its last byte.
    case drainConsole
    case lookAtGroup
    case writeRecord
    /// Answer an open LAUNCH with the error, send EXIT to all others.
    case tellEnd
    /// Close every connection once it has read everything.
    case closeConnections
    case removeGroup
    case exit
  }

  private struct Stop: Equatable {
    enum Stage: Equatable { case polite, term, kill }
    var order: StopOrder
    var stage: Stage
    /// When the next stage comes.
    var deadline: BootTime
    /// When it comes to force; nil for never.
    var force: BootTime?
    /// When the signal is repeated, as long as init would not receive it.
    var repeatAt: BootTime?
    var interval: UInt64 = Self.firstInterval

    init(order: StopOrder, stage: Stage, at now: BootTime) {
      self.order = order
      self.stage = stage
      switch stage {
      case .polite, .term:
        deadline = now.adding(milliseconds: order.timeoutMillis)
        repeatAt = now.adding(milliseconds: Self.firstInterval)
      case .kill: deadline = now.adding(milliseconds: Self.killInterval)
      }
      force = order.force(from: now)
    }

    /// The polite one of this stage.
    var signal: Int32 { stage == .polite ? order.signal : ControllerMachine.term }

    static let firstInterval: UInt64 = 5
    static let longestInterval: UInt64 = 200
    static let killInterval: UInt64 = 1000
  }

  private(set) var phase = Phase.idle
  private(set) var end: End?
  /// Calls of reboot(2) that the kernel took, each command once.
  private(set) var reboots: [RebootCommand] = []
  /// The orders of the run, and what was done for them.
  private(set) var orders = EndOrders()
  /// The one that is being carried out.
  private var stop: Stop?
  /// The last request to `signalInit`: in the record once init was sent it.
  private var asked: (order: UInt32, signal: Int32)?
  /// When `timePassed` has something to do in this phase.
  private var phaseDeadline: BootTime?
  private var emptyInterval: UInt64 = 1
  private var emptyingSince: BootTime?
  private var hasTold = false

  /// When `timePassed` is due; nil for never.
  var deadline: BootTime? {
    guard phase == .running || phase == .launching else { return phaseDeadline }
    guard let stop else { return nil }
    return stop.repeatAt.map { min($0, stop.deadline) } ?? stop.deadline
  }

  /// A stop has begun and has not been given up.
  var isStopping: Bool { phase == .running && stop != nil }

  mutating func handle(_ input: Input, at now: BootTime) -> [Effect] {
    switch input {
    case .launch:
      if phase == .idle { phase = .launching }
      return []
    case .launched:
      guard phase == .launching else { return [] }
      phase = .running
      // A stop that came too late to prevent init has killed it by now, but it was executed.
      return stop == nil ? [.tellLaunched] : [.tellLaunched, killAll()]
    case .launchFailed(let failure):
      guard phase == .launching else { return [] }
      end = .startFailed(failure)
      return beginRecording()

    case .stop(let order):
      if phase == .launching { return kill(order, at: now) }
      return phase == .running ? begin(order, at: now) : []
    case .kill(let order):
      return phase == .launching || phase == .running ? kill(StopOrder(force: order), at: now) : []
    case .overdue(let order):
      guard phase == .running else { return [] }
      orders.take(order)
      orders.update(order.number) { $0.givenUp = true }
      return [.tellGaveUp(order: order.number)]
    case .signalHeard(let heard):
      guard phase == .running else { return [] }
      if heard, let asked {
        orders.update(asked.order) { $0.note(sent: asked.signal) }
        if asked.signal == stop?.signal { stop?.repeatAt = nil }
      }
      asked = nil
      return []
    case .rebootNoted(let command):
      if phase == .running, !reboots.contains(command) { reboots.append(command) }
      return []

    case .initEnded(let status):
      guard phase == .running || phase == .launching else { return [] }
      end = .initEnded(status)
      stop?.repeatAt = nil
      phase = .emptying
      emptyingSince = now
      return [.drainConsole, .lookAtGroup]
    case .group(let isEmpty):
      guard phase == .emptying else { return [] }
      if isEmpty { return beginRecording() }
      phaseDeadline = now.adding(milliseconds: emptyInterval)
      emptyInterval = min(emptyInterval * 2, Stop.killInterval)
      let isSlow = now.since(emptyingSince ?? now) >= 1_000_000_000
      return isSlow ? [.killAll, .noteStuck] : [.killAll]
    case .recordWritten, .acknowledged:
      guard phase == .recording else { return [] }
      phase = .delivering
      phaseDeadline = nil
      return sendEndOnce() + [.closeConnections, .removeGroup]
    case .recordRefused:
      guard phase == .recording else { return [] }
      // A connected daemon still gets the end: its own disk may have room. It answers by removing the directory.
      phaseDeadline = now.adding(milliseconds: 1000)
      return sendEndOnce()

    case .delivered: return phase == .delivering ? exit() : []
    case .daemonGone: return phase == .delivering || phase == .idle ? exit() : []
    case .timePassed: return timePassed(at: now)
    }
  }

  private mutating func timePassed(at now: BootTime) -> [Effect] {
    switch phase {
    case .launching, .running: return advanceStop(at: now)
    case .emptying, .recording:
      guard let due = phaseDeadline, due <= now else { return [] }
      phaseDeadline = nil
      return phase == .emptying ? [.lookAtGroup] : [.writeRecord]
    case .idle, .delivering, .done: return []
    }
  }

  private mutating func exit() -> [Effect] {
    phase = .done
    return [.exit]
  }

  private mutating func sendEndOnce() -> [Effect] {
    defer { hasTold = true }
    return hasTold ? [] : [.tellEnd]
  }

  private mutating func beginRecording() -> [Effect] {
    phase = .recording
    phaseDeadline = nil
    return [.writeRecord]
  }

  // MARK: The stop

  /// A newer order replaces the one before in what is done next; what was done for that stays in the record.
  private mutating func begin(_ order: StopOrder, at now: BootTime) -> [Effect] {
    if order.timeoutMillis == 0, !order.order.noKill { return kill(order, at: now) }
    // Sent again by a daemon that was restarted: it is at work, or has come to its end.
    if orders.kept.contains(where: { $0.number == order.order.number }) { return [] }
    orders.take(order.order)
    // The earliest force stands: what is to end by it does so in its time, whatever is asked for beside it.
    if let stop, let force = stop.force {
      if stop.stage == .kill { return [] }
      if order.force(from: now).map({ force <= $0 }) ?? true {
        return [.thaw] + sendOnce(order.signal, for: order.order)
      }
    }
    stop = Stop(order: order, stage: .polite, at: now)
    let effects = sendOnce(order.signal, for: order.order)
    if effects.isEmpty { stop?.repeatAt = nil }
    return [.thaw] + effects
  }

  private mutating func kill(_ order: StopOrder, at now: BootTime) -> [Effect] {
    orders.take(order.order)
    stop = Stop(order: order, stage: .kill, at: now)
    return [killAll()]
  }

  /// Sends init a polite signal, unless an order that still stands has sent it already: the second one means "at once" to
  /// many programs.
  private mutating func sendOnce(_ signal: Int32, for order: EndOrder) -> [Effect] {
    if orders.kept.contains(where: { !$0.givenUp && $0.signalsSent.contains(signal) }) { return [] }
    asked = (order.number, signal)
    return [.signalInit(signal)]
  }

  private mutating func killAll() -> Effect {
    if let stop { orders.update(stop.order.order.number) { $0.killSent = true } }
    return .killAll
  }

  private mutating func advanceStop(at now: BootTime) -> [Effect] {
    guard let stop else { return [] }
    if stop.deadline <= now {
      switch stop.stage {
      case .polite where stop.order.signal != Self.term && stop.order.termTimeoutMillis > 0:
        self.stop?.stage = .term
        self.stop?.deadline = now.adding(milliseconds: stop.order.termTimeoutMillis)
        self.stop?.interval = Stop.firstInterval
        let effects = sendOnce(Self.term, for: stop.order.order)
        self.stop?.repeatAt = effects.isEmpty ? nil : now.adding(milliseconds: Stop.firstInterval)
        return effects
      case .polite, .term:
        guard !stop.order.order.noKill else { return giveUp(stop.order.order.number) }
        self.stop?.repeatAt = nil
        self.stop?.stage = .kill
        self.stop?.deadline = now.adding(milliseconds: Stop.killInterval)
        return [killAll()]
      case .kill:
        // Still there after a second: a task in the kernel that cannot be interrupted.
        self.stop?.deadline = now.adding(milliseconds: Stop.killInterval)
        return [.killAll, .noteStuck]
      }
    }
    if let due = stop.repeatAt, due <= now {
      let interval = min(stop.interval * 2, Stop.longestInterval)
      self.stop?.interval = interval
      self.stop?.repeatAt = now.adding(milliseconds: interval)
      let effects = sendOnce(stop.signal, for: stop.order.order)
      if effects.isEmpty { self.stop?.repeatAt = nil }
      return effects
    }
    return []
  }

  /// The order comes to its own end: the guest runs on as if it had not been given, and the record keeps it.
  private mutating func giveUp(_ number: UInt32) -> [Effect] {
    stop = nil
    orders.update(number) { $0.givenUp = true }
    return [.tellGaveUp(order: number)]
  }

  private static let term: Int32 = 15
}
