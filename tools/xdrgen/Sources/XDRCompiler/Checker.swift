/// Gives names their meaning and checks everything that syntax cannot: from definitions to a model.
final class Checker {
  let definitions: [DefinitionSyntax]
  let sources: SourceManager
  let diagnostics: DiagnosticSink
  let options: CompilerOptions
  let model: Model
  let documentation: DocumentationReader

  /// The meaning of a name. RFC 4506 section 6.4: constants, enumerators and types share one space.
  enum Symbol {
    case constant(Int)
    case enumerator(enumeration: String, index: Int)
    case type(TypeDefinition)
    case program
  }

  var symbols: [String: (symbol: Symbol, range: SourceRange)] = [:]
  /// Values by name once worked out; nil while a name is being worked out or has no value.
  var values: [String: ValueState] = [:]
  var constantSyntax: [(name: Name, value: ValueSyntax)] = []
  var enumSyntax: [String: EnumSyntax] = [:]
  /// The whole of each typedef, by where its name stands.
  private var typedefs: [SourceRange: SourceRange] = [:]
  /// Enums that are written inside other types, whose values are names of the whole file all the same.
  private var nestedEnums: Set<String> = []
  /// Enumerators that two enums have, until their values are compared.
  private var sharedEnumerators: [SharedEnumerator] = []
  /// Procedures, by name: rpcgen makes a `#define` of each.
  var procedureNumbers: [String: ValueSyntax] = [:]
  var reportedProcedures: Set<String> = []
  var enumMembers: [ObjectIdentifier: EnumMembers] = [:]
  /// Names of % lines that were warned about, once each.
  var reportedPassthroughs: Set<String> = []
  /// Files with `%#include` lines: what these define is not known here.
  var filesWithHeaders: Set<FileID> = []

  var unionChecks: [UnionCheck] = []
  /// By number and version, which make a program together (RFC 5531 section 8).
  var programNumbers: [ProgramNumber: SourceRange] = [:]

  struct ProgramNumber: Hashable {
    var program: UInt32
    var version: UInt32
  }

  var kindCache: [String: String]?
  /// From `%#define` lines: the last resort for a constant.
  var passthroughMacros: [String: [Token]] = [:]
  /// From `%typedef` lines.
  var passthroughTypes: [String: [Token]] = [:]

  enum ValueState {
    case inProgress
    case known(Int128)
    case unknown
  }

  init(
    definitions: [DefinitionSyntax], sources: SourceManager, diagnostics: DiagnosticSink, options: CompilerOptions
  ) {
    self.definitions = definitions
    self.sources = sources
    self.diagnostics = diagnostics
    self.options = options
    model = Model(sources: sources)
    documentation = DocumentationReader(sources: sources, diagnostics: diagnostics)
  }

  static let definitionLimit = 50_000

  func check() -> Model {
    guard definitions.count <= Checker.definitionLimit else {
      diagnostics.error(.tooLarge, "more than \(Checker.definitionLimit) definitions", at: definitions.last?.range)
      return model
    }
    let shells = definitions.map(declare)
    checkSharedEnumerators()
    for (definition, shell) in zip(definitions, shells) { define(definition, shell) }
    defineEnumPrograms()
    checkTypes()
    return model
  }

  // MARK: Names

  /// Enters the names of a definition; types get an empty definition to refer to.
  private func declare(_ definition: DefinitionSyntax) -> TypeDefinition? {
    switch definition.kind {
    case .constant(let value):
      constantSyntax.append((definition.name, value))
      enter(definition.name, .constant(constantSyntax.count - 1))
      return nil
    case .program(let program):
      enter(definition.name, .program)
      for procedure in program.versions.flatMap(\.procedures) where procedureNumbers[procedure.name.text] == nil {
        procedureNumbers[procedure.name.text] = procedure.number
      }
      return nil
    case .enumeration(let body):
      let type = shell(definition, at: .enumeration)
      declareEnumerators(definition.name.text, body)
      return type
    case .structure(let body), .pointerStructure(let body):
      let type = shell(definition, at: .structure)
      for field in body.fields { declareNested(field, in: [definition.name.text]) }
      return type
    case .union(let body):
      let type = shell(definition, at: .other)
      declareNested(body, in: [definition.name.text])
      return type
    case .typedef(let declaration):
      if case .named(let target, let tag?) = declaration.type, target.text == definition.name.text,
        declaration.isPlain
      {
        diagnostics.warning(
          .dialect, "in XDR '\(tag) \(target.text)' names the type without a typedef", at: definition.range)
        return nil
      }
      typedefs[definition.name.range] = definition.range
      // A typedef of an inline type names that type itself.
      switch declaration.type {
      case .inlineEnum(let body, _) where declaration.isNameOfInlineType:
        let type = shell(definition, at: .enumeration)
        declareEnumerators(definition.name.text, body)
        return type
      case .inlineStruct(let body, _) where declaration.isNameOfInlineType:
        let type = shell(definition, at: .structure)
        for field in body.fields { declareNested(field, in: [definition.name.text]) }
        return type
      case .inlineUnion(let body, _) where declaration.isNameOfInlineType:
        let type = shell(definition, at: .other)
        declareNested(body, in: [definition.name.text])
        return type
      default:
        let type = shell(definition, at: .other)
        declareNested(declaration.asItem, in: [definition.name.text])
        return type
      }
    }
  }

  private func shell(_ definition: DefinitionSyntax, at target: Annotations.Target) -> TypeDefinition {
    let (docs, annotations) = documentation.read(definition.docs, at: target)
    let type = TypeDefinition(
      name: definition.name.text, range: definition.name.range, docs: docs, annotations: annotations,
      isAnonymous: false)
    enter(definition.name, .type(type))
    return type
  }

  private func declareEnumerators(_ enumeration: String, _ body: EnumSyntax) {
    enumSyntax[enumeration] = body
    for (index, enumerator) in body.enumerators.enumerated() {
      enter(enumerator.name, .enumerator(enumeration: enumeration, index: index))
    }
  }

  /// The enumerators of inline enums are names like all others.
  private func declareNested(_ declaration: DeclarationSyntax, in path: [String]) {
    let path = path + [declaration.name?.text ?? ""]
    switch declaration.type {
    case .inlineEnum(let body, _):
      nestedEnums.insert(nestedName(path))
      declareEnumerators(nestedName(path), body)
    case .inlineStruct(let body, _): for field in body.fields { declareNested(field, in: path) }
    case .inlineUnion(let body, _): declareNested(body, in: path)
    default: break
    }
  }

  private func declareNested(_ union: UnionSyntax, in path: [String]) {
    declareNested(union.discriminant, in: path)
    for arm in union.arms + (union.defaultArm.map { [$0] } ?? []) { declareNested(arm.declaration, in: path) }
  }

  /// `struct { } point` inside `shape` is `shape_point`.
  func nestedName(_ path: [String]) -> String { path.filter { !$0.isEmpty }.joined(separator: "_") }

  private func enter(_ name: Name, _ symbol: Symbol) {
    if ["TRUE", "FALSE"].contains(name.text) {
      // Files that spell out what the language predefines mean the same by it.
      diagnostics.warning(.reservedName, "'\(name.text)' is predefined", at: name.range)
      return
    }
    if let earlier = symbols[name.text] {
      if case .constant(let old) = earlier.symbol, case .constant(let new) = symbol,
        sameText(constantSyntax[old].value.range, constantSyntax[new].value.range)
      {
        diagnostics.warning(
          .duplicateName, "'\(name.text)' is defined twice, with the same value", at: name.range,
          notes: [.init(message: "first defined here", range: earlier.range)])
        return
      }
      if case .enumerator(let old, let oldIndex) = earlier.symbol, case .enumerator(let new, let newIndex) = symbol,
        old != new, nestedEnums.contains(old) || nestedEnums.contains(new)
      {
        // Whether they are the same is known once all values are.
        sharedEnumerators.append(
          SharedEnumerator(
            name: name, first: (old, oldIndex), second: (new, newIndex), firstRange: earlier.range))
        return
      }
      if case .type(let old) = earlier.symbol, case .type = symbol, isSameTypedef(name, old.range) {
        diagnostics.warning(
          .duplicateName, "'\(name.text)' is defined twice, in the same words", at: name.range,
          notes: [.init(message: "first defined here", range: earlier.range)])
        return
      }
      diagnostics.error(
        .duplicateName, "'\(name.text)' is defined already", at: name.range,
        notes: [.init(message: "first defined here", range: earlier.range)],
        hint: "constants, enum values, types and programs share one name space (RFC 4506 section 6.4)")
      return
    }
    symbols[name.text] = (symbol, name.range)
  }

  /// Two typedefs of one name that differ in nothing but space, as in the text of RFC 3530.
  private struct SharedEnumerator {
    var name: Name
    var first: (enumeration: String, index: Int)
    var second: (enumeration: String, index: Int)
    var firstRange: SourceRange
  }

  /// Enums inside other types may have an enumerator in common, as long as it means the same number in both.
  private func checkSharedEnumerators() {
    for shared in sharedEnumerators {
      let one = enumeratorValue(shared.first.enumeration, shared.first.index, depth: 0)
      let other = enumeratorValue(shared.second.enumeration, shared.second.index, depth: 0)
      let notes = [Diagnostic.Note(message: "first defined here", range: shared.firstRange)]
      if let one, one == other {
        diagnostics.warning(
          .duplicateName, "'\(shared.name.text)' is a value of two enums, with the same number", at: shared.name.range,
          notes: notes, hint: "C has one name space for both: rpcgen's output does not compile")
      } else {
        diagnostics.error(
          .duplicateName, "'\(shared.name.text)' is defined already", at: shared.name.range, notes: notes,
          hint: "constants, enum values, types and programs share one name space (RFC 4506 section 6.4)")
      }
    }
  }

  private func isSameTypedef(_ name: Name, _ earlier: SourceRange) -> Bool {
    guard let new = typedefs[name.range], let old = typedefs[earlier] else { return false }
    func words(_ range: SourceRange) -> [Substring] { sources.text(range).split(whereSeparator: \.isWhitespace) }
    return words(new) == words(old)
  }

  private func sameText(_ one: SourceRange, _ other: SourceRange) -> Bool {
    sources.text(one) == sources.text(other)
  }

  // MARK: Definitions

  private func define(_ definition: DefinitionSyntax, _ shell: TypeDefinition?) {
    let name = definition.name
    switch definition.kind {
    case .constant(let value): defineConstant(definition, value)
    case .program(let body): defineProgram(definition, body)
    case .enumeration(let body):
      guard let shell else { return }
      model.types.append(shell)
      shell.body = .enumeration(enumeration(body, named: name.text))
    case .structure(let body):
      guard let shell else { return }
      model.types.append(shell)
      shell.body = .structure(fields(body, in: [name.text]))
    case .pointerStructure(let body):
      // The name is the optional's; the struct behind it gets one of its own.
      guard let shell else { return }
      let inner = anonymous([name.text, "item"], at: name.range, docs: shell.docs, annotations: shell.annotations)
      model.types.append(shell)
      model.types.append(inner)
      shell.body = .alias(.optional(.named(inner)))
      inner.body = .structure(fields(body, in: [name.text]))
    case .union(let body):
      guard let shell else { return }
      model.types.append(shell)
      shell.body = .union(union(body, in: [name.text], at: name.range))
    case .typedef(let declaration):
      guard let shell, !isRepetition(shell) else { return }
      model.types.append(shell)
      switch declaration.type {
      case .inlineEnum(let body, _) where declaration.isNameOfInlineType:
        shell.body = .enumeration(enumeration(body, named: name.text))
      case .inlineStruct(let body, _) where declaration.isNameOfInlineType:
        shell.body = .structure(fields(body, in: [name.text]))
      case .inlineUnion(let body, _) where declaration.isNameOfInlineType:
        shell.body = .union(union(body, in: [name.text], at: name.range))
      default:
        shell.body = .alias(type(declaration.asItem, in: [name.text], annotations: shell.annotations))
      }
    }
  }

  /// A typedef that was entered by an earlier one in the same words.
  private func isRepetition(_ shell: TypeDefinition) -> Bool {
    guard case .type(let first)? = symbols[shell.name]?.symbol, first !== shell else { return false }
    return isSameTypedef(Name(text: shell.name, range: shell.range), first.range)
  }

  func anonymous(
    _ path: [String], at range: SourceRange, docs: Documentation = Documentation(),
    annotations: Annotations = Annotations()
  ) -> TypeDefinition {
    let name = nestedName(path)
    let type = TypeDefinition(name: name, range: range, docs: docs, annotations: annotations, isAnonymous: true)
    if let earlier = symbols[name] {
      diagnostics.error(
        .duplicateName, "the type written here would be called '\(name)', and that is defined already", at: range,
        notes: [.init(message: "first defined here", range: earlier.range)],
        hint: "give it a name with a typedef")
    } else {
      symbols[name] = (.type(type), range)
    }
    return type
  }

  private func defineConstant(_ definition: DefinitionSyntax, _ syntax: ValueSyntax) {
    let (docs, annotations) = documentation.read(definition.docs, at: .other)
    // A name that is defined twice was reported; only the first one counts.
    guard let entry = symbols[definition.name.text], entry.range == definition.name.range else { return }
    let value: ConstantDefinition.Value
    if case .tooWide = syntax.kind {
      // As a macro of C, which nothing need ever expand.
      diagnostics.warning(
        .invalidNumber, "'\(definition.name.text)' is wider than 64 bits, and left out", at: syntax.range)
      return
    }
    if case .string(let text) = syntax.kind {
      value = .string(String(text.dropFirst().dropLast()))
    } else {
      guard let number = self.value(of: definition.name.text) else { return }
      value = .integer(number)
    }
    model.constants.append(
      ConstantDefinition(
        name: definition.name.text, range: definition.name.range, docs: docs, annotations: annotations, value: value,
        spelling: sources.text(syntax.range)))
  }

  // MARK: Structs and enums

  func fields(_ body: StructSyntax, in path: [String]) -> [Field] {
    var result: [Field] = []
    var seen: [String: SourceRange] = [:]
    for syntax in body.fields {
      guard let name = syntax.name else { continue }
      if let earlier = seen[name.text] {
        diagnostics.error(
          .duplicateMember, "there is a field '\(name.text)' already", at: name.range,
          notes: [.init(message: "first declared here", range: earlier)])
        continue
      }
      seen[name.text] = name.range
      let (docs, annotations) = documentation.read(syntax.docs, at: [.member, .field])
      result.append(
        Field(
          name: name.text, range: name.range, docs: docs, annotations: annotations,
          type: type(syntax, in: path, annotations: annotations)))
    }
    return result
  }

  func enumeration(_ body: EnumSyntax, named name: String) -> EnumerationBody {
    var values: [Enumerator] = []
    var byValue: [Int32: String] = [:]
    var seen: Set<String> = []
    for enumerator in body.enumerators {
      guard seen.insert(enumerator.name.text).inserted else { continue }
      let (docs, annotations) = documentation.read(enumerator.docs, at: .member)
      guard let number = value(of: enumerator.name.text) else { continue }
      let range = enumerator.value?.range ?? enumerator.name.range
      guard let value = Int32(exactly: number) else {
        diagnostics.error(
          .valueOutOfRange, "\(number) does not fit an enum, whose values are 32 bits wide and signed", at: range)
        continue
      }
      let alias = byValue[value]
      if let alias {
        diagnostics.warning(
          .enumAlias, "'\(enumerator.name.text)' has the same value as '\(alias)'", at: range,
          hint: "it becomes another name for the same case")
      }
      byValue[value] = alias ?? enumerator.name.text
      values.append(
        Enumerator(
          name: enumerator.name.text, range: enumerator.name.range, docs: docs, annotations: annotations,
          value: value, aliasOf: alias))
    }
    return EnumerationBody(values: values)
  }
}

extension DeclarationSyntax {
  /// For the inline type in `typedef struct { } names<3>`, which is no `names` itself but a `names_item`.
  var asItem: DeclarationSyntax {
    var copy = self
    copy.name?.text = "item"
    return copy
  }

  /// Neither array nor optional.
  var isPlain: Bool {
    if case .plain = shape { !isOptional } else { false }
  }

  /// `typedef struct { } name`: no array, no optional.
  var isNameOfInlineType: Bool {
    guard isPlain else { return false }
    switch type {
    case .inlineEnum, .inlineStruct, .inlineUnion: return true
    default: return false
    }
  }
}
