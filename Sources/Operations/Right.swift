public import Guest

/// The rights of a caller; each includes the ones before it.
public enum Right: UInt8, Sendable, Hashable, Comparable, CaseIterable {
  case none, view, inspect, operate, admin

  public static func < (one: Right, other: Right) -> Bool { one.rawValue < other.rawValue }

  /// As what a user has on a guest, in a refusal.
  var held: String {
    switch self {
    case .none: "no right on it"
    case .view, .inspect, .operate, .admin: "only the right to \(self)"
    }
  }
}

/// A right for some users on some guests; `grants` in lodged.yaml.
public struct Grant: Sendable, Hashable {
  /// A user's name or number; empty for a group.
  public var user = ""
  /// A group's name or number; empty for a user.
  public var group = ""
  public var right = Right.view
  /// Glob that guests' names match; empty for all.
  public var guests = ""
  /// A label that guests carry, `key=value` or `key`; empty for all.
  public var label = ""

  public init() {}

  public func covers(_ guest: GuestName, _ labels: [Label]) -> Bool {
    if !guests.isEmpty, !Glob(guests).matches(guest.value) { return false }
    guard !label.isEmpty else { return true }
    let parts = label.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else { return labels.contains { $0.key == label } }
    return labels.contains(Label(parts[0], parts[1]))
  }
}
