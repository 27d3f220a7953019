internal import Guest
internal import GuestStore
internal import LinuxSystem
internal import Supervision
internal import XDR

/// The rights of one caller, and the data it is shown. Decided once, when it connects.
///
/// The one place where rights meet data: whatever leaves the daemon about a guest passes `shown`.
struct Access: Sendable {
  /// On every guest, and on the daemon itself.
  let base: RPCRight
  /// Grants of lodged.yaml beyond that.
  let grants: [DaemonConfiguration.Grant]

  init(base: RPCRight, grants: [DaemonConfiguration.Grant] = []) {
    self.base = base
    self.grants = grants.filter { $0.right.wire > base }
  }

  /// The most it may do with any guest: procedures above that are refused before their arguments are read.
  var ceiling: RPCRight { grants.map(\.right.wire).max().map { max(base, $0) } ?? base }

  func right(on guest: GuestName, _ labels: [Label]) -> RPCRight {
    grants.reduce(base) { $1.covers(guest, labels) ? max($0, $1.right.wire) : $0 }
  }

  // MARK: What is shown

  func maySee(_ guest: StoredGuest) -> Bool {
    base >= .view || right(on: guest.lifecycle.name, guest.lifecycle.settings.labels) >= .view
  }

  func maySee(_ event: GuestEvent) -> Bool {
    base >= .view || event.guest.map { right(on: $0, event.labels) >= .view } == true
  }

  /// The spec as this caller may see it.
  func shown(_ spec: GuestSpec, of guest: GuestName, _ labels: [Label]) -> GuestSpec {
    right(on: guest, labels) >= .inspect ? spec : spec.withoutSecrets
  }

  /// A run that ended, as this caller may see it.
  func shown(_ record: RunRecord, of guest: GuestName, _ labels: [Label]) -> RunRecord {
    right(on: guest, labels) >= .inspect ? record : record.withoutSecrets
  }
}

extension DaemonConfiguration.Right {
  var wire: RPCRight {
    switch self {
    case .none: .none
    case .view: .view
    case .inspect: .inspect
    case .operate: .operate
    case .admin: .admin
    }
  }
}

extension DaemonConfiguration.Grant {
  func covers(_ guest: GuestName, _ labels: [Label]) -> Bool {
    if !guests.isEmpty, !Glob(guests).matches(guest.value) { return false }
    guard !label.isEmpty else { return true }
    let parts = label.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else { return labels.contains { $0.key == label } }
    return labels.contains(Label(parts[0], parts[1]))
  }
}

/// The rights of all callers, with the names of lodged.yaml looked up once.
struct AccessTable: Sendable {
  private struct Row: Sendable {
    var user: UInt32?
    var group: UInt32?
    var grant: DaemonConfiguration.Grant
  }

  private let own: UInt32
  private let groupRight: RPCRight
  private let rows: [Row]

  /// - Parameters:
  ///   - own: the daemon's user, who may do all, as root may.
  ///   - userNumber: of a user's name; nil if there is no such user. Likewise `groupNumber`.
  init(
    _ configuration: DaemonConfiguration, own: UInt32, userNumber: (String) -> UInt32? = OwnProcess.userNumber,
    groupNumber: (String) -> UInt32? = OwnProcess.groupNumber
  ) {
    self.own = own
    groupRight = configuration.groupRight.wire
    // A grant to a name that this host does not know holds for no caller.
    rows = configuration.grants.compactMap { grant in
      let user = grant.user.isEmpty ? nil : UInt32(grant.user) ?? userNumber(grant.user)
      let group = grant.group.isEmpty ? nil : UInt32(grant.group) ?? groupNumber(grant.group)
      guard user != nil || group != nil else { return nil }
      return Row(user: user, group: group, grant: grant)
    }
  }

  func access(of peer: PeerCredentials, readOnly: Bool) -> Access {
    if readOnly { return Access(base: .view) }
    if peer.uid == 0 || peer.uid == own { return Access(base: .admin) }
    let grants = rows.filter { row in
      row.user == peer.uid || row.group.map { $0 == peer.gid || peer.groups.contains($0) } == true
    }
    return Access(base: groupRight, grants: grants.map(\.grant))
  }
}
