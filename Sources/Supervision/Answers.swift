public import Guest

// The answers to requests. They follow from what was decided and from how that went on, whenever they are asked for: so a
// request that is sent again, also to the next daemon, has the same answer.

extension Waiters.Answer {
  /// The end that a request waited for; nil where only the history can know of it.
  ///
  /// - Parameter intent: the verb and the guest of a request that ordered the end; nil for one that only waits.
  /// - Throws: why the end does not come, or is not stored. What a rescue stores is not stored.
  public func end(
    _ intent: String?, of name: GuestName, in health: StorageHealth
  ) throws(GuestError) -> RunRecord? {
    switch self {
    case .ended(let record):
      if let intent, health.isRescue { throw Self.unstored(intent, record, health) }
      return record
    case .holds, .gone: return nil
    case .givenUp(let millis, let standing):
      throw Refusal.stillRuns(intent ?? "wait for \(name)", name, afterMillis: millis, standing)
    case .stuck(let tasks):
      throw GuestError(
        .timedOut,
        "\(intent ?? "wait for \(name)"): all of it was killed, and these tasks do not end: \(tasks)",
        hint: "what they wait for in the kernel has to answer; then it ends: lodge wait \(name) --for stopped")
    case .unstored(let record): throw Self.unstored(intent ?? "wait for \(name)", record, health)
    }
  }

  private static func unstored(_ intent: String, _ record: RunRecord, _ health: StorageHealth) -> GuestError {
    GuestError(
      .storage,
      "\(intent): it has ended (\(record.ended.headline.inWords)), and that could not be stored: "
        + (health.fault?.reason ?? "the disk does not take it"),
      hint: health.isRescue
        ? "its record is kept, and is stored when lodged is started with its database; lodge daemon status"
        : "it is stored as soon as the database takes it; lodge daemon status")
  }
}

extension RunRecord {
  /// The answer to the start of a run that has ended before its start was answered: it has begun all the same, unless its
  /// init was never executed.
  ///
  /// - Throws: why it has not begun, or that this is not known.
  public func begun(_ name: GuestName) throws(GuestError) -> RunID {
    switch ended.cause {
    case .startFailed(let failure):
      throw GuestError(
        .startFailed, "start \(name): \(failure.message)", hint: "lodge why \(name)",
        errno: failure.errno == 0 ? nil : failure.errno, step: failure.step)
    case .stopped(let actor, .cancelled, _):
      throw GuestError(.cancelled, "start \(name): called off by \(actor.inWords)")
    case .controllerLost, .hostReset, .notKnown:
      guard ended.facts.initExecuted != .yes else { return ended.run }
      throw GuestError(
        .startFailed, "start \(name): its controller died, and whether its init was executed is not known",
        hint: "lodge why \(name)")
    case .stopped, .exited, .signaled, .oom, .reboot, .halt, .powerOff:
      return ended.run
    }
  }
}

/// Answers that follow from no run.
public enum Refusal {
  /// The digest of a request has the procedure in it, so this is an id that met another request's digest by chance.
  public static func otherSequel(_ name: GuestName) -> GuestError {
    GuestError(.conflict, "\(name): the request's id was used for another request")
  }

  public static func conflict(_ id: RequestID) -> GuestError {
    GuestError(
      .conflict, "request \(id.short): its id was used for another request within ten minutes",
      hint: "give each request an id of its own")
  }

  /// The run that was to begin never did: a stop came first.
  public static func stoppedMeanwhile(_ name: GuestName) -> GuestError {
    GuestError(.conflict, "start \(name): it was stopped meanwhile", hint: "lodge why \(name)")
  }

  /// An order without force has been given up. `standing`: another one, which may still end the guest.
  public static func stillRuns(
    _ intent: String, _ name: GuestName, afterMillis millis: UInt64?, _ standing: EndOrder? = nil
  ) -> GuestError {
    let span = millis.map { " after \(time($0))" } ?? ""
    guard let standing else {
      return GuestError(.timedOut, "\(intent): it still runs\(span), and goes on", hint: "lodge kill \(name)")
    }
    let other = "\(standing.verb.word) by \(standing.by.inWords)" + (standing.noKill ? " without force" : "")
    return GuestError(
      .timedOut, "\(intent): it still runs\(span); another order to end it stands, \(other)",
      hint: "lodge wait \(name) --for stopped")
  }

  /// As a spec file has times: `300ms`, `2s`, `1.5s`.
  private static func time(_ millis: UInt64) -> String {
    if millis < 1_000 { return "\(millis)ms" }
    let tenths = millis % 1_000 / 100
    return "\(millis / 1_000)" + (tenths == 0 ? "" : ".\(tenths)") + "s"
  }

  /// The spec is another one than its editor has read.
  public static func changedMeanwhile(_ name: GuestName) -> GuestError {
    GuestError(
      .conflict, "change \(name): its spec was changed meanwhile by another request",
      hint: "look at it again: lodge show \(name) --spec")
  }

  public static func removed(_ name: GuestName) -> GuestError {
    GuestError(.notFound, "\(name): it was removed", hint: "lodge events --guest \(name)")
  }

  public static func noInit(_ name: GuestName, _ state: GuestState) -> GuestError {
    GuestError(.wrongState, "kill \(name): it is \(state), and has no init to signal", hint: "lodge show \(name)")
  }

  public static func tooManyGuests(_ intent: String, count: Int, configuration: String) -> GuestError {
    GuestError(
      .limitReached,
      "\(intent): there are \(count) guests, as many as limits.guests in \(configuration) allows")
  }
}
