// Types, declarations and the bodies of enums, structs and unions.

extension Parser {
  /// The use of a declaration: it decides which parts may be left out, and the name in messages.
  enum Place: Equatable {
    case typedef, field, arm, discriminant, argument, result
  }

  // MARK: Bodies

  /// Skips to the end of one item of a body: past its ';', or before the '}' that ends the body.
  private mutating func recoverInBody() {
    var depth = 0
    while token.kind != .end {
      if depth == 0, token.is("}") { return }
      if token.is("{") { depth += 1 }
      if token.is("}") { depth -= 1 }
      if depth == 0, token.is(";") {
        advance()
        return
      }
      if Parser.isDefinitionStart(token, in: sources) { return }
      advance()
    }
  }

  /// A keyword of a definition in the first column: the body before it was never closed.
  static func isDefinitionStart(_ token: Token, in sources: SourceManager) -> Bool {
    guard token.kind == .identifier, ["const", "typedef", "program", "struct", "union", "enum"].contains(token.text)
    else { return false }
    let file = sources.file(token.range.file)
    return file.lineStarts[file.line(at: token.range.lower)] == token.range.lower
  }

  private mutating func closeBody(_ what: String, _ opened: SourceRange) -> Void? {
    if take("}") { return () }
    diagnostics.error(
      .unterminatedDefinition, "the \(what) is not closed: '}' expected, not \(token.described)", at: token.range,
      notes: [.init(message: "it begins here", range: opened)])
    return nil
  }

  mutating func enumBody(_ opened: SourceRange) -> EnumSyntax? {
    guard expect("{", "before the enumerators") != nil else { return nil }
    var enumerators: [EnumeratorSyntax] = []
    if token.is("}") {
      diagnostics.error(.emptyBody, "an enum needs at least one value", at: opened)
      advance()
      return EnumSyntax(enumerators: [])
    }
    while !token.is("}"), token.kind != .end {
      var docs = leadingDocs()
      guard let name = expectName("the name of a value") else {
        recoverInBody()
        break
      }
      var value: ValueSyntax?
      if take("=") {
        value = self.value("the value of '\(name.text)'")
        if value == nil {
          while !token.is(","), !token.is("}"), !token.is(";"), token.kind != .end { advance() }
        }
      }
      docs.comments += trailingDocs()
      let comma = take(",")
      if comma { docs.comments += trailingDocs() }
      enumerators.append(EnumeratorSyntax(name: name, value: value, docs: docs))
      if comma { continue }
      if token.is("}") { break }
      if token.is(";") {
        diagnostics.error(
          .unexpectedToken, "the values of an enum are separated by ',', not ';'", at: token.range,
          fix: .init(range: token.range, replacement: ","))
        advance()
        continue
      }
      if token.kind == .identifier, !Parser.isDefinitionStart(token, in: sources) {
        diagnostics.error(
          .unexpectedToken, "',' is missing between the values of the enum", at: gap,
          fix: .init(range: gap, replacement: ","))
        continue
      }
      break
    }
    guard closeBody("enum", opened) != nil else { return nil }
    return EnumSyntax(enumerators: enumerators)
  }

  mutating func structBody(_ opened: SourceRange) -> StructSyntax? {
    guard expect("{", "before the fields") != nil else { return nil }
    guard enterNesting(opened) else { return nil }
    defer { nesting -= 1 }
    var fields: [DeclarationSyntax] = []
    if token.is("}") {
      diagnostics.error(
        .emptyBody, "a struct needs at least one field", at: opened,
        hint: "a value without content is void, or a union with a void arm")
    }
    while !token.is("}"), token.kind != .end, !Parser.startsUnclosed(self) {
      let docs = leadingDocs()
      if take(";") { continue }
      let start = index
      guard var field = declaration(in: .field) else {
        recoverInBody()
        // Recovery stops at what may begin a definition; if that is where it began, it must go past it.
        if index == start { advance() }
        continue
      }
      if case .void(let range) = field.type {
        diagnostics.error(.voidMisplaced, "a field cannot be void (RFC 4506 errata 6382)", at: range)
        expectSemicolon("after the field")
        continue
      }
      field.docs = docs
      expectSemicolon("after the field")
      field.docs.comments += trailingDocs()
      fields.append(field)
    }
    guard closeBody("struct", opened) != nil else { return nil }
    return StructSyntax(fields: fields)
  }

  /// A body that runs into the next definition: `struct name {` in the first column cannot be a field.
  private static func startsUnclosed(_ parser: Parser) -> Bool {
    guard isDefinitionStart(parser.token, in: parser.sources) else { return false }
    if ["const", "typedef", "program"].contains(parser.token.text) { return true }
    return parser.peek(1).kind == .identifier && (parser.peek(2).is("{") || parser.peek(2).is(word: "switch"))
  }

  mutating func unionBody(_ opened: SourceRange) -> UnionSyntax? {
    guard take(word: "switch") else {
      diagnostics.error(
        .unexpectedToken, "'switch' expected, not \(token.described)", at: token.range,
        hint: "an XDR union is: union name switch (type name) { case value: declaration; ... }")
      return nil
    }
    guard enterNesting(opened) else { return nil }
    defer { nesting -= 1 }
    guard expect("(", "after 'switch'") != nil else { return nil }
    guard let discriminant = declaration(in: .discriminant) else { return nil }
    guard expect(")", "after the discriminant") != nil else { return nil }
    guard expect("{", "before the arms") != nil else { return nil }

    var union = UnionSyntax(discriminant: discriminant, arms: [], defaultArm: nil)
    if token.is("}") { diagnostics.error(.emptyBody, "a union needs at least one arm", at: opened) }
    while !token.is("}"), token.kind != .end, !Parser.startsUnclosed(self) {
      if take(";") { continue }
      let start = index
      guard let (arm, isDefault) = arm() else {
        recoverInBody()
        if index == start { advance() }
        continue
      }
      if !isDefault {
        union.arms.append(arm)
      } else if let first = union.defaultArm {
        diagnostics.error(
          .duplicateCase, "a union has one default arm at most", at: arm.keyword,
          notes: [.init(message: "the first one is here", range: first.keyword)])
      } else {
        union.defaultArm = arm
      }
    }
    guard closeBody("union", opened) != nil else { return nil }
    return union
  }

  private mutating func arm() -> (ArmSyntax, isDefault: Bool)? {
    let docs = leadingDocs()
    var labels: [ValueSyntax] = []
    var keyword: SourceRange?
    var isDefault = false
    while token.is(word: "case") || token.is(word: "default") {
      keyword = keyword ?? token.range
      if take(word: "default") {
        isDefault = true
      } else {
        advance()
        guard let label = value("a value after 'case'") else { return nil }
        labels.append(label)
      }
      guard expect(":", "after the label") != nil else { return nil }
    }
    guard let keyword else {
      diagnostics.error(
        .unexpectedToken, "'case' or 'default' expected, not \(token.described)", at: token.range,
        fix: spelling(of: token, among: ["case", "default"]))
      return nil
    }
    if isDefault, !labels.isEmpty {
      diagnostics.warning(.unreachableDefault, "these labels are part of the default arm anyway", at: keyword)
      labels = []
    }
    guard var declaration = declaration(in: .arm) else { return nil }
    expectSemicolon("after the arm")
    declaration.docs = docs
    declaration.docs.comments += trailingDocs()
    return (ArmSyntax(labels: labels, declaration: declaration, keyword: keyword), isDefault)
  }

  private mutating func enterNesting(_ range: SourceRange) -> Bool {
    guard nesting < Parser.nestingLimit else {
      diagnostics.error(.nestingTooDeep, "types nested deeper than \(Parser.nestingLimit)", at: range)
      return false
    }
    nesting += 1
    return true
  }

  // MARK: Types

  /// Words that begin a type of the language itself.
  static let typeWords: Set<String> = [
    "int", "unsigned", "hyper", "float", "double", "quadruple", "bool", "char", "short", "long", "signed", "void",
    "opaque", "string", "enum", "struct", "union",
  ]

  mutating func type(in place: Place) -> TypeSyntax? {
    let isGlobal = takeGlobalMark()
    let start = token.range
    guard token.kind == .identifier else {
      diagnostics.error(.unexpectedToken, "a type expected, not \(token.described)", at: token.range)
      return nil
    }
    let word = token.text
    advance()
    switch word {
    case "void": return .void(start)
    case "opaque": return .opaque(start)
    case "string": return .string(start)
    case "float": return .builtin(.float, start)
    case "double": return .builtin(.double, start)
    case "quadruple": return .builtin(.quadruple, start)
    case "bool": return .builtin(.bool, start)
    case "int", "hyper", "char", "short", "long": return integer(word, unsigned: false, start)
    case "unsigned":
      if token.kind == .identifier, ["int", "hyper", "char", "short", "long"].contains(token.text) {
        let inner = token.text
        advance()
        return integer(inner, unsigned: true, start)
      }
      return .builtin(.unsignedInt, start)
    case "signed":
      diagnostics.warning(.cTypeUnsupported, "XDR integers are signed unless they say otherwise", at: start)
      if token.kind == .identifier, ["int", "hyper", "char", "short", "long"].contains(token.text) {
        let inner = token.text
        advance()
        return integer(inner, unsigned: false, start)
      }
      return .builtin(.int, start)
    case "enum", "struct", "union":
      return taggedType(word, start)
    default:
      return .named(qualified(Name(text: word, range: start), isGlobal: isGlobal), tag: nil)
    }
  }

  /// `::name`: from the outermost namespace.
  mutating func takeGlobalMark() -> Bool {
    guard dialect.contains(.namespaces), token.is(":"), peek().is(":"), peek(2).kind == .identifier,
      token.range.upper == peek().range.lower, peek().range.upper == peek(2).range.lower
    else { return false }
    advance()
    advance()
    return true
  }

  /// `space::name`, from its first word.
  mutating func qualified(_ name: Name, isGlobal: Bool) -> Name {
    var name = name
    if isGlobal { name.qualifier = [""] }
    while dialect.contains(.namespaces), token.is(":"), peek().is(":"), peek(2).kind == .identifier,
      token.range.upper == peek().range.lower
    {
      advance()
      advance()
      name.qualifier.append(name.text)
      name.text = token.text
      name.range = name.range.through(token.range)
      advance()
    }
    return name
  }

  /// The rest of `long int`, `short int`, `hyper int`. A `long` is 32 bits on the wire, as rpcgen has it.
  private mutating func integer(_ word: String, unsigned: Bool, _ start: SourceRange) -> TypeSyntax {
    if word == "long", token.is(word: "long") {
      let range = start.through(token.range)
      advance()
      diagnostics.error(
        .cTypeUnsupported, "'long long' is not an XDR type", at: range,
        fix: .init(range: range, replacement: unsigned ? "unsigned hyper" : "hyper"))
      return .builtin(unsigned ? .unsignedHyper : .hyper, range)
    }
    if word != "int", word != "char", token.is(word: "int") { advance() }
    let range = start.through(previousRange)
    switch word {
    case "hyper": return .builtin(unsigned ? .unsignedHyper : .hyper, range)
    case "char": return .builtin(unsigned ? .unsignedChar : .char, range)
    case "short": return .builtin(unsigned ? .unsignedShort : .short, range)
    default: return .builtin(unsigned ? .unsignedInt : .int, range)
    }
  }

  private mutating func taggedType(_ word: String, _ start: SourceRange) -> TypeSyntax? {
    var tag: Name?
    if token.kind == .identifier, !(word == "union" && token.is(word: "switch")) {
      tag = Name(text: token.text, range: token.range)
      advance()
    }
    let opensBody = token.is("{") || (word == "union" && token.is(word: "switch"))
    guard opensBody else {
      guard let tag else {
        diagnostics.error(
          .unexpectedToken, "a name or a body expected after '\(word)', not \(token.described)", at: token.range)
        return nil
      }
      return .named(tag, tag: word)
    }
    if let tag { reportTag(tag) }
    // With a name it is a definition like those outside, which it comes before; the declaration refers to it.
    func named(_ kind: DefinitionSyntax.Kind) -> TypeSyntax? {
      guard let tag else { return nil }
      let range = start.through(previousRange)
      append(DefinitionSyntax(kind: kind, name: tag, range: range, docs: DocumentationSyntax()))
      return .named(tag, tag: word)
    }
    switch word {
    case "enum":
      guard let body = enumBody(start) else { return nil }
      return named(.enumeration(body)) ?? .inlineEnum(body, start)
    case "struct":
      guard let body = structBody(start) else { return nil }
      return named(.structure(body)) ?? .inlineStruct(body, start)
    default:
      guard let body = unionBody(start) else { return nil }
      return named(.union(body)) ?? .inlineUnion(body, start)
    }
  }

  private mutating func reportTag(_ tag: Name) {
    guard dialect.contains(.taggedInlineTypes) else {
      return diagnostics.error(
        .dialect, "a type inside a declaration has no name of its own in RFC 4506", at: tag.range,
        hint: "--dialect tagged-inline-types accepts it")
    }
    diagnostics.warning(
      .dialect, "a type inside a declaration has no name of its own in RFC 4506", at: tag.range,
      hint: "it is taken as if '\(tag.text)' were defined outside, as in C")
  }

  // MARK: Declarations

  mutating func declaration(in place: Place) -> DeclarationSyntax? {
    let start = token.range
    guard let type = type(in: place) else { return nil }
    var declaration = DeclarationSyntax(type: type, range: start)
    if case .void = type {
      // `void;` has no name; a stray one is forgiven where it can be skipped.
      if token.kind == .identifier, place == .arm {
        diagnostics.error(
          .voidMisplaced, "void has no name", at: token.range, fix: .init(range: token.range, replacement: ""))
        advance()
      }
      return declaration
    }
    let star = token.range
    if take("*") {
      declaration.isOptional = true
      while token.is("*") {
        diagnostics.error(
          .unexpectedToken, "an optional of an optional needs a typedef for the inner one", at: token.range)
        advance()
      }
    }
    let nameOptional = place == .argument || place == .result
    if token.kind == .identifier, place != .result {
      guard let name = expectName("a name") else { return nil }
      declaration.name = name
    } else if !nameOptional {
      if case .named(let name, _) = type, Parser.isEnd(token) {
        diagnostics.error(
          .unexpectedToken, "'\(name.text)' stands alone: a declaration is a type and a name", at: name.range)
      } else {
        diagnostics.error(.unexpectedToken, "a name expected, not \(token.described)", at: token.range)
      }
      return nil
    }
    guard shape(&declaration, place) != nil else { return nil }
    declaration.range = start.through(previousRange)
    guard check(&declaration, star, place) != nil else { return nil }
    return declaration
  }

  private static func isEnd(_ token: Token) -> Bool { token.is(";") || token.is(",") || token.is(")") || token.is("}") }

  private mutating func shape(_ declaration: inout DeclarationSyntax, _ place: Place) -> Void? {
    if take("[") {
      if token.is("]") {
        diagnostics.error(
          .missingSize, "a fixed array needs its size", at: token.range, hint: "use <> for an array of any length")
        advance()
        return nil
      }
      guard let size = value("the array's size") else { return nil }
      declaration.shape = .fixed(size)
      guard expect("]", "after the array's size") != nil else { return nil }
    } else if take("<") {
      var bound: ValueSyntax?
      if !token.is(">") {
        bound = value("the array's largest size")
        guard bound != nil else { return nil }
      }
      declaration.shape = .variable(bound)
      guard expect(">", "after the array's largest size") != nil else { return nil }
    } else {
      return ()
    }
    if token.is("[") || token.is("<") {
      diagnostics.error(
        .unexpectedToken, "an array of arrays needs a typedef for the inner one", at: token.range)
      return nil
    }
    return ()
  }

  /// The rules of RFC 4506 for the declaration of each type.
  private mutating func check(_ declaration: inout DeclarationSyntax, _ star: SourceRange, _ place: Place) -> Void? {
    let what = declaration.name.map { "'\($0.text)'" } ?? "this"
    let atName = declaration.name?.range ?? declaration.type.range
    let afterName = SourceRange(file: atName.file, lower: atName.upper, upper: atName.upper)
    switch declaration.type {
    case .opaque(let range):
      if case .plain = declaration.shape {
        diagnostics.error(
          .missingSize, "\(what) needs a size: opaque \(declaration.name?.text ?? "x")[n] or <n>", at: range,
          fix: declaration.name == nil ? nil : .init(range: afterName, replacement: "<>"))
        return ()
      }
      fallthrough
    case .string:
      if declaration.isOptional, !dialect.contains(.bareStrings) {
        diagnostics.error(
          .unexpectedToken, "an optional string or opaque needs a typedef", at: star,
          hint: "typedef string some_name<MAX>; then some_name *\(declaration.name?.text ?? "x")")
        declaration.isOptional = false
      }
    default:
      if declaration.isOptional, case .plain = declaration.shape { return () }
      if declaration.isOptional, !dialect.contains(.pointerArrays) {
        diagnostics.error(
          .dialect, "an array of optionals needs a typedef for the element", at: star,
          hint: "--dialect pointer-arrays accepts it")
      }
      return ()
    }
    guard case .string(let range) = declaration.type else { return () }
    switch declaration.shape {
    case .variable: return ()
    case .fixed(let size):
      diagnostics.error(
        .missingSize, "a string has no fixed size in XDR", at: size.range,
        hint: "write string \(declaration.name?.text ?? "x")<n>, or opaque [n] for exactly n bytes")
      declaration.shape = .variable(size)
    case .plain:
      // RFC 5531 and rpcgen write `string` alone for arguments and results.
      if place == .argument || place == .result || dialect.contains(.bareStrings) {
        declaration.shape = .variable(nil)
      } else {
        diagnostics.error(
          .missingSize, "\(what) needs angle brackets: string \(declaration.name?.text ?? "x")<n> or <>", at: range,
          fix: .init(range: afterName, replacement: "<>"), hint: "--dialect bare-strings reads it as <>")
        declaration.shape = .variable(nil)
      }
    }
    return ()
  }
}
