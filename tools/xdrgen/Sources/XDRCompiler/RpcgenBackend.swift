/// Model to a flat `.x` that stock rpcgen accepts: nested types get names, types come before their use, and forms that
/// rpcgen does not know are written in ones that mean the same bytes.
public struct RpcgenBackend {
  let model: Model
  let diagnostics: DiagnosticSink
  private var out = ""
  private var emitted: Set<ObjectIdentifier> = []
  private var started: Set<ObjectIdentifier> = []
  /// Typedefs made for parts that rpcgen wants named, and lines to put before the current definition.
  private var helpers: [String] = []
  private var usedNames: Set<String>
  private var usesQuadruple = false
  private var renamedTypes: [ObjectIdentifier: String] = [:]
  private var enumerators: Set<String> = []
  private var renamedEnumerators: [ObjectIdentifier: [String: String]] = [:]

  public init(_ model: Model, diagnostics: DiagnosticSink) {
    self.model = model
    self.diagnostics = diagnostics
    usedNames = Set(model.types.map(\.name) + model.constants.map(\.name))
    for type in model.types {
      if case .enumeration(let body) = type.body { usedNames.formUnion(body.values.map(\.name)) }
    }
    rename()
  }

  public static func generate(_ model: Model, diagnostics: DiagnosticSink) -> String {
    var backend = RpcgenBackend(model, diagnostics: diagnostics)
    return backend.generate()
  }

  private mutating func generate() -> String {
    var head = "/* Written by xdrgen emit-rpcgen for stock rpcgen. */\n"
    for constant in model.constants {
      switch constant.value {
      case .integer(let value): head += "const \(constant.name) = \(value);\n"
      case .string(let text): head += "const \(constant.name) = \"\(text)\";\n"
      }
    }
    for type in model.types { emit(type, depth: 0) }
    for program in model.programs { emit(program) }
    if usesQuadruple { head += "typedef opaque \(quadrupleName)[16];\n" }
    return head + out
  }

  private var quadrupleName: String { usedNames.contains("xdr_quad") ? "xdr_quad_bits" : "xdr_quad" }

  // MARK: Names

  /// Words of C, and words that rpcgen uses up for its own xdr_ routines.
  private static let taken: Set<String> = [
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float",
    "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof",
    "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "asm", "typeof",
    "program", "version", "string", "opaque", "bool", "hyper", "quadruple", "objp", "xdrs", "buf", "main", "errno",
    "stdin", "stdout", "stderr", "linux", "unix",
  ]

  private static let takenTypes: Set<String> = [
    "vector", "array", "bytes", "pointer", "reference", "opaque", "string", "union", "enum", "bool", "int", "long",
    "short", "char", "float", "double", "void", "wrapstring", "free", "u_int", "u_long", "u_short", "u_char", "hyper",
    "u_hyper", "longlong_t", "u_longlong_t", "netobj", "quad_t", "u_quad_t", "authsys_parms", "opaque_auth", "netbuf",
    // The rest of libtirpc's: a routine that rpcgen makes for such a name would take its place, or call itself.
    "accepted_reply", "authunix_parms", "callhdr", "callmsg", "control", "cryptkeyarg", "cryptkeyarg2",
    "cryptkeyres", "des_block", "des_dir", "des_mode", "desargs", "desresp", "destroy", "getbytes", "getcredres",
    "getint32", "getlong", "getpos", "inline",
    "int16_t", "int32_t", "int64_t", "int8_t", "key_netstarg", "key_netstres", "keybuf", "keystatus", "netnamestr",
    "pmap", "pmaplist", "pmaplist_ptr", "putbytes", "putint32", "putlong", "quadruple", "rejected_reply",
    "replymsg", "rmtcall_args", "rmtcallres", "rp__list", "rpc_gss_cred", "rpc_gss_data", "rpc_gss_init_args",
    "rpc_gss_init_res", "rpcb", "rpcb_entry", "rpcb_entry_list", "rpcb_entry_list_ptr", "rpcb_rmtcallargs",
    "rpcb_rmtcallres", "rpcb_stat", "rpcb_stat_byvers", "rpcblist", "rpcblist_ptr", "rpcbs_addrlist",
    "rpcbs_addrlist_ptr", "rpcbs_proc", "rpcbs_rmtcalllist", "rpcbs_rmtcalllist_ptr", "rpcport", "rpcproc",
    "rpcprog", "rpcprot", "rpcvers", "setpos", "sizeof", "u_int16_t", "u_int32_t", "u_int64_t", "u_int8_t",
    "uint16_t", "uint32_t", "uint64_t", "uint8_t", "unixcred",
  ]

  private func typeName(_ type: TypeDefinition) -> String { renamedTypes[ObjectIdentifier(type)] ?? type.name }

  /// Other names for types and enumerators that C could not have under their own.
  private mutating func rename() {
    for type in model.types
    where RpcgenBackend.takenTypes.contains(type.name) || RpcgenBackend.taken.contains(type.name) {
      renamedTypes[ObjectIdentifier(type)] = helperName(type.name + "_")
    }
    for type in model.types {
      guard case .enumeration(let body) = type.body else { continue }
      for value in body.values {
        // Of two enums with an enumerator in common, the second one's gets the name of its enum before it.
        guard !enumerators.insert(value.name).inserted else { continue }
        renamedEnumerators[ObjectIdentifier(type), default: [:]][value.name] = helperName("\(type.name)_\(value.name)")
      }
    }
  }

  private func enumeratorName(_ value: Enumerator, of type: TypeDefinition) -> String {
    renamedEnumerators[ObjectIdentifier(type)]?[value.name] ?? value.name
  }

  private func memberName(_ name: String) -> String { RpcgenBackend.taken.contains(name) ? name + "_" : name }

  private mutating func helperName(_ path: String) -> String {
    var name = path
    var number = 2
    while !usedNames.insert(name).inserted {
      name = "\(path)\(number)"
      number += 1
    }
    return name
  }

  // MARK: Types

  /// C wants what is held by value, typedefs and enums before their use; a pointer only needs the tag.
  private mutating func emit(_ type: TypeDefinition, depth: Int) {
    guard !emitted.contains(ObjectIdentifier(type)), started.insert(ObjectIdentifier(type)).inserted else { return }
    guard depth < 500 else {
      diagnostics.error(.nestingTooDeep, "types depend on one another more than 500 deep", at: type.range)
      return
    }
    if let growable = type.growable, case .structure(let fields) = type.body {
      return emit(type, growable, fields, depth: depth)
    }
    if case .union(let union) = type.body, isOptionalInDisguise(type, union) {
      for arm in union.arms where !arm.isVoid { require(.optional(arm.type), depth: depth + 1) }
    } else {
      for part in type.parts { require(part, depth: depth + 1) }
    }
    let text = definition(type)
    out += helpers.joined() + text
    helpers = []
    emitted.insert(ObjectIdentifier(type))
  }

  /// C decodes it in two steps: the opaque with the message, its bytes as the struct of the fields.
  private mutating func emit(_ type: TypeDefinition, _ growable: Growable, _ fields: [Field], depth: Int) {
    let name = typeName(type)
    let inner = helperName(name + "_fields")
    let bound = growable.bound.isUnbounded ? "" : String(growable.bound.value)
    // The opaque needs nothing before it, so that a growable may hold itself.
    out += "/* \(name): the bytes of a struct \(inner), which may end early or have more behind it. */\n"
    out += "typedef opaque \(name)<\(bound)>;\n"
    emitted.insert(ObjectIdentifier(type))
    for field in fields { require(field.type, depth: depth + 1) }
    let lines = fields.map { "    \(declaration($0.type, memberName($0.name), path: "\(name)_\($0.name)"));\n" }
    var note = "/* Decoded from the bytes of \(name) with xdrmem_create"
    if let first = fields.first(where: { $0.defaultValue != nil }) {
      note += "; those of an older writer may end at \(memberName(first.name)) or any field behind it"
    }
    out += helpers.joined() + note + ". */\nstruct \(inner) {\n\(lines.joined())};\n"
    helpers = []
  }

  private mutating func require(_ type: WireType, depth: Int) {
    switch type {
    case .named(let definition): emit(definition, depth: depth)
    case .fixedArray(let element, _): require(element, depth: depth)
    case .optional(let inner), .array(let inner, _):
      guard case .named(let definition) = inner else { return require(inner, depth: depth) }
      if !hasTag(definition) { emit(definition, depth: depth) }
    default: break
    }
  }

  /// It is a struct in C, and can be pointed to before it is defined.
  private func hasTag(_ type: TypeDefinition) -> Bool {
    switch type.body {
    case .structure: type.growable == nil
    case .union(let union): !isOptionalInDisguise(type, union)
    default: false
    }
  }

  /// A union over bool that holds itself: C has no such struct, and a pointer is the same on the wire.
  private func isOptionalInDisguise(_ type: TypeDefinition, _ union: UnionBody) -> Bool {
    guard case .scalar(.bool) = union.discriminant.resolved, union.arms.contains(where: \.isBoxed) else { return false }
    let full = union.arms.first { $0.labels.contains { $0.value == 1 } }
    let empty = union.arms.first { $0.labels.contains { $0.value == 0 } } ?? union.defaultArm
    return full.map { !$0.isVoid } == true && empty?.isVoid == true
  }

  private mutating func definition(_ type: TypeDefinition) -> String {
    let name = typeName(type)
    switch type.body {
    case .alias(let target):
      return "typedef \(declaration(target, name, path: name));\n"
    case .enumeration(let body):
      let values = body.values.map { "    \(enumeratorName($0, of: type)) = \($0.value)" }.joined(separator: ",\n")
      return "enum \(name) {\n\(values)\n};\n"
    case .structure(let fields):
      let lines = fields.map { "    \(declaration($0.type, memberName($0.name), path: "\(name)_\($0.name)"));\n" }
      return "struct \(name) {\n\(lines.joined())};\n"
    case .union(let union):
      return self.union(type, union, name)
    }
  }

  private mutating func union(_ type: TypeDefinition, _ union: UnionBody, _ name: String) -> String {
    if isOptionalInDisguise(type, union), let full = union.arms.first(where: { !$0.isVoid }) {
      return "typedef \(declaration(.optional(full.type), name, path: name));\n"
    }
    for arm in union.arms + (union.defaultArm.map { [$0] } ?? []) where arm.isBoxed {
      guard case .optional = arm.type.resolved else {
        diagnostics.error(
          .infiniteType, "rpcgen has no form for an arm that holds its own union: '\(name)'", at: arm.range,
          hint: "put an optional (*) in between; that changes the bytes")
        return ""
      }
    }
    let discriminant = declaration(union.discriminant, memberName(union.discriminantName), path: "\(name)_tag")
    if union.arms.isEmpty, let arm = union.defaultArm {
      // rpcgen wants a case; a struct has the same bytes.
      let body = arm.isVoid ? "" : "    \(declaration(arm.type, memberName(arm.name), path: "\(name)_\(arm.name)"));\n"
      return "struct \(name) {\n    \(discriminant);\n\(body)};\n"
    }
    var text = "union \(name) switch (\(discriminant)) {\n"
    for arm in union.arms {
      for label in arm.labels { text += "case \(self.label(label, union)):\n" }
      text += self.arm(arm, name)
    }
    if let arm = union.defaultArm { text += "default:\n" + self.arm(arm, name) }
    return text + "};\n"
  }

  private mutating func arm(_ arm: Arm, _ name: String) -> String {
    arm.isVoid ? "    void;\n" : "    \(declaration(arm.type, memberName(arm.name), path: "\(name)_\(arm.name)"));\n"
  }

  private func label(_ label: Label, _ union: UnionBody) -> String {
    if let definition = union.discriminant.definition, case .enumeration(let body) = definition.body,
      let value = body.values.first(where: { Int128($0.value) == label.value })
    {
      return enumeratorName(value, of: definition)
    }
    if case .scalar(.bool) = union.discriminant.resolved { return label.value == 0 ? "FALSE" : "TRUE" }
    return String(label.value)
  }

  // MARK: Declarations

  private mutating func declaration(_ type: WireType, _ name: String, path: String) -> String {
    switch type {
    case .void: return "void"
    case .string(let bound): return "string \(name)<\(bound.isUnbounded ? "" : String(bound.value))>"
    case .opaque(let bound): return "opaque \(name)<\(bound.isUnbounded ? "" : String(bound.value))>"
    case .fixedOpaque(let count): return "opaque \(name)[\(count.value)]"
    case .fixedArray(let element, let count): return "\(simple(element, path)) \(name)[\(count.value)]"
    case .array(let element, let bound):
      return "\(simple(element, path)) \(name)<\(bound.isUnbounded ? "" : String(bound.value))>"
    case .optional(let inner): return "\(simple(inner, path)) *\(name)"
    case .scalar, .named: return "\(simple(type, path)) \(name)"
    }
  }

  /// A type that can stand before a name; a typedef is made where there is none.
  private mutating func simple(_ type: WireType, _ path: String) -> String {
    switch type {
    case .scalar(.quadruple):
      usesQuadruple = true
      return quadrupleName
    case .scalar(let scalar): return scalar.spelling
    case .named(let definition):
      let isForward = !emitted.contains(ObjectIdentifier(definition)) && hasTag(definition)
      guard isForward else { return typeName(definition) }
      return "struct \(typeName(definition))"
    default:
      let name = helperName(path + "_item")
      let text = declaration(type, name, path: name)
      helpers.append("typedef \(text);\n")
      return name
    }
  }

  // MARK: Programs

  private mutating func emit(_ program: ProgramDefinition) {
    var text = "program \(program.name) {\n"
    for version in program.versions {
      text += "    version \(version.name) {\n"
      for procedure in version.procedures {
        let path = "\(program.name)_\(procedure.name)"
        var arguments: [String] = []
        for argument in procedure.arguments { arguments.append(message(argument.type, "\(path)_\(argument.name)")) }
        let result = message(procedure.result, "\(path)_result")
        let list = arguments.isEmpty ? "void" : arguments.joined(separator: ", ")
        text += "        \(result) \(procedure.name)(\(list)) = \(procedure.number);\n"
      }
      text += "    } = \(version.number);\n"
    }
    out += helpers.joined() + text + "} = \(program.number);\n"
    helpers = []
  }

  private mutating func message(_ type: WireType, _ path: String) -> String {
    switch type {
    case .void: return "void"
    case .string(let bound) where bound.isUnbounded: return "string"
    default: return simple(type, path)
    }
  }
}
