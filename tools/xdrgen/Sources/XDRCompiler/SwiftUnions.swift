// Unions: enums whose cases are the labels.

extension SwiftBackend {
  struct UnionCase {
    var name: String
    var label: Int128
    var arm: Arm
  }

  func emit(_ type: TypeDefinition, _ union: UnionBody, _ writer: inout SwiftWriter) {
    let cases = unionCases(type, union)
    let discriminant = swiftType(union.discriminant)
    writer.docs(type.docs, [], type.annotations)
    writer.block("public enum \(names.type(type)): XDRCodable, \(std("Hashable")) {") { writer in
      for item in cases {
        writer.docs(item.arm.docs, [], item.arm.annotations)
        let payload = item.arm.isVoid ? "" : "(\(swiftType(item.arm.type)))"
        writer.line("\(item.arm.isBoxed ? "indirect " : "")case \(item.name)\(payload)")
      }
      if let arm = union.defaultArm {
        writer.docs(arm.docs, arm.docs.isEmpty ? ["Any other \(printable(union.discriminantName))."] : [])
        let payload = arm.isVoid ? "" : ", \(swiftType(arm.type))"
        writer.line("\(arm.isBoxed ? "indirect " : "")case `default`(discriminant: \(discriminant)\(payload))")
      }
      writer.gap()
      emitDiscriminant(union, cases, discriminant, &writer)
      writer.gap()
      emitSizes(type, union, cases, &writer)
      writer.gap()
      emitEncode(type, union, cases, &writer)
      writer.gap()
      emitDecode(type, union, cases, &writer)
    }
  }

  // MARK: Names

  func unionCases(_ type: TypeDefinition, _ union: UnionBody) -> [UnionCase] {
    var wanted: [(name: String, original: String, isChosen: Bool, range: SourceRange)] = []
    var items: [(Label, Arm)] = []
    let shortNames = enumeratorNames(union)
    for arm in union.arms {
      for label in arm.labels {
        items.append((label, arm))
        wanted.append((caseName(label, arm, union, shortNames), label.name ?? arm.name, false, label.range))
        if arm.labels.count == 1, let chosen = arm.annotations.name {
          wanted[wanted.count - 1] = (chosen, chosen, true, arm.range)
        }
      }
    }
    let unique = names.members(
      wanted, reserved: ["self", "Self", "init", "Type", "Protocol", "discriminant", "xdrSize"])
    return zip(items, unique).map { item, name in
      UnionCase(name: SwiftNames.escaped(name), label: item.0.value, arm: item.1)
    }
  }

  /// Case names of the discriminant's enum, by value.
  private func enumeratorNames(_ union: UnionBody) -> [Int32: String] {
    guard let definition = union.discriminant.definition, case .enumeration(let body) = definition.body else {
      return [:]
    }
    return Dictionary(zip(body.values.map(\.value), names.cases(body.values)), uniquingKeysWith: { first, _ in first })
  }

  private func caseName(_ label: Label, _ arm: Arm, _ union: UnionBody, _ shortNames: [Int32: String]) -> String {
    if let value = Int32(exactly: label.value), let name = shortNames[value] { return name }
    if case .scalar(.bool) = union.discriminant.resolved { return label.value == 0 ? "false" : "true" }
    if let name = label.name { return SwiftNames.lowerCamel(name) }
    let number = label.value < 0 ? "Minus\(-label.value)" : "\(label.value)"
    if arm.isVoid { return "case\(number)" }
    return arm.labels.count == 1 ? SwiftNames.lowerCamel(arm.name) : SwiftNames.lowerCamel(arm.name) + number
  }

  // MARK: Parts

  private func emitDiscriminant(
    _ union: UnionBody, _ cases: [UnionCase], _ discriminant: String, _ writer: inout SwiftWriter
  ) {
    let shortNames = enumeratorNames(union)
    writer.line("/// The discriminant, which selects the case: `\(printable(union.discriminantName))`.")
    writer.block("public var discriminant: \(discriminant) {") { writer in
      writer.block("switch self {") { writer in
        for item in cases {
          writer.line("case .\(item.name): \(discriminantValue(item.label, union, shortNames))")
        }
        if let arm = union.defaultArm {
          writer.line("case .default(let discriminant\(arm.isVoid ? "" : ", _")): discriminant")
        }
      }
    }
  }

  private func discriminantValue(_ value: Int128, _ union: UnionBody, _ shortNames: [Int32: String]) -> String {
    if let value = Int32(exactly: value), let name = shortNames[value] { return "." + SwiftNames.escaped(name) }
    if case .scalar(.bool) = union.discriminant.resolved { return value == 0 ? "false" : "true" }
    return String(value)
  }

  private func emitSizes(_ type: TypeDefinition, _ union: UnionBody, _ cases: [UnionCase], _ writer: inout SwiftWriter)
  {
    writer.line("public static var xdrMinimumSize: \(std("Int")) { \(type.minimumSize) }")
    writer.gap()
    let tag = union.discriminant.minimumSize
    writer.block("public var xdrSize: \(std("Int")) {") { writer in
      writer.block("switch self {") { writer in
        for item in cases {
          let (constant, terms) = size(item.arm.type, "value")
          let parts = [String(constant + tag)] + terms
          writer.line("case .\(item.name)\(terms.isEmpty ? "" : "(let value)"): \(parts.joined(separator: " + "))")
        }
        if let arm = union.defaultArm {
          let (constant, terms) = size(arm.type, "value")
          let parts = [String(constant + tag)] + terms
          writer.line("case .default\(terms.isEmpty ? "" : "(_, let value)"): \(parts.joined(separator: " + "))")
        }
      }
    }
  }

  /// The discriminant as the integer that labels are compared with.
  private func rawDiscriminant(_ union: UnionBody, _ value: String) -> String {
    switch union.discriminant.resolved {
    case .named: "\(value).rawValue"
    default: value
    }
  }

  private func pattern(_ value: Int128, _ union: UnionBody) -> String {
    if case .scalar(.bool) = union.discriminant.resolved { return value == 0 ? "false" : "true" }
    return String(value)
  }

  private func armNames(_ union: UnionBody, _ cases: [UnionCase]) -> [String] {
    cases.map { $0.arm.isVoid ? "" : $0.arm.name } + [union.defaultArm?.name ?? ""]
  }

  private func emitEncode(_ type: TypeDefinition, _ union: UnionBody, _ cases: [UnionCase], _ writer: inout SwiftWriter)
  {
    writer.block("public func encode(into writer: inout XDRWriter) throws(XDRError) {") { writer in
      if type.isRecursive { writer.line("try writer.enter()") }
      writer.block("switch self {") { writer in
        for item in cases {
          writer.line("case .\(item.name)\(item.arm.isVoid ? "" : "(let value)"):")
          writer.indented { writer in
            let tag: String
            switch union.discriminant.resolved {
            case .named: tag = "writer.writeInt32(\(item.label))"
            default: tag = write(union.discriminant, pattern(item.label, union))
            }
            writer.line(tag)
            self.writeArm(item.arm, &writer)
          }
        }
        if let arm = union.defaultArm {
          writer.line("case .default(let discriminant\(arm.isVoid ? "" : ", let value")):")
          writer.indented { writer in
            let raw = rawDiscriminant(union, "discriminant")
            let labels = cases.map { pattern($0.label, union) }
            if !labels.isEmpty {
              writer.line("// A label of another arm would be read back as that arm.")
              writer.block("switch \(raw) {") { writer in
                writer.line("case \(labels.joined(separator: ", ")):")
                writer.line(
                  "  throw writer.failure(.unknownDiscriminant(\(wideDiscriminant(union, raw)), of: \(swiftLiteral(type.name))))"
                )
                writer.line("default: break")
              }
            }
            writer.line(write(union.discriminant, "discriminant"))
            self.writeArm(arm, &writer)
          }
        }
      }
      if type.isRecursive { writer.line("writer.leave()") }
    }
  }

  private func wideDiscriminant(_ union: UnionBody, _ raw: String) -> String {
    switch union.discriminant.resolved {
    case .scalar(.bool): "\(raw) ? 1 : 0"
    case .scalar(.unsignedHyper): "\(std("Int64"))(truncatingIfNeeded: \(raw))"
    default: "\(std("Int64"))(\(raw))"
    }
  }

  private func writeArm(_ arm: Arm, _ writer: inout SwiftWriter) {
    if arm.isVoid { return }
    let statement = write(arm.type, "value")
    guard statement.hasPrefix("try") else { return writer.line(statement) }
    writer.block("do throws(XDRError) {", "} catch { throw error.inside(field: \(swiftLiteral(arm.name))) }") {
      $0.line(statement)
    }
  }

  private func emitDecode(_ type: TypeDefinition, _ union: UnionBody, _ cases: [UnionCase], _ writer: inout SwiftWriter)
  {
    let width = union.discriminant.minimumSize
    writer.block("public init(from reader: inout XDRReader) throws(XDRError) {") { writer in
      if type.isRecursive { writer.line("try reader.enter()") }
      let isEnumeration = union.discriminant.definition != nil
      // Without a default arm there is nothing an unlisted value of the enum could be: one refusal is enough.
      let readsRaw = isEnumeration && union.defaultArm == nil
      writer.line("let discriminant = \(readsRaw ? "try reader.readInt32()" : read(union.discriminant))")
      writer.block("switch \(readsRaw ? "discriminant" : rawDiscriminant(union, "discriminant")) {") { writer in
        var covered: Set<Int128> = []
        for item in cases {
          covered.insert(item.label)
          writer.line("case \(pattern(item.label, union)):")
          writer.indented { self.readArm(item.arm, ".\(item.name)", prefix: "", &$0) }
        }
        if case .scalar(.bool) = union.discriminant.resolved, covered == [0, 1] { return }
        writer.line("default:")
        writer.indented { writer in
          if let arm = union.defaultArm {
            self.readArm(arm, ".default", prefix: "discriminant: discriminant", &writer)
          } else {
            let wide = wideDiscriminant(union, "discriminant")
            writer.line(
              "throw reader.failure(.unknownDiscriminant(\(wide), of: \(swiftLiteral(type.name))), back: \(width))")
          }
        }
      }
      if type.isRecursive { writer.line("reader.leave()") }
    }
  }

  private func readArm(_ arm: Arm, _ name: String, prefix: String, _ writer: inout SwiftWriter) {
    if arm.isVoid {
      return writer.line("self = \(name)\(prefix.isEmpty ? "" : "(\(prefix))")")
    }
    let list = [prefix, read(arm.type)].filter { !$0.isEmpty }.joined(separator: ", ")
    writer.block("do throws(XDRError) {", "} catch { throw error.inside(field: \(swiftLiteral(arm.name))) }") {
      $0.line("self = \(name)(\(list))")
    }
  }
}
