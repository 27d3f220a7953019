/// A word or sign of the language, after preprocessing.
struct Token {
  enum Kind: Equatable {
    case identifier
    /// Digits and what follows them; its value is worked out where a number is needed.
    case number
    /// A string constant (an rpcgen extension).
    case string
    /// A character constant (an rpcgen extension).
    case character
    case sign(UInt8)
    case end
  }

  var kind: Kind
  var text: String
  /// Where the reader of the file sees it: for a macro's content, where the macro is used.
  var range: SourceRange
  /// For a macro's content, where it was written.
  var spelledAt: SourceRange?
  /// Comments between this token and the one before it, as indices into the comment table.
  var comments: Range<Int> = 0..<0

  func `is`(_ sign: Character) -> Bool {
    if case .sign(let byte) = kind { return byte == sign.asciiValue }
    return false
  }

  func `is`(word: String) -> Bool { kind == .identifier && text == word }

  /// For messages.
  var described: String {
    switch kind {
    case .end: "the end of the file"
    default: "'\(text)'"
    }
  }
}

/// A comment, kept for documentation and for the formatter.
struct Comment {
  enum Form {
    /// `/* */`
    case block
    /// `//`
    case line
    /// `/** */` or `///`, about what follows
    case documentation
    /// `/**< */` or `///<`, about what went before
    case trailing
  }

  var form: Form
  var range: SourceRange
}

/// The value of a number token.
enum NumberValue {
  case value(Int128, notes: [String])
  case invalid(String, fix: String?)
  /// Right, and more than 64 bits can hold.
  case tooWide

  /// Decimal, hexadecimal and octal, with the widenings that public files use.
  static func parse(_ text: String) -> NumberValue {
    var digits = Array(text.utf8)
    var notes: [String] = []
    let separators = [UInt8(ascii: "'"), UInt8(ascii: "_")]
    if digits.contains(where: separators.contains) {
      guard let last = digits.last, !separators.contains(last) else {
        return .invalid("a digit separator must stand between digits", fix: nil)
      }
      digits.removeAll { separators.contains($0) }
      notes.append("digit separators are not in RFC 4506")
    }
    var radix: Int128 = 10
    if digits.count > 1, digits[0] == UInt8(ascii: "0") {
      if digits[1] == UInt8(ascii: "x") || digits[1] == UInt8(ascii: "X") {
        if digits[1] == UInt8(ascii: "X") { notes.append("RFC 4506 writes hexadecimal with a small x") }
        radix = 16
        digits.removeFirst(2)
      } else {
        radix = 8
        digits.removeFirst()
      }
    }
    let suffix = digits.reversed().prefix {
      [UInt8(ascii: "u"), UInt8(ascii: "U"), UInt8(ascii: "l"), UInt8(ascii: "L")].contains($0)
    }
    if !suffix.isEmpty, suffix.count <= 3 {
      digits.removeLast(suffix.count)
      notes.append("the suffix of a C number is not in RFC 4506")
    }
    guard !digits.isEmpty else { return .invalid("'\(text)' has no digits", fix: nil) }
    var value: Int128 = 0
    for digit in digits {
      guard let number = hexValue(digit), number < radix else {
        if radix == 8, hexValue(digit).map({ $0 < 10 }) == true {
          let decimal = String(decoding: digits.drop { $0 == UInt8(ascii: "0") }, as: UTF8.self)
          return .invalid("'\(text)' is octal because of its leading 0, and has a digit above 7", fix: decimal)
        }
        return .invalid("'\(text)' is not a number", fix: nil)
      }
      // No use of a number is wider than 64 bits; stopping there keeps the sum from overflowing.
      if value <= Int128(UInt64.max) { value = value * radix + number }
    }
    guard value <= Int128(UInt64.max) else { return .tooWide }
    return .value(value, notes: notes)
  }

  private static func hexValue(_ byte: UInt8) -> Int128? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int128(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): Int128(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): Int128(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
  }
}

extension UInt8 {
  var isIdentifierStart: Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self)
      || self == UInt8(ascii: "_")
  }
  var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
  var isHexDigit: Bool {
    isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self)
      || (UInt8(ascii: "A")...UInt8(ascii: "F")).contains(self)
  }
  var isIdentifierPart: Bool { isIdentifierStart || isDigit }
}
