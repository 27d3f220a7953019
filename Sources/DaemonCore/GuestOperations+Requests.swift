internal import Guest
internal import GuestStore
internal import Layout
internal import NIOCore
internal import SpecKeys
internal import Supervision

// Requests in. Each is decided, once for each id; then its answer follows from the decision alone, when that is true on the
// disk. So the same request sent again, also to the next daemon, has the same answer.

extension GuestOperations {
  /// Defines a guest, or changes it.
  ///
  /// - Returns: true if a run with another spec goes on, so that the change waits for the next start.
  func define(_ name: GuestName, _ request: GuestRequest, _ asked: Asked) async throws -> Bool {
    switch try await guests.decide(request, name, asked) {
    case .defined(let atNextStart): return atNextStart
    case .removed, .started, .stopped, .restarted, .signaled: return false
    }
  }

  func remove(_ name: GuestName, force: Bool, _ asked: Asked) async throws {
    guard case .removed(let run?) = try await guests.decide(.remove(force: force), name, asked) else { return }
    let answer = try await wait(for: .ended(run), of: name, ordered: true)
    _ = try answer.end("remove \(name)", of: name, in: storage.health)
  }

  /// Starts it, or defines and starts it; returns the run once its init has been executed.
  func start(_ name: GuestName, _ request: GuestRequest, _ asked: Asked) async throws -> RunID {
    guard case .started(let run) = try await guests.decide(request, name, asked) else {
      throw Refusal.otherSequel(name)
    }
    return try await outcome(of: run, name)
  }

  /// Stops it; returns the run that ended, or nil where only a pending restart had to be cancelled.
  func stop(_ name: GuestName, _ order: EndOrder, _ asked: Asked) async throws -> RunRecord? {
    guard case .stopped(let end?) = try await guests.decide(.stop(order), name, asked) else { return nil }
    return try await self.end(by: end, name, intent: "stop \(name)")
  }

  func restart(_ name: GuestName, _ order: EndOrder, _ asked: Asked) async throws -> RunID {
    guard case .restarted(let former, let number) = try await guests.decide(.restart(order), name, asked) else {
      throw Refusal.otherSequel(name)
    }
    if let former { _ = try await end(by: former, name, intent: "restart \(name)") }
    return try await outcome(of: try await run(of: name, number: number), name)
  }

  /// Sends init a signal that is not meant to end the guest. With a request id it is sent at most once.
  func signal(_ name: GuestName, _ signal: Int32, _ asked: Asked) async throws {
    if try await guests.decidedBefore(asked) != nil { return }
    let lifecycle = try book.find(name).current.lifecycle
    guard let link = link(of: name) else { throw Refusal.noInit(name, lifecycle.state) }
    _ = try await guests.decide(.signal(signal), name, asked)
    try await self.signal(link, signal, by: asked.actor)
  }
}

// MARK: Waiting

extension GuestOperations {
  /// Suspends until the condition holds on the disk; see `PendingCalls`.
  func wait(
    for condition: Waiters.Condition, of name: GuestName, timeoutMillis: Int64? = nil, ordered: Bool = false
  ) async throws -> Waiters.Answer {
    try await guests.calls.wait(for: condition, of: name, timeoutMillis: timeoutMillis, ordered: ordered) { book }
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

}
