internal import Guest
internal import GuestStore
internal import Logging
internal import NIOCore

/// A decision on its way to the disk.
struct PendingChange {
  var change: Change
  /// The guest as it will be once this is stored.
  var snapshot: StoredGuest?
  var effects: [GuestLifecycle.Effect]
  /// A request can be taken back when the disk does not take it; a fact cannot: it has happened.
  var isRequest: Bool
  var done: ((Result<Void, GuestError>) -> Void)?
}

extension GuestManager {
  /// Lets a guest's lifecycle decide, and queues what follows.
  ///
  /// - Parameter request: false for facts, which are kept and tried again when the disk does not take them.
  func decide(
    _ name: GuestName, request: Bool, done: ((Result<Void, GuestError>) -> Void)? = nil,
    _ body: (inout GuestLifecycle, GuestLifecycle.Context) throws(GuestError) -> GuestLifecycle.Transition
  ) throws(GuestError) {
    guard var guest = guests[name] else {
      throw GuestError(.notFound, "\(name): there is no guest of that name", hint: "lodge ls")
    }
    let context = context()
    let transition = try body(&guest.current.lifecycle, context)
    var launching: GuestLifecycle.Run?
    for case .launch(let run) in transition.effects { launching = run }
    let leaves = transition.effects.contains(.delete)
    if leaves { guest.isLeaving = true }
    if let ended = transition.ended { guest.unstoredEnds.append(ended) }
    guests[name] = guest
    enqueue(
      PendingChange(
        change: Change(
          guest: name, record: leaves ? .delete : .save(guest.current), events: transition.events,
          ended: transition.ended, time: context.now.wall),
        snapshot: leaves ? nil : guest.current, effects: transition.effects, isRequest: request, done: done))
    if let launching { prepare(launching, name) }
  }

  /// The same for facts, which no lifecycle refuses.
  func note(
    _ name: GuestName, _ body: (inout GuestLifecycle, GuestLifecycle.Context) -> GuestLifecycle.Transition
  ) {
    guard guests[name] != nil else { return }
    do throws(GuestError) {
      try decide(name, request: false) { lifecycle, context throws(GuestError) in body(&lifecycle, context) }
    } catch {
      preconditionFailure("a fact about \(name) was refused: \(error)")
    }
  }

  func enqueue(_ change: PendingChange) {
    // A fact that changed nothing and asks for nothing needs no disk.
    if change.change.events.isEmpty, change.change.ended == nil, !change.isRequest, queue.isEmpty, !isWriting,
      change.effects.allSatisfy({ if case .acknowledge = $0 { true } else { false } })
    {
      return finish(change, [])
    }
    queue.append(change)
    carryOutUnstored(&queue[queue.count - 1])
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
    guard queue.isEmpty && !isWriting || storageFault != nil else { return }
    let waiting = settling
    settling = []
    for continuation in waiting { continuation.resume() }
  }

  private func write() {
    guard !isWriting, !queue.isEmpty else { return }
    isWriting = true
    let batch = Array(queue.prefix(256))
    queue.removeFirst(batch.count)
    let sending = UnsafeTransfer(batch)
    writer.commit(batch.map(\.change), retention: environment.configuration.retention, on: eventLoop) { result in
      self.onLoop { $0.written(sending.value, result) }
    }
  }

  private func written(_ batch: [PendingChange], _ result: Result<[[EncodedEntry]], StoreError>) {
    isWriting = false
    switch result {
    case .success(let entries):
      storageWorks()
      for (change, entries) in zip(batch, entries) { finish(change, entries) }
      write()
    case .failure(let error):
      if storageFault == nil {
        logger.error(
          "cannot store: guests run on, ends are kept and tried again", metadata: ["error": "\(error)"])
      }
      if error.isFull { releaseReserve() }
      storageFault = error
      takeBack(batch, error)
      for index in queue.indices { carryOutUnstored(&queue[index]) }
      _ = eventLoop.scheduleTask(in: .milliseconds(500)) { self.onLoop { $0.write() } }
    }
    resumeSettling()
  }

  /// While the disk takes nothing, stops are carried out all the same, and who waits for an end is told of it. Not
  /// before this is in the queue: what follows from it comes after it.
  private func carryOutUnstored(_ change: inout PendingChange) {
    guard storageFault != nil, !change.isRequest, let name = change.change.guest else { return }
    let stops = change.effects.filter { if case .stop = $0 { true } else { false } }
    change.effects.removeAll { stops.contains($0) }
    let waiting = UnsafeTransfer(change.done)
    change.done = nil
    let ended = change.change.ended
    eventLoop.execute {
      self.onLoop { manager in
        for stop in stops { manager.perform(stop, name) }
        waiting.value?(.success(()))
        manager.answerWaiters(name, ended: ended)
      }
    }
  }

  /// Puts facts back in front of the queue, and takes back requests of guests that no fact depends on.
  private func takeBack(_ batch: [PendingChange], _ error: StoreError) {
    let all = batch + queue
    var withFacts: Set<GuestName> = []
    for change in all where !change.isRequest { if let name = change.change.guest { withFacts.insert(name) } }
    queue = []
    for change in all {
      guard change.isRequest, let name = change.change.guest, !withFacts.contains(name) else {
        queue.append(change)
        continue
      }
      if var guest = guests[name] {
        if let committed = guest.committed {
          guest.current = committed
          guest.unstoredEnds = []
          guest.isLeaving = false
          guests[name] = guest
        } else {
          guests[name] = nil
        }
      }
      for case .launch(let run) in change.effects { discard(run.id, name) }
      change.done?(.failure(storageError(error)))
    }
  }

  func storageError(_ error: StoreError) -> GuestError {
    GuestError(.storage, "\(error); nothing was changed", hint: error.isFull ? "free some space, then try again" : nil)
  }

  /// It is on the disk: now it is true for everybody.
  private func finish(_ change: PendingChange, _ entries: [EncodedEntry]) {
    let name = change.change.guest
    if let name {
      if case .delete = change.change.record {
        let leaving = guests.removeValue(forKey: name)
        leaving?.restartTimer?.cancel()
        for waiter in leaving?.waiters ?? [] { answer(waiter, ended: change.change.ended, removed: true) }
      } else if let snapshot = change.snapshot {
        guests[name]?.committed = snapshot
        if let run = change.change.ended?.ended.run { guests[name]?.unstoredEnds.removeAll { $0.ended.run == run } }
      }
    }
    hub.publish(entries)
    if let last = entries.last { published?(last.entry.sequence) }
    if let name, change.change.ended != nil { logEnded?(logPath(of: name)) }
    if let name { for effect in change.effects { perform(effect, name) } }
    change.done?(.success(()))
    if let name { answerWaiters(name, ended: change.change.ended) }
    for entry in entries { trace(entry.entry) }
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
