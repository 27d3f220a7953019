import Guest
import Operations

/// Notes what it is asked, and answers with the same values or with an error.
final class FakeDaemon: DaemonOperations, @unchecked Sendable {
  struct Fault: Error {}

  // One test uses it, one call at a time.
  var asked: [String] = []
  var requests: [RequestIdentity?] = []
  var callers: [Caller] = []
  var orders: [EndOrder] = []
  var filters: [EventFilter] = []
  var failure: (any Error)?

  private func note(_ text: String, _ request: RequestIdentity? = nil, _ caller: Caller) throws {
    asked.append(text)
    requests.append(request)
    callers.append(caller)
    if let failure { throw failure }
  }

  private func guest(_ name: GuestName) -> GuestSummary { GuestSummary(name: name, state: .running) }

  func create(
    _ name: GuestName, _ spec: GuestSpec, replacing: Bool, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, atNextStart: Bool) {
    try note("create \(name) \(replacing)", request, caller)
    return (guest(name), replacing)
  }

  func change(
    _ name: GuestName, _ spec: GuestSpec, expecting expected: GuestSpec, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, atNextStart: Bool) {
    try note("change \(name) \(expected.hostname ?? "-") to \(spec.hostname ?? "-")", request, caller)
    return (guest(name), true)
  }

  func remove(_ name: GuestName, force: Bool, _ request: RequestIdentity?, by caller: Caller) async throws {
    try note("remove \(name) \(force)", request, caller)
  }

  func start(
    _ name: GuestName, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, run: RunID) {
    try note("start \(name)", request, caller)
    return (guest(name), .zero)
  }

  func run(
    _ name: GuestName, _ spec: GuestSpec, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, run: RunID) {
    try note("run \(name)", request, caller)
    return (guest(name), .zero)
  }

  func stop(
    _ name: GuestName, _ order: EndOrder, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, ended: RunRecord?) {
    orders.append(order)
    try note("stop \(name)", request, caller)
    return (guest(name), nil)
  }

  func signal(
    _ name: GuestName, _ number: Int32, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> GuestSummary {
    try note("signal \(name) \(number)", request, caller)
    return guest(name)
  }

  func restart(
    _ name: GuestName, _ order: EndOrder, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, run: RunID) {
    orders.append(order)
    try note("restart \(name)", request, caller)
    return (guest(name), .zero)
  }

  func list(
    after name: String, matching pattern: String, labels: [Label], limit: Int, by caller: Caller
  ) async throws -> (guests: [GuestSummary], hasMore: Bool, sequence: UInt64) {
    try note("list \(limit)", nil, caller)
    return ([guest(try GuestName("web"))], true, 7)
  }

  func show(_ name: GuestName, by caller: Caller) async throws -> GuestReport {
    try note("show \(name)", nil, caller)
    return GuestReport(
      summary: guest(name), defined: GuestSpec(rootfs: Rootfs(path: "/"), command: ["/init"]), running: nil,
      createdAt: Timestamp(nanoseconds: 5), runDirectory: "/run", logPath: "/log", cgroup: "",
      usage: GuestUsage(memoryBytes: 3))
  }

  func runs(
    of name: GuestName, before number: UInt32, limit: Int, by caller: Caller
  ) async throws -> (runs: [RunRecord], hasMore: Bool) {
    try note("runs \(name) \(number) \(limit)", nil, caller)
    return ([], false)
  }

  func wait(
    for condition: GuestCondition, of name: GuestName, timeoutMillis: Int64?, by caller: Caller
  ) async throws -> (guest: GuestSummary, ended: RunRecord?) {
    try note("wait \(name) \(condition) \(timeoutMillis.map { "\($0)" } ?? "for ever")", nil, caller)
    return (guest(name), nil)
  }

  func readLog(of name: GuestName, _ query: LogQuery, by caller: Caller) async throws -> LogExcerpt {
    try note("log \(name) \(query.tailLines) \(query.waits)", nil, caller)
    return LogExcerpt(bytes: [1], next: [2], isEnd: false, hasLost: true)
  }

  func subscribe(
    to filter: EventFilter, from place: EventPlace?, tickMillis: UInt32, by caller: Caller
  ) async throws -> Subscription {
    filters.append(filter)
    try note("subscribe \(place.map { "\($0)" } ?? "snapshot")", nil, caller)
    return Subscription(number: 42, after: 1, oldest: 2, newest: 3)
  }

  func activate(_ subscription: UInt32) async { asked.append("activate \(subscription)") }

  func unsubscribe(_ subscription: UInt32, by caller: Caller) async throws {
    try note("unsubscribe \(subscription)", nil, caller)
  }

  func readEvents<Item: Sendable>(
    _ filter: EventFilter, from place: EventPlace, limit: Int, by caller: Caller,
    making make: @escaping @Sendable (JournalEntry) -> Item
  ) async throws -> EventPage<Item> {
    filters.append(filter)
    try note("read \(limit)", nil, caller)
    let entry = JournalEntry(
      sequence: 9, time: Timestamp(nanoseconds: 1), boot: .zero,
      event: GuestEvent(.daemon, guest: nil, by: .daemon, message: "started"))
    return EventPage(events: [make(entry)], next: 9, hasMore: false, lost: 2...8)
  }

  func addHook(_ hook: HookSpec, by caller: Caller) async throws {
    filters.append(hook.filter)
    try note("add \(hook.name)", nil, caller)
  }

  func removeHook(_ name: String, by caller: Caller) async throws { try note("remove hook \(name)", nil, caller) }

  func testHook(_ name: String, by caller: Caller) async throws -> HookTrial {
    try note("testHook \(name)", nil, caller)
    return HookTrial(failure: "exit 3", log: "/log")
  }

  func hooks(by caller: Caller) async throws -> [HookReport] {
    try note("hooks", nil, caller)
    return [
      HookReport(
        hook: HookSpec(
          name: "page", filter: EventFilter(causes: ["oom"]), program: "/bin/page", timeoutMillis: 0, retries: 2),
        position: 3, runs: 2, failures: 1, lastError: "exit 1")
    ]
  }

  func host(by caller: Caller) async throws -> HostAbilities {
    try note("host", nil, caller)
    return HostAbilities(
      hostname: String(repeating: "h", count: 100), kernel: "6", architecture: "x86_64", cpus: 2, memoryBytes: 1,
      boot: .zero, cgroupMode: "unified",
      features: (0..<100).map { HostFeature(name: "f\($0)", isAvailable: true, reason: "") })
  }

  func status(by caller: Caller) async throws -> DaemonStatus {
    try note("status", nil, caller)
    return DaemonStatus(
      version: "1", pid: 2, startedAt: Timestamp(nanoseconds: 3), root: "/", database: "/db", storageFault: "full",
      guests: 4, running: 3, connections: 2, subscriptions: 1, journalOldest: 5, journalNewest: 6, journalBytes: 7,
      logLevel: "info")
  }

  func clients(by caller: Caller) async throws -> [ClientReport] {
    try note("clients", nil, caller)
    return []
  }

  func limits(by caller: Caller) async throws -> [LimitReport] {
    try note("limits", nil, caller)
    return [LimitReport(name: "guests", value: 10, used: 1, meaning: "")]
  }

  func setLogLevel(_ level: String, by caller: Caller) async throws { try note("level \(level)", nil, caller) }
}

/// A connection that takes everything.
final class FakeScope: CallerScope {
  let id: UInt64 = 1
  let user: UInt32 = 1000
  let subscriptions = 0
  let hasRoom = true

  func registerSubscription(end: @escaping @Sendable () -> Void) throws(GuestError) -> @Sendable () -> Void { {} }
  func send(_ delivery: EventDelivery, to subscription: UInt32) {}
  func close(reason: String) {}
}
