/// Separates names that several namespaces define: each gets its namespace in front, `a::color` becomes `a_color`, and
/// references to it follow, from the inner namespaces outwards as in C++. A label without a namespace is looked up
/// first among the values of the union's own enum. All other names stay as they are.
struct NamespaceResolver {
  /// Where each name is defined that is defined in more than one namespace.
  private var homes: [String: Set<[String]>]
  /// Of the definition that is being looked at.
  private var scope: [String] = []
  /// The values of each enum, and its namespace, by the enum's name as it comes out here.
  private var enums: [String: (names: Set<String>, namespace: [String])] = [:]

  static func resolved(_ definitions: [DefinitionSyntax]) -> [DefinitionSyntax] {
    guard definitions.contains(where: { !$0.namespace.isEmpty }) else { return definitions }
    var names = NameCollector()
    for definition in definitions { names.add(definition) }
    var resolver = NamespaceResolver(homes: names.homes.filter { $0.value.count > 1 })
    guard !resolver.homes.isEmpty else { return definitions }
    for definition in definitions {
      guard let body = definition.enumeration else { continue }
      resolver.scope = definition.namespace
      resolver.enums[resolver.defined(definition.name).text] = (
        Set(body.enumerators.map(\.name.text)), definition.namespace
      )
    }
    return definitions.map { resolver.resolve($0) }
  }

  private init(homes: [String: Set<[String]>]) { self.homes = homes }

  static func joined(_ namespace: [String], _ name: String) -> String { (namespace + [name]).joined(separator: "_") }

  // MARK: Names

  private func defined(_ name: Name) -> Name {
    var name = name
    if homes[name.text] != nil { name.text = NamespaceResolver.joined(scope, name.text) }
    return name
  }

  private func referred(_ text: String, _ qualifier: [String]) -> String {
    guard let homes = homes[text] else { return text }
    if qualifier.first == "" {
      let home = Array(qualifier.dropFirst())
      return homes.contains(home) ? NamespaceResolver.joined(home, text) : text
    }
    for length in (0...scope.count).reversed() {
      let home = scope.prefix(length) + qualifier
      if homes.contains(Array(home)) { return NamespaceResolver.joined(Array(home), text) }
    }
    return text
  }

  // MARK: Syntax

  private mutating func resolve(_ definition: DefinitionSyntax) -> DefinitionSyntax {
    scope = definition.namespace
    var definition = definition
    definition.name = defined(definition.name)
    switch definition.kind {
    case .constant(let value): definition.kind = .constant(resolve(value))
    case .typedef(let declaration):
      var declaration = resolve(declaration)
      // A typedef is a declaration of its own name.
      declaration.name = declaration.name.map(defined)
      definition.kind = .typedef(declaration)
    case .enumeration(let body): definition.kind = .enumeration(resolve(body))
    case .structure(let body): definition.kind = .structure(resolve(body))
    case .pointerStructure(let body): definition.kind = .pointerStructure(resolve(body))
    case .union(let body): definition.kind = .union(resolve(body))
    case .program(var program):
      program.number = resolve(program.number)
      for version in program.versions.indices {
        program.versions[version].number = resolve(program.versions[version].number)
        program.versions[version].procedures = program.versions[version].procedures.map(resolve)
      }
      definition.kind = .program(program)
    }
    return definition
  }

  private func resolve(_ value: ValueSyntax) -> ValueSyntax {
    guard case .name(let text) = value.kind else { return value }
    var value = value
    value.kind = .name(referred(text, value.qualifier))
    return value
  }

  private func resolve(_ procedure: ProcedureSyntax) -> ProcedureSyntax {
    var procedure = procedure
    procedure.number = resolve(procedure.number)
    procedure.result = resolve(procedure.result)
    procedure.arguments = procedure.arguments.map(resolve)
    return procedure
  }

  private func resolve(_ declaration: DeclarationSyntax) -> DeclarationSyntax {
    var declaration = declaration
    switch declaration.type {
    case .named(var name, let tag):
      name.text = referred(name.text, name.qualifier)
      declaration.type = .named(name, tag: tag)
    case .inlineEnum(let body, let range): declaration.type = .inlineEnum(resolve(body), range)
    case .inlineStruct(let body, let range): declaration.type = .inlineStruct(resolve(body), range)
    case .inlineUnion(let body, let range): declaration.type = .inlineUnion(resolve(body), range)
    case .builtin, .opaque, .string, .void, .invalid: break
    }
    switch declaration.shape {
    case .plain, .variable(nil): break
    case .fixed(let size): declaration.shape = .fixed(resolve(size))
    case .variable(let size?): declaration.shape = .variable(resolve(size))
    }
    return declaration
  }

  private func resolve(_ body: EnumSyntax) -> EnumSyntax {
    EnumSyntax(
      enumerators: body.enumerators.map {
        EnumeratorSyntax(name: defined($0.name), value: $0.value.map(resolve), docs: $0.docs)
      })
  }

  private func resolve(_ body: StructSyntax) -> StructSyntax { StructSyntax(fields: body.fields.map(resolve)) }

  private func resolve(_ union: UnionSyntax) -> UnionSyntax {
    let discriminant = resolve(union.discriminant)
    var own: (names: Set<String>, namespace: [String])?
    if case .named(let name, _) = discriminant.type { own = enums[name.text] }
    func resolved(_ label: ValueSyntax) -> ValueSyntax {
      guard case .name(let text) = label.kind, label.qualifier.isEmpty, let own, own.names.contains(text),
        homes[text] != nil
      else { return resolve(label) }
      var label = label
      label.kind = .name(NamespaceResolver.joined(own.namespace, text))
      return label
    }
    func resolved(_ arm: ArmSyntax) -> ArmSyntax {
      ArmSyntax(labels: arm.labels.map(resolved), declaration: resolve(arm.declaration), keyword: arm.keyword)
    }
    return UnionSyntax(
      discriminant: discriminant, arms: union.arms.map(resolved), defaultArm: union.defaultArm.map(resolved))
  }
}

extension DefinitionSyntax {
  /// The enum that is defined, `enum e { }` or `typedef enum { } e`.
  fileprivate var enumeration: EnumSyntax? {
    switch kind {
    case .enumeration(let body): return body
    case .typedef(let declaration):
      if case .inlineEnum(let body, _) = declaration.type, declaration.isNameOfInlineType { return body }
      return nil
    default: return nil
    }
  }
}

/// Which namespaces define a name.
private struct NameCollector {
  var homes: [String: Set<[String]>] = [:]

  mutating func add(_ definition: DefinitionSyntax) {
    homes[definition.name.text, default: []].insert(definition.namespace)
    switch definition.kind {
    case .constant, .program: break
    case .typedef(let declaration): add(declaration, definition.namespace)
    case .enumeration(let body): add(body, definition.namespace)
    case .structure(let body), .pointerStructure(let body):
      for field in body.fields { add(field, definition.namespace) }
    case .union(let body): add(body, definition.namespace)
    }
  }

  private mutating func add(_ body: EnumSyntax, _ namespace: [String]) {
    for enumerator in body.enumerators { homes[enumerator.name.text, default: []].insert(namespace) }
  }

  private mutating func add(_ declaration: DeclarationSyntax, _ namespace: [String]) {
    switch declaration.type {
    case .inlineEnum(let body, _): add(body, namespace)
    case .inlineStruct(let body, _): for field in body.fields { add(field, namespace) }
    case .inlineUnion(let body, _): add(body, namespace)
    case .builtin, .opaque, .string, .void, .named, .invalid: break
    }
  }

  private mutating func add(_ union: UnionSyntax, _ namespace: [String]) {
    add(union.discriminant, namespace)
    for arm in union.arms + (union.defaultArm.map { [$0] } ?? []) { add(arm.declaration, namespace) }
  }
}
