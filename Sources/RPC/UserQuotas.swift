/// A resource that the clients of one user share, over all of that user's connections.
public enum QuotaKind: String, Sendable, Hashable, CaseIterable {
  case connections
  /// Calls that wait for their reply.
  case calls
  /// Calls that wait for a guest or for new log lines.
  case waits
  case subscriptions
  /// Reads of the journal or of the history of runs that are in progress.
  case journalReads
  /// Bytes kept for peers: replies, events, keepalive, and frames that are not whole yet.
  case bytes
}

/// One bound on all users together, and on each of them.
public struct Quota: Sendable, Hashable {
  /// All users together.
  public var total: Int
  /// One user other than root.
  public var perUser: Int
  /// Of `total`, what only root gets.
  public var reserved: Int

  public init(total: Int, perUser: Int, reserved: Int) {
    self.total = total
    self.perUser = perUser
    self.reserved = reserved
  }
}

/// Why a user gets no more of something.
public enum QuotaRefusal: Error, Sendable, Hashable {
  /// The user holds `held`, the most that one user may hold.
  case user(held: Int)
  /// All users together hold `held`, and the rest is kept for users that hold less, or for root.
  case everybody(held: Int)
}

/// Counts what each user holds of each kind, and says when that is enough.
///
/// A user other than root gets more only while it holds no more than is left: of `n` users that take all they can get,
/// each ends with about one part in `n + 1`, and that one part stays free for the next user (dynamic thresholds,
/// Choudhury and Hahne 1998). Nothing is ever taken back, and root's reserve is never lent.
public struct UserQuotas: Sendable {
  private struct Account: Sendable {
    var used = 0
    var byUser: [UInt32: Int] = [:]
  }

  private static let root: UInt32 = 0

  private let quotas: [QuotaKind: Quota]
  private var accounts: [QuotaKind: Account] = [:]

  /// - Parameter quotas: a kind that is absent has no bound, and is counted all the same.
  public init(_ quotas: [QuotaKind: Quota]) { self.quotas = quotas }

  public func quota(of kind: QuotaKind) -> Quota? { quotas[kind] }

  /// Held by all users together.
  public func used(_ kind: QuotaKind) -> Int { accounts[kind]?.used ?? 0 }

  public func used(_ kind: QuotaKind, by user: UInt32) -> Int { accounts[kind]?.byUser[user] ?? 0 }

  /// The most that one user other than root holds.
  public func largestShare(_ kind: QuotaKind) -> Int {
    accounts[kind]?.byUser.lazy.filter { $0.key != UserQuotas.root }.map(\.value).max() ?? 0
  }

  /// Whether `user` would get `amount` more; nil if so.
  public func refusal(of kind: QuotaKind, _ amount: Int = 1, for user: UInt32) -> QuotaRefusal? {
    guard let quota = quotas[kind] else { return nil }
    let used = used(kind)
    guard user != UserQuotas.root else {
      return used + amount <= quota.total ? nil : .everybody(held: used)
    }
    let own = self.used(kind, by: user)
    if own + amount > quota.perUser { return .user(held: own) }
    // Root takes from its reserve first.
    let others = used - self.used(kind, by: UserQuotas.root)
    let left = min(quota.total - quota.reserved - others, quota.total - used)
    return own + amount <= left ? nil : .everybody(held: used)
  }

  public mutating func take(_ kind: QuotaKind, _ amount: Int = 1, for user: UInt32) throws(QuotaRefusal) {
    if let refusal = refusal(of: kind, amount, for: user) { throw refusal }
    charge(kind, amount, to: user)
  }

  /// Counts what is held already, without asking whether it may be.
  public mutating func charge(_ kind: QuotaKind, _ amount: Int, to user: UInt32) {
    guard amount != 0 else { return }
    accounts[kind, default: Account()].used += amount
    accounts[kind, default: Account()].byUser[user, default: 0] += amount
  }

  public mutating func give(_ kind: QuotaKind, _ amount: Int = 1, by user: UInt32) {
    guard amount != 0, var account = accounts[kind] else { return }
    let left = account.byUser[user, default: 0] - amount
    precondition(left >= 0, "user \(user) gives back more \(kind.rawValue) than it has")
    account.used -= amount
    account.byUser[user] = left == 0 ? nil : left
    accounts[kind] = account
  }
}
