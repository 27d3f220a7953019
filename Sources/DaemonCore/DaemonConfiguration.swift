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
  /// For guests whose spec has no limit of its own: tasks at once, and a share of the host's memory.
  public var usualPids: UInt64 = 4_096
  public var usualMemoryPercent = 80
  public var retention = Retention()
  public var logLevel = "info"

  public init() {}
}

// The sections of the file. Each is a value of its own, so that reading one leaves the others as they are.

extension DaemonConfiguration {
  struct SocketSection: Sendable, Hashable {
    var group: String
    var groupRight: GroupRight
    var readOnly: Bool
  }

  struct LimitsSection: Sendable, Hashable {
    var guests: Int
    var connections: Int
    var connectionsPerUser: Int
    var subscriptionsPerConnection: Int
  }

  struct GuestLimitsSection: Sendable, Hashable {
    var pids: UInt64
    var memoryPercent: Int
  }

  struct JournalSection: Sendable, Hashable {
    var events: UInt64
    var ageMillis: UInt64
    var bytes: UInt64
    var runsPerGuest: UInt32
  }

  var socketSection: SocketSection {
    get { SocketSection(group: socketGroup, groupRight: groupRight, readOnly: readOnlySocket) }
    set { (socketGroup, groupRight, readOnlySocket) = (newValue.group, newValue.groupRight, newValue.readOnly) }
  }

  var limitsSection: LimitsSection {
    get {
      LimitsSection(
        guests: maximumGuests, connections: maximumConnections, connectionsPerUser: connectionsPerUser,
        subscriptionsPerConnection: subscriptionsPerConnection)
    }
    set {
      maximumGuests = newValue.guests
      maximumConnections = newValue.connections
      connectionsPerUser = newValue.connectionsPerUser
      subscriptionsPerConnection = newValue.subscriptionsPerConnection
    }
  }

  var guestLimitsSection: GuestLimitsSection {
    get { GuestLimitsSection(pids: usualPids, memoryPercent: usualMemoryPercent) }
    set { (usualPids, usualMemoryPercent) = (newValue.pids, newValue.memoryPercent) }
  }

  var journalSection: JournalSection {
    get {
      JournalSection(
        events: retention.events, ageMillis: retention.ageSeconds * 1000, bytes: retention.bytes,
        runsPerGuest: retention.runsPerGuest)
    }
    set {
      retention = Retention(
        events: newValue.events, ageSeconds: newValue.ageMillis / 1000, bytes: newValue.bytes,
        runsPerGuest: newValue.runsPerGuest)
    }
  }
}
