public import Guest
public import WireProtocol

extension EventFilter {
  /// Kinds and causes that a newer client invented match nothing: this version has none of them.
  public init(_ wire: Wire.EventFilter) {
    self.init(
      guests: wire.guestPattern, kinds: wire.types.isEmpty ? nil : Set(wire.types.compactMap { GuestEvent.Kind($0) }),
      causes: wire.causes.isEmpty ? nil : Set(wire.causes.compactMap(\.word)), labels: wire.labels.map { Label($0) })
  }
}

extension Wire.EventFilter {
  public init(_ filter: EventFilter) {
    self.init(
      guestPattern: filter.guests,
      types: (filter.kinds ?? []).sorted { $0.rawValue < $1.rawValue }.map { .init($0) },
      causes: (filter.causes ?? []).compactMap { Wire.EndKind(word: $0) }.sorted { $0.rawValue < $1.rawValue },
      labels: filter.labels.map { .init($0) })
  }
}

extension HookSpec {
  /// - Throws: `notSupported` for a kind or a cause that this version does not know. A hook is shown with its filter, and
  ///   one that matches nothing would be shown as one that matches all.
  public init(_ wire: Wire.HookSpec) throws(GuestError) {
    let filter = EventFilter(wire.filter)
    guard (filter.kinds?.count ?? 0) == Set(wire.filter.types).count,
      (filter.causes?.count ?? 0) == Set(wire.filter.causes).count
    else {
      throw GuestError(.notSupported, "hook \(Visible.text(wire.name, limit: 80)): it selects events that are unknown")
    }
    self.init(
      name: wire.name, filter: filter, program: wire.program, timeoutMillis: wire.timeoutMillis, retries: wire.retries,
      arguments: wire.arguments)
  }
}

extension Wire.HookSpec {
  public init(_ hook: HookSpec) {
    self.init(
      name: hook.name, filter: .init(hook.filter), program: hook.program, timeoutMillis: hook.timeoutMillis,
      retries: hook.retries, arguments: hook.arguments)
  }
}
