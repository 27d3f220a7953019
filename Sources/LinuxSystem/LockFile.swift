import CLinuxSystem
import Glibc

/// A file that one process at a time may hold: flock(2). The lock belongs to the open file, so it passes to a child
/// that inherits the descriptor, and goes when the last one closes.
public final class LockFile {
  public let fd: OwnedFD

  init(fd: OwnedFD) { self.fd = fd }

  /// Takes the lock and writes our pid into the file; nil when another process holds it (see `holder`).
  public static func acquire(
    at path: String, mode: UInt32 = 0o600, in directory: Int32 = Files.workingDirectory
  ) throws(SystemError) -> LockFile? {
    let file = try Files.open(path, flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: mode, at: directory)
    while flock(file.rawValue, LOCK_EX | LOCK_NB) == -1 {
      if errno == EINTR { continue }
      if errno == EWOULDBLOCK { return nil }
      throw .last("lock", on: path)
    }
    try check("truncate", on: path) { ftruncate(file.rawValue, 0) }
    var pid = "\(getpid())\n"
    try check("write", on: path) { pid.withUTF8 { pwrite(file.rawValue, $0.baseAddress, $0.count, 0) } }
    return LockFile(fd: file)
  }

  /// Takes the lock of a folder itself, which cannot be replaced without what is in it; nil when another process holds it.
  public static func acquire(folder path: String) throws(SystemError) -> LockFile? {
    let folder = try Files.open(path, flags: O_RDONLY | O_DIRECTORY)
    while flock(folder.rawValue, LOCK_EX | LOCK_NB) == -1 {
      if errno == EINTR { continue }
      if errno == EWOULDBLOCK { return nil }
      throw .last("lock", on: path)
    }
    return LockFile(fd: folder)
  }

  /// The pid of who holds it: the one that took it, by the kernel's own list (/proc/locks), or the one written in the
  /// file when the taker has passed it on; nil when it is free or unknown.
  public static func holder(at path: String, in directory: Int32 = Files.workingDirectory) -> Int32? {
    guard let file = try? Files.open(path, flags: O_RDONLY, at: directory) else { return nil }
    if flock(file.rawValue, LOCK_SH | LOCK_NB) == 0 { return nil }
    var info = stat()
    guard fstat(file.rawValue, &info) == 0 else { return nil }
    if let locks = try? Files.read("/proc/locks"),
      let pid = holder(in: locks, device: UInt64(info.st_dev), inode: UInt64(info.st_ino)), pid > 0
    {
      return pid
    }
    guard let written = try? Files.read(file, named: path, limit: 64) else { return nil }
    return Int32(decimal: written.prefix { $0 != UInt8(ascii: "\n") })
  }

  /// Lines look like `1: FLOCK  ADVISORY  WRITE 1234 fe:00:12345 0 EOF`, the device in hexadecimal.
  static func holder(in locks: [UInt8], device: UInt64, inode: UInt64) -> Int32? {
    var major: UInt32 = 0
    var minor: UInt32 = 0
    ls_device(device, &major, &minor)
    for line in locks.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: " "))
      guard fields.count >= 6, fields[1].elementsEqual("FLOCK".utf8) else { continue }
      let place = fields[5].split(separator: UInt8(ascii: ":"))
      guard place.count == 3, hexadecimal(place[0]) == major, hexadecimal(place[1]) == minor,
        UInt64(decimal: place[2]) == inode
      else { continue }
      return Int32(decimal: fields[4])
    }
    return nil
  }

  private static func hexadecimal(_ bytes: ArraySlice<UInt8>) -> UInt32? {
    guard !bytes.isEmpty, bytes.count <= 8 else { return nil }
    var value: UInt32 = 0
    for byte in bytes {
      guard let digit = hexDigit(byte) else { return nil }
      value = value << 4 | UInt32(digit)
    }
    return value
  }
}
