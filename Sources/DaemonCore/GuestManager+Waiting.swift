internal import Guest
internal import GuestStore
internal import NIOCore

extension GuestManager {
  /// Suspends until the condition holds on the disk, the guest is gone, the time is up, or the caller's task is
  /// cancelled: a client's is when its connection ends.
  func wait(
    for condition: Waiter.Condition, of name: GuestName, connection: UInt64?, timeoutMillis: Int64? = nil,
    hearsOfStuckTasks: Bool = false
  ) async throws -> Waiter.Result {
    let id = nextWaiterID
    nextWaiterID += 1
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        // Cancelled before this step, the handler has found no waiter to end.
        guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
        // Checked in the step that registers the waiter, so no change between the two is missed.
        guard let guest = guests[name] else { return continuation.resume(returning: .gone) }
        if let result = check(condition, guest) { return continuation.resume(returning: result) }
        var timer: Scheduled<Void>?
        if let timeoutMillis {
          timer = eventLoop.scheduleTask(in: .milliseconds(timeoutMillis)) {
            self.onLoop { manager in
              manager.resume(id, of: name, .failure(GuestError(.timedOut, "wait for \(name): the time is up")))
            }
          }
        }
        let waiter = Waiter(
          id: id, condition: condition, connection: connection, hearsOfStuckTasks: hearsOfStuckTasks
        ) { result in
          timer?.cancel()
          continuation.resume(with: result.mapError { $0 as any Error })
        }
        guests[name]?.waiters.append(waiter)
      }
    } onCancel: {
      eventLoop.execute {
        self.onLoop { manager in
          manager.resume(id, of: name, .failure(GuestError(.cancelled, "wait for \(name): the client has gone")))
        }
      }
    }
  }

  func answerWaiters(_ name: GuestName, ended: RunRecord?) {
    guard let guest = guests[name], !guest.waiters.isEmpty else { return }
    var staying: [Waiter] = []
    var answered: [(Waiter, Waiter.Result)] = []
    for waiter in guest.waiters {
      if let ended, let result = check(waiter.condition, ended: ended) {
        answered.append((waiter, result))
      } else if let result = check(waiter.condition, guest) {
        answered.append((waiter, result))
      } else {
        staying.append(waiter)
      }
    }
    guests[name]?.waiters = staying
    for (waiter, result) in answered { waiter.resume(.success(result)) }
  }

  /// How long killed tasks may take to go, for want of CPU or for the memory they give back, before those who wait for
  /// it are told.
  private static let patienceWithKilledTasks: Int64 = 5_000_000_000

  /// A kill has not ended these tasks; none, if they are gone.
  func noteStuck(_ tasks: String, of name: GuestName) {
    let wasStuck = guests[name].map { !$0.current.lifecycle.stuckTasks.isEmpty } ?? false
    note(name) { lifecycle, _ in lifecycle.stuck(tasks) }
    guard let guest = guests[name], !tasks.isEmpty else { return }
    let since = wasStuck ? guest.stuckSince ?? now.boot : now.boot
    guests[name]?.stuckSince = since
    guard now.boot.since(since) >= GuestManager.patienceWithKilledTasks else { return }
    guests[name]?.waiters.removeAll(where: \.hearsOfStuckTasks)
    for waiter in guest.waiters where waiter.hearsOfStuckTasks { waiter.resume(.success(.stuck(tasks))) }
  }

  func answer(_ waiter: Waiter, ended: RunRecord?, removed: Bool) {
    if let ended, let result = check(waiter.condition, ended: ended) {
      waiter.resume(.success(result))
    } else {
      waiter.resume(.success(.gone))
    }
  }

  private func resume(_ id: UInt64, of name: GuestName, _ result: Result<Waiter.Result, GuestError>) {
    guard let index = guests[name]?.waiters.firstIndex(where: { $0.id == id }) else { return }
    guests[name]?.waiters.remove(at: index).resume(result)
  }

  private func check(_ condition: Waiter.Condition, _ guest: ManagedGuest) -> Waiter.Result? {
    // What is on the disk counts; while nothing can be stored, what has happened.
    let lifecycle = storageFault == nil ? guest.committed?.lifecycle : guest.current.lifecycle
    switch condition {
    case .outcome(let run):
      if let present = lifecycle?.run, present.id == run, present.launched != nil { return .holds }
      return end(of: run, guest, lifecycle)
    case .ended(let run):
      return end(of: run, guest, lifecycle)
    case .running:
      return lifecycle?.state == .running ? .holds : nil
    case .stopped:
      guard let lifecycle, lifecycle.state == .stopped, guest.current.lifecycle.state == .stopped else { return nil }
      return lifecycle.last.map { .ended($0) } ?? .holds
    }
  }

  /// Nil while the end of the run is still to come, or to be stored.
  private func end(of run: RunID, _ guest: ManagedGuest, _ lifecycle: GuestLifecycle?) -> Waiter.Result? {
    if let last = lifecycle?.last, last.ended.run == run { return .ended(last) }
    if let ended = guest.unstoredEnds.first(where: { $0.ended.run == run }) {
      return storageFault == nil ? nil : .ended(ended)
    }
    let runs = [guest.current.lifecycle.run?.id, guest.committed?.lifecycle.run?.id]
    return runs.contains(run) ? nil : .gone
  }

  private func check(_ condition: Waiter.Condition, ended: RunRecord) -> Waiter.Result? {
    switch condition {
    case .outcome(let run), .ended(let run): ended.ended.run == run ? .ended(ended) : nil
    case .running, .stopped: nil
    }
  }
}
