public import Guest
import GuestWire
import WireProtocol
import XDR

/// Something guests can be given, and whether this host can give it.
public struct HostFeature: Sendable, Hashable {
  public var name: String
  public var isAvailable: Bool
  /// Why it is not available and what would help; or a detail.
  public var reason: String
}

/// The host as the daemon sees it.
public struct HostInfo: Sendable, Hashable {
  public var hostname: String
  public var kernel: String
  public var architecture: String
  public var cpus: UInt32
  public var memoryBytes: UInt64
  public var boot: BootID
  /// `unified` or `hybrid` (cgroups(7)).
  public var cgroupMode: String
  public var features: [HostFeature]
}

/// The daemon itself.
public struct DaemonStatus: Sendable, Hashable {
  public var version: String
  public var pid: Int32
  public var startedAt: Timestamp
  /// The folder of its files; `/` for the system's daemon.
  public var root: String
  public var database: String
  /// Empty when the database works; otherwise what is wrong with it. Nothing can be changed then.
  public var storage: String
  public var guests: UInt32
  public var running: UInt32
  public var connections: UInt32
  public var subscriptions: UInt32
  /// The oldest number that the journal keeps; 0 while it is empty.
  public var journalOldest: UInt64
  /// The newest number; 0 while the journal is empty.
  public var journalNewest: UInt64
  public var journalBytes: UInt64
  public var logLevel: String
}

/// One connection to the daemon.
public struct DaemonClient: Sendable, Hashable {
  public var id: UInt64
  public var uid: UInt32
  public var pid: Int32
  /// As the client calls itself.
  public var name: String
  public var isReadOnly: Bool
  public var since: Timestamp
  public var calls: UInt64
  public var bytesIn: UInt64
  public var bytesOut: UInt64
  /// Bytes that the client has not read yet.
  public var queuedBytes: UInt64
  public var subscriptions: UInt32
}

/// One of the daemon's limits, and how much of it is in use.
public struct DaemonLimit: Sendable, Hashable {
  public var name: String
  public var value: UInt64
  public var used: UInt64
  public var meaning: String
}

extension LodgeClient {
  /// The host: its size, its kernel, and the features that guests can use.
  public func host() async throws(GuestError) -> HostInfo {
    let reply = try await call(Admin.HostInfo.self, XDRVoid())
    guard let boot = BootID(reply.boot) else { throw GuestError(.badFrame, "the daemon's answer has no boot id") }
    return HostInfo(
      hostname: reply.hostname, kernel: reply.kernel, architecture: reply.architecture, cpus: reply.cpus,
      memoryBytes: reply.memoryBytes, boot: boot, cgroupMode: reply.cgroupMode,
      features: reply.features.map { HostFeature(name: $0.name, isAvailable: $0.available, reason: $0.reason) })
  }

  /// The daemon: since when it runs, what it holds, whether its database works.
  public func daemon() async throws(GuestError) -> DaemonStatus {
    let reply = try await call(Admin.DaemonStatus.self, XDRVoid())
    return DaemonStatus(
      version: reply.version, pid: reply.pid, startedAt: Timestamp(nanoseconds: reply.startedAt), root: reply.root,
      database: reply.database, storage: reply.storage, guests: reply.guests, running: reply.running,
      connections: reply.connections, subscriptions: reply.subscriptions, journalOldest: reply.journalOldest,
      journalNewest: reply.journalNewest, journalBytes: reply.journalBytes, logLevel: reply.logLevel)
  }

  /// The connections to the daemon; the right `admin` is needed.
  public func clients() async throws(GuestError) -> [DaemonClient] {
    try await call(Admin.DaemonClients.self, XDRVoid()).clients.map {
      DaemonClient(
        id: $0.id, uid: $0.uid, pid: $0.pid, name: $0.name, isReadOnly: $0.readOnly,
        since: Timestamp(nanoseconds: $0.since), calls: $0.calls, bytesIn: $0.bytesIn, bytesOut: $0.bytesOut,
        queuedBytes: $0.queuedBytes, subscriptions: $0.subscriptions)
    }
  }

  /// The daemon's limits, and how much of each is in use.
  public func limits() async throws(GuestError) -> [DaemonLimit] {
    try await call(Admin.DaemonLimits.self, XDRVoid()).limits.map {
      DaemonLimit(name: $0.name, value: $0.value, used: $0.used, meaning: $0.meaning)
    }
  }

  /// Sets the level of the daemon's own log until it ends; the right `admin` is needed.
  ///
  /// - Parameter level: `trace`, `debug`, `info`, `notice`, `warning` or `error`.
  public func setLogLevel(_ level: String) async throws(GuestError) {
    _ = try await call(Admin.DaemonTrace.self, .init(level: level))
  }
}
