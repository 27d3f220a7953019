/// From tokens to definitions. Reports what it cannot read and goes on at the next place that makes sense, so that
/// one run reports everything.
struct Parser {
  let tokens: [Token]
  let comments: [Comment]
  let sources: SourceManager
  let diagnostics: DiagnosticSink
  let dialect: Dialect

  var definitions: [DefinitionSyntax] = []
  var index = 0
  var nesting = 0
  /// Where namespaces that are open began, and the whole way to each.
  private var namespaces: [(start: Name, path: [String])] = []
  /// Bytes of the names around a definition, which may be put before each of its names.
  private static let namespaceLimit = 200

  static let nestingLimit = 100

  init(
    tokens: [Token], comments: [Comment], sources: SourceManager, diagnostics: DiagnosticSink, dialect: Dialect
  ) {
    self.tokens = tokens
    self.comments = comments
    self.sources = sources
    self.diagnostics = diagnostics
    self.dialect = dialect
  }

  // MARK: Tokens

  var token: Token { tokens[index] }

  func peek(_ ahead: Int = 1) -> Token { tokens[min(index + ahead, tokens.count - 1)] }

  var previousRange: SourceRange { tokens[max(0, index - 1)].range }

  /// Just after the token before this one: where something is missing.
  var gap: SourceRange {
    let range = previousRange
    return SourceRange(file: range.file, lower: range.upper, upper: range.upper)
  }

  mutating func advance() {
    if token.kind != .end { index += 1 }
  }

  mutating func take(_ sign: Character) -> Bool {
    guard token.is(sign) else { return false }
    advance()
    return true
  }

  mutating func take(word: String) -> Bool {
    guard token.is(word: word) else { return false }
    advance()
    return true
  }

  /// Nil means: reported, and the caller should recover.
  mutating func expect(_ sign: Character, _ place: String) -> Void? {
    if take(sign) { return () }
    diagnostics.error(
      .unexpectedToken, "'\(sign)' expected \(place), not \(token.described)", at: token.range)
    return nil
  }

  mutating func expectSemicolon(_ place: String) {
    if take(";") { return }
    // The following text often makes sense by itself: report the missing token and continue there.
    diagnostics.error(
      .missingSemicolon, "';' is missing \(place)", at: gap, fix: .init(range: gap, replacement: ";"))
  }

  /// A name. Keywords are names too where no keyword can stand.
  mutating func expectName(_ what: String) -> Name? {
    guard token.kind == .identifier else {
      diagnostics.error(.unexpectedToken, "\(what) expected, not \(token.described)", at: token.range)
      return nil
    }
    let name = Name(text: token.text, range: token.range)
    advance()
    return name
  }

  /// Documentation that stands before the current token.
  func leadingDocs() -> DocumentationSyntax {
    var result: [Comment] = []
    for comment in comments[token.comments] where comment.form == .documentation { result.append(comment) }
    // A row of `///` belongs together; of several blocks only the nearest one documents what follows.
    if let last = result.last, isBlock(last) { result = [last] }
    return DocumentationSyntax(comments: result)
  }

  /// `/**< */` before the current token: about what was just read.
  func trailingDocs() -> [Comment] {
    comments[token.comments].filter { $0.form == .trailing }
  }

  private func isBlock(_ comment: Comment) -> Bool {
    sources.file(comment.range.file).bytes[comment.range.lower + 1] == UInt8(ascii: "*")
  }

  // MARK: Definitions

  mutating func parse() {
    while index < tokens.count {
      if token.kind == .end {
        index += 1
        if index == tokens.count { break }
        continue
      }
      let start = index
      if !definition() {
        recoverToDefinition(from: start)
      }
    }
    for (name, _) in namespaces {
      diagnostics.error(.unterminatedDefinition, "namespace '\(name.text)' has no '}'", at: name.range)
    }
  }

  private static let starters: Set<String> = ["const", "typedef", "enum", "struct", "union", "program", "namespace"]

  /// Skips to something that begins a definition: a keyword at the outermost level, or after a '}' or ';'.
  private mutating func recoverToDefinition(from start: Int) {
    if index == start { advance() }
    var depth = 0
    while token.kind != .end {
      if token.is("{") { depth += 1 }
      if token.is("}") {
        depth -= 1
        if depth < 0, !namespaces.isEmpty { return }
      }
      advance()
      let previous = tokens[index - 1]
      guard token.kind == .identifier, Parser.starters.contains(token.text) else { continue }
      if depth <= 0, previous.is(";") || previous.is("}") { return }
      // At the very start of a line and in its first column a keyword begins a definition whatever came before.
      let file = sources.file(token.range.file)
      if file.lineStarts[file.line(at: token.range.lower)] == token.range.lower { return }
    }
  }

  /// False when it has to recover.
  private mutating func definition() -> Bool {
    let docs = leadingDocs()
    let start = token.range
    if take(";") {
      return true
    }
    if token.is("}"), !namespaces.isEmpty {
      namespaces.removeLast()
      advance()
      _ = take(";")
      return true
    }
    guard token.kind == .identifier else {
      diagnostics.error(
        .unexpectedToken,
        "a definition expected (const, typedef, enum, struct, union or program), not \(token.described)",
        at: token.range)
      return false
    }
    switch token.text {
    case "const": return constantDefinition(start, docs)
    case "typedef": return typedefDefinition(start, docs)
    case "enum": return enumerationDefinition(start, docs)
    case "struct": return structureDefinition(start, docs)
    case "union": return unionDefinition(start, docs)
    case "program": return programDefinition(start, docs)
    case "package" where peek().kind == .string: return packageLine()
    case "pragma" where peek().kind == .identifier: return pragmaLine()
    case "namespace": return namespaceLine()
    default:
      diagnostics.error(
        .unexpectedToken,
        "a definition expected (const, typedef, enum, struct, union or program), not \(token.described)",
        at: token.range, fix: spelling(of: token, among: Array(Parser.starters)))
      return false
    }
  }

  /// `const name = value;`
  private mutating func constantDefinition(_ start: SourceRange, _ docs: DocumentationSyntax) -> Bool {
    advance()
    guard let name = expectName("the constant's name") else { return false }
    guard expect("=", "after the constant's name") != nil else { return false }
    guard let value = value("the constant's value") else { return false }
    add(.constant(value), name, start, docs, place: "after the constant")
    return true
  }

  private mutating func typedefDefinition(_ start: SourceRange, _ docs: DocumentationSyntax) -> Bool {
    advance()
    guard let declaration = declaration(in: .typedef) else { return false }
    if case .void(let range) = declaration.type {
      diagnostics.error(
        .voidMisplaced, "void has no values to name a type for (RFC 4506 errata 6382)", at: range)
      expectSemicolon("after the typedef")
      return true
    }
    guard let name = declaration.name else {
      diagnostics.error(.unexpectedToken, "the typedef's name expected, not \(token.described)", at: token.range)
      return false
    }
    add(.typedef(declaration), name, start, docs, place: "after the typedef")
    return true
  }

  private mutating func enumerationDefinition(_ start: SourceRange, _ docs: DocumentationSyntax) -> Bool {
    advance()
    if token.is("{") { return namelessEnum(start) }
    guard let name = expectName("the enum's name") else { return false }
    guard let body = enumBody(name.range) else { return false }
    add(.enumeration(body), name, start, docs, place: "after the enum")
    return true
  }

  private mutating func structureDefinition(_ start: SourceRange, _ docs: DocumentationSyntax) -> Bool {
    advance()
    let star = token.range
    let isPointer = take("*")
    if isPointer, !dialect.contains(.pointerStructs) {
      diagnostics.error(
        .dialect, "'struct *' is not in RFC 4506", at: star, hint: "--dialect pointer-structs accepts it")
    }
    guard let name = expectName("the struct's name") else { return false }
    guard let body = structBody(name.range) else { return false }
    add(isPointer ? .pointerStructure(body) : .structure(body), name, start, docs, place: "after the struct")
    return true
  }

  private mutating func unionDefinition(_ start: SourceRange, _ docs: DocumentationSyntax) -> Bool {
    advance()
    guard let name = expectName("the union's name") else { return false }
    guard let body = unionBody(name.range) else { return false }
    add(.union(body), name, start, docs, place: "after the union")
    return true
  }

  private mutating func programDefinition(_ start: SourceRange, _ docs: DocumentationSyntax) -> Bool {
    advance()
    guard let name = expectName("the program's name") else { return false }
    guard let body = programBody(name.range) else { return false }
    add(.program(body), name, start, docs, place: "after the program")
    return true
  }

  /// `package "path";`
  private mutating func packageLine() -> Bool {
    if !dialect.contains(.packages) {
      diagnostics.error(
        .dialect, "packages are not in RFC 4506", at: token.range, hint: "--dialect packages accepts them")
    }
    advance()
    advance()
    expectSemicolon("after the package")
    return true
  }

  /// `pragma word name;`
  private mutating func pragmaLine() -> Bool {
    if !dialect.contains(.pragmas) {
      diagnostics.error(
        .dialect, "pragmas are not in RFC 4506", at: token.range, hint: "--dialect pragmas reads past them")
    }
    while token.kind == .identifier || token.is("*") { advance() }
    expectSemicolon("after the pragma")
    return true
  }

  /// `namespace name {`; its '}' is met as a definition that is none.
  private mutating func namespaceLine() -> Bool {
    advance()
    guard let name = expectName("the namespace's name") else { return false }
    if !dialect.contains(.namespaces) {
      diagnostics.error(
        .dialect, "namespaces are not in RFC 4506", at: name.range, hint: "--dialect namespaces accepts them")
    }
    var path = (namespaces.last?.path ?? []) + [name.text]
    while token.is(":"), peek().is(":") {
      advance()
      advance()
      guard let inner = expectName("the namespace's name") else { return false }
      path.append(inner.text)
    }
    guard namespaces.count < Parser.nestingLimit else {
      diagnostics.error(.nestingTooDeep, "namespaces nested deeper than \(Parser.nestingLimit)", at: name.range)
      return false
    }
    guard path.count <= Parser.nestingLimit, path.reduce(0, { $0 + $1.utf8.count }) <= Parser.namespaceLimit else {
      diagnostics.error(
        .nestingTooDeep, "the names of the namespaces here are longer than \(Parser.namespaceLimit) bytes together",
        at: name.range)
      return false
    }
    guard expect("{", "after the namespace's name") != nil else { return false }
    namespaces.append((name, path))
    return true
  }

  /// `enum { A = 1, B };`, for its constants.
  private mutating func namelessEnum(_ start: SourceRange) -> Bool {
    let open = token.range
    if dialect.contains(.namelessEnums) {
      diagnostics.warning(
        .dialect, "an enum without a name is not in RFC 4506", at: open, hint: "its values are taken as constants")
    } else {
      diagnostics.error(
        .dialect, "an enum without a name is not in RFC 4506", at: open, hint: "--dialect nameless-enums accepts it")
    }
    guard let body = enumBody(start) else { return false }
    let range = start.through(previousRange)
    expectSemicolon("after the enum")
    var last: Int128? = -1
    for enumerator in body.enumerators {
      var value = enumerator.value ?? ValueSyntax(kind: .invalid, range: enumerator.name.range)
      if enumerator.value == nil {
        if let last {
          value.kind = .number(last + 1)
        } else {
          diagnostics.error(
            .unexpectedToken,
            "'\(enumerator.name.text)' needs a value here: the one before it has that of another name",
            at: enumerator.name.range)
        }
      }
      if case .number(let number) = value.kind { last = number } else { last = nil }
      append(DefinitionSyntax(kind: .constant(value), name: enumerator.name, range: range, docs: enumerator.docs))
    }
    return true
  }

  private mutating func add(
    _ kind: DefinitionSyntax.Kind, _ name: Name, _ start: SourceRange, _ docs: DocumentationSyntax, place: String
  ) {
    let range = start.through(previousRange)
    expectSemicolon(place)
    var docs = docs
    docs.comments += trailingDocs()
    append(DefinitionSyntax(kind: kind, name: name, range: range, docs: docs))
  }

  mutating func append(_ definition: DefinitionSyntax) {
    definitions.append(definition)
    definitions[definitions.count - 1].namespace = namespaces.last?.path ?? []
  }

  func spelling(of token: Token, among names: [String]) -> Diagnostic.FixIt? {
    guard token.kind == .identifier, let near = nearest(token.text, among: names) else { return nil }
    return .init(range: token.range, replacement: near)
  }

  // MARK: Values

  mutating func value(_ what: String) -> ValueSyntax? {
    let start = token.range
    if token.is("-") || token.is("+") {
      let isNegative = token.is("-")
      advance()
      guard token.kind == .number else {
        diagnostics.error(.unexpectedToken, "a number expected after the sign, not \(token.described)", at: token.range)
        return nil
      }
      let hex = token.text.hasPrefix("0x") || token.text.hasPrefix("0X")
      var value = number()
      value.range = start.through(value.range)
      if case .number(let magnitude) = value.kind {
        value.kind = .number(isNegative ? -magnitude : magnitude)
        if hex {
          diagnostics.report(
            Diagnostic(
              severity: .warning, code: .nonstandardNumber, message: "RFC 4506 has no sign before a hexadecimal number",
              range: value.range))
        }
      }
      return value
    }
    let isGlobal = takeGlobalMark()
    switch token.kind {
    case .number: return number()
    case .identifier:
      let name = token.text
      advance()
      let qualified = qualified(Name(text: name, range: start), isGlobal: isGlobal)
      return ValueSyntax(kind: .name(qualified.text), range: qualified.range, qualifier: qualified.qualifier)
    case .character: return character()
    case .string:
      let text = token.text
      advance()
      return ValueSyntax(kind: .string(text), range: start)
    default:
      diagnostics.error(.unexpectedToken, "\(what) expected, not \(token.described)", at: token.range)
      return nil
    }
  }

  private mutating func number() -> ValueSyntax {
    let number = token
    advance()
    switch NumberValue.parse(number.text) {
    case .value(let value, let notes):
      if number.text.contains(where: { $0 == "'" || $0 == "_" }), !dialect.contains(.digitSeparators) {
        diagnostics.error(
          .dialect, "digit separators are not in RFC 4506", at: number.range,
          fix: .init(range: number.range, replacement: number.text.filter { $0 != "'" && $0 != "_" }))
      } else if let note = notes.first {
        diagnostics.warning(.nonstandardNumber, note, at: number.range)
      }
      return ValueSyntax(kind: .number(value), range: number.range)
    case .tooWide: return ValueSyntax(kind: .tooWide, range: number.range)
    case .invalid(let message, let fix):
      diagnostics.error(
        .invalidNumber, message, at: number.range,
        fix: fix.map { .init(range: number.range, replacement: $0) })
      return ValueSyntax(kind: .invalid, range: number.range)
    }
  }

  private mutating func character() -> ValueSyntax {
    let literal = token
    advance()
    let content = Array(literal.text.utf8.dropFirst().dropLast())
    let escapes: [UInt8: UInt8] = [
      UInt8(ascii: "n"): 10, UInt8(ascii: "t"): 9, UInt8(ascii: "r"): 13, UInt8(ascii: "0"): 0, UInt8(ascii: "\\"): 92,
      UInt8(ascii: "'"): 39, UInt8(ascii: "a"): 7, UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12, UInt8(ascii: "v"): 11,
    ]
    if content.count == 1, content[0] < 0x80 {
      return ValueSyntax(kind: .character(Int128(content[0])), range: literal.range)
    }
    if content.count == 2, content[0] == UInt8(ascii: "\\"), let value = escapes[content[1]] {
      return ValueSyntax(kind: .character(Int128(value)), range: literal.range)
    }
    diagnostics.error(.invalidLiteral, "a character constant holds one ASCII character", at: literal.range)
    return ValueSyntax(kind: .invalid, range: literal.range)
  }
}

/// The closest of some names, if it is close enough to have been meant.
func nearest(_ text: String, among names: [String]) -> String? {
  guard text.utf8.count <= 64 else { return nil }
  let limit = max(1, text.utf8.count / 3)
  var best: (String, Int)?
  for name in names.sorted() where abs(name.utf8.count - text.utf8.count) <= limit && name != text {
    let distance = editDistance(Array(text.lowercased().utf8), Array(name.lowercased().utf8))
    if distance <= limit, distance < best?.1 ?? .max { best = (name, distance) }
  }
  return best?.0
}

private func editDistance(_ one: [UInt8], _ other: [UInt8]) -> Int {
  var row = Array(0...other.count)
  for (i, a) in one.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, b) in other.enumerated() {
      let cost = min(row[j] + 1, row[j + 1] + 1, diagonal + (a == b ? 0 : 1))
      diagonal = row[j + 1]
      row[j + 1] = cost
    }
  }
  return row[other.count]
}
