import CYAML
import Guest

extension Node {
  /// Bounds on a file, so that a hostile one costs no more than an honest one.
  public struct Limits: Sendable {
    public var bytes: Int
    public var depth: Int
    public var nodes: Int

    public init(bytes: Int = 1 << 20, depth: Int = 32, nodes: Int = 20_000) {
      self.bytes = bytes
      self.depth = depth
      self.nodes = nodes
    }
  }

  /// Reads one YAML document. JSON is read as the part of YAML that it is.
  ///
  /// Refused, each with its place: aliases (they would multiply what a small file costs), explicit tags, keys that are
  /// not plain text, a key that occurs twice in a mapping, and a second document.
  ///
  /// - Parameters:
  ///   - bytes: UTF-8.
  ///   - file: what diagnostics call it.
  /// - Returns: the document; nil if the file holds none.
  public static func parse(_ bytes: [UInt8], file: String, limits: Limits = Limits()) throws(SpecFileError) -> Node? {
    func failure(_ message: String) -> SpecFileError {
      SpecFileError([
        Diagnostic(file: file, position: Position(line: 1, column: 1), key: "", message: message)
      ])
    }
    guard bytes.count <= limits.bytes else {
      throw failure("the file has \(bytes.count) bytes; at most \(limits.bytes) are allowed")
    }
    let input = joiningSurrogates(bytes)
    var reader = YAMLReader(file: file, limits: limits)
    return try reader.read(input)
  }
}

/// Turns libyaml's events into nodes.
private struct YAMLReader {
  let file: String
  let limits: Node.Limits
  var nodes = 0
  var parser = yaml_parser_t()

  init(file: String, limits: Node.Limits) {
    self.file = file
    self.limits = limits
  }

  mutating func read(_ bytes: [UInt8]) throws(SpecFileError) -> Node? {
    guard yaml_parser_initialize(&parser) == 1 else { throw failure(at: nil, "out of memory") }
    defer { yaml_parser_delete(&parser) }
    // libyaml keeps the pointer until the parser is deleted, so everything happens while the buffer is held.
    let result: Result<Node?, SpecFileError> = bytes.withUnsafeBufferPointer { buffer in
      yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
      // An empty buffer may have no address; libyaml wants one and a length of 0.
      let start = UnsafeRawPointer(buffer.baseAddress)?.assumingMemoryBound(to: UInt8.self)
      var none: UInt8 = 0
      return withUnsafePointer(to: &none) { empty in
        yaml_parser_set_input_string(&parser, start ?? empty, buffer.count)
        do throws(SpecFileError) {
          return .success(try readStream())
        } catch {
          return .failure(error)
        }
      }
    }
    return try result.get()
  }

  private mutating func readStream() throws(SpecFileError) -> Node? {
    try skip()  // stream start
    var event = try next()
    if event.type == YAML_STREAM_END_EVENT {
      yaml_event_delete(&event)
      return nil
    }
    yaml_event_delete(&event)  // document start
    let first = try next()
    let node = try readNode(first, depth: 1)
    try skip()  // document end
    event = try next()
    defer { yaml_event_delete(&event) }
    guard event.type == YAML_STREAM_END_EVENT else {
      throw failure(at: event.start_mark, "a second document begins here; one is allowed")
    }
    return node
  }

  private mutating func readNode(_ first: yaml_event_t, depth: Int) throws(SpecFileError) -> Node {
    var event = first
    defer { yaml_event_delete(&event) }
    let mark = event.start_mark
    nodes += 1
    guard nodes <= limits.nodes else {
      throw failure(at: mark, "the file has more than \(limits.nodes) values")
    }
    guard depth <= limits.depth else {
      throw failure(at: mark, "values are nested more than \(limits.depth) deep")
    }
    switch event.type {
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      try refuseTag(scalar.tag, at: mark)
      let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      return Node(
        position: position(mark), content: .scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE))
    case YAML_SEQUENCE_START_EVENT:
      try refuseTag(event.data.sequence_start.tag, at: mark)
      var items: [Node] = []
      while let item = try nextUnless(YAML_SEQUENCE_END_EVENT) {
        items.append(try readNode(item, depth: depth + 1))
      }
      return Node(position: position(mark), content: .sequence(items))
    case YAML_MAPPING_START_EVENT:
      try refuseTag(event.data.mapping_start.tag, at: mark)
      return Node(position: position(mark), content: .mapping(try readEntries(depth: depth + 1)))
    case YAML_ALIAS_EVENT:
      throw failure(at: mark, "aliases (*name) are not supported; write the value out")
    default:
      preconditionFailure("libyaml event \(event.type.rawValue) where a value begins")
    }
  }

  private mutating func readEntries(depth: Int) throws(SpecFileError) -> [Node.Entry] {
    var entries: [Node.Entry] = []
    var seen: [String: Position] = [:]
    while let first = try nextUnless(YAML_MAPPING_END_EVENT) {
      let key = try readNode(first, depth: depth)
      guard case .scalar(let name, _) = key.content else {
        throw failure(at: key.position, "a key must be text, found \(key.kindDescription)")
      }
      if name == "<<" {
        throw failure(at: key.position, "merge keys (<<) are not supported; write the keys out")
      }
      if let earlier = seen[name] {
        throw failure(
          at: key.position, "key \"\(Visible.text(name, limit: 60))\" occurs twice, first in line \(earlier.line)")
      }
      seen[name] = key.position
      let value = try readNode(try next(), depth: depth)
      entries.append(Node.Entry(key: name, keyPosition: key.position, value: value))
    }
    return entries
  }

  // MARK: Events

  private mutating func next() throws(SpecFileError) -> yaml_event_t {
    var event = yaml_event_t()
    guard yaml_parser_parse(&parser, &event) == 1 else { throw syntaxError() }
    return event
  }

  private mutating func nextUnless(_ end: yaml_event_type_t) throws(SpecFileError) -> yaml_event_t? {
    var event = try next()
    if event.type == end {
      yaml_event_delete(&event)
      return nil
    }
    return event
  }

  private mutating func skip() throws(SpecFileError) {
    var event = try next()
    yaml_event_delete(&event)
  }

  // MARK: Errors

  private func refuseTag(_ tag: UnsafePointer<yaml_char_t>?, at mark: yaml_mark_t) throws(SpecFileError) {
    if tag != nil { throw failure(at: mark, "tags (!name) are not supported") }
  }

  private func syntaxError() -> SpecFileError {
    let problem = parser.problem.map { String(cString: $0) } ?? "not valid YAML"
    // A reader error (bad UTF-8, a control character) has an offset only.
    if parser.error == YAML_READER_ERROR {
      return failure(at: parser.mark, "\(problem) (byte \(parser.problem_offset))")
    }
    guard let context = parser.context.map({ String(cString: $0) }) else {
      return failure(at: parser.problem_mark, problem)
    }
    return failure(
      at: parser.problem_mark, "\(problem), \(context) that begins in line \(parser.context_mark.line + 1)")
  }

  private func position(_ mark: yaml_mark_t) -> Position {
    Position(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
  }

  private func failure(at mark: yaml_mark_t?, _ message: String) -> SpecFileError {
    failure(at: mark.map(position) ?? Position(line: 1, column: 1), message)
  }

  private func failure(at position: Position, _ message: String) -> SpecFileError {
    SpecFileError([Diagnostic(file: file, position: position, key: "", message: message)])
  }
}

/// JSON writes characters beyond U+FFFF as two escapes (`\ud83d\ude00`, RFC 8259 section 7), which YAML does not know.
/// In a file that is one JSON object they are joined; a YAML file that begins with `{` is none the worse for it.
private func joiningSurrogates(_ bytes: [UInt8]) -> [UInt8] {
  let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
  guard bytes.first(where: { !isBlank($0) }) == UInt8(ascii: "{"), bytes.contains(UInt8(ascii: "\\")) else {
    return bytes
  }
  func escape(at index: Int) -> UInt32? {
    guard index + 6 <= bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u") else {
      return nil
    }
    return UInt32(String(decoding: bytes[index + 2..<index + 6], as: UTF8.self), radix: 16)
  }
  var result: [UInt8] = []
  result.reserveCapacity(bytes.count)
  var index = 0
  while index < bytes.count {
    if let high = escape(at: index), (0xD800...0xDBFF).contains(high),
      let low = escape(at: index + 6), (0xDC00...0xDFFF).contains(low),
      let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
    {
      result.append(contentsOf: Array(String(Character(scalar)).utf8))
      index += 12
    } else if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count {
      result.append(contentsOf: bytes[index...index + 1])
      index += 2
    } else {
      result.append(bytes[index])
      index += 1
    }
  }
  return result
}
