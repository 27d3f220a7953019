import Glibc
import Layout
import LinuxSystem
import Testing

@testable import ConsoleLog

struct LogFormatterTests {
  /// 2026-11-21T09:10:22.123456Z
  static let time: Int64 = 1_795_252_222_123_456_000
  static let stamp = "2026-11-21T09:10:22.123456Z"

  private func entries(_ chunks: [[UInt8]], _ formatter: inout LogFormatter) -> [UInt8] {
    var entries: [UInt8] = []
    for chunk in chunks {
      chunk.withUnsafeBytes { formatter.append($0, from: .output, time: Self.time, into: &entries) }
    }
    formatter.flush(last: true, into: &entries)
    return entries
  }

  private func format(_ chunks: [[UInt8]], terminal: Bool = true) -> String {
    var formatter = LogFormatter(isTerminal: terminal)
    return String(decoding: entries(chunks, &formatter), as: UTF8.self).replacing(Self.stamp, with: "T")
  }

  @Test func linesGetTimeAndStream() {
    #expect(format([Array("one\r\ntwo\n".utf8)]) == "T o one\nT o two\n")
    #expect(format([Array("no newline".utf8)]) == "T o+ no newline\n")
    #expect(format([Array("one\r\ntwo\n".utf8)], terminal: false) == "T o one\r\nT o two\n")
    #expect(format([Array("\n\n".utf8)]) == "T o \nT o \n")
  }

  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000000Z"), (951_782_400_000_000_000, "2000-02-29T00:00:00.000000Z"),
      (1_709_251_199_999_999_999, "2024-02-29T23:59:59.999999Z"),
      (4_107_542_400_000_001_000, "2100-03-01T00:00:00.000001Z"),
    ] as [(Int64, String)])
  func dates(time: Int64, text: String) {
    var formatter = LogFormatter()
    var entries: [UInt8] = []
    formatter.note("x", time: time, into: &entries)
    #expect(String(decoding: entries, as: UTF8.self) == text + " l x\n")
  }

  @Test func standardErrorIsToldApartAndNotMixedIn() {
    var formatter = LogFormatter()
    var entries: [UInt8] = []
    for (text, stream) in [("out ", LogLine.Stream.output), ("err\n", .error), ("more\n", .output)] {
      Array(text.utf8).withUnsafeBytes { formatter.append($0, from: stream, time: Self.time, into: &entries) }
    }
    #expect(
      String(decoding: entries, as: UTF8.self).replacing(Self.stamp, with: "T") == "T e err\nT o out more\n")
  }

  /// A record of an end has text only; the log has what there was.
  @Test func theTailIsText() {
    var formatter = LogFormatter()
    _ = entries([[0x61, 0, 0x62, 0xff, 0xc0, 0xaf, 0xed, 0xa0, 0x80, 10]], &formatter)
    _ = entries([Array("grün 𝄞 \u{1b}[31mred\n".utf8)], &formatter)
    _ = entries([[UInt8](repeating: 0xff, count: 600) + [10]], &formatter)
    #expect(
      formatter.tail.strings == [
        "a\u{FFFD}b" + String(repeating: "\u{FFFD}", count: 6), "grün 𝄞 \u{1b}[31mred",
        String(repeating: "\u{FFFD}", count: 170),
      ])
  }

  @Test(arguments: 1...7) func anySlicingGivesTheSameEntries(sliceSize: Int) {
    let text = Array("grün 𝄞\nzwei\r\n\u{0}drei".utf8)
    var chunks: [[UInt8]] = []
    var rest = text[...]
    while !rest.isEmpty {
      chunks.append(Array(rest.prefix(sliceSize)))
      rest = rest.dropFirst(sliceSize)
    }
    #expect(format(chunks) == format([text]))
  }

  @Test func aLineWithoutEndIsBoundedAndCanBeJoinedAgain() {
    // Two-byte characters, so that every piece's bound would cut one.
    let long = "x" + String(repeating: "ü", count: 3 * LogLine.longestPiece)
    var formatter = LogFormatter()
    var entries: [UInt8] = []
    Array((long + "\nnext\n").utf8).withUnsafeBytes {
      formatter.append($0, from: .output, time: Self.time, into: &entries)
    }
    var joined = ""
    for line in String(decoding: entries, as: UTF8.self).split(separator: "\n").dropLast() {
      #expect(line.utf8.count <= LogLine.longestPiece + 32)
      joined += line.dropFirst(LogLine.timeBytes + 1).drop { $0 != " " }.dropFirst()
    }
    #expect(joined == long)
    #expect(formatter.tail.strings.count == 2)
    #expect(formatter.tail.strings.first?.utf8.count == 511)
    #expect(formatter.tail.strings.last == "next")
  }

  @Test func anyBytesAtAllAreInTheEntriesAgain() {
    var seed = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let bytes = (0..<Int.random(in: 0..<20_000, using: &seed)).map { _ in UInt8.random(in: 0...255, using: &seed) }
      var formatter = LogFormatter(isTerminal: false)
      var back: [UInt8] = []
      for line in entries([bytes], &formatter).split(separator: 10, omittingEmptySubsequences: false).dropLast() {
        guard let entry = LogLine(line) else {
          Issue.record("\(line)")
          continue
        }
        #expect(entry.text.count <= LogLine.longestPiece)
        back += entry.text
        if !entry.continues { back.append(10) }
      }
      #expect(back == bytes)
      #expect(formatter.tail.strings.allSatisfy { $0.utf8.count <= LogTail.lineBytes && !$0.utf8.contains(0) })
    }
  }

  @Test func theTailHoldsTheLastTenLines() {
    var formatter = LogFormatter()
    var entries: [UInt8] = []
    let text = (1...25).map { "line \($0)\n" }.joined()
    Array(text.utf8).withUnsafeBytes { formatter.append($0, from: .output, time: Self.time, into: &entries) }
    #expect(formatter.tail.strings == (16...25).map { "line \($0)" })
  }
}

@Suite(.serialized) struct LogWriterTests {
  private func write(_ text: String, to log: LogWriter) {
    Array(text.utf8).withUnsafeBytes { log.write($0, from: .output) }
  }

  private func scratch() throws -> String {
    var template = Array("/tmp/lodge-log-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", errno: errno) }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  @Test func filesAreRotatedBySizeAndBoundedInNumber() throws {
    let folder = try scratch()
    defer { try? Files.removeTree(folder) }
    let log = try LogWriter(path: folder + "/log", maximumBytes: 1000, files: 3)
    for number in 0..<200 { write("line \(number)\n", to: log) }
    #expect(try Files.list(folder).map(\.name).sorted() == ["log", "log.1", "log.2"])
    let text = try ["log.2", "log.1", "log"].map { try Files.readText("\(folder)/\($0)") }
    for part in text { #expect(part.utf8.count <= 1000) }
    let numbers = text.joined().split(separator: "\n").map { Int($0.split(separator: " ").last!)! }
    // Nothing is missing in between, and the last is the last.
    #expect(numbers == Array((200 - numbers.count)...199))
  }

  @Test func anExistingLogIsContinued() throws {
    let folder = try scratch()
    defer { try? Files.removeTree(folder) }
    for text in ["first\n", "second\n"] {
      write(text, to: try LogWriter(path: folder + "/log", maximumBytes: 1000, files: 3))
    }
    #expect(try Files.readText(folder + "/log").split(separator: "\n").count == 2)
  }

  @Test func aSingleFileIsCut() throws {
    let folder = try scratch()
    defer { try? Files.removeTree(folder) }
    let log = try LogWriter(path: folder + "/log", maximumBytes: 1000, files: 1)
    for number in 0..<200 { write("line \(number)\n", to: log) }
    #expect(try Files.list(folder).map(\.name) == ["log"])
    #expect(try Files.read(folder + "/log").count <= 1000)
    #expect(try Files.readText(folder + "/log").hasSuffix("line 199\n"))
  }

  @Test(.enabled(if: geteuid() == 0, "needs root to mount a small tmpfs")) func aFullDiskLosesOutputAndSaysSo() throws {
    let folder = try scratch()
    defer { try? Files.removeTree(folder) }
    // The smallest there is: one page of data.
    #expect(mount("tmpfs", folder, "tmpfs", 0, "size=4k") == 0)
    defer { umount2(folder, 2) }
    let log = try LogWriter(path: folder + "/log", maximumBytes: 1 << 20, files: 3)
    for number in 0..<200 { write("line \(number)\n", to: log) }
    #expect(log.droppedBytes > 0)
    #expect(truncate(folder + "/log", 0) == 0)
    write("after\n", to: log)
    let lines = try Files.readText(folder + "/log").split(separator: "\n").map { $0.dropFirst(28) }
    #expect(lines == ["l \(log.droppedBytes) bytes of output were lost: No space left on device", "o after"])
    #expect(log.tail.last == "after")
  }

  @Test func somethingElseInItsPlaceIsRefused() throws {
    let folder = try scratch()
    defer { try? Files.removeTree(folder) }
    symlink("/etc/passwd", folder + "/link")
    mkfifo(folder + "/fifo", 0o600)
    for name in ["link", "fifo", "fifo/log"] {
      #expect(throws: StepError.self) {
        try LogWriter(path: "\(folder)/\(name)", maximumBytes: 1000, files: 3)
      }
    }
  }
}
