public import Guest
internal import GuestWire
internal import XDR

// Ends of version 1: one cause, and no facts beside it.

extension Actor {
  public init(former wire: WireV1.Actor) {
    switch wire.kind {
    case .guest: self = .guest
    case .user: self = .user(uid: wire.uid, pid: wire.pid)
    case .policy: self = .policy
    case .daemon, .unknown: self = .daemon
    }
  }
}

extension WireV1.Actor {
  public init(_ actor: Actor) {
    switch actor {
    case .guest: self.init(kind: .guest, uid: 0, pid: 0)
    case .user(let uid, let pid): self.init(kind: .user, uid: uid, pid: pid)
    case .policy: self.init(kind: .policy, uid: 0, pid: 0)
    case .daemon: self.init(kind: .daemon, uid: 0, pid: 0)
    }
  }
}

extension WaitStatus {
  fileprivate init(former wire: WireV1.WaitStatus) {
    self = wire.signaled ? .signaled(wire.value, coreDumped: wire.coreDumped) : .exited(wire.value)
  }
}

extension EndCause {
  public init(former wire: WireV1.EndCause) {
    switch wire {
    case .exited(let code): self = .exited(code: code)
    case .signaled(let status): self = .signaled(status.value, coreDumped: status.coreDumped)
    case .oom(let oom): self = .oom(OutOfMemory(former: oom))
    case .reboot: self = .reboot
    case .halt: self = .halt
    case .powerOff: self = .powerOff
    case .stopped(let stopped):
      let how: StopMethod =
        switch stopped.how {
        case .polite: .polite
        case .forced: .forced
        case .cancelled: .cancelled
        }
      // "Signal 0" stood for an init that was never executed.
      let isAbsent = stopped.status.signaled && stopped.status.value == 0
      self = .stopped(
        by: Actor(former: stopped.by), how: how, status: isAbsent ? nil : WaitStatus(former: stopped.status))
    case .startFailed(let failure):
      self = .startFailed(StartFailure(step: failure.step, errno: failure.errnoNumber, message: failure.message))
    case .controllerLost: self = .controllerLost
    case .hostReset: self = .hostReset
    }
  }
}

extension OutOfMemory {
  fileprivate init(former wire: WireV1.OomEnd) {
    let victim: Victim =
      switch wire.victim {
      case .init_: .initProcess
      case .child: .child
      }
    let limit: Limit =
      switch wire.limit {
      case .own: .own
      case .parent: .parent
      case .host: .host
      }
    self.init(
      victim: victim, limit: limit, limitBytes: wire.limitBytes, kills: wire.kills,
      status: WaitStatus(former: wire.status))
  }
}

extension RunUsage {
  fileprivate init(former wire: WireV1.RunUsage) {
    self.init(
      memoryPeakBytes: known(wire.memoryPeakBytes), memoryLimitBytes: known(wire.memoryLimitBytes),
      cpuMicros: known(wire.cpuMicros))
  }
}

extension ExitRecord {
  /// Its cause stands as the headline. Throws where a name breaks its rules.
  public init(former wire: WireV1.ExitRecord) throws(GuestError) {
    self.init(
      guest: try GuestName(wire.guest), run: RunID(wire.run) ?? .zero, boot: BootID(wire.boot) ?? .zero,
      cause: EndCause(former: wire.cause),
      startedAt: wire.startedAt == 0 ? nil : Timestamp(nanoseconds: wire.startedAt),
      endedAt: Timestamp(nanoseconds: wire.endedAt), lengthNanos: wire.lengthNanos,
      usage: RunUsage(former: wire.usage), logTail: wire.logTail)
  }
}

extension RunRecord {
  public init(former wire: WireV1.RunRecord) throws(GuestError) {
    self.init(number: wire.number, startedBy: Actor(former: wire.startedBy), ended: try ExitRecord(former: wire.ended))
  }
}

/// Exit record files of every format that there was.
public enum FormerExitRecord {
  /// Throws `badFrame` for a file that is torn, altered, or of a format that this version does not know.
  public static func decode(_ bytes: [UInt8]) throws(GuestError) -> ExitRecord {
    let format = try ExitRecordFile.soundFormat(of: bytes)
    guard format == UInt32(WireV1.exitRecordFormat) else { return try ExitRecordFile.decode(bytes) }
    let file: WireV1.ExitRecordFile
    do { file = try WireV1.ExitRecordFile(xdr: bytes) } catch { throw GuestError(.badFrame, "exit record: \(error)") }
    return try ExitRecord(former: file.record)
  }
}

// MARK: The journal

extension JournalEntry {
  /// Throws where a name breaks its rules.
  public init(former wire: WireV1.Event) throws(GuestError) {
    let name: GuestName? = wire.guest.isEmpty ? nil : try GuestName(wire.guest)
    let run = wire.run.flatMap { RunID($0) }
    let boot = BootID(wire.boot) ?? .zero
    var ended: ExitRecord?
    if let cause = wire.cause, let name, let run {
      ended = ExitRecord(
        guest: name, run: run, boot: boot, cause: EndCause(former: cause),
        startedAt: wire.startedAt == 0 ? nil : Timestamp(nanoseconds: wire.startedAt),
        endedAt: Timestamp(nanoseconds: wire.endedAt), lengthNanos: wire.lengthNanos,
        usage: wire.usage.map { RunUsage(former: $0) } ?? RunUsage())
    }
    self.init(
      sequence: wire.sequence, time: Timestamp(nanoseconds: wire.time), boot: boot,
      event: GuestEvent(
        GuestEvent.Kind(former: wire.type), guest: name, run: run, runNumber: wire.runNumber,
        from: GuestState(former: wire.from), to: GuestState(former: wire.to), by: Actor(former: wire.by),
        message: wire.message, ended: ended, labels: wire.labels.map { Label($0.key, $0.value) }))
  }
}

extension GuestState {
  fileprivate init(former wire: WireV1.GuestState) {
    switch wire {
    case .stopped, .unknown: self = .stopped
    case .starting: self = .starting
    case .running: self = .running
    case .stopping: self = .stopping
    case .waiting: self = .waiting
    }
  }
}

extension GuestEvent.Kind {
  fileprivate init(former wire: WireV1.EventType) {
    switch wire {
    case .created: self = .created
    case .changed: self = .changed
    case .removed: self = .removed
    case .state: self = .state
    case .notice, .unknown: self = .notice
    case .daemon: self = .daemon
    case .hook: self = .hook
    }
  }
}
