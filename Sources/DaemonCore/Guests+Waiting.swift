internal import Guest
internal import NIOCore
internal import Supervision

extension Guests {
  /// A call that is suspended until its condition holds.
  struct Waiting {
    var continuation: CheckedContinuation<Waiters.Answer, any Error>
    var timer: Scheduled<Void>?
  }

  /// Suspends until the condition holds on the disk, the guest is gone, the time is up, or the caller's task is
  /// cancelled: a client's is when its connection ends.
  ///
  /// - Parameter ordered: the caller asked for the end, and hears when a kill does not bring it or the disk does not take it.
  func wait(
    for condition: Waiters.Condition, of name: GuestName, timeoutMillis: Int64? = nil, ordered: Bool = false
  ) async throws -> Waiters.Answer {
    let id = waiters.makeID()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        // Cancelled before this step, the handler has found no waiter to end.
        guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
        if let answer = waiters.register(id, condition, of: name, ordered: ordered, in: book) {
          return continuation.resume(returning: answer)
        }
        var timer: Scheduled<Void>?
        if let timeoutMillis {
          timer = eventLoop.scheduleTask(in: .milliseconds(timeoutMillis)) {
            self.onLoop { $0.endWait(id, of: name, GuestError(.timedOut, "wait for \(name): the time is up")) }
          }
        }
        waiting[id] = Waiting(continuation: continuation, timer: timer)
      }
    } onCancel: {
      eventLoop.execute {
        self.onLoop { $0.endWait(id, of: name, GuestError(.cancelled, "wait for \(name): the client has gone")) }
      }
    }
  }

  func answer(_ answers: [(id: Waiters.ID, answer: Waiters.Answer)]) {
    for (id, answer) in answers {
      guard let call = waiting.removeValue(forKey: id) else { continue }
      call.timer?.cancel()
      call.continuation.resume(returning: answer)
    }
  }

  private func endWait(_ id: Waiters.ID, of name: GuestName, _ error: GuestError) {
    guard waiters.cancel(id, of: name), let call = waiting.removeValue(forKey: id) else { return }
    call.timer?.cancel()
    call.continuation.resume(throwing: error)
  }

  /// A kill has not ended these tasks; none, if they are gone.
  func noteStuck(_ tasks: String, of name: GuestName) {
    note(name) { lifecycle, _ in lifecycle.stuck(tasks) }
    answer(waiters.stuck(tasks, of: name, now: now.boot))
  }
}
