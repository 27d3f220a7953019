import Guest

/// The life of one controller, decided: facts in, effects out. It has no clock, socket or process; the loop performs.
///
///     idle --launch--> launching --launched--> running --initEnded--> emptying --group empty--> recording
///      |                   |                                                                        |
///      |              launchFailed ------------------------------------------------------------>----+
///      |                                                                                            |
///      +--daemonGone--> done <--delivered-- delivering <--recordWritten, acknowledged---------------+
///
/// Orders to end the run live beside the phase, each with stages of its own: its signal, repeated as long as init has no
/// handler for it, then SIGTERM, then the kill of the whole cgroup, each with its time; or, given without force, its end while
/// the guest runs on. So the earliest force counts, and no order takes another one's time away. They are here and not in the
/// daemon, so that they go on without one. Every order is kept with what was done for it.
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

    /// An order without force whose time was up before it was heard: its caller has been answered that the guest goes on. By the
    /// wall clock, the one that the order carries; a step of it in between takes the order for given up at worst, and that is
    /// told.
    func isOver(at now: Timestamp, _ policy: StopPolicy) -> Bool { order.wasOver(by: now, policy) }

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

  /// An order that stands, on its way to force or to being given up.
  private struct Standing: Equatable {
    enum Stage: Equatable { case polite, term }
    var order: StopOrder
    var stage = Stage.polite
    /// When the next stage comes.
    var deadline: BootTime
    /// When the signal is repeated, as long as init would not receive it.
    var repeatAt: BootTime?
    var interval: UInt64 = Self.firstInterval

    init(_ order: StopOrder, at now: BootTime) {
      self.order = order
      deadline = now.adding(milliseconds: order.timeoutMillis)
      repeatAt = now.adding(milliseconds: Self.firstInterval)
    }

    var number: UInt32 { order.order.number }

    /// The polite one of this stage.
    var signal: Int32 { stage == .polite ? order.signal : ControllerMachine.term }

    /// Those of this stage and the one before.
    var signals: [Int32] { stage == .polite ? [order.signal] : [order.signal, ControllerMachine.term] }

    var isBeforeTerm: Bool { stage == .polite && order.signal != ControllerMachine.term && order.termTimeoutMillis > 0 }

    /// When `timePassed` has something to do for it.
    var next: BootTime { repeatAt.map { min($0, deadline) } ?? deadline }

    static let firstInterval: UInt64 = 5
    static let longestInterval: UInt64 = 200
  }

  /// Force, once an order has come to it.
  private struct Killing: Equatable {
    /// The order whose force it is.
    var order: UInt32
    /// When it is looked whether anything is left.
    var deadline: BootTime

    static let interval: UInt64 = 1000
  }

  private(set) var phase = Phase.idle
  private(set) var end: End?
  /// Calls of reboot(2) that the kernel took, each command once.
  private(set) var reboots: [RebootCommand] = []
  /// The orders of the run, and what was done for them.
  private(set) var orders = EndOrders()
  /// Those that are being carried out, oldest first. Once it has come to force only those without it are left, each for its
  /// own end.
  private var standing: [Standing] = []
  private var killing: Killing?
  /// Orders without force that came before it was known whether init was executed.
  private var held: [StopOrder] = []
  /// Requests to `signalInit` that are not answered yet, oldest first: in the record once init was sent the signal.
  private var asked: [(order: UInt32, signal: Int32)] = []
  /// When `timePassed` has something to do in this phase.
  private var phaseDeadline: BootTime?
  private var emptyInterval: UInt64 = 1
  private var emptyingSince: BootTime?
  private var hasTold = false

  /// When `timePassed` is due; nil for never.
  var deadline: BootTime? {
    guard phase == .running || phase == .launching else { return phaseDeadline }
    return ([killing?.deadline] + standing.map(\.next)).compactMap(\.self).min()
  }

  /// An order to end the run stands.
  var isStopping: Bool { phase == .running && (killing != nil || !standing.isEmpty) }

  mutating func handle(_ input: Input, at now: BootTime) -> [Effect] {
    switch input {
    case .launch:
      if phase == .idle { phase = .launching }
      return []
    case .launched:
      guard phase == .launching else { return [] }
      phase = .running
      // A stop that came too late to prevent init has killed it by now, but it was executed.
      if killing != nil { return [.tellLaunched, killAll()] }
      defer { held = [] }
      return [.tellLaunched] + held.flatMap { begin($0, at: now) }
    case .launchFailed(let failure):
      guard phase == .launching else { return [] }
      end = .startFailed(failure)
      return beginRecording()

    case .stop(let order):
      // Sent again by a daemon that was restarted: it is at work, or has come to its end.
      if orders.kept.contains(where: { $0.number == order.order.number }) { return [] }
      return take(order, at: now)
    case .kill(let order):
      return phase == .launching || phase == .running ? kill(order, at: now) : []
    case .overdue(let order):
      guard phase == .launching || phase == .running else { return [] }
      orders.take(order)
      return giveUp(order.number)
    case .signalHeard(let heard):
      guard phase == .running, !asked.isEmpty else { return [] }
      let request = asked.removeFirst()
      guard heard else { return [] }
      orders.update(request.order) { $0.note(sent: request.signal) }
      for index in standing.indices where standing[index].signal == request.signal { standing[index].repeatAt = nil }
      return []
    case .rebootNoted(let command):
      if phase == .running, !reboots.contains(command) { reboots.append(command) }
      return []

    case .initEnded(let status):
      guard phase == .running || phase == .launching else { return [] }
      end = .initEnded(status)
      phase = .emptying
      emptyingSince = now
      return [.drainConsole, .lookAtGroup]
    case .group(let isEmpty):
      guard phase == .emptying else { return [] }
      if isEmpty { return beginRecording() }
      phaseDeadline = now.adding(milliseconds: emptyInterval)
      emptyInterval = min(emptyInterval * 2, Killing.interval)
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
    case .launching, .running: return advance(at: now)
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

  // MARK: Orders

  /// An order that has not reached it before.
  private mutating func take(_ order: StopOrder, at now: BootTime) -> [Effect] {
    switch phase {
    case .launching, .running: break
    case .idle, .emptying, .recording, .delivering, .done: return []
    }
    if order.timeoutMillis == 0, !order.order.noKill { return kill(order.order, at: now) }
    // An order whose time is up does not count any more.
    var effects = advance(at: now)
    orders.take(order.order)
    if phase == .running {
      effects += begin(order, at: now)
    } else if order.order.noKill {
      // Whether init was executed is not known, and this order kills none: it begins when that is known.
      held.append(order)
    } else {
      effects += force(order.order.number, at: now)
    }
    while let surplus = orders.surplus {
      let gaveUp = giveUp(surplus.number)
      if gaveUp.isEmpty { break }
      effects += gaveUp
    }
    return effects
  }

  private mutating func begin(_ order: StopOrder, at now: BootTime) -> [Effect] {
    if killing == nil {
      standing.append(Standing(order, at: now))
      return [.thaw] + signal(standing.count - 1)
    }
    guard order.order.noKill else { return [] }
    standing.append(Standing(order, at: now))
    standing[standing.count - 1].repeatAt = nil
    return []
  }

  private mutating func kill(_ order: EndOrder, at now: BootTime) -> [Effect] {
    orders.take(order)
    return force(order.number, at: now)
  }

  /// It has come to force, by this order.
  private mutating func force(_ number: UInt32, at now: BootTime) -> [Effect] {
    killing = Killing(order: number, deadline: now.adding(milliseconds: Killing.interval))
    standing.removeAll { !$0.order.order.noKill }
    for index in standing.indices { standing[index].repeatAt = nil }
    return [killAll()]
  }

  /// Sends init the polite signal of an order, unless one that still stands has sent it already: the second one means "at
  /// once" to many programs.
  private mutating func signal(_ index: Int) -> [Effect] {
    let (number, signal) = (standing[index].number, standing[index].signal)
    if orders.kept.contains(where: { !$0.givenUp && $0.signalsSent.contains(signal) }) {
      standing[index].repeatAt = nil
      return []
    }
    // Asked for another order in this very moment: the answer is for both.
    if asked.contains(where: { $0.signal == signal }) { return [] }
    asked.append((number, signal))
    return [.signalInit(signal)]
  }

  private mutating func killAll() -> Effect {
    if let killing { orders.update(killing.order) { $0.killSent = true } }
    return .killAll
  }

  private mutating func advance(at now: BootTime) -> [Effect] {
    var effects: [Effect] = []
    if let due = killing?.deadline, due <= now {
      // Still there after a second: a task in the kernel that cannot be interrupted.
      killing?.deadline = now.adding(milliseconds: Killing.interval)
      effects += [.killAll, .noteStuck]
    }
    for number in standing.map(\.number) { effects += advance(number, at: now) }
    return effects
  }

  private mutating func advance(_ number: UInt32, at now: BootTime) -> [Effect] {
    // An order before it may have come to force.
    guard let index = standing.firstIndex(where: { $0.number == number }) else { return [] }
    let order = standing[index]
    if order.deadline <= now {
      guard order.isBeforeTerm else { return order.order.order.noKill ? giveUp(number) : force(number, at: now) }
      standing[index].stage = .term
      standing[index].deadline = now.adding(milliseconds: order.order.termTimeoutMillis)
      standing[index].interval = Standing.firstInterval
      standing[index].repeatAt = killing == nil ? now.adding(milliseconds: Standing.firstInterval) : nil
      return killing == nil ? signal(index) : []
    }
    if let due = order.repeatAt, due <= now {
      let interval = min(order.interval * 2, Standing.longestInterval)
      standing[index].interval = interval
      standing[index].repeatAt = now.adding(milliseconds: interval)
      return signal(index)
    }
    return []
  }

  /// The order comes to its own end: the guest runs on as if it had not been given, and the record keeps it.
  ///
  /// A signal that was sent for it goes on working for the others that asked for the same one, and is the oldest one's now.
  private mutating func giveUp(_ number: UInt32) -> [Effect] {
    standing.removeAll { $0.number == number }
    held.removeAll { $0.order.number == number }
    guard let order = orders.giveUp(number) else { return [] }
    for signal in order.signalsSent {
      guard let heir = standing.first(where: { $0.signals.contains(signal) }) else { continue }
      orders.update(heir.number) { $0.note(sent: signal) }
    }
    return [.tellGaveUp(order: number)]
  }

  private static let term: Int32 = 15
}
