internal import DequeModule
internal import Guest
internal import GuestStore
internal import Layout
internal import NIOCore
internal import Supervision

// The one way in which anything is decided, and what follows once that is on the disk.

extension Guests {
  /// Decides a request at once, unless the same one was decided before, and suspends until that is on the disk.
  ///
  /// - Returns: what was decided; the answer follows from that alone.
  func decide(
    _ request: GuestRequest, _ name: GuestName, _ asked: Asked
  ) async throws -> RequestLedger.Sequel {
    if let before = try await decidedBefore(asked) { return before }
    let room = GuestRequest.Room(
      guests: environment.configuration.maximumGuests, configuration: environment.paths.configuration)
    if let refusal = request.refusal(name, in: book, storage.health, room, isEnding: isShuttingDown) { throw refusal }
    let decided = try book.decide(request, name, asked, .now)
    let stored = eventLoop.makePromise(of: Void.self)
    take(decided.decision, of: name, decided.record, stored: stored)
    try await stored.futureResult.get()
    return decided.sequel
  }

  /// The sequel of the same request, decided before; nil if it is the first. Suspends until that is on the disk.
  func decidedBefore(_ asked: Asked) async throws -> RequestLedger.Sequel? {
    guard let request = asked.request else { return nil }
    switch ledger.look(request.key, digest: request.digest, now: Moment.now.boot) {
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

  /// Takes down what has happened to a guest.
  func note(_ fact: GuestFact, of name: GuestName) {
    if let decision = book.note(fact, of: name, .now) { take(decision, of: name) }
  }

  /// Takes down what is about no guest.
  func note(_ event: GuestEvent, stored: EventLoopPromise<Void>? = nil, _ weight: GuestBook.Weight = .fact) {
    take(book.note([event], weight, at: Moment.now.wall), stored: stored)
  }

  /// Carries out what follows at once from a decision, and sets the disk to work.
  ///
  /// - Parameters:
  ///   - name: of the guest that it is about, if it is about one.
  ///   - request: that decided it.
  ///   - stored: succeeds when it is on the disk, and fails when the disk refuses it.
  private func take(
    _ decision: GuestBook.Decision, of name: GuestName? = nil, _ request: RequestLedger.Record? = nil,
    stored: EventLoopPromise<Void>? = nil
  ) {
    if let request { ledger.decided(request, decision.ticket, now: Moment.now.boot) }
    if let stored { calls.add(stored, to: decision.ticket) }
    carryOut(decision.steps)
    // The folder may hold an end that is not stored yet. Then the launch waits for that, and spawns.
    let launching = decision.launching.flatMap { run in
      name.flatMap { name in
        storage.fault == nil && book[name]?.unstoredEnds.isEmpty == true && controllers.reserve(name)
          ? (run, name) : nil
      }
    }
    write()
    if let (run, name) = launching { controllers.prepare(run, name) }
  }

  private func write() {
    guard storage.takesBatches, let batch = book.takeBatch() else { return }
    storage.commit(batch, retention: environment.configuration.retention)
  }

  func heard(_ fact: StorageWatch.Fact) {
    switch fact {
    case .stored(let rows, let guests):
      if journal.isTakingSnapshots { journal.guestsChange(guests.map { ($0, book[$0]?.committed) }) }
      var rows = Deque(rows)
      book.stored()
      while let steps = book.finishNext() { carryOut(steps, rows.popFirst()) }
      if book.isSettled { storage.noteBoot() }
      write()
    case .unanswered(let error): carryOut(book.unanswered(error))
    case .refused(let error): carryOut(book.refused(error))
    case .works: book.diskWorks()
    case .tryAgain: write()
    case .lost:
      storage.keepCopy(of: book.all.compactMap(\.committed), newest: journal.range.newest, at: Moment.now.wall)
    }
    resumeSettling()
  }

  /// Suspends until everything decided so far is on the disk, or the disk takes nothing.
  func settled() async {
    await withCheckedContinuation { continuation in
      calls.addSettling(continuation)
      resumeSettling()
    }
  }

  private func resumeSettling() {
    if book.isSettled || storage.fault != nil { calls.resumeSettling() }
  }

  /// - Parameter rows: of the change from which the steps follow, where it has been stored.
  private func carryOut(_ steps: [GuestBook.Step], _ rows: [EncodedEntry]? = nil) {
    for step in steps {
      switch step {
      case .publish(let name, let ended):
        guard let rows else { preconditionFailure("a stored change without its rows") }
        announcer.publish(rows, name, ended)
      case .perform(let effect, let name): perform(effect, name)
      case .settled(let ticket): for promise in calls.take(ticket) { promise.succeed() }
      case .refused(let ticket, let error): for promise in calls.take(ticket) { promise.fail(error) }
      case .look(let name, let ended): calls.look(at: name, ended: ended, in: book)
      case .removed(let name, let ended):
        timers.disarm(name)
        calls.removed(name, ended: ended)
      case .discard(let run, _): controllers.discard(run)
      case .requestStored(let key): ledger.stored(key)
      case .requestRefused(let key): ledger.refused(key)
      }
    }
  }

  /// Carries out what a lifecycle decided, once that is on the disk.
  func perform(_ effect: GuestLifecycle.Effect, _ name: GuestName) {
    switch book.act(for: effect, of: name) {
    case .launch(let run): controllers.launch(run, name)
    case .discard(let run): controllers.discard(run)
    case .stop(let run, let order): controllers.stop(run, order, name)
    case .armTimer(let due): timers.arm(name, due: due)
    case .disarmTimer: timers.disarm(name)
    // A rescue stores nothing for good: the record stays for the daemon that has its database back.
    case .acknowledge(let run, let folderStays):
      if !storage.isRescue { controllers.acknowledge(run, name, folderStays: folderStays) }
    case .delete(let run):
      try? controllers.directory(name).remove()
      logs.remove(name, with: run)
    case nil: break
    }
  }
}
