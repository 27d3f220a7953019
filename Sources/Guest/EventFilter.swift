/// Which events a subscriber wants: all conditions hold.
public struct EventFilter: Sendable, Hashable {
  /// glob(7) that names of guests match; empty for all, the daemon's own events included.
  public let guests: String
  /// Nil for all.
  public let kinds: Set<GuestEvent.Kind>?
  /// Words of causes, as `EndCause.kind` has them; nil for all.
  public let causes: Set<String>?
  public let labels: [Label]

  public init(
    guests: String = "", kinds: Set<GuestEvent.Kind>? = nil, causes: Set<String>? = nil, labels: [Label] = []
  ) {
    self.guests = guests
    self.kinds = kinds
    self.causes = causes
    self.labels = labels
    pattern = guests.isEmpty ? nil : Glob(guests)
  }

  private let pattern: Glob?

  public func matches(_ event: GuestEvent) -> Bool {
    if let pattern, !pattern.matches(event.guest?.value ?? "") { return false }
    if let kinds, !kinds.contains(event.kind) { return false }
    if let causes {
      guard let cause = event.ended?.cause, causes.contains(cause.kind) else { return false }
    }
    return labels.allSatisfy { event.labels.contains($0) }
  }

  /// Whether a guest belongs in a snapshot for this filter.
  public func covers(_ guest: GuestName, _ labels: [Label]) -> Bool {
    if let pattern, !pattern.matches(guest.value) { return false }
    return self.labels.allSatisfy { labels.contains($0) }
  }
}

/// A program that the daemon runs at events: once for each, whatever crashes meanwhile.
public struct HookSpec: Sendable, Hashable {
  public var name: String
  public var filter: EventFilter
  /// An absolute path on the host.
  public var program: String
  /// After it the program is killed and counts as failed; 0 for the usual.
  public var timeoutMillis: UInt64
  /// How often a program that failed is run again for the same event.
  public var retries: UInt32
  /// After the program's path.
  public var arguments: [String]

  public init(
    name: String, filter: EventFilter, program: String, timeoutMillis: UInt64, retries: UInt32,
    arguments: [String] = []
  ) {
    self.name = name
    self.filter = filter
    self.program = program
    self.timeoutMillis = timeoutMillis
    self.retries = retries
    self.arguments = arguments
  }
}
