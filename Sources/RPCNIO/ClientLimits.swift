public import RPC
import Synchronization
public import WireProtocol

/// Limits on what clients may hold, counted per user over all connections and all sockets that share it; `UserQuotas` has the
/// rules.
///
/// A client above the limit of connections learns so from an error to its first call. When too many of those wait to
/// learn it, the next one is closed at once.
public final class ClientLimits: Sendable {
  /// Clients above the limit that are kept for their answer, at one time.
  private static let refusalsMax = 16

  private struct State {
    var quotas: UserQuotas
    var refused = 0
  }

  private let state: Mutex<State>

  public init(_ quotas: [QuotaKind: Quota]) { state = Mutex(State(quotas: UserQuotas(quotas))) }

  /// Bounds connections alone.
  ///
  /// - Parameters:
  ///   - total: all clients together.
  ///   - perUser: clients of one user id other than root.
  ///   - reserved: of `total`, places that only root gets.
  public convenience init(total: Int = 1024, perUser: Int = 128, reserved: Int = 32) {
    self.init([.connections: Quota(total: total, perUser: perUser, reserved: reserved)])
  }

  /// Clients connected at the moment.
  public var connections: Int { used(.connections) }

  public func used(_ kind: QuotaKind) -> Int { state.withLock { $0.quotas.used(kind) } }

  public func used(_ kind: QuotaKind, by user: UInt32) -> Int { state.withLock { $0.quotas.used(kind, by: user) } }

  /// The most that one user other than root holds.
  public func largestShare(_ kind: QuotaKind) -> Int { state.withLock { $0.quotas.largestShare(kind) } }

  public func quota(of kind: QuotaKind) -> Quota? { state.withLock { $0.quotas.quota(of: kind) } }

  /// Whether `user` would get one more.
  public func hasRoom(for kind: QuotaKind, user: UInt32) -> Bool {
    state.withLock { $0.quotas.refusal(of: kind, for: user) == nil }
  }

  /// Takes `amount` for `user`, to be given back by `give`. Throws `limitReached`.
  public func take(_ kind: QuotaKind, _ amount: Int = 1, for user: UInt32) throws(RPCErrorBody) {
    let refusal = state.withLock { state -> QuotaRefusal? in
      do throws(QuotaRefusal) {
        try state.quotas.take(kind, amount, for: user)
        return nil
      } catch {
        return error
      }
    }
    if let refusal { throw refusal.body(of: kind, user) }
  }

  public func give(_ kind: QuotaKind, _ amount: Int = 1, by user: UInt32) {
    state.withLock { $0.quotas.give(kind, amount, by: user) }
  }

  // MARK: Connections

  enum Admission {
    case admitted
    /// Not admitted; the first call is answered with this.
    case refused(RPCErrorBody)
    /// Not admitted, and too many wait for their answer already.
    case dropped
  }

  func admit(_ user: UInt32) -> Admission {
    do throws(RPCErrorBody) {
      try take(.connections, for: user)
      return .admitted
    } catch {
      let isKept = state.withLock { state in
        guard state.refused < ClientLimits.refusalsMax else { return false }
        state.refused += 1
        return true
      }
      return isKept ? .refused(error) : .dropped
    }
  }

  func leave(_ user: UInt32, refused: Bool) {
    if refused {
      state.withLock { $0.refused -= 1 }
    } else {
      give(.connections, by: user)
    }
  }
}

extension QuotaRefusal {
  func body(of kind: QuotaKind, _ user: UInt32) -> RPCErrorBody {
    switch self {
    case .user(let held):
      RPCErrorBody(
        .limitReached, "user \(user) has \(held) \(kind.words), the most one user may have",
        hint: "end some of them; lodge daemon limits shows the limits")
    case .everybody(let held):
      RPCErrorBody(
        .limitReached,
        "\(held) \(kind.words) are in use, and the rest is kept for users that have fewer, and for root",
        hint: "try again later")
    }
  }
}

extension QuotaKind {
  var words: String {
    switch self {
    case .connections: "connections"
    case .calls: "calls in progress"
    case .waits: "waiting calls"
    case .subscriptions: "event subscriptions"
    case .journalReads: "reads of the journal"
    case .bytes: "bytes of messages"
    }
  }
}
