/// Resources that a run used, measured by the kernel. A figure that this host cannot measure is nil, never 0.
public struct RunUsage: Sendable, Hashable {
  public var memoryPeakBytes: UInt64?
  /// The limit that was in force; nil without one.
  public var memoryLimitBytes: UInt64?
  public var cpuMicros: UInt64?

  public init(memoryPeakBytes: UInt64? = nil, memoryLimitBytes: UInt64? = nil, cpuMicros: UInt64? = nil) {
    self.memoryPeakBytes = memoryPeakBytes
    self.memoryLimitBytes = memoryLimitBytes
    self.cpuMicros = cpuMicros
  }
}

/// Everything known about the end of one run. Its controller writes it to the disk before it sends it anywhere.
public struct ExitRecord: Sendable, Hashable {
  public static let tailLines = 10
  public static let tailLineBytes = 512

  public var guest: GuestName
  public var run: RunID
  /// The boot in which the end was recorded.
  public var boot: BootID
  /// The facts that were observed.
  public private(set) var facts: EndFacts
  /// The one reason made of it. Kept beside the facts, because a newer version may have made it of facts that this one
  /// cannot read, and format 1 recorded nothing else.
  public private(set) var headline: EndHeadline
  /// Nil where init was never executed, or it is not known when.
  public var startedAt: Timestamp?
  /// When it ended; where `facts.endSeen` is false, when it was found to have ended.
  public var endedAt: Timestamp
  /// By `CLOCK_BOOTTIME`, so no step of the wall clock is in it. 0 where `facts.endSeen` is false.
  public var lengthNanos: UInt64
  public var usage: RunUsage
  /// Last lines of the console: at most `tailLines`, each at most `tailLineBytes` long.
  public var logTail: [String]

  public var cause: EndCause { headline.cause }

  /// A record of these facts, with the headline that they give.
  public init(
    guest: GuestName, run: RunID, boot: BootID, facts: EndFacts, startedAt: Timestamp?, endedAt: Timestamp,
    lengthNanos: UInt64, usage: RunUsage = RunUsage(), logTail: [String] = []
  ) {
    self.init(
      guest: guest, run: run, boot: boot, facts: facts, headline: facts.headline, startedAt: startedAt,
      endedAt: endedAt, lengthNanos: lengthNanos, usage: usage, logTail: logTail)
  }

  /// A record as it was read.
  public init(
    guest: GuestName, run: RunID, boot: BootID, facts: EndFacts, headline: EndHeadline, startedAt: Timestamp?,
    endedAt: Timestamp, lengthNanos: UInt64, usage: RunUsage = RunUsage(), logTail: [String] = []
  ) {
    self.guest = guest
    self.run = run
    self.boot = boot
    self.facts = facts
    self.headline = headline
    self.startedAt = startedAt
    self.endedAt = endedAt
    self.lengthNanos = lengthNanos
    self.usage = usage
    self.logTail = logTail
  }

  /// A record of format 1, which has the cause and no facts.
  public init(
    guest: GuestName, run: RunID, boot: BootID, cause: EndCause, startedAt: Timestamp?, endedAt: Timestamp,
    lengthNanos: UInt64, usage: RunUsage = RunUsage(), logTail: [String] = []
  ) {
    self.init(
      guest: guest, run: run, boot: boot, facts: EndFacts(formerly: cause), headline: EndHeadline(cause),
      startedAt: startedAt, endedAt: endedAt, lengthNanos: lengthNanos, usage: usage, logTail: logTail)
  }

  /// Adds facts that the writer of the record did not know: orders that did not reach it, and that the daemon killed the
  /// guest without it. The headline follows, unless a newer version made it.
  public mutating func add(_ orders: EndOrders, fence: Fence? = nil) {
    guard facts.areRecorded else { return addFormerly(orders, fence) }
    let isOurs = headline == facts.headline
    facts.orders.merge(orders)
    // One that ended otherwise than by SIGKILL had ended before.
    if let fence, case .signaled(WaitStatus.kill, _)? = facts.status?.value {
      facts.fence = facts.fence ?? fence
    }
    if case .orderOverdue(let number)? = fence { facts.orders.update(number) { $0.killSent = true } }
    if isOurs { headline = facts.headline }
  }

  /// A former controller recorded the cause and no orders: the daemon has those that it gave. The cause stands where they
  /// bear it out.
  private mutating func addFormerly(_ orders: EndOrders, _ fence: Fence?) {
    facts.orders.merge(orders)
    guard case .stopped(let actor, let how, let status?) = headline.cause else { return }
    let standing = facts.orders.standing
    let kept = facts.orders.kept
    switch how {
    case .cancelled: break
    case .forced:
      // The newest order that begins with force used it, or else the newest that ends by force: this actor's, if there is one.
      let ending = kept.filter { !$0.noKill }
      if let order = kept.last(where: \.isForce) ?? ending.last(where: { $0.by == actor }) ?? ending.last {
        facts.orders.update(order.number) { $0.killSent = true }
      }
    case .polite:
      // It called every end polite that came while it stopped the guest.
      if case .signaled(WaitStatus.kill, let coreDumped) = status {
        if case .orderOverdue(let number)? = fence, let order = kept.first(where: { $0.number == number }) {
          facts.fence = facts.fence ?? fence
          facts.orders.update(number) { $0.killSent = true }
          headline = EndHeadline(.stopped(by: order.by, how: .forced, status: status))
        } else {
          let order = standing.last { $0.by == actor } ?? standing.first
          headline = EndHeadline(.signaled(WaitStatus.kill, coreDumped: coreDumped), whileStopping: order)
        }
        break
      }
      // It kept the name of an order that was given up, and such an order ends nothing.
      guard kept.contains(where: { $0.by == actor }), !standing.contains(where: { $0.by == actor }) else { break }
      if let order = standing.first {
        headline = EndHeadline(.stopped(by: order.by, how: .polite, status: status))
      } else {
        headline = EndHeadline(Self.ownEnd(status))
      }
    }
  }

  /// The cause of an end that no order brought about, with no word of what the guest called.
  private static func ownEnd(_ status: WaitStatus) -> EndCause {
    switch status {
    case .exited(let code): .exited(code: code)
    case .signaled(WaitStatus.hangUp, _): .reboot
    case .signaled(WaitStatus.interrupt, _): .powerOff
    case .signaled(let signal, let coreDumped): .signaled(signal, coreDumped: coreDumped)
    }
  }
}

/// A run that has ended, as the history keeps it.
public struct RunRecord: Sendable, Hashable {
  /// 1 is the guest's first run.
  public var number: UInt32
  public var startedBy: Actor
  public var ended: ExitRecord

  public init(number: UInt32, startedBy: Actor, ended: ExitRecord) {
    self.number = number
    self.startedBy = startedBy
    self.ended = ended
  }
}
