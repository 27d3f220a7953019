// Random values and a table of all types: for property tests, fuzzers and comparisons, in files of their own.

extension SwiftBackend {
  /// `base.testing.xdr.swift`
  func testing(of input: FileID, base: String) -> String {
    var writer = header(input)
    writer.line("import XDR")
    writer.line("public import XDRTesting")
    let types = model.types.filter { owner($0.range.file) == input }
    names.prefix = options.namespace.map { $0 + "." } ?? ""
    for type in types {
      if case .alias = type.body { continue }
      writer.line()
      emitRandom(type, &writer)
    }
    writer.line()
    let table = SwiftNames.lowerCamel(String(base.map { $0 == "-" || $0 == "." ? "_" : $0 }) + "_types")
    writer.line("/// Every type of \(printable(base)).x.")
    writer.block("public let \(table): [XDRTypeEntry] = [", "]") { writer in
      for type in types { emitEntry(type, &writer) }
    }
    names.prefix = ""
    return writer.text
  }

  /// Types with a growable struct in them, however far down: found from these upwards, each type once.
  func findGrowableHolders() -> Set<ObjectIdentifier> {
    var users: [ObjectIdentifier: [TypeDefinition]] = [:]
    for type in model.types {
      for part in type.parts.flatMap(\.allDefinitions) { users[ObjectIdentifier(part), default: []].append(type) }
    }
    var work = model.types.filter { $0.growable != nil }
    var found = Set(work.map { ObjectIdentifier($0) })
    while let next = work.popLast() {
      for user in users[ObjectIdentifier(next)] ?? [] where found.insert(ObjectIdentifier(user)).inserted {
        work.append(user)
      }
    }
    return found
  }

  private func emitEntry(_ type: TypeDefinition, _ writer: inout SwiftWriter) {
    let use = WireType.named(type)
    let canGrow = growableHolders.contains(ObjectIdentifier(type))
    writer.block("XDRTypeEntry(", "),") { writer in
      writer.line("name: \(swiftLiteral(type.name)),")
      if canGrow { writer.line("canGrow: true,") }
      writer.block("decode: { (bytes: [\(std("UInt8"))]) throws(XDRError) in", "},") { writer in
        writer.line("var reader = XDRReader(bytes)")
        writer.line("_ = \(read(use))")
        writer.line("try reader.finish()")
      }
      writer.block("recode: { (bytes: [\(std("UInt8"))]) throws(XDRError) in", "},") { writer in
        writer.line("var reader = XDRReader(bytes)")
        writer.line("let value = \(read(use))")
        writer.line("try reader.finish()")
        writer.line("var writer = XDRWriter(capacity: \(sizeExpression(use, "value")))")
        writer.line(write(use, "value"))
        writer.line("return writer.finish()")
      }
      writer.block("random: { (source: inout XDRRandomSource) throws(XDRError) in", "}") { writer in
        writer.line("let value: \(swiftType(use)) = \(random(use))")
        writer.line("var writer = XDRWriter(capacity: \(sizeExpression(use, "value")))")
        writer.line(write(use, "value"))
        writer.line("return writer.finish()")
      }
    }
  }

  /// An expression for a random value.
  private func random(_ type: WireType) -> String {
    switch type.resolved {
    case .void: return "XDRVoid()"
    case .scalar(let scalar):
      switch scalar {
      case .float: return "source.float()"
      case .double: return "source.double()"
      case .bool: return "source.bool()"
      case .quadruple: return "source.quadruple()"
      default: return "source.integer(\(swiftScalar(scalar)).self)"
      }
    case .string(let bound): return "source.string(max: \(bound.value))"
    case .opaque(let bound): return "source.opaque(max: \(bound.value))"
    case .fixedOpaque(let count):
      let bytes = "source.opaque(count: \(count.value))"
      return inlineSize(type).map { "XDRFixedBytes<\($0)>(\(bytes)) ?? XDRFixedBytes()" } ?? bytes
    case .fixedArray(let element, let count):
      return "source.array(count: \(count.value)) { source in \(random(element)) }"
    case .array(let element, let bound): return "source.array(max: \(bound.value)) { source in \(random(element)) }"
    case .optional(let inner):
      if let node = inner.definition, node.list != nil {
        return "source.array(max: \(UInt32.max)) { source in \(names.type(node)).random(using: &source) }"
      }
      return "source.optional { source in \(random(inner)) }"
    case .named(let definition):
      let plain = "\(names.type(definition)).random(using: &source)"
      return definition.list == nil ? plain : "source.nonEmptyArray { source in \(plain) }"
    }
  }

  private func emitRandom(_ type: TypeDefinition, _ writer: inout SwiftWriter) {
    let name = names.type(type)
    writer.block("extension \(name): XDRRandomizable {") { writer in
      writer.block("public static func random(using source: inout XDRRandomSource) -> \(name) {") { writer in
        switch type.body {
        case .enumeration(let body):
          if type.annotations.isOpen {
            writer.line("if source.chance(4) { return \(name)(rawValue: source.integer(\(std("Int32")).self)) }")
          }
          let cases = Set(body.values.filter { $0.aliasOf == nil }.map(\.name))
          let list = zip(body.values, names.cases(body.values)).filter { cases.contains($0.0.name) }
          writer.line("return source.pick([\(list.map { "." + SwiftNames.escaped($0.1) }.joined(separator: ", "))])")
        case .structure(let fields):
          let stored = fields.indices.filter { $0 != type.list?.link }.map { fields[$0] }
          let arguments = zip(stored, names.fields(stored)).map { "\(SwiftNames.label($0.1)): \(random($0.0.type))" }
          writer.line("\(name)(")
          writer.indented { writer in
            for (index, argument) in arguments.enumerated() {
              writer.line(argument + (index + 1 < arguments.count ? "," : ")"))
            }
          }
        case .union(let union): emitRandom(type, union, &writer)
        case .alias: break
        }
      }
    }
  }

  private func emitRandom(_ type: TypeDefinition, _ union: UnionBody, _ writer: inout SwiftWriter) {
    let name = names.type(type)
    var plain: [String] = []
    var recursive: [String] = []
    func add(_ expression: String, _ arm: Arm) {
      // A void arm always ends; others may hold the union again however far away.
      if arm.isVoid || !type.isRecursive { plain.append(expression) } else { recursive.append(expression) }
    }
    for item in unionCases(type, union) {
      add(
        item.arm.isVoid ? "{ _ in .\(item.name) }" : "{ source in .\(item.name)(\(random(item.arm.type))) }", item.arm)
    }
    if let arm = union.defaultArm, let discriminant = randomDefault(union) {
      let payload = arm.isVoid ? "" : ", \(random(arm.type))"
      add("{ source in .default(discriminant: \(discriminant)\(payload)) }", arm)
    }
    writer.line("let plain: [(inout XDRRandomSource) -> \(name)] = [\(plain.joined(separator: ", "))]")
    writer.line("let recursive: [(inout XDRRandomSource) -> \(name)] = [\(recursive.joined(separator: ", "))]")
    writer.line("return source.arm(plain, recursive)")
  }

  /// A discriminant without an arm of its own; nil if there is none.
  private func randomDefault(_ union: UnionBody) -> String? {
    let labels = Set(union.arms.flatMap(\.labels).map(\.value))
    switch union.discriminant.resolved {
    case .scalar(.bool):
      guard let value = [Int128(0), 1].first(where: { !labels.contains($0) }) else { return nil }
      return value == 0 ? "false" : "true"
    case .scalar(let scalar):
      // Labels are few: a number far from all of them is soon found.
      let candidates = (0..<Int128(labels.count + 3)).map { $0 + 17 }.filter { !labels.contains($0) && $0 < 128 }
      guard !candidates.isEmpty else { return nil }
      return "\(swiftScalar(scalar))(source.pick([\(candidates.prefix(3).map(String.init).joined(separator: ", "))]))"
    case .named(let definition):
      guard case .enumeration(let body) = definition.body else { return nil }
      let free = zip(body.values, names.cases(body.values)).filter {
        $0.0.aliasOf == nil && !labels.contains(Int128($0.0.value))
      }
      guard !free.isEmpty else { return nil }
      let list = free.map { "\(names.type(definition)).\(SwiftNames.escaped($0.1))" }
      return "source.pick([\(list.joined(separator: ", "))])"
    default: return nil
    }
  }
}
