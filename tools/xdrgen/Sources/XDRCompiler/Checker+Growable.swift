// Structs that can grow: bounds, defaults, and the order of their fields.

extension Checker {
  /// Gives `@growable` structs their bounds and `@default` fields their values.
  func checkGrowables() {
    for type in model.types {
      guard case .structure(var fields) = type.body else { continue }
      if type.annotations.isGrowable {
        type.growable = Growable(bound: growableBound(type))
        if type.annotations.isList {
          diagnostics.error(
            .invalidAnnotation, "'\(type.name)' cannot be both @list and @growable", at: type.range,
            hint: "a link is the last field of its node, and a growable struct may get more fields")
        }
      }
      var firstDefault: Field?
      for index in fields.indices {
        let field = fields[index]
        guard field.annotations.hasDefault else {
          if let firstDefault, type.growable != nil {
            diagnostics.error(
              .invalidAnnotation, "'\(field.name)' needs a @default: it follows a field that has one", at: field.range,
              notes: [.init(message: "older writers end before this field", range: firstDefault.range)])
          }
          continue
        }
        guard type.growable != nil else {
          diagnostics.error(
            .invalidAnnotation, "'@default' belongs at a field of a @growable struct", at: field.range,
            hint: "only what has a length in front can end before this field")
          continue
        }
        firstDefault = firstDefault ?? field
        fields[index].defaultValue = defaultValue(field)
      }
      type.body = .structure(fields)
    }
  }

  /// The declared bound must hold what this revision always writes.
  func checkGrowableBounds() {
    for type in model.types {
      guard let growable = type.growable, let most = growable.maximumBody, case .structure(let fields) = type.body
      else {
        continue
      }
      var least = 0
      for field in fields { least = saturatingAdd(least, field.type.minimumSize) }
      guard least > most else { continue }
      diagnostics.error(
        .valueOutOfRange, "the fields of '\(type.name)' take \(least) bytes at least, more than its max of \(most)",
        at: type.range)
    }
  }

  private func growableBound(_ type: TypeDefinition) -> Bound {
    guard let text = type.annotations.growableMaximum else {
      return Bound(value: .max, isUnbounded: true, spelling: "")
    }
    guard let value = annotationValue(text), let size = UInt32(exactly: value), size < .max else {
      diagnostics.error(
        .invalidAnnotation, "the max of '@growable' must be a number or constant from 0 to 4294967294, not '\(text)'",
        at: type.range)
      return Bound(value: .max - 1, isUnbounded: false, spelling: text)
    }
    return Bound(value: size, isUnbounded: false, spelling: text)
  }

  private func annotationValue(_ text: String) -> Int128? {
    if text.hasPrefix("0x") { return Int128(text.dropFirst(2), radix: 16) }
    return Int128(text) ?? value(of: text)
  }

  private func defaultValue(_ field: Field) -> FieldDefault? {
    let text = field.annotations.defaultText
    func refuse(_ why: String, _ hint: String? = nil) -> FieldDefault? {
      diagnostics.error(.invalidAnnotation, why, at: field.range, hint: hint)
      return nil
    }
    func number(_ range: ClosedRange<Int128>) -> FieldDefault? {
      guard let text else { return .integer(0) }
      guard let value = annotationValue(text), range.contains(value) else {
        return refuse(
          "the default of '\(field.name)' must be from \(range.lowerBound) to \(range.upperBound), not '\(text)'")
      }
      return .integer(value)
    }
    switch field.type.resolved {
    case .scalar(let scalar):
      switch scalar {
      case .int: return number(Int128(Int32.min)...Int128(Int32.max))
      case .unsignedInt: return number(0...Int128(UInt32.max))
      case .hyper: return number(Int128(Int64.min)...Int128(Int64.max))
      case .unsignedHyper: return number(0...Int128(UInt64.max))
      case .char: return number(-128...127)
      case .unsignedChar: return number(0...255)
      case .short: return number(-32768...32767)
      case .unsignedShort: return number(0...65535)
      case .bool: return number(0...1)
      // Whole numbers that both floats hold exactly.
      case .float, .double: return number(-16_777_216...16_777_216)
      case .quadruple: break
      }
    case .string, .opaque, .array, .optional:
      guard text == nil else { return refuse("the default of '\(field.name)' is empty, and can be no other") }
      return .empty
    case .named(let definition):
      guard case .enumeration(let body) = definition.body else { break }
      guard let text else { return body.values.first.map { .integer(Int128($0.value)) } }
      guard let value = body.values.first(where: { $0.name == text }) else {
        return refuse("the default of '\(field.name)' must be a value of '\(definition.name)', not '\(text)'")
      }
      return .integer(Int128(value.value))
    case .void, .fixedOpaque, .fixedArray: break
    }
    return refuse(
      "a \(describe(field.type)) has no default", "make the field optional (*): absent is not the same as zero")
  }

  private func describe(_ type: WireType) -> String {
    switch type.resolved {
    case .fixedOpaque, .fixedArray: return "value of fixed size"
    case .named(let definition):
      switch definition.body {
      case .union: return "union"
      case .structure: return "struct"
      case .enumeration, .alias: return "type like this"
      }
    case .void, .scalar, .string, .opaque, .array, .optional: return "type like this"
    }
  }
}
