internal import Guest
internal import GuestStore
internal import GuestWire
internal import Layout
internal import LinuxSystem
internal import NIOCore
internal import Operations
internal import RPC
internal import RPCNIO
internal import Supervision

// Looking: waits, events, and reports about the daemon itself.

extension GuestOperations {
  /// The guest as it is; or, when it was removed, as its history knows it.
  func lastKnown(_ name: GuestName, for access: Access) async throws -> GuestSummary {
    if let summary = try? book.summary(of: name, at: now, for: access) { return summary }
    guard let last = try await reading({ try $0.runs(of: name, before: 0, limit: 1) }).first else {
      throw GuestBook.notFound(name)
    }
    return GuestSummary(removed: name, last: last, at: now, for: access)
  }

  func wait(
    for condition: GuestCondition, of name: GuestName, _ timeout: Int64?
  ) async throws -> RunRecord? {
    switch condition {
    case .running:
      _ = try book.find(name)
      if case .gone = try await wait(for: .running, of: name, timeoutMillis: timeout) {
        throw GuestError(.notFound, "wait for \(name): it was removed")
      }
      return nil
    case .stopped:
      if book[name] == nil { return try await newestEnd(of: name) }
      if case .ended(let record) = try await wait(
        for: .stopped, of: name, timeoutMillis: timeout)
      {
        return record
      }
      return try? await newestEnd(of: name)
    case .runEnded(let run):
      // Memory first: it may end, and be stored, while the disk is being asked.
      let lifecycle = book[name]?.current.lifecycle
      if lifecycle?.run?.id == run || lifecycle?.last?.ended.run == run {
        return try await end(of: run, name, timeoutMillis: timeout)
      }
      // The store knows the runs of all guests by their ids; the right was checked on this one.
      if let found = try await reading({ try $0.run(run, of: name) }) { return found }
      throw GuestError(.notFound, "wait for \(name): it has no run \(run)", hint: "lodge runs \(name)")
    case .ended(let since):
      if since > 0, let found = try await reading({ try $0.firstRun(of: name, endedAfter: since) }) { return found }
      // A run whose end is not on the disk yet is the present one still.
      if let guest = book[name], let run = guest.current.lifecycle.run ?? guest.committed?.lifecycle.run {
        return try await end(of: run.id, name, timeoutMillis: timeout)
      }
      guard since == 0 else {
        throw GuestError(.wrongState, "wait for \(name): no run of it has ended since, and none is present")
      }
      return try await newestEnd(of: name)
    }
  }

  private func newestEnd(of name: GuestName) async throws -> RunRecord {
    if let last = book[name]?.committed?.lifecycle.last { return last }
    if let last = try await reading({ try $0.runs(of: name, before: 0, limit: 1) }).first { return last }
    _ = try book.find(name)
    throw GuestError(.wrongState, "wait for \(name): it has never run", hint: "lodge start \(name)")
  }

  // MARK: Events

  func position(_ place: EventPlace) async throws -> UInt64 {
    switch place {
    case .now: return journal.range.newest
    case .sequence(let sequence):
      guard sequence <= journal.range.newest else {
        throw GuestError(
          .invalidArgument, "events since \(sequence): the newest is \(journal.range.newest)",
          hint: "is it from another host?")
      }
      return sequence
    case .time(let time): return try await reading { try $0.sequence(before: time) }
    case .boot: return try await reading { try $0.sequenceBeforeBoot() }
    }
  }

  // MARK: Reports

  func status(journalBytes: UInt64) -> DaemonStatus {
    DaemonStatus(
      version: LodgeVersion.current, pid: OwnProcess.pid, startedAt: guests.startedAt, root: environment.paths.root,
      database: environment.paths.database, storageFault: storage.fault?.reason ?? controllers.strayNotice ?? "",
      guests: book.count,
      running: book.all.count { $0.current.lifecycle.run != nil }, connections: parts.clients.connections.count,
      subscriptions: journal.count, journalOldest: journal.range.oldest, journalNewest: journal.range.newest,
      journalBytes: journalBytes, logLevel: parts.levels.current)
  }

  func limitReports() -> [LimitReport] {
    let configuration = environment.configuration
    func limit(_ name: String, _ value: Int, _ used: Int, _ meaning: String) -> LimitReport {
      LimitReport(name: name, value: UInt64(value), used: UInt64(used), meaning: meaning)
    }
    let connections = parts.clients.connections.values.map(\.connection)
    return [limit("guests", configuration.maximumGuests, book.count, "guests that can be defined")]
      + parts.limits.rows()
      + [
        limit(
          "subscriptionsPerConnection", configuration.subscriptionsPerConnection,
          connections.map { $0.scope.count(of: .subscriptions) }.max() ?? 0, "event subscriptions of one client"),
        limit("frameBytes", RPCLimits.frameMax, 0, "longest message"),
        limit(
          "callsInFlight", RPCLimits.callsInFlight, connections.map(\.openCalls).max() ?? 0,
          "calls of one client that wait for their reply; further ones wait in its socket"),
        limit(
          "queuedBytes", RPCLimits.outputMax, connections.map(\.queuedBytes).max() ?? 0,
          "bytes queued for one client that does not read; above \(RPCLimits.outputHighWater) it is not read either"),
        limit(
          "descriptors", parts.limits.descriptors, parts.limits.openDescriptors(),
          "open files of the daemon (RLIMIT_NOFILE)"),
      ]
  }

  // MARK: One guest

  func report(of name: GuestName, for access: Access) async throws -> GuestReport {
    let guest = try book.find(name)
    let stored = guest.committed ?? guest.current
    let run = stored.lifecycle.run
    var usage = GuestUsage()
    if let link = link(of: name), run?.launched != nil, !link.state.isSilent {
      usage = (try? await self.usage(link)) ?? usage
    }
    let defined = access.shown(stored.lifecycle.defined, of: name, stored.lifecycle.settings.labels)
    let running = run.map { access.shown($0.spec, of: name, stored.lifecycle.settings.labels) }
    return GuestReport(
      summary: GuestSummary(stored, live: guest.current.lifecycle, at: now, for: access), defined: defined,
      running: running, createdAt: stored.createdAt,
      runDirectory: controllers.directory(name).path, logPath: environment.paths.log(of: name.value),
      cgroup: run.map { controllers.fence.path(name, $0.id) } ?? "", usage: usage)
  }

  private func usage(_ link: ControllerLink) async throws -> GuestUsage {
    try await withCheckedThrowingContinuation { continuation in
      link.usage(deadline: .now() + .milliseconds(500)) { continuation.resume(with: $0) }
    }
  }

  func signal(_ link: ControllerLink, _ signal: Int32, by actor: Actor) async throws {
    let name = link.guest
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      link.kill(by: actor, signal: signal, order: nil, deadline: .now() + .seconds(5)) { result in
        continuation.resume(
          with: result.mapError { error in
            if case .remote(let body) = error { return GuestError(body) as any Error }
            return GuestError(.unavailable, "signal \(name): its controller does not answer: \(error)")
          })
      }
    }
  }
}
