internal import Guest
internal import GuestStore
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import Operations
internal import Supervision

/// The parts of the daemon beside the guests that operations need.
struct OperationParts: Sendable {
  let clients: ClientList
  let logs: LogReader
  let hooks: HookRunner
  let host: HostReport
  let levels: LogLevels
  let limits: DaemonLimits
}

/// Everything that can be asked of the daemon, with the rights of the caller. It decides nothing: requests go to the actor, and
/// what is shown comes from its book and from the disk.
///
/// All of it runs in the isolation of the guests' actor, where calls are served, so that requests of one connection are decided
/// in the order in which they were made.
struct GuestOperations: Sendable {
  let guests: Guests
  let parts: OperationParts

  // What the actor and its parts have, in its isolation.
  var book: GuestBook { guests.onLoop { $0.book } }
  var now: Moment { .now }
  var environment: Guests.Environment { guests.environment }
  var storage: StorageWatch { guests.storage }
  var journal: Journal { guests.journal }
  var controllers: Controllers { guests.controllers }

  /// To the controller of the present run.
  func link(of name: GuestName) -> ControllerLink? {
    book[name]?.current.lifecycle.run.flatMap { controllers[$0.id] }
  }

  /// Reads the database on another thread. Of a caller whose task was cancelled before it came to that, nothing is read.
  func reading<Value: Sendable>(_ body: @escaping @Sendable (GuestStore) throws -> Value) async throws -> Value {
    try await storage.read(body)
  }
}

extension GuestOperations {
  /// - Throws: `denied` unless the caller may do with this guest what it asks for.
  private func check(_ name: GuestName, _ caller: Caller) throws(GuestError) {
    try caller.check(name, labels(of: name))
  }

  private func labels(of name: GuestName) -> [Label] { book[name]?.current.lifecycle.settings.labels ?? [] }

  private func shown(_ record: RunRecord, _ caller: Caller) -> RunRecord {
    caller.access.shown(record) { labels(of: $0) }
  }

  private func result(
    _ name: GuestName, _ ended: RunRecord?, _ caller: Caller
  ) async throws -> (guest: GuestSummary, ended: RunRecord?) {
    (try await lastKnown(name, for: caller.access), ended.map { shown($0, caller) })
  }
}

extension GuestOperations: DaemonOperations {
  func create(
    _ name: GuestName, _ spec: GuestSpec, replacing: Bool, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, atNextStart: Bool) {
    // Of a guest that is changed, its present labels count as well as those it gets.
    try check(name, caller)
    try caller.check(name, spec.labels)
    let atNextStart = try await define(
      name, replacing ? .change(spec, expecting: nil) : .create(spec), Asked(caller, request))
    return (try await lastKnown(name, for: caller.access), atNextStart)
  }

  func change(
    _ name: GuestName, _ spec: GuestSpec, expecting expected: GuestSpec, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, atNextStart: Bool) {
    try check(name, caller)
    try caller.check(name, spec.labels)
    let atNextStart = try await define(name, .change(spec, expecting: expected), Asked(caller, request))
    return (try await lastKnown(name, for: caller.access), atNextStart)
  }

  func remove(_ name: GuestName, force: Bool, _ request: RequestIdentity?, by caller: Caller) async throws {
    try check(name, caller)
    try await remove(name, force: force, Asked(caller, request))
  }

  func start(
    _ name: GuestName, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, run: RunID) {
    try check(name, caller)
    let run = try await start(name, .start, Asked(caller, request))
    return (try await lastKnown(name, for: caller.access), run)
  }

  func run(
    _ name: GuestName, _ spec: GuestSpec, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, run: RunID) {
    try check(name, caller)
    try caller.check(name, spec.labels)
    let run = try await start(name, .run(spec), Asked(caller, request))
    return (try await lastKnown(name, for: caller.access), run)
  }

  func stop(
    _ name: GuestName, _ order: EndOrder, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, ended: RunRecord?) {
    try check(name, caller)
    return try await result(name, try await stop(name, order, Asked(caller, request)), caller)
  }

  func signal(
    _ name: GuestName, _ number: Int32, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> GuestSummary {
    try check(name, caller)
    try await signal(name, number, Asked(caller, request))
    return try await lastKnown(name, for: caller.access)
  }

  func restart(
    _ name: GuestName, _ order: EndOrder, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, run: RunID) {
    try check(name, caller)
    let run = try await restart(name, order, Asked(caller, request))
    return (try await lastKnown(name, for: caller.access), run)
  }

  func list(
    after name: String, matching pattern: String, labels: [Label], limit: Int, by caller: Caller
  ) async throws -> (guests: [GuestSummary], hasMore: Bool, sequence: UInt64) {
    let (guests, hasMore) = book.page(
      after: name, matching: Glob?(pattern: pattern), labels: labels, limit: limit, at: now, for: caller.access)
    return (guests, hasMore, journal.range.newest)
  }

  func show(_ name: GuestName, by caller: Caller) async throws -> GuestReport {
    try check(name, caller)
    return try await report(of: name, for: caller.access)
  }

  func runs(
    of name: GuestName, before number: UInt32, limit: Int, by caller: Caller
  ) async throws -> (runs: [RunRecord], hasMore: Bool) {
    try check(name, caller)
    let runs = try await reading { try $0.runs(of: name, before: number, limit: limit + 1) }
    if runs.isEmpty { _ = try await lastKnown(name, for: caller.access) }
    return (runs.prefix(limit).map { shown($0, caller) }, runs.count > limit)
  }

  func wait(
    for condition: GuestCondition, of name: GuestName, timeoutMillis: Int64?, by caller: Caller
  ) async throws -> (guest: GuestSummary, ended: RunRecord?) {
    try check(name, caller)
    return try await result(name, try await wait(for: condition, of: name, timeoutMillis), caller)
  }

  func readLog(of name: GuestName, _ query: LogQuery, by caller: Caller) async throws -> LogExcerpt {
    try check(name, caller)
    return try await parts.logs.read(query, name)
  }

  // MARK: Events

  func subscribe(
    to filter: EventFilter, from place: EventPlace?, tickMillis: UInt32, by caller: Caller
  ) async throws -> Subscription {
    guard caller.scope.subscriptions < environment.configuration.subscriptionsPerConnection else {
      throw GuestError(
        .limitReached, "subscribe: this connection has \(caller.scope.subscriptions) subscriptions already")
    }
    var after = journal.range.newest
    if let place { after = try await position(place) }
    let id = try journal.subscribe(
      caller.scope, EventInterest(filter: filter, access: caller.access), after: after,
      snapshot: place == nil ? book.sortedNames : nil, tickMillis: tickMillis)
    return Subscription(
      number: id.number, after: after, oldest: journal.range.oldest, newest: journal.range.newest)
  }

  func activate(_ subscription: UInt32) async { journal.activate(.init(number: subscription)) }

  func unsubscribe(_ subscription: UInt32, by caller: Caller) async throws {
    guard journal.unsubscribe(.init(number: subscription), of: caller.scope.id) else {
      throw GuestError(.notFound, "unsubscribe: there is no subscription \(subscription) on this connection")
    }
  }

  func readEvents<Item: Sendable>(
    _ filter: EventFilter, from place: EventPlace, limit: Int, by caller: Caller,
    making make: @escaping @Sendable (JournalEntry) -> Item
  ) async throws -> EventPage<Item> {
    var position = try await position(place)
    let newest = journal.range.newest
    let interest = EventInterest(filter: filter, access: caller.access)
    var found: [Item] = []
    var lost: ClosedRange<UInt64>?
    // Most filters let most rows through; one that lets few through looks at more of them in one go.
    var rows = limit
    while position < newest, found.count < limit {
      let from = position
      let (size, wanted) = (rows, limit - found.count)
      // The client may go while a long journal is searched.
      try Task.checkCancellation()
      let part = try await reading { try JournalPage(of: $0, after: from, rows: size, wanted: wanted, interest, make) }
      let first = part.first ?? newest + 1
      if first > position + 1 {
        guard lost == nil, found.isEmpty else { break }
        lost = position + 1...first - 1
      }
      position = part.last ?? newest
      found += part.items
      rows = JournalPage<Item>.longest
    }
    return EventPage(events: found, next: position, hasMore: position < newest, lost: lost)
  }

  // MARK: Hooks

  func addHook(_ hook: HookSpec, by caller: Caller) async throws {
    try caller.checkEverything()
    try await parts.hooks.add(hook)
  }

  func removeHook(_ name: String, by caller: Caller) async throws {
    try caller.checkEverything()
    try await parts.hooks.remove(name)
  }

  func testHook(_ name: String, by caller: Caller) async throws -> HookTrial {
    try caller.checkEverything()
    return try await parts.hooks.test(name, at: now.wall)
  }

  func hooks(by caller: Caller) async throws -> [HookReport] {
    try caller.checkEverything()
    return await parts.hooks.list(for: caller.access)
  }

  // MARK: The host and the daemon

  func host(by caller: Caller) async throws -> HostAbilities {
    try caller.checkEverything()
    return parts.host.abilities()
  }

  func status(by caller: Caller) async throws -> DaemonStatus {
    try caller.checkEverything()
    // Without a read of the database: a disk that does not answer is to be heard of here.
    return status(journalBytes: storage.size)
  }

  func clients(by caller: Caller) async throws -> [ClientReport] {
    try caller.checkEverything()
    return parts.clients.reports()
  }

  func limits(by caller: Caller) async throws -> [LimitReport] {
    try caller.checkEverything()
    return limitReports()
  }

  func setLogLevel(_ level: String, by caller: Caller) async throws {
    try caller.checkEverything()
    guard parts.levels.set(level) else {
      throw GuestError(
        .invalidArgument, "trace: level \"\(Visible.text(level))\" does not exist",
        hint: "levels are trace, debug, info, notice, warning and error")
    }
  }
}

/// A piece of the journal, filtered and made ready on the reader's thread: a filter that lets nothing through walks through
/// all of it.
private struct JournalPage<Item: Sendable>: Sendable {
  /// Numbers of the first and the last row that were looked at; nil where there was none.
  var first: UInt64?
  var last: UInt64?
  var items: [Item] = []

  /// Rows that are looked at in one go.
  static var longest: Int { 500 }

  init(
    of store: GuestStore, after position: UInt64, rows: Int, wanted: Int, _ interest: EventInterest,
    _ make: (JournalEntry) -> Item
  ) throws(StoreError) {
    for row in try store.journal(after: position, limit: rows).rows where items.count < wanted {
      // Before a row that cannot be given out the page ends, and the next one begins by saying so.
      if let last, row.sequence != last + 1 { return }
      if first == nil { first = row.sequence }
      last = row.sequence
      if interest.wants(row) { items.append(make(row.entry)) }
    }
  }
}

extension Glob? {
  /// Nil for an empty pattern, which matches all.
  fileprivate init(pattern: String) { self = pattern.isEmpty ? nil : Glob(pattern) }
}
