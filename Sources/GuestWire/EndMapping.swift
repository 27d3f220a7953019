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
  init(_ status: WaitStatus) {
    switch status {
    case .exited(let code): self.init(signaled: false, value: code, coreDumped: false)
    case .signaled(let signal, let coreDumped): self.init(signaled: true, value: signal, coreDumped: coreDumped)
    }
  }
}

extension WaitStatus {
  init(_ wire: Wire.WaitStatus) {
    self = wire.signaled ? .signaled(wire.value, coreDumped: wire.coreDumped) : .exited(wire.value)
  }
}

extension Wire.OomEnd {
  init(_ oom: OutOfMemory) {
    let victim: Wire.OomVictim =
      switch oom.victim {
      case .initProcess: .init_
      case .child: .child
      }
    self.init(
      victim: victim, limit: .init(oom.limit), limitBytes: oom.limitBytes, kills: oom.kills, status: .init(oom.status))
  }
}

extension OutOfMemory {
  init(_ wire: Wire.OomEnd) {
    let victim: Victim =
      switch wire.victim {
      case .init_: .initProcess
      case .child: .child
      }
    self.init(
      victim: victim, limit: Limit(wire.limit), limitBytes: wire.limitBytes, kills: wire.kills,
      status: WaitStatus(wire.status))
  }
}

// MARK: Orders

extension Wire.OrderVerb {
  init(_ verb: EndOrder.Verb) {
    switch verb {
    case .stop: self = .stop
    case .kill: self = .kill
    case .remove: self = .remove
    case .restart: self = .restart
    case .shutdown: self = .shutdown
    }
  }
}

extension Wire.EndOrder {
  public init(_ order: EndOrder) {
    self.init(
      number: order.number, verb: .init(order.verb), by: .init(order.by), at: order.at?.nanoseconds ?? 0,
      signal: order.signal ?? 0, timeoutMillis: order.timeoutMillis.map { Int64(clamping: $0) } ?? -1,
      noKill: order.noKill, signalsSent: Array(order.signalsSent.prefix(EndOrder.signalsKept)),
      killSent: order.killSent, givenUp: order.givenUp)
  }
}

extension EndOrder {
  /// A verb that a newer peer invented is taken as a stop: it is an order to end the run.
  public init(_ wire: Wire.EndOrder) {
    let verb: Verb =
      switch wire.verb {
      case .stop, .unknown: .stop
      case .kill: .kill
      case .remove: .remove
      case .restart: .restart
      case .shutdown: .shutdown
      }
    self.init(
      verb, by: Actor(wire.by), signal: wire.signal == 0 ? nil : wire.signal,
      timeoutMillis: wire.timeoutMillis < 0 ? nil : UInt64(wire.timeoutMillis), noKill: wire.noKill,
      number: wire.number, at: wire.at == 0 ? nil : Timestamp(nanoseconds: wire.at))
    signalsSent = wire.signalsSent
    killSent = wire.killSent
    givenUp = wire.givenUp
  }
}

extension Wire.EndOrders {
  public init(_ orders: EndOrders) {
    self.init(kept: orders.kept.map { .init($0) }, omitted: orders.omitted)
  }
}

extension EndOrders {
  public init(_ wire: Wire.EndOrders) {
    self.init(wire.kept.map { EndOrder($0) }, omitted: wire.omitted)
  }
}

// MARK: Facts

extension Wire.Known {
  init(_ known: Known) {
    switch known {
    case .yes: self = .yes
    case .no: self = .no
    case .notKnown: self = .not
    }
  }
}

extension Known {
  init(_ wire: Wire.Known) {
    switch wire {
    case .yes: self = .yes
    case .no: self = .no
    case .not: self = .notKnown
    }
  }
}

extension Wire.StartFailedEnd {
  init(_ failure: StartFailure) {
    self.init(
      step: cut(failure.step, Wire.stepMax), errnoNumber: failure.errno, message: cut(failure.message, Wire.textMax))
  }
}

extension StartFailure {
  init(_ wire: Wire.StartFailedEnd) {
    self.init(step: wire.step, errno: wire.errnoNumber, message: wire.message)
  }
}

extension Wire.OomLimit {
  init(_ limit: OutOfMemory.Limit) {
    switch limit {
    case .own: self = .own
    case .parent: self = .parent
    case .host: self = .host
    }
  }
}

extension OutOfMemory.Limit {
  init(_ wire: Wire.OomLimit) {
    switch wire {
    case .own: self = .own
    case .parent: self = .parent
    case .host: self = .host
    }
  }
}

extension Wire.MemoryKills {
  init(_ memory: MemoryKills) {
    let witness: Wire.MemoryWitness? =
      switch memory.witness {
      case .kernelLog: .kernelLog
      case .counter: .counter
      case .status: .status
      case nil: nil
      }
    self.init(
      kills: memory.kills, initKilled: .init(memory.initKilled), witness: witness,
      lastBeforeEndMillis: memory.lastKillBeforeEndMillis, limit: .init(memory.limit), limitBytes: memory.limitBytes)
  }
}

extension MemoryKills {
  /// A witness that a newer peer invented is none that is known here.
  init(_ wire: Wire.MemoryKills) {
    let witness: Witness? =
      switch wire.witness {
      case .kernelLog: .kernelLog
      case .counter: .counter
      case .status: .status
      case .unknown, nil: nil
      }
    self.init(
      kills: wire.kills, initKilled: Known(wire.initKilled), witness: witness,
      lastKillBeforeEndMillis: wire.lastBeforeEndMillis, limit: .init(wire.limit), limitBytes: wire.limitBytes)
  }
}

extension Wire.RebootCommand {
  init(_ command: RebootCommand) {
    switch command {
    case .restart: self = .restart
    case .halt: self = .halt
    case .powerOff: self = .powerOff
    }
  }
}

extension RebootCommand {
  init(_ wire: Wire.RebootCommand) {
    switch wire {
    case .restart: self = .restart
    case .halt: self = .halt
    case .powerOff: self = .powerOff
    }
  }
}

extension Wire.EndFence {
  init(_ fence: Fence) {
    switch fence {
    case .controllerDied: self.init(reason: .controllerDied, order: 0)
    case .orderOverdue(let number): self.init(reason: .orderOverdue, order: number)
    case .launchOverdue: self.init(reason: .launchOverdue, order: 0)
    case .controllerUnreachable: self.init(reason: .controllerUnreachable, order: 0)
    case .recordUnreadable: self.init(reason: .recordUnreadable, order: 0)
    case .nothingFound: self.init(reason: .nothingFound, order: 0)
    }
  }
}

extension Fence {
  /// A reason that a newer peer invented is taken as that of a controller that died.
  init(_ wire: Wire.EndFence) {
    switch wire.reason {
    case .controllerDied, .unknown: self = .controllerDied
    case .orderOverdue: self = .orderOverdue(number: wire.order)
    case .launchOverdue: self = .launchOverdue
    case .controllerUnreachable: self = .controllerUnreachable
    case .recordUnreadable: self = .recordUnreadable
    case .nothingFound: self = .nothingFound
    }
  }
}

extension Wire.InitStatus {
  init(_ status: InitStatus) {
    let witness: Wire.StatusWitness =
      switch status.witness {
      case .reaped: .reaped
      case .zombie: .zombie
      }
    self.init(value: .init(status.value), witness: witness)
  }
}

extension InitStatus {
  init(_ wire: Wire.InitStatus) {
    let witness: Witness =
      switch wire.witness {
      case .reaped, .unknown: .reaped
      case .zombie: .zombie
      }
    self.init(WaitStatus(wire.value), witness)
  }
}

extension Wire.EndFacts {
  public init(_ facts: EndFacts) {
    self.init(
      recorded: facts.areRecorded, initExecuted: .init(facts.initExecuted), status: facts.status.map { .init($0) },
      startFailure: facts.startFailure.map { .init($0) }, reboots: facts.reboots.prefix(4).map { .init($0) },
      rebootWatched: facts.rebootWatched, memory: facts.memory.map { .init($0) }, orders: .init(facts.orders),
      fence: facts.fence.map { .init($0) }, startBoot: facts.startBoot?.bytes, endBoot: facts.endBoot?.bytes,
      endSeen: facts.endSeen)
  }
}

extension EndFacts {
  public init(_ wire: Wire.EndFacts) {
    self.init(
      initExecuted: Known(wire.initExecuted), status: wire.status.map { InitStatus($0) },
      startFailure: wire.startFailure.map { StartFailure($0) }, reboots: wire.reboots.map { RebootCommand($0) },
      rebootWatched: wire.rebootWatched, memory: wire.memory.map { MemoryKills($0) }, orders: EndOrders(wire.orders),
      fence: wire.fence.map { Fence($0) }, startBoot: wire.startBoot.flatMap { BootID($0) },
      endBoot: wire.endBoot.flatMap { BootID($0) })
    areRecorded = wire.recorded
    endSeen = wire.endSeen
  }
}

// MARK: Headline

extension Wire.EndKind {
  public init(_ cause: EndCause) {
    switch cause {
    case .exited: self = .exited
    case .signaled: self = .signaled
    case .oom: self = .oom
    case .reboot: self = .reboot
    case .halt: self = .halt
    case .powerOff: self = .powerOff
    case .stopped: self = .stopped
    case .startFailed: self = .startFailed
    case .controllerLost: self = .controllerLost
    case .hostReset: self = .hostReset
    case .notKnown: self = .notKnown
    }
  }
}

extension Wire.EndKind {
  /// The word of `EndCause.kind`; nil for a kind that a newer peer invented.
  public var word: String? { Self.allCases.firstIndex(of: self).map { EndCause.kinds[$0] } }

  /// Nil for what is no kind.
  public init?(word: String) {
    guard let index = EndCause.kinds.firstIndex(of: word) else { return nil }
    self = Self.allCases[index]
  }
}

extension Wire.StopMethod {
  init(_ how: StopMethod) {
    switch how {
    case .polite: self = .polite
    case .forced: self = .forced
    case .cancelled: self = .cancelled
    }
  }
}

extension StopMethod {
  init(_ wire: Wire.StopMethod) {
    switch wire {
    case .polite: self = .polite
    case .forced: self = .forced
    case .cancelled: self = .cancelled
    }
  }
}

extension Wire.EndHeadline {
  public init(_ headline: EndHeadline) {
    self.init(
      kind: .init(headline.cause), bad: headline.isBad, status: nil, oom: nil, by: nil, how: nil, startFailure: nil,
      whileStopping: headline.whileStopping.map { .init($0) })
    switch headline.cause {
    case .exited(let code): status = .init(.exited(code))
    case .signaled(let signal, let coreDumped): status = .init(.signaled(signal, coreDumped: coreDumped))
    case .oom(let end):
      oom = .init(end)
      status = .init(end.status)
    case .stopped(let actor, let method, let ended):
      by = .init(actor)
      how = .init(method)
      status = ended.map { .init($0) }
    case .startFailed(let failure): startFailure = .init(failure)
    case .reboot, .halt, .powerOff, .controllerLost, .hostReset, .notKnown: break
    }
  }
}

extension EndHeadline {
  /// A kind that a newer peer invented, and one without the parts it needs, is an end that is not known here.
  public init(_ wire: Wire.EndHeadline) { self = EndHeadline(known: wire) ?? EndHeadline(.notKnown) }

  /// Nil for a kind that a newer peer invented, and for one without the parts it needs.
  fileprivate init?(known wire: Wire.EndHeadline) {
    guard let cause = EndCause(wire) else { return nil }
    self.init(cause, whileStopping: wire.whileStopping.map { EndOrder($0) })
  }
}

extension EndCause {
  fileprivate init?(_ wire: Wire.EndHeadline) {
    let status = wire.status.map { WaitStatus($0) }
    switch (wire.kind, status) {
    case (.exited, .exited(let code)?): self = .exited(code: code)
    case (.signaled, .signaled(let signal, let coreDumped)?): self = .signaled(signal, coreDumped: coreDumped)
    case (.oom, _):
      guard let oom = wire.oom else { return nil }
      self = .oom(OutOfMemory(oom))
    case (.reboot, _): self = .reboot
    case (.halt, _): self = .halt
    case (.powerOff, _): self = .powerOff
    case (.stopped, _):
      guard let actor = wire.by, let how = wire.how else { return nil }
      self = .stopped(by: Actor(actor), how: StopMethod(how), status: status)
    case (.startFailed, _):
      guard let failure = wire.startFailure else { return nil }
      self = .startFailed(StartFailure(failure))
    case (.controllerLost, _): self = .controllerLost
    case (.hostReset, _): self = .hostReset
    case (.notKnown, _): self = .notKnown
    case (.exited, _), (.signaled, _), (.unknown, _): return nil
    }
  }
}

// MARK: Records

extension Wire.RunEnd {
  public init(_ record: ExitRecord) {
    self.init(
      headline: .init(record.headline), facts: .init(record.facts), startedAt: record.startedAt?.nanoseconds,
      endedAt: record.endedAt.nanoseconds, lengthNanos: record.lengthNanos, usage: record.usage.measures)
  }
}

extension ExitRecord {
  /// A headline that this version does not know is made of the facts, as far as it knows those.
  public init(_ wire: Wire.RunEnd, guest: GuestName, run: RunID, boot: BootID, logTail: [String] = []) {
    let facts = EndFacts(wire.facts)
    self.init(
      guest: guest, run: run, boot: boot, facts: facts, headline: EndHeadline(known: wire.headline) ?? facts.headline,
      startedAt: wire.startedAt.map { Timestamp(nanoseconds: $0) }, endedAt: Timestamp(nanoseconds: wire.endedAt),
      lengthNanos: wire.lengthNanos, usage: RunUsage(wire.usage), logTail: logTail)
  }

  /// Throws where a name breaks its rules; the lengths have been checked by the decoder.
  public init(_ wire: Wire.EndRecord) throws(GuestError) {
    self.init(
      wire.end, guest: try GuestName(wire.guest), run: RunID(wire.run) ?? .zero, boot: BootID(wire.boot) ?? .zero,
      logTail: wire.logTail)
  }
}

extension Wire.EndRecord {
  public init(_ record: ExitRecord) {
    self.init(
      guest: record.guest.value, run: record.run.bytes, boot: record.boot.bytes, end: .init(record),
      logTail: record.logTail.suffix(ExitRecord.tailLines).map { cut($0, ExitRecord.tailLineBytes) })
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
