// Values of enums, fields of structs (and arguments of procedures), arms of unions.

extension Comparison {
  func compare(_ one: EnumerationBody, _ other: EnumerationBody, _ old: TypeDefinition, _ new: TypeDefinition) {
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
            .wire, .enumValueChanged, "'\(value.name)' was \(value.value) and is \(now.value)", old: value.range,
            new: now.range)
        }
      } else if let now = renamable[value.value] {
        renamed.insert(now.name)
        report(
          .source, .enumValueRenamed, "'\(value.name)' is called '\(now.name)' now", old: value.range, new: now.range
        )
      } else {
        report(
          .wire, .enumValueRemoved, "'\(value.name)' was removed from '\(old.name)'", old: value.range,
          new: new.range)
      }
    }
    for value in other.values
    where !renamed.contains(value.name) && !oldNames.contains(value.name) {
      if oldNumbers.contains(value.value) {
        report(
          .source, .enumValueRenamed, "'\(value.name)' is another name for \(value.value)", old: old.range,
          new: value.range)
        continue
      }
      guard !old.annotations.isOpen else { continue }
      added(
        .enumValueAdded, "'\(value.name)' was added to '\(old.name)', which old peers know as closed", old,
        value.range)
    }
    if old.annotations.isOpen, !new.annotations.isOpen {
      report(
        .wire, .enumClosed, "'\(old.name)' was open and is closed: values of newer peers are refused", old: old.range,
        new: new.range)
    }
  }

  /// Something that old peers refuse: an error where a server sends it to old clients, else worth a look.
  func added(_ code: Change.Code, _ message: String, _ old: TypeDefinition, _ range: SourceRange) {
    let isSent = resultTypes.contains(old.name)
    report(
      isSent ? .wire : .warning, code, message, old: old.range, new: range,
      hint: isSent
        ? "results and events of old procedures carry it: send it only to callers that know it, or mark the enum @open early"
        : "old servers refuse it as an argument")
  }

  func compare(_ one: [Field], _ other: [Field], _ old: TypeDefinition, _ new: TypeDefinition) {
    fields(
      one, other, what: "'\(old.name)'", old: old.range, new: new.range,
      canGrow: old.growable != nil && new.growable != nil)
    switch (old.growable, new.growable) {
    case (nil, nil): break
    case (let before?, let now?):
      bound(before.bound, now.bound, Place(what: "'\(old.name)'", old: old.range, new: new.range))
    case (nil, _?), (_?, nil):
      report(
        .wire, .growableChanged, "'\(old.name)' is \(new.growable == nil ? "no longer" : "now") @growable",
        old: old.range, new: new.range, hint: "its length stands in front of it on the wire")
    }
  }

  func fields(
    _ one: [Field], _ other: [Field], what: String, old: SourceRange, new: SourceRange, canGrow: Bool = false
  ) {
    let oldNames = one.map(\.name)
    let newNames = other.map(\.name)
    let before = firsts(one, by: \.name)
    let now = firsts(other, by: \.name)
    if oldNames.count == newNames.count, oldNames != newNames, Set(oldNames) != Set(newNames) {
      // Same number, other names: a rename where the types stand as they stood.
      for (a, b) in zip(one, other) {
        if a.name != b.name {
          let isMoved = now[a.name] != nil || before[b.name] != nil
          report(
            isMoved ? .wire : .source, isMoved ? .fieldMoved : .fieldRenamed,
            "field '\(a.name)' of \(what) is '\(b.name)' now", old: a.range, new: b.range)
        }
        compare(a.type, b.type, Place(what: "'\(b.name)'", old: a.range, new: b.range))
        compareDefaults(a, b)
      }
      return
    }
    for field in one where now[field.name] == nil {
      report(.wire, .fieldRemoved, "field '\(field.name)' of \(what) was removed", old: field.range, new: new)
    }
    for (index, field) in other.enumerated() where before[field.name] == nil {
      // Behind every field that old peers know, and with a default: they skip it, and do without it.
      if canGrow, index >= one.count, field.defaultValue != nil { continue }
      let isLast = index == other.count - 1
      report(
        .wire, .fieldAdded, "field '\(field.name)' of \(what) was added", old: old, new: field.range,
        hint: canGrow
          ? "a growable struct gets new fields behind all others, with a @default"
          : isLast
            ? "XDR has no fields to skip, not even at the end: make a new procedure, or keep a union for extensions"
            : nil)
    }
    let common = oldNames.filter { now[$0] != nil }
    let commonNow = newNames.filter { before[$0] != nil }
    for (a, b) in zip(common, commonNow) where a != b {
      guard let field = before[a], let now = now[a] else { continue }
      report(.wire, .fieldMoved, "field '\(a)' of \(what) stands at another place", old: field.range, new: now.range)
      break
    }
    for name in common {
      guard let a = before[name], let b = now[name] else { continue }
      compare(a.type, b.type, Place(what: "'\(name)'", old: a.range, new: b.range))
      compareDefaults(a, b)
      if a.annotations.isSecret, !b.annotations.isSecret {
        report(.policy, .secretDropped, "'\(name)' is no longer @secret", old: a.range, new: b.range)
      }
    }
  }

  private func compareDefaults(_ one: Field, _ other: Field) {
    guard one.defaultValue != other.defaultValue else { return }
    report(
      .wire, .fieldDefaultChanged, "the default of '\(one.name)' was changed", old: one.range, new: other.range,
      hint: "peers would take what is left out for different values")
  }

  func compare(_ one: UnionBody, _ other: UnionBody, _ old: TypeDefinition, _ new: TypeDefinition) {
    compare(
      one.discriminant, other.discriminant,
      Place(what: "the discriminant of '\(old.name)'", old: old.range, new: new.range))
    func arms(_ union: UnionBody) -> [Int128: Arm] {
      Dictionary(
        union.arms.flatMap { arm in arm.labels.map { ($0.value, arm) } }, uniquingKeysWith: { first, _ in first })
    }
    let (armsBefore, armsNow) = (arms(one), arms(other))
    for before in one.arms {
      for label in before.labels {
        let shown = label.name ?? String(label.value)
        guard let now = armsNow[label.value] ?? other.defaultArm else {
          report(
            .wire, .armRemoved, "'\(old.name)' has no arm for \(shown) any more", old: before.range, new: new.range)
          continue
        }
        armChange(before, now, shown)
      }
    }
    for now in other.arms {
      for label in now.labels where armsBefore[label.value] == nil {
        let shown = label.name ?? String(label.value)
        if let before = one.defaultArm {
          armChange(before, now, shown)
        } else {
          added(.armAdded, "'\(old.name)' has a new arm for \(shown)", old, now.range)
        }
      }
    }
    switch (one.defaultArm, other.defaultArm) {
    case (nil, let now?):
      report(.warning, .defaultAdded, "'\(old.name)' has a default arm now", old: old.range, new: now.range)
    case (let before?, nil):
      report(.wire, .defaultRemoved, "'\(old.name)' has no default arm any more", old: before.range, new: new.range)
    case (let before?, let now?): armChange(before, now, "default")
    case (nil, nil): break
    }
  }

  func armChange(_ before: Arm, _ now: Arm, _ label: String) {
    if before.isVoid != now.isVoid {
      report(
        .wire, .armChanged, "the arm for \(label) \(now.isVoid ? "lost its value" : "has a value now")",
        old: before.range, new: now.range)
      return
    }
    if before.name != now.name {
      report(
        .source, .armRenamed, "the arm for \(label) was '\(before.name)' and is '\(now.name)'", old: before.range,
        new: now.range)
    }
    compare(before.type, now.type, Place(what: "the arm for \(label)", old: before.range, new: now.range))
  }

  /// The first element for each key: looking through all of them for each would take the square of their number.
  func firsts<Element, Key: Hashable>(_ elements: [Element], by key: (Element) -> Key) -> [Key: Element] {
    Dictionary(elements.map { (key($0), $0) }, uniquingKeysWith: { first, _ in first })
  }
}
