internal import Dispatch
internal import Guest
internal import GuestStore
internal import Logging
internal import NIOCore

// What an administrator can ask. Each returns when what was asked for is true on the disk.

extension GuestManager {
  func create(_ name: GuestName, _ spec: GuestSpec, by actor: Actor) async throws {
    if let guest = guests[name] {
      throw GuestError(
        .alreadyExists,
        "create \(name): a guest of that name exists" + (guest.isLeaving ? " until its removal is stored" : ""),
        hint: "lodge create --replace \(name) ... changes it")
    }
    guard guests.count < environment.configuration.maximumGuests else {
      throw GuestError(
        .limitReached,
        "create \(name): there are \(guests.count) guests, as many as limits.guests in \(environment.paths.configuration) allows"
      )
    }
    try refuseIfFull("create \(name)")
    let lifecycle = GuestLifecycle(name: name, defined: spec)
    let moment = now.wall
    let stored = StoredGuest(lifecycle: lifecycle, createdAt: moment)
    guests[name] = ManagedGuest(stored, isStored: false)
    try await store(
      PendingChange(
        change: Change(guest: name, record: .save(stored), events: lifecycle.created(by: actor).events, time: moment),
        snapshot: stored, effects: [], isRequest: true))
  }

  /// - Returns: true if the guest runs with another spec, so that the change waits for its next start.
  func replace(_ name: GuestName, _ spec: GuestSpec, by actor: Actor) async throws -> Bool {
    try refuseIfFull("change \(name)")
    var guest = try find(name)
    let transition = guest.current.lifecycle.configure(spec, by: actor)
    let waits = guest.current.lifecycle.isSpecPending
    guests[name] = guest
    try await store(
      PendingChange(
        change: Change(guest: name, record: .save(guest.current), events: transition.events, time: now.wall),
        snapshot: guest.current, effects: [], isRequest: true))
    return waits
  }

  func remove(_ name: GuestName, force: Bool, by actor: Actor, connection: UInt64?) async throws {
    try refuseIfFull("remove \(name)")
    _ = try find(name)
    let run = try await request(name) { lifecycle, context throws(GuestError) in
      try lifecycle.remove(by: actor, force: force, context)
    }
    guard let run else { return }
    let result = try await wait(for: .ended(run.id), of: name, connection: connection, hearsOfStuckTasks: true)
    if case .stuck(let tasks) = result { throw GuestManager.stuck("remove \(name)", name, tasks) }
  }

  /// Starts it; returns the run once its init has been executed.
  func start(_ name: GuestName, by actor: Actor, connection: UInt64?) async throws -> RunID {
    try refuseIfFull("start \(name)")
    _ = try find(name)
    let run = try await request(name) { lifecycle, context throws(GuestError) in
      try lifecycle.start(by: actor, context)
    }
    return try await outcome(of: run?.id, name, connection)
  }

  /// Stops it; returns the run that ended, or nil where only a pending restart had to be cancelled.
  func stop(_ name: GuestName, _ order: EndOrder, connection: UInt64?) async throws -> RunRecord? {
    _ = try find(name)
    // A stop is carried out whether or not the disk takes it: a full disk must not keep a guest running.
    let run = try await request(name, revocable: false) { lifecycle, context throws(GuestError) in
      try lifecycle.stop(order, context)
    }
    guard let run else { return nil }
    let timeout = patience(with: order, run.spec.stop)
    do {
      return try await end(of: run.id, name, connection, timeoutMillis: timeout, intent: "stop \(name)")
    } catch let error as GuestError where error.code == .timedOut && order.noKill {
      // Its controller says so too, at the same moment or later; what is answered here has to be true already.
      if let number = run.orders.last?.number {
        note(name) { lifecycle, _ in lifecycle.orderGivenUp(run.id, number: number) }
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

  func restart(_ name: GuestName, _ order: EndOrder, connection: UInt64?) async throws -> RunID {
    try refuseIfFull("restart \(name)")
    _ = try find(name)
    var former: GuestLifecycle.Run?
    let run = try await request(name) { lifecycle, context throws(GuestError) in
      former = lifecycle.run
      return try lifecycle.restart(order, context)
    }
    guard let former else { return try await outcome(of: run?.id, name, connection) }
    let ended = try await end(of: former.id, name, connection, intent: "restart \(name)")
    return try await outcome(of: try await self.run(of: name, number: ended.number + 1), name, connection)
  }

  /// Sends init a signal that is not meant to end the guest.
  func signal(_ name: GuestName, _ signal: Int32, by actor: Actor) async throws {
    let guest = try find(name)
    guard let link = link(of: name),
      guest.current.lifecycle.state == .running || guest.current.lifecycle.state == .stopping
    else {
      throw GuestError(
        .wrongState, "kill \(name): it is \(guest.current.lifecycle.state), and has no init to signal",
        hint: "lodge show \(name)")
    }
    try await self.signal(link, signal, by: actor)
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
    of run: RunID, _ name: GuestName, _ connection: UInt64?, timeoutMillis: Int64? = nil, intent: String? = nil
  ) async throws -> RunRecord {
    let result = try await wait(
      for: .ended(run), of: name, connection: connection, timeoutMillis: timeoutMillis, hearsOfStuckTasks: intent != nil
    )
    switch result {
    case .ended(let record): return record
    case .stuck(let tasks): throw GuestManager.stuck(intent ?? "wait", name, tasks)
    case .holds, .gone:
      if let found = try await reading({ try $0.run(run) }) { return found.run }
      throw GuestError(.notFound, "\(name): it was removed", hint: "lodge events --guest \(name)")
    }
  }

  /// The run of that number, whether it is the present one or has ended; nil if there has been none yet.
  private func run(of name: GuestName, number: UInt32) async throws -> RunID? {
    if let guest = guests[name] {
      if let run = guest.current.lifecycle.run, run.number == number { return run.id }
      if let ended = guest.unstoredEnds.first(where: { $0.number == number }) { return ended.ended.run }
    }
    let stored = try await reading { try $0.runs(of: name, before: number + 1, limit: 1) }.first
    return stored?.number == number ? stored?.ended.run : nil
  }

  private func outcome(of run: RunID?, _ name: GuestName, _ connection: UInt64?) async throws -> RunID {
    guard let run else {
      throw GuestError(.conflict, "start \(name): it was stopped meanwhile", hint: "lodge why \(name)")
    }
    switch try await wait(for: .outcome(run), of: name, connection: connection) {
    case .holds: return run
    case .ended(let record): return try started(record, name)
    case .gone, .stuck: return try started(try await end(of: run, name, connection), name)
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
    case .stopped, .exited, .signaled, .oom, .reboot, .halt, .powerOff, .controllerLost, .hostReset, .notKnown:
      return record.ended.run
    }
  }

  /// Decides at once, and suspends until that is on the disk.
  ///
  /// - Returns: the run the guest has by that decision. By now it may have ended, and others after it.
  @discardableResult private func request(
    _ name: GuestName, revocable: Bool = true,
    _ body: (inout GuestLifecycle, GuestLifecycle.Context) throws(GuestError) -> GuestLifecycle.Transition
  ) async throws -> GuestLifecycle.Run? {
    let stored = eventLoop.makePromise(of: Void.self)
    var run: GuestLifecycle.Run?
    do throws(GuestError) {
      let done: (Result<Void, GuestError>) -> Void = { stored.completeWith($0.mapError { $0 as any Error }) }
      try decide(name, request: revocable, done: done) { lifecycle, context throws(GuestError) in
        let transition = try body(&lifecycle, context)
        run = lifecycle.run
        return transition
      }
    } catch {
      stored.fail(error)
    }
    try await stored.futureResult.get()
    return run
  }

  /// Enqueues at once, and suspends until it is on the disk. Between reading what a change is made from and this nothing
  /// may be awaited: an older state of the guest would be stored over a newer one.
  private func store(_ change: PendingChange) async throws {
    var change = change
    let stored = eventLoop.makePromise(of: Void.self)
    change.done = { stored.completeWith($0.mapError { $0 as any Error }) }
    enqueue(change)
    try await stored.futureResult.get()
  }

  /// While nothing can be stored, nothing new is begun.
  func refuseIfFull(_ intent: String) throws(GuestError) {
    if isShuttingDown { throw GuestError(.unavailable, "\(intent): the daemon is shutting down") }
    guard let storageFault else { return }
    throw GuestError(
      .storage, "\(intent): \(storageFault)",
      hint: rescue != nil
        ? "guests run on; put the database right, then restart lodged"
        : storageFault.isFull ? "free some space; the daemon goes on by itself" : "lodge daemon status")
  }

  /// Reads the database on another thread.
  func reading<Value: Sendable>(_ body: @escaping @Sendable (GuestStore) throws -> Value) async throws -> Value {
    let store = writer.store
    return try await withCheckedThrowingContinuation { continuation in
      StoreWriter.readers.async {
        continuation.resume(
          with: Result {
            do { return try body(store) } catch let error as StoreError { throw GuestError(.storage, "\(error)") }
          })
      }
    }
  }
}
