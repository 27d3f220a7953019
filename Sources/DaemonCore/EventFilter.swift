internal import Guest
internal import GuestWire
internal import WireProtocol

/// Which events a subscriber wants.
struct EventFilter: Sendable {
  var pattern: Glob?
  /// Nil wants all. What only a newer client knows is left out: this daemon has none of it.
  var kinds: Set<GuestEvent.Kind>?
  var causes: Set<String>?
  var labels: [Label] = []

  init() {}

  init(_ wire: Wire.EventFilter) {
    pattern = wire.guestPattern.isEmpty ? nil : Glob(wire.guestPattern)
    kinds = wire.types.isEmpty ? nil : Set(wire.types.compactMap { GuestEvent.Kind($0) })
    causes = wire.causes.isEmpty ? nil : Set(wire.causes.compactMap { $0.word })
    labels = wire.labels.map { Label($0) }
  }

  func matches(_ event: GuestEvent) -> Bool {
    if let pattern, !pattern.matches(event.guest?.value ?? "") { return false }
    if let kinds, !kinds.contains(event.kind) { return false }
    if let causes {
      guard let cause = event.ended?.cause, causes.contains(cause.kind) else { return false }
    }
    return labels.allSatisfy { event.labels.contains($0) }
  }

  /// Whether a guest belongs in a snapshot for this filter.
  func covers(_ guest: GuestName, _ labels: [Label]) -> Bool {
    if let pattern, !pattern.matches(guest.value) { return false }
    return self.labels.allSatisfy { labels.contains($0) }
  }
}
