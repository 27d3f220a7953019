/// A difference between two revisions of a protocol that somebody may notice.
public struct Change: Sendable {
  /// Who notices.
  public enum Level: String, Sendable, CaseIterable, Comparable {
    /// Old and new peers misread each other's bytes, or one refuses what the other may send.
    case wire
    /// Bytes are the same, and programs must be changed to compile.
    case source
    /// Rights, promises and number space.
    case policy
    /// Works between most peers; somebody should look.
    case warning

    public static func < (one: Level, other: Level) -> Bool { one.rank < other.rank }
    private var rank: Int { Level.allCases.firstIndex(of: self) ?? 0 }
  }

  public var level: Level
  /// A stable name of the kind of change.
  public var code: String
  public var message: String
  public var hint: String?
  /// `file:line:column` in the old and in the new revision.
  public var old: SourcePosition?
  public var new: SourcePosition?

  /// One finding in text.
  public var text: String {
    func place(_ position: SourcePosition) -> String {
      "\(printable(position.path)):\(position.line):\(position.column)"
    }
    var out = "\((new ?? old).map { place($0) + ": " } ?? "")\(level.rawValue): \(printable(message)) [\(code)]\n"
    if let old, new != nil { out += "  was: \(place(old))\n" }
    if let hint { out += "  hint: \(hint)\n" }
    return out
  }

  public var json: JSONValue {
    func place(_ position: SourcePosition) -> JSONValue {
      .object([
        ("file", .string(position.path)), ("line", .integer(Int128(position.line))),
        ("column", .integer(Int128(position.column))),
      ])
    }
    var fields: [(String, JSONValue)] = [
      ("level", .string(level.rawValue)), ("code", .string(code)), ("message", .string(message)),
    ]
    if let hint { fields.append(("hint", .string(hint))) }
    if let old { fields.append(("old", place(old))) }
    if let new { fields.append(("new", place(new))) }
    return .object(fields)
  }
}

/// Compares two revisions. XDR is positional and has no tags to skip by: nearly every change of a type is a break.
public final class Comparison {
  let old: Model
  let new: Model
  private(set) var changes: [Change] = []
  /// Pairs of types with different names that were compared in place.
  private var compared: Set<String> = []
  private var resultTypes: Set<String> = []
  private var newTypes: [String: TypeDefinition] = [:]
  private var newConstants: [String: ConstantDefinition] = [:]

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
      // What the server sends: results, and both forms of events.
      let sent = [procedure.result] + (procedure.isEvent ? procedure.arguments.map(\.type) : [])
      for definition in sent.flatMap(\.reachable) { resultTypes.insert(definition.name) }
    }
  }

  private func report(
    _ level: Change.Level, _ code: String, _ message: String, old: SourceRange?, new: SourceRange?, hint: String? = nil
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
          report(.source, "type-removed", "type '\(type.name)' was removed", old: type.range, new: nil)
        }
        continue
      }
      compare(type, other)
    }
    for program in old.programs { compare(program) }
  }

  // MARK: Constants

  private func compare(_ constant: ConstantDefinition) {
    guard let other = newConstants[constant.name] else {
      return report(
        .source, "constant-removed", "constant '\(constant.name)' was removed", old: constant.range, new: nil)
    }
    guard constant.value != other.value else { return }
    func shown(_ value: ConstantDefinition.Value) -> String {
      switch value {
      case .integer(let number): String(number)
      case .string(let text): "\"\(text)\""
      }
    }
    report(
      .source, "constant-changed",
      "constant '\(constant.name)' was \(shown(constant.value)) and is \(shown(other.value))", old: constant.range,
      new: other.range, hint: "where it is a bound, that is reported at each use")
  }

  // MARK: Types

  /// Where a type is used, for messages.
  struct Place {
    var what: String
    var old: SourceRange
    var new: SourceRange
  }

  private func compare(_ one: TypeDefinition, _ other: TypeDefinition) {
    let place = Place(what: "'\(one.name)'", old: one.range, new: other.range)
    switch (one.body, other.body) {
    case (.alias(let a), .alias(let b)): compare(a, b, place)
    case (.enumeration(let a), .enumeration(let b)): compare(a, b, one, other)
    case (.structure(let a), .structure(let b)): compare(a, b, one, other)
    case (.union(let a), .union(let b)): compare(a, b, one, other)
    case (.alias(let a), _): compare(a, .named(other), place)
    case (_, .alias(let b)): compare(.named(one), b, place)
    default:
      if sameWord(.named(one), .named(other)) {
        report(.source, "type-kind-changed", "\(place.what) is another kind of type", old: one.range, new: other.range)
      } else {
        report(.wire, "type-changed", "\(place.what) is another kind of type", old: one.range, new: other.range)
      }
    }
  }

  private func compare(_ one: WireType, _ other: WireType, _ place: Place) {
    switch (one.resolved, other.resolved) {
    case (.void, .void): return
    case (.scalar(let a), .scalar(let b)) where a == b: return
    case (.string(let a), .string(let b)), (.opaque(let a), .opaque(let b)): bound(a, b, place)
    case (.string(let a), .opaque(let b)), (.opaque(let a), .string(let b)):
      report(
        .warning, "text-to-bytes", "\(place.what) changed between string and opaque: the bytes are the same",
        old: place.old, new: place.new)
      bound(a, b, place)
    case (.fixedOpaque(let a), .fixedOpaque(let b)):
      if a.value != b.value { sizeChanged(a, b, place) }
    case (.fixedArray(let x, let a), .fixedArray(let y, let b)):
      if a.value != b.value { sizeChanged(a, b, place) }
      compare(x, y, place)
    case (.array(let x, let a), .array(let y, let b)):
      bound(a, b, place)
      compare(x, y, place)
    case (.optional(let x), .optional(let y)): compare(x, y, place)
    case (.optional(let x), .array(let y, let bound)) where bound.value == 1,
      (.array(let x, let bound), .optional(let y)) where bound.value == 1:
      report(
        .source, "type-kind-changed", "\(place.what) changed between an optional and an array of one", old: place.old,
        new: place.new)
      compare(x, y, place)
    case (.named(let a), .named(let b)):
      guard a.name != b.name else { return }
      // A new name for the same bytes, or other bytes: compare what is inside, once.
      report(
        .source, "type-renamed", "\(place.what) was a \(a.name) and is a \(b.name)", old: place.old, new: place.new)
      guard compared.insert("\(a.name)\u{0}\(b.name)").inserted else { return }
      compare(a, b)
    case (let a, let b):
      if sameWord(a, b) {
        report(
          .source, "type-kind-changed",
          "\(place.what) was \(a.declaration("").trimmingBlanks()) and is \(b.declaration("").trimmingBlanks()): the same width",
          old: place.old, new: place.new)
      } else {
        report(
          .wire, "type-changed",
          "\(place.what) was \(one.declaration("").trimmingBlanks()) and is \(other.declaration("").trimmingBlanks())",
          old: place.old, new: place.new)
      }
    }
  }

  /// int, unsigned int, enum, bool and the narrow ones are a word each.
  private func sameWord(_ one: WireType, _ other: WireType) -> Bool {
    func isWord(_ type: WireType) -> Bool {
      switch type.resolved {
      case .scalar(let scalar):
        return [.int, .unsignedInt, .bool, .char, .unsignedChar, .short, .unsignedShort].contains(scalar)
      case .named(let definition):
        if case .enumeration = definition.body { return true }
        return false
      default: return false
      }
    }
    func isDoubleWord(_ type: WireType) -> Bool {
      if case .scalar(let scalar) = type.resolved { [.hyper, .unsignedHyper].contains(scalar) } else { false }
    }
    return (isWord(one) && isWord(other)) || (isDoubleWord(one) && isDoubleWord(other))
  }

  private func bound(_ one: Bound, _ other: Bound, _ place: Place) {
    func shown(_ bound: Bound) -> String { bound.isUnbounded ? "none" : String(bound.value) }
    if other.value > one.value {
      report(
        .warning, "bound-widened", "the bound of \(place.what) went from \(shown(one)) to \(shown(other))",
        old: place.old, new: place.new, hint: "old receivers refuse what is longer than the old bound")
    } else if other.value < one.value {
      report(
        .wire, "bound-narrowed", "the bound of \(place.what) went from \(shown(one)) to \(shown(other))",
        old: place.old, new: place.new, hint: "old senders may send what is refused now")
    }
  }

  private func sizeChanged(_ one: Bound, _ other: Bound, _ place: Place) {
    report(
      .wire, "size-changed", "the size of \(place.what) went from \(one.value) to \(other.value)", old: place.old,
      new: place.new)
  }

  // MARK: Enums

  private func compare(_ one: EnumerationBody, _ other: EnumerationBody, _ old: TypeDefinition, _ new: TypeDefinition) {
    var renamed: Set<String> = []
    let oldNames = Set(one.values.map(\.name))
    let oldNumbers = Set(one.values.map(\.value))
    let byName = Dictionary(other.values.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let renamable = Dictionary(
      other.values.filter { !oldNames.contains($0.name) }.map { ($0.value, $0) },
      uniquingKeysWith: { first, _ in first })
    for value in one.values {
      if let now = byName[value.name] {
        if now.value != value.value {
          report(
            .wire, "enum-value-changed", "'\(value.name)' was \(value.value) and is \(now.value)", old: value.range,
            new: now.range)
        }
      } else if let now = renamable[value.value] {
        renamed.insert(now.name)
        report(
          .source, "enum-value-renamed", "'\(value.name)' is called '\(now.name)' now", old: value.range, new: now.range
        )
      } else {
        report(
          .wire, "enum-value-removed", "'\(value.name)' was removed from '\(old.name)'", old: value.range,
          new: new.range)
      }
    }
    for value in other.values
    where !renamed.contains(value.name) && !oldNames.contains(value.name) {
      if oldNumbers.contains(value.value) {
        report(
          .source, "enum-value-renamed", "'\(value.name)' is another name for \(value.value)", old: old.range,
          new: value.range)
        continue
      }
      guard !old.annotations.isOpen else { continue }
      added(
        "enum-value-added", "'\(value.name)' was added to '\(old.name)', which old peers know as closed", old,
        value.range)
    }
    if old.annotations.isOpen, !new.annotations.isOpen {
      report(
        .wire, "enum-closed", "'\(old.name)' was open and is closed: values of newer peers are refused", old: old.range,
        new: new.range)
    }
  }

  /// Something that old peers refuse: an error where a server sends it to old clients, else worth a look.
  private func added(_ code: String, _ message: String, _ old: TypeDefinition, _ range: SourceRange) {
    let isSent = resultTypes.contains(old.name)
    report(
      isSent ? .wire : .warning, code, message, old: old.range, new: range,
      hint: isSent
        ? "results and events of old procedures carry it: send it only to callers that know it, or mark the enum @open early"
        : "old servers refuse it as an argument")
  }

  // MARK: Structs

  private func compare(_ one: [Field], _ other: [Field], _ old: TypeDefinition, _ new: TypeDefinition) {
    fields(one, other, what: "'\(old.name)'", old: old.range, new: new.range)
  }

  private func fields(_ one: [Field], _ other: [Field], what: String, old: SourceRange, new: SourceRange) {
    let oldNames = one.map(\.name)
    let newNames = other.map(\.name)
    if oldNames.count == newNames.count, oldNames != newNames, Set(oldNames) != Set(newNames) {
      // Same number, other names: a rename where the types stand as they stood.
      for (a, b) in zip(one, other) {
        if a.name != b.name {
          let isMoved = newNames.contains(a.name) || oldNames.contains(b.name)
          report(
            isMoved ? .wire : .source, isMoved ? "field-moved" : "field-renamed",
            "field '\(a.name)' of \(what) is '\(b.name)' now", old: a.range, new: b.range)
        }
        compare(a.type, b.type, Place(what: "'\(b.name)'", old: a.range, new: b.range))
      }
      return
    }
    for field in one where !newNames.contains(field.name) {
      report(.wire, "field-removed", "field '\(field.name)' of \(what) was removed", old: field.range, new: new)
    }
    for (index, field) in other.enumerated() where !oldNames.contains(field.name) {
      let isLast = index == other.count - 1
      report(
        .wire, "field-added", "field '\(field.name)' of \(what) was added", old: old, new: field.range,
        hint: isLast
          ? "XDR has no fields to skip, not even at the end: make a new procedure, or keep a union for extensions"
          : nil)
    }
    let common = oldNames.filter { newNames.contains($0) }
    let commonNow = newNames.filter { oldNames.contains($0) }
    for (a, b) in zip(common, commonNow) where a != b {
      guard let field = one.first(where: { $0.name == a }), let now = other.first(where: { $0.name == a }) else {
        continue
      }
      report(.wire, "field-moved", "field '\(a)' of \(what) stands at another place", old: field.range, new: now.range)
      break
    }
    for name in common {
      guard let a = one.first(where: { $0.name == name }), let b = other.first(where: { $0.name == name }) else {
        continue
      }
      compare(a.type, b.type, Place(what: "'\(name)'", old: a.range, new: b.range))
      if a.annotations.isSecret, !b.annotations.isSecret {
        report(.policy, "secret-dropped", "'\(name)' is no longer @secret", old: a.range, new: b.range)
      }
    }
  }

  // MARK: Unions

  private func compare(_ one: UnionBody, _ other: UnionBody, _ old: TypeDefinition, _ new: TypeDefinition) {
    compare(
      one.discriminant, other.discriminant,
      Place(what: "the discriminant of '\(old.name)'", old: old.range, new: new.range))
    func arm(_ value: Int128, _ union: UnionBody) -> Arm? {
      union.arms.first { $0.labels.contains { $0.value == value } }
    }
    for before in one.arms {
      for label in before.labels {
        let shown = label.name ?? String(label.value)
        guard let now = arm(label.value, other) ?? other.defaultArm else {
          report(
            .wire, "arm-removed", "'\(old.name)' has no arm for \(shown) any more", old: before.range, new: new.range)
          continue
        }
        armChange(before, now, shown)
      }
    }
    for now in other.arms {
      for label in now.labels where arm(label.value, one) == nil {
        let shown = label.name ?? String(label.value)
        if let before = one.defaultArm {
          armChange(before, now, shown)
        } else {
          added("arm-added", "'\(old.name)' has a new arm for \(shown)", old, now.range)
        }
      }
    }
    switch (one.defaultArm, other.defaultArm) {
    case (nil, let now?):
      report(.warning, "default-added", "'\(old.name)' has a default arm now", old: old.range, new: now.range)
    case (let before?, nil):
      report(.wire, "default-removed", "'\(old.name)' has no default arm any more", old: before.range, new: new.range)
    case (let before?, let now?): armChange(before, now, "default")
    case (nil, nil): break
    }
  }

  private func armChange(_ before: Arm, _ now: Arm, _ label: String) {
    if before.isVoid != now.isVoid {
      report(
        .wire, "arm-changed", "the arm for \(label) \(now.isVoid ? "lost its value" : "has a value now")",
        old: before.range, new: now.range)
      return
    }
    if before.name != now.name {
      report(
        .source, "arm-renamed", "the arm for \(label) was '\(before.name)' and is '\(now.name)'", old: before.range,
        new: now.range)
    }
    compare(before.type, now.type, Place(what: "the arm for \(label)", old: before.range, new: now.range))
  }

  // MARK: Programs

  private func compare(_ program: ProgramDefinition) {
    guard let now = new.programs.first(where: { $0.number == program.number }) else {
      if let renumbered = new.programs.first(where: { $0.name == program.name }) {
        report(
          .wire, "program-renumbered",
          "program '\(program.name)' was \(hex(program.number)) and is \(hex(renumbered.number))", old: program.range,
          new: renumbered.range)
      } else {
        report(.wire, "program-removed", "program '\(program.name)' was removed", old: program.range, new: nil)
      }
      return
    }
    if now.name != program.name {
      report(
        .source, "program-renamed", "program '\(program.name)' is called '\(now.name)' now", old: program.range,
        new: now.range)
    }
    for version in program.versions {
      guard let other = now.versions.first(where: { $0.number == version.number }) else {
        report(
          .wire, "version-removed", "version \(version.number) of '\(program.name)' was removed", old: version.range,
          new: now.range)
        continue
      }
      compare(version, other)
    }
  }

  private func compare(_ one: VersionDefinition, _ other: VersionDefinition) {
    let highest = one.procedures.map(\.number).max() ?? 0
    for procedure in one.procedures {
      guard let now = other.procedures.first(where: { $0.number == procedure.number }) else {
        if let renumbered = other.procedures.first(where: { $0.name == procedure.name }) {
          report(
            .wire, "procedure-renumbered",
            "'\(procedure.name)' was number \(procedure.number) and is \(renumbered.number)", old: procedure.range,
            new: renumbered.range)
        } else {
          report(
            .wire, "procedure-removed", "'\(procedure.name)' (number \(procedure.number)) was removed",
            old: procedure.range, new: other.range, hint: "keep it and answer with an error")
        }
        continue
      }
      if now.name != procedure.name {
        if other.procedures.contains(where: { $0.name == procedure.name }) || procedure.fingerprint != now.fingerprint {
          report(
            .wire, "number-reused", "number \(procedure.number) was '\(procedure.name)' and is '\(now.name)'",
            old: procedure.range, new: now.range, hint: "numbers are never used again")
          continue
        }
        report(
          .source, "procedure-renamed", "'\(procedure.name)' is called '\(now.name)' now", old: procedure.range,
          new: now.range)
      }
      compare(procedure, now)
    }
    for procedure in other.procedures where !one.procedures.contains(where: { $0.number == procedure.number }) {
      guard procedure.number < highest, !one.procedures.contains(where: { $0.name == procedure.name }) else { continue }
      report(
        .policy, "number-gap-used", "'\(procedure.name)' takes number \(procedure.number), a gap below \(highest)",
        old: nil, new: procedure.range, hint: "a number that was left out may have been in use once")
    }
  }

  private func compare(_ one: ProcedureDefinition, _ other: ProcedureDefinition) {
    if one.isEvent != other.isEvent {
      report(
        .wire, "event-changed", "'\(one.name)' \(other.isEvent ? "is an event now" : "was an event")", old: one.range,
        new: other.range)
    }
    switch (one.arguments.isEmpty, other.arguments.isEmpty) {
    case (true, false), (false, true):
      report(
        .wire, "arguments-changed",
        "'\(one.name)' \(other.arguments.isEmpty ? "lost its arguments" : "has arguments now")",
        old: one.range, new: other.range)
    default:
      fields(
        one.arguments, other.arguments, what: "the arguments of '\(one.name)'", old: one.range, new: other.range)
    }
    var isVoid = (false, false)
    if case .void = one.result { isVoid.0 = true }
    if case .void = other.result { isVoid.1 = true }
    if isVoid.0 != isVoid.1 {
      report(
        .wire, "result-changed", "'\(one.name)' \(isVoid.1 ? "lost its result" : "has a result now")", old: one.range,
        new: other.range)
    } else {
      compare(
        one.result, other.result, Place(what: "the result of '\(one.name)'", old: one.range, new: other.range))
    }
    policy(one, other)
  }

  private func policy(_ one: ProcedureDefinition, _ other: ProcedureDefinition) {
    let order = ["none", "view", "operate", "admin"]
    let before = order.firstIndex(of: one.annotations.right ?? "none") ?? 0
    let after = order.firstIndex(of: other.annotations.right ?? "none") ?? 0
    if before != after {
      report(
        .policy, after < before ? "right-weakened" : "right-strengthened",
        "'\(one.name)' needed the right '\(order[before])' and needs '\(order[after])'", old: one.range,
        new: other.range)
    }
    func flag(_ was: Bool, _ isNow: Bool, _ name: String, _ code: String) {
      guard was != isNow else { return }
      report(
        .policy, code, "'\(one.name)' \(isNow ? "is" : "is no longer") \(name)", old: one.range, new: other.range)
    }
    flag(one.annotations.isReadOnly, other.annotations.isReadOnly, "@readonly", "readonly-changed")
    flag(one.annotations.isIdempotent, other.annotations.isIdempotent, "@idempotent", "idempotent-changed")
    if one.annotations.since != nil, other.annotations.since != one.annotations.since {
      report(
        .policy, "since-changed", "@since of '\(one.name)' was changed or removed", old: one.range, new: other.range)
    }
    if one.annotations.foreign != other.annotations.foreign {
      report(
        .policy, "annotation-changed", "annotations of '\(one.name)' were changed", old: one.range, new: other.range)
    }
  }
}
