/// Turns findings into text for people or JSON for programs.
public struct DiagnosticRenderer {
  let sources: SourceManager
  public var color: Bool

  public init(sources: SourceManager, color: Bool = false) {
    self.sources = sources
    self.color = color
  }

  /// `file:line:column: error: message [code]`, the line, a caret, notes and fixes.
  public func text(_ diagnostic: Diagnostic) -> String {
    var out = header(diagnostic.severity, diagnostic.message, diagnostic.code, at: diagnostic.range)
    if let range = diagnostic.range { out += excerpt(range) }
    if let fix = diagnostic.fixIt { out += "  fix: \(describe(fix))\n" }
    if let hint = diagnostic.hint { out += "  hint: \(hint)\n" }
    for note in diagnostic.notes {
      out += header(.note, note.message, nil, at: note.range)
      if let range = note.range { out += excerpt(range) }
    }
    return out
  }

  private func header(_ severity: Severity, _ message: String, _ code: DiagnosticCode?, at range: SourceRange?)
    -> String
  {
    var place = ""
    if let range {
      let position = sources.file(range.file).position(at: range.lower)
      place = "\(printable(position.path)):\(position.line):\(position.column): "
    }
    let suffix = code.map { " [\($0.rawValue)]" } ?? ""
    let plain = "\(severity.rawValue): "
    let word = color ? "\u{1b}[1;\(severity.color)m\(plain)\u{1b}[0m" : plain
    return "\(place)\(word)\(printable(message))\(suffix)\n"
  }

  private func describe(_ fix: Diagnostic.FixIt) -> String {
    let old = sources.file(fix.range.file).text(fix.range)
    if old.isEmpty { return "insert '\(printable(fix.replacement))'" }
    if fix.replacement.isEmpty { return "remove '\(printable(old))'" }
    return "replace '\(printable(old))' with '\(printable(fix.replacement))'"
  }

  /// The line and a caret under the range, however tabs and wide lines are spelt.
  private func excerpt(_ range: SourceRange) -> String {
    let file = sources.file(range.file)
    let line = file.line(at: range.lower)
    let bytes = file.lineBytes(line)
    let number = String(file.position(at: range.lower).line)
    let lower = min(max(range.lower, bytes.startIndex), bytes.endIndex)
    let upper = min(max(range.upper, lower), bytes.endIndex)

    // A line of a megabyte is not worth a screenful: show a window around the caret.
    let windowStart = max(bytes.startIndex, lower - 120)
    let windowEnd = min(bytes.endIndex, max(upper, lower) < lower + 200 ? lower + 200 : lower + 200)
    let shown = String(decoding: bytes[windowStart..<windowEnd], as: UTF8.self)
    let before = String(decoding: bytes[windowStart..<lower], as: UTF8.self)
    let marked = String(decoding: bytes[lower..<min(upper, windowEnd)], as: UTF8.self)

    let gutter = String(repeating: " ", count: max(0, 5 - number.count)) + number
    let blank = String(repeating: " ", count: gutter.count)
    let indent = String(before.unicodeScalars.map { $0 == "\t" ? "\t" : " " as Character })
    let carets = "^" + String(repeating: "~", count: max(0, marked.unicodeScalars.count - 1))
    return "\(gutter) | \(printable(shown, keepingTabs: true))\n\(blank) | \(indent)\(carets)\n"
  }

  /// One object a line.
  public func json(_ diagnostic: Diagnostic) -> String {
    var fields: [(String, JSONValue)] = [
      ("severity", .string(diagnostic.severity.rawValue)),
      ("code", .string(diagnostic.code.rawValue)),
      ("message", .string(diagnostic.message)),
    ]
    if let range = diagnostic.range { fields.append(("at", place(range))) }
    if let fix = diagnostic.fixIt {
      fields.append(("fix", .object([("range", place(fix.range)), ("replacement", .string(fix.replacement))])))
    }
    if let hint = diagnostic.hint { fields.append(("hint", .string(hint))) }
    if !diagnostic.notes.isEmpty {
      fields.append(
        (
          "notes",
          .array(
            diagnostic.notes.map { note in
              .object(
                [("message", .string(note.message))] + (note.range.map { [("at", place($0))] } ?? []))
            })
        ))
    }
    return JSONValue.object(fields).compact
  }

  private func place(_ range: SourceRange) -> JSONValue {
    let file = sources.file(range.file)
    let start = file.position(at: range.lower)
    let end = file.position(at: range.upper)
    return .object([
      ("file", .string(start.path)), ("line", .integer(Int128(start.line))), ("column", .integer(Int128(start.column))),
      ("endLine", .integer(Int128(end.line))), ("endColumn", .integer(Int128(end.column))),
    ])
  }
}

/// Control characters made visible: a source line or a name must not steer a terminal.
func printable(_ text: String, keepingTabs: Bool = false) -> String {
  guard text.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) }) else {
    return text
  }
  var out = ""
  for scalar in text.unicodeScalars {
    if scalar == "\t" && keepingTabs {
      out.unicodeScalars.append(scalar)
    } else if scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) {
      out += "\u{fffd}"
    } else {
      out.unicodeScalars.append(scalar)
    }
  }
  return out
}

/// The files of one compilation.
public final class SourceManager {
  public private(set) var files: [SourceFile] = []

  public init() {}

  func add(path: String, bytes: [UInt8]) -> SourceFile {
    let file = SourceFile(id: FileID(index: files.count), path: path, bytes: bytes)
    files.append(file)
    return file
  }

  public func file(_ id: FileID) -> SourceFile { files[id.index] }

  public func text(_ range: SourceRange) -> String { file(range.file).text(range) }
}
