internal import Guest
internal import GuestWire
internal import WireProtocol

/// Which events a subscriber wants.
struct EventFilter: Sendable {
  var pattern: Glob?
  var kinds: Set<GuestEvent.Kind> = []
  var causes: Set<String> = []
  var labels: [Label] = []

  init() {}

  init(_ wire: Wire.EventFilter) {
    pattern = wire.guestPattern.isEmpty ? nil : Glob(wire.guestPattern)
    kinds = Set(wire.types.compactMap { GuestEvent.Kind($0) })
    causes = Set(wire.causes.compactMap { $0.word })
    labels = wire.labels.map { Label($0) }
  }

  func matches(_ event: GuestEvent) -> Bool {
    if let pattern, !pattern.matches(event.guest?.value ?? "") { return false }
    if !kinds.isEmpty, !kinds.contains(event.kind) { return false }
    if !causes.isEmpty {
      guard let cause = event.ended?.cause, causes.contains(cause.kind) else { return false }
    }
    return labels.allSatisfy { event.labels.contains($0) }
  }
}

extension Wire.EndKind {
  var word: String? {
    switch self {
    case .exited: "exited"
    case .signaled: "signaled"
    case .oom: "oom"
    case .reboot: "reboot"
    case .halt: "halt"
    case .powerOff: "powerOff"
    case .stopped: "stopped"
    case .startFailed: "startFailed"
    case .controllerLost: "controllerLost"
    case .hostReset: "hostReset"
    case .unknown: nil
    }
  }
}
