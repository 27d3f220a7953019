internal import Guest

extension Node {
  /// Reads one JSON value (RFC 8259), strictly: what is not JSON is refused.
  ///
  /// - Parameters:
  ///   - depth: how deep lists and objects may be nested.
  ///   - nodes: how many values there may be.
  /// - Throws: the fault, with its place.
  public static func parse(json text: String, depth: Int = 16, nodes: Int = 100_000) throws(JSONError) -> Node {
    var reader = JSONReader(bytes: Array(text.utf8), nodesLeft: nodes)
    reader.skipSpace()
    let node = try reader.value(depthLeft: depth)
    reader.skipSpace()
    guard reader.isAtEnd else { throw reader.failure("more text behind the value") }
    return node
  }

  /// The node that reads as this value.
  public init(_ value: DataValue) {
    self.init(position: Position(line: 1, column: 1), content: Content(value))
  }
}

extension Node.Content {
  fileprivate init(_ value: DataValue) {
    switch value {
    case .null: self = .scalar("", isPlain: true)
    case .bool(let flag): self = .scalar(flag ? "true" : "false", isPlain: true)
    case .integer, .unsigned, .decimal: self = .scalar(value.numberText ?? "", isPlain: true)
    case .text(let text): self = .scalar(text, isPlain: false)
    case .list(let items): self = .sequence(items.map { Node($0) })
    case .object(let members):
      let start = Position(line: 1, column: 1)
      self = .mapping(members.map { Node.Entry(key: $0.name, keyPosition: start, value: Node($0.value)) })
    }
  }
}

/// Why a text is not the JSON that was expected.
public struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Byte in the text, counted from 0.
  public var offset: Int
  public var message: String

  public var description: String { "not valid JSON: \(message) (byte \(offset))" }
}

/// Recursive descent; its depth is bounded by the caller.
private struct JSONReader {
  let bytes: [UInt8]
  var index = 0
  var nodesLeft: Int

  init(bytes: [UInt8], nodesLeft: Int) {
    self.bytes = bytes
    self.nodesLeft = nodesLeft
  }

  var isAtEnd: Bool { index == bytes.count }
  private var next: UInt8? { index < bytes.count ? bytes[index] : nil }
  /// Values of settings are one line; a place is the byte.
  private var position: Position { Position(line: 1, column: index + 1) }

  func failure(_ message: String) -> JSONError { JSONError(offset: index, message: message) }

  mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { index += 1 }
  }

  mutating func value(depthLeft: Int) throws(JSONError) -> Node {
    nodesLeft -= 1
    guard nodesLeft >= 0 else { throw failure("too many values") }
    guard depthLeft > 0 else { throw failure("nested too deep") }
    let start = position
    switch next {
    case UInt8(ascii: "{"): return Node(position: start, content: .mapping(try members(depthLeft: depthLeft - 1)))
    case UInt8(ascii: "["): return Node(position: start, content: .sequence(try items(depthLeft: depthLeft - 1)))
    case UInt8(ascii: "\""): return Node(position: start, content: .scalar(try text(), isPlain: false))
    case UInt8(ascii: "t"): return try word("true", at: start)
    case UInt8(ascii: "f"): return try word("false", at: start)
    case UInt8(ascii: "n"): return try word("null", at: start)
    case let digit? where digit == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit):
      return Node(position: start, content: .scalar(try number(), isPlain: true))
    case nil: throw failure("a value is missing")
    case _?: throw failure("a value cannot begin like this")
    }
  }

  private mutating func word(_ word: String, at start: Position) throws(JSONError) -> Node {
    guard bytes[index...].starts(with: word.utf8) else { throw failure("expected \(word)") }
    index += word.utf8.count
    return Node(position: start, content: .scalar(word, isPlain: true))
  }

  private mutating func members(depthLeft: Int) throws(JSONError) -> [Node.Entry] {
    var entries: [Node.Entry] = []
    var names: Set<String> = []
    try list(closedBy: UInt8(ascii: "}")) { reader throws(JSONError) in
      guard reader.next == UInt8(ascii: "\"") else { throw reader.failure("expected a name in quotes") }
      let place = reader.position
      let name = try reader.text()
      guard names.insert(name).inserted else { throw reader.failure("a name occurs twice") }
      reader.skipSpace()
      guard reader.next == UInt8(ascii: ":") else { throw reader.failure("expected ':'") }
      reader.index += 1
      reader.skipSpace()
      entries.append(Node.Entry(key: name, keyPosition: place, value: try reader.value(depthLeft: depthLeft)))
    }
    return entries
  }

  private mutating func items(depthLeft: Int) throws(JSONError) -> [Node] {
    var items: [Node] = []
    try list(closedBy: UInt8(ascii: "]")) { reader throws(JSONError) in
      items.append(try reader.value(depthLeft: depthLeft))
    }
    return items
  }

  private mutating func list(
    closedBy end: UInt8, _ element: (inout JSONReader) throws(JSONError) -> Void
  ) throws(JSONError) {
    index += 1
    skipSpace()
    if next == end {
      index += 1
      return
    }
    while true {
      try element(&self)
      skipSpace()
      if next == end {
        index += 1
        return
      }
      guard next == UInt8(ascii: ",") else { throw failure("expected ',' or the end of the list") }
      index += 1
      skipSpace()
    }
  }

  private mutating func number() throws(JSONError) -> String {
    let start = index
    func isDigit(_ byte: UInt8?) -> Bool { byte.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false }
    func digits(_ reader: inout JSONReader) throws(JSONError) {
      guard isDigit(reader.next) else { throw reader.failure("expected a digit") }
      while isDigit(reader.next) { reader.index += 1 }
    }
    if next == UInt8(ascii: "-") { index += 1 }
    if next == UInt8(ascii: "0") { index += 1 } else { try digits(&self) }
    if next == UInt8(ascii: ".") {
      index += 1
      try digits(&self)
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      index += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { index += 1 }
      try digits(&self)
    }
    if isDigit(next) { throw failure("a number cannot begin with 0") }
    return String(decoding: bytes[start..<index], as: UTF8.self)
  }

  private mutating func text() throws(JSONError) -> String {
    index += 1
    var result: [UInt8] = []
    while let byte = next {
      index += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: result, as: UTF8.self)
      case UInt8(ascii: "\\"): try escape(into: &result)
      case 0..<0x20: throw failure("a control character in a text")
      case _: result.append(byte)
      }
    }
    throw failure("a text without its end")
  }

  private mutating func escape(into result: inout [UInt8]) throws(JSONError) {
    let short: [UInt8: UInt8] = [
      UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "\\"): UInt8(ascii: "\\"),
      UInt8(ascii: "/"): UInt8(ascii: "/"), UInt8(ascii: "b"): 0x08, UInt8(ascii: "f"): 0x0C,
      UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09,
    ]
    guard let kind = next else { throw failure("an escape without its end") }
    index += 1
    if let byte = short[kind] {
      result.append(byte)
      return
    }
    guard kind == UInt8(ascii: "u") else { throw failure("an unknown escape") }
    var unit = try hexUnit()
    if (0xD800...0xDBFF).contains(unit) {
      guard next == UInt8(ascii: "\\") else { throw failure("half of a surrogate pair") }
      index += 1
      guard next == UInt8(ascii: "u") else { throw failure("half of a surrogate pair") }
      index += 1
      let low = try hexUnit()
      guard (0xDC00...0xDFFF).contains(low) else { throw failure("half of a surrogate pair") }
      unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(unit) else { throw failure("half of a surrogate pair") }
    result.append(contentsOf: UTF8.encode(scalar)!)
  }

  private mutating func hexUnit() throws(JSONError) -> UInt32 {
    guard index + 4 <= bytes.count else { throw failure("expected four hexadecimal digits") }
    var unit: UInt32 = 0
    for byte in bytes[index..<index + 4] {
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      case _: throw failure("expected four hexadecimal digits")
      }
      unit = unit << 4 | UInt32(digit)
    }
    index += 4
    return unit
  }
}
