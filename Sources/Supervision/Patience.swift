public import Guest

// How long the daemon waits for what it has ordered. A controller enforces the deadlines of an order itself; the daemon
// waits longer than all of these together, and then it acts without the controller.

extension EndOrder {
  /// By when it has to have ended the guest, the controller's own deadlines included; nil for never.
  ///
  /// An order keeps its deadline over a restart of the daemon. One whose time is up is left the time that a kill has, because
  /// a controller that carried the order out is reached, or has reported, by then.
  public func deadline(_ policy: StopPolicy, now: Moment) -> BootTime? {
    if noKill { return nil }
    let soon = now.boot.adding(milliseconds: Self.forceMillis)
    if isForce { return soon }
    let (millis, overflow) = (timeoutMillis ?? policy.timeoutMillis).addingReportingOverflow(
      policy.termTimeoutMillis + Self.marginMillis)
    return max(moment(after: overflow ? .max : millis, now), soon)
  }

  /// A controller kills a guest at once, and answers then.
  private static let forceMillis: UInt64 = 2_000
  /// For the kill at the end of a stop, for the last bytes of the console and for the record.
  private static let marginMillis: UInt64 = 5_000
}

extension EndOrders {
  /// The earliest deadline of all orders that stand, and the order that it belongs to; nil where none ends by force.
  public func due(_ policy: StopPolicy, now: Moment) -> ControllerState.Due? {
    let deadlines = standing.compactMap { order in
      order.deadline(policy, now: now).map { ControllerState.Due(by: $0, reason: .orderOverdue(number: order.number)) }
    }
    return deadlines.min { $0.by < $1.by }
  }
}

extension GuestLifecycle.Phase {
  /// By when a controller that an earlier daemon spawned has to be reached and do what it is to do, and why it is killed
  /// otherwise. Nil for one whose guest runs, which may take for ever: it holds the truth about the guest.
  public func due(now: Moment, launchMillis: UInt64) -> ControllerState.Due? {
    switch self {
    case .starting: .init(by: now.boot.adding(milliseconds: launchMillis), reason: .launchOverdue)
    case .stopping(let run): run.orders.due(run.spec.stop, now: now)
    case .running, .stopped, .waiting: nil
    }
  }
}

extension BootTime {
  /// How long a timer may sleep, in milliseconds, until it has to look whether this moment has come. An event loop's clock
  /// stands still while the host is suspended and boot time does not, so it looks again now and then.
  public func nap(from now: BootTime) -> Int64 {
    Int64(clamping: min(since(now) / 1_000_000 + 1, 10_000))
  }
}
