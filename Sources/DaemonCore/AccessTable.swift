internal import LinuxSystem
internal import Operations

/// The rights of all callers, with the names of lodged.yaml looked up once.
struct AccessTable: Sendable {
  private struct Row: Sendable {
    var user: UInt32?
    var group: UInt32?
    var grant: Grant
  }

  private let own: UInt32
  private let groupRight: Right
  private let rows: [Row]

  /// - Parameters:
  ///   - own: the daemon's user, who may do all, as root may.
  ///   - userNumber: of a user's name; nil if there is no such user. Likewise `groupNumber`.
  init(
    _ configuration: DaemonConfiguration, own: UInt32, userNumber: (String) -> UInt32? = OwnProcess.userNumber,
    groupNumber: (String) -> UInt32? = OwnProcess.groupNumber
  ) {
    self.own = own
    groupRight = configuration.groupRight
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
