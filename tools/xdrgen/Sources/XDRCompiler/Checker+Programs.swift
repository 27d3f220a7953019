// Programs: RFC 5531 section 12.3.

extension Checker {
  func defineProgram(_ definition: DefinitionSyntax, _ syntax: ProgramSyntax) {
    let (docs, annotations) = documentation.read(definition.docs, at: .other)
    var versions: [VersionDefinition] = []
    var versionNames: [String: SourceRange] = [:]
    var versionNumbers: [UInt32: SourceRange] = [:]
    for version in syntax.versions {
      unique(version.name, "version", &versionNames)
      guard let number = number(version.number, "version") else { continue }
      unique(number, "version", version.number.range, &versionNumbers)
      versions.append(self.version(version, number, in: definition.name.text))
    }
    guard let number = number(syntax.number, "program") else { return }
    for version in Set(versions.map(\.number)).sorted() {
      let key = ProgramNumber(program: number, version: version)
      if let earlier = programNumbers[key] {
        diagnostics.error(
          .duplicateNumber, "another program has the number \(hex(number)) and a version \(version)",
          at: syntax.number.range, notes: [.init(message: "it is here", range: earlier)])
      }
      programNumbers[key] = syntax.number.range
    }
    model.programs.append(
      ProgramDefinition(
        name: definition.name.text, range: definition.name.range, docs: docs, annotations: annotations,
        number: number, versions: versions))
  }

  private func version(_ syntax: VersionSyntax, _ number: UInt32, in program: String) -> VersionDefinition {
    var procedures: [ProcedureDefinition] = []
    var names: [String: SourceRange] = [:]
    var numbers: [UInt32: SourceRange] = [:]
    for procedure in syntax.procedures {
      unique(procedure.name, "procedure", &names)
      guard let number = self.number(procedure.number, "procedure") else { continue }
      unique(number, "procedure", procedure.number.range, &numbers)
      let (docs, annotations) = documentation.read(procedure.docs, at: .procedure)
      let path = [program, procedure.name.text]
      var arguments: [Field] = []
      var argumentNames: Set<String> = []
      for (index, argument) in procedure.arguments.enumerated() {
        let name = argument.name?.text ?? (procedure.arguments.count == 1 ? "value" : "arg\(index + 1)")
        if !argumentNames.insert(name).inserted {
          diagnostics.error(
            .duplicateMember, "there is an argument '\(name)' already", at: argument.name?.range ?? argument.range)
        }
        arguments.append(
          Field(
            name: name, range: argument.name?.range ?? argument.range, docs: Documentation(),
            annotations: Annotations(), type: type(argument, in: path)))
      }
      let result = type(procedure.result, in: path + ["result"])
      if annotations.isEvent {
        var isVoid = false
        if case .void = result { isVoid = true }
        if !isVoid, !arguments.isEmpty {
          diagnostics.error(
            .invalidAnnotation, "an event has one body: as its result or as its argument, not both",
            at: procedure.name.range)
        }
        if arguments.count > 1 {
          diagnostics.error(
            .invalidAnnotation, "an event has one body; put the values into a struct", at: procedure.name.range)
        }
        if annotations.right != nil || annotations.isReadOnly || annotations.isIdempotent {
          diagnostics.error(
            .invalidAnnotation, "an event is not called: @right, @readonly and @idempotent do not apply",
            at: procedure.name.range)
        }
      }
      procedures.append(
        ProcedureDefinition(
          name: procedure.name.text, range: procedure.name.range, docs: docs, annotations: annotations,
          number: number, arguments: arguments, result: result))
    }
    let (docs, _) = documentation.read(syntax.docs, at: .other)
    return VersionDefinition(
      name: syntax.name.text, range: syntax.name.range, docs: docs, number: number, procedures: procedures)
  }

  private func unique(_ name: Name, _ what: String, _ seen: inout [String: SourceRange]) {
    if let earlier = seen[name.text] {
      diagnostics.error(
        .duplicateName, "there is a \(what) '\(name.text)' already", at: name.range,
        notes: [.init(message: "first declared here", range: earlier)])
    }
    seen[name.text] = name.range
  }

  private func unique(_ number: UInt32, _ what: String, _ range: SourceRange, _ seen: inout [UInt32: SourceRange]) {
    if let earlier = seen[number] {
      diagnostics.error(
        .duplicateNumber, "another \(what) has the number \(number)", at: range,
        notes: [.init(message: "it is here", range: earlier)], hint: "numbers are never shared or used again")
    }
    seen[number] = range
  }
}

func hex(_ number: UInt32) -> String { "0x" + String(number, radix: 16) }
