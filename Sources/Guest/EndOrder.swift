/// One order to end a run, and the actions it led to.
///
/// Each order is a value of its own, with a deadline and an end of its own: it stands until the run ends or, given without
/// force, until its time is up. Orders are facts, too: each is kept with its actor and verb, so that an end by force has the
/// name of the actor who ordered the force.
public struct EndOrder: Sendable, Hashable {
  public enum Verb: Sendable, Hashable, CaseIterable {
    /// `stop`: the polite signal first, then by force unless it was ordered without.
    case stop
    /// `kill`: SIGKILL to all of the guest at once.
    case kill
    /// `rm --force`: the same, and the guest is removed when it has ended.
    case remove
    /// `restart`: as a stop, and the guest is started again.
    case restart
    /// The host is shutting down.
    case shutdown
  }

  /// 1 is the run's first order; 0 until a run has taken it.
  public var number: UInt32
  public var verb: Verb
  public var by: Actor
  /// Nil until a run has taken it.
  public var at: Timestamp?
  /// The same moment by `CLOCK_BOOTTIME`. Kept in memory only: nil for an order that was read, until a daemon has taken it
  /// up (`EndOrders.takeUp`).
  public var atBoot: BootTime?
  /// The polite signal; nil is the one that the run's spec has.
  public var signal: Int32?
  /// How long the polite signal has; nil is as long as the run's spec says.
  public var timeoutMillis: UInt64?
  /// Never go on to force.
  public var noKill: Bool

  /// Polite signals that init was sent for this order, each once, in the order of their first sending: at most
  /// `signalsKept`.
  public var signalsSent: [Int32] = []
  /// SIGKILL was sent for this order before the end was seen.
  public var killSent = false
  /// Its time was up, and it was without force: the guest runs on.
  public var givenUp = false

  public static let signalsKept = 4

  public init(
    _ verb: Verb, by: Actor, signal: Int32? = nil, timeoutMillis: UInt64? = nil, noKill: Bool = false,
    number: UInt32 = 0, at: Timestamp? = nil
  ) {
    self.verb = verb
    self.by = by
    self.signal = signal
    self.timeoutMillis = timeoutMillis
    self.noKill = noKill
    self.number = number
    self.at = at
  }

  /// It begins with SIGKILL.
  public var isForce: Bool {
    switch verb {
    case .kill, .remove: true
    case .stop, .restart, .shutdown: false
    }
  }

  /// Something was done for it, and it was not given up: an end that comes now comes while this order is at work.
  public var isAtWork: Bool { !givenUp && (killSent || !signalsSent.isEmpty) }

  /// Notes a polite signal. SIGKILL is never polite.
  public mutating func note(sent signal: Int32) {
    if signal == WaitStatus.kill {
      killSent = true
    } else if !signalsSent.contains(signal), signalsSent.count < Self.signalsKept {
      signalsSent.append(signal)
    }
  }

  /// Merges another account of the same order: an action that either one knows was carried out.
  mutating func merge(_ other: EndOrder) {
    for signal in other.signalsSent { note(sent: signal) }
    killSent = killSent || other.killSent
    givenUp = givenUp || other.givenUp
  }
}

// MARK: Its time

extension EndOrder {
  private static let terminate: Int32 = 15

  /// How long the guest has to end politely, in milliseconds: the time of the order's own signal, then that of SIGTERM
  /// where it is another one. Then comes force, or the order is given up. 0 for an order that begins with SIGKILL.
  public func politeMillis(_ policy: StopPolicy) -> UInt64 {
    if isForce { return 0 }
    let own = timeoutMillis ?? policy.timeoutMillis
    guard signal ?? policy.signal != Self.terminate else { return own }
    let (sum, overflow) = own.addingReportingOverflow(policy.termTimeoutMillis)
    return overflow ? .max : sum
  }

  /// Nanoseconds since it was given: by boot time, or for an order that was read by the wall clock, which may have been
  /// stepped since. 0 where it is not known when it was given.
  public func age(at now: Moment) -> UInt64 {
    if let atBoot { return now.boot.since(atBoot) }
    guard let at, at < now.wall else { return 0 }
    return UInt64(now.wall.nanoseconds - at.nanoseconds)
  }

  /// When it is given up; nil for an order that ends by force.
  public func givenUpAt(_ policy: StopPolicy, now: Moment) -> BootTime? {
    guard noKill else { return nil }
    return moment(after: politeMillis(policy), now)
  }

  /// The moment so many milliseconds after it was given; at the earliest now, if that has passed.
  public func moment(after millis: UInt64, _ now: Moment) -> BootTime {
    if let atBoot { return max(atBoot.adding(milliseconds: millis), now.boot) }
    let whole = BootTime(nanoseconds: 0).adding(milliseconds: millis).nanoseconds
    let age = age(at: now)
    let (sum, overflow) = now.boot.nanoseconds.addingReportingOverflow(whole > age ? whole - age : 0)
    return BootTime(nanoseconds: overflow ? .max : sum)
  }

  /// Whether an order without force was past its time at a moment of the wall clock, the only clock that a record has.
  public func wasOver(by moment: Timestamp, _ policy: StopPolicy) -> Bool {
    guard noKill, let at, at < moment else { return false }
    return UInt64(moment.nanoseconds - at.nanoseconds) / 1_000_000 >= politeMillis(policy)
  }
}

extension StopPolicy {
  /// Why a signal cannot be the polite one; nil where it can. The kernel gives a process no say in SIGKILL and SIGSTOP, and
  /// SIGCONT asks for nothing; signal(7).
  public static func fault(ofPolite signal: Int32) -> String? {
    switch signal {
    case WaitStatus.kill: "SIGKILL is no polite signal, init cannot hear it; lodge kill ends a guest by force"
    case WaitStatus.stop: "SIGSTOP is no polite signal, it freezes init, which then hears nothing"
    case WaitStatus.resume: "SIGCONT is no polite signal, it asks for no end"
    default: nil
    }
  }
}
