internal import Dispatch
internal import Guest
internal import GuestStore
internal import Layout
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import Supervision
internal import Synchronization

/// The database as the daemon sees it: takes batches, notices when it takes nothing any more, and when it does again.
///
/// `StorageHealth` decides; here its effects are carried out. Runs on the event loop; the writes are on the writer's thread.
final class StorageWatch: @unchecked Sendable {
  /// News for the actor, reported on the event loop.
  enum Fact {
    /// The batch is on the disk: its rows, a change each; and the guests that it has changed.
    case stored([[EncodedEntry]], of: [GuestName])
    /// The disk does not answer for the batch that it was given: what can be refused is, and orders are carried out.
    case unanswered(GuestError)
    /// The disk takes nothing: what waits is refused or kept, by its weight.
    case refused(GuestError)
    /// It takes something again.
    case works
    /// Now is the time to hand over the batch again that was refused.
    case tryAgain
    /// The database is lost; what is known of the guests is to be written down.
    case lost
  }

  private static let reserveBytes = 1 << 20
  private static let retryMillis: Int64 = 500
  /// How long the disk may take to answer for a batch before that is a fault.
  private static let patienceMillis: Int64 = 3_000

  private let writer: StoreWriter
  private let paths: DaemonPaths
  private let boot: BootID
  private let eventLoop: any EventLoop
  private let logger: Logger
  /// Hears every fact, in the order in which they came to be. Set once, before the first batch.
  var report: @Sendable (Fact) -> Void = { _ in }
  private(set) var health: StorageHealth
  private var isBootNoted = false

  init(
    store: GuestStore, rescue: StoreError?, paths: DaemonPaths, boot: BootID, eventLoop: any EventLoop, logger: Logger
  ) {
    writer = StoreWriter(store: store)
    self.paths = paths
    self.boot = boot
    self.eventLoop = eventLoop
    self.logger = logger
    health = StorageHealth(rescue: rescue?.fault)
  }

  /// Why nothing can be stored at present; nil when all is well.
  var fault: StorageHealth.Fault? { health.fault }
  /// The database cannot be used: guests are only looked after, and no end is acknowledged, so that none is lost.
  var isRescue: Bool { health.isRescue }
  var takesBatches: Bool { health.takesBatches }

  /// Hands over a batch, one at a time. Its fate comes as a fact; refused, it is asked for again half a second later.
  func commit(_ batch: [Change], retention: Retention) {
    perform(health.input(.handedOver))
    let guests = batch.compactMap(\.guest)
    let silence = StoreError.failed(path: paths.database, reason: "the disk does not answer").fault
    let patience = eventLoop.scheduleTask(in: .milliseconds(Self.patienceMillis)) { [self] in
      perform(health.input(.unanswered(silence)))
    }
    writer.commit(batch, retention: retention, on: eventLoop) { [self] result in
      patience.cancel()
      switch result {
      case .success(let rows):
        perform(health.input(.committed))
        report(.stored(rows, of: guests))
      case .failure(let error):
        perform(health.input(.refused(error.fault)))
        _ = eventLoop.scheduleTask(in: .milliseconds(Self.retryMillis)) { [self] in report(.tryAgain) }
      }
    }
  }

  /// Reads the database on another thread. Of a caller whose task was cancelled before it came to that, nothing is read.
  func read<Value: Sendable>(_ body: @escaping @Sendable (GuestStore) throws -> Value) async throws -> Value {
    let isCancelled = CancelFlag()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        ReaderThreads.shared.perform { [self] in
          guard !isCancelled.isSet else { return continuation.resume(throwing: CancellationError()) }
          continuation.resume(
            with: Result {
              do { return try body(writer.store) } catch let error as StoreError {
                // A row that cannot be read is no fault of the disk, whoever asks for it.
                if case .unreadable = error {
                } else {
                  eventLoop.execute { [self] in perform(health.input(.readFailed(error.fault))) }
                }
                throw GuestError(.storage, "\(error)")
              }
            })
        }
      }
    } onCancel: {
      isCancelled.set()
    }
  }

  /// Bytes of the database and its log. No read of the database, so that a disk that does not answer can be told of.
  var size: UInt64 { writer.store.size }

  /// Whether the database knows neither that run nor its end. Blocks.
  func isUnknown(_ record: ExitRecord, of name: GuestName) -> Bool {
    do {
      if try writer.store.run(record.run) != nil { return false }
      return try !writer.store.journalTells(endOf: record.run, of: name)
    } catch {
      logger.error("cannot look for a run", metadata: ["guest": "\(name)", "error": "\(error)"])
      return true
    }
  }

  /// Called once a second.
  ///
  /// - Parameter isSettled: nothing is decided that is not stored.
  func secondPassed(isSettled: Bool) {
    for row in writer.store.unreadable.takeNew() {
      logger.warning("a row of the database cannot be read; it is left out, and kept", metadata: ["row": "\(row)"])
    }
    var free: UInt64?
    switch fault?.kind {
    case .full: free = Files.freeBytes(paths.state)
    case .passing, .final, nil: break
    }
    perform(health.input(.secondPassed(freeBytes: free, isSettled: isSettled)))
  }

  /// Once all that a boot of the host has ended is stored, and not before: a daemon that dies in between has to know of the
  /// boot again.
  func noteBoot() {
    guard !isBootNoted, !isRescue else { return }
    isBootNoted = true
    writer.perform { [logger] store in
      do { try store.noteBoot() } catch { logger.error("cannot note the boot", metadata: ["error": "\(error)"]) }
    }
  }

  private func perform(_ effects: [StorageHealth.Effect]) {
    for effect in effects {
      switch effect {
      case .reportFault(let fault):
        let text =
          isRescue
          ? "the database can be used again: restart lodged"
          : "cannot store: guests run on, ends are kept and tried again"
        logger.error("\(text)", metadata: ["error": "\(fault.reason)"])
      case .reportRecovery(let fault):
        switch fault.kind {
        case .full: logger.notice("there is space again")
        case .passing, .final: logger.notice("storage works again")
        }
      case .releaseReserve: try? Files.removeTree(paths.reserve)
      case .restoreReserve: restoreReserve()
      case .refuseWaiting(let fault): report(.unanswered(fault.refusal))
      case .refuse(let fault): report(.refused(fault.refusal))
      case .resume: report(.works)
      case .keepCopy: report(.lost)
      case .tryDatabase: tryDatabase()
      case .check(let byWriting):
        writer.perform { [self] store in
          let result = Result { () throws(StoreError) in try byWriting ? store.noteBoot() : store.check() }
          eventLoop.execute { [self] in
            switch result {
            case .success: perform(health.input(.checked(nil)))
            case .failure(let error): perform(health.input(.checked(error.fault)))
            }
          }
        }
      }
    }
  }

  /// Opens the database and reads it, as a start does.
  private func tryDatabase() {
    let path = paths.database
    let reason = fault?.reason ?? ""
    writer.perform { [self] _ in
      var usable: StorageHealth.Fault?
      do throws(StoreError) {
        let store = try GuestStore(path: path, boot: boot)
        _ = try store.load()
        try store.close()
        let text = "it can be used again, restart lodged; at the start it could not: \(reason)"
        usable = StoreError.failed(path: path, reason: text).fault
      } catch {
        usable = nil
      }
      let answer = usable
      eventLoop.execute { [self] in perform(health.input(.tried(usable: answer))) }
    }
  }

  /// Fills the file that is given up on a full disk, so that ends can be stored.
  func restoreReserve() {
    let path = paths.reserve
    writer.perform { _ in
      guard !Files.exists(path) else { return }
      // Real blocks, not a hole; if there is no room for it there is no harm.
      try? Files.writeAtomically([UInt8](repeating: 0x4c, count: Self.reserveBytes), to: path)
    }
  }

  /// The database is lost, and this daemon still knows every guest: written down for the next one, which can then show
  /// them.
  ///
  /// - Parameter newest: number of the journal.
  func keepCopy(of guests: [StoredGuest], newest: UInt64, at time: Timestamp) {
    let path = paths.copy
    writer.perform { [logger, boot] _ in
      for suffix in ["", "-wal", "-shm"] { try? Files.removeTree(path + suffix) }
      do {
        let store = try GuestStore(path: path, boot: boot)
        _ = try store.commit(
          guests.map { Change(guest: $0.lifecycle.name, record: .save($0), events: [], time: time) },
          retention: Retention())
        try store.noteKept(newest)
        try store.close()
        logger.notice("wrote down what is known of the guests", metadata: ["path": "\(path)"])
      } catch {
        logger.error("cannot write down what is known of the guests", metadata: ["error": "\(error)"])
      }
    }
  }

  /// Drops rows of the journal that are not kept any more, a little at a time, once a minute; until it is cancelled.
  ///
  /// - Parameter tooOld: called with rows that were dropped for their age alone, where very many were too old at once.
  /// - Parameter pruned: called with what the journal has then.
  func pruneNowAndThen(
    _ retention: Retention, isolation: isolated (any _Concurrency.Actor)? = #isolation,
    tooOld: (ClosedRange<UInt64>) -> Void, pruned: (JournalRange) -> Void
  ) async {
    while (try? await Task.sleep(for: .seconds(60))) != nil, !Task.isCancelled {
      do {
        let now = Moment.now
        let uptime = now.boot.nanoseconds / 1_000_000_000
        var step: GuestStore.Pruned
        repeat {
          step = try await read { try $0.prune(retention, now: now.wall, uptimeSeconds: uptime) }
          if let rows = step.tooOld { tooOld(rows) }
          await Task.yield()
        } while step.hasMore && !Task.isCancelled
        pruned(try await read { try $0.journalRange() })
      } catch {
        logger.error("cannot prune the journal", metadata: ["error": "\(error)"])
      }
    }
  }
}

extension StoreError {
  /// The same for what decides about it.
  var fault: StorageHealth.Fault {
    switch self {
    case .full: .init(.full, description)
    case .failed, .busy, .unreadable: .init(.passing, description)
    case .damaged, .newer, .stale: .init(.final, description)
    }
  }
}

private final class CancelFlag: Sendable {
  private let value = Atomic<Bool>(false)
  var isSet: Bool { value.load(ordering: .relaxed) }
  func set() { value.store(true, ordering: .relaxed) }
}
