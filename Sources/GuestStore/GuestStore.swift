internal import GRDB
internal import Glibc
public import Guest
internal import Supervision
internal import Synchronization

/// Guests, runs and the event journal in one SQLite database, so that a state, its events and its history are written
/// in one transaction.
///
/// WAL with `synchronous=FULL`: what `commit` has returned survives a power cut. Writes come from one place at a time;
/// reads run beside them.
public final class GuestStore: Sendable {
  /// Format written by this version (`PRAGMA user_version`). It only grows.
  static let format = 5

  public let path: String
  let pool: DatabasePool
  /// Which they are, and as our last write left them.
  let files = Mutex(DatabaseFiles())
  /// Descriptors of files at the same path that were open before this database was: they are not its own.
  let strangers: [DatabaseFiles.Part: Set<StoreFiles.Descriptor>]
  let boot: BootID
  /// Rows that were left out of what was read.
  public let unreadable = UnreadableRows()

  /// Opens or makes the database.
  ///
  /// - Parameter boot: the kernel's present boot; every row written is stamped with it.
  /// - Throws: `damaged`, `newer`, or what the disk says. The file is left as it is.
  public init(path: String, boot: BootID) throws(StoreError) {
    self.path = path
    self.boot = boot
    strangers = Dictionary(
      uniqueKeysWithValues: DatabaseFiles.Part.allCases.map { ($0, StoreFiles.descriptors(of: $0, path)) })
    do {
      var configuration = Configuration()
      configuration.maximumReaderCount = 3
      configuration.busyMode = .timeout(5)
      configuration.label = "lodge"
      try Self.makePrivate(path)
      pool = try DatabasePool(path: path, configuration: configuration)
      try pool.writeWithoutTransaction { db in
        // GRDB's pool sets NORMAL, with which a power cut loses the newest commits (PRAGMA synchronous, sqlite.org).
        try db.execute(sql: "PRAGMA synchronous = FULL")
        try db.execute(sql: "PRAGMA wal_autocheckpoint = 2000")
        try db.execute(sql: "PRAGMA journal_size_limit = 16777216")
        let level = try Int.fetchOne(db, sql: "PRAGMA synchronous")
        guard level == 2 else { throw StoreError.failed(path: path, reason: "synchronous=FULL was not taken") }
        try Self.prepare(db, path: path)
      }
      noteFiles()
    } catch {
      throw Self.storeError(error, path: path)
    }
  }

  /// Made by us before SQLite does, which goes by the umask and gives the log and its index the mode of the database.
  private static func makePrivate(_ path: String) throws(StoreError) {
    let descriptor = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0o600)
    // SQLite's own attempt gives the better error.
    guard descriptor >= 0 else { return }
    Glibc.close(descriptor)
    for file in [path, path + "-wal", path + "-shm"] {
      guard chmod(file, 0o600) == 0 || errno == ENOENT || errno == EROFS else {
        throw .failed(path: path, reason: "chmod \(file): \(String(cString: strerror(errno)))")
      }
    }
  }

  /// Moves what the log holds into the database, for a process that is about to end.
  ///
  /// It does not close: reads may be under way on other threads, and SQLite answers those with a crash. The end of the
  /// process closes all the same.
  public func settle() throws(StoreError) {
    do {
      _ = try pool.writeWithoutTransaction { db in
        defer { self.noteFiles() }
        do { return try db.checkpoint(.passive) } catch { throw Self.storeError(error, path: self.path, on: db) }
      }
    } catch {
      throw Self.storeError(error, path: path)
    }
  }

  /// Closes the database. No read or write may be under way.
  public func close() throws(StoreError) {
    do { try pool.close() } catch { throw Self.storeError(error, path: path) }
  }

  private static func prepare(_ db: Database, path: String) throws {
    let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    if version > format {
      // A newer version says in the table which format a reader must know at least.
      let needed = try Int.fetchOne(db, sql: "SELECT value FROM meta WHERE key = 'minimum_reader'") ?? version
      guard needed <= format else { throw StoreError.newer(path: path, version: version) }
    }
    if version == 0 {
      try db.inTransaction {
        try db.execute(sql: schema)
        try db.execute(sql: "PRAGMA user_version = \(format)")
        return .commit
      }
    }
    if let problem = try String.fetchOne(db, sql: "PRAGMA quick_check(1)"), problem != "ok" {
      throw StoreError.damaged(path: path, reason: problem)
    }
    // Of no format: a version that does not know it does without.
    if version > 0 { try db.execute(sql: requestsSchema) }
    if try !db.columns(in: "requests").contains(where: { $0.name == "boot_time" }) {
      try db.execute(sql: "ALTER TABLE requests ADD COLUMN boot BLOB")
      try db.execute(sql: "ALTER TABLE requests ADD COLUMN boot_time INTEGER NOT NULL DEFAULT 0")
    }
    if version > 0, version < format {
      try keepFormer(db, path: path, format: version)
      try db.inTransaction {
        try migrate(db)
        try upgradeRows(db, path: path)
        // A former version reads this and refuses the database with a sentence.
        try db.execute(sql: "INSERT OR REPLACE INTO meta VALUES ('minimum_reader', ?)", arguments: [format])
        try db.execute(sql: "PRAGMA user_version = \(format)")
        return .commit
      }
    }
  }

  /// From format 1: hooks got the attempts at an event. Some builds wrote these columns and called it 1 still.
  /// From format 2: the spec of a run has a place beside the defined one.
  private static func migrate(_ db: Database) throws {
    if try !db.columns(in: "guests").contains(where: { $0.name == "run_spec" }) {
      try db.execute(sql: "ALTER TABLE guests ADD COLUMN run_spec BLOB")
    }
    let columns = try db.columns(in: "hooks").map(\.name)
    for column in ["started", "attempt"] where !columns.contains(column) {
      try db.execute(sql: "ALTER TABLE hooks ADD COLUMN \(column) INTEGER NOT NULL DEFAULT 0")
    }
  }

  /// `AUTOINCREMENT` keeps the highest number apart from the rows: a number is never given out twice, even when
  /// retention has emptied the table.
  private static let schema = """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    INSERT INTO meta VALUES ('minimum_reader', 5);
    CREATE TABLE guests (
      id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, record BLOB NOT NULL, run_spec BLOB);
    CREATE TABLE runs (
      guest_id INTEGER NOT NULL, number INTEGER NOT NULL, guest TEXT NOT NULL, run BLOB NOT NULL UNIQUE,
      sequence INTEGER NOT NULL, record BLOB NOT NULL, PRIMARY KEY (guest_id, number)) WITHOUT ROWID;
    CREATE INDEX runs_by_guest ON runs (guest, guest_id);
    CREATE TABLE journal (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, boot BLOB NOT NULL, guest TEXT, event BLOB NOT NULL);
    CREATE INDEX journal_by_time ON journal (time);
    CREATE TABLE hooks (
      name TEXT PRIMARY KEY, spec BLOB NOT NULL, position INTEGER NOT NULL, runs INTEGER NOT NULL DEFAULT 0,
      failures INTEGER NOT NULL DEFAULT 0, last_error TEXT NOT NULL DEFAULT '',
      started INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
    """ + "\n" + requestsSchema

  private static let requestsSchema = """
    CREATE TABLE IF NOT EXISTS requests (
      id INTEGER PRIMARY KEY AUTOINCREMENT, uid INTEGER NOT NULL, request BLOB NOT NULL, time INTEGER NOT NULL,
      record BLOB NOT NULL, boot BLOB, boot_time INTEGER NOT NULL DEFAULT 0, UNIQUE (uid, request));
    DROP INDEX IF EXISTS requests_by_time;
    CREATE INDEX IF NOT EXISTS requests_by_user ON requests (uid, id);
    """
}
