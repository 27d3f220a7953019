/// Whether the files of the database are still those that are open, and as our own last write left them.
///
/// Which files are ours is known by what is open, and never by what lies at the path: a file that a stranger puts there
/// while we write would be taken for ours.
public struct DatabaseFiles: Sendable, Hashable {
  /// The files of one database.
  public enum Part: Sendable, Hashable, CaseIterable { case database, log }

  /// One file, whatever its name.
  public struct Identity: Sendable, Hashable {
    public var device: UInt64
    public var inode: UInt64

    public init(device: UInt64, inode: UInt64) {
      self.device = device
      self.inode = inode
    }
  }

  /// What a path leads to: attributes that change with every write.
  public struct Look: Sendable, Hashable {
    public var identity: Identity
    /// In bytes.
    public var size: Int64
    /// Of the content and of the attributes, in nanoseconds since 1970.
    public var modified: Int64
    public var changed: Int64

    public init(_ identity: Identity, size: Int64, modified: Int64, changed: Int64) {
      self.identity = identity
      self.size = size
      self.modified = modified
      self.changed = changed
    }
  }

  public enum Finding: Sendable, Hashable {
    case asLeft
    /// Written to by another process, or only touched: the content has to be looked at.
    case touched
    /// The path leads to another file than the one that is open, or to none.
    case replaced
  }

  private var held: [Part: Identity] = [:]
  private var left: [Part: Look]?

  public init() {}

  /// Parts whose open file is not known yet.
  public var unknown: [Part] { Part.allCases.filter { held[$0] == nil } }

  /// These files are open. What is known of a part stays: it is open as long as the database is.
  public mutating func opened(_ found: [Part: Identity]) { held.merge(found) { known, _ in known } }

  /// Our own write is done, and leaves the files like this. A path that leads to a stranger's file by then is found by the
  /// next `finding`.
  public mutating func leave(_ now: [Part: Look]) { left = now }

  public func finding(_ now: [Part: Look]) -> Finding {
    if held.contains(where: { now[$0.key]?.identity != $0.value }) { return .replaced }
    guard let left else { return .asLeft }
    return now == left ? .asLeft : .touched
  }
}
