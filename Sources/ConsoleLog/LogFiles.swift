import Glibc
import Layout
public import LinuxSystem

/// The files of one console log, open, the oldest first: what a writer that rotates and a reader beside it agree on.
///
/// The writer renames every file one number up, the oldest name first, and then makes a new one. A reader never opens a
/// name that it looked at before: it opens all names, asks the open files what they are, and looks at the names once more.
/// Where they have moved meanwhile it starts again. An open file stays readable whatever is done to its name; and there is
/// a moment with no file under the first name, which is no error.
public struct LogFiles {
  public struct File {
    /// Names one file, whatever it is called, also after it has gone: made of its inode and of how it begins, since a file
    /// system gives the inode of a file that was dropped to the next one. Nil as long as it has no line.
    public let identity: UInt64?
    fileprivate let inode: UInt64
    public let size: UInt64
    fileprivate let file: OwnedFD
  }

  public let files: [File]

  /// - Parameter most: as many numbers as a log may have; a spec allows 100.
  public init(opening path: String, most: Int = 100) throws(SystemError) {
    var found: [File] = []
    // A rotation takes microseconds, and comes after 64 kB at the earliest.
    for _ in 0..<100 {
      found = try Self.openAll(path, most)
      let again = try Self.openAll(path, most)
      if found.map(\.inode) == again.map(\.inode), found.map(\.identity) == again.map(\.identity) { break }
    }
    files = found
  }

  private static func openAll(_ path: String, _ most: Int) throws(SystemError) -> [File] {
    var found: [File] = []
    var missing = 0
    for number in 0...most {
      do {
        let file = try Files.open(number == 0 ? path : "\(path).\(number)", flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        var info = stat()
        try check("stat", on: path) { fstat(file.rawValue, &info) }
        missing = 0
        // Seen under its old name and under its new one.
        if found.contains(where: { $0.inode == UInt64(info.st_ino) }) { continue }
        found.append(try File(file, inode: UInt64(info.st_ino), size: UInt64(max(info.st_size, 0))))
      } catch {
        guard error.errno == ENOENT else { throw error }
        // One is missing while files are being renamed; two, and there are no more.
        missing += 1
        if missing == 2 { break }
      }
    }
    return found.reversed()
  }
}

extension LogFiles.File {
  fileprivate init(_ file: OwnedFD, inode: UInt64, size: UInt64) throws(SystemError) {
    (self.file, self.inode, self.size) = (file, inode, size)
    var start = [UInt8](repeating: 0, count: LogLine.timeBytes)
    let got = try check("read log") {
      start.withUnsafeMutableBytes { pread(file.rawValue, $0.baseAddress, $0.count, 0) }
    }
    let newline = start[..<got].firstIndex(of: UInt8(ascii: "\n"))
    guard newline != nil || got == start.count else {
      identity = nil
      return
    }
    // FNV-1a over its first time, to the microsecond, and the inode.
    let bytes = start[..<(newline ?? got)] + (0..<8).map { UInt8(truncatingIfNeeded: inode >> UInt64(8 * $0)) }
    identity = bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
  }

  /// At most `limit` bytes from `offset` on; none at or behind the end.
  func read(from offset: UInt64, limit: Int) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: limit)
    var filled = 0
    while filled < limit {
      let got = try check("read log") {
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

/// Where a reader is: a file and an offset in it. The reader keeps it and brings it along, so that nothing is kept for it.
public struct LogCursor: Equatable, Sendable {
  public var file: UInt64
  public var offset: UInt64

  public init(file: UInt64, offset: UInt64) {
    self.file = file
    self.offset = offset
  }

  /// Nil for what is none.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count == 16 else { return nil }
    func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
    self.init(file: number(bytes[0..<8]), offset: number(bytes[8..<16]))
  }

  public var bytes: [UInt8] {
    [file, offset].flatMap { number in (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) } }
  }
}

/// The part of a log that a reader gets at once.
public struct LogPiece: Equatable, Sendable {
  /// Whole lines, but for one that is longer than a piece and for the rest of a file that is complete.
  public var bytes: [UInt8]
  /// To go on from; nil where there is no log.
  public var next: LogCursor?
  /// The file of the cursor has been rotated away: something was missed, and how much cannot be known.
  public var hasLost: Bool
}

extension LogFiles {
  /// The piece after a cursor.
  ///
  /// - Parameters:
  ///   - cursor: nil begins with the last `tailLines` lines, or with the oldest where that is 0.
  ///   - isLive: more may be written, so an unfinished line waits for its end.
  public func piece(
    after cursor: LogCursor?, tailLines: Int, limit: Int, isLive: Bool
  ) throws(SystemError) -> LogPiece {
    // One without a line has nothing to read, and no name to come back to.
    let files = files.filter { $0.identity != nil }
    guard let oldest = files.first?.identity else { return LogPiece(bytes: [], next: cursor, hasLost: false) }
    var place = LogCursor(file: oldest, offset: 0)
    var hasLost = false
    if let cursor {
      if files.contains(where: { $0.identity == cursor.file }) { place = cursor } else { hasLost = true }
    } else if tailLines > 0 {
      place = try tail(lines: tailLines, of: files) ?? place
    }
    var index = files.firstIndex { $0.identity == place.file } ?? 0
    while true {
      let file = files[index]
      if place.offset > file.size { (place.offset, hasLost) = (0, true) }
      let bytes = try file.read(from: place.offset, limit: limit)
      if !bytes.isEmpty {
        let isLast = index == files.count - 1
        var whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        if whole == 0, bytes.count == limit || !isLast || !isLive { whole = bytes.count }
        if whole > 0 {
          place.offset += UInt64(whole)
          return LogPiece(bytes: Array(bytes.prefix(whole)), next: place, hasLost: hasLost)
        }
      }
      guard index + 1 < files.count, let next = files[index + 1].identity else { break }
      index += 1
      place = LogCursor(file: next, offset: 0)
    }
    return LogPiece(bytes: [], next: place, hasLost: hasLost)
  }

  /// Nil for a log without so many lines.
  private func tail(lines: Int, of files: [File]) throws(SystemError) -> LogCursor? {
    var missing = lines
    for file in files.reversed() {
      guard let identity = file.identity else { continue }
      var end = file.size
      var isAtEnd = true
      while end > 0 {
        let start = end > 65_536 ? end - 65_536 : 0
        let bytes = try file.read(from: start, limit: Int(end - start))
        for index in bytes.indices.reversed() where bytes[index] == UInt8(ascii: "\n") {
          // The newline that ends the last line ends no line before it.
          if isAtEnd, index == bytes.count - 1 { continue }
          missing -= 1
          if missing == 0 { return LogCursor(file: identity, offset: start + UInt64(index) + 1) }
        }
        isAtEnd = false
        end = start
      }
      missing -= 1
      if missing <= 0 { return LogCursor(file: identity, offset: 0) }
    }
    return nil
  }
}
