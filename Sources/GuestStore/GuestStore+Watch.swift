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

extension DatabaseFiles.Part {
  /// Behind the path of the database.
  fileprivate var suffix: String {
    switch self {
    case .database: ""
    case .log: "-wal"
    }
  }
}

extension DatabaseFiles.Identity {
  fileprivate init(_ status: stat) {
    self.init(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }
}

/// The edge of `DatabaseFiles`: asks the kernel.
enum StoreFiles {
  typealias Part = DatabaseFiles.Part

  /// What the paths lead to; a file that is not there is absent.
  static func look(_ path: String) -> [Part: DatabaseFiles.Look] {
    func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec) }
    var found: [Part: DatabaseFiles.Look] = [:]
    for part in Part.allCases {
      var status = stat()
      guard stat(path + part.suffix, &status) == 0 else { continue }
      found[part] = .init(
        .init(status), size: Int64(status.st_size), modified: nanoseconds(status.st_mtim),
        changed: nanoseconds(status.st_ctim))
    }
    return found
  }

  /// A descriptor of this process, and the file behind it.
  struct Descriptor: Hashable {
    let number: Int32
    let file: DatabaseFiles.Identity
  }

  /// Descriptors that were opened by the path of a part, also where another file lies there by now: the link in
  /// `/proc/self/fd` has the path, or the path and ` (deleted)` (proc_pid_fd(5)).
  static func descriptors(of part: Part, _ path: String) -> Set<Descriptor> {
    guard let folder = realpath(parent(of: path), nil) else { return [] }
    defer { free(folder) }
    let name = String(cString: folder) + "/" + (path.split(separator: "/").last ?? "") + part.suffix
    let names = [name, name + " (deleted)"]
    var found: Set<Descriptor> = []
    guard let listing = opendir("/proc/self/fd") else { return [] }
    defer { closedir(listing) }
    while let entry = readdir(listing) {
      let text = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      guard let number = Int32(text) else { continue }
      var link = [UInt8](repeating: 0, count: Int(PATH_MAX))
      let length = readlink("/proc/self/fd/\(text)", &link, link.count)
      var status = stat()
      guard length > 0, names.contains(String(decoding: link[..<length], as: UTF8.self)), fstat(number, &status) == 0
      else { continue }
      found.insert(Descriptor(number: number, file: .init(status)))
    }
    return found
  }

  private static func parent(of path: String) -> String {
    path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
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
    let now = StoreFiles.look(path)
    files.withLock { files in
      for part in files.unknown {
        let new = StoreFiles.descriptors(of: part, path).subtracting(strangers[part] ?? [])
        let opened = Set(new.map(\.file))
        // Two mean that another database was opened at the path meanwhile: which one is ours is not known then.
        if opened.count == 1, let file = opened.first { files.opened([part: file]) }
      }
      files.leave(now)
    }
  }

  private func checkFiles(_ db: Database) throws {
    switch files.withLock({ $0.finding(StoreFiles.look(path)) }) {
    case .asLeft: return
    case .replaced:
      throw StoreError.damaged(path: path, reason: "the file was removed or replaced while the daemon had it open")
    case .touched:
      // The log may hide what happened to the database until it is begun anew, so that comes first; and our own
      // connections have pages in memory, so a new one looks.
      try db.checkpoint(.truncate)
      try Self.verify(path: path)
      noteFiles()
    }
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
      name: GuestName(row.value("name")), encoded: row.bytes("record"),
      runSpec: (try row.optional("run_spec") as Data?).map { Array($0) })
  }

  /// The guests that can still be read from a database that is damaged, one by one, also from one of a former version.
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
        guard let row = try? Row.fetchOne(db, sql: sql), Data.fromDatabaseValue(row["record"]) != nil else { continue }
        if let guest = (try? Self.formerGuest(row)) ?? (try? Self.guest(row)) { guests.append(guest) }
      }
      return (guests, expected)
    }
    return found ?? ([], nil)
  }
}
