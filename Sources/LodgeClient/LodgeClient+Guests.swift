public import Guest
import GuestWire
import RPC
import WireProtocol

extension LodgeClient {
  // MARK: Looking

  /// All guests, or those whose name matches a glob(7) pattern and that carry every one of the labels, by name.
  public func guests(matching pattern: String = "", labels: [Label] = []) async throws(GuestError) -> [GuestStatus] {
    var all: [GuestStatus] = []
    var args = Wire.GuestListArgs(
      after: "", pattern: pattern, labels: labels.map { Wire.Label(key: $0.key, value: $0.value) }, limit: 0)
    while true {
      let page = try await call(Admin.GuestList.self, args)
      for guest in page.guests { all.append(try GuestStatus(guest)) }
      guard page.more, let last = page.guests.last else { return all }
      args.after = last.name
    }
  }

  public func guest(_ name: GuestName) async throws(GuestError) -> GuestDetails {
    try GuestDetails(try await call(Admin.GuestShow.self, .init(name: name.value)))
  }

  /// The runs that have ended, newest first.
  ///
  /// - Parameter limit: at most so many; the daemon keeps a thousand of each guest.
  public func runs(of name: GuestName, limit: Int = 1000) async throws(GuestError) -> [RunRecord] {
    var all: [RunRecord] = []
    var before: UInt32 = 0
    while all.count < limit {
      let wanted = min(limit - all.count, Int(Wire.runsPageMax))
      let page = try await call(
        Admin.GuestRuns.self, .init(name: name.value, before: before, limit: UInt32(wanted)))
      for run in page.runs { all.append(try RunRecord(run)) }
      guard page.more, let last = page.runs.last else { break }
      before = last.number
    }
    return all
  }

  // MARK: Changing

  /// Defines a guest. It is not started.
  @discardableResult
  public func create(_ name: GuestName, _ spec: GuestSpec) async throws(GuestError) -> GuestStatus {
    let reply = try await call(
      Admin.GuestCreate.self,
      .init(request: newRequest(), name: name.value, spec: Wire.GuestSettings(spec), replace: false))
    return try GuestStatus(reply.guest)
  }

  /// Changes the spec of a guest. True when it runs, so that the change takes effect at its next start.
  @discardableResult
  public func change(_ name: GuestName, to spec: GuestSpec) async throws(GuestError) -> Bool {
    try await call(
      Admin.GuestCreate.self,
      .init(request: newRequest(), name: name.value, spec: Wire.GuestSettings(spec), replace: true)
    ).atNextStart
  }

  /// Changes the spec of a guest that nothing else has changed since it was read. True when it runs, so that the change
  /// takes effect at its next start.
  ///
  /// - Throws: `GuestError` with code `conflict` if its spec is not `expected` any more.
  @discardableResult
  public func change(
    _ name: GuestName, from expected: GuestSpec, to spec: GuestSpec
  ) async throws(GuestError) -> Bool {
    try await call(
      Admin.GuestChange.self,
      .init(
        request: newRequest(), name: name.value, spec: Wire.GuestSettings(spec),
        expected: Wire.GuestSettings(expected))
    ).atNextStart
  }

  /// Forgets a guest. Its events stay in the journal.
  ///
  /// - Parameter force: kill it first if it runs.
  public func remove(_ name: GuestName, force: Bool = false) async throws(GuestError) {
    _ = try await wait(Admin.GuestRemove.self, .init(request: newRequest(), name: name.value, force: force))
  }

  // MARK: Running

  /// Starts a guest; returns when its init has been executed.
  @discardableResult
  public func start(_ name: GuestName) async throws(GuestError) -> RunID {
    let reply = try await wait(Admin.GuestStart.self, .init(request: newRequest(), name: name.value))
    return try Self.runID(reply.run)
  }

  /// Defines a guest and starts it, both or neither; returns when its init has been executed.
  @discardableResult
  public func run(_ name: GuestName, _ spec: GuestSpec) async throws(GuestError) -> RunID {
    let reply = try await wait(
      Admin.GuestRun.self,
      .init(request: newRequest(), name: name.value, spec: Wire.GuestSettings(spec), replace: false))
    return try Self.runID(reply.run)
  }

  /// Stops a guest politely, and by force when its time is up; returns when its run has ended. Nil when there was none
  /// to end, because it waited for a restart.
  ///
  /// - Parameters:
  ///   - signal: the polite one; nil takes the spec's.
  ///   - timeout: until force is used; nil takes the spec's.
  ///   - force: false never kills.
  @discardableResult
  public func stop(
    _ name: GuestName, signal: Int32? = nil, timeout: Duration? = nil, force: Bool = true
  ) async throws(GuestError) -> RunRecord? {
    let reply = try await wait(Admin.GuestStop.self, stopArgs(name, signal: signal, timeout: timeout, force: force))
    return try Self.record(reply)
  }

  /// Kills a guest, all of it; returns when its run has ended.
  @discardableResult
  public func kill(_ name: GuestName) async throws(GuestError) -> RunRecord? {
    let args = Wire.GuestKillArgs(request: newRequest(), name: name.value, signal: 9)
    return try Self.record(try await wait(Admin.GuestKill.self, args))
  }

  /// Sends a signal to a guest's init.
  public func signal(_ name: GuestName, _ signal: Int32) async throws(GuestError) {
    guard signal != 9 else {
      _ = try await kill(name)
      return
    }
    _ = try await call(Admin.GuestKill.self, .init(request: newRequest(), name: name.value, signal: signal))
  }

  /// Stops a guest if it runs, then starts it.
  @discardableResult
  public func restart(_ name: GuestName, timeout: Duration? = nil) async throws(GuestError) -> RunID {
    let reply = try await wait(
      Admin.GuestRestart.self, stopArgs(name, signal: nil, timeout: timeout, force: true))
    return try Self.runID(reply.run)
  }

  // MARK: Waiting

  /// The state of affairs that a wait ends at.
  public enum WaitCondition: Sendable, Hashable {
    /// The present run has ended, or if there is none, the newest one has.
    case ended
    /// This run has ended.
    case endedRun(RunID)
    case running
    /// It is stopped and no restart is pending.
    case stopped
  }

  /// Waits for a guest to get there; returns at once when it is there. The run that ended, if one did.
  ///
  /// A restart of the daemon meanwhile changes neither what is waited for nor how long: of `.ended` the run is the one that
  /// was present when this was called, and the timeout goes on.
  ///
  /// - Parameter timeout: then `GuestError` with code `timedOut`; nil waits without end.
  @discardableResult
  public func wait(
    for name: GuestName, until condition: WaitCondition, timeout: Duration? = nil
  ) async throws(GuestError) -> RunRecord? {
    let begin = ContinuousClock.now
    var args = Wire.GuestWaitArgs(name: name.value, condition: .ended, run: nil, since: 0, timeoutMillis: -1)
    switch condition {
    case .ended: args.run = try await presentRun(of: name)?.bytes
    case .endedRun(let run): args.run = run.bytes
    case .running: args.condition = .running
    case .stopped: args.condition = .stopped
    }
    let reply = try await wait(Admin.GuestWait.self) {
      if let timeout { args.timeoutMillis = Self.milliseconds(max(timeout - (ContinuousClock.now - begin), .zero)) }
      return args
    }
    return try Self.record(reply)
  }

  /// The present run, or the newest if none is present; nil where only the journal may know one.
  private func presentRun(of name: GuestName) async throws(GuestError) -> RunID? {
    // A name has no character that means something in a pattern.
    let page = try await call(
      Admin.GuestList.self, .init(after: "", pattern: name.value, labels: [], limit: 1))
    guard let guest = page.guests.first, guest.name == name.value else { return nil }
    if let run = guest.run { return try Self.runID(run) }
    return try guest.last.map { last throws(GuestError) in try Self.runID(last.ended.run) }
  }

  // MARK: Helpers

  private func stopArgs(_ name: GuestName, signal: Int32?, timeout: Duration?, force: Bool) -> Wire.GuestStopArgs {
    .init(
      request: newRequest(), name: name.value, signal: signal ?? 0, timeoutMillis: Self.milliseconds(timeout),
      noKill: !force)
  }

  /// -1 for none.
  static func milliseconds(_ duration: Duration?) -> Int64 {
    guard let (seconds, attoseconds) = duration?.components else { return -1 }
    let (product, overflow) = max(seconds, 0).multipliedReportingOverflow(by: 1000)
    return overflow ? .max / 2 : product + max(attoseconds, 0) / 1_000_000_000_000_000
  }

  private static func runID(_ bytes: [UInt8]) throws(GuestError) -> RunID {
    guard let run = RunID(bytes) else { throw GuestError(.badFrame, "the daemon's answer names no run") }
    return run
  }

  private static func record(_ reply: Wire.GuestEndedReply) throws(GuestError) -> RunRecord? {
    guard let ended = reply.ended else { return nil }
    return try RunRecord(ended)
  }
}
