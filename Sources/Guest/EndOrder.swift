/// One order to end a run, and the actions it led to.
///
/// Orders are facts: each is kept with its actor and verb, also when a later one overtakes it, so that an end by force
/// has the name of the one who ordered the force.
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

/// The orders of one run, oldest first. A run may be given any number of them: the oldest and the newest are kept, and
/// the rest is counted.
public struct EndOrders: Sendable, Hashable {
  public static let oldestKept = 8
  public static let newestKept = 8

  public private(set) var kept: [EndOrder]
  /// Orders between the oldest and the newest ones that are not kept.
  public private(set) var omitted: UInt32

  public init(_ kept: [EndOrder] = [], omitted: UInt32 = 0) {
    self.kept = kept
    self.omitted = omitted
    bound()
  }

  /// How many there were.
  public var count: UInt32 { UInt32(kept.count) + omitted }

  public var isEmpty: Bool { kept.isEmpty }

  /// The newest.
  public var last: EndOrder? { kept.last }

  /// The newest that was not given up.
  public var current: EndOrder? { kept.last { !$0.givenUp } }

  /// Appends an order and gives it the next number.
  ///
  /// - Returns: the order with its number.
  @discardableResult
  public mutating func append(_ order: EndOrder) -> EndOrder {
    var order = order
    order.number = (kept.last?.number ?? omitted) + 1
    kept.append(order)
    bound()
    return order
  }

  /// Takes an order that has its number already. An order that is received again keeps what was done for it.
  public mutating func take(_ order: EndOrder) {
    if let index = kept.firstIndex(where: { $0.number == order.number }) {
      kept[index].merge(order)
    } else {
      kept.append(order)
      bound()
    }
  }

  /// Changes the kept order of that number; one that is not kept stays as it is.
  public mutating func update(_ number: UInt32, _ body: (inout EndOrder) -> Void) {
    guard let index = kept.firstIndex(where: { $0.number == number }) else { return }
    body(&kept[index])
  }

  /// Merges another account of the same run's orders: the daemon has those that never reached the controller,
  /// the controller has the actions for the others.
  public mutating func merge(_ other: EndOrders) {
    var byNumber: [UInt32: EndOrder] = [:]
    for order in kept { byNumber[order.number] = order }
    for order in other.kept {
      if byNumber[order.number]?.merge(order) == nil { byNumber[order.number] = order }
    }
    let total = max(count, other.count)
    kept = byNumber.values.sorted { $0.number < $1.number }
    bound()
    omitted = max(total, UInt32(kept.count)) - UInt32(kept.count)
  }

  private mutating func bound() {
    let excess = kept.count - Self.oldestKept - Self.newestKept
    guard excess > 0 else { return }
    kept.removeSubrange(Self.oldestKept..<Self.oldestKept + excess)
    omitted += UInt32(excess)
  }
}
