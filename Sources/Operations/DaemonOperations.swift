public import Guest

/// Everything that can be asked of the daemon, in the words of guests: the side of a program that does not know the wire.
///
/// Each method checks the right of its caller on the very guest, and shows only what the caller may see. Errors are
/// `GuestError`; a task that is cancelled throws `CancellationError` or `GuestError` with code `cancelled`. Requests of one
/// connection are decided in the order in which they are made.
public protocol DaemonOperations: Sendable {
  // MARK: Guests

  /// Defines a guest, or changes one.
  ///
  /// - Parameter replacing: the guest exists and is changed.
  /// - Returns: `atNextStart` where a run with another spec goes on.
  func create(
    _ name: GuestName, _ spec: GuestSpec, replacing: Bool, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, atNextStart: Bool)
  /// Changes the spec of a guest that nothing else has changed since it was read.
  ///
  /// - Parameter expected: the spec that was read.
  /// - Returns: `atNextStart` where a run with another spec goes on.
  /// - Throws: `conflict` if it has another spec by now.
  func change(
    _ name: GuestName, _ spec: GuestSpec, expecting expected: GuestSpec, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, atNextStart: Bool)
  /// Removes a guest; with `force` after killing it.
  func remove(_ name: GuestName, force: Bool, _ request: RequestIdentity?, by caller: Caller) async throws
  /// Starts a guest. Returns once its init was executed.
  func start(
    _ name: GuestName, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, run: RunID)
  /// Defines a guest and starts it, both or neither. Returns once its init was executed.
  func run(
    _ name: GuestName, _ spec: GuestSpec, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, run: RunID)
  /// Ends the present run as the order says. Returns once it has ended.
  func stop(
    _ name: GuestName, _ order: EndOrder, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, ended: RunRecord?)
  /// Sends a signal to the init of a guest.
  func signal(
    _ name: GuestName, _ number: Int32, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> GuestSummary
  /// Ends the present run, if there is one, and starts the next.
  func restart(
    _ name: GuestName, _ order: EndOrder, _ request: RequestIdentity?, by caller: Caller
  ) async throws -> (guest: GuestSummary, run: RunID)
  /// The guests whose names sort after a text, at most `limit` of them.
  func list(
    after name: String, matching pattern: String, labels: [Label], limit: Int, by caller: Caller
  ) async throws -> (guests: [GuestSummary], hasMore: Bool, sequence: UInt64)
  func show(_ name: GuestName, by caller: Caller) async throws -> GuestReport
  /// Runs that ended, the newest first.
  ///
  /// - Parameter number: runs with a lower one; 0 for the newest.
  func runs(
    of name: GuestName, before number: UInt32, limit: Int, by caller: Caller
  ) async throws -> (runs: [RunRecord], hasMore: Bool)
  /// Returns when the condition holds.
  ///
  /// - Parameter timeoutMillis: nil for no limit.
  func wait(
    for condition: GuestCondition, of name: GuestName, timeoutMillis: Int64?, by caller: Caller
  ) async throws -> (guest: GuestSummary, ended: RunRecord?)
  func readLog(of name: GuestName, _ query: LogQuery, by caller: Caller) async throws -> LogExcerpt

  // MARK: Events

  /// Begins a subscription of the caller's connection. It gets nothing before `activate`.
  ///
  /// - Parameters:
  ///   - place: nil for a snapshot of all guests and everything after it.
  ///   - tickMillis: time between two reports of the newest number; 0 for the usual.
  func subscribe(
    to filter: EventFilter, from place: EventPlace?, tickMillis: UInt32, by caller: Caller
  ) async throws -> Subscription
  /// The reply that names the subscription has been sent: now its events follow.
  func activate(_ subscription: UInt32) async
  func unsubscribe(_ subscription: UInt32, by caller: Caller) async throws
  /// Reads the journal.
  ///
  /// - Parameter make: makes an item ready for its reader, on a thread that serves no other caller.
  func readEvents<Item: Sendable>(
    _ filter: EventFilter, from place: EventPlace, limit: Int, by caller: Caller,
    making make: @escaping @Sendable (JournalEntry) -> Item
  ) async throws -> EventPage<Item>

  // MARK: Hooks

  func addHook(_ hook: HookSpec, by caller: Caller) async throws
  func removeHook(_ name: String, by caller: Caller) async throws
  /// Runs the program of a hook once, for no event. Returns once it has ended.
  func testHook(_ name: String, by caller: Caller) async throws -> HookTrial
  func hooks(by caller: Caller) async throws -> [HookReport]

  // MARK: The host and the daemon

  func host(by caller: Caller) async throws -> HostAbilities
  func status(by caller: Caller) async throws -> DaemonStatus
  func clients(by caller: Caller) async throws -> [ClientReport]
  func limits(by caller: Caller) async throws -> [LimitReport]
  /// - Throws: `invalidArgument` for a level that does not exist.
  func setLogLevel(_ level: String, by caller: Caller) async throws
}

/// A state that a caller waits for.
public enum GuestCondition: Sendable, Hashable {
  case running
  /// No restart is pending, either.
  case stopped
  /// This run has ended.
  case runEnded(RunID)
  /// The present run has ended; or, with a number of the journal, any that ended after it.
  case ended(since: UInt64)
}
