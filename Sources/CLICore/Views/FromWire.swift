import Guest
import GuestWire
import WireProtocol

extension GuestView {
  /// A state that a newer daemon invented is shown as running, which claims the least.
  init(_ wire: Wire.GuestSummary) throws(GuestError) {
    self.init(
      name: try GuestName(wire.name), state: GuestState(wire.state) ?? .running, runs: wire.runs,
      restarts: wire.restarts, run: wire.run.flatMap { RunID($0) },
      startedAt: wire.startedAt == 0 ? nil : Timestamp(nanoseconds: wire.startedAt), upNanos: wire.upNanos,
      initPID: wire.initPid, last: try wire.last.map { record throws(GuestError) in try RunRecord(record) },
      restart: wire.restartAttempt == 0
        ? nil
        : PendingRestart(
          at: Timestamp(nanoseconds: wire.restartAt), inMillis: wire.restartInMillis, attempt: wire.restartAttempt,
          limit: wire.restartLimit),
      autostart: wire.autostart, degraded: wire.degraded, stuckTasks: wire.stuckTasks, note: wire.note,
      labels: wire.labels.map { Label($0) })
  }
}

extension GuestDetails {
  init(_ wire: Wire.GuestDetails) throws(GuestError) {
    self.init(
      guest: try GuestView(wire.summary), defined: try GuestSpec(wire.defined, checkingRules: false),
      running: try wire.running.map { spec throws(GuestError) in try GuestSpec(spec, checkingRules: false) },
      createdAt: Timestamp(nanoseconds: wire.createdAt), runDirectory: wire.runDirectory, logPath: wire.logPath,
      cgroup: wire.cgroup, usage: GuestUsage(wire.usage))
  }
}
