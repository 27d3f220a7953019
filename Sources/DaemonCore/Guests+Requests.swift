internal import Dispatch
internal import Guest
internal import GuestStore
internal import Layout
internal import Logging
internal import NIOCore
internal import Supervision
internal import Synchronization

// What an administrator can ask. Each request is decided, once for each id; then its answer follows from the decision
// alone, when that is true on the disk. So the same request sent again, also to the next daemon, has the same answer.

extension Guests {
  /// Defines a guest, or changes it with `replacing`.
  ///
  /// - Returns: true if a run with another spec goes on, so that the change waits for the next start.
  func define(_ name: GuestName, _ spec: GuestSpec, replacing: Bool, _ asked: Asked) async throws -> Bool {
    let sequel =
      replacing
      ? try await request(
        asked, name,
        unless: { manager throws(GuestError) in
          try manager.refuseIfFull("change \(name)")
          _ = try manager.book.find(name)
        }, sequel: { .defined(atNextStart: $0.isSpecPending) },
        { lifecycle, _ throws(GuestError) in lifecycle.configure(spec, by: asked.actor) }
      )
      : try await create(name, spec, asked)
    switch sequel {
    case .defined(let atNextStart): return atNextStart
    case .removed, .started, .stopped, .restarted, .signaled: return false
    }
  }

  private func refuseNew(_ intent: String, _ name: GuestName) throws(GuestError) {
    if book[name] == nil, book.count >= environment.configuration.maximumGuests {
      throw GuestError(
        .limitReached,
        "\(intent): there are \(book.count) guests, as many as limits.guests in \(environment.paths.configuration) allows"
      )
    }
    try refuseIfFull(intent)
  }

  private func create(_ name: GuestName, _ spec: GuestSpec, _ asked: Asked) async throws -> RequestLedger.Sequel {
    if let before = try await decidedBefore(asked) { return before }
    try refuseNew("create \(name)", name)
    let sequel = RequestLedger.Sequel.defined(atNextStart: false)
    let moment = now
    let record = asked.record(name, sequel, at: moment)
    let decision = try book.create(name, spec, by: asked.actor, at: moment.wall, request: record)
    if let record { ledger.decided(record, decision.ticket, now: moment.boot) }
    let stored = eventLoop.makePromise(of: Void.self)
    take(decision, stored)
    try await stored.futureResult.get()
    return sequel
  }

  /// Defines a guest and starts it; returns the run once its init has been executed. Both are stored together, or neither.
  func run(_ name: GuestName, _ spec: GuestSpec, _ asked: Asked) async throws -> RunID {
    if let before = try await decidedBefore(asked) {
      guard case .started(let run) = before else { throw Self.otherSequel(name) }
      return try await outcome(of: run, name)
    }
    try refuseNew("run \(name)", name)
    let moment = now
    let creation = try book.create(name, spec, by: asked.actor, at: moment.wall)
    let stored = eventLoop.makePromise(of: Void.self)
    // Decided before the creation is handed to the disk: so they are of one batch.
    let start = try decide(
      name, .request, stored: stored,
      request: { asked.record(name, .started($0.run?.id ?? .zero), at: moment) },
      { lifecycle, context throws(GuestError) in try lifecycle.start(by: asked.actor, context) })
    take(creation)
    try await stored.futureResult.get()
    return try await outcome(of: start.run?.id, name)
  }

  func remove(_ name: GuestName, force: Bool, _ asked: Asked) async throws {
    let sequel = try await request(
      asked, name,
      unless: { manager throws(GuestError) in
        try manager.refuseIfFull("remove \(name)")
        _ = try manager.book.find(name)
      }, sequel: { .removed($0.run?.id) },
      { lifecycle, context throws(GuestError) in try lifecycle.remove(by: asked.actor, force: force, context) }
    )
    guard case .removed(let run?) = sequel else { return }
    switch try await wait(for: .ended(run), of: name, ordered: true) {
    case .stuck(let tasks): throw Self.stuck("remove \(name)", name, tasks)
    case .unstored(let record): throw unstored("remove \(name)", record)
    case .holds, .ended, .gone: return
    }
  }

  /// Starts it; returns the run once its init has been executed.
  func start(_ name: GuestName, _ asked: Asked) async throws -> RunID {
    let sequel = try await request(
      asked, name,
      unless: { manager throws(GuestError) in
        try manager.refuseIfFull("start \(name)")
        _ = try manager.book.find(name)
      }, sequel: { .started($0.run?.id ?? .zero) },
      { lifecycle, context throws(GuestError) in try lifecycle.start(by: asked.actor, context) }
    )
    guard case .started(let run) = sequel else { throw Self.otherSequel(name) }
    return try await outcome(of: run, name)
  }

  /// Stops it; returns the run that ended, or nil where only a pending restart had to be cancelled.
  func stop(_ name: GuestName, _ order: EndOrder, _ asked: Asked) async throws -> RunRecord? {
    let sequel = try await request(
      asked, name, .order, unless: { manager throws(GuestError) in _ = try manager.book.find(name) },
      sequel: { .stopped($0.run?.id) },
      { lifecycle, context throws(GuestError) in try lifecycle.stop(order, context) }
    )
    guard case .stopped(let run?) = sequel else { return nil }
    let present = book[name]?.current.lifecycle.run
    let timeout = patience(with: order, present?.spec.stop ?? StopPolicy())
    do {
      return try await end(of: run, name, timeoutMillis: timeout, intent: "stop \(name)")
    } catch let error as GuestError where error.code == .timedOut && order.noKill {
      // Its controller says so too, at the same moment or later; what is answered here has to be true already.
      if let number = present?.orders.kept.last(where: { $0.by == asked.actor && $0.noKill })?.number {
        note(name) { lifecycle, _ in lifecycle.orderGivenUp(run, number: number) }
        await settled()
      }
      throw GuestError(
        .timedOut, "stop \(name): it still runs after \((timeout ?? 0) / 1000) s, and goes on",
        hint: "lodge kill \(name)")
    }
  }

  /// How long an order without force has, in milliseconds: its own signal's time, then that of SIGTERM. Nil for an order
  /// that ends by force.
  private func patience(with order: EndOrder, _ policy: StopPolicy) -> Int64? {
    guard order.noKill else { return nil }
    let terminate: Int32 = 15
    let more = order.signal ?? policy.signal == terminate ? 0 : policy.termTimeoutMillis
    return Int64(clamping: (order.timeoutMillis ?? policy.timeoutMillis) + more)
  }

  func restart(_ name: GuestName, _ order: EndOrder, _ asked: Asked) async throws -> RunID {
    var former: GuestLifecycle.Run?
    let sequel = try await request(
      asked, name,
      unless: { manager throws(GuestError) in
        try manager.refuseIfFull("restart \(name)")
        former = try manager.book.find(name).current.lifecycle.run
      },
      sequel: { lifecycle in
        .restarted(former: former?.id, number: former.map { $0.number + 1 } ?? lifecycle.runCount)
      },
      { lifecycle, context throws(GuestError) in try lifecycle.restart(order, context) }
    )
    guard case .restarted(let former, let number) = sequel else { throw Self.otherSequel(name) }
    if let former { _ = try await end(of: former, name, intent: "restart \(name)") }
    return try await outcome(of: try await run(of: name, number: number), name)
  }

  /// Sends init a signal that is not meant to end the guest. With a request id it is sent at most once.
  func signal(_ name: GuestName, _ signal: Int32, _ asked: Asked) async throws {
    if try await decidedBefore(asked) != nil { return }
    let guest = try book.find(name)
    let state = guest.current.lifecycle.state
    guard let link = link(of: name), state == .running || state == .stopping else {
      throw GuestError(
        .wrongState, "kill \(name): it is \(state), and has no init to signal", hint: "lodge show \(name)")
    }
    let moment = now
    try refuseIfFull("kill \(name)")
    let record = asked.record(name, .signaled, at: moment)
    // A signal may end the guest: the journal has who sent it.
    let decision = book.note(
      [guest.current.lifecycle.signaling(signal, by: asked.actor)], .request, at: moment.wall, request: record)
    if let record { ledger.decided(record, decision.ticket, now: moment.boot) }
    let stored = eventLoop.makePromise(of: Void.self)
    take(decision, stored)
    try await stored.futureResult.get()
    try await self.signal(link, signal, by: asked.actor)
  }

  /// The digest of a request has the procedure in it, so this is an id that met another's digest by chance.
  private static func otherSequel(_ name: GuestName) -> GuestError {
    GuestError(.conflict, "\(name): the request's id was used for another request")
  }

  private func unstored(_ intent: String, _ record: RunRecord) -> GuestError {
    GuestError(
      .storage,
      "\(intent): it has ended (\(record.ended.headline.inWords)), and that could not be stored: "
        + (storageFault.map { "\($0)" } ?? "the disk does not take it"),
      hint: rescue == nil
        ? "it is stored as soon as the database takes it; lodge daemon status"
        : "its record is kept, and is stored when lodged is started with its database; lodge daemon status")
  }

  private static func stuck(_ intent: String, _ name: GuestName, _ tasks: String) -> GuestError {
    GuestError(
      .timedOut, "\(intent): all of it was killed, and these tasks do not end: \(tasks)",
      hint: "what they wait for in the kernel has to answer; then it ends: lodge wait \(name) --for stopped")
  }

  /// The run of a guest that ended, once it has; from the history if it already had.
  ///
  /// - Parameter intent: what it is to end for: then an error names tasks that a kill does not end.
  func end(
    of run: RunID, _ name: GuestName, timeoutMillis: Int64? = nil, intent: String? = nil
  ) async throws -> RunRecord {
    let result = try await wait(
      for: .ended(run), of: name, timeoutMillis: timeoutMillis, ordered: intent != nil)
    switch result {
    case .ended(let record):
      // What a rescue stores is not stored.
      if let intent, rescue != nil { throw unstored(intent, record) }
      return record
    case .stuck(let tasks): throw Self.stuck(intent ?? "wait for \(name)", name, tasks)
    case .unstored(let record): throw unstored(intent ?? "wait for \(name)", record)
    case .holds, .gone:
      if let found = try await reading({ try $0.run(run) }) { return found.run }
      throw GuestError(.notFound, "\(name): it was removed", hint: "lodge events --guest \(name)")
    }
  }

  /// The run of that number, whether it is the present one or has ended; nil if there has been none yet.
  private func run(of name: GuestName, number: UInt32) async throws -> RunID? {
    if let guest = book[name] {
      if let run = guest.current.lifecycle.run, run.number == number { return run.id }
      if let ended = guest.unstoredEnds.first(where: { $0.number == number }) { return ended.ended.run }
    }
    let stored = try await reading { try $0.runs(of: name, before: number + 1, limit: 1) }.first
    return stored?.number == number ? stored?.ended.run : nil
  }

  private func outcome(of run: RunID?, _ name: GuestName) async throws -> RunID {
    guard let run else {
      throw GuestError(.conflict, "start \(name): it was stopped meanwhile", hint: "lodge why \(name)")
    }
    switch try await wait(for: .outcome(run), of: name) {
    case .holds: return run
    case .ended(let record): return try started(record, name)
    case .gone, .stuck, .unstored: return try started(try await end(of: run, name), name)
    }
  }

  /// A run that ended before anybody was told that it began has begun all the same, unless its init was never executed.
  private func started(_ record: RunRecord, _ name: GuestName) throws(GuestError) -> RunID {
    switch record.ended.cause {
    case .startFailed(let failure):
      throw GuestError(
        .startFailed, "start \(name): \(failure.message)", hint: "lodge why \(name)",
        errno: failure.errno == 0 ? nil : failure.errno, step: failure.step)
    case .stopped(let actor, .cancelled, _):
      throw GuestError(.cancelled, "start \(name): called off by \(actor.inWords)")
    case .controllerLost, .hostReset, .notKnown:
      guard record.ended.facts.initExecuted != .yes else { return record.ended.run }
      throw GuestError(
        .startFailed, "start \(name): its controller died, and whether its init was executed is not known",
        hint: "lodge why \(name)")
    case .stopped, .exited, .signaled, .oom, .reboot, .halt, .powerOff:
      return record.ended.run
    }
  }

  /// While nothing can be stored, nothing new is begun.
  func refuseIfFull(_ intent: String) throws(GuestError) {
    if isShuttingDown { throw GuestError(.unavailable, "\(intent): the daemon is shutting down") }
    guard let storageFault else { return }
    throw GuestError(
      .storage, "\(intent): \(storageFault)",
      hint: storageFault.isFinal || rescue != nil
        ? "guests run on; put the database right, then restart lodged"
        : storageFault.isFull ? "free some space; the daemon goes on by itself" : "lodge daemon status")
  }

  /// A read has failed. The database is found to be damaged by the first reader of the damaged part; of other faults it is
  /// seen whether it takes something still.
  private func readFailed(_ error: StoreError) {
    guard rescue == nil, storageFault?.isFinal != true, !book.isWriting else { return }
    storageFails(error)
  }

  /// Reads the database on another thread. Of a caller whose task was cancelled before it came to that, nothing is read.
  func reading<Value: Sendable>(_ body: @escaping @Sendable (GuestStore) throws -> Value) async throws -> Value {
    let store = writer.store
    let isCancelled = CancelFlag()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        StoreWriter.readers.async {
          guard !isCancelled.isSet else { return continuation.resume(throwing: CancellationError()) }
          continuation.resume(
            with: Result {
              do { return try body(store) } catch let error as StoreError {
                self.eventLoop.execute { self.onLoop { $0.readFailed(error) } }
                throw GuestError(.storage, "\(error)")
              }
            })
        }
      }
    } onCancel: {
      isCancelled.set()
    }
  }
}

private final class CancelFlag: Sendable {
  private let value = Atomic<Bool>(false)
  var isSet: Bool { value.load(ordering: .relaxed) }
  func set() { value.store(true, ordering: .relaxed) }
}
