// Types of every kind, and what they are made of.

extension Comparison {
  /// Where a type is used, for messages.
  struct Place {
    var what: String
    var old: SourceRange
    var new: SourceRange
  }

  func compare(_ one: TypeDefinition, _ other: TypeDefinition) {
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
        report(.source, .typeKindChanged, "\(place.what) is another kind of type", old: one.range, new: other.range)
      } else {
        report(.wire, .typeChanged, "\(place.what) is another kind of type", old: one.range, new: other.range)
      }
    }
  }

  func compare(_ one: WireType, _ other: WireType, _ place: Place) {
    switch (one.resolved, other.resolved) {
    case (.void, .void): return
    case (.scalar(let a), .scalar(let b)) where a == b: return
    case (.string(let a), .string(let b)), (.opaque(let a), .opaque(let b)): bound(a, b, place)
    case (.string(let a), .opaque(let b)), (.opaque(let a), .string(let b)):
      report(
        .warning, .textToBytes, "\(place.what) changed between string and opaque: the bytes are the same",
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
        .source, .typeKindChanged, "\(place.what) changed between an optional and an array of one", old: place.old,
        new: place.new)
      compare(x, y, place)
    case (.named(let a), .named(let b)):
      guard a.name != b.name else { return }
      // A new name for the same bytes, or other bytes: compare what is inside, once.
      report(
        .source, .typeRenamed, "\(place.what) was a \(a.name) and is a \(b.name)", old: place.old, new: place.new)
      guard compared.insert("\(a.name)\u{0}\(b.name)").inserted else { return }
      compare(a, b)
    case (let a, let b):
      if sameWord(a, b) {
        report(
          .source, .typeKindChanged,
          "\(place.what) was \(a.declaration("").trimmingBlanks()) and is \(b.declaration("").trimmingBlanks()): the same width",
          old: place.old, new: place.new)
      } else {
        report(
          .wire, .typeChanged,
          "\(place.what) was \(one.declaration("").trimmingBlanks()) and is \(other.declaration("").trimmingBlanks())",
          old: place.old, new: place.new)
      }
    }
  }

  /// int, unsigned int, enum, bool and the narrow ones are a word each.
  func sameWord(_ one: WireType, _ other: WireType) -> Bool {
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

  func bound(_ one: Bound, _ other: Bound, _ place: Place) {
    func shown(_ bound: Bound) -> String { bound.isUnbounded ? "none" : String(bound.value) }
    if other.value > one.value {
      report(
        .warning, .boundWidened, "the bound of \(place.what) went from \(shown(one)) to \(shown(other))",
        old: place.old, new: place.new, hint: "old receivers refuse what is longer than the old bound")
    } else if other.value < one.value {
      report(
        .wire, .boundNarrowed, "the bound of \(place.what) went from \(shown(one)) to \(shown(other))",
        old: place.old, new: place.new, hint: "old senders may send what is refused now")
    }
  }

  func sizeChanged(_ one: Bound, _ other: Bound, _ place: Place) {
    report(
      .wire, .sizeChanged, "the size of \(place.what) went from \(one.value) to \(other.value)", old: place.old,
      new: place.new)
  }
}
