import CLinuxSystem
import Glibc

/// Which file a name stands for at the moment, and how long it is.
public struct FileStatus: Equatable, Sendable {
  /// Names one file within its file system, whatever it is called.
  public var inode: UInt64
  public var size: UInt64
}

extension Files {
  /// Whether execve(2) could be asked to run it: a regular file with an execute bit.
  public static func isExecutable(_ path: String) throws(SystemError) -> Bool {
    var status = stat()
    try check("stat", on: path) { stat(path, &status) }
    return status.st_mode & S_IFMT == S_IFREG && status.st_mode & 0o111 != 0
  }

  public static func status(_ path: String) throws(SystemError) -> FileStatus {
    var status = stat()
    try check("stat", on: path) { stat(path, &status) }
    return FileStatus(inode: UInt64(status.st_ino), size: UInt64(max(status.st_size, 0)))
  }

  /// At most `limit` bytes from `offset` on; none at or behind the end.
  public static func read(_ path: String, from offset: UInt64, limit: Int) throws(SystemError) -> [UInt8] {
    let file = try open(path, flags: O_RDONLY)
    var bytes = [UInt8](repeating: 0, count: limit)
    var filled = 0
    while filled < limit {
      let got = try check("read", on: path) {
        bytes.withUnsafeMutableBytes {
          pread(file.rawValue, $0.baseAddress! + filled, limit - filled, off_t(clamping: offset) + off_t(filled))
        }
      }
      if got == 0 { break }
      filled += got
    }
    bytes.removeLast(limit - filled)
    return bytes
  }
}

extension Files {
  public static let reading = O_RDONLY
  /// For files that only grow: made if missing, every write at the end.
  public static let appending = O_WRONLY | O_CREAT | O_APPEND

  public static func rename(_ path: String, to target: String) throws(SystemError) {
    try check("rename", on: path) { Glibc.rename(path, target) }
  }

  /// Removes a directory if it is empty; a cgroup counts as empty when no process is in it.
  public static func removeEmptyDirectory(_ path: String) { rmdir(path) }
}

extension Files {
  /// Copies a file of any size; what was at `target` is replaced.
  public static func copy(_ path: String, to target: String) throws(SystemError) {
    let source = try open(path, flags: O_RDONLY)
    let copy = try open(target, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
    while try check("copy", on: path, { sendfile(copy.rawValue, source.rawValue, nil, 1 << 20) }) > 0 {}
    try check("fsync", on: target) { fsync(copy.rawValue) }
  }
}

extension Files {
  /// Bytes free for us on the file system of `path` (statvfs(3)); nil if the kernel does not say.
  public static func freeBytes(_ path: String) -> UInt64? {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return nil }
    return UInt64(status.f_bavail) * UInt64(status.f_frsize)
  }
}
