import Guest

/// A console log as its file has it, turned into what a reader wants. `LogEntry` in ConsoleLog writes the form:
///
///     2026-11-21T09:10:22.123456Z o a line
///     2026-11-21T09:10:23.000001Z o+ the first piece of a line;
///     2026-11-21T09:10:24.000001Z e a line of standard error
///     2026-11-21T09:10:25.000000Z l what Lodge itself has to say
struct LogText {
  /// Control bytes as they are.
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
  }

  private var partial: [UInt8] = []
  /// The stream whose line is not finished.
  private var open: UInt8?

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

  private mutating func entry(_ line: ArraySlice<UInt8>, _ output: inout Output) {
    let timeBytes = 27
    let text = line.dropFirst(timeBytes + 1)
    guard line.count > timeBytes + 2, let stream = text.first, [0x6F, 0x65, 0x6C].contains(stream) else { return }
    var rest = text.dropFirst()
    let continues = rest.first == UInt8(ascii: "+")
    if continues { rest = rest.dropFirst() }
    guard rest.first == UInt8(ascii: " ") else { return }
    rest = rest.dropFirst()
    if from != nil || to != nil {
      guard let time = Self.time(line.prefix(timeBytes)) else { return }
      if let from, time < from { return }
      if let to, time > to { return }
    }
    if stream == UInt8(ascii: "l"), !hasNotes { return }
    if let open, open != stream { closeLine(&output) }

    var bytes: [UInt8] = []
    if open == nil {
      bytes += prefix.utf8
      if hasTimestamps {
        bytes += line.prefix(timeBytes)
        bytes.append(UInt8(ascii: " "))
      }
    }
    if stream == UInt8(ascii: "l") {
      bytes += style(.dim, "-- \(String(decoding: Self.visible(rest), as: UTF8.self))").utf8
    } else {
      bytes += isRaw ? Array(rest) : Self.visible(rest)
    }
    if !continues { bytes.append(UInt8(ascii: "\n")) }
    if stream == UInt8(ascii: "e") { output.error += bytes } else { output.standard += bytes }
    open = continues ? stream : nil
  }

  private mutating func closeLine(_ output: inout Output) {
    guard let open else { return }
    if open == UInt8(ascii: "e") {
      output.error.append(UInt8(ascii: "\n"))
    } else {
      output.standard.append(UInt8(ascii: "\n"))
    }
    self.open = nil
  }

  private static func time(_ text: ArraySlice<UInt8>) -> Int64? {
    TimeText.parse(String(decoding: text, as: UTF8.self), now: .init(nanoseconds: 0), zone: .utc)?.nanoseconds
  }

  /// Control characters and what turns the direction of writing as `\e`, `\r`, `\u{202e}`; tabs and everything else,
  /// backslashes too, as they are: a log is to be read, not to be parsed.
  static func visible(_ text: ArraySlice<UInt8>) -> [UInt8] {
    // C2 begins the C1 controls, E2 the directional ones, EF the byte order mark.
    let isSuspect = text.contains { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F || $0 == 0xC2 || $0 == 0xE2 || $0 == 0xEF }
    guard isSuspect else { return Array(text) }
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
