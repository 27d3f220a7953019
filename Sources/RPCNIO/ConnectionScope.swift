public import RPC
import Synchronization
public import WireProtocol

/// Owns everything that lives because a connection does: calls in progress, waits, subscriptions, reads.
///
/// Each of them registers, says how to end it, and is released when it is done. When the connection ends, whatever is
/// still registered is ended, and nothing can register any more. What is registered counts against the quotas of the
/// connection's user. Safe to use from anywhere.
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
  /// - Parameter cancel: ends it; called at most once, and not after `release`. May be given later, by `attach`.
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

  /// Says how to end something; ends it at once when the connection has ended meanwhile. Does nothing after `release`.
  public func attach(_ registration: Registration, cancel: @escaping @Sendable () -> Void) {
    let isLate = state.withLock { state in
      if state.ledger.contains(registration.id) { state.cancellations[registration.id] = cancel }
      return !state.ledger.isOpen
    }
    if isLate { cancel() }
  }

  /// It is done. Does nothing the second time, or after the end.
  public func release(_ registration: Registration) {
    let kind = state.withLock { state in
      state.cancellations[registration.id] = nil
      return state.ledger.release(registration.id)
    }
    if let kind { limits.give(kind, by: user) }
  }

  /// Registered for as long as `body` runs.
  public func holding<Value>(
    _ kind: QuotaKind, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
  ) async throws -> Value {
    let registration = try register(kind)
    defer { release(registration) }
    return try await body()
  }

  /// The connection has ended: ends everything that is registered, oldest first.
  func close() {
    let left = state.withLock { state in
      let entries = state.ledger.close()
      defer { state.cancellations = [:] }
      return entries.map { (kind: $0.kind, cancel: state.cancellations[$0.id]) }
    }
    for entry in left {
      limits.give(entry.kind, by: user)
      entry.cancel?()
    }
  }
}
