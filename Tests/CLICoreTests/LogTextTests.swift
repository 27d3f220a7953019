import Guest
import Testing

@testable import CLICore

@Suite struct LogTextTests {
  private static let log = """
    2026-11-21T10:00:00.000000Z l run 6f1c started
    2026-11-21T10:00:01.000000Z o plain\ttext with a \\ backslash
    2026-11-21T10:00:02.000000Z e an error
    2026-11-21T10:00:03.000000Z o+ a long 
    2026-11-21T10:00:04.000000Z o line
    2026-11-21T10:00:05.000000Z o \u{1B}[31mred\u{7}\u{9B}\u{202E} ä 日本
    2026-11-21T10:00:06.000000Z o+ prompt> 
    2026-11-21T10:00:07.000000Z e interrupts it
    2026-11-21T10:00:08.000000Z o 

    """

  private func text(_ log: LogText, slices: Int = .max) -> (String, String) {
    var log = log
    var standard: [UInt8] = []
    var error: [UInt8] = []
    let bytes = Array(Self.log.utf8)
    var start = 0
    while start < bytes.count {
      let end = min(bytes.count, slices == .max ? bytes.count : start + slices)
      let output = log.take(Array(bytes[start..<end]))
      standard += output.standard
      error += output.error
      start = end
    }
    let output = log.finish()
    standard += output.standard
    error += output.error
    return (String(decoding: standard, as: UTF8.self), String(decoding: error, as: UTF8.self))
  }

  @Test(arguments: [1, 2, 3, 7, 40, Int.max]) func anySlicingGivesTheSame(slices: Int) {
    let (standard, error) = text(LogText(), slices: slices)
    #expect(
      standard == """
        -- run 6f1c started
        plain\ttext with a \\ backslash
        a long line
        \\e[31mred\\u{7}\\u{9b}\\u{202e} ä 日本
        prompt> 


        """)
    #expect(error == "an error\ninterrupts it\n")
  }

  /// Lines of Lodge's own cannot be forged, in one piece or in several; other hyphens stay as they are.
  @Test func aGuestsLineIsNotTakenForLodges() {
    let time = "2026-11-21T10:00:00.000000Z"
    func shown(_ entries: [String], notes: Bool = true, raw: Bool = false) -> String {
      var log = LogText()
      log.hasNotes = notes
      log.isRaw = raw
      let bytes = Array(entries.map { "\(time) \($0)\n" }.joined().utf8)
      let (first, last) = (log.take(bytes), log.finish())
      return String(decoding: first.standard + last.standard + first.error + last.error, as: UTF8.self)
    }
    #expect(shown(["o -- run 6f1c ended: exit 0"]) == "\\x2d- run 6f1c ended: exit 0\n")
    #expect(shown(["e -- run 6f1c"]) == "\\x2d- run 6f1c\n")
    #expect(shown(["o+ -", "o - run"]) == "\\x2d- run\n")
    #expect(shown(["o+ --", "o  run"]) == "\\x2d- run\n")
    #expect(shown(["l run 6f1c started"]) == "-- run 6f1c started\n")
    for line in ["--help", "- x", "a -- b", "---", "-"] { #expect(shown(["o \(line)"]) == "\(line)\n") }
    #expect(shown(["o -- x"], notes: false) == "-- x\n")
    #expect(shown(["o -- x"], raw: true) == "-- x\n")
  }

  @Test func rawKeepsEveryByte() {
    var log = LogText()
    log.isRaw = true
    log.hasNotes = false
    let (standard, _) = text(log)
    #expect(standard.hasPrefix("plain\ttext"))
    #expect(standard.contains("\u{1B}[31mred\u{7}\u{9B}\u{202E} ä"))
  }

  /// Whatever the bytes are, the log has them, and nothing else goes out with them: no notes, no ends of lines.
  @Test func binaryOutputIsWhatItWas() {
    let time = Array("2026-11-21T10:00:00.000000Z ".utf8)
    let pieces: [([UInt8], mark: String)] = [
      ([0xff, 0, 0x80, 0x1b], "o+ "), (Array("bytes were lost".utf8), "l "), ([0xc3], "o "), ([0x0d], "e+ "),
      ([0, 0xed, 0xa0], "o+ "),
    ]
    var bytes: [UInt8] = []
    for (text, mark) in pieces { bytes += time + Array(mark.utf8) + text + [10] }
    var raw = LogText()
    raw.isRaw = true
    let (first, last) = (raw.take(bytes), raw.finish())
    #expect(first.standard + last.standard == [0xff, 0, 0x80, 0x1b, 0xc3, 10, 0, 0xed, 0xa0])
    #expect(first.error + last.error == [0x0d])
    var shown = LogText()
    let (text, end) = (shown.take(bytes), shown.finish())
    #expect(
      String(validating: text.standard + end.standard, as: UTF8.self)
        == "\u{FFFD}\\u{0}\u{FFFD}\\e\n-- bytes were lost\n\u{FFFD}\n\\u{0}\u{FFFD}\u{FFFD}\n")
    #expect(String(validating: text.error + end.error, as: UTF8.self) == "\\r\n")
    // A note that is not shown ends a line all the same: the next run begins on one of its own.
    shown = LogText()
    shown.hasNotes = false
    #expect(
      shown.take(time + Array("o+ a\n".utf8) + time + Array("l run\n".utf8) + time + Array("o b\n".utf8)).standard
        == Array("a\nb\n".utf8))
  }

  @Test func timesAndNamesStandBeforeLinesNotPieces() {
    var log = LogText()
    log.hasTimestamps = true
    log.prefix = "web | "
    let (standard, error) = text(log)
    #expect(standard.contains("web | 2026-11-21T10:00:03.000000Z a long line\n"))
    #expect(error == "web | 2026-11-21T10:00:02.000000Z an error\nweb | 2026-11-21T10:00:07.000000Z interrupts it\n")
  }

  @Test func aPartIsCutOutByTime() {
    var log = LogText()
    log.from = TimeText.parse("2026-11-21T10:00:02Z", now: Samples.now, zone: .utc)?.nanoseconds
    log.to = TimeText.parse("2026-11-21T10:00:04Z", now: Samples.now, zone: .utc)?.nanoseconds
    let (standard, error) = text(log)
    #expect(standard == "a long line\n")
    #expect(error == "an error\n")
  }

  @Test func whatIsNoEntryIsPassedOver() {
    var log = LogText()
    let noise = "garbage\n\n2026-11-21T10:00:00.000000Z x y\n2026-11-21T10:00:00.000000Z o"
    let standard = log.take(Array(noise.utf8)).standard
    #expect(standard == [])
    let rest = log.finish().standard
    #expect(rest == [])
  }
}
