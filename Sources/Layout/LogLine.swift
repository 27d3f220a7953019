/// One line of a console log: the controller writes it, the command line reads it. One entry a line.
///
///     2026-11-21T09:10:22.123456Z o a line of the guest's output
///     2026-11-21T09:10:22.123470Z e a line of its standard error (with pipes)
///     2026-11-21T09:10:23.000001Z o+ the first piece of a line that is too long or not finished yet;
///     2026-11-21T09:10:24.000001Z o the last piece; joined without anything between
///     2026-11-21T09:10:25.000000Z l what Lodge itself has to say: run 6c0e... started; 4096 bytes of output were lost
///
/// The time is when the first byte of the piece was read. The bytes of the text are those of the guest, whatever they are:
/// a viewer makes them visible or asks for them raw. Of a terminal's line the carriage return before the newline is left
/// out. A line that the guest did not end before its own end goes on, and nothing follows.
public struct LogLine: Equatable, Sendable {
  public enum Stream: UInt8, Sendable, CaseIterable {
    case output = 0x6f  // o
    case error = 0x65  // e
    case lodge = 0x6c  // l
  }

  /// The length of every time: ISO 8601, UTC, microseconds.
  public static let timeBytes = 27
  /// The longest text of a piece, in bytes.
  public static let longestPiece = 8192

  private static let space = UInt8(ascii: " ")
  private static let plus = UInt8(ascii: "+")

  public var time: ArraySlice<UInt8>
  public var stream: Stream
  /// The next line of the stream goes on where this one ends.
  public var continues: Bool
  public var text: ArraySlice<UInt8>

  public init(time: ArraySlice<UInt8>, stream: Stream, continues: Bool, text: ArraySlice<UInt8>) {
    self.time = time
    self.stream = stream
    self.continues = continues
    self.text = text
  }

  /// Writes what stands between the time and the text.
  public static func appendMark(_ stream: Stream, continues: Bool, to line: inout [UInt8]) {
    line.append(space)
    line.append(stream.rawValue)
    if continues { line.append(plus) }
    line.append(space)
  }

  /// - Parameter line: without its newline. Nil for one that a full disk has torn, or that is of no log.
  public init?(_ line: ArraySlice<UInt8>) {
    var rest = line.dropFirst(Self.timeBytes)
    func next() -> UInt8? { rest.popFirst() }
    guard next() == Self.space, let letter = next(), let stream = Stream(rawValue: letter), var mark = next() else {
      return nil
    }
    let continues = mark == Self.plus
    if continues {
      guard let after = next() else { return nil }
      mark = after
    }
    guard mark == Self.space else { return nil }
    self.init(time: line.prefix(Self.timeBytes), stream: stream, continues: continues, text: rest)
  }
}
