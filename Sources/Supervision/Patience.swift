public import Guest

// How long the daemon waits for what it has ordered. A controller enforces the deadlines of an order itself; the daemon
// waits longer than all of these together, and then it acts without the controller.

extension EndOrder {
  /// When an order that is given now has to have ended the guest, the controller's own deadlines included; nil for never.
  public func deadline(_ policy: StopPolicy, now: BootTime) -> BootTime? {
    if noKill { return nil }
    if isForce { return now.adding(milliseconds: Self.forceMillis) }
    return now.adding(
      milliseconds: (timeoutMillis ?? policy.timeoutMillis) + policy.termTimeoutMillis + Self.marginMillis)
  }

  /// How long an order without force has, in milliseconds: its own signal's time, then that of SIGTERM. Nil for an order
  /// that ends by force.
  public func patienceMillis(_ policy: StopPolicy) -> Int64? {
    guard noKill else { return nil }
    let terminate: Int32 = 15
    let more = signal ?? policy.signal == terminate ? 0 : policy.termTimeoutMillis
    return Int64(clamping: (timeoutMillis ?? policy.timeoutMillis) + more)
  }

  /// A controller kills a guest at once, and answers then.
  private static let forceMillis: UInt64 = 2_000
  /// For the kill at the end of a stop, for the last bytes of the console and for the record.
  private static let marginMillis: UInt64 = 5_000
}

extension GuestLifecycle.Phase {
  /// By when a controller that an earlier daemon spawned has to be reached and do what it is to do, and why it is killed
  /// otherwise. Nil for one whose guest runs, which may take for ever: it holds the truth about the guest.
  public func due(now: BootTime, launchMillis: UInt64) -> ControllerState.Due? {
    switch self {
    case .starting: return .init(by: now.adding(milliseconds: launchMillis), reason: .launchOverdue)
    case .stopping(let run, _):
      guard let order = run.orders.current, let deadline = order.deadline(run.spec.stop, now: now) else { return nil }
      return .init(by: deadline, reason: .orderOverdue(number: order.number))
    case .running, .stopped, .waiting: return nil
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
