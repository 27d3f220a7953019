internal import Guest
internal import NIOCore
internal import Supervision

/// Calls that are suspended until something is on the disk. Each is resumed exactly once: by what it waited for, by its
/// deadline, or by the end of its connection.
struct PendingCalls {
  private struct Waiting {
    var continuation: CheckedContinuation<Waiters.Answer, any Error>
    var deadline: Scheduled<Void>?
  }

  private var waiters = Waiters()
  private var waiting: [Waiters.ID: Waiting] = [:]
  private var tickets: [GuestBook.Ticket: [EventLoopPromise<Void>]] = [:]
  private var settling: [CheckedContinuation<Void, Never>] = []

  // MARK: Decisions

  /// Suspends a call until that decision is stored, or refused by the disk.
  mutating func add(_ promise: EventLoopPromise<Void>, to ticket: GuestBook.Ticket) {
    tickets[ticket, default: []].append(promise)
  }

  /// Whether a call waits for that decision.
  func isAwaited(_ ticket: GuestBook.Ticket) -> Bool { tickets[ticket] != nil }

  /// The calls that wait for that decision, to be resumed by the caller.
  mutating func take(_ ticket: GuestBook.Ticket) -> [EventLoopPromise<Void>] {
    tickets.removeValue(forKey: ticket) ?? []
  }

  // MARK: Everything

  /// Suspends until `resumeSettling`.
  mutating func addSettling(_ continuation: CheckedContinuation<Void, Never>) { settling.append(continuation) }

  mutating func resumeSettling() {
    let all = settling
    settling = []
    for continuation in all { continuation.resume() }
  }

  // MARK: Conditions

  /// Names a call before it is suspended.
  mutating func makeID() -> Waiters.ID { waiters.makeID() }

  /// Looks at the condition and suspends the call in the same step, so that no change is missed between the two.
  ///
  /// - Parameter ordered: the caller asked for the end, and hears when a kill does not bring it or the disk does not take it.
  mutating func suspend(
    _ id: Waiters.ID, until condition: Waiters.Condition, of name: GuestName, ordered: Bool, in book: GuestBook,
    deadline: () -> Scheduled<Void>?, _ continuation: CheckedContinuation<Waiters.Answer, any Error>
  ) {
    if let answer = waiters.register(id, condition, of: name, ordered: ordered, in: book) {
      return continuation.resume(returning: answer)
    }
    waiting[id] = Waiting(continuation: continuation, deadline: deadline())
  }

  /// The guest has changed on the disk, or an end of it cannot be stored.
  mutating func look(at name: GuestName, ended: RunRecord?, in book: GuestBook) {
    resume(waiters.look(at: name, ended: ended, in: book))
  }

  /// The guest is gone from the disk.
  mutating func removed(_ name: GuestName, ended: RunRecord?) { resume(waiters.removed(name, ended: ended)) }

  /// A kill has not ended these tasks; none, if they are gone.
  mutating func stuck(_ tasks: String, of name: GuestName, now: BootTime) {
    resume(waiters.stuck(tasks, of: name, now: now))
  }

  /// The time is up, or the client has gone.
  mutating func end(_ id: Waiters.ID, of name: GuestName, _ error: GuestError) {
    guard waiters.cancel(id, of: name), let call = waiting.removeValue(forKey: id) else { return }
    call.deadline?.cancel()
    call.continuation.resume(throwing: error)
  }

  private mutating func resume(_ answers: [(id: Waiters.ID, answer: Waiters.Answer)]) {
    for (id, answer) in answers {
      guard let call = waiting.removeValue(forKey: id) else { continue }
      call.deadline?.cancel()
      call.continuation.resume(returning: answer)
    }
  }
}
