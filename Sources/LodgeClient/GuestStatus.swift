public import Guest
import GuestWire
import WireProtocol

/// A guest as the daemon sees it at one moment.
public struct GuestStatus: Sendable, Hashable {
  /// A restart that is waited for.
  public struct PendingRestart: Sendable, Hashable {
    /// By the wall clock.
    public var at: Timestamp
    /// From the moment of the answer.
    public var inMillis: UInt64
    /// Which one, counted from 1.
    public var attempt: UInt32
    /// Of how many; nil for no limit.
    public var limit: UInt32?
  }

  public var name: GuestName
  /// Nil for a state that a newer daemon invented.
  public var state: GuestState?
  /// Runs so far, the present one included.
  public var runs: UInt32
  /// Restarts by policy since an administrator last started it.
  public var restarts: UInt32
  /// The present run.
  public var run: RunID?
  /// When the present run began.
  public var startedAt: Timestamp?
  /// How long the present run has lasted.
  public var upNanos: UInt64
  /// As the host sees it.
  public var initPID: Int32?
  /// The run that ended last.
  public var last: RunRecord?
  /// In state `waiting`.
  public var pendingRestart: PendingRestart?
  public var autostart: Bool
  /// Whether its controller does not answer.
  public var isDegraded: Bool
  /// Tasks that a kill has not ended; empty otherwise.
  public var stuckTasks: String
  /// Why it stays as it is, for example that restarts were given up; empty otherwise.
  public var note: String
  public var labels: [Label]

  init(_ wire: Wire.GuestSummary) throws(GuestError) {
    name = try GuestName(wire.name)
    state = GuestState(wire.state)
    runs = wire.runs
    restarts = wire.restarts
    run = wire.run.flatMap { RunID($0) }
    startedAt = wire.startedAt == 0 ? nil : Timestamp(nanoseconds: wire.startedAt)
    upNanos = wire.upNanos
    initPID = wire.initPid == 0 ? nil : wire.initPid
    if let record = wire.last { last = try RunRecord(record) }
    if wire.state == .waiting {
      pendingRestart = PendingRestart(
        at: Timestamp(nanoseconds: wire.restartAt), inMillis: wire.restartInMillis, attempt: wire.restartAttempt,
        limit: wire.restartLimit == 0 ? nil : wire.restartLimit)
    }
    autostart = wire.autostart
    isDegraded = wire.degraded
    stuckTasks = wire.stuckTasks
    note = wire.note
    labels = wire.labels.map { Label($0.key, $0.value) }
  }
}

/// All there is to know about one guest.
public struct GuestDetails: Sendable, Hashable {
  public var status: GuestStatus
  /// The next start takes it.
  public var defined: GuestSpec
  /// In force for the present run; nil without one.
  public var running: GuestSpec?
  public var createdAt: Timestamp
  public var runDirectory: String
  public var logPath: String
  /// Of the present run.
  public var cgroup: String?
  /// Of the present run. A figure that is not known is nil.
  public var usage: GuestUsage

  /// Whether the spec was changed since the present run began.
  public var isSpecPending: Bool { running.map { $0 != defined } ?? false }

  init(_ wire: Wire.GuestDetails) throws(GuestError) {
    status = try GuestStatus(wire.summary)
    defined = try GuestSpec(wire.defined, checkingRules: false)
    running = try wire.running.map { spec throws(GuestError) in try GuestSpec(spec, checkingRules: false) }
    createdAt = Timestamp(nanoseconds: wire.createdAt)
    runDirectory = wire.runDirectory
    logPath = wire.logPath
    cgroup = wire.cgroup.isEmpty ? nil : wire.cgroup
    usage = GuestUsage(wire.usage)
  }
}
