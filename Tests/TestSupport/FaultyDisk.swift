import Glibc
import LinuxSystem

/// A disk below a daemon's database that fails as a test wishes, from any moment on and until it is healed.
///
/// The daemon is started with `environment`; nothing else about it differs, so a release program can be tested as well.
/// Only the files below `lib` of its root are concerned. The C program is `Tests/Programs/faulty_disk.c`.
public final class FaultyDisk: Sendable {
  /// What fails. The raw values are the program's.
  public struct Operations: OptionSet, Sendable, Hashable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let open = Operations(rawValue: 1)
    public static let read = Operations(rawValue: 2)
    public static let write = Operations(rawValue: 4)
    public static let sync = Operations(rawValue: 8)
    public static let truncate = Operations(rawValue: 16)
    /// mmap(2), which SQLite uses for the index of its log.
    public static let map = Operations(rawValue: 32)
    public static let all: Operations = [.open, .read, .write, .sync, .truncate, .map]
    /// In place of a failure: the call does not return before the disk is healed.
    static let hang = Operations(rawValue: 1 << 30)
  }

  /// Of which files.
  public struct Part: OptionSet, Sendable, Hashable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let database = Part(rawValue: 1)
    /// `lodge.db-wal`
    public static let log = Part(rawValue: 2)
    /// `lodge.db-shm`
    public static let index = Part(rawValue: 4)
    /// Everything else in that folder.
    public static let other = Part(rawValue: 8)
    public static let all: Part = [.database, .log, .index, .other]
  }

  /// What the daemon's environment needs.
  public let environment: [String: String]
  private let control: OwnedFD

  /// A disk below the daemon of this root folder, sound at first.
  public init(root: String) async throws {
    let library = try await Self.library()
    let path = "\(root)/disk.control"
    let file = try Files.open(path, flags: O_RDWR | O_CREAT | O_TRUNC, mode: 0o600)
    try check("ftruncate", on: path) { ftruncate(file.rawValue, 16) }
    control = file
    environment = ["LD_PRELOAD": library, "FAULTY_DISK_FOLDER": "\(root)/lib/", "FAULTY_DISK_CONTROL": path]
  }

  /// From now on these calls fail with this errno.
  public func fail(_ operations: Operations, of part: Part = .all, with number: Int32) throws {
    try set(0, at: 0)
    try set(part.rawValue, at: 4)
    try set(UInt32(number), at: 8)
    try set(operations.rawValue, at: 0)
  }

  /// From now on these calls do not return.
  public func hang(_ operations: Operations, of part: Part = .all) throws {
    try fail(operations.union(.hang), of: part, with: EIO)
  }

  /// As when a file system is made read-only below an open database, which the kernel does after an error of its own.
  public func becomeReadOnly() throws { try fail([.open, .write, .truncate], with: EROFS) }

  public func becomeFull() throws { try fail([.write], with: ENOSPC) }

  public func heal() throws { try set(0, at: 0) }

  /// Calls that failed since the last time.
  public func takeHits() throws -> Int {
    var word: UInt32 = 0
    try check("read the control of the disk") { pread(control.rawValue, &word, 4, 12) }
    try set(0, at: 12)
    return Int(word)
  }

  private func set(_ value: UInt32, at offset: off_t) throws {
    var word = value
    try check("set the control of the disk") { pwrite(control.rawValue, &word, 4, offset) }
  }

  // MARK: The program

  public static var missing: String? {
    access("/usr/bin/cc", X_OK) == 0 ? nil : "needs a C compiler; apt-get install gcc"
  }

  private static func library() async throws -> String {
    let path = "\(RootTrees.cache)/faulty_disk.so"
    let source = Files.parent(of: Files.parent(of: #filePath)) + "/Programs/faulty_disk.c"
    try Files.makeDirectories(RootTrees.cache)
    let built = try await offThread {
      try Command("/usr/bin/cc").run("-shared", "-fPIC", "-O1", "-o", path + ".new", source, "-ldl")
    }
    guard built.code == 0 else { throw CommandFailure(built) }
    try check("rename", on: path) { rename(path + ".new", path) }
    return path
  }
}

extension Int32 {
  /// The name of an errno, for a table.
  public var errnoName: String {
    switch self {
    case EIO: "EIO"
    case EROFS: "EROFS"
    case ENOSPC: "ENOSPC"
    case EDQUOT: "EDQUOT"
    case ENOMEM: "ENOMEM"
    default: "errno \(self)"
    }
  }
}
