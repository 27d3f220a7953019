// The calls, waits and subscriptions that a connection has open in its server. All end when the connection does.
//
//   open ── register, release ──▶ open ── close ──▶ closed: gives out what was left, once; registering fails

/// Registering on a connection that has ended.
public struct ScopeClosed: Error, Sendable, Hashable {
  public init() {}
}

/// The entries of one connection's scope, by number and kind.
public struct ScopeLedger: Sendable {
  public typealias EntryID = UInt64

  public private(set) var isOpen = true
  private var entries: [EntryID: QuotaKind] = [:]
  private var nextID: EntryID = 1

  public init() {}

  public mutating func register(_ kind: QuotaKind) throws(ScopeClosed) -> EntryID {
    guard isOpen else { throw ScopeClosed() }
    defer { nextID += 1 }
    entries[nextID] = kind
    return nextID
  }

  /// The kind of the entry; nil if it was released before, or ended with its scope.
  public mutating func release(_ id: EntryID) -> QuotaKind? { entries.removeValue(forKey: id) }

  /// Ends the scope. Gives out what was still registered, oldest first; nothing the second time.
  public mutating func close() -> [(id: EntryID, kind: QuotaKind)] {
    isOpen = false
    defer { entries = [:] }
    return entries.sorted { $0.key < $1.key }.map { (id: $0.key, kind: $0.value) }
  }

  public func contains(_ id: EntryID) -> Bool { entries[id] != nil }

  public func count(of kind: QuotaKind) -> Int { entries.values.count { $0 == kind } }

  public var count: Int { entries.count }
}
