// Syntax as written, without meaning.

/// A name where it was written.
struct Name {
  var text: String
  var range: SourceRange
  /// The namespaces before it: `a::b::name`. Empty text first for `::name`.
  var qualifier: [String] = []
}

/// A size, case label, enumerator value or number: a literal or a name.
struct ValueSyntax {
  enum Kind {
    case number(Int128)
    case name(String)
    case character(Int128)
    case string(String)
    /// A number of more than 64 bits: wrong wherever it is used.
    case tooWide
    /// Was reported already.
    case invalid
  }

  var kind: Kind
  var range: SourceRange
  /// The namespaces before a name, as in `Name`.
  var qualifier: [String] = []
}

indirect enum TypeSyntax {
  case builtin(Builtin, SourceRange)
  /// `opaque` and `string` are completed by their declaration.
  case opaque(SourceRange)
  case string(SourceRange)
  case void(SourceRange)
  /// A type by name, perhaps with a C tag (`struct foo`) before it.
  case named(Name, tag: String?)
  case inlineEnum(EnumSyntax, SourceRange)
  case inlineStruct(StructSyntax, SourceRange)
  case inlineUnion(UnionSyntax, SourceRange)
  /// Was reported already.
  case invalid(SourceRange)

  var range: SourceRange {
    switch self {
    case .builtin(_, let range), .opaque(let range), .string(let range), .void(let range), .inlineEnum(_, let range),
      .inlineStruct(_, let range), .inlineUnion(_, let range), .invalid(let range):
      range
    case .named(let name, _): name.range
    }
  }
}

/// The types that the language itself has, with what rpcgen adds.
enum Builtin: String {
  case int, unsignedInt, hyper, unsignedHyper, float, double, quadruple, bool
  // rpcgen: a word each on the wire, narrower in memory.
  case char, unsignedChar, short, unsignedShort
}

enum ShapeSyntax {
  case plain
  /// `[n]`
  case fixed(ValueSyntax)
  /// `<n>` or `<>`
  case variable(ValueSyntax?)
}

/// `type name`, with its array form and optional mark.
struct DeclarationSyntax {
  var type: TypeSyntax
  /// The `*` before the name.
  var isOptional = false
  var shape: ShapeSyntax = .plain
  /// Absent for `void` and for unnamed arguments.
  var name: Name?
  var range: SourceRange
  var docs = DocumentationSyntax()
}

struct EnumeratorSyntax {
  var name: Name
  var value: ValueSyntax?
  var docs: DocumentationSyntax
}

struct EnumSyntax {
  var enumerators: [EnumeratorSyntax]
}

struct StructSyntax {
  var fields: [DeclarationSyntax]
}

struct UnionSyntax {
  var discriminant: DeclarationSyntax
  var arms: [ArmSyntax]
  var defaultArm: ArmSyntax?
}

struct ArmSyntax {
  /// Empty for the default arm.
  var labels: [ValueSyntax]
  var declaration: DeclarationSyntax
  var keyword: SourceRange
}

struct ProcedureSyntax {
  var name: Name
  var result: DeclarationSyntax
  var arguments: [DeclarationSyntax]
  var number: ValueSyntax
  var docs: DocumentationSyntax
}

struct VersionSyntax {
  var name: Name
  var procedures: [ProcedureSyntax]
  var number: ValueSyntax
  var docs: DocumentationSyntax
}

struct ProgramSyntax {
  var versions: [VersionSyntax]
  var number: ValueSyntax
}

struct DefinitionSyntax {
  enum Kind {
    case constant(ValueSyntax)
    case typedef(DeclarationSyntax)
    case enumeration(EnumSyntax)
    case structure(StructSyntax)
    /// `struct *name { }` (RFC 1057): the name is that of an optional.
    case pointerStructure(StructSyntax)
    case union(UnionSyntax)
    case program(ProgramSyntax)
  }

  var kind: Kind
  var name: Name
  var range: SourceRange
  var docs: DocumentationSyntax
  /// The namespaces it stands in, the outermost first.
  var namespace: [String] = []
}

/// The documentation comments of one thing, as written.
struct DocumentationSyntax {
  var comments: [Comment] = []
}
