internal import Foundation
internal import GRDB
internal import Glibc
internal import Guest
internal import GuestWire
public import Supervision
internal import Synchronization
internal import WireProtocol
internal import XDR

// The files of the database belong to this process alone. So between two of its own writes nothing about them changes;
// if something does, a stranger has written, replaced or removed them, and what is in memory is no longer what is on the
// disk. This is looked for before every write, and once a second.

/// Attributes of the database and its log that change with every write by another process.
struct StoreFiles: Sendable, Hashable {
  private struct File: Sendable, Hashable {
    var device: UInt64
    var inode: UInt64
    var size: Int64
    var modified: [Int]
    var changed: [Int]
  }

  private var database: File?
  private var log: File?

  /// As they are now; a file that is not there is nil.
  init(path: String) {
    database = Self.look(path)
    log = Self.look(path + "-wal")
  }

  /// Another file by now, or none.
  func isReplaced(by other: StoreFiles) -> Bool {
    func differ(_ own: File?, _ other: File?) -> Bool {
      guard let own else { return false }
      return own.device != other?.device || own.inode != other?.inode
    }
    return differ(database, other.database) || differ(log, other.log)
  }

  private static func look(_ path: String) -> File? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return File(
      device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
      modified: [status.st_mtim.tv_sec, status.st_mtim.tv_nsec],
      changed: [status.st_ctim.tv_sec, status.st_ctim.tv_nsec])
  }
}

extension GuestStore {
  /// Writes in one transaction, unless the files are not ours any more.
  func write<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
    do {
      return try pool.writeWithoutTransaction { db in
        try self.checkFiles(db)
        var value: Value?
        // The log may be moved into the database at its end: that is within it, and so within our own change.
        defer { self.noteFiles() }
        do {
          try db.inTransaction {
            value = try body(db)
            return .commit
          }
        } catch {
          throw Self.storeError(error, path: self.path, on: db)
        }
        guard let value else { throw StoreError.failed(path: self.path, reason: "a transaction without a value") }
        return value
      }
    } catch {
      throw Self.storeError(error, path: path)
    }
  }

  /// Whether the files are as our last write left them, or at least whole.
  ///
  /// - Throws: `damaged`, when they are not the database any more that was opened.
  public func check() throws(StoreError) {
    do { try pool.writeWithoutTransaction { try self.checkFiles($0) } } catch {
      throw Self.storeError(error, path: path)
    }
  }

  /// The files are as they should be: from here on every change is a stranger's.
  func noteFiles() {
    let now = StoreFiles(path: path)
    files.withLock { $0 = now }
  }

  private func checkFiles(_ db: Database) throws {
    let now = StoreFiles(path: path)
    guard let known = files.withLock({ $0 }), known != now else { return }
    if known.isReplaced(by: now) {
      throw StoreError.damaged(path: path, reason: "the file was removed or replaced while the daemon had it open")
    }
    // Touched, or written to. The log may hide what happened to the database until it is begun anew, so that comes first;
    // and our own connections have pages in memory, so a new one looks.
    try db.checkpoint(.truncate)
    try Self.verify(path: path)
    noteFiles()
  }

  /// Reads all that a start reads, and the structure of the rest.
  static func verify(path: String) throws {
    var configuration = Configuration()
    configuration.readonly = true
    configuration.label = "lodge.check"
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    try queue.read { db in
      if let problem = try String.fetchOne(db, sql: "PRAGMA quick_check(1)"), problem != "ok" {
        throw StoreError.damaged(path: path, reason: "it was written to by another process: \(problem)")
      }
      for row in try Row.fetchAll(db, sql: "SELECT name, record, run_spec FROM guests") {
        do { _ = try Self.guest(row) } catch {
          throw StoreError.damaged(path: path, reason: "it was written to by another process: \(error)")
        }
      }
    }
  }

  /// Bytes of the database and its log on the disk.
  public var size: UInt64 {
    [path, path + "-wal"].reduce(0) { sum, file in
      var status = stat()
      return stat(file, &status) == 0 ? sum + UInt64(status.st_size) : sum
    }
  }

  /// Of a copy of what is known: the newest number that the journal had given out.
  public func noteKept(_ newest: UInt64) throws(StoreError) {
    try write { db in
      try db.execute(
        sql: "INSERT OR REPLACE INTO meta VALUES ('kept_sequence', ?)", arguments: [Int64(clamping: newest)])
    }
  }

  /// What `noteKept` wrote down; nil where that cannot be read.
  public static func keptSequence(path: String) -> UInt64? {
    var configuration = Configuration()
    configuration.readonly = true
    configuration.label = "lodge.kept"
    guard let queue = try? DatabaseQueue(path: path, configuration: configuration) else { return nil }
    let found = try? queue.read { db in
      try Int64.fetchOne(db, sql: "SELECT value FROM meta WHERE key = 'kept_sequence'")
    }
    return found.flatMap { $0 }.map { UInt64($0) }
  }

  /// When a database was last written to, in seconds; nil where there is none.
  public static func modified(path: String) -> Int? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mtim.tv_sec : nil
  }

  static func guest(_ row: Row) throws -> StoredGuest {
    try StoredGuest(
      name: GuestName(row["name"] as String), encoded: Array(row["record"] as Data),
      runSpec: (row["run_spec"] as Data?).map { Array($0) })
  }

  /// The guests that can still be read from a database that is damaged, one by one.
  ///
  /// - Returns: those, and how many there should be, where that can be read.
  public static func salvage(path: String) -> (guests: [StoredGuest], expected: Int?) {
    var configuration = Configuration()
    configuration.readonly = true
    configuration.label = "lodge.salvage"
    guard let queue = try? DatabaseQueue(path: path, configuration: configuration) else { return ([], nil) }
    let found = try? queue.read { db -> ([StoredGuest], Int?) in
      let highest = (try? Int.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'guests'")) ?? nil
      let expected = (try? Int.fetchOne(db, sql: "SELECT count(*) FROM guests")) ?? nil
      let columns = ((try? db.columns(in: "guests")) ?? []).map(\.name)
      let runSpec = columns.contains("run_spec") ? "run_spec" : "NULL AS run_spec"
      var guests: [StoredGuest] = []
      for id in 1...max(1, min(highest ?? 100_000, 1_000_000)) {
        let sql = "SELECT name, record, \(runSpec) FROM guests WHERE id = \(id)"
        if let row = try? Row.fetchOne(db, sql: sql), let guest = try? Self.guest(row) { guests.append(guest) }
      }
      return (guests, expected)
    }
    return found ?? ([], nil)
  }
}
