// The calls, waits and subscriptions that a connection has open in its server. All end when the connection does.
//
//   open ── register, begin, release ──▶ open ── close ──▶ closed: gives out what was left, once; registering fails
//
//   an entry: registered ── begin ──▶ at work ── release ──▶ over      at work: a task exists for it, and ends by itself
//                 └────── release, or close ──▶ over                   close asks it to end; only its release ends it

/// Registering on a connection that has ended.
public struct ScopeClosed: Error, Sendable, Hashable {
  public init() {}
}

/// The entries of one connection's scope, by number and kind.
public struct ScopeLedger: Sendable {
  public typealias EntryID = UInt64

  /// An entry that was there when its scope closed.
  public struct Left: Sendable, Hashable {
    public var id: EntryID
    public var kind: QuotaKind
    /// Its task has not ended yet, and the entry stays until it has.
    public var isAtWork: Bool
  }

  private struct Entry: Sendable {
    var kind: QuotaKind
    var isAtWork = false
  }

  public private(set) var isOpen = true
  private var entries: [EntryID: Entry] = [:]
  private var nextID: EntryID = 1

  public init() {}

  public mutating func register(_ kind: QuotaKind) throws(ScopeClosed) -> EntryID {
    guard isOpen else { throw ScopeClosed() }
    defer { nextID += 1 }
    entries[nextID] = Entry(kind: kind)
    return nextID
  }

  /// A task is about to begin for these entries. Each is then released by that task alone, whatever becomes of the scope.
  public mutating func begin(_ ids: [EntryID]) throws(ScopeClosed) {
    guard isOpen else { throw ScopeClosed() }
    for id in ids { entries[id]?.isAtWork = true }
  }

  /// The kind of the entry; nil if it was released before, or ended with its scope.
  public mutating func release(_ id: EntryID) -> QuotaKind? { entries.removeValue(forKey: id)?.kind }

  /// Ends the scope. Gives out what was still registered, oldest first; nothing the second time. Entries at work stay.
  public mutating func close() -> [Left] {
    guard isOpen else { return [] }
    isOpen = false
    defer { entries = entries.filter { $0.value.isAtWork } }
    return entries.sorted { $0.key < $1.key }.map { Left(id: $0.key, kind: $0.value.kind, isAtWork: $0.value.isAtWork) }
  }

  public func contains(_ id: EntryID) -> Bool { entries[id] != nil }

  public func count(of kind: QuotaKind) -> Int { entries.values.count { $0.kind == kind } }

  public var count: Int { entries.count }
}
