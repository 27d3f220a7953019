internal import LinuxSystem
internal import Operations
internal import RPC
internal import RPCNIO

/// Bounds of the daemon and how much of each is used, for `lodge daemon limits`.
struct DaemonLimits: Sendable {
  /// RLIMIT_NOFILE.
  let descriptors: Int
  let clients: ClientLimits

  func openDescriptors() -> Int { ((try? Files.list("/proc/self/fd")) ?? []).count }

  /// Two rows for each kind that clients share: all together, and the user that holds most.
  func rows() -> [LimitReport] {
    QuotaKind.allCases.flatMap { kind -> [LimitReport] in
      guard let quota = clients.quota(of: kind) else { return [] }
      let name = kind.limitName
      return [
        LimitReport(
          name: name, value: UInt64(quota.total), used: UInt64(clients.used(kind)),
          meaning: "\(kind.meaning), all clients together; \(quota.reserved) of them are root's alone"),
        LimitReport(
          name: "\(name)PerUser", value: UInt64(quota.perUser), used: UInt64(clients.largestShare(kind)),
          meaning: "of one user other than root, and no more than are left; in use by the user that has most"),
      ]
    }
  }
}

extension QuotaKind {
  /// As in lodged.yaml.
  var limitName: String {
    switch self {
    case .bytes: "messageBytes"
    case .connections, .calls, .waits, .subscriptions, .journalReads: rawValue
    }
  }

  var meaning: String {
    switch self {
    case .connections: "clients at once, over both sockets"
    case .calls: "calls that wait for their reply"
    case .waits: "calls that wait for a guest or for its log"
    case .subscriptions: "event subscriptions"
    case .journalReads: "reads of the journal in progress; further ones wait for their turn"
    case .bytes: "bytes kept because clients do not read, or have not sent a whole message"
    }
  }
}

extension DaemonConfiguration {
  /// Of each bound, one part in 32 is kept for root.
  ///
  /// - Parameter descriptors: open files the daemon may have; clients get at most half, the rest is for controllers.
  func quotas(descriptors: Int) -> [QuotaKind: Quota] {
    func quota(_ total: Int, _ perUser: Int) -> Quota {
      Quota(total: total, perUser: perUser, reserved: max(1, total / 32))
    }
    return [
      .connections: quota(min(maximumConnections, max(descriptors / 2, 8)), connectionsPerUser),
      .calls: quota(calls.total, calls.perUser), .waits: quota(waits.total, waits.perUser),
      .subscriptions: quota(subscriptions.total, subscriptions.perUser),
      .journalReads: quota(journalReads.total, journalReads.perUser),
      .bytes: quota(messageBytes.total, messageBytes.perUser),
    ]
  }
}
