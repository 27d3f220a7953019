internal import GRDB
internal import GRDBSQLite
internal import Glibc
internal import Synchronization

// From the words of SQLite and of the kernel to a StoreError. SQLite calls a database malformed when the kernel cannot read
// a page of it (EIO becomes SQLITE_CORRUPT), and has one code for a dozen errnos. So the kernel is asked itself: whether it
// can read the files, and what its errno was.

extension GuestStore {
  /// - Parameter errno: of the connection, as `sqlite3_system_errno` has it; 0 where that is not known.
  static func storeError(_ error: any Error, path: String, errno: Int32 = 0) -> StoreError {
    if let error = error as? StoreError { return error }
    guard let error = error as? DatabaseError else { return .failed(path: path, reason: "\(error)") }
    let message = error.message ?? "error \(error.resultCode.rawValue)"
    switch error.resultCode {
    case .SQLITE_FULL: return .full(path: path, reason: "no space left on the disk")
    case .SQLITE_BUSY, .SQLITE_LOCKED: return .busy(path: path)
    case .SQLITE_CORRUPT, .SQLITE_NOTADB:
      if let fault = unreadable(path) { return .failed(path: path, reason: fault) }
      return .damaged(path: path, reason: message)
    default:
      if errno == EDQUOT { return .full(path: path, reason: "the quota on the disk is used up") }
      let why = errno == 0 ? unreadable(path) : words(errno)
      return .failed(path: path, reason: why.map { "\(message): \($0)" } ?? message)
    }
  }

  /// The same, of an error on an open connection; damage that a second look does not find was none.
  static func storeError(_ error: any Error, path: String, on db: Database) -> StoreError {
    let errno = db.sqliteConnection.map { sqlite3_system_errno($0) } ?? 0
    let first = storeError(error, path: path, errno: errno)
    guard error is DatabaseError, case .damaged = first else { return first }
    do { try verify(path: path) } catch { return storeError(error, path: path) }
    return .failed(path: path, reason: "reading it failed, and a second look found it whole")
  }

  private static func words(_ number: Int32) -> String { String(cString: strerror(number)) }

  /// Why the kernel does not give all bytes of the database and of its log; nil where it does, or where a file is missing.
  private static func unreadable(_ path: String) -> String? {
    for file in [path, path + "-wal"] {
      let descriptor: Int32
      switch witnesses.withLock({ $0.descriptor(of: file) }) {
      case .success(let number?): descriptor = number
      case .success(nil): continue
      case .failure(let error): return "open \(file): \(words(error.number))"
      }
      let failure = withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { chunk -> Int32? in
        var offset: off_t = 0
        while true {
          let count = pread(descriptor, chunk.baseAddress, chunk.count, offset)
          if count == 0 { return nil }
          if count < 0, errno != EINTR { return errno }
          offset += off_t(max(count, 0))
        }
      }
      if let failure { return "read \(file): \(words(failure))" }
    }
    return nil
  }

  private static let witnesses = Mutex(Witnesses())
}

/// Descriptors to look at database files with. They stay open: closing one gives up SQLite's own locks on the file,
/// for those are the process's (sqlite.org/howtocorrupt.html, section 2.2).
private struct Witnesses: Sendable {
  struct Failure: Error {
    var number: Int32
  }

  private var byPath: [String: (descriptor: Int32, inode: UInt64)] = [:]

  mutating func descriptor(of path: String) -> Result<Int32?, Failure> {
    var status = stat()
    guard stat(path, &status) == 0 else { return errno == ENOENT ? .success(nil) : .failure(Failure(number: errno)) }
    if let known = byPath[path], known.inode == UInt64(status.st_ino) { return .success(known.descriptor) }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return .failure(Failure(number: errno)) }
    byPath[path] = (descriptor, UInt64(status.st_ino))
    return .success(descriptor)
  }
}
