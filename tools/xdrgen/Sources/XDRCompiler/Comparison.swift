/// Compares two revisions. XDR is positional and has no tags to skip by: nearly every change of a type is a break.
public final class Comparison {
  let old: Model
  let new: Model
  private(set) var changes: [Change] = []
  /// Pairs of types with different names that were compared in place.
  var compared: Set<String> = []
  var resultTypes: Set<String> = []
  var newTypes: [String: TypeDefinition] = [:]
  var newConstants: [String: ConstantDefinition] = [:]

  public static func changes(from old: Model, to new: Model) -> [Change] {
    let comparison = Comparison(old, new)
    comparison.run()
    return comparison.changes
  }

  private init(_ old: Model, _ new: Model) {
    self.old = old
    self.new = new
    for type in new.types { newTypes[type.name] = newTypes[type.name] ?? type }
    for constant in new.constants { newConstants[constant.name] = constant }
    for procedure in old.programs.flatMap(\.versions).flatMap(\.procedures) {
      // Sent by the server: results, and both forms of events.
      let sent = [procedure.result] + (procedure.isEvent ? procedure.arguments.map(\.type) : [])
      for definition in sent.flatMap(\.reachable) { resultTypes.insert(definition.name) }
    }
  }

  func report(
    _ level: Change.Level, _ code: Change.Code, _ message: String, old: SourceRange?, new: SourceRange?,
    hint: String? = nil
  ) {
    changes.append(
      Change(
        level: level, code: code, message: message, hint: hint,
        old: old.map { self.old.sources.file($0.file).position(at: $0.lower) },
        new: new.map { self.new.sources.file($0.file).position(at: $0.lower) }))
  }

  private func run() {
    for constant in old.constants { compare(constant) }
    for type in old.types {
      guard let other = newTypes[type.name] else {
        if !type.isAnonymous {
          report(.source, .typeRemoved, "type '\(type.name)' was removed", old: type.range, new: nil)
        }
        continue
      }
      compare(type, other)
    }
    for program in old.programs { compare(program) }
  }

  // MARK: Constants

  func compare(_ constant: ConstantDefinition) {
    guard let other = newConstants[constant.name] else {
      return report(
        .source, .constantRemoved, "constant '\(constant.name)' was removed", old: constant.range, new: nil)
    }
    guard constant.value != other.value else { return }
    func shown(_ value: ConstantDefinition.Value) -> String {
      switch value {
      case .integer(let number): String(number)
      case .string(let text): "\"\(text)\""
      }
    }
    report(
      .source, .constantChanged,
      "constant '\(constant.name)' was \(shown(constant.value)) and is \(shown(other.value))", old: constant.range,
      new: other.range, hint: "where it is a bound, that is reported at each use")
  }
}
