internal import DequeModule
internal import Guest
internal import GuestStore
internal import NIOCore
internal import Supervision

// The one way in which anything is decided, and what follows once that is on the disk.

extension Guests {
  /// Lets a guest's lifecycle decide, and queues what follows.
  ///
  /// - Parameter stored: succeeds when that is on the disk, and fails when the disk refuses it.
  @discardableResult
  func decide(
    _ name: GuestName, _ weight: GuestBook.Weight, stored: EventLoopPromise<Void>? = nil,
    request: (GuestLifecycle) -> RequestLedger.Record? = { _ in nil },
    _ body: (inout GuestLifecycle, GuestLifecycle.Context) throws(GuestError) -> GuestLifecycle.Transition
  ) throws(GuestError) -> GuestBook.Decision {
    var record: RequestLedger.Record?
    let decision = try book.decide(
      name, weight, .now,
      request: { lifecycle in
        record = request(lifecycle)
        return record
      }, body)
    take(decision, record, stored)
    // The folder may hold an end that is not stored yet. Then the launch waits for that, and spawns.
    if let run = decision.launching, storage.fault == nil, book[name]?.unstoredEnds.isEmpty == true {
      controllers.prepare(run, name)
    }
    return decision
  }

  /// The same for facts, which no lifecycle refuses.
  func note(
    _ name: GuestName, _ body: (inout GuestLifecycle, GuestLifecycle.Context) -> GuestLifecycle.Transition
  ) {
    guard book[name] != nil else { return }
    do throws(GuestError) {
      try decide(name, .fact) { lifecycle, context throws(GuestError) in body(&lifecycle, context) }
    } catch {
      preconditionFailure("a fact about \(name) was refused: \(error)")
    }
  }

  func noteHook(_ name: String, _ message: String) {
    take(book.note([GuestEvent(.hook, guest: nil, by: .daemon, message: message)], .fact, at: now.wall))
  }

  /// Carries out what follows at once from a decision, and sets the disk to work.
  ///
  /// - Parameter request: that decided it.
  func take(
    _ decision: GuestBook.Decision, _ request: RequestLedger.Record? = nil, _ stored: EventLoopPromise<Void>? = nil
  ) {
    if let request { ledger.decided(request, decision.ticket, now: now.boot) }
    if let stored { calls.add(stored, to: decision.ticket) }
    carryOut(decision.steps)
    write()
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
      storage.keepCopy(of: book.all.compactMap(\.committed), newest: journal.range.newest, at: now.wall)
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
    switch effect {
    case .launch(let run):
      // Overtaken by a stop before there was anything to stop: that effect reports the end.
      switch book[name]?.current.lifecycle.phase {
      case .starting(let present) where present.id == run.id: controllers.launch(run, name)
      case .starting, .running, .stopping, .stopped, .waiting, nil: controllers.discard(run.id)
      }
    // One that has ended meanwhile needs no stop, and its folder may be another run's.
    // So does one whose order was given up while the disk did not answer.
    case .stop(let run, let order):
      if let present = present(run.id, name), !order.noKill || !present.orders.isGivenUp(order.number) {
        controllers.stop(run, order, name)
      }
    case .armTimer(let due): timers.arm(name, due: due)
    case .disarmTimer: timers.disarm(name)
    // A rescue stores nothing for good: the record stays for the daemon that has its database back.
    case .acknowledge(let run): if !storage.isRescue { controllers.acknowledge(run, name) }
    case .delete(let run):
      try? controllers.directory(name).remove()
      logs.remove(name, with: run)
    }
  }
}
