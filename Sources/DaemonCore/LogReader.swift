internal import Guest
internal import GuestStore
internal import LinuxSystem
internal import NIOCore
internal import Supervision
internal import WireProtocol

/// Reads console logs for clients, across rotation, without keeping anything for them: where a reader is, is in its cursor.
///
/// A cursor is a file's inode and an offset. The controller renames a full file and begins a new one, so an inode is
/// found again as long as its file is kept.
actor LogReader {
  private struct Place {
    var inode: UInt64
    var offset: UInt64

    init(inode: UInt64, offset: UInt64) {
      self.inode = inode
      self.offset = offset
    }

    init?(_ cursor: [UInt8]) {
      guard cursor.count == 16 else { return nil }
      func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
      self.init(inode: number(cursor[0..<8]), offset: number(cursor[8..<16]))
    }

    var cursor: [UInt8] {
      [inode, offset].flatMap { number in (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) } }
    }
  }

  static let waitMillis: Int64 = 20_000
  private let manager: GuestManager
  private let changes: LogChanges

  init(manager: GuestManager, changes: LogChanges) {
    self.manager = manager
    self.changes = changes
  }

  func read(_ args: Wire.LogReadArgs, _ name: GuestName) async throws -> Wire.LogReadReply {
    let (path, isLive) = try await manager.logState(of: name)
    let reply = try look(args, path, isLive: isLive)
    guard args.wait, reply.bytes.isEmpty, isLive else { return reply }
    let watch = try await changes.watch(path)
    defer { watch.end() }
    let deadline = NIODeadline.now() + .milliseconds(Self.waitMillis)
    while true {
      let seen = watch.count
      // Its state first: what was written before it ended is then surely read.
      let isLive = (try? await manager.logState(of: name).isLive) ?? false
      let reply = try look(args, path, isLive: isLive)
      guard reply.bytes.isEmpty, isLive, NIODeadline.now() < deadline else { return reply }
      await watch.wait(after: seen, until: deadline, on: manager.eventLoop)
    }
  }

  private func look(_ args: Wire.LogReadArgs, _ path: String, isLive: Bool) throws -> Wire.LogReadReply {
    let files = try logFiles(path)
    guard let oldest = files.first, let newest = files.last else {
      return Wire.LogReadReply(bytes: [], next: args.cursor, end: !isLive, lostBytes: 0)
    }
    var place = Place(inode: oldest.inode, offset: 0)
    var lost: UInt64 = 0
    if let cursor = Place(args.cursor) {
      place = cursor
      if !files.contains(where: { $0.inode == cursor.inode }) {
        // Its file was rotated away: how much was missed there cannot be known, that it was is told by the least.
        place = Place(inode: oldest.inode, offset: 0)
        lost = 1
      }
    } else if args.tailLines > 0 {
      place = try tail(files, lines: Int(args.tailLines))
    }
    var index = files.firstIndex { $0.inode == place.inode } ?? 0
    while true {
      let file = files[index]
      if place.offset > file.size { place.offset = 0 }
      let bytes = try Files.read(file.path, from: place.offset, limit: Int(Wire.logChunkMax))
      if !bytes.isEmpty {
        let isLast = file.inode == newest.inode
        // Whole lines; a line longer than a message, or the rest of a file that nobody writes any more, goes as it is.
        var whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        if whole == 0, bytes.count == Int(Wire.logChunkMax) || !isLast || !isLive { whole = bytes.count }
        if whole > 0 {
          place.offset += UInt64(whole)
          return Wire.LogReadReply(bytes: Array(bytes.prefix(whole)), next: place.cursor, end: false, lostBytes: lost)
        }
      }
      guard index + 1 < files.count else { break }
      index += 1
      place = Place(inode: files[index].inode, offset: 0)
    }
    return Wire.LogReadReply(bytes: [], next: place.cursor, end: !isLive, lostBytes: lost)
  }

  private struct LogFile {
    var path: String
    var inode: UInt64
    var size: UInt64
  }

  /// Oldest first.
  private func logFiles(_ path: String) throws -> [LogFile] {
    var files: [LogFile] = []
    for number in stride(from: 100, through: 0, by: -1) {
      let name = number == 0 ? path : "\(path).\(number)"
      guard let status = try? Files.status(name) else { continue }
      files.append(LogFile(path: name, inode: status.inode, size: status.size))
    }
    return files
  }

  private func tail(_ files: [LogFile], lines: Int) throws -> Place {
    var missing = lines
    for file in files.reversed() {
      var end = file.size
      var isAtEnd = true
      while end > 0 {
        let start = end > 65_536 ? end - 65_536 : 0
        let bytes = try Files.read(file.path, from: start, limit: Int(end - start))
        for index in bytes.indices.reversed() where bytes[index] == UInt8(ascii: "\n") {
          // The newline that ends the last line ends no line before it.
          if isAtEnd, index == bytes.count - 1 { continue }
          missing -= 1
          if missing == 0 { return Place(inode: file.inode, offset: start + UInt64(index) + 1) }
        }
        isAtEnd = false
        end = start
      }
      missing -= 1
      if missing <= 0 { return Place(inode: file.inode, offset: 0) }
    }
    return Place(inode: files[0].inode, offset: 0)
  }
}

extension GuestManager {
  /// Where a guest's log is, and whether more can come.
  func logState(of name: GuestName) throws -> (path: String, isLive: Bool) {
    let guest = try book.find(name)
    return (logPath(of: name), guest.current.lifecycle.run != nil || guest.committed?.lifecycle.run != nil)
  }
}
