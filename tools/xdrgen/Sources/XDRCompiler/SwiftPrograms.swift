// Programs: what is called, with what, and by whom.

extension SwiftBackend {
  /// A version of a program with its names in Swift.
  struct ProgramNames {
    var program: ProgramDefinition
    var version: VersionDefinition
    /// `Admin`
    var name: String
    /// `GuestStart`, in the order of the procedures.
    var procedures: [String]
  }

  func programNames(_ program: ProgramDefinition) -> [ProgramNames] {
    var base = program.name
    for suffix in ["_PROGRAM", "_PROG", "PROGRAM", "PROG", "_program", "_prog"] where base.hasSuffix(suffix) {
      guard base.utf8.count > suffix.utf8.count else { continue }
      base = String(base.dropLast(suffix.count))
      break
    }
    return program.versions.map { version in
      let isOnly = program.versions.count == 1
      let name = program.annotations.name ?? SwiftNames.upperCamel(isOnly ? base : version.name)
      let short = SwiftNames.strippingCommonPrefix(version.procedures.map(\.name), ofSingle: base)
      let wanted = zip(version.procedures, short).map { procedure, short in
        (
          name: procedure.annotations.name.map(SwiftNames.upperCamel) ?? SwiftNames.upperCamel(short),
          original: procedure.name, isChosen: procedure.annotations.name != nil, range: procedure.range
        )
      }
      let topLevel = topLevelName(name, program)
      var reserved: Set<String> = ["Type", "Self", "Protocol", "Any", "Swift", "XDR", topLevel]
      if let namespace = options.namespace { reserved.insert(namespace) }
      return ProgramNames(
        program: program, version: version, name: topLevel,
        procedures: names.members(wanted, reserved: reserved, or: options.namespace == nil ? names.allTypes : []))
    }
  }

  /// Without a namespace a program must not take the name of a type, nor two programs one name.
  private func topLevelName(_ name: String, _ program: ProgramDefinition) -> String {
    let isTaken =
      options.namespace == nil
      && ["", "Call", "Message", "Service", "Client", "Events"].contains { names.allTypes.contains(name + $0) }
    let isHidden = ["Swift", "XDR", options.namespace ?? "XDR"].contains(name) || name.first?.isNumber == true
    let alike = lonePrograms[SwiftNames.upperCamel(program.name), default: 0]
    let isShared = alike > (program.versions.count == 1 ? 1 : 0)
    return isTaken || isHidden || isShared ? name + "Program" : name
  }

  // MARK: The program itself

  func emit(_ program: ProgramDefinition, _ writer: inout SwiftWriter) {
    for item in programNames(program) {
      writer.line()
      writer.docs(item.program.docs)
      writer.docs(item.version.docs)
      writer.block("public enum \(item.name): RPCProgram {") { writer in
        writer.line("public static let number: \(std("UInt32")) = 0x\(String(program.number, radix: 16))")
        writer.line("public static let version: \(std("UInt32")) = \(item.version.number)")
        writer.line("public static let name = \(swiftLiteral(program.name))")
        writer.gap()
        emitTable(item, &writer)
        for (procedure, name) in zip(item.version.procedures, item.procedures) {
          writer.gap()
          emit(procedure, named: name, in: item, &writer)
        }
      }
      emitSums(item, &writer)
    }
  }

  private func emitTable(_ item: ProgramNames, _ writer: inout SwiftWriter) {
    writer.block("public static let procedures: [RPCProcedureInfo] = [", "]") { writer in
      for procedure in item.version.procedures.sorted(by: { $0.number < $1.number }) {
        let notes = procedure.annotations
        var arguments = ["number: \(number(procedure))", "name: \(swiftLiteral(procedure.name))"]
        if let right = notes.right { arguments.append("right: .\(right)") }
        if notes.isReadOnly { arguments.append("allowedReadOnly: true") }
        if notes.isEvent { arguments.append("isEvent: true") }
        if notes.isIdempotent { arguments.append("idempotent: true") }
        writer.line("RPCProcedureInfo(\(arguments.joined(separator: ", "))),")
      }
    }
  }

  /// libvirt's header carries procedure numbers as signed.
  private func number(_ procedure: ProcedureDefinition) -> Int32 { Int32(bitPattern: procedure.number) }

  private func emit(
    _ procedure: ProcedureDefinition, named name: String, in item: ProgramNames, _ writer: inout SwiftWriter
  ) {
    writer.docs(procedure.docs, [], procedure.annotations)
    let kind = procedure.isEvent ? "RPCEvent" : "RPCProcedure"
    writer.block("public enum \(SwiftNames.escaped(name)): \(kind) {") { writer in
      writer.line("public typealias Program = \(item.name)")
      if procedure.isEvent {
        emitMessage("Body", eventFields(procedure), &writer)
      } else {
        emitMessage("Args", procedure.arguments, &writer)
        emitMessage("Reply", resultFields(procedure), &writer)
      }
      writer.line("public static let number: \(std("Int32")) = \(number(procedure))")
      writer.line("public static let name = \(swiftLiteral(procedure.name))")
      guard !procedure.isEvent else { return }
      writer.line("public static let right = RPCRight.\(procedure.annotations.right ?? "none")")
      writer.line("public static let allowedReadOnly = \(procedure.annotations.isReadOnly)")
    }
  }

  /// A message is a type of the schema where it is one value with no bound of its own, and a struct otherwise.
  private func emitMessage(_ role: String, _ fields: [Field], _ writer: inout SwiftWriter) {
    if let type = messageType(fields) {
      writer.line("public typealias \(role) = \(type)")
    } else {
      writer.gap()
      withQualifiedNames { emitStruct(named: role, fields, isRecursive: false, nil, &writer) }
      writer.gap()
    }
  }

  private func withQualifiedNames(_ body: () -> Void) {
    names.prefix = options.namespace.map { $0 + "." } ?? ""
    body()
    names.prefix = ""
  }

  /// The type of a message that needs no struct of its own.
  private func messageType(_ fields: [Field]) -> String? {
    guard let field = fields.first else { return "XDRVoid" }
    guard fields.count == 1 else { return nil }
    switch field.type.resolved {
    case .void: return "XDRVoid"
    case .scalar(let scalar): return swiftScalar(scalar)
    case .named(let definition): return definition.list == nil ? qualified(names.type(definition)) : nil
    default: return nil
    }
  }

  private func resultFields(_ procedure: ProcedureDefinition) -> [Field] {
    if case .void = procedure.result { return [] }
    return [
      Field(
        name: "value", range: procedure.range, docs: Documentation(), annotations: Annotations(),
        type: procedure.result)
    ]
  }

  private func eventFields(_ procedure: ProcedureDefinition) -> [Field] {
    procedure.arguments.isEmpty ? resultFields(procedure) : procedure.arguments
  }

  // MARK: Sums

  /// Every call and every event as one value each: what a dispatcher that is not async switches over.
  private func emitSums(_ item: ProgramNames, _ writer: inout SwiftWriter) {
    let all = zip(item.version.procedures, item.procedures).map { ($0, $1) }
    let calls = all.filter { !$0.0.isEvent }
    let events = all.filter { $0.0.isEvent }
    if !calls.isEmpty {
      emitSum("\(item.name)Call", "A call of \(item.name), decoded.", calls, in: item, &writer) { $0.arguments }
    }
    if !events.isEmpty {
      emitSum("\(item.name)Message", "An event of \(item.name), decoded.", events, in: item, &writer) {
        self.eventFields($0)
      }
    }
  }

  private func emitSum(
    _ name: String, _ summary: String, _ items: [(ProcedureDefinition, String)], in program: ProgramNames,
    _ writer: inout SwiftWriter, _ fields: (ProcedureDefinition) -> [Field]
  ) {
    writer.line()
    writer.line("/// \(summary)")
    writer.block("public enum \(name): \(std("Sendable")), \(std("Hashable")) {") { writer in
      for (procedure, procedureName) in items {
        writer.docs(procedure.docs, [], procedure.annotations)
        let payload = fields(procedure).isEmpty ? "" : "(\(messageName(procedure, procedureName, program)))"
        writer.line("case \(self.caseName(procedureName))\(payload)")
      }
      writer.gap()
      writer.line("/// Nil when the program has no such \(items.first?.0.isEvent == true ? "event" : "procedure").")
      writer.block(
        "public init?(procedure: \(std("Int32")), body: \(std("ArraySlice"))<\(std("UInt8"))>) throws(XDRError) {"
      ) { writer in
        writer.block("switch procedure {") { writer in
          for (procedure, procedureName) in items {
            writer.line("case \(self.number(procedure)):")
            writer.indented { writer in
              if fields(procedure).isEmpty {
                writer.line("_ = try XDRVoid(xdr: body)")
                writer.line("self = .\(self.caseName(procedureName))")
              } else {
                let type = messageName(procedure, procedureName, program)
                writer.line("self = .\(self.caseName(procedureName))(try \(type)(xdr: body))")
              }
            }
          }
          writer.line("default: return nil")
        }
      }
    }
  }

  private func caseName(_ procedureName: String) -> String {
    SwiftNames.escaped(SwiftNames.lowerCamel(procedureName))
  }

  /// `Wire.GuestStartArgs` or `Admin.Echo.Args`
  private func messageName(_ procedure: ProcedureDefinition, _ name: String, _ item: ProgramNames) -> String {
    let role = procedure.isEvent ? "Body" : "Args"
    let fields = procedure.isEvent ? eventFields(procedure) : procedure.arguments
    return messageType(fields) ?? "\(item.name).\(SwiftNames.escaped(name)).\(role)"
  }

  private func replyName(_ procedure: ProcedureDefinition, _ name: String, _ item: ProgramNames) -> String {
    messageType(resultFields(procedure)) ?? "\(item.name).\(SwiftNames.escaped(name)).Reply"
  }

  // MARK: Services and clients

  func services(_ programs: [ProgramDefinition], of input: FileID) -> String {
    var writer = header(input)
    if let module = options.typesModule { writer.line("public import \(module)") }
    writer.line("public import XDR")
    for item in programs.flatMap(programNames) {
      let calls = zip(item.version.procedures, item.procedures).filter { !$0.0.isEvent }
      let events = zip(item.version.procedures, item.procedures).filter { $0.0.isEvent }
      if !calls.isEmpty {
        emitService(item, calls, &writer)
        emitDispatcher(item, calls, &writer)
        emitClient(item, calls, &writer)
      }
      if !events.isEmpty { emitEvents(item, events, &writer) }
    }
    return writer.text
  }

  private func emitService(
    _ item: ProgramNames, _ calls: [(ProcedureDefinition, String)], _ writer: inout SwiftWriter
  ) {
    writer.line()
    writer.line("/// The server side of \(item.name): one requirement for each procedure.")
    writer.block("public protocol \(item.name)Service: \(std("Sendable")) {") { writer in
      writer.line("/// The caller, and everything else that a handler needs to know about a call.")
      writer.line("associatedtype Context: \(std("Sendable"))")
      for (procedure, name) in calls {
        writer.gap()
        writer.docs(procedure.docs, [], procedure.annotations)
        let arguments = procedure.arguments.isEmpty ? "" : "_ args: \(messageName(procedure, name, item)), "
        // Where the caller is: an actor serves its calls without a change of thread, whatever stands in between.
        writer.line(
          "nonisolated(nonsending) func \(self.caseName(name))(\(arguments)context: Context) async throws"
            + self.arrow(procedure, name, item))
      }
    }
  }

  private func arrow(_ procedure: ProcedureDefinition, _ name: String, _ item: ProgramNames) -> String {
    resultFields(procedure).isEmpty ? "" : " -> \(replyName(procedure, name, item))"
  }

  private func emitDispatcher(
    _ item: ProgramNames, _ calls: [(ProcedureDefinition, String)], _ writer: inout SwiftWriter
  ) {
    writer.line()
    writer.line("/// Decodes a call, has it served and encodes the reply; nil when there is no such procedure.")
    writer.line(
      "/// Errors of decoding are `XDRError`; all others are the service's own. The first `headerSize` bytes of")
    writer.line("/// the result are zero and left to the caller, so that a frame takes one allocation.")
    writer.line("nonisolated(nonsending) public func dispatch\(item.name)<Service: \(item.name)Service>(")
    writer.indented { writer in
      writer.line("_ service: Service, procedure: \(std("Int32")), args: \(std("ArraySlice"))<\(std("UInt8"))>,")
      writer.line("context: Service.Context, headerSize: \(std("Int")) = 0")
    }
    // A function for each procedure, and for each sixteen of them: in a function of many awaits each one costs the
    // compiler as much as all others together.
    let indices = Array(calls.indices)
    let groups = stride(from: 0, to: calls.count, by: 16).map { Array(indices[$0..<min($0 + 16, calls.count)]) }
    func cases(_ indices: [Int], _ writer: inout SwiftWriter) {
      for index in indices {
        writer.line("case \(number(calls[index].0)):")
        writer.line("  return try await serve\(item.name)\(index)(service, args, context, headerSize)")
      }
    }
    writer.block(") async throws -> [\(std("UInt8"))]? {") { writer in
      writer.block("switch procedure {") { writer in
        if groups.count == 1 {
          cases(indices, &writer)
        } else {
          for (number, group) in groups.enumerated() {
            writer.line("case \(group.map { "\(self.number(calls[$0].0))" }.joined(separator: ", ")):")
            writer.line(
              "  return try await serve\(item.name)Group\(number)(service, procedure, args, context, headerSize)")
          }
        }
        writer.line("default: return nil")
      }
    }
    for (number, group) in groups.enumerated() where groups.count > 1 {
      writer.line()
      writer.line(
        "nonisolated(nonsending) private func serve\(item.name)Group\(number)<Service: \(item.name)Service>(")
      writer.indented { writer in
        writer.line("_ service: Service, _ procedure: \(std("Int32")), _ args: \(std("ArraySlice"))<\(std("UInt8"))>,")
        writer.line("_ context: Service.Context, _ headerSize: \(std("Int"))")
      }
      writer.block(") async throws -> [\(std("UInt8"))]? {") { writer in
        writer.block("switch procedure {") { writer in
          cases(group, &writer)
          writer.line("default: return nil")
        }
      }
    }
    for (index, (procedure, name)) in calls.enumerated() {
      writer.line()
      writer.line(
        "nonisolated(nonsending) private func serve\(item.name)\(index)<Service: \(item.name)Service>(")
      writer.indented { writer in
        writer.line(
          "_ service: Service, _ args: \(std("ArraySlice"))<\(std("UInt8"))>, _ context: Service.Context, _ headerSize: \(std("Int"))"
        )
      }
      writer.block(") async throws -> [\(std("UInt8"))] {") { writer in
        var call = "service.\(self.caseName(name))("
        if procedure.arguments.isEmpty {
          writer.line("_ = try XDRVoid(xdr: args)")
        } else {
          call += "\(messageName(procedure, name, item))(xdr: args), "
        }
        call += "context: context)"
        if resultFields(procedure).isEmpty {
          writer.line("try await \(call)")
          writer.line("return try XDRVoid().xdrEncoded(headerSize: headerSize)")
        } else {
          writer.line("return try await \(call).xdrEncoded(headerSize: headerSize)")
        }
      }
    }
  }

  private func emitClient(
    _ item: ProgramNames, _ calls: [(ProcedureDefinition, String)], _ writer: inout SwiftWriter
  ) {
    writer.line()
    writer.line("/// Calls \(item.name).")
    writer.block("public struct \(item.name)Client<Caller: RPCCaller>: \(std("Sendable")) {") { writer in
      writer.line("public var caller: Caller")
      writer.gap()
      writer.line("public init(_ caller: Caller) { self.caller = caller }")
      for (procedure, name) in calls {
        writer.gap()
        writer.docs(procedure.docs)
        deprecation(procedure.annotations, &writer)
        let parameter = procedure.arguments.isEmpty ? "" : "_ args: \(messageName(procedure, name, item))"
        let argument = procedure.arguments.isEmpty ? "XDRVoid()" : "args"
        let call = "try await caller.call(\(item.name).\(SwiftNames.escaped(name)).self, \(argument))"
        let isVoid = resultFields(procedure).isEmpty
        writer.block(
          "public func \(self.caseName(name))(\(parameter)) async throws\(self.arrow(procedure, name, item)) {"
        ) { $0.line(isVoid ? "_ = \(call)" : call) }
      }
    }
  }

  /// The program's events out of a sequence of raw messages.
  private func emitEvents(
    _ item: ProgramNames, _ events: [(ProcedureDefinition, String)], _ writer: inout SwiftWriter
  ) {
    writer.line()
    writer.line("/// The events of \(item.name) among all messages that arrive; others are passed over.")
    writer.block(
      "public struct \(item.name)Events<Base: \(std("AsyncSequence"))>: \(std("AsyncSequence")) where Base.Element == RPCMessage {"
    ) { writer in
      writer.line("let base: Base")
      writer.gap()
      writer.line("public init(_ base: Base) { self.base = base }")
      writer.gap()
      writer.line("public func makeAsyncIterator() -> Iterator { Iterator(base: base.makeAsyncIterator()) }")
      writer.gap()
      writer.block("public struct Iterator: \(std("AsyncIteratorProtocol")) {") { writer in
        writer.line("var base: Base.AsyncIterator")
        writer.gap()
        writer.block("public mutating func next() async throws -> \(item.name)Message? {") { writer in
          writer.block("while let message = try await base.next() {") { writer in
            writer.line(
              "guard message.program == \(item.name).number, message.version == \(item.name).version else { continue }")
            writer.block(
              "if let event = try \(item.name)Message(procedure: message.procedure, body: message.body) {"
            ) { $0.line("return event") }
          }
          writer.line("return nil")
        }
      }
    }
    writer.line()
    writer.line("extension \(item.name)Events: \(std("Sendable")) where Base: \(std("Sendable")) {}")
  }
}
