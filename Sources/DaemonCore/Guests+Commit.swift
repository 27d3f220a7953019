internal import DequeModule
internal import Guest
internal import GuestStore
internal import Logging
internal import NIOCore
internal import Supervision

// Between the book and the disk: batches go to the writer, and the steps that follow are carried out.

extension Guests {
  /// Lets a guest's lifecycle decide, and queues what follows.
  ///
  /// - Parameter stored: told when that is on the disk, or was refused by it.
  @discardableResult
  func decide(
    _ name: GuestName, _ weight: GuestBook.Weight, stored: EventLoopPromise<Void>? = nil,
    request: (GuestLifecycle) -> RequestLedger.Record? = { _ in nil },
    _ body: (inout GuestLifecycle, GuestLifecycle.Context) throws(GuestError) -> GuestLifecycle.Transition
  ) throws(GuestError) -> GuestBook.Decision {
    var record: RequestLedger.Record?
    let decision = try book.decide(
      name, weight, context(),
      request: { lifecycle in
        record = request(lifecycle)
        return record
      }, body)
    if let record { ledger.decided(record, decision.ticket, now: now.boot) }
    take(decision, stored)
    if let run = decision.launching { prepare(run, name) }
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

  /// Carries out what follows at once from a decision, and sets the disk to work.
  func take(_ decision: GuestBook.Decision, _ stored: EventLoopPromise<Void>? = nil) {
    if let stored { tickets[decision.ticket, default: []].append(stored) }
    carryOut(decision.steps)
    write()
  }

  /// Suspends until everything decided so far is on the disk, or the disk takes nothing.
  func settled() async {
    await withCheckedContinuation { continuation in
      settling.append(continuation)
      resumeSettling()
    }
  }

  private func resumeSettling() {
    guard book.isSettled || storageFault != nil else { return }
    let waiting = settling
    settling = []
    for continuation in waiting { continuation.resume() }
  }

  private func write() {
    if storageFault?.isFinal == true, rescue == nil { return }
    guard let batch = book.takeBatch() else { return }
    let guests = batch.compactMap(\.guest)
    writer.commit(batch, retention: environment.configuration.retention, on: eventLoop) { result in
      self.onLoop { $0.written(result, guests) }
    }
  }

  private func written(_ result: Result<[[EncodedEntry]], StoreError>, _ guests: [GuestName]) {
    switch result {
    case .success(let rows):
      storageWorks()
      if journal.isTakingSnapshots { journal.guestsChange(guests.map { ($0, book[$0]?.committed) }) }
      unpublished += rows
      book.stored()
      while let steps = book.finishNext() { carryOut(steps) }
      noteBoot()
      write()
    case .failure(let error):
      storageFails(error)
      _ = eventLoop.scheduleTask(in: .milliseconds(500)) { self.onLoop { $0.write() } }
    }
    resumeSettling()
  }

  /// Once all that a boot of the host has ended is stored, and not before: a daemon that dies in between has to know of the
  /// boot again.
  private func noteBoot() {
    guard !isBootNoted, rescue == nil, book.isSettled else { return }
    isBootNoted = true
    writer.perform { [logger] store in
      do { try store.noteBoot() } catch { logger.error("cannot note the boot", metadata: ["error": "\(error)"]) }
    }
  }

  /// The disk has refused a batch, or the database was found unusable.
  func storageFails(_ error: StoreError) {
    if storageFault == nil {
      logger.error("cannot store: guests run on, ends are kept and tried again", metadata: ["error": "\(error)"])
    }
    if error.isFull { releaseReserve() }
    let isNews = storageFault?.isFinal != true
    storageFault = error
    carryOut(book.refused(storageError(error)))
    if error.isFinal, isNews, rescue == nil { keepCopy() }
  }

  func storageError(_ error: StoreError) -> GuestError {
    GuestError(.storage, "\(error); nothing was changed", hint: error.isFull ? "free some space, then try again" : nil)
  }

  private func carryOut(_ steps: [GuestBook.Step]) {
    for step in steps {
      switch step {
      case .publish(let name, let ended):
        guard let rows = unpublished.popFirst() else { preconditionFailure("a stored change without its rows") }
        publish(rows, name, ended)
      case .perform(let effect, let name): perform(effect, name)
      case .settled(let ticket):
        for promise in tickets.removeValue(forKey: ticket) ?? [] { promise.succeed() }
      case .refused(let ticket, let error):
        for promise in tickets.removeValue(forKey: ticket) ?? [] { promise.fail(error) }
      case .look(let name, let ended): answer(waiters.look(at: name, ended: ended, in: book))
      case .removed(let name, let ended):
        restartTimers.removeValue(forKey: name)?.cancel()
        answer(waiters.removed(name, ended: ended))
      case .discard(let run, let name): discard(run, name)
      case .requestStored(let key): ledger.stored(key)
      case .requestRefused(let key): ledger.refused(key)
      }
    }
  }

  private func publish(_ rows: [EncodedEntry], _ name: GuestName?, _ ended: RunRecord?) {
    journal.publish(rows)
    if let last = rows.last { published?(last.entry.sequence) }
    if let name, ended != nil { logEnded?(logPath(of: name)) }
    for row in rows { trace(row.entry) }
  }

  private func trace(_ entry: JournalEntry) {
    let event = entry.event
    guard event.kind != .hook else { return }
    var metadata: Logger.Metadata = ["sequence": "\(entry.sequence)", "by": "\(event.by.inWords)"]
    if let guest = event.guest { metadata["guest"] = "\(guest)" }
    if let run = event.run { metadata["run"] = "\(run.short)" }
    if event.kind == .state { metadata["state"] = "\(event.from) -> \(event.to)" }
    if let ended = event.ended { metadata["cause"] = "\(ended.headline.inWords)" }
    if let order = event.order { metadata["order"] = "\(order.verb.word)" }
    if !event.message.isEmpty { metadata["message"] = "\(event.message)" }
    logger.info("\(event.kind)", metadata: metadata)
  }
}

/// Carries a value that is not Sendable from the event loop to a thread that does not touch it, and back.
struct UnsafeTransfer<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
