/// Cuts one file into tokens, comments, directives and passthrough lines. What a directive means is the
/// preprocessor's business; this type only knows where each begins and ends.
struct Scanner {
  enum Item {
    case token(Token)
    case comment(Comment)
    /// A `#` line: the range of its text after the `#`, continuation lines included.
    case directive(SourceRange)
    /// A `%` line, which rpcgen copies to its output.
    case passthrough(SourceRange)
    case end
  }

  let file: SourceFile
  let diagnostics: DiagnosticSink
  private let bytes: [UInt8]
  private(set) var position: Int
  private let endPosition: Int
  /// Only blanks and comments since the last line end.
  private var atLineStart: Bool
  /// In a group that a conditional leaves out: nothing in it is complained about.
  var isSkipping = false

  init(_ file: SourceFile, diagnostics: DiagnosticSink) {
    self.file = file
    self.diagnostics = diagnostics
    bytes = file.bytes
    position = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
    endPosition = bytes.count
    atLineStart = true
  }

  /// For the inside of a directive, where `#` and `%` mean nothing.
  init(_ file: SourceFile, range: SourceRange, diagnostics: DiagnosticSink) {
    self.file = file
    self.diagnostics = diagnostics
    bytes = file.bytes
    position = range.lower
    endPosition = range.upper
    atLineStart = false
  }

  private func peek(_ ahead: Int = 0) -> UInt8? {
    position + ahead < endPosition ? bytes[position + ahead] : nil
  }

  private func range(from lower: Int) -> SourceRange { SourceRange(file: file.id, lower: lower, upper: position) }

  mutating func next() -> Item {
    while let byte = peek() {
      switch byte {
      case UInt8(ascii: "\n"):
        position += 1
        atLineStart = true
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), 0x0b, 0x0c:
        position += 1
      case UInt8(ascii: "\\") where isLineContinuation():
        skipContinuation()
      case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"):
        return .comment(blockComment())
      case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"):
        return .comment(lineComment())
      case UInt8(ascii: "#") where atLineStart:
        position += 1
        return .directive(restOfLine())
      case UInt8(ascii: "%") where atLineStart:
        position += 1
        return .passthrough(restOfLine(heedingComments: false))
      default:
        atLineStart = false
        if isSkipping {
          position += 1
        } else if let token = token(byte) {
          return .token(token)
        }
      }
    }
    return .end
  }

  private func isLineContinuation() -> Bool {
    peek(1) == UInt8(ascii: "\n") || (peek(1) == UInt8(ascii: "\r") && peek(2) == UInt8(ascii: "\n"))
  }

  private mutating func skipContinuation() {
    position += peek(1) == UInt8(ascii: "\n") ? 2 : 3
  }

  // MARK: Lines and comments

  /// Up to the line's end, with lines that a backslash joins and comments that run over it.
  private mutating func restOfLine(heedingComments: Bool = true) -> SourceRange {
    let start = position
    while let byte = peek(), byte != UInt8(ascii: "\n") {
      if byte == UInt8(ascii: "\\"), isLineContinuation() {
        skipContinuation()
      } else if heedingComments, byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
        _ = blockComment()
      } else {
        position += 1
      }
    }
    return range(from: start)
  }

  private mutating func blockComment() -> Comment {
    let start = position
    position += 2
    while position < endPosition {
      if bytes[position] == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
        position += 2
        let length = position - start
        // `/**/` is empty, and a row of stars is an ornament: neither documents anything.
        let third = bytes[start + 2]
        guard length > 5, third == UInt8(ascii: "*"), bytes[start + 3] != UInt8(ascii: "*") else {
          return Comment(form: .block, range: range(from: start))
        }
        return Comment(
          form: bytes[start + 3] == UInt8(ascii: "<") ? .trailing : .documentation, range: range(from: start))
      }
      position += 1
    }
    if !isSkipping {
      diagnostics.error(
        .unterminatedComment, "this comment has no end",
        at: SourceRange(file: file.id, lower: start, upper: min(start + 2, endPosition)),
        hint: "comments begin with /* and end with the next */; they do not nest")
    }
    return Comment(form: .block, range: range(from: start))
  }

  private mutating func lineComment() -> Comment {
    let start = position
    while let byte = peek(), byte != UInt8(ascii: "\n") { position += 1 }
    if position > start, bytes[position - 1] == UInt8(ascii: "\r") { position -= 1 }
    var form = Comment.Form.line
    if position - start > 3, bytes[start + 2] == UInt8(ascii: "/"), bytes[start + 3] != UInt8(ascii: "/") {
      form = bytes[start + 3] == UInt8(ascii: "<") ? .trailing : .documentation
    }
    return Comment(form: form, range: range(from: start))
  }

  // MARK: Tokens

  private mutating func token(_ first: UInt8) -> Token? {
    let start = position
    if first.isIdentifierStart {
      while let byte = peek(), byte.isIdentifierPart { position += 1 }
      return make(.identifier, from: start)
    }
    if first.isDigit {
      while let byte = peek(),
        byte.isIdentifierPart || (byte == UInt8(ascii: "'") && peek(1)?.isIdentifierPart == true)
      {
        position += 1
      }
      return make(.number, from: start)
    }
    switch first {
    case UInt8(ascii: "\""): return literal(.string, "string", quote: first)
    case UInt8(ascii: "'"): return literal(.character, "character", quote: first)
    case _ where "{}()[]<>;:,=*-+!&|~^/?.%".utf8.contains(first):
      position += 1
      return make(.sign(first), from: start)
    default:
      // One finding for a whole stretch of foreign characters, not one for each byte.
      while let byte = peek(), byte >= 0x80 || byte == first { position += 1 }
      diagnostics.error(
        .invalidCharacter,
        "\(Scanner.described(bytes[start..<min(position, start + 16)])) does not belong in an XDR file",
        at: range(from: start))
      return nil
    }
  }

  /// Characters as they are where they can be seen, and by their code points where not.
  private static func described(_ bytes: ArraySlice<UInt8>) -> String {
    let text = String(decoding: bytes, as: UTF8.self)
    func isVisible(_ scalar: Unicode.Scalar) -> Bool {
      switch scalar.properties.generalCategory {
      case .control, .format, .surrogate, .privateUse, .unassigned, .spaceSeparator, .lineSeparator,
        .paragraphSeparator,
        .nonspacingMark, .enclosingMark:
        false
      default: scalar != "\u{fffd}"
      }
    }
    if text.unicodeScalars.allSatisfy(isVisible) { return "'\(text)'" }
    if text.unicodeScalars.contains("\u{fffd}") {
      return "the byte 0x"
        + bytes.prefix(4).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " 0x")
    }
    return text.unicodeScalars.prefix(4).map { scalar in
      let digits = String(scalar.value, radix: 16, uppercase: true)
      let code = "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
      return scalar.properties.name.map { "\(code) (\($0))" } ?? code
    }.joined(separator: " ")
  }

  private func make(_ kind: Token.Kind, from start: Int) -> Token {
    Token(kind: kind, text: String(decoding: bytes[start..<position], as: UTF8.self), range: range(from: start))
  }

  private mutating func literal(_ kind: Token.Kind, _ name: String, quote: UInt8) -> Token? {
    let start = position
    position += 1
    while let byte = peek(), byte != UInt8(ascii: "\n") {
      if byte == quote {
        position += 1
        return make(kind, from: start)
      }
      position += byte == UInt8(ascii: "\\") && peek(1) != nil && peek(1) != UInt8(ascii: "\n") ? 2 : 1
    }
    diagnostics.error(
      .unterminatedLiteral, "this \(name) constant has no end on its line",
      at: SourceRange(file: file.id, lower: start, upper: start + 1))
    return nil
  }
}
