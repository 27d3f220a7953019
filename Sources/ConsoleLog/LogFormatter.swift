import Glibc
import Layout

extension LogLine.Stream {
  /// The place of its unfinished line: standard error has one of its own.
  fileprivate var pendingIndex: Int {
    switch self {
    case .output, .lodge: 0
    case .error: 1
    }
  }
}

/// Lines of Lodge's own in a log that it does not format otherwise.
public enum LogNote {
  /// The line, with its newline.
  ///
  /// - Parameter time: nanoseconds since 1970-01-01 UTC.
  public static func line(_ text: String, time: Int64) -> [UInt8] {
    var formatter = LogFormatter()
    var entry: [UInt8] = []
    formatter.note(text, time: time, into: &entry)
    return entry
  }
}

/// Turns console bytes into log entries: any bytes in, bounded lines with the same bytes out.
///
/// It holds at most one unfinished piece a stream.
struct LogFormatter {
  /// The output comes through a terminal, which ends its lines with a carriage return and a newline (ONLCR, termios(3)).
  let isTerminal: Bool
  /// Last lines, for the exit record.
  private(set) var tail = LogTail()
  /// Standard output or the terminal, and standard error.
  private var pending = [Pending(stream: .output), Pending(stream: .error)]
  private var clock = ClockText()

  init(isTerminal: Bool = true) { self.isTerminal = isTerminal }

  private struct Pending {
    let stream: LogLine.Stream
    var bytes: [UInt8] = []
    /// When its first byte came.
    var time: Int64 = 0
    /// A piece of this line has been written already.
    var continues = false
  }

  /// True while an unfinished line waits for its end.
  var hasPending: Bool { pending.contains { !$0.bytes.isEmpty } }

  /// - Parameter time: nanoseconds since 1970-01-01 UTC.
  mutating func append(
    _ bytes: UnsafeRawBufferPointer, from stream: LogLine.Stream, time: Int64, into entries: inout [UInt8]
  ) {
    let index = stream.pendingIndex
    var start = 0
    while start < bytes.count {
      if pending[index].bytes.isEmpty { pending[index].time = time }
      let room = min(LogLine.longestPiece - pending[index].bytes.count, bytes.count - start)
      let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<start + room])
      if let newline = memchr(piece.baseAddress!, Int32(UInt8(ascii: "\n")), room) {
        let length = UnsafeRawPointer(newline) - piece.baseAddress!
        pending[index].bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: piece[..<length]))
        start += length + 1
        write(index, complete: true, into: &entries)
      } else {
        pending[index].bytes.append(contentsOf: piece)
        start += room
        if pending[index].bytes.count == LogLine.longestPiece { write(index, complete: false, into: &entries) }
      }
    }
  }

  /// Writes unfinished lines out as pieces: for a reader who waits for a prompt, and, with `last`, at the end. A line that
  /// has no end is written as one that goes on.
  mutating func flush(last: Bool, into entries: inout [UInt8]) {
    for index in pending.indices where !pending[index].bytes.isEmpty {
      write(index, complete: false, last: last, into: &entries)
    }
  }

  mutating func note(_ text: String, time: Int64, into entries: inout [UInt8]) {
    clock.append(time, to: &entries)
    LogLine.appendMark(.lodge, continues: false, to: &entries)
    entries.append(contentsOf: text.utf8.map { $0 == UInt8(ascii: "\n") ? UInt8(ascii: " ") : $0 })
    entries.append(UInt8(ascii: "\n"))
  }

  private mutating func write(_ index: Int, complete: Bool, last: Bool = false, into entries: inout [UInt8]) {
    var count = pending[index].bytes.count
    if complete {
      if isTerminal, pending[index].bytes.last == UInt8(ascii: "\r") { count -= 1 }
    } else if !last {
      // A character that was cut goes with the next piece.
      let cut = unfinishedCharacter(at: pending[index].bytes[...])
      if cut < count { count -= cut }
    }
    clock.append(pending[index].time, to: &entries)
    LogLine.appendMark(pending[index].stream, continues: !complete, to: &entries)
    entries.append(contentsOf: pending[index].bytes[..<count])
    tail.add(pending[index].bytes[..<count], continues: pending[index].continues)
    entries.append(UInt8(ascii: "\n"))
    if complete {
      pending[index].bytes.removeAll(keepingCapacity: true)
    } else {
      pending[index].bytes.removeFirst(count)
    }
    pending[index].continues = !complete
  }
}

/// The last lines of a console, their starts only, as well-formed text: what an exit record holds.
struct LogTail {
  static let lines = 10
  static let lineBytes = 512

  /// Used as a ring: `next` is the oldest once it is full.
  private var kept: [[UInt8]] = []
  private var next = 0

  mutating func add(_ text: ArraySlice<UInt8>, continues: Bool) {
    if continues { return }
    if kept.count < Self.lines {
      kept.append([])
      next = kept.count - 1
    }
    kept[next].removeAll(keepingCapacity: true)
    var start = text.prefix(Self.lineBytes)
    if start.count < text.count { start.removeLast(unfinishedCharacter(at: start)) }
    appendText(start, to: &kept[next])
    // What stands for a byte is longer than that.
    if kept[next].count > Self.lineBytes {
      var end = Self.lineBytes
      while end > 0, kept[next][end] & 0xc0 == 0x80 { end -= 1 }
      kept[next].removeSubrange(end...)
    }
    next = (next + 1) % Self.lines
  }

  /// Oldest first.
  var strings: [String] {
    let order = kept.count < Self.lines ? kept[...] : kept[next...] + kept[..<next]
    return order.map { String(decoding: $0, as: UTF8.self) }
  }
}

/// How many bytes at the end begin a UTF-8 character that is not complete: 0 to 3.
private func unfinishedCharacter(at bytes: ArraySlice<UInt8>) -> Int {
  for back in 1...3 where back <= bytes.count {
    let byte = bytes[bytes.endIndex - back]
    if byte & 0xc0 == 0x80 { continue }
    let length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return length > back ? back : 0
  }
  return 0
}

/// Copies text; NUL and every byte that is no part of a well-formed character (RFC 3629) become U+FFFD.
private func appendText(_ bytes: ArraySlice<UInt8>, to out: inout [UInt8]) {
  bytes.withUnsafeBufferPointer { bytes in
    var index = 0
    var clean = 0
    while index < bytes.count {
      let count = characterLength(at: index, in: bytes)
      if count > 0 {
        index += count
        continue
      }
      out.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[clean..<index]))
      out.append(contentsOf: replacement)
      index += 1
      clean = index
    }
    out.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[clean...]))
  }
}

private let replacement: [UInt8] = [0xef, 0xbf, 0xbd]

/// Bytes of the character that begins there; 0 where none does.
private func characterLength(at index: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Int {
  let first = bytes[index]
  if first < 0x80 { return first == 0 ? 0 : 1 }
  let (count, lowest, highest): (Int, UInt8, UInt8) =
    switch first {
    case 0xc2...0xdf: (2, 0x80, 0xbf)
    case 0xe0: (3, 0xa0, 0xbf)
    case 0xed: (3, 0x80, 0x9f)
    case 0xe1...0xef: (3, 0x80, 0xbf)
    case 0xf0: (4, 0x90, 0xbf)
    case 0xf1...0xf3: (4, 0x80, 0xbf)
    case 0xf4: (4, 0x80, 0x8f)
    default: (0, 0, 0)
    }
  guard count > 0, bytes.count - index >= count, bytes[index + 1] >= lowest, bytes[index + 1] <= highest else {
    return 0
  }
  if count > 2, bytes[index + 2] & 0xc0 != 0x80 { return 0 }
  if count > 3, bytes[index + 3] & 0xc0 != 0x80 { return 0 }
  return count
}

/// `2026-11-21T09:10:22.123456Z`, the second kept because most entries share it with the one before.
private struct ClockText {
  private var second: Int64 = .min
  private var text: [UInt8] = []

  mutating func append(_ nanoseconds: Int64, to out: inout [UInt8]) {
    let (quotient, remainder) = max(nanoseconds, 0).quotientAndRemainder(dividingBy: 1_000_000_000)
    if quotient != second {
      second = quotient
      text = Self.seconds(quotient)
    }
    out.append(contentsOf: text)
    out.append(UInt8(ascii: "."))
    appendDigits(remainder / 1000, count: 6, to: &out)
    out.append(UInt8(ascii: "Z"))
  }

  /// Days to a date in the Gregorian calendar, counted in eras of 400 years that begin on March 1st.
  private static func seconds(_ seconds: Int64) -> [UInt8] {
    let days = seconds / 86400 + 719_468
    let era = days / 146_097
    let dayOfEra = days % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shifted + 2) / 5 + 1
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    var out: [UInt8] = []
    appendDigits(year, count: 4, to: &out)
    for (separator, value) in [
      ("-", month), ("-", day), ("T", seconds / 3600 % 24), (":", seconds / 60 % 60), (":", seconds % 60),
    ] {
      out.append(contentsOf: separator.utf8)
      appendDigits(value, count: 2, to: &out)
    }
    return out
  }
}

private func appendDigits(_ value: Int64, count: Int, to out: inout [UInt8]) {
  var divisor: Int64 = 1
  for _ in 1..<count { divisor *= 10 }
  while divisor > 0 {
    out.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
    divisor /= 10
  }
}
