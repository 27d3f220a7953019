/// Reads JSON (RFC 8259), strictly and to a limited depth.
public struct JSONParser {
  public struct Failure: Error, CustomStringConvertible {
    public var message: String
    public var offset: Int
    public var description: String { "\(message) at byte \(offset)" }
  }

  private let bytes: [UInt8]
  private var index = 0
  private static let depthLimit = 512

  public static func parse(_ text: String) throws(Failure) -> JSONValue {
    var parser = JSONParser(bytes: Array(text.utf8))
    let value = try parser.value(0)
    parser.skipBlanks()
    guard parser.index == parser.bytes.count else { throw parser.failure("something follows the value") }
    return value
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private func failure(_ message: String) -> Failure { Failure(message: message, offset: index) }

  private mutating func skipBlanks() {
    while index < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[index]) { index += 1 }
  }

  private mutating func take(_ byte: Character) -> Bool {
    skipBlanks()
    guard index < bytes.count, bytes[index] == byte.asciiValue else { return false }
    index += 1
    return true
  }

  private mutating func value(_ depth: Int) throws(Failure) -> JSONValue {
    guard depth < JSONParser.depthLimit else { throw failure("nested too deeply") }
    skipBlanks()
    guard index < bytes.count else { throw failure("a value is missing") }
    switch bytes[index] {
    case UInt8(ascii: "{"):
      index += 1
      var fields: [(String, JSONValue)] = []
      var keys: Set<String> = []
      if take("}") { return .object([]) }
      repeat {
        skipBlanks()
        let key = try string()
        guard keys.insert(key).inserted else { throw failure("the member '\(key)' is there twice") }
        guard take(":") else { throw failure("':' expected") }
        fields.append((key, try value(depth + 1)))
      } while take(",")
      guard take("}") else { throw failure("'}' expected") }
      return .object(fields)
    case UInt8(ascii: "["):
      index += 1
      var items: [JSONValue] = []
      if take("]") { return .array([]) }
      repeat { items.append(try value(depth + 1)) } while take(",")
      guard take("]") else { throw failure("']' expected") }
      return .array(items)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t") where word("true"): return .bool(true)
    case UInt8(ascii: "f") where word("false"): return .bool(false)
    case UInt8(ascii: "n") where word("null"): return .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw failure("a value expected")
    }
  }

  private mutating func word(_ word: String) -> Bool {
    guard bytes[index...].starts(with: word.utf8) else { return false }
    index += word.utf8.count
    return true
  }

  private mutating func number() throws(Failure) -> JSONValue {
    let start = index
    while index < bytes.count, bytes[index].isDigit || "+-.eE".utf8.contains(bytes[index]) { index += 1 }
    let text = String(decoding: bytes[start..<index], as: UTF8.self)
    guard JSONParser.isNumber(bytes[start..<index]) else {
      index = start
      throw failure("'\(text)' is not a number")
    }
    if !text.utf8.contains(where: { ".eE".utf8.contains($0) }), let integer = Int128(text) { return .integer(integer) }
    return .number(text)
  }

  /// The grammar of RFC 8259 section 6: no zero in front, digits on both sides of a point and behind an exponent.
  static func isNumber(_ text: ArraySlice<UInt8>) -> Bool {
    var rest = text
    func digits() -> Int {
      let count = rest.prefix(while: \.isDigit).count
      rest = rest.dropFirst(count)
      return count
    }
    if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
    let startsWithZero = rest.first == UInt8(ascii: "0")
    let count = digits()
    guard count == 1 || (count > 1 && !startsWithZero) else { return false }
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      guard digits() > 0 else { return false }
    }
    if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
      rest = rest.dropFirst()
      if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
      guard digits() > 0 else { return false }
    }
    return rest.isEmpty
  }

  private mutating func string() throws(Failure) -> String {
    guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { throw failure("a string expected") }
    index += 1
    var out: [UInt8] = []
    while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
      guard bytes[index] == UInt8(ascii: "\\") else {
        guard bytes[index] >= 0x20 else { throw failure("a control character in a string") }
        out.append(bytes[index])
        index += 1
        continue
      }
      guard index + 1 < bytes.count else { break }
      index += 2
      switch bytes[index - 1] {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(bytes[index - 1])
      case UInt8(ascii: "b"): out.append(8)
      case UInt8(ascii: "f"): out.append(12)
      case UInt8(ascii: "n"): out.append(10)
      case UInt8(ascii: "r"): out.append(13)
      case UInt8(ascii: "t"): out.append(9)
      case UInt8(ascii: "u"): out += Array(String(Character(try escapedScalar())).utf8)
      default: throw failure("an unknown escape in a string")
      }
    }
    guard index < bytes.count else { throw failure("a string without an end") }
    index += 1
    guard let text = String(validating: out, as: UTF8.self) else { throw failure("a string that is not UTF-8") }
    return text
  }

  private mutating func hex4() throws(Failure) -> UInt32 {
    guard index + 4 <= bytes.count, bytes[index..<(index + 4)].allSatisfy(\.isHexDigit),
      let value = UInt32(String(decoding: bytes[index..<(index + 4)], as: UTF8.self), radix: 16)
    else { throw failure("four hexadecimal digits expected") }
    index += 4
    return value
  }

  private mutating func escapedScalar() throws(Failure) -> Unicode.Scalar {
    let first = try hex4()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard (0xd800..<0xdc00).contains(first), index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"),
      bytes[index + 1] == UInt8(ascii: "u")
    else { throw failure("half of a surrogate pair") }
    index += 2
    let second = try hex4()
    guard (0xdc00..<0xe000).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
    else { throw failure("half of a surrogate pair") }
    return scalar
  }
}
