internal import Guest
internal import GuestStore
internal import GuestWire
internal import Layout
internal import LinuxSystem
internal import NIOCore
internal import RPC
internal import RPCNIO
internal import Supervision
internal import WireProtocol

// Looking: waits, events, and reports about the daemon itself.

extension Guests {
  /// The guest as it is; or, when it was removed, as its history knows it.
  func lastKnown(_ name: GuestName, for access: Access) async throws -> Wire.GuestSummary {
    if let summary = try? summary(of: name, for: access) { return summary }
    guard let last = try await reading({ try $0.runs(of: name, before: 0, limit: 1) }).first else {
      throw GuestError(.notFound, "\(name): there is no guest of that name", hint: "lodge ls")
    }
    let lifecycle = GuestLifecycle(
      name: name, defined: GuestSpec(rootfs: Rootfs(path: "/"), command: []), phase: .stopped,
      runCount: last.number, restarts: RestartHistory(), last: last, desired: false, note: "removed")
    return summary(StoredGuest(lifecycle: lifecycle, createdAt: last.ended.endedAt), for: access)
  }

  func wait(_ args: Wire.GuestWaitArgs, _ name: GuestName) async throws -> RunRecord? {
    let timeout = args.timeoutMillis < 0 ? nil : args.timeoutMillis
    switch args.condition {
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
    case .ended:
      if let run = args.run.flatMap({ RunID($0) }) {
        // Memory first: it may end, and be stored, while the disk is being asked.
        let lifecycle = book[name]?.current.lifecycle
        if lifecycle?.run?.id == run || lifecycle?.last?.ended.run == run {
          return try await end(of: run, name, timeoutMillis: timeout)
        }
        if let found = try await reading({ try $0.run(run) }) { return found.run }
        throw GuestError(.notFound, "wait for \(name): it has no run \(run)", hint: "lodge runs \(name)")
      }
      if args.since > 0, let found = try await reading({ try $0.firstRun(of: name, endedAfter: args.since) }) {
        return found
      }
      // A run whose end is not on the disk yet is the present one still.
      if let guest = book[name], let run = guest.current.lifecycle.run ?? guest.committed?.lifecycle.run {
        return try await end(of: run.id, name, timeoutMillis: timeout)
      }
      guard args.since == 0 else {
        throw GuestError(.wrongState, "wait for \(name): no run of it has ended since, and none is present")
      }
      return try await newestEnd(of: name)
    case .unknown(let value): throw GuestError(.notSupported, "wait for \(name): condition \(value) is unknown")
    }
  }

  private func newestEnd(of name: GuestName) async throws -> RunRecord {
    if let last = book[name]?.committed?.lifecycle.last { return last }
    if let last = try await reading({ try $0.runs(of: name, before: 0, limit: 1) }).first { return last }
    _ = try book.find(name)
    throw GuestError(.wrongState, "wait for \(name): it has never run", hint: "lodge start \(name)")
  }

  // MARK: Events

  func subscribe(_ args: Wire.EventsSubscribeArgs, _ context: CallContext) async throws -> Wire.EventsSubscribeReply {
    let connection = context.connection
    guard connection.scope.count(of: .subscriptions) < environment.configuration.subscriptionsPerConnection else {
      throw GuestError(
        .limitReached,
        "subscribe: this connection has \(connection.scope.count(of: .subscriptions)) subscriptions already")
    }
    var after = journal.range.newest
    if !args.snapshot { after = try await position(args.since) }
    let id = try journal.subscribe(
      connection, EventInterest(filter: EventFilter(args.filter), access: context.access), after: after,
      snapshot: args.snapshot ? book.sortedNames : nil, tickMillis: args.tickMillis)
    context.followUp.add { self.journal.activate(id) }
    return Wire.EventsSubscribeReply(
      subscription: id.number, after: after, oldest: journal.range.oldest, newest: journal.range.newest)
  }

  func unsubscribe(_ number: UInt32, _ context: CallContext) -> Bool {
    journal.unsubscribe(.init(number: number), of: context.connection.id)
  }

  func position(_ since: Wire.EventSince) async throws -> UInt64 {
    switch since {
    case .now: return journal.range.newest
    case .sequence(let sequence):
      guard sequence <= journal.range.newest else {
        throw GuestError(
          .invalidArgument, "events since \(sequence): the newest is \(journal.range.newest)",
          hint: "is it from another host?")
      }
      return sequence
    case .time(let time): return try await reading { try $0.sequence(before: Timestamp(nanoseconds: time)) }
    case .boot: return try await reading { try $0.sequenceBeforeBoot() }
    }
  }

  func readEvents(_ args: Wire.EventsReadArgs, for access: Access) async throws -> Wire.EventsReadReply {
    let filter = EventFilter(args.filter)
    let limit = args.limit == 0 ? Int(Wire.eventsPageMax) : min(Int(args.limit), Int(Wire.eventsPageMax))
    var position = try await position(args.since)
    let newest = journal.range.newest
    var found: [Wire.Event] = []
    var lost: (UInt64, UInt64) = (0, 0)
    while position < newest, found.count < limit {
      let from = position
      let wanted = limit - found.count
      // The client may go while a long journal is searched.
      try Task.checkCancellation()
      let page = try await reading {
        try JournalPage(of: $0, after: from, wanted: wanted) { event in
          filter.matches(event) && access.maySee(event)
        }
      }
      let first = page.first ?? newest + 1
      if first > position + 1, lost.0 == 0 { lost = (position + 1, first - 1) }
      position = page.last ?? newest
      found += page.events
    }
    return Wire.EventsReadReply(
      events: found, next: position, more: position < newest, lostFrom: lost.0, lostTo: lost.1)
  }

  // MARK: Reports

  func status(clients: ClientList, level: String, journalBytes: UInt64) -> Wire.DaemonStatusReply {
    Wire.DaemonStatusReply(
      version: LodgeVersion.current, pid: OwnProcess.pid, startedAt: startedAt.nanoseconds,
      root: environment.paths.root, database: environment.paths.database, storage: storage.fault?.reason ?? "",
      guests: UInt32(book.count), running: UInt32(book.all.count { $0.current.lifecycle.run != nil }),
      connections: UInt32(clients.connections.count), subscriptions: UInt32(journal.count),
      journalOldest: journal.range.oldest, journalNewest: journal.range.newest, journalBytes: journalBytes,
      logLevel: level)
  }

  func clientReport(_ clients: ClientList) -> Wire.DaemonClientsReply {
    Wire.DaemonClientsReply(
      clients: clients.connections.values.sorted { $0.connection.id < $1.connection.id }.prefix(Int(Wire.clientsMax))
        .map {
          let connection = $0.connection
          return Wire.ClientInfo(
            id: connection.id, uid: connection.peer.uid, pid: connection.peer.pid, name: connection.clientName,
            readOnly: connection.isReadOnly, since: $0.since.nanoseconds, calls: connection.callsReceived,
            bytesIn: connection.bytesReceived, bytesOut: connection.bytesSent,
            queuedBytes: UInt64(connection.queuedBytes),
            subscriptions: UInt32(connection.scope.count(of: .subscriptions)))
        })
  }

  func limitReport(_ clients: ClientList, _ limits: DaemonLimits) -> Wire.DaemonLimitsReply {
    let configuration = environment.configuration
    func limit(_ name: String, _ value: Int, _ used: Int, _ meaning: String) -> Wire.DaemonLimit {
      Wire.DaemonLimit(name: name, value: UInt64(value), used: UInt64(used), meaning: meaning)
    }
    let connections = clients.connections.values.map(\.connection)
    return Wire.DaemonLimitsReply(
      limits: [limit("guests", configuration.maximumGuests, book.count, "guests that can be defined")] + limits.rows()
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
            "descriptors", limits.descriptors, limits.openDescriptors(), "open files of the daemon (RLIMIT_NOFILE)"),
        ])
  }
}

/// A piece of the journal, filtered and made ready for the wire on the reader's thread: a filter that lets nothing through
/// walks through all of it.
private struct JournalPage: Sendable {
  /// Numbers of the first and the last row that were looked at; nil where there was none.
  var first: UInt64?
  var last: UInt64?
  var events: [Wire.Event] = []

  init(
    of store: GuestStore, after position: UInt64, wanted: Int, where isWanted: (GuestEvent) -> Bool
  ) throws(StoreError) {
    for row in try store.journal(after: position, limit: 500) where events.count < wanted {
      if first == nil { first = row.entry.sequence }
      last = row.entry.sequence
      if isWanted(row.entry.event) { events.append(Wire.Event(row.entry)) }
    }
  }
}
