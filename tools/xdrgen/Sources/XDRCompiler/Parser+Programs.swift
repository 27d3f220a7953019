// Programs, versions and procedures: RFC 5531 section 12.

extension Parser {
  mutating func programBody(_ opened: SourceRange) -> ProgramSyntax? {
    guard expect("{", "before the versions") != nil else { return nil }
    var versions: [VersionSyntax] = []
    if token.is("}") { diagnostics.error(.emptyBody, "a program needs at least one version", at: opened) }
    while !token.is("}"), token.kind != .end, !Parser.isDefinitionStart(token, in: sources) {
      guard let version = version() else {
        recoverPastBlock()
        continue
      }
      versions.append(version)
    }
    guard take("}") else {
      diagnostics.error(
        .unterminatedDefinition, "the program is not closed: '}' expected, not \(token.described)", at: token.range,
        notes: [.init(message: "it begins here", range: opened)])
      return nil
    }
    guard expect("=", "before the program's number") != nil else { return nil }
    guard let number = value("the program's number") else { return nil }
    return ProgramSyntax(versions: versions, number: number)
  }

  private mutating func version() -> VersionSyntax? {
    let docs = leadingDocs()
    guard token.is(word: "version") else {
      diagnostics.error(
        .unexpectedToken, "'version' expected, not \(token.described)", at: token.range,
        fix: spelling(of: token, among: ["version"]))
      return nil
    }
    advance()
    guard let name = expectName("the version's name") else { return nil }
    guard expect("{", "before the procedures") != nil else { return nil }
    var procedures: [ProcedureSyntax] = []
    if token.is("}") { diagnostics.error(.emptyBody, "a version needs at least one procedure", at: name.range) }
    while !token.is("}"), token.kind != .end, !Parser.isDefinitionStart(token, in: sources) {
      if take(";") { continue }
      guard let procedure = procedure() else {
        recoverPastProcedure()
        continue
      }
      procedures.append(procedure)
    }
    guard take("}") else {
      diagnostics.error(
        .unterminatedDefinition, "the version is not closed: '}' expected, not \(token.described)", at: token.range,
        notes: [.init(message: "it begins here", range: name.range)])
      return nil
    }
    guard expect("=", "before the version's number") != nil else { return nil }
    guard let number = value("the version's number") else { return nil }
    expectSemicolon("after the version")
    return VersionSyntax(name: name, procedures: procedures, number: number, docs: docs)
  }

  private mutating func procedure() -> ProcedureSyntax? {
    var docs = leadingDocs()
    guard let result = declaration(in: .result) else { return nil }
    guard let name = expectName("the procedure's name") else { return nil }
    guard expect("(", "after the procedure's name") != nil else { return nil }
    var arguments: [DeclarationSyntax] = []
    if !token.is(")") {
      repeat {
        guard let argument = declaration(in: .argument) else { return nil }
        arguments.append(argument)
      } while take(",")
    }
    guard expect(")", "after the arguments") != nil else { return nil }
    if arguments.count > 1 || arguments.first?.name != nil {
      for argument in arguments {
        if case .void(let range) = argument.type {
          diagnostics.error(.voidMisplaced, "void stands alone: a procedure has arguments or none", at: range)
        }
      }
    }
    arguments.removeAll { if case .void = $0.type { true } else { false } }
    guard expect("=", "before the procedure's number") != nil else { return nil }
    guard let number = value("the procedure's number") else { return nil }
    expectSemicolon("after the procedure")
    docs.comments += trailingDocs()
    return ProcedureSyntax(name: name, result: result, arguments: arguments, number: number, docs: docs)
  }

  private mutating func recoverPastProcedure() {
    while token.kind != .end, !token.is("}") {
      let isEnd = token.is(";")
      advance()
      if isEnd { return }
    }
  }

  private mutating func recoverPastBlock() {
    var depth = 0
    while token.kind != .end {
      if token.is("{") { depth += 1 }
      if token.is("}") {
        if depth == 0 { return }
        depth -= 1
      }
      let isEnd = depth == 0 && token.is(";")
      advance()
      if isEnd { return }
    }
  }
}
