internal import Guest
internal import GuestStore
internal import GuestWire
internal import Layout
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import Operations
internal import Supervision

// One actor on one event loop: sockets, controllers and decisions share a thread, so nothing is locked and nothing hops.
//
//   request or fact --> GuestLifecycle (decides) --> queue --> StorageWatch (one transaction for all that waits)
//                                                                  |
//              waiters answered, events published, effects <-------+
//
// People are shown, and effects carry out, only what is on the disk.

/// Every guest: facts and requests in, effects out.
///
/// It keeps what is decided and who waits for it. What acts is beside it, and reports to it: `Controllers` spawns, calls and
/// kills, `StorageWatch` writes, `RestartTimers` waits. What can be asked is `GuestOperations`, in the actor's isolation.
actor Guests {
  /// Given at the start, and never changed.
  struct Environment: Sendable {
    var paths: DaemonPaths
    var configuration: DaemonConfiguration
    /// The executable of the controller.
    var controllerPath: String
    var boot: BootID
  }

  nonisolated let eventLoop: any EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

  // Decisions, and the calls that wait for them.
  var book: GuestBook
  var ledger: RequestLedger
  nonisolated let calls: PendingCalls
  var isShuttingDown = false

  // The acting parts.
  nonisolated let environment: Environment
  nonisolated let startedAt: Timestamp
  nonisolated let clientLog: ClientLog
  nonisolated let storage: StorageWatch
  nonisolated let controllers: Controllers
  nonisolated let journal: Journal
  nonisolated let logs: GuestLogs
  let logger: Logger
  let timers: RestartTimers
  let announcer: Announcer
  var heartbeat: RepeatedTask?

  init(
    environment: Environment, store: GuestStore, state: StoredState, journal: JournalRange, eventLoop: any EventLoop,
    logger: Logger, rescue: StoreError? = nil
  ) {
    self.environment = environment
    self.eventLoop = eventLoop
    self.logger = logger
    storage = StorageWatch(
      store: store, rescue: rescue, paths: environment.paths, boot: environment.boot, eventLoop: eventLoop,
      logger: logger)
    controllers = Controllers(environment: environment, eventLoop: eventLoop, logger: logger)
    timers = RestartTimers(eventLoop: eventLoop)
    calls = PendingCalls(eventLoop: eventLoop)
    clientLog = ClientLog(logger, eventLoop: eventLoop)
    self.journal = Journal(store: store, range: journal, eventLoop: eventLoop, log: clientLog)
    announcer = Announcer(journal: self.journal, paths: environment.paths, logger: logger)
    logs = GuestLogs(folder: environment.paths.logs, eventLoop: eventLoop)
    let now = Moment.now
    startedAt = now.wall
    book = GuestBook(state.guests)
    ledger = RequestLedger(state.requests, now: now)
    storage.report = { [unowned self] fact in onLoop { $0.heard(fact) } }
    controllers.report = { [unowned self] name, run, fact in onLoop { $0.heard(fact, run, name) } }
    timers.fired = { [unowned self] name in onLoop { $0.note(.timerFired, of: name) } }
    self.journal.showGuests(
      present: { [unowned self] name in onLoop { $0.book[name]?.committed } },
      summary: { [unowned self] guest, access in
        onLoop {
          GuestSummary(guest, live: $0.book[guest.lifecycle.name]?.current.lifecycle, at: .now, for: access)
        }
      })
  }

  /// Beside the subscribers: who hears of rows on the disk, and of logs that are no longer written.
  func observe(published: @escaping @Sendable (UInt64) -> Void, ended: @escaping @Sendable (String) -> Void) {
    announcer.published = published
    announcer.logEnded = ended
  }

  /// The number of the newest row of the journal.
  var newestEvent: UInt64 { journal.range.newest }

  /// Runs on the event loop, where callbacks of sockets and timers already are.
  nonisolated func onLoop<Value: Sendable>(_ body: (isolated Guests) throws -> Value) rethrows -> Value {
    try assumeIsolated(body)
  }
}
