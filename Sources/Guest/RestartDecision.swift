/// The state that a restart policy keeps from one run to the next.
public struct RestartHistory: Sendable, Hashable {
  /// Restarts in a row without a good run between them.
  public var attempt: UInt32 = 0
  /// When the policy restarted it within the present window, oldest first; times of the present boot only.
  public var recent: [BootTime] = []
  /// Restarts by policy since an administrator last started the guest.
  public var total: UInt32 = 0

  public init() {}

  public init(attempt: UInt32, recent: [BootTime], total: UInt32) {
    self.attempt = attempt
    self.recent = recent
    self.total = total
  }
}

/// The next step for a guest whose run has ended by itself.
public enum RestartDecision: Sendable, Hashable {
  /// It stays stopped, as its policy wants.
  case stay
  /// It is started again after so many milliseconds; 0 is at once.
  case restart(afterMillis: UInt64, RestartHistory)
  /// The policy would restart it, but it did so too often.
  case giveUp(count: UInt32)
}

extension RestartPolicy {
  /// Whether a run that ended so is followed by another.
  public func wants(_ cause: EndCause) -> Bool {
    switch mode {
    case .never: false
    case .onReboot: cause == .reboot
    case .onFailure: cause == .reboot || cause.isBad
    case .always: true
    }
  }

  /// Decides, for a run that ended without an order.
  ///
  /// - Parameters:
  ///   - cause: how the run ended.
  ///   - lengthNanos: how long it ran.
  ///   - now: the present moment of the boot that `history.recent` belongs to.
  ///   - jitter: 0 to 999, chosen by chance: shortens the delay by up to a tenth, so that guests that failed together do
  ///     not come back together.
  public func decide(
    cause: EndCause, lengthNanos: UInt64, history: RestartHistory, now: BootTime, jitter: UInt32
  ) -> RestartDecision {
    guard wants(cause) else { return .stay }

    var history = history
    // The time it ran before the host went down is not known, and the guest did not cause that end.
    if cause == .hostReset || lengthNanos / 1_000_000 >= minimumUptimeMillis { history.attempt = 0 }
    history.recent.removeAll { now.since($0) / 1_000_000 >= limitWindowMillis }
    if limitCount > 0, history.recent.count >= Int(limitCount) { return .giveUp(count: UInt32(history.recent.count)) }

    history.attempt += 1
    history.total += 1
    history.recent.append(now)
    // With no limit to check nothing else bounds the list.
    if limitCount == 0 { history.recent.removeAll() }

    // A reboot is no failure: the first one is answered at once. A guest that only reboots backs off like any other.
    if cause == .reboot, history.attempt == 1 { return .restart(afterMillis: 0, history) }
    return .restart(afterMillis: delayMillis(attempt: history.attempt, jitter: jitter), history)
  }

  /// Initial backoff, doubled for each further attempt up to the maximum, then shortened by the jitter: no delay is longer
  /// than the maximum.
  func delayMillis(attempt: UInt32, jitter: UInt32) -> UInt64 {
    var delay = backoffInitialMillis
    var step: UInt32 = 1
    while step < attempt, delay < backoffMaximumMillis, delay > 0 {
      delay = delay * 2
      step += 1
    }
    delay = min(delay, backoffMaximumMillis)
    return delay - delay / 10 * UInt64(min(jitter, 999)) / 1000
  }
}
