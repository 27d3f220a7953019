/// From names of the `.x` to names of Swift: always the same for the same input, never two alike.
final class SwiftNames {
  let diagnostics: DiagnosticSink
  private var types: [ObjectIdentifier: String] = [:]
  private var constants: [String: String] = [:]
  /// Names of the standard library that the schema's own types hide.
  private var hidden: Set<String> = []

  /// Names of the standard library that generated code uses.
  private static let used: Set<String> = [
    "Int", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float", "Double", "Bool",
    "String", "ArraySlice", "Hashable", "CaseIterable", "Sendable", "Error", "AsyncSequence", "AsyncIteratorProtocol",
  ]

  /// Names that no nested type may have, or that generated code needs for itself.
  private static let forbiddenTypes: Set<String> = [
    "Type", "Self", "Protocol", "Any", "AnyObject", "Swift", "XDR", "XDRBox", "XDRCodable", "XDRDecodable",
    "XDREnumeration", "XDRError", "XDRFixedBytes", "XDRLimits", "XDRQuadruple", "XDRRandomSource", "XDRRandomizable",
    "XDRReader", "XDRRun", "XDRRunWriter", "XDRSlice", "XDRTypeEntry", "XDRVoid", "XDRWriter", "RPCCaller", "RPCEvent",
    "RPCMessage", "RPCProcedure", "RPCProcedureInfo", "RPCProgram", "RPCRight",
  ]

  /// Words of the language, and names that generated code needs for itself.
  static func isForbiddenForTypes(_ name: String) -> Bool { forbiddenTypes.contains(name) || keywords.contains(name) }

  init(_ model: Model, namespace: String?, diagnostics: DiagnosticSink) {
    self.diagnostics = diagnostics
    var taken: [String: SourceRange] = [:]
    var forbidden = SwiftNames.forbiddenTypes
    if let namespace {
      forbidden.insert(namespace)
    } else if !model.programs.isEmpty {
      // Procedures have types of these names inside, which would hide the schema's.
      forbidden.formUnion(["Program", "Args", "Reply", "Body"])
    }
    for type in model.types {
      let wanted = type.annotations.name ?? SwiftNames.upperCamel(type.name)
      types[ObjectIdentifier(type)] = claim(
        wanted, original: type.name, isChosen: type.annotations.name != nil, at: type.range, &taken,
        forbidden: forbidden)
    }
    allTypes = Set(types.values)
    hidden = allTypes.intersection(SwiftNames.used)
    var takenConstants: [String: SourceRange] = [:]
    for constant in model.constants {
      let wanted = constant.annotations.name ?? SwiftNames.lowerCamel(constant.name)
      constants[constant.name] = claim(
        wanted, original: constant.name, isChosen: constant.annotations.name != nil, at: constant.range,
        &takenConstants)
    }
  }

  /// Put before the names of types: the namespace, for code that stands outside it.
  var prefix = ""

  func type(_ definition: TypeDefinition) -> String {
    prefix + (types[ObjectIdentifier(definition)] ?? definition.name)
  }

  func constant(_ definition: ConstantDefinition) -> String { constants[definition.name] ?? definition.name }

  /// Procedures are types inside their program and hide names there.
  func hideProcedures(_ names: [String]) { hidden.formUnion(SwiftNames.used.intersection(names)) }

  /// Names that a procedure must not take: inside its program it would hide the type.
  private(set) var allTypes: Set<String> = []

  /// A type of the standard library, qualified where the schema has a type of that name.
  func std(_ name: String) -> String { hidden.contains(name) ? "Swift." + name : name }

  /// Of two names that come out alike the later one keeps the spelling of the `.x`, or gets a number; and says so.
  private func claim(
    _ wanted: String, original: String, isChosen: Bool, at range: SourceRange, _ taken: inout [String: SourceRange],
    forbidden: Set<String> = [], or more: Set<String> = []
  ) -> String {
    func isForbidden(_ name: String) -> Bool { forbidden.contains(name) || more.contains(name) }
    var name = wanted
    if isForbidden(name) || name.isEmpty { name += "_" }
    if let earlier = taken[name] {
      let notes = [Diagnostic.Note(message: "the other one is here", range: earlier)]
      if isChosen {
        diagnostics.error(.swiftNameCollision, "'\(name)' is the Swift name of something else", at: range, notes: notes)
      }
      var other = original
      var number = 2
      while taken[other] != nil || isForbidden(other) || other.isEmpty || other.first?.isNumber == true {
        other = "\(wanted)\(number)"
        number += 1
      }
      if !isChosen {
        diagnostics.warning(
          .swiftNameCollision, "'\(original)' would be called '\(name)' in Swift like another one; it is '\(other)'",
          at: range, notes: notes, hint: "@name(...) in its documentation comment chooses a name")
      }
      name = other
    }
    taken[name] = range
    return name
  }

  // MARK: Members

  /// Properties that a struct's own code has.
  private static let reservedMembers: Set<String> = [
    "self", "Self", "init", "Type", "Protocol", "hashValue", "xdrSize", "xdrMinimumSize", "discriminant",
  ]

  func fields(_ fields: [Field]) -> [String] {
    members(
      fields.map {
        ($0.annotations.name ?? SwiftNames.lowerCamel($0.name), $0.name, $0.annotations.name != nil, $0.range)
      },
      reserved: SwiftNames.reservedMembers)
  }

  func cases(_ values: [Enumerator]) -> [String] {
    let stripped = SwiftNames.strippingCommonPrefix(values.map(\.name))
    return members(
      zip(values, stripped).map { value, short in
        (value.annotations.name ?? SwiftNames.lowerCamel(short), value.name, value.annotations.name != nil, value.range)
      },
      reserved: ["self", "Self", "init", "Type", "Protocol", "allCases", "rawValue", "unknown", "hashValue", "xdrSize"])
  }

  func members(
    _ wanted: [(name: String, original: String, isChosen: Bool, range: SourceRange)], reserved: Set<String>,
    or more: Set<String> = []
  ) -> [String] {
    var taken: [String: SourceRange] = [:]
    return wanted.map { name, original, isChosen, range in
      claim(name, original: original, isChosen: isChosen, at: range, &taken, forbidden: reserved, or: more)
    }
  }

  // MARK: Spelling

  /// Words of a name: cut at underscores and where small letters turn into capitals.
  static func words(_ name: String) -> [String] {
    var words: [String] = []
    var word = ""
    var previous: Character = "_"
    for character in name {
      if character == "_" {
        if !word.isEmpty { words.append(word) }
        word = ""
      } else {
        if character.isUppercase, previous.isLowercase || previous.isNumber, !word.isEmpty,
          word.contains(where: \.isLowercase)
        {
          words.append(word)
          word = ""
        }
        word.append(character)
      }
      previous = character
    }
    if !word.isEmpty { words.append(word) }
    return words
  }

  private static func leadingUnderscores(_ name: String) -> String {
    String(name.prefix { $0 == "_" })
  }

  private static func capitalized(_ word: String) -> String {
    // `READDIR3res` and `nfsv4` keep what is small; words all in capitals become Capitals.
    let rest = word.dropFirst()
    let isShouted = word.contains(where: \.isLetter) && !word.contains(where: \.isLowercase)
    return word.prefix(1).uppercased() + (isShouted ? rest.lowercased() : String(rest))
  }

  static func upperCamel(_ name: String) -> String {
    let camel = words(name).map(capitalized).joined()
    // A name made of a number and underscores is none.
    guard let first = camel.first else { return name }
    return leadingUnderscores(name) + (first.isNumber ? "_" + camel : camel)
  }

  static func lowerCamel(_ name: String) -> String {
    let words = words(name)
    guard let first = words.first else { return name }
    var start = first
    if !first.contains(where: \.isLowercase) {
      start = first.lowercased()
    } else {
      // `UUIDType` came apart as one word: small letters up to the last capital of the row.
      let capitals = first.prefix { $0.isUppercase }
      let count = capitals.count > 1 && capitals.count < first.count ? capitals.count - 1 : capitals.count
      start = first.prefix(count).lowercased() + first.dropFirst(count)
    }
    let camel = start + words.dropFirst().map(capitalized).joined()
    return leadingUnderscores(name) + (camel.first?.isNumber == true ? "_" + camel : camel)
  }

  /// Cuts off the words that all names begin with, as long as every name keeps a word that can begin a name.
  static func strippingCommonPrefix(_ names: [String], ofSingle hint: String? = nil) -> [String] {
    guard let first = names.first else { return names }
    func parts(_ name: String) -> [Substring] { name.split(separator: "_", omittingEmptySubsequences: true) }
    var common = parts(first).map(String.init)
    if names.count == 1 {
      common = hint.map { parts($0).map(String.init) } ?? []
    }
    for name in names {
      let words = parts(name).map(String.init)
      var count = 0
      while count < common.count, count < words.count, common[count] == words[count] { count += 1 }
      common = Array(common.prefix(count))
    }
    while !common.isEmpty {
      let fits = names.allSatisfy { name in
        let words = parts(name)
        return words.count > common.count && words[common.count].first?.isLetter == true
      }
      if fits { break }
      common.removeLast()
    }
    guard !common.isEmpty else { return names }
    return names.map { parts($0).dropFirst(common.count).joined(separator: "_") }
  }

  private static let keywords: Set<String> = [
    "associatedtype", "borrowing", "class", "consuming", "deinit", "enum", "extension", "fileprivate", "func", "import",
    "init", "inout", "internal", "let", "nonisolated", "open", "operator", "precedencegroup", "private", "protocol",
    "public", "rethrows", "static", "struct", "subscript", "typealias", "var", "break", "case", "catch", "continue",
    "default", "defer", "do", "else", "fallthrough", "for", "guard", "if", "in", "repeat", "return", "switch", "throw",
    "where", "while", "Any", "as", "await", "false", "is", "nil", "self", "Self", "super", "throws", "true", "try", "_",
  ]

  /// Usable as the label of an argument, where nearly every word may stand.
  static func label(_ name: String) -> String { name == "inout" || name == "_" ? "`\(name)`" : name }

  /// Usable where a name is declared or used.
  static func escaped(_ name: String) -> String { keywords.contains(name) ? "`\(name)`" : name }
}
