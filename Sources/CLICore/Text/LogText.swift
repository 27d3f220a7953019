import Guest
import Layout

/// A console log as its file has it (`LogLine`), turned into what a reader wants.
struct LogText {
  /// The guest's bytes as they are, and no others: no notes of Lodge, no newlines where a line was interrupted.
  var isRaw = false
  var hasTimestamps = false
  /// Whether to print the notes of Lodge itself between the guest's lines.
  var hasNotes = true
  /// Only entries from then on, and up to then.
  var from: Int64?
  var to: Int64?
  /// Before each line, for example the guest's name.
  var prefix = ""
  var style = Style(isOn: false)

  /// The text of some bytes of the log.
  struct Output {
    var standard: [UInt8] = []
    var error: [UInt8] = []

    fileprivate mutating func append(_ bytes: [UInt8], to stream: LogLine.Stream) {
      switch stream {
      case .output, .lodge: standard += bytes
      case .error: error += bytes
      }
    }
  }

  private var partial: [UInt8] = []
  /// The stream whose line is not finished.
  private var open: LogLine.Stream?

  init() {}

  /// Takes in bytes that may begin and end anywhere.
  mutating func take(_ bytes: [UInt8]) -> Output {
    var output = Output()
    var rest = bytes[...]
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      if partial.isEmpty {
        entry(rest[..<end], &output)
      } else {
        partial += rest[..<end]
        let line = partial
        partial = []
        entry(line[...], &output)
      }
      rest = rest[(end + 1)...]
    }
    partial += rest
    return output
  }

  /// At the end: what was cut off.
  mutating func finish() -> Output {
    var output = Output()
    if !partial.isEmpty { entry(partial[...], &output) }
    partial = []
    closeLine(&output)
    return output
  }

  private mutating func entry(_ bytes: ArraySlice<UInt8>, _ output: inout Output) {
    guard let line = LogLine(bytes) else { return }
    if from != nil || to != nil {
      guard let time = Self.time(line.time) else { return }
      if let from, time < from { return }
      if let to, time > to { return }
    }
    if let open, open != line.stream { closeLine(&output) }

    var shown: [UInt8] = []
    if open == nil {
      shown += prefix.utf8
      if hasTimestamps {
        shown += line.time
        shown.append(UInt8(ascii: " "))
      }
    }
    switch line.stream {
    case .lodge:
      guard hasNotes, !isRaw else { return }
      shown += style(.dim, "-- \(String(decoding: Self.visible(line.text), as: UTF8.self))").utf8
    case .output, .error:
      let text = isRaw ? Array(line.text) : Self.visible(line.text)
      if open == nil, hasNotes, !isRaw, Self.looksLikeNote(text, continues: line.continues) {
        shown += #"\x2d"#.utf8 + text.dropFirst()
      } else {
        shown += text
      }
    }
    if !line.continues { shown.append(UInt8(ascii: "\n")) }
    output.append(shown, to: line.stream)
    open = line.continues ? line.stream : nil
  }

  /// Whether a line of the guest's could be taken for one of Lodge's own, which begin with `-- `. The first piece of a line
  /// may hold less than that.
  private static func looksLikeNote(_ text: [UInt8], continues: Bool) -> Bool {
    let mark = Array("-- ".utf8)
    return text.starts(with: mark) || continues && !text.isEmpty && mark.starts(with: text)
  }

  private mutating func closeLine(_ output: inout Output) {
    guard let open else { return }
    if !isRaw { output.append([UInt8(ascii: "\n")], to: open) }
    self.open = nil
  }

  private static func time(_ text: ArraySlice<UInt8>) -> Int64? {
    TimeText.parse(String(decoding: text, as: UTF8.self), now: .init(nanoseconds: 0), zone: .utc)?.nanoseconds
  }

  /// Control characters and what turns the direction of writing as `\e`, `\r`, `\u{202e}`; a byte that is no part of a
  /// character as U+FFFD; tabs and everything else, backslashes too, as they are: a log is to be read, not to be parsed.
  static func visible(_ text: ArraySlice<UInt8>) -> [UInt8] {
    // C2 begins the C1 controls, E2 the directional ones, EF the byte order mark.
    let isSuspect = text.contains { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F || $0 == 0xC2 || $0 == 0xE2 || $0 == 0xEF }
    let isText = !text.contains { $0 >= 0x80 } || String(validating: text, as: UTF8.self) != nil
    guard isSuspect || !isText else { return Array(text) }
    var result: [UInt8] = []
    for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
      if scalar == "\t" || scalar == "\\" {
        result.append(UInt8(scalar.value))
      } else {
        result += Visible.text(String(scalar)).utf8
      }
    }
    return result
  }
}
