import CLinuxSystem
import Glibc

/// One name in a directory.
public struct DirectoryEntry: Equatable, Sendable {
  public enum Kind: Sendable { case file, directory, symlink, socket, other }
  public var name: String
  public var kind: Kind
}

/// Files and folders by path, or by name inside an open directory (`at`).
public enum Files {
  /// Paths are relative to the working directory.
  public static let workingDirectory: Int32 = AT_FDCWD

  /// Opens with O_CLOEXEC added.
  public static func open(
    _ path: String, flags: Int32, mode: UInt32 = 0, at directory: Int32 = workingDirectory
  ) throws(SystemError) -> OwnedFD {
    OwnedFD(adopting: try check("open", on: path) { ls_open(directory, path, flags | O_CLOEXEC, mode) })
  }

  /// A directory to work in: other functions take it as `at`.
  public static func openDirectory(
    _ path: String, at directory: Int32 = workingDirectory
  ) throws(SystemError) -> OwnedFD {
    try open(path, flags: O_RDONLY | O_DIRECTORY, at: directory)
  }

  /// The whole file; more than `limit` bytes is an error (EFBIG), so that a wrong path cannot fill the memory.
  public static func read(
    _ path: String, at directory: Int32 = workingDirectory, limit: Int = 16 << 20
  ) throws(SystemError) -> [UInt8] {
    try read(try open(path, flags: O_RDONLY, at: directory), named: path, limit: limit)
  }

  /// The whole of a file that a person has named: a plain file, or what another program hands over (a pipe of a shell's
  /// `<(...)`, a terminal). A FIFO, which would be waited for, is refused at once (EINVAL).
  public static func readDocument(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
    let file = try open(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
    var info = stat()
    try check("stat", on: path) { fstat(file.rawValue, &info) }
    if info.st_mode & S_IFMT == S_IFIFO {
      // A pipe without a name has one only there (proc(5)).
      let name = try readLink("/proc/self/fd/\(file.rawValue)")
      guard name.hasPrefix("pipe:[") else { throw SystemError("read FIFO", on: path, errno: EINVAL) }
    }
    try file.setNonblocking(false)
    return try read(file, named: path, limit: limit)
  }

  /// The rest of an open file.
  public static func read(_ file: OwnedFD, named path: String, limit: Int = 16 << 20) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var failure: SystemError?
    withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 16) { chunk in
      do throws(SystemError) {
        while true {
          let got = try check("read", on: path) { Glibc.read(file.rawValue, chunk.baseAddress!, chunk.count) }
          if got == 0 { return }
          bytes.append(contentsOf: chunk[..<got])
          if bytes.count > limit { throw SystemError("read", on: path, errno: EFBIG) }
        }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// The whole file as text; invalid UTF-8 is replaced.
  public static func readText(_ path: String, at directory: Int32 = workingDirectory) throws(SystemError) -> String {
    String(decoding: try read(path, at: directory), as: UTF8.self)
  }

  /// Writes all bytes to an open file.
  public static func write(_ bytes: UnsafeRawBufferPointer, to fd: Int32, named path: String) throws(SystemError) {
    var done = 0
    while done < bytes.count {
      done += try check("write", on: path) { Glibc.write(fd, bytes.baseAddress! + done, bytes.count - done) }
    }
  }

  /// Writes a short value in a single write(2) to a file that exists: what control files in /proc and /sys want.
  public static func writeControl(
    _ value: String, to path: String, at directory: Int32 = workingDirectory
  ) throws(SystemError) {
    let file = try open(path, flags: O_WRONLY, at: directory)
    var value = value
    try check("write \(value) to", on: path) {
      value.withUTF8 { Glibc.write(file.rawValue, $0.baseAddress, $0.count) }
    }
  }

  /// Replaces a file as a whole, and is on disk when it returns: temporary file, fsync, rename, fsync of the folder.
  ///
  /// Readers see the old content or the new, after a power loss as well. On failure the old file is untouched and the
  /// temporary one gone.
  public static func writeAtomically(
    _ bytes: [UInt8], to path: String, mode: UInt32 = 0o600, at directory: Int32 = workingDirectory
  ) throws(SystemError) {
    let temporary = path + ".new"
    do throws(SystemError) {
      let file = try open(temporary, flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: mode, at: directory)
      var failure: SystemError?
      bytes.withUnsafeBytes { bytes in
        do throws(SystemError) { try write(bytes, to: file.rawValue, named: path) } catch { failure = error }
      }
      if let failure { throw failure }
      try check("fsync", on: path) { fsync(file.rawValue) }
      try check("rename", on: path) { renameat(directory, temporary, directory, path) }
    } catch {
      unlinkat(directory, temporary, 0)
      throw error
    }
    let folder = try openDirectory(parent(of: path), at: directory)
    try check("fsync folder of", on: path) { fsync(folder.rawValue) }
  }

  /// Makes a directory; false when one is there already.
  @discardableResult
  public static func makeDirectory(
    _ path: String, mode: UInt32 = 0o755, at directory: Int32 = workingDirectory
  ) throws(SystemError) -> Bool {
    if ls_mkdirat(directory, path, mode) == 0 { return true }
    let failure = SystemError.last("make directory", on: path)
    guard failure.errno == EEXIST, try isDirectory(path, at: directory) else { throw failure }
    return false
  }

  /// Makes a directory and those above it.
  public static func makeDirectories(_ path: String, mode: UInt32 = 0o755) throws(SystemError) {
    do {
      try makeDirectory(path, mode: mode)
    } catch {
      guard error.errno == ENOENT, parent(of: path) != path else { throw error }
      try makeDirectories(parent(of: path), mode: mode)
      try makeDirectory(path, mode: mode)
    }
  }

  public static func isDirectory(_ path: String, at directory: Int32 = workingDirectory) throws(SystemError) -> Bool {
    var info = stat()
    try check("stat", on: path) { fstatat(directory, path, &info, 0) }
    return info.st_mode & S_IFMT == S_IFDIR
  }

  /// The path without links, relative parts and doubled slashes (realpath(3)).
  public static func realPath(_ path: String) throws(SystemError) -> String {
    guard let real = realpath(path, nil) else { throw SystemError.last("find", on: path) }
    defer { free(real) }
    return String(cString: real)
  }

  public static func exists(_ path: String, at directory: Int32 = workingDirectory) -> Bool {
    var info = stat()
    return fstatat(directory, path, &info, AT_SYMLINK_NOFOLLOW) == 0
  }

  /// Sets an extended attribute; xattr(7).
  public static func setAttribute(_ name: String, to value: [UInt8], of path: String) throws(SystemError) {
    try check("set attribute \(name) of", on: path) { ls_set_attribute(path, name, value, value.count) }
  }

  /// An extended attribute of at most 256 bytes.
  public static func attribute(_ name: String, of path: String) throws(SystemError) -> [UInt8] {
    var value = [UInt8](repeating: 0, count: 256)
    let size = try check("read attribute \(name) of", on: path) {
      value.withUnsafeMutableBytes { ls_get_attribute(path, name, $0.baseAddress, $0.count) }
    }
    return Array(value.prefix(size))
  }

  /// The names in a directory, in no order, without `.` and `..`.
  public static func list(
    _ path: String = ".", at directory: Int32 = workingDirectory
  ) throws(SystemError) -> [DirectoryEntry] {
    try list(try openDirectory(path, at: directory), named: path)
  }

  static func list(_ directory: OwnedFD, named path: String) throws(SystemError) -> [DirectoryEntry] {
    var entries: [DirectoryEntry] = []
    try check("list", on: path) {
      withUnsafeMutablePointer(to: &entries) { entries in
        ls_list(directory.rawValue, entries) { context, name, type in
          let entries = context!.assumingMemoryBound(to: [DirectoryEntry].self)
          let kind: DirectoryEntry.Kind =
            switch Int32(type) {
            case Int32(DT_REG): .file
            case Int32(DT_DIR): .directory
            case Int32(DT_LNK): .symlink
            case Int32(DT_SOCK): .socket
            default: .other
            }
          entries.pointee.append(DirectoryEntry(name: String(cString: name!), kind: kind))
          return 0
        }
      }
    }
    return entries
  }

  /// Removes a file, or a directory with all in it. Symbolic links are removed and never followed, at any depth, even
  /// while another process swaps them. That it is gone already is no error.
  public static func removeTree(_ path: String, at directory: Int32 = workingDirectory) throws(SystemError) {
    if unlinkat(directory, path, 0) == 0 { return }
    let failure = SystemError.last("remove", on: path)
    if failure.errno == ENOENT { return }
    guard failure.errno == EISDIR || failure.errno == EPERM else { throw failure }
    do {
      let folder = try open(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW, at: directory)
      for entry in try list(folder, named: path) { try removeTree(entry.name, at: folder.rawValue) }
    } catch {
      if error.errno == ENOENT { return }
      throw error
    }
    if unlinkat(directory, path, AT_REMOVEDIR) == -1, errno != ENOENT { throw .last("remove", on: path) }
  }

  /// Where a symbolic link leads, as it says; readlink(2).
  public static func readLink(_ path: String, at directory: Int32 = workingDirectory) throws(SystemError) -> String {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = try check("read link", on: path) {
      bytes.withUnsafeMutableBytes {
        readlinkat(directory, path, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
      }
    }
    return String(decoding: bytes.prefix(count), as: UTF8.self)
  }

  /// The folder a path is in: "." for a bare name.
  public static func parent(of path: String) -> String {
    let bytes = Array(path.utf8)
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == 0 ? "/" : String(decoding: bytes[..<slash], as: UTF8.self)
  }
}
