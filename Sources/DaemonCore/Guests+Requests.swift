internal import Guest
internal import GuestStore
internal import Layout
internal import NIOCore
internal import SpecKeys
internal import Supervision

// Requests in. Each is decided, once for each id; then its answer follows from the decision alone, when that is true on the
// disk. So the same request sent again, also to the next daemon, has the same answer.

extension Guests {
  /// The sequel of the same request, decided before; nil if it is the first. Suspends until that is on the disk.
  private func decidedBefore(_ asked: Asked) async throws -> RequestLedger.Sequel? {
    guard let request = asked.request else { return nil }
    switch ledger.look(request.key, digest: request.digest, now: now.boot) {
    case .new: return nil
    case .conflict: throw Refusal.conflict(request.key.id)
    case .known(let record, let pending):
      // An order that the disk does not take is under way all the same: no call waits for it any more.
      if let pending, calls.isAwaited(pending) {
        let stored = eventLoop.makePromise(of: Void.self)
        calls.add(stored, to: pending)
        try await stored.futureResult.get()
      }
      return record.sequel
    }
  }

  /// Lets a guest's lifecycle decide at once, unless the same request was decided before, and suspends until that is on
  /// the disk.
  ///
  /// - Parameter intent: the verb, for what is not begun while nothing can be stored; nil for orders.
  /// - Parameter sequel: what was decided, from the lifecycle as it is then and the run that it had before.
  private func request(
    _ asked: Asked, _ name: GuestName, begins intent: String?,
    sequel: (GuestLifecycle, _ former: GuestLifecycle.Run?) -> RequestLedger.Sequel,
    _ body: (inout GuestLifecycle, GuestLifecycle.Context) throws(GuestError) -> GuestLifecycle.Transition
  ) async throws -> RequestLedger.Sequel {
    if let before = try await decidedBefore(asked) { return before }
    if let intent { try refuseIfFull("\(intent) \(name)") }
    let former = try book.find(name).current.lifecycle.run
    let stored = eventLoop.makePromise(of: Void.self)
    let moment = now
    var decided: RequestLedger.Sequel?
    do throws(GuestError) {
      try decide(
        name, intent == nil ? .order : .request, stored: stored,
        request: { lifecycle in
          let result = sequel(lifecycle, former)
          decided = result
          return asked.record(name, result, at: moment)
        }, body)
    } catch {
      stored.fail(error)
    }
    try await stored.futureResult.get()
    guard let decided else { preconditionFailure("a request about \(name) was stored and not decided") }
    return decided
  }

  /// Suspends until what was decided otherwise than by a lifecycle is on the disk.
  private func store(_ decision: GuestBook.Decision, _ record: RequestLedger.Record?) async throws {
    let stored = eventLoop.makePromise(of: Void.self)
    take(decision, record, stored)
    try await stored.futureResult.get()
  }

  /// Defines a guest, or changes it with `replacing`.
  ///
  /// - Parameter expected: the spec that it has to have now; nil takes any.
  /// - Returns: true if a run with another spec goes on, so that the change waits for the next start.
  func define(
    _ name: GuestName, _ spec: GuestSpec, replacing: Bool, expected: GuestSpec? = nil, _ asked: Asked
  ) async throws -> Bool {
    let sequel =
      replacing
      ? try await request(
        asked, name, begins: "change", sequel: { lifecycle, _ in .defined(atNextStart: lifecycle.isSpecPending) },
        { lifecycle, _ throws(GuestError) in
          if let expected, lifecycle.defined != expected { throw Refusal.changedMeanwhile(name) }
          return lifecycle.configure(spec, by: asked.actor)
        }
      )
      : try await create(name, spec, asked)
    switch sequel {
    case .defined(let atNextStart): return atNextStart
    case .removed, .started, .stopped, .restarted, .signaled: return false
    }
  }

  private func create(_ name: GuestName, _ spec: GuestSpec, _ asked: Asked) async throws -> RequestLedger.Sequel {
    if let before = try await decidedBefore(asked) { return before }
    try refuseNew("create \(name)", name)
    let sequel = RequestLedger.Sequel.defined(atNextStart: false)
    let moment = now
    let record = asked.record(name, sequel, at: moment)
    try await store(try book.create(name, spec, by: asked.actor, at: moment.wall, request: record), record)
    return sequel
  }

  /// Defines a guest and starts it; returns the run once its init has been executed. Both are stored together, or neither.
  func run(_ name: GuestName, _ spec: GuestSpec, _ asked: Asked) async throws -> RunID {
    if let before = try await decidedBefore(asked) {
      guard case .started(let run) = before else { throw Refusal.otherSequel(name) }
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
      asked, name, begins: "remove", sequel: { lifecycle, _ in .removed(lifecycle.run?.id) },
      { lifecycle, context throws(GuestError) in try lifecycle.remove(by: asked.actor, force: force, context) }
    )
    guard case .removed(let run?) = sequel else { return }
    let answer = try await wait(for: .ended(run), of: name, ordered: true)
    _ = try answer.end("remove \(name)", of: name, in: storage.health)
  }

  /// Starts it; returns the run once its init has been executed.
  func start(_ name: GuestName, _ asked: Asked) async throws -> RunID {
    let sequel = try await request(
      asked, name, begins: "start", sequel: { lifecycle, _ in .started(lifecycle.run?.id ?? .zero) },
      { lifecycle, context throws(GuestError) in try lifecycle.start(by: asked.actor, context) }
    )
    guard case .started(let run) = sequel else { throw Refusal.otherSequel(name) }
    return try await outcome(of: run, name)
  }

  /// Stops it; returns the run that ended, or nil where only a pending restart had to be cancelled.
  func stop(_ name: GuestName, _ order: EndOrder, _ asked: Asked) async throws -> RunRecord? {
    let sequel = try await request(
      asked, name, begins: nil, sequel: { lifecycle, _ in .stopped(.init(newestOf: lifecycle)) },
      { lifecycle, context throws(GuestError) in try lifecycle.stop(order, context) }
    )
    guard case .stopped(let end?) = sequel else { return nil }
    return try await self.end(by: end, name, intent: "stop \(name)")
  }

  func restart(_ name: GuestName, _ order: EndOrder, _ asked: Asked) async throws -> RunID {
    let sequel = try await request(
      asked, name, begins: "restart",
      sequel: { lifecycle, former in
        .restarted(
          former: former.flatMap { _ in .init(newestOf: lifecycle) },
          number: former.map { $0.number + 1 } ?? lifecycle.runCount)
      },
      { lifecycle, context throws(GuestError) in try lifecycle.restart(order, context) }
    )
    guard case .restarted(let former, let number) = sequel else { throw Refusal.otherSequel(name) }
    if let former { _ = try await end(by: former, name, intent: "restart \(name)") }
    return try await outcome(of: try await run(of: name, number: number), name)
  }

  /// Sends init a signal that is not meant to end the guest. With a request id it is sent at most once.
  func signal(_ name: GuestName, _ signal: Int32, _ asked: Asked) async throws {
    if try await decidedBefore(asked) != nil { return }
    let lifecycle = try book.find(name).current.lifecycle
    let state = lifecycle.state
    guard let link = link(of: name), state == .running || state == .stopping else {
      throw Refusal.noInit(name, state)
    }
    let moment = now
    try refuseIfFull("kill \(name)")
    let record = asked.record(name, .signaled, at: moment)
    // A signal may end the guest: the journal has who sent it.
    let event = lifecycle.signaling(signal, by: asked.actor)
    try await store(book.note([event], .request, at: moment.wall, request: record), record)
    try await self.signal(link, signal, by: asked.actor)
  }

  private func refuseNew(_ intent: String, _ name: GuestName) throws(GuestError) {
    if book[name] == nil, book.count >= environment.configuration.maximumGuests {
      throw Refusal.tooManyGuests(intent, count: book.count, configuration: environment.paths.configuration)
    }
    try refuseIfFull(intent)
  }

  /// While nothing can be stored, nothing new is begun.
  func refuseIfFull(_ intent: String) throws(GuestError) {
    if isShuttingDown { throw GuestError(.unavailable, "\(intent): the daemon is shutting down") }
    if let refusal = storage.health.refusal(of: intent) { throw refusal }
  }
}

// MARK: Waiting

extension Guests {
  /// Suspends until the condition holds on the disk; see `PendingCalls`.
  func wait(
    for condition: Waiters.Condition, of name: GuestName, timeoutMillis: Int64? = nil, ordered: Bool = false
  ) async throws -> Waiters.Answer {
    try await calls.wait(for: condition, of: name, timeoutMillis: timeoutMillis, ordered: ordered) { book }
  }

  /// The run of a guest that ended, once it has; from the history if it already had.
  ///
  /// - Parameter intent: what it is to end for: then an error names tasks that a kill does not end.
  func end(
    of run: RunID, _ name: GuestName, timeoutMillis: Int64? = nil, intent: String? = nil
  ) async throws -> RunRecord {
    let answer = try await wait(
      for: .ended(run), of: name, timeoutMillis: timeoutMillis, ordered: intent != nil)
    return try await end(answer, of: run, name, intent: intent)
  }

  private func end(
    _ answer: Waiters.Answer, of run: RunID, _ name: GuestName, intent: String?
  ) async throws -> RunRecord {
    if let record = try answer.end(intent, of: name, in: storage.health) { return record }
    if let found = try await reading({ try $0.run(run) }) { return found.run }
    throw Refusal.removed(name)
  }

  /// The run that an order ended, once it has.
  ///
  /// - Throws: also that the order was given up, whatever other orders there are.
  private func end(by order: RequestLedger.OrderedEnd, _ name: GuestName, intent: String) async throws -> RunRecord {
    guard let number = order.order else { return try await end(of: order.run, name, intent: intent) }
    let answer = try await wait(for: .carriedOut(order.run, order: number), of: name, ordered: true)
    return try await end(answer, of: order.run, name, intent: intent)
  }

  /// The run of that number, whether it is the present one or has ended; nil if there has been none yet.
  private func run(of name: GuestName, number: UInt32) async throws -> RunID? {
    if let run = book[name]?.run(number: number) { return run }
    let stored = try await reading { try $0.runs(of: name, before: number + 1, limit: 1) }.first
    return stored?.number == number ? stored?.ended.run : nil
  }

  private func outcome(of run: RunID?, _ name: GuestName) async throws -> RunID {
    guard let run else { throw Refusal.stoppedMeanwhile(name) }
    switch try await wait(for: .outcome(run), of: name) {
    case .holds: return run
    case .ended(let record): return try record.begun(name)
    case .gone, .givenUp, .stuck, .unstored: return try await end(of: run, name).begun(name)
    }
  }

  /// Reads the database on another thread. Of a caller whose task was cancelled before it came to that, nothing is read.
  func reading<Value: Sendable>(_ body: @escaping @Sendable (GuestStore) throws -> Value) async throws -> Value {
    try await storage.read(body)
  }
}
