// The checked meaning of the definitions. Back ends read nothing else.

/// Everything of one compilation.
public final class Model {
  public internal(set) var constants: [ConstantDefinition] = []
  /// In the order of the source, types that were written inside others after the one that holds them.
  public internal(set) var types: [TypeDefinition] = []
  public internal(set) var programs: [ProgramDefinition] = []
  public let sources: SourceManager
  /// Files given as inputs, in order, then files they include that are no inputs.
  public internal(set) var inputs: [FileID] = []

  init(sources: SourceManager) { self.sources = sources }

  /// For a file that is no input itself: the input that brought it in.
  var owners: [FileID: FileID] = [:]

  public func type(named name: String) -> TypeDefinition? { types.first { $0.name == name } }
}

public struct Documentation: Sendable, Equatable {
  /// Lines without comment signs, annotations taken out.
  public var lines: [String] = []
  public var isEmpty: Bool { lines.isEmpty }
}

public final class ConstantDefinition {
  public enum Value: Equatable {
    case integer(Int128)
    case string(String)
  }

  public let name: String
  public let range: SourceRange
  public let docs: Documentation
  public let annotations: Annotations
  public let value: Value
  /// As written, for documentation: `LIST_MAX`.
  public let spelling: String

  init(
    name: String, range: SourceRange, docs: Documentation, annotations: Annotations, value: Value, spelling: String
  ) {
    self.name = name
    self.range = range
    self.docs = docs
    self.annotations = annotations
    self.value = value
    self.spelling = spelling
  }
}

/// A size with the way it was written.
public struct Bound: Hashable {
  /// 2^32-1 where the `.x` gives none.
  public var value: UInt32
  public var isUnbounded: Bool
  /// `GUEST_NAME_MAX` or `64`; empty without a bound.
  public var spelling: String
}

public enum Scalar: String, CaseIterable, Sendable {
  case int, unsignedInt, hyper, unsignedHyper, float, double, quadruple, bool
  case char, unsignedChar, short, unsignedShort

  /// Bytes on the wire.
  public var size: Int {
    switch self {
    case .hyper, .unsignedHyper, .double: 8
    case .quadruple: 16
    default: 4
    }
  }

  /// As the `.x` spells it.
  public var spelling: String {
    switch self {
    case .unsignedInt: "unsigned int"
    case .unsignedHyper: "unsigned hyper"
    case .unsignedChar: "unsigned char"
    case .unsignedShort: "unsigned short"
    default: rawValue
    }
  }
}

/// A type where it is used.
public indirect enum WireType {
  case void
  case scalar(Scalar)
  case string(Bound)
  case fixedOpaque(Bound)
  case opaque(Bound)
  case fixedArray(WireType, Bound)
  case array(WireType, Bound)
  case optional(WireType)
  case named(TypeDefinition)
}

public final class TypeDefinition {
  public enum Body {
    case enumeration(EnumerationBody)
    case structure([Field])
    case union(UnionBody)
    case alias(WireType)
  }

  public let name: String
  public let range: SourceRange
  public let docs: Documentation
  public let annotations: Annotations
  /// Written inside another definition, without a name of its own.
  public let isAnonymous: Bool
  /// Reads as void until the checker is done.
  public internal(set) var body: Body = .alias(.void)
  /// Bytes on the wire: the fewest, and the most, which is nil when there is no limit.
  public internal(set) var minimumSize = 0
  public internal(set) var maximumSize: Int?
  /// It can contain itself.
  public internal(set) var isRecursive = false
  /// Types that reach one another share a number; nil for those that do not reach themselves.
  public internal(set) var cycle: Int?
  /// Set for a struct that is `@growable`.
  public internal(set) var growable: Growable?
  /// Set for a struct whose last field is an optional of itself: values form a list.
  public internal(set) var list: ListShape?

  init(name: String, range: SourceRange, docs: Documentation, annotations: Annotations, isAnonymous: Bool) {
    self.name = name
    self.range = range
    self.docs = docs
    self.annotations = annotations
    self.isAnonymous = isAnonymous
  }

  public var isFixedSize: Bool { maximumSize == minimumSize }
}

/// A struct carried as a variable-length opaque that holds its fields: readers take the fields they know, and writers
/// of other revisions may have fewer or more of them.
public struct Growable {
  /// On the bytes of the fields, those of newer writers included.
  public var bound: Bound

  /// Most bytes the fields can have: XDR items are multiples of four.
  var maximumBody: Int? { bound.isUnbounded ? nil : Int(bound.value) & ~3 }
}

/// The value of a field that an older writer left out.
public enum FieldDefault: Equatable, Sendable {
  /// No elements, no bytes, no text, or the absent optional.
  case empty
  /// A number, 0 or 1 for a bool, the value of an enumerator.
  case integer(Int128)
}

public struct ListShape {
  /// Index of the link among the fields: always the last.
  public var link: Int
}

public struct Field {
  public var name: String
  public var range: SourceRange
  public var docs: Documentation
  public var annotations: Annotations
  public var type: WireType
  /// Stored through a reference, because the type would contain itself otherwise.
  public var isBoxed = false
  /// Set for `@default` fields of growable structs: older writers leave them out.
  public var defaultValue: FieldDefault?

  /// Every writer sends it.
  var isMandatory: Bool { defaultValue == nil }
}

public struct EnumerationBody {
  public var values: [Enumerator]
}

public struct Enumerator {
  public var name: String
  public var range: SourceRange
  public var docs: Documentation
  public var annotations: Annotations
  public var value: Int32
  /// An earlier value of the same enum with the same number.
  public var aliasOf: String?
}

public struct UnionBody {
  public var discriminantName: String
  public var discriminant: WireType
  public var arms: [Arm]
  public var defaultArm: Arm?
}

public struct Label {
  public var value: Int128
  /// The enumerator or constant it was written as.
  public var name: String?
  public var range: SourceRange
}

public struct Arm {
  public var labels: [Label]
  /// Empty for void.
  public var name: String
  public var range: SourceRange
  public var docs: Documentation
  public var annotations: Annotations
  public var type: WireType
  public var isBoxed = false

  public var isVoid: Bool { if case .void = type { true } else { false } }
}

public final class ProgramDefinition {
  public let name: String
  public let range: SourceRange
  public let docs: Documentation
  public let annotations: Annotations
  public let number: UInt32
  public let versions: [VersionDefinition]

  init(
    name: String, range: SourceRange, docs: Documentation, annotations: Annotations, number: UInt32,
    versions: [VersionDefinition]
  ) {
    self.name = name
    self.range = range
    self.docs = docs
    self.annotations = annotations
    self.number = number
    self.versions = versions
  }
}

public struct VersionDefinition {
  public var name: String
  public var range: SourceRange
  public var docs: Documentation
  public var number: UInt32
  public var procedures: [ProcedureDefinition]
}

public struct ProcedureDefinition {
  public var name: String
  public var range: SourceRange
  public var docs: Documentation
  public var annotations: Annotations
  public var number: UInt32
  public var arguments: [Field]
  public var result: WireType

  public var isEvent: Bool { annotations.isEvent }
}

extension WireType {
  /// Past all typedefs.
  public var resolved: WireType {
    var type = self
    // The checker has refused typedefs of themselves; the count is for models it has not finished.
    for _ in 0..<10_000 {
      guard case .named(let definition) = type, case .alias(let target) = definition.body else { return type }
      type = target
    }
    return .void
  }

  /// The definition behind it, when there is one past all typedefs.
  public var definition: TypeDefinition? {
    if case .named(let definition) = resolved { definition } else { nil }
  }
}
