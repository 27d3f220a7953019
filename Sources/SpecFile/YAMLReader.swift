import CYAML
import Guest

extension Node {
  /// Bounds on a file, so that a hostile one costs no more than an honest one.
  public struct Limits: Sendable {
    public var bytes: Int
    public var depth: Int
    public var nodes: Int

    public init(bytes: Int = 1 << 20, depth: Int = 32, nodes: Int = 100_000) {
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
  ///   - bytes: UTF-8, with a byte order mark or without.
  ///   - file: what diagnostics call it.
  /// - Returns: the document; nil if the file holds none.
  /// - Throws: everything that is wrong with it, as far as it could be read.
  public static func parse(_ bytes: [UInt8], file: String, limits: Limits = Limits()) throws(SpecFileError) -> Node? {
    var problems = Problems(file: file)
    let node = try parse(bytes, limits: limits, &problems)
    try problems.check()
    return node
  }

  /// The same for a reader that has more to say about the file: what is refused and does not end the reading is added
  /// to `problems`, and left out of the document.
  ///
  /// - Throws: what ends the reading, after all that was found before.
  public static func parse(
    _ bytes: [UInt8], limits: Limits = Limits(), _ problems: inout Problems
  ) throws(SpecFileError) -> Node? {
    let start = Position(line: 1, column: 1)
    if let fault = wholeFileFault(bytes, limits) {
      problems.report(start, fault)
      try problems.check()
    }
    let input = joiningSurrogates(withoutMark(bytes))
    var reader = YAMLReader(file: problems.file, limits: limits)
    var node: Node?
    var end: [Diagnostic] = []
    do throws(SpecFileError) { node = try reader.read(input) } catch { end = error.diagnostics }
    for (position, message) in reader.refused { problems.report(unread: position, message) }
    for fault in end { problems.report(fault.position, fault.message) }
    if !end.isEmpty { try problems.check() }
    return node
  }

  /// UTF-8's byte order mark, which some editors of other systems write.
  private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

  static func withoutMark(_ bytes: [UInt8]) -> [UInt8] {
    bytes.starts(with: mark) ? Array(bytes.dropFirst(mark.count)) : bytes
  }

  /// The reason why a file is not read at all.
  private static func wholeFileFault(_ bytes: [UInt8], _ limits: Limits) -> String? {
    if bytes.count > limits.bytes {
      return "the file has \(bytes.count) bytes; at most \(limits.bytes) are allowed"
    }
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
      return "the file is UTF-16; save it as UTF-8"
    }
    let text = withoutMark(bytes).drop { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
    if text.starts(with: Array("<?".utf8)) || text.starts(with: Array("<domain".utf8)) {
      return "the file is XML; YAML or JSON is read here"
    }
    return nil
  }
}

/// Turns libyaml's events into nodes.
private struct YAMLReader {
  let file: String
  let limits: Node.Limits
  var nodes = 0
  /// Found and passed over, so that one reading finds everything.
  var refused: [(Position, String)] = []
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
      refuseTag(scalar.tag, at: mark)
      let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      return Node(
        position: position(mark), content: .scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE))
    case YAML_SEQUENCE_START_EVENT:
      refuseTag(event.data.sequence_start.tag, at: mark)
      var items: [Node] = []
      while let item = try nextUnless(YAML_SEQUENCE_END_EVENT) {
        items.append(try readNode(item, depth: depth + 1))
      }
      return Node(position: position(mark), content: .sequence(items))
    case YAML_MAPPING_START_EVENT:
      refuseTag(event.data.mapping_start.tag, at: mark)
      return Node(position: position(mark), content: .mapping(try readEntries(depth: depth + 1)))
    case YAML_ALIAS_EVENT:
      refused.append((position(mark), "aliases (*name) are not supported; write the value out"))
      return Node(position: position(mark), content: .scalar("", isPlain: true))
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
      let value = try readNode(try next(), depth: depth)
      if name == "<<" {
        refused.append((key.position, "merge keys (<<) are not supported; write the keys out"))
        continue
      }
      if let earlier = seen[name] {
        refused.append(
          (key.position, "key \"\(Visible.text(name, limit: 60))\" occurs twice, first in line \(earlier.line)"))
        continue
      }
      seen[name] = key.position
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

  private mutating func refuseTag(_ tag: UnsafePointer<yaml_char_t>?, at mark: yaml_mark_t) {
    if tag != nil { refused.append((position(mark), "tags (!name) are not supported; write the value alone")) }
  }

  private func syntaxError() -> SpecFileError {
    let problem = parser.problem.map { String(cString: $0) } ?? ""
    let fault = YAMLFault(problem: problem, context: parser.context.map { String(cString: $0) })
    // A reader error (bad UTF-8, a control character) has an offset only.
    if parser.error == YAML_READER_ERROR {
      return failure(at: parser.mark, "\(fault.words) (byte \(parser.problem_offset))")
    }
    let line = Int(parser.context_mark.line) + 1
    guard let place = fault.place, line != Int(parser.problem_mark.line) + 1 else {
      return failure(at: parser.problem_mark, fault.words)
    }
    return failure(at: parser.problem_mark, "\(fault.words); \(place) begins in line \(line)")
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
