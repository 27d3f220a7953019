import Glibc
import Layout
import LinuxSystem
import Testing

@testable import ConsoleLog

@Suite(.serialized) struct LogFilesTests {
  private func withFolder(_ body: (String) throws -> Void) throws {
    var template = Array("/tmp/lodge-logs-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", errno: errno) }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { try? Files.removeTree(folder) }
    try body(folder)
  }

  /// What a cleaner has removed is made again with the next start.
  @Test func theFolderIsMadeAgain() throws {
    try withFolder { folder in
      let path = folder + "/log/web.log"
      let log = try LogWriter(path: path, maximumBytes: 20_000, files: 2)
      Array("line\n".utf8).withUnsafeBytes { log.write($0, from: .output) }
      #expect(try Files.read(path).count > 5)
    }
  }

  private final class Written: @unchecked Sendable {
    var thread = pthread_t()
    var isDone = false
    let path: String
    let lines: Int
    init(path: String, lines: Int) {
      self.path = path
      self.lines = lines
    }
  }

  /// The writer renames and makes files as fast as it can; the reader sees every line once, in order, and no error.
  @Test func aReaderBesideARotatingWriterGetsEveryLineOnce() throws {
    try withFolder { folder in
      let written = Written(path: folder + "/log", lines: 30_000)
      pthread_create(
        &written.thread, nil,
        { context in
          let written = Unmanaged<Written>.fromOpaque(context!).takeUnretainedValue()
          // Small files: many rotations a second, and none of the lines is rotated away.
          if let log = try? LogWriter(path: written.path, maximumBytes: 20_000, files: 100) {
            for number in 0..<written.lines {
              Array("line \(number)\n".utf8).withUnsafeBytes { log.write($0, from: .output) }
            }
          }
          written.isDone = true
          return nil
        }, Unmanaged.passUnretained(written).toOpaque())
      var text: [UInt8] = []
      var cursor: LogCursor?
      while true {
        let isDone = written.isDone
        let files = try LogFiles(opening: written.path)
        let piece = try files.piece(after: cursor, tailLines: 0, limit: 8_192, isLive: !isDone)
        #expect(!piece.hasLost)
        text += piece.bytes
        cursor = piece.next
        if isDone, piece.bytes.isEmpty { break }
      }
      pthread_join(written.thread, nil)
      let numbers = text.split(separator: UInt8(ascii: "\n")).compactMap { line in
        line.lastIndex(of: UInt8(ascii: " ")).flatMap { Int(decimal: line[($0 + 1)...]) }
      }
      #expect(numbers == Array(0..<written.lines))
    }
  }

  @Test func theMomentWithoutACurrentFileIsNoError() throws {
    try withFolder { folder in
      try Files.writeAtomically(Array("old\n".utf8), to: folder + "/log.1")
      let piece = try LogFiles(opening: folder + "/log").piece(after: nil, tailLines: 0, limit: 100, isLive: true)
      #expect(piece.bytes == Array("old\n".utf8))
      let none = try LogFiles(opening: folder + "/none").piece(after: nil, tailLines: 0, limit: 100, isLive: true)
      #expect(none == LogPiece(bytes: [], next: nil, hasLost: false))
    }
  }

  @Test func aFileThatWasRotatedAwayIsALoss() throws {
    try withFolder { folder in
      try Files.writeAtomically(Array("new\n".utf8), to: folder + "/log")
      let files = try LogFiles(opening: folder + "/log")
      let piece = try files.piece(after: LogCursor(file: 1, offset: 5), tailLines: 0, limit: 100, isLive: true)
      #expect(piece.hasLost)
      #expect(piece.bytes == Array("new\n".utf8))
    }
  }

  /// A file system gives the inode of a file that was dropped to the next one, and a log of one file is cut in place: the
  /// reader is told, and begins at the beginning.
  @Test func aFileWithTheInodeOfAFormerOneIsAnother() throws {
    try withFolder { folder in
      let path = folder + "/log"
      let file = try Files.open(path, flags: O_RDWR | O_CREAT, mode: 0o644)
      func begin(_ text: String) throws {
        ftruncate(file.rawValue, 0)
        lseek(file.rawValue, 0, SEEK_SET)
        try Array(text.utf8).withUnsafeBytes { try Files.write($0, to: file.rawValue, named: path) }
      }
      func next(_ cursor: LogCursor?) throws -> LogPiece {
        try LogFiles(opening: path).piece(after: cursor, tailLines: 0, limit: 1000, isLive: true)
      }
      let first = "2026-11-21T10:00:00.000000Z o one\n"
      try begin(first)
      let cursor = try next(nil).next
      #expect(try next(cursor) == LogPiece(bytes: [], next: cursor, hasLost: false))
      for second in ["2026-11-21T10:00:00.000001Z o two\n", "2026-11-21T10:00:00.000001Z o two, which is longer\n"] {
        try begin(second)
        let piece = try next(cursor)
        #expect(piece.hasLost && piece.bytes == Array(second.utf8))
      }
      // Cut to less than was read: how it begins is the same.
      try begin(first + first)
      let end = try next(nil).next
      try begin(first)
      #expect(try next(end).hasLost)
      // Nothing is lost with a file that has not begun.
      try begin("")
      #expect(try next(nil) == LogPiece(bytes: [], next: nil, hasLost: false))
    }
  }

  @Test(arguments: [(1, "c\n"), (2, "b\nc\n"), (3, "a\n"), (9, "a\n")]) func tails(lines: Int, text: String) throws {
    try withFolder { folder in
      try Files.writeAtomically(Array("a\n".utf8), to: folder + "/log.1")
      try Files.writeAtomically(Array("b\nc\n".utf8), to: folder + "/log")
      let piece = try LogFiles(opening: folder + "/log").piece(after: nil, tailLines: lines, limit: 100, isLive: true)
      #expect(piece.bytes == Array(text.utf8))
    }
  }

  @Test func aCursorComesBackFromItsBytes() {
    let cursor = LogCursor(file: 0x0102_0304_0506_0708, offset: 9)
    #expect(LogCursor(cursor.bytes) == cursor)
    #expect(LogCursor([1, 2]) == nil)
  }
}
