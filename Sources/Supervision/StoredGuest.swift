public import Guest

/// One guest as the database keeps it.
public struct StoredGuest: Sendable, Hashable {
  public var lifecycle: GuestLifecycle
  public var createdAt: Timestamp

  public init(lifecycle: GuestLifecycle, createdAt: Timestamp) {
    self.lifecycle = lifecycle
    self.createdAt = createdAt
  }
}

/// The result of one input: stored whole or not at all.
public struct Change: Sendable, Hashable {
  public enum Record: Sendable, Hashable {
    case save(StoredGuest)
    case delete
    /// Only events, for example the daemon's own.
    case none
  }

  public var guest: GuestName?
  public var record: Record
  public var events: [GuestEvent]
  public var ended: RunRecord?
  /// The request that asked for it, so that the same one is not carried out twice.
  public var request: RequestLedger.Record?
  public var time: Timestamp

  public init(
    guest: GuestName?, record: Record, events: [GuestEvent], ended: RunRecord? = nil,
    request: RequestLedger.Record? = nil, time: Timestamp
  ) {
    self.guest = guest
    self.record = record
    self.events = events
    self.ended = ended
    self.request = request
    self.time = time
  }
}
