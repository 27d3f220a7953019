/// The states a guest can be in, as people see them.
public enum GuestState: Int32, Sendable, Hashable, CaseIterable {
  case stopped = 0
  case starting = 1
  case running = 2
  case stopping = 3
  /// For the time of its restart.
  case waiting = 4
}

/// An event without its place in the journal.
public struct GuestEvent: Sendable, Hashable {
  public enum Kind: Int32, Sendable, Hashable, CaseIterable {
    case created = 0
    /// The spec was changed.
    case changed = 1
    case removed = 2
    /// From one state to another.
    case state = 3
    /// A notable fact without a transition: degraded, stuck, restarts given up.
    case notice = 4
    /// The daemon started or stopped.
    case daemon = 5
    /// A hook ran, failed or was given up.
    case hook = 6
    /// An order to end the run, also one that changes nothing else.
    case order = 7
  }

  /// Which notice.
  public enum Notice: Int32, Sendable, Hashable, CaseIterable {
    case restartsGivenUp = 1
    case controllerSilent = 2
    case controllerAnswers = 3
    /// A kill has not ended them.
    case tasksStuck = 4
  }

  public var kind: Kind
  /// Of the kind `notice`; nil for one that a version without codes recorded.
  public var notice: Notice?
  /// Nil for the daemon's own events.
  public var guest: GuestName?
  public var run: RunID?
  /// 0 if there is none.
  public var runNumber: UInt32
  public var from: GuestState
  public var to: GuestState
  public var by: Actor
  /// A sentence for a person; may be empty.
  public var message: String
  /// Where a run ended.
  public var ended: ExitRecord?
  /// Of the kind `order`.
  public var order: EndOrder?
  public var labels: [Label]

  public init(
    _ kind: Kind, guest: GuestName?, run: RunID? = nil, runNumber: UInt32 = 0, from: GuestState = .stopped,
    to: GuestState = .stopped, by: Actor, message: String = "", ended: ExitRecord? = nil, order: EndOrder? = nil,
    labels: [Label] = [], notice: Notice? = nil
  ) {
    self.kind = kind
    self.notice = notice
    self.guest = guest
    self.run = run
    self.runNumber = runNumber
    self.from = from
    self.to = to
    self.by = by
    self.message = message
    self.ended = ended
    self.order = order
    self.labels = labels
  }
}

/// One row of the journal.
public struct JournalEntry: Sendable, Hashable {
  /// Rises by one, never reused on this host.
  public var sequence: UInt64
  public var time: Timestamp
  public var boot: BootID
  public var event: GuestEvent

  public init(sequence: UInt64, time: Timestamp, boot: BootID, event: GuestEvent) {
    self.sequence = sequence
    self.time = time
    self.boot = boot
    self.event = event
  }
}
