public import Guest
public import WireProtocol

// The lifecycle as the daemon's database keeps it (`protocol/store.x`).

extension Wire.StoredGuestRow {
  public init(lifecycle: GuestLifecycle, createdAt: Timestamp) {
    self.init(
      format: UInt32(Wire.storedFormat),
      guest: .init(
        spec: .init(stored: lifecycle.defined), createdAt: createdAt.nanoseconds, specPending: lifecycle.isSpecPending,
        phase: .init(lifecycle.phase), runCount: lifecycle.runCount, restartAttempt: lifecycle.restarts.attempt,
        restartTotal: lifecycle.restarts.total,
        restartTimes: lifecycle.restarts.recent.suffix(1000).map(\.nanoseconds),
        last: lifecycle.last.map { .init($0) }, desired: lifecycle.desired, note: cut(lifecycle.note, Wire.textMax)))
  }

  /// The lifecycle in it.
  ///
  /// - Parameter runSpec: the spec that was stored beside it; one of another run is an older version's leftover.
  public func restored(name: GuestName, runSpec: Wire.StoredRunSpec?) throws(GuestError) -> GuestLifecycle {
    try checkFormat(format, "guest \(name): its record")
    let spec = try GuestSpec(stored: guest.spec)
    var inForce = spec
    if let runSpec, runSpec.run == guest.phase.run?.id {
      try checkFormat(runSpec.format, "guest \(name): the spec of its run")
      inForce = try GuestSpec(stored: runSpec.spec)
    }
    return GuestLifecycle(
      name: name, defined: spec, phase: .init(guest.phase, spec: inForce), runCount: guest.runCount,
      restarts: RestartHistory(
        attempt: guest.restartAttempt, recent: guest.restartTimes.map { BootTime(nanoseconds: $0) },
        total: guest.restartTotal),
      last: try guest.last.map { run throws(GuestError) in try RunRecord(run) }, desired: guest.desired,
      note: guest.note)
  }
}

extension Wire.StoredRunSpec {
  /// Nil where the defined spec is the run's, or there is no run.
  public init?(_ lifecycle: GuestLifecycle) {
    guard lifecycle.isSpecPending, let run = lifecycle.run else { return nil }
    self.init(format: UInt32(Wire.storedFormat), run: run.id.bytes, spec: .init(stored: run.spec))
  }
}

extension Wire.StoredRunRow {
  public init(_ run: RunRecord) { self.init(format: UInt32(Wire.storedFormat), run: .init(run)) }

  public func restored() throws(GuestError) -> RunRecord {
    try checkFormat(format, "run")
    return try RunRecord(run)
  }
}

extension Wire.StoredHookRow {
  public init(_ hook: Wire.HookSpec) { self.init(format: UInt32(Wire.storedFormat), hook: hook) }
}

private func checkFormat(_ format: UInt32, _ noun: String) throws(GuestError) {
  guard format == UInt32(Wire.storedFormat) else {
    throw GuestError(.storage, "\(noun) has format \(format), which is unknown")
  }
}

extension Wire.StoredPhase {
  fileprivate var run: Wire.StoredRun? {
    switch self {
    case .starting(let run), .running(let run): run
    case .stopping(let stopping): stopping.run
    case .stopped, .waiting: nil
    }
  }

  init(_ phase: GuestLifecycle.Phase) {
    switch phase {
    case .stopped: self = .stopped
    case .starting(let run): self = .starting(.init(run))
    case .running(let run): self = .running(.init(run))
    case .stopping(let run):
      let (after, by): (Wire.StoredAfterStop, Actor) =
        switch run.orders.consequence {
        case .stay, nil: (.stay, .daemon)
        case .start(let actor): (.start, actor)
        case .remove(let actor): (.remove, actor)
        }
      self = .stopping(
        .init(
          run: .init(run),
          stop: .init(then: after, thenBy: .init(by))))
    case .waiting(let pending):
      self = .waiting(
        .init(
          attempt: pending.attempt, delayMillis: pending.delayMillis, due: pending.due.wall.nanoseconds,
          dueBoot: pending.due.boot.nanoseconds))
    }
  }
}

extension GuestLifecycle.Phase {
  init(_ wire: Wire.StoredPhase, spec: GuestSpec) {
    switch wire {
    case .stopped: self = .stopped
    case .starting(let run): self = .starting(.init(run, spec: spec))
    case .running(let run): self = .running(.init(run, spec: spec))
    case .stopping(let stopping):
      // The orders of the run say what follows; `stop` has it for readers of before.
      self = .stopping(.init(stopping.run, spec: spec))
    case .waiting(let wait):
      self = .waiting(
        .init(
          attempt: wait.attempt, delayMillis: wait.delayMillis,
          due: Moment(wall: Timestamp(nanoseconds: wait.due), boot: BootTime(nanoseconds: wait.dueBoot))))
    }
  }
}

extension Wire.StoredRun {
  init(_ run: GuestLifecycle.Run) {
    self.init(
      id: run.id.bytes, number: run.number, startedBy: .init(run.startedBy),
      launched: run.launched.map {
        .init(
          initPid: $0.initPID, initStartTime: $0.initStartTime, at: $0.at.wall.nanoseconds,
          atBoot: $0.at.boot.nanoseconds)
      },
      orders: .init(run.orders))
  }
}

extension GuestLifecycle.Run {
  init(_ wire: Wire.StoredRun, spec: GuestSpec) {
    self.init(
      id: RunID(wire.id) ?? .zero, number: wire.number, startedBy: Actor(wire.startedBy), spec: spec,
      launched: wire.launched.map {
        .init(
          initPID: $0.initPid, initStartTime: $0.initStartTime,
          at: Moment(wall: Timestamp(nanoseconds: $0.at), boot: BootTime(nanoseconds: $0.atBoot)))
      },
      orders: EndOrders(wire.orders))
  }
}
