internal import Guest
internal import NIOCore
internal import Supervision

/// Calls that are suspended until something is on the disk. Each is resumed exactly once: by what it waited for, by its
/// deadline, or by the end of its connection. Touched on the event loop only.
final class PendingCalls: @unchecked Sendable {
  private struct Waiting {
    var continuation: CheckedContinuation<Waiters.Answer, any Error>
    var deadline: Scheduled<Void>?
  }

  private let eventLoop: any EventLoop
  private var waiters = Waiters()
  private var waiting: [Waiters.ID: Waiting] = [:]
  private var tickets: [GuestBook.Ticket: [EventLoopPromise<Void>]] = [:]
  private var settling: [CheckedContinuation<Void, Never>] = []

  init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  // MARK: Decisions

  /// Suspends a call until that decision is stored, or refused by the disk.
  func add(_ promise: EventLoopPromise<Void>, to ticket: GuestBook.Ticket) {
    tickets[ticket, default: []].append(promise)
  }

  /// Whether a call waits for that decision.
  func isAwaited(_ ticket: GuestBook.Ticket) -> Bool { tickets[ticket] != nil }

  /// The calls that wait for that decision, to be resumed by the caller.
  func take(_ ticket: GuestBook.Ticket) -> [EventLoopPromise<Void>] {
    tickets.removeValue(forKey: ticket) ?? []
  }

  // MARK: Everything

  /// Suspends until `resumeSettling`.
  func addSettling(_ continuation: CheckedContinuation<Void, Never>) { settling.append(continuation) }

  func resumeSettling() {
    let all = settling
    settling = []
    for continuation in all { continuation.resume() }
  }

  // MARK: Conditions

  /// Suspends until the condition holds on the disk, the guest is gone, the time is up, or the caller's task is
  /// cancelled: a client's is when its connection ends.
  ///
  /// - Parameter ordered: the caller asked for the end, and hears when a kill does not bring it or the disk does not take it.
  func wait(
    for condition: Waiters.Condition, of name: GuestName, timeoutMillis: Int64?, ordered: Bool,
    isolation: isolated (any _Concurrency.Actor)? = #isolation, in book: () -> GuestBook
  ) async throws -> Waiters.Answer {
    let id = waiters.makeID()
    return try await withTaskCancellationHandler {
      // An async closure is isolated only to what it captures: without this it would run on another thread.
      _ = isolation
      return try await withCheckedThrowingContinuation { continuation in
        // Cancelled before this step, the handler has found no waiter to end.
        guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
        // Looked at and suspended in one step, so that no change is missed between the two.
        if let answer = waiters.register(id, condition, of: name, ordered: ordered, in: book()) {
          return continuation.resume(returning: answer)
        }
        let deadline = timeoutMillis.map { millis in
          eventLoop.scheduleTask(in: .milliseconds(millis)) { [self] in
            end(id, of: name, GuestError(.timedOut, "wait for \(name): the time is up"))
          }
        }
        waiting[id] = Waiting(continuation: continuation, deadline: deadline)
      }
    } onCancel: {
      eventLoop.execute { [self] in
        end(id, of: name, GuestError(.cancelled, "wait for \(name): the client has gone"))
      }
    }
  }

  /// The guest has changed on the disk, or an end of it cannot be stored.
  func look(at name: GuestName, ended: RunRecord?, in book: GuestBook) {
    resume(waiters.look(at: name, ended: ended, in: book))
  }

  /// The guest is gone from the disk.
  func removed(_ name: GuestName, ended: RunRecord?) { resume(waiters.removed(name, ended: ended)) }

  /// A kill has not ended these tasks; none, if they are gone.
  func stuck(_ tasks: String, of name: GuestName, now: BootTime) {
    resume(waiters.stuck(tasks, of: name, now: now))
  }

  /// The time is up, or the client has gone.
  private func end(_ id: Waiters.ID, of name: GuestName, _ error: GuestError) {
    guard waiters.cancel(id, of: name), let call = waiting.removeValue(forKey: id) else { return }
    call.deadline?.cancel()
    call.continuation.resume(throwing: error)
  }

  private func resume(_ answers: [(id: Waiters.ID, answer: Waiters.Answer)]) {
    for (id, answer) in answers {
      guard let call = waiting.removeValue(forKey: id) else { continue }
      call.deadline?.cancel()
      call.continuation.resume(returning: answer)
    }
  }
}
