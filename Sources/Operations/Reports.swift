public import Guest

/// A guest at one moment, as a caller may see it.
public struct GuestSummary: Sendable, Hashable {
  /// A restart that is waited for.
  public struct PendingRestart: Sendable, Hashable {
    public var at: Timestamp
    public var inMillis: UInt64
    /// Counted from 1.
    public var attempt: UInt32
    /// 0 for no limit.
    public var limit: UInt32

    public init(at: Timestamp, inMillis: UInt64, attempt: UInt32, limit: UInt32) {
      self.at = at
      self.inMillis = inMillis
      self.attempt = attempt
      self.limit = limit
    }
  }

  /// The present run, once its init was executed.
  public struct Launched: Sendable, Hashable {
    public var at: Timestamp
    public var upNanos: UInt64
    /// As the host sees it.
    public var initPID: Int32

    public init(at: Timestamp, upNanos: UInt64, initPID: Int32) {
      self.at = at
      self.upNanos = upNanos
      self.initPID = initPID
    }
  }

  public var name: GuestName
  public var state: GuestState
  /// Runs so far, the present one included.
  public var runs: UInt32 = 0
  /// Restarts by policy since an administrator last started it.
  public var restarts: UInt32 = 0
  /// The present run.
  public var run: RunID?
  public var launched: Launched?
  /// The run that ended last.
  public var last: RunRecord?
  public var pending: PendingRestart?
  public var autostart = false
  /// Its controller does not answer.
  public var isDegraded = false
  /// Tasks that a kill has not ended; empty otherwise.
  public var stuckTasks = ""
  /// Why it stays as it is; empty otherwise.
  public var note = ""
  public var labels: [Label] = []

  public init(name: GuestName, state: GuestState) {
    self.name = name
    self.state = state
  }
}

/// All that is known of one guest.
public struct GuestReport: Sendable, Hashable {
  public var summary: GuestSummary
  /// The spec of the next start.
  public var defined: GuestSpec
  /// In force for the present run; nil without one.
  public var running: GuestSpec?
  public var createdAt: Timestamp
  public var runDirectory: String
  public var logPath: String
  /// Of the present run; empty without one.
  public var cgroup: String
  public var usage: GuestUsage

  public init(
    summary: GuestSummary, defined: GuestSpec, running: GuestSpec?, createdAt: Timestamp, runDirectory: String,
    logPath: String, cgroup: String, usage: GuestUsage
  ) {
    self.summary = summary
    self.defined = defined
    self.running = running
    self.createdAt = createdAt
    self.runDirectory = runDirectory
    self.logPath = logPath
    self.cgroup = cgroup
    self.usage = usage
  }
}

/// Something that guests can be given, and whether this host can.
public struct HostFeature: Sendable, Hashable {
  public var name: String
  public var isAvailable: Bool
  /// Why not, and the next step; or a detail.
  public var reason: String

  public init(name: String, isAvailable: Bool, reason: String) {
    self.name = name
    self.isAvailable = isAvailable
    self.reason = reason
  }
}

/// The host, and what it can give its guests.
public struct HostAbilities: Sendable, Hashable {
  public var hostname: String
  public var kernel: String
  public var architecture: String
  public var cpus: UInt32
  public var memoryBytes: UInt64
  public var boot: BootID
  public var cgroupMode: String
  public var features: [HostFeature]

  public init(
    hostname: String, kernel: String, architecture: String, cpus: UInt32, memoryBytes: UInt64, boot: BootID,
    cgroupMode: String, features: [HostFeature]
  ) {
    self.hostname = hostname
    self.kernel = kernel
    self.architecture = architecture
    self.cpus = cpus
    self.memoryBytes = memoryBytes
    self.boot = boot
    self.cgroupMode = cgroupMode
    self.features = features
  }
}

/// The daemon itself.
public struct DaemonStatus: Sendable, Hashable {
  public var version: String
  public var pid: Int32
  public var startedAt: Timestamp
  public var root: String
  public var database: String
  /// The fault of the database; empty when all is well.
  public var storageFault: String
  public var guests: Int
  public var running: Int
  public var connections: Int
  public var subscriptions: Int
  public var journalOldest: UInt64
  public var journalNewest: UInt64
  public var journalBytes: UInt64
  public var logLevel: String

  public init(
    version: String, pid: Int32, startedAt: Timestamp, root: String, database: String, storageFault: String,
    guests: Int, running: Int, connections: Int, subscriptions: Int, journalOldest: UInt64, journalNewest: UInt64,
    journalBytes: UInt64, logLevel: String
  ) {
    self.version = version
    self.pid = pid
    self.startedAt = startedAt
    self.root = root
    self.database = database
    self.storageFault = storageFault
    self.guests = guests
    self.running = running
    self.connections = connections
    self.subscriptions = subscriptions
    self.journalOldest = journalOldest
    self.journalNewest = journalNewest
    self.journalBytes = journalBytes
    self.logLevel = logLevel
  }
}

/// One connected client.
public struct ClientReport: Sendable, Hashable {
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
  public var queuedBytes: Int
  public var subscriptions: Int

  public init(
    id: UInt64, uid: UInt32, pid: Int32, name: String, isReadOnly: Bool, since: Timestamp, calls: UInt64,
    bytesIn: UInt64, bytesOut: UInt64, queuedBytes: Int, subscriptions: Int
  ) {
    self.id = id
    self.uid = uid
    self.pid = pid
    self.name = name
    self.isReadOnly = isReadOnly
    self.since = since
    self.calls = calls
    self.bytesIn = bytesIn
    self.bytesOut = bytesOut
    self.queuedBytes = queuedBytes
    self.subscriptions = subscriptions
  }
}

/// One bound of the daemon.
public struct LimitReport: Sendable, Hashable {
  public var name: String
  public var value: UInt64
  public var used: UInt64
  public var meaning: String

  public init(name: String, value: UInt64, used: UInt64, meaning: String) {
    self.name = name
    self.value = value
    self.used = used
    self.meaning = meaning
  }
}
