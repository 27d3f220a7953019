public import Guest

/// Waiting callers, by guest and condition. A condition holds when it holds on the disk.
///
/// A waiter ends with its caller: its driver cancels it when the caller's connection ends, and registers none for
/// a caller that has gone.
public struct Waiters: Sendable {
  public struct ID: Sendable, Hashable {
    let number: UInt64
  }

  public enum Condition: Sendable, Hashable {
    /// Init of this run was executed, or the run has ended.
    case outcome(RunID)
    case ended(RunID)
    /// The run has ended, or this order of it has been given up.
    case carriedOut(RunID, order: UInt32)
    case running
    /// Nothing runs and no restart is pending.
    case stopped
  }

  public enum Answer: Sendable, Hashable {
    case holds
    case ended(RunRecord)
    /// The guest was removed, or has had other runs since the one that was meant: the history knows more.
    case gone
    /// It was killed, and these tasks do not end.
    case stuck(String)
    /// The order is given up, after as long as it had; nil where that is not known any more. `standing`: the newest order that
    /// stands all the same.
    case givenUp(afterMillis: UInt64?, standing: EndOrder?)
    /// It has ended, and the disk does not take that. Only for those who ordered the end.
    case unstored(RunRecord)
  }

  private struct Waiter: Sendable {
    var id: ID
    var condition: Condition
    /// It asked for the end: it hears when a kill does not bring it, or the disk does not take it.
    var ordered: Bool
  }

  private var byGuest: [GuestName: [Waiter]] = [:]
  private var nextID: UInt64 = 1
  private var stuckSince: [GuestName: BootTime] = [:]

  /// How long killed tasks may take to go, for lack of CPU or for the memory they give back, before it is an answer.
  public static let patienceNanos: UInt64 = 5_000_000_000

  public init() {}

  public var count: Int { byGuest.values.reduce(0) { $0 + $1.count } }

  /// Names a waiter, before it is registered.
  public mutating func makeID() -> ID {
    defer { nextID += 1 }
    return ID(number: nextID)
  }

  /// Checks the condition, and registers in the same step if it does not hold: no change is missed between the two.
  ///
  /// - Returns: the answer, if there is one at once.
  public mutating func register(
    _ id: ID, _ condition: Condition, of name: GuestName, ordered: Bool = false, in book: GuestBook
  ) -> Answer? {
    guard let entry = book[name] else { return .gone }
    if let answer = check(condition, entry, ordered: ordered, isRefused: book.isRefused) { return answer }
    byGuest[name, default: []].append(Waiter(id: id, condition: condition, ordered: ordered))
    return nil
  }

  /// The time is up, or the caller has gone. False if it was answered before.
  public mutating func cancel(_ id: ID, of name: GuestName) -> Bool {
    guard let waiters = byGuest[name], waiters.contains(where: { $0.id == id }) else { return false }
    set(name, waiters.filter { $0.id != id })
    return true
  }

  /// The guest has changed on the disk, or an end of it cannot be stored.
  public mutating func look(at name: GuestName, ended: RunRecord?, in book: GuestBook) -> [(id: ID, answer: Answer)] {
    guard let waiters = byGuest[name] else { return [] }
    guard let entry = book[name] else { return removed(name, ended: ended) }
    var answers: [(id: ID, answer: Answer)] = []
    var staying: [Waiter] = []
    for waiter in waiters {
      if !book.isRefused, let ended, waiter.condition.isMet(by: ended) {
        answers.append((waiter.id, .ended(ended)))
      } else if let answer = check(waiter.condition, entry, ordered: waiter.ordered, isRefused: book.isRefused) {
        answers.append((waiter.id, answer))
      } else {
        staying.append(waiter)
      }
    }
    set(name, staying)
    return answers
  }

  /// The guest is gone from the disk.
  public mutating func removed(_ name: GuestName, ended: RunRecord?) -> [(id: ID, answer: Answer)] {
    stuckSince[name] = nil
    guard let waiters = byGuest.removeValue(forKey: name) else { return [] }
    return waiters.map { waiter in
      if let ended, waiter.condition.isMet(by: ended) { return (waiter.id, .ended(ended)) }
      return (waiter.id, .gone)
    }
  }

  /// A kill has not ended these tasks of a guest; empty when they are gone.
  public mutating func stuck(_ tasks: String, of name: GuestName, now: BootTime) -> [(id: ID, answer: Answer)] {
    guard !tasks.isEmpty else {
      stuckSince[name] = nil
      return []
    }
    let since = stuckSince[name] ?? now
    stuckSince[name] = since
    guard now.since(since) >= Self.patienceNanos, let waiters = byGuest[name] else { return [] }
    set(name, waiters.filter { !$0.ordered })
    return waiters.filter(\.ordered).map { ($0.id, .stuck(tasks)) }
  }

  private mutating func set(_ name: GuestName, _ waiters: [Waiter]) {
    if waiters.isEmpty { byGuest[name] = nil } else { byGuest[name] = waiters }
  }

  private func check(_ condition: Condition, _ entry: GuestBook.Entry, ordered: Bool, isRefused: Bool) -> Answer? {
    let committed = entry.committed?.lifecycle
    switch condition {
    case .outcome(let run):
      if let present = committed?.run, present.id == run, present.launched != nil { return .holds }
      return end(of: run, entry, ordered: ordered, isRefused: isRefused)
    case .ended(let run):
      return end(of: run, entry, ordered: ordered, isRefused: isRefused)
    case .carriedOut(let run, let order):
      if let answer = end(of: run, entry, ordered: ordered, isRefused: isRefused) { return answer }
      // Orders are carried out though the disk does not take them, and so they come to their end.
      let present = isRefused ? entry.current.lifecycle.run : committed?.run
      guard let present, present.id == run, present.orders.isGivenUp(order) else { return nil }
      return .givenUp(
        afterMillis: present.orders.kept.first { $0.number == order }?.politeMillis(present.spec.stop),
        standing: present.orders.current)
    case .running:
      guard let committed else { return nil }
      switch committed.phase {
      case .running: return .holds
      case .stopped, .starting, .stopping, .waiting: return nil
      }
    case .stopped:
      guard let committed, case .stopped = committed.phase, case .stopped = entry.current.lifecycle.phase else {
        return nil
      }
      return committed.last.map { .ended($0) } ?? .holds
    }
  }

  /// Nil while the end of the run is still to come, or to be stored.
  private func end(of run: RunID, _ entry: GuestBook.Entry, ordered: Bool, isRefused: Bool) -> Answer? {
    if let last = entry.committed?.lifecycle.last, last.ended.run == run { return .ended(last) }
    if let ended = entry.unstoredEnds.first(where: { $0.ended.run == run }) {
      return isRefused && ordered ? .unstored(ended) : nil
    }
    let open = [entry.current.lifecycle.run?.id, entry.committed?.lifecycle.run?.id]
    return open.contains(run) ? nil : .gone
  }
}

extension Waiters.Condition {
  fileprivate func isMet(by ended: RunRecord) -> Bool {
    switch self {
    case .outcome(let run), .ended(let run), .carriedOut(let run, _): ended.ended.run == run
    case .running, .stopped: false
    }
  }
}
