/// A file of one compilation, by number.
public struct FileID: Hashable, Sendable, Comparable {
  public let index: Int

  public static func < (one: FileID, other: FileID) -> Bool { one.index < other.index }
}

/// A stretch of bytes of one file.
public struct SourceRange: Hashable, Sendable {
  public var file: FileID
  public var lower: Int
  public var upper: Int

  public init(file: FileID, lower: Int, upper: Int) {
    self.file = file
    self.lower = lower
    self.upper = upper
  }

  /// From the start of this one to the end of the other, where both are in one file.
  func through(_ other: SourceRange) -> SourceRange {
    guard other.file == file, other.upper >= lower else { return self }
    return SourceRange(file: file, lower: lower, upper: other.upper)
  }
}

/// Where a byte is, as an editor counts: lines and columns from 1, columns in characters (Unicode scalars).
public struct SourcePosition: Hashable, Sendable {
  public var path: String
  public var line: Int
  public var column: Int
}

/// One input or included file.
public final class SourceFile {
  public let id: FileID
  /// As it was given or found; what diagnostics print.
  public let path: String
  public let bytes: [UInt8]
  let lineStarts: [Int]

  /// From `# 12 "file"` markers: lines from `line` on are reported as `path:presumedLine...`.
  var markers: [LineMarker] = []

  struct LineMarker {
    var line: Int
    var presumedLine: Int
    var path: String?
  }

  init(id: FileID, path: String, bytes: [UInt8]) {
    self.id = id
    self.path = path
    self.bytes = bytes
    var starts = [0]
    for (offset, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") { starts.append(offset + 1) }
    lineStarts = starts
  }

  /// Index of the physical line that holds the byte.
  func line(at offset: Int) -> Int {
    var low = 0
    var high = lineStarts.count
    while low + 1 < high {
      let middle = (low + high) / 2
      if lineStarts[middle] <= offset { low = middle } else { high = middle }
    }
    return low
  }

  /// The bytes of a physical line without its end.
  func lineBytes(_ line: Int) -> ArraySlice<UInt8> {
    let start = lineStarts[line]
    var end = line + 1 < lineStarts.count ? lineStarts[line + 1] - 1 : bytes.count
    if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    return bytes[start..<max(start, end)]
  }

  public func position(at offset: Int) -> SourcePosition {
    let line = line(at: offset)
    let before = bytes[lineStarts[line]..<min(max(offset, lineStarts[line]), bytes.count)]
    // Far out on a line the column is in bytes: counting characters for every finding would take long.
    let column = before.count > 10_000 ? before.count + 1 : before.reduce(1) { $0 + ($1 & 0xc0 == 0x80 ? 0 : 1) }
    guard let marker = markers.last(where: { $0.line <= line }) else {
      return SourcePosition(path: path, line: line + 1, column: column)
    }
    return SourcePosition(
      path: marker.path ?? path, line: marker.presumedLine + (line - marker.line), column: column)
  }

  func text(_ range: SourceRange) -> String {
    String(decoding: bytes[range.lower..<range.upper], as: UTF8.self)
  }
}

/// Where included files come from. The compiler itself opens nothing.
public protocol SourceProvider {
  /// The file an `#include` names, or why there is none. `isSystem` is the form with angle brackets.
  func include(_ name: String, isSystem: Bool, from path: String) -> IncludeResult
}

public enum IncludeResult {
  /// `identity` is the same for the same file however it was reached.
  case found(path: String, identity: String, bytes: [UInt8])
  case missing(searched: [String])
  /// It exists, and is outside the folders that includes may come from.
  case refused(reason: String)
}

/// For single texts and tests: includes are looked up in a table.
public struct MemorySources: SourceProvider {
  public var files: [String: String]

  public init(_ files: [String: String] = [:]) { self.files = files }

  public func include(_ name: String, isSystem: Bool, from path: String) -> IncludeResult {
    guard let text = files[name] else { return .missing(searched: []) }
    return .found(path: name, identity: name, bytes: [UInt8](text.utf8))
  }
}
