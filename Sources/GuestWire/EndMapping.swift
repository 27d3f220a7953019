public import Guest
public import WireProtocol

extension Wire.Actor {
  public init(_ actor: Actor) {
    switch actor {
    case .guest: self.init(kind: .guest, uid: 0, pid: 0)
    case .user(let uid, let pid): self.init(kind: .user, uid: uid, pid: pid)
    case .policy: self.init(kind: .policy, uid: 0, pid: 0)
    case .daemon: self.init(kind: .daemon, uid: 0, pid: 0)
    }
  }
}

extension Actor {
  /// A kind that a newer peer invented is taken as the daemon's doing.
  public init(_ wire: Wire.Actor) {
    switch wire.kind {
    case .guest: self = .guest
    case .user: self = .user(uid: wire.uid, pid: wire.pid)
    case .policy: self = .policy
    case .daemon, .unknown: self = .daemon
    }
  }
}

extension Wire.WaitStatus {
  init(_ status: WaitStatus?) {
    switch status {
    case .exited(let code): self.init(signaled: false, value: code, coreDumped: false)
    case .signaled(let signal, let coreDumped): self.init(signaled: true, value: signal, coreDumped: coreDumped)
    case nil: self.init(signaled: true, value: 0, coreDumped: false)
    }
  }
}

extension WaitStatus {
  /// Nil for "signal 0", which stands for an init that never was.
  init?(_ wire: Wire.WaitStatus) {
    guard wire.signaled else {
      self = .exited(wire.value)
      return
    }
    guard wire.value != 0 else { return nil }
    self = .signaled(wire.value, coreDumped: wire.coreDumped)
  }
}

extension Wire.EndCause {
  public init(_ cause: EndCause) {
    switch cause {
    case .exited(let code): self = .exited(code)
    case .signaled(let signal, let coreDumped):
      self = .signaled(Wire.WaitStatus(signaled: true, value: signal, coreDumped: coreDumped))
    case .oom(let oom): self = .oom(.init(oom))
    case .reboot: self = .reboot
    case .halt: self = .halt
    case .powerOff: self = .powerOff
    case .stopped(let actor, let how, let status):
      let method: Wire.StopMethod =
        switch how {
        case .polite: .polite
        case .forced: .forced
        case .cancelled: .cancelled
        }
      self = .stopped(.init(by: .init(actor), how: method, status: .init(status)))
    case .startFailed(let failure):
      self = .startFailed(
        .init(
          step: cut(failure.step, Wire.stepMax), errnoNumber: failure.errno, message: cut(failure.message, Wire.textMax)
        ))
    case .controllerLost: self = .controllerLost
    case .hostReset: self = .hostReset
    }
  }
}

extension EndCause {
  public init(_ wire: Wire.EndCause) {
    switch wire {
    case .exited(let code): self = .exited(code: code)
    case .signaled(let status): self = .signaled(status.value, coreDumped: status.coreDumped)
    case .oom(let oom): self = .oom(OutOfMemory(oom))
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
      self = .stopped(by: Actor(stopped.by), how: how, status: WaitStatus(stopped.status))
    case .startFailed(let failure):
      self = .startFailed(StartFailure(step: failure.step, errno: failure.errnoNumber, message: failure.message))
    case .controllerLost: self = .controllerLost
    case .hostReset: self = .hostReset
    }
  }
}

extension Wire.OomEnd {
  init(_ oom: OutOfMemory) {
    let limit: Wire.OomLimit =
      switch oom.limit {
      case .own: .own
      case .parent: .parent
      case .host: .host
      }
    self.init(
      victim: oom.victim == .initProcess ? .init_ : .child, limit: limit, limitBytes: oom.limitBytes, kills: oom.kills,
      status: .init(oom.status))
  }
}

extension OutOfMemory {
  init(_ wire: Wire.OomEnd) {
    let limit: Limit =
      switch wire.limit {
      case .own: .own
      case .parent: .parent
      case .host: .host
      }
    self.init(
      victim: wire.victim == .child ? .child : .initProcess, limit: limit, limitBytes: wire.limitBytes,
      kills: wire.kills, status: WaitStatus(wire.status) ?? .exited(0))
  }
}

extension Wire.ExitRecord {
  public init(_ record: ExitRecord) {
    self.init(
      guest: record.guest.value, run: record.run.bytes, boot: record.boot.bytes, cause: .init(record.cause),
      startedAt: record.startedAt?.nanoseconds ?? 0, endedAt: record.endedAt.nanoseconds,
      lengthNanos: record.lengthNanos, usage: .init(record.usage),
      logTail: record.logTail.suffix(ExitRecord.tailLines).map { cut($0, ExitRecord.tailLineBytes) })
  }
}

extension ExitRecord {
  /// Throws where a name breaks its rules; the lengths have been checked by the decoder.
  public init(_ wire: Wire.ExitRecord) throws(GuestError) {
    self.init(
      guest: try GuestName(wire.guest), run: RunID(wire.run) ?? .zero, boot: BootID(wire.boot) ?? .zero,
      cause: EndCause(wire.cause), startedAt: wire.startedAt == 0 ? nil : Timestamp(nanoseconds: wire.startedAt),
      endedAt: Timestamp(nanoseconds: wire.endedAt), lengthNanos: wire.lengthNanos, usage: RunUsage(wire.usage),
      logTail: wire.logTail)
  }
}

extension Wire.RunUsage {
  init(_ usage: RunUsage) {
    self.init(
      memoryPeakBytes: usage.memoryPeakBytes, memoryLimitBytes: usage.memoryLimitBytes, cpuMicros: usage.cpuMicros)
  }
}

extension RunUsage {
  init(_ wire: Wire.RunUsage) {
    self.init(
      memoryPeakBytes: wire.memoryPeakBytes, memoryLimitBytes: wire.memoryLimitBytes, cpuMicros: wire.cpuMicros)
  }
}

extension Wire.RunRecord {
  public init(_ run: RunRecord) {
    self.init(number: run.number, startedBy: .init(run.startedBy), ended: .init(run.ended))
  }
}

extension RunRecord {
  public init(_ wire: Wire.RunRecord) throws(GuestError) {
    self.init(number: wire.number, startedBy: Actor(wire.startedBy), ended: try ExitRecord(wire.ended))
  }
}

/// At most `limit` bytes of UTF-8, cut between characters: a long sentence must not make a message that cannot be sent.
func cut(_ text: String, _ limit: Int) -> String {
  guard text.utf8.count > limit else { return text }
  var end = text.unicodeScalars.startIndex
  var size = 0
  for index in text.unicodeScalars.indices {
    size += UTF8.width(text.unicodeScalars[index])
    if size > limit - 3 { break }
    end = text.unicodeScalars.index(after: index)
  }
  return String(text[..<end]) + "..."
}
