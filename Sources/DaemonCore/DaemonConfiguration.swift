public import GuestStore

/// `lodged.yaml`. Every key has a default; `docs/operating.md` explains them.
public struct DaemonConfiguration: Sendable, Hashable {
  /// What members of the socket's group may do: `view`, `operate` or `admin`. Root, and the daemon's own user, may do all.
  public enum GroupRight: Sendable, Hashable, CaseIterable { case view, operate, admin }

  public var socketGroup = "lodge"
  public var groupRight = GroupRight.operate
  public var readOnlySocket = true
  public var maximumGuests = 10_000
  public var maximumConnections = 1_024
  public var connectionsPerUser = 128
  public var subscriptionsPerConnection = 64
  /// A launch that takes longer has failed: a root filesystem on a server that does not answer, for example.
  public var launchMillis: UInt64 = 60_000
  public var retention = Retention()
  public var logLevel = "info"

  public init() {}
}
