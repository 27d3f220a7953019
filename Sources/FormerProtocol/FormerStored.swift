public import Guest
public import WireProtocol
internal import XDR

// The database of formats 1 and 2: the same rows, read into the values of today.

/// A guest as a row of the former database has it.
public struct FormerGuest {
  public var lifecycle: GuestLifecycle
  public var createdAt: Timestamp

  /// - Parameter bytes: encoding of `stored_guest` of v1/store.x.
  public init(name: GuestName, row bytes: [UInt8]) throws {
    let stored = try WireV1.StoredGuest(xdr: bytes)
    guard stored.format == UInt32(WireV1.storedGuestFormat) else {
      throw GuestError(.storage, "guest \(name): its record has format \(stored.format), which is unknown")
    }
    let spec = GuestSpec(former: stored.spec)
    createdAt = Timestamp(nanoseconds: stored.createdAt)
    lifecycle = GuestLifecycle(
      name: name, defined: spec, phase: .init(former: stored.phase, spec: spec, stop: spec.stop),
      runCount: stored.runCount,
      restarts: RestartHistory(
        attempt: stored.restartAttempt, recent: stored.restartTimes.map { BootTime(nanoseconds: $0) },
        total: stored.restartTotal),
      last: try stored.last.map {
        RunRecord(number: $0.number, startedBy: Actor(former: $0.startedBy), ended: try ExitRecord(former: $0.ended))
      }, desired: stored.desired, note: stored.note)
  }
}

extension GuestLifecycle.Phase {
  /// - Parameter spec: version 1 kept one spec a guest, and no other for its run.
  fileprivate init(former wire: WireV1.StoredPhase, spec: GuestSpec, stop policy: StopPolicy) {
    switch wire {
    case .stopped: self = .stopped
    case .starting(let run): self = .starting(.init(former: run, spec: spec))
    case .running(let run): self = .running(.init(former: run, spec: spec))
    case .stopping(let stopping):
      var run = GuestLifecycle.Run(former: stopping.run, spec: spec)
      let stop = stopping.stop
      let by = Actor(former: stop.by)
      let (verb, after): (EndOrder.Verb, Actor) =
        switch stop.then {
        case .stay: (stop.force ? .kill : .stop, by)
        case .start: (.restart, Actor(former: stop.thenBy))
        case .remove: (.remove, Actor(former: stop.thenBy))
        }
      func order(_ verb: EndOrder.Verb, by actor: Actor) -> EndOrder {
        EndOrder(
          verb, by: actor, signal: stop.signal == 0 ? nil : stop.signal,
          timeoutMillis: stop.timeoutMillis < 0 ? nil : UInt64(stop.timeoutMillis), noKill: stop.noKill)
      }
      // One actor may have ordered the end, and another one what follows it.
      if after != by { run.orders.append(order(stop.force ? .kill : .stop, by: by)) }
      run.orders.append(order(verb, by: after))
      self = .stopping(run)
    case .waiting(let wait):
      self = .waiting(
        .init(
          attempt: wait.attempt, delayMillis: wait.delayMillis,
          due: Moment(wall: Timestamp(nanoseconds: wait.due), boot: BootTime(nanoseconds: wait.dueBoot))))
    }
  }
}

extension GuestLifecycle.Run {
  fileprivate init(former wire: WireV1.StoredRun, spec: GuestSpec) {
    self.init(
      id: RunID(wire.id) ?? .zero, number: wire.number, startedBy: Actor(former: wire.startedBy), spec: spec,
      launched: wire.launched.map {
        .init(
          initPID: $0.initPid, initStartTime: $0.initStartTime,
          at: Moment(wall: Timestamp(nanoseconds: $0.at), boot: BootTime(nanoseconds: $0.atBoot)))
      })
  }
}

/// Rows of the former database in today's encoding.
public enum FormerRow {
  /// - Parameter bytes: encoding of `event` of v1/admin.x.
  public static func journalEntry(_ bytes: [UInt8]) throws -> JournalEntry {
    try JournalEntry(former: WireV1.Event(xdr: bytes))
  }

  /// - Parameter bytes: encoding of `run_record` of v1/admin.x.
  public static func run(_ bytes: [UInt8]) throws -> RunRecord {
    try RunRecord(former: WireV1.RunRecord(xdr: bytes))
  }

  /// - Parameter bytes: encoding of `hook_spec` of v1/admin.x.
  public static func hook(_ bytes: [UInt8]) throws -> Wire.HookSpec {
    let hook = try WireV1.HookSpec(xdr: bytes)
    let filter = hook.filter
    return Wire.HookSpec(
      name: hook.name,
      filter: Wire.EventFilter(
        guestPattern: filter.guestPattern, types: filter.types.map { .init(rawValue: $0.rawValue) },
        causes: filter.causes.map { .init(rawValue: $0.rawValue) },
        labels: filter.labels.map { .init(key: $0.key, value: $0.value) }),
      program: hook.program, timeoutMillis: hook.timeoutMillis, retries: hook.retries)
  }
}
