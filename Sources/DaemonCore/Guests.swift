internal import DequeModule
internal import Guest
internal import GuestStore
internal import GuestWire
internal import Layout
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import Supervision
internal import WireProtocol

// One actor on one event loop: sockets, controllers and decisions share a thread, so nothing is locked and nothing hops.
//
//   request or fact --> GuestLifecycle (decides) --> queue --> GuestStore (one transaction for all that waits)
//                                                                  |
//              waiters answered, events published, effects <-------+
//
// What people are shown, and what effects do, is only ever what is on the disk.

/// Keeps every guest: hands facts and requests to its lifecycle, stores what that decides, then does it.
actor Guests {
  /// What the manager is told at its start and does not change.
  struct Environment: Sendable {
    var paths: DaemonPaths
    var configuration: DaemonConfiguration
    /// The executable of the controller.
    var controllerPath: String
    var boot: BootID
  }

  nonisolated let eventLoop: any EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

  let environment: Environment
  let logger: Logger
  let writer: StoreWriter
  let journal: Journal
  nonisolated let fence: RunFence
  let goneLogs: GoneLogs

  var book: GuestBook
  var waiters = Waiters()
  /// The calls behind the waiters.
  var waiting: [Waiters.ID: Waiting] = [:]
  /// To be told when a decision is stored or refused.
  var tickets: [GuestBook.Ticket: [EventLoopPromise<Void>]] = [:]
  /// Rows of changes that are stored and not followed up yet, a change each.
  var unpublished: Deque<[EncodedEntry]> = []
  var restartTimers: [GuestName: Scheduled<Void>] = [:]
  /// Every controller that is connected, also those whose run has ended and that only have to go.
  var links: [RunID: ControllerLink] = [:]
  /// Controllers that were spawned while their start was being stored, and have been told nothing yet.
  var prepared: [RunID: ControllerLink] = [:]
  /// Runs whose controller lives and does not answer at its socket, with the moment at which that has to end.
  var unreachedDeadlines: [RunID: BootTime] = [:]
  /// Runs whose launch this daemon has asked a controller for, or whose controller it adopted.
  var ordered: Set<RunID> = []
  /// What was seen of runs whose controllers are gone without a word.
  var lastSeen: [RunID: LastSeen] = [:]
  /// Calls that wait until nothing waits for the disk.
  var settling: [CheckedContinuation<Void, Never>] = []
  /// Why nothing can be stored at present; nil when all is well.
  var storageFault: StoreError?
  var isShuttingDown = false
  var isBootNoted = false
  var isCheckingDatabase = false
  /// In a rescue: when the database is tried again, and how long after that.
  var nextDatabaseTry: (at: BootTime, pauseMillis: UInt64) = (BootTime(nanoseconds: 0), 1_000)
  /// The database cannot be used: guests are only looked after, and no end is acknowledged, so that none is lost.
  let rescue: StoreError?
  var watchdog: RepeatedTask?
  var published: (@Sendable (UInt64) -> Void)?
  var logEnded: (@Sendable (String) -> Void)?
  var ledger: RequestLedger
  let startedAt: Timestamp
  private var installed: AdminServices?

  /// What the handlers need beside the manager itself; installed before the doors open.
  var services: AdminServices {
    guard let installed else { preconditionFailure("a call before the services were installed") }
    return installed
  }

  func install(_ services: AdminServices) {
    installed = services
    // The journal is the manager's own.
    journal.showGuests(
      present: { [unowned self] name in onLoop { $0.book[name]?.committed } },
      summary: { [unowned self] guest, access in onLoop { $0.summary(guest, for: access) } })
  }

  init(
    environment: Environment, store: GuestStore, state: StoredState, journal: JournalRange, eventLoop: any EventLoop,
    logger: Logger, rescue: StoreError? = nil
  ) {
    self.rescue = rescue
    storageFault = rescue
    self.environment = environment
    self.eventLoop = eventLoop
    self.logger = logger
    writer = StoreWriter(store: store)
    self.journal = Journal(store: store, range: journal, eventLoop: eventLoop, logger: logger)
    goneLogs = GoneLogs(logs: environment.paths.logs, eventLoop: eventLoop)
    fence = RunFence(parent: environment.paths.cgroupParent, logger: logger)
    startedAt = Timestamp(nanoseconds: Clock.wallNanoseconds)
    book = GuestBook(state.guests)
    ledger = RequestLedger(
      state.requests,
      now: Moment(
        wall: startedAt, boot: BootTime(nanoseconds: UInt64(Clock.bootNanoseconds))))
  }

  var now: Moment {
    Moment(
      wall: Timestamp(nanoseconds: Clock.wallNanoseconds), boot: BootTime(nanoseconds: UInt64(Clock.bootNanoseconds)))
  }

  func context() -> GuestLifecycle.Context {
    var generator = SystemRandomNumberGenerator()
    let bytes = [generator.next(), generator.next()].flatMap { (word: UInt64) in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }
    return GuestLifecycle.Context(
      now: now, nextRun: RunID(random: bytes) ?? .zero, jitter: UInt32.random(in: 0..<1000, using: &generator))
  }

  /// Runs on the event loop, where callbacks of sockets and timers already are.
  nonisolated func onLoop<Value: Sendable>(_ body: (isolated Guests) throws -> Value) rethrows -> Value {
    try assumeIsolated(body)
  }

  /// To the controller of the present run.
  func link(of name: GuestName) -> ControllerLink? {
    guard let run = book[name]?.current.lifecycle.run else { return nil }
    return links[run.id]
  }
}
