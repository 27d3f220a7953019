public import GuestStore
public import Operations

/// `lodged.yaml`. Every key has a default; `docs/operating.md` explains them.
public struct DaemonConfiguration: Sendable, Hashable {
  /// A bound on what all clients hold together, and on what those of one user do.
  public struct Share: Sendable, Hashable {
    public var total: Int
    public var perUser: Int
  }

  public var socketGroup = "lodge"
  /// The right of the socket's group on all guests. Root, and the daemon's own user, may do everything.
  public var groupRight = Right.operate
  public var grants: [Grant] = []
  public var readOnlySocket = true
  public var maximumGuests = 10_000
  public var maximumConnections = 1_024
  public var connectionsPerUser = 128
  public var subscriptionsPerConnection = 64
  public var subscriptions = Share(total: 1_024, perUser: 256)
  public var calls = Share(total: 4_096, perUser: 1_024)
  public var waits = Share(total: 4_096, perUser: 1_024)
  public var journalReads = Share(total: 8, perUser: 2)
  public var messageBytes = Share(total: 128 << 20, perUser: 32 << 20)
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
    var groupRight: Right
    var readOnly: Bool
  }

  struct LimitsSection: Sendable, Hashable {
    var guests: Int
    var connections: Int
    var connectionsPerUser: Int
    var subscriptionsPerConnection: Int
    var subscriptions: Share
    var calls: Share
    var waits: Share
    var journalReads: Share
    var messageBytes: ByteShare
  }

  /// `Share` in the unit of sizes.
  struct ByteShare: Sendable, Hashable {
    var total: UInt64
    var perUser: UInt64
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
        subscriptionsPerConnection: subscriptionsPerConnection, subscriptions: subscriptions, calls: calls,
        waits: waits, journalReads: journalReads,
        messageBytes: ByteShare(total: UInt64(messageBytes.total), perUser: UInt64(messageBytes.perUser)))
    }
    set {
      maximumGuests = newValue.guests
      maximumConnections = newValue.connections
      connectionsPerUser = newValue.connectionsPerUser
      subscriptionsPerConnection = newValue.subscriptionsPerConnection
      subscriptions = newValue.subscriptions
      calls = newValue.calls
      waits = newValue.waits
      journalReads = newValue.journalReads
      messageBytes = Share(
        total: Int(clamping: newValue.messageBytes.total), perUser: Int(clamping: newValue.messageBytes.perUser))
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
