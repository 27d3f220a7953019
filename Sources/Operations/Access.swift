public import Guest
public import Supervision

/// The rights of one caller, and the data it is shown. Decided once, when it connects.
///
/// The one place where rights meet data: whatever leaves the daemon about a guest passes `shown`.
public struct Access: Sendable {
  /// On every guest, and on the daemon itself.
  public let base: Right
  /// Grants beyond that.
  public let grants: [Grant]

  public init(base: Right, grants: [Grant] = []) {
    self.base = base
    self.grants = grants.filter { $0.right > base }
  }

  /// The most it may do with any guest: procedures above that are refused before their arguments are read.
  public var ceiling: Right { grants.map(\.right).max().map { max(base, $0) } ?? base }

  public func right(on guest: GuestName, _ labels: [Label]) -> Right {
    grants.reduce(base) { $1.covers(guest, labels) ? max($0, $1.right) : $0 }
  }

  // MARK: What is shown

  public func maySee(_ guest: StoredGuest) -> Bool {
    base >= .view || right(on: guest.lifecycle.name, guest.lifecycle.settings.labels) >= .view
  }

  public func maySee(_ event: GuestEvent) -> Bool {
    base >= .view || event.guest.map { right(on: $0, event.labels) >= .view } == true
  }

  /// The spec as this caller may see it.
  public func shown(_ spec: GuestSpec, of guest: GuestName, _ labels: [Label]) -> GuestSpec {
    right(on: guest, labels) >= .inspect ? spec : spec.withoutSecrets
  }

  /// A run that ended, as this caller may see it: by the guest that the record is of, whichever was asked for.
  ///
  /// - Parameter labels: of a guest by its name.
  public func shown(_ record: RunRecord, _ labels: (GuestName) -> [Label]) -> RunRecord {
    let guest = record.ended.guest
    return right(on: guest, labels(guest)) >= .inspect ? record : record.withoutSecrets
  }
}
