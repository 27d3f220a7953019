public import RPC
import Synchronization
public import WireProtocol

/// Owns everything that lives because a connection does: calls in progress, waits, subscriptions, reads.
///
/// Each of them registers, says how to end it, and is released when it is done. When the connection ends, whatever is
/// still registered is ended, and nothing can register any more. What is registered counts against the quotas of the
/// connection's user. The place of a call that a task serves is given back when the task has ended, not when the
/// connection has: so a user that connects again and again never has more tasks than its quota. Safe to use from anywhere.
public final class ConnectionScope: Sendable {
  /// Something that is registered on a scope.
  public struct Registration: Sendable, Hashable {
    fileprivate let id: ScopeLedger.EntryID
  }

  private struct State {
    var ledger = ScopeLedger()
    var cancellations: [ScopeLedger.EntryID: @Sendable () -> Void] = [:]
  }

  private let user: UInt32
  private let limits: ClientLimits
  private let state = Mutex(State())

  public init(user: UInt32, limits: ClientLimits) {
    self.user = user
    self.limits = limits
  }

  /// False once the connection has ended.
  public var isOpen: Bool { state.withLock { $0.ledger.isOpen } }

  /// How many of a kind this connection has.
  public func count(of kind: QuotaKind) -> Int { state.withLock { $0.ledger.count(of: kind) } }

  /// Registers something that is to end with the connection.
  ///
  /// - Parameter cancel: ends it at once; called at most once, and not after `release`. A call's is given to `begin`.
  /// - Throws: `cancelled` when the connection has ended, `limitReached` when its user has enough of the kind.
  public func register(
    _ kind: QuotaKind, cancel: (@Sendable () -> Void)? = nil
  ) throws(RPCErrorBody) -> Registration {
    try limits.take(kind, for: user)
    let id = state.withLock { state -> ScopeLedger.EntryID? in
      guard let id = try? state.ledger.register(kind) else { return nil }
      state.cancellations[id] = cancel
      return id
    }
    guard let id else {
      limits.give(kind, by: user)
      throw RPCErrorBody(.cancelled, "the client has closed its connection")
    }
    return Registration(id: id)
  }

  /// Begins the task that serves what is registered. It is cancelled when the connection ends, and has to release each
  /// registration as the last thing it does.
  ///
  /// - Parameter start: called at once, unless the connection has ended; then nothing is registered any more.
  public func begin(_ registrations: [Registration], start: () -> Task<Void, Never>) {
    let ids = registrations.map(\.id)
    let isOpen = state.withLock { state in (try? state.ledger.begin(ids)) != nil }
    guard isOpen, let first = ids.first else { return }
    let task = start()
    let isLate = state.withLock { state in
      // It may have ended in its first step.
      if state.ledger.contains(first) { state.cancellations[first] = { task.cancel() } }
      return !state.ledger.isOpen
    }
    if isLate { task.cancel() }
  }

  /// It is done. Does nothing the second time, or after the end.
  public func release(_ registration: Registration) {
    let kind = state.withLock { state in
      state.cancellations[registration.id] = nil
      return state.ledger.release(registration.id)
    }
    if let kind { limits.give(kind, by: user) }
  }

  /// The connection has ended: ends everything that is registered, oldest first. Tasks are asked to end.
  func close() {
    let left = state.withLock { state in
      let entries = state.ledger.close()
      defer { state.cancellations = [:] }
      return entries.map { (entry: $0, cancel: state.cancellations[$0.id]) }
    }
    for (entry, cancel) in left {
      if !entry.isAtWork { limits.give(entry.kind, by: user) }
      cancel?()
    }
  }
}
