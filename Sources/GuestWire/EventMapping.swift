public import Guest
public import WireProtocol

extension Wire.GuestState {
  public init(_ state: GuestState) {
    switch state {
    case .stopped: self = .stopped
    case .starting: self = .starting
    case .running: self = .running
    case .stopping: self = .stopping
    case .waiting: self = .waiting
    }
  }
}

extension GuestState {
  /// Nil for a state that a newer peer invented.
  public init?(_ wire: Wire.GuestState) {
    switch wire {
    case .stopped: self = .stopped
    case .starting: self = .starting
    case .running: self = .running
    case .stopping: self = .stopping
    case .waiting: self = .waiting
    case .unknown: return nil
    }
  }
}

extension Wire.EventType {
  public init(_ kind: GuestEvent.Kind) {
    switch kind {
    case .created: self = .created
    case .changed: self = .changed
    case .removed: self = .removed
    case .state: self = .state
    case .notice: self = .notice
    case .daemon: self = .daemon
    case .hook: self = .hook
    case .order: self = .order
    }
  }
}

extension GuestEvent.Kind {
  /// Nil for a type that a newer peer invented.
  public init?(_ wire: Wire.EventType) {
    switch wire {
    case .created: self = .created
    case .changed: self = .changed
    case .removed: self = .removed
    case .state: self = .state
    case .notice: self = .notice
    case .daemon: self = .daemon
    case .hook: self = .hook
    case .order: self = .order
    case .unknown: return nil
    }
  }
}

extension Wire.NoticeCode {
  public init(_ notice: GuestEvent.Notice?) {
    switch notice {
    case nil: self = .none
    case .restartsGivenUp: self = .restartsGivenUp
    case .controllerSilent: self = .controllerSilent
    case .controllerAnswers: self = .controllerAnswers
    case .tasksStuck: self = .tasksStuck
    }
  }
}

extension GuestEvent.Notice {
  /// Nil for one that a newer peer invented, or that has no code.
  public init?(_ wire: Wire.NoticeCode) {
    switch wire {
    case .restartsGivenUp: self = .restartsGivenUp
    case .controllerSilent: self = .controllerSilent
    case .controllerAnswers: self = .controllerAnswers
    case .tasksStuck: self = .tasksStuck
    case .none, .unknown: return nil
    }
  }
}

extension Wire.Event {
  public init(_ entry: JournalEntry) {
    let event = entry.event
    self.init(
      format: UInt32(Wire.eventFormat), sequence: entry.sequence, time: entry.time.nanoseconds, boot: entry.boot.bytes,
      type: .init(event.kind), guest: event.guest?.value ?? "", run: event.run?.bytes, runNumber: event.runNumber,
      detail: .init(
        from: .init(event.from), to: .init(event.to), by: .init(event.by), message: cut(event.message, Wire.textMax),
        ended: event.ended.map { .init($0) }, order: event.order.map { .init($0) },
        labels: event.labels.map { .init($0) }, notice: .init(event.notice)))
  }
}

extension JournalEntry {
  /// Throws where a name breaks its rules, or for a row of another format. Types and states that a newer peer invented
  /// become a notice.
  public init(_ wire: Wire.Event) throws(GuestError) {
    guard wire.format == UInt32(Wire.eventFormat) else {
      throw GuestError(.badFrame, "event \(wire.sequence): format \(wire.format) is unknown")
    }
    let name: GuestName? = wire.guest.isEmpty ? nil : try GuestName(wire.guest)
    let run = wire.run.flatMap { RunID($0) }
    let time = Timestamp(nanoseconds: wire.time)
    let boot = BootID(wire.boot) ?? .zero
    let detail = wire.detail
    var ended: ExitRecord?
    if let end = detail.ended, let name, let run { ended = ExitRecord(end, guest: name, run: run, boot: boot) }
    self.init(
      sequence: wire.sequence, time: time, boot: boot,
      event: GuestEvent(
        GuestEvent.Kind(wire.type) ?? .notice, guest: name, run: run, runNumber: wire.runNumber,
        from: GuestState(detail.from) ?? .stopped, to: GuestState(detail.to) ?? .stopped, by: Actor(detail.by),
        message: detail.message, ended: ended, order: detail.order.map { EndOrder($0) },
        labels: detail.labels.map { Label($0) }, notice: GuestEvent.Notice(detail.notice)))
  }
}
