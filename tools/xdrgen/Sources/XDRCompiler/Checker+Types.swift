// Declarations and unions: from syntax to types.

extension Checker {
  /// Types that C headers define and files use without defining them. Switched off with `--no-c-types`.
  static let cTypes: [String: Scalar] = {
    var types: [String: Scalar] = [:]
    for name in ["int8_t"] { types[name] = .char }
    for name in ["uint8_t", "u_char", "u_int8_t", "uchar_t", "uchar"] { types[name] = .unsignedChar }
    for name in ["int16_t"] { types[name] = .short }
    for name in ["uint16_t", "u_short", "u_int16_t", "ushort_t", "ushort"] { types[name] = .unsignedShort }
    for name in ["int32_t", "int32", "enum_t"] { types[name] = .int }
    for name in [
      "uint32_t", "u_int", "u_int32_t", "uint32", "uint", "uint_t", "u_long", "ulong", "ulong_t", "rpcprog_t",
      "rpcvers_t", "rpcproc_t", "rpcprot_t", "rpcport_t",
    ] { types[name] = .unsignedInt }
    for name in ["int64_t", "int64", "quad_t", "longlong_t"] { types[name] = .hyper }
    for name in ["uint64_t", "u_int64_t", "uint64", "u_quad_t", "u_longlong_t", "u_hyper"] {
      types[name] = .unsignedHyper
    }
    for name in ["bool_t", "boolean_t"] { types[name] = .bool }
    return types
  }()

  func type(_ syntax: DeclarationSyntax, in path: [String], annotations: Annotations = Annotations()) -> WireType {
    let type = bareType(syntax, in: path, annotations: annotations)
    return syntax.isOptional && !syntax.isArrayOfOptionals ? .optional(type) : type
  }

  private func bareType(_ syntax: DeclarationSyntax, in path: [String], annotations: Annotations) -> WireType {
    switch syntax.type {
    case .string:
      var size: ValueSyntax?
      if case .variable(let written) = syntax.shape { size = written }
      return annotations.isBytes || options.stringsAreBytes ? .opaque(bound(size)) : .string(bound(size))
    case .opaque:
      switch syntax.shape {
      case .plain: return .opaque(bound(nil))
      case .fixed(let size): return .fixedOpaque(bound(size))
      case .variable(let size): return .opaque(bound(size))
      }
    default: break
    }
    var element = elementType(syntax, in: path + [syntax.name?.text ?? ""])
    if syntax.isArrayOfOptionals { element = .optional(element) }
    switch syntax.shape {
    case .plain: return element
    case .fixed(let size): return .fixedArray(element, bound(size))
    case .variable(let size): return .array(element, bound(size))
    }
  }

  /// The type itself, without its array form; inline types are given a name made of where they stand.
  private func elementType(_ syntax: DeclarationSyntax, in path: [String]) -> WireType {
    switch syntax.type {
    case .builtin(let builtin, _): return .scalar(Scalar(rawValue: builtin.rawValue) ?? .int)
    case .void, .string, .opaque, .invalid: return .void
    case .named(let name, let tag): return named(name, tag)
    case .inlineEnum(let body, let range):
      let type = anonymous(path, at: syntax.name?.range ?? range)
      model.types.append(type)
      type.body = .enumeration(enumeration(body, named: nestedName(path)))
      return .named(type)
    case .inlineStruct(let body, let range):
      let type = anonymous(path, at: syntax.name?.range ?? range)
      model.types.append(type)
      type.body = .structure(fields(body, in: path))
      return .named(type)
    case .inlineUnion(let body, let range):
      let type = anonymous(path, at: syntax.name?.range ?? range)
      model.types.append(type)
      type.body = .union(union(body, in: path, at: syntax.name?.range ?? range))
      return .named(type)
    }
  }

  /// `%#define name uint64_t`, `%typedef unsigned long long name;`: NDMP's files count on it.
  private func passthroughType(_ name: Name) -> WireType? {
    guard let (type, spelling) = passthroughType(name.text, depth: 0) else { return nil }
    if reportedPassthroughs.insert(name.text).inserted {
      diagnostics.warning(
        .passthroughType, "'\(name.text)' is known only from a % line, and taken as \(spelling)", at: name.range,
        hint: "a typedef would be known to every XDR compiler")
    }
    return type
  }

  private func passthroughType(_ name: String, depth: Int) -> (WireType, String)? {
    guard depth < 64, let tokens = passthroughTypes[name] ?? passthroughMacros[name],
      tokens.allSatisfy({ $0.kind == .identifier })
    else { return nil }
    let words = tokens.map(\.text)
    if let scalar = Checker.integer(words) { return (.scalar(scalar), scalar.spelling) }
    // A C tag before the name of a type says nothing.
    let isTagged = words.count == 2 && ["struct", "enum", "union"].contains(words[0])
    guard words.count == 1 || isTagged, let target = words.last else { return nil }
    if case .type(let definition)? = symbols[target]?.symbol { return (.named(definition), target) }
    if options.definesCTypes, let scalar = Checker.cTypes[target] { return (.scalar(scalar), target) }
    return target == name ? nil : passthroughType(target, depth: depth + 1)
  }

  /// An integer, bool or float as C spells it, the words in any order. A `long` alone is 32 bits on the wire, as rpcgen
  /// has it.
  static func integer(_ words: [String]) -> Scalar? {
    var counts: [String: Int] = [:]
    for word in words where !["const", "volatile"].contains(word) { counts[word, default: 0] += 1 }
    func take(_ word: String) -> Int { counts.removeValue(forKey: word) ?? 0 }
    let unsigned = take("unsigned")
    let signed = take("signed")
    let long = take("long")
    let short = take("short")
    let char = take("char")
    let int = take("int")
    let (hyper, float, double, bool) = (take("hyper"), take("float"), take("double"), take("bool") + take("_Bool"))
    guard counts.isEmpty, unsigned + signed <= 1, int <= 1 else { return nil }
    let isPlain = unsigned + signed + int == 0
    switch (long, short, char, hyper, float, double, bool) {
    case (0, 0, 0, 0, 0, 0, 0): return isPlain ? nil : unsigned == 1 ? .unsignedInt : .int
    case (1, 0, 0, 0, 0, 0, 0): return unsigned == 1 ? .unsignedInt : .int
    case (2, 0, 0, 0, 0, 0, 0), (0, 0, 0, 1, 0, 0, 0): return unsigned == 1 ? .unsignedHyper : .hyper
    case (0, 1, 0, 0, 0, 0, 0): return unsigned == 1 ? .unsignedShort : .short
    case (0, 0, 1, 0, 0, 0, 0): return int > 0 ? nil : unsigned == 1 ? .unsignedChar : .char
    case (0, 0, 0, 0, 1, 0, 0): return isPlain ? .float : nil
    case (0, 0, 0, 0, 0, 1, 0): return isPlain ? .double : nil
    case (0, 0, 0, 0, 0, 0, 1): return isPlain ? .bool : nil
    default: return nil
    }
  }

  private func named(_ name: Name, _ tag: String?) -> WireType {
    guard let (symbol, range) = symbols[name.text] else {
      if options.definesCTypes {
        if let scalar = Checker.cTypes[name.text] { return .scalar(scalar) }
        // <rpc/xdr.h> of Sun's RPC has it, and files of that family count on it.
        if name.text == "des_block" {
          return .fixedOpaque(Bound(value: 8, isUnbounded: false, spelling: "8"))
        }
        if name.text == "netobj" {
          return .opaque(Bound(value: 1024, isUnbounded: false, spelling: "MAX_NETOBJ_SZ"))
        }
      }
      if let type = passthroughType(name) { return type }
      reportUnknown(name.text, at: name.range, what: "type") { if case .type = $0 { true } else { false } }
      return .scalar(.int)
    }
    guard case .type(let type) = symbol else {
      diagnostics.error(
        .wrongKind, "'\(name.text)' is not a type", at: name.range,
        notes: [.init(message: "defined here", range: range)])
      return .scalar(.int)
    }
    if let tag, let actual = kinds[name.text], actual != tag {
      // rpcgen copies the tag to C, where a typedef or another kind behind it does not compile.
      diagnostics.warning(
        .wrongTag, "'\(name.text)' is a \(actual), not a \(tag)", at: name.range,
        notes: [.init(message: "defined here", range: range)])
    }
    return .named(type)
  }

  /// Keyword of each definition by name, for references with a C tag.
  private var kinds: [String: String] {
    if let cached = kindCache { return cached }
    var kinds: [String: String] = [:]
    for definition in definitions {
      switch definition.kind {
      case .enumeration: kinds[definition.name.text] = "enum"
      case .structure: kinds[definition.name.text] = "struct"
      case .union: kinds[definition.name.text] = "union"
      default: break
      }
    }
    kindCache = kinds
    return kinds
  }

  // MARK: Unions

  func union(_ syntax: UnionSyntax, in path: [String], at range: SourceRange) -> UnionBody {
    let discriminant = type(syntax.discriminant, in: path)
    var body = UnionBody(
      discriminantName: syntax.discriminant.name?.text ?? "discriminant", discriminant: discriminant, arms: [])
    var names: [String: SourceRange] = [:]
    var arms: [(ArmSyntax, Int)] = []
    for (index, arm) in syntax.arms.enumerated() {
      arms.append((arm, index))
      body.arms.append(self.arm(arm, in: path, &names))
    }
    if let arm = syntax.defaultArm { body.defaultArm = self.arm(arm, in: path, &names) }
    unionChecks.append(UnionCheck(syntax: syntax, body: body, range: range))
    // Labels need the discriminant's type, which may be a typedef that is not read yet: they are completed last.
    for (syntax, index) in arms {
      for label in syntax.labels {
        guard let value = evaluate(label) else { continue }
        var name: String?
        if case .name(let text) = label.kind { name = text }
        body.arms[index].labels.append(Label(value: value, name: name, range: label.range))
      }
    }
    return body
  }

  private func arm(_ syntax: ArmSyntax, in path: [String], _ names: inout [String: SourceRange]) -> Arm {
    let declaration = syntax.declaration
    let (docs, annotations) = documentation.read(declaration.docs, at: .member)
    if let name = declaration.name {
      if let earlier = names[name.text] {
        diagnostics.error(
          .duplicateMember, "there is an arm '\(name.text)' already", at: name.range,
          notes: [.init(message: "first declared here", range: earlier)],
          hint: "several labels can share one arm: case A: case B: declaration;")
      }
      names[name.text] = name.range
    }
    return Arm(
      labels: [], name: declaration.name?.text ?? "", range: declaration.name?.range ?? syntax.keyword, docs: docs,
      annotations: annotations, type: type(declaration, in: path, annotations: annotations))
  }

  /// Discriminants and labels, once all types are known.
  func checkUnions() {
    for check in unionChecks {
      guard let kind = discriminantKind(check) else { continue }
      var seen: [Int128: SourceRange] = [:]
      for arm in check.syntax.arms {
        for label in arm.labels {
          guard let value = evaluate(label) else { continue }
          checkLabel(label, value, kind)
          if let earlier = seen[value] {
            diagnostics.error(
              .duplicateCase, "\(value) has an arm already", at: label.range,
              notes: [.init(message: "the first one is here", range: earlier)])
          }
          seen[value] = seen[value] ?? label.range
        }
      }
    }
  }

  enum DiscriminantKind {
    case integer(ClosedRange<Int128>, String)
    case bool
    case enumeration(TypeDefinition)
  }

  /// Values and names of an enum, for quick look-ups: unions have thousands of labels.
  struct EnumMembers {
    var values: Set<Int32>
    var names: Set<String>
  }

  private func members(of type: TypeDefinition) -> EnumMembers {
    if let known = enumMembers[ObjectIdentifier(type)] { return known }
    guard case .enumeration(let body) = type.body else { return EnumMembers(values: [], names: []) }
    let members = EnumMembers(values: Set(body.values.map(\.value)), names: Set(body.values.map(\.name)))
    enumMembers[ObjectIdentifier(type)] = members
    return members
  }

  private func discriminantKind(_ check: UnionCheck) -> DiscriminantKind? {
    let range = check.syntax.discriminant.type.range
    if let kind = DiscriminantKind(check.body.discriminant) {
      if case .scalar(let scalar) = check.body.discriminant.resolved, [.hyper, .unsignedHyper].contains(scalar) {
        diagnostics.warning(
          .invalidDiscriminant, "a hyper as discriminant is not in RFC 4506; rpcgen sends all 8 bytes of it", at: range)
      }
      return kind
    }
    diagnostics.error(
      .invalidDiscriminant, "a union's discriminant must be an int, unsigned int, enum or bool", at: range,
      hint: "RFC 4506 section 4.15")
    return nil
  }

  private func checkLabel(_ label: ValueSyntax, _ value: Int128, _ kind: DiscriminantKind) {
    switch kind {
    case .integer(let range, let type):
      if !range.contains(value) {
        diagnostics.error(.valueOutOfRange, "\(value) is not a value of \(type)", at: label.range)
      }
    case .bool:
      guard value == 0 || value == 1 else {
        return diagnostics.error(.valueOutOfRange, "a bool is TRUE or FALSE, not \(value)", at: label.range)
      }
    case .enumeration(let type):
      let members = members(of: type)
      if let value = Int32(exactly: value), members.values.contains(value) {
        guard case .name(let name) = label.kind, !members.names.contains(name),
          case .enumerator(let other, _)? = symbols[name]?.symbol
        else { return }
        // By chance the number fits; the name says that something else was meant.
        return diagnostics.error(
          .wrongEnumerator, "'\(name)' is a value of \(other), and the discriminant is a \(type.name)",
          at: label.range, notes: [.init(message: "'\(name)' is defined here", range: symbols[name]?.range)])
      }
      let shown = sources.text(label.range)
      diagnostics.error(
        .wrongEnumerator, "'\(shown)' is not a value of \(type.name)", at: label.range,
        notes: [.init(message: "\(type.name) is defined here", range: type.range)])
    }
  }
}

/// A union whose labels are still to be checked.
struct UnionCheck {
  var syntax: UnionSyntax
  var body: UnionBody
  var range: SourceRange
}

extension Checker.DiscriminantKind {
  init?(_ type: WireType) {
    switch type.resolved {
    case .scalar(let scalar):
      switch scalar {
      case .int: self = .integer(Int128(Int32.min)...Int128(Int32.max), "int")
      case .unsignedInt: self = .integer(0...Int128(UInt32.max), "unsigned int")
      case .hyper: self = .integer(Int128(Int64.min)...Int128(Int64.max), "hyper")
      case .unsignedHyper: self = .integer(0...Int128(UInt64.max), "unsigned hyper")
      case .char: self = .integer(-128...127, "char")
      case .unsignedChar: self = .integer(0...255, "unsigned char")
      case .short: self = .integer(-32768...32767, "short")
      case .unsignedShort: self = .integer(0...65535, "unsigned short")
      case .bool: self = .bool
      default: return nil
      }
    case .named(let definition):
      guard case .enumeration = definition.body else { return nil }
      self = .enumeration(definition)
    default: return nil
    }
  }
}

extension DeclarationSyntax {
  /// `T *name<>`, read as an array of optionals.
  var isArrayOfOptionals: Bool {
    guard isOptional else { return false }
    if case .plain = shape { return false }
    switch type {
    case .opaque, .string: return false
    default: return true
    }
  }
}
