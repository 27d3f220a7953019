// JSON to bytes, in the form that `json` writes.

extension Interpreter {
  public mutating func encode(_ type: WireType, _ value: JSONValue) throws(Failure) -> [UInt8] {
    var encoder = JSONEncoding()
    try encoder.write(type, value)
    return encoder.out
  }
}

private struct JSONEncoding {
  typealias Failure = Interpreter.Failure

  var out: [UInt8] = []
  private var path: [String] = []
  private var depth = 0
  private var recursion = 0

  private func failure(_ message: String) -> Failure {
    Failure(message: message, path: path.joined(), offset: nil)
  }

  private mutating func inside(
    _ piece: String, _ body: (inout JSONEncoding) throws(Failure) -> Void
  ) throws(Failure) {
    path.append(path.isEmpty || piece.hasPrefix("[") ? piece : "." + piece)
    try body(&self)
    path.removeLast()
  }

  private mutating func word(_ value: UInt32) {
    out += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
  }

  private mutating func doubleWord(_ value: UInt64) {
    word(UInt32(truncatingIfNeeded: value >> 32))
    word(UInt32(truncatingIfNeeded: value))
  }

  private mutating func padded(_ bytes: [UInt8]) {
    out += bytes
    out += [UInt8](repeating: 0, count: -bytes.count & 3)
  }

  private mutating func length(_ count: Int, _ bound: Bound) throws(Failure) {
    guard count <= Int(bound.value) else { throw failure("length \(count) is above the limit of \(bound.value)") }
    word(UInt32(count))
  }

  mutating func write(_ type: WireType, _ value: JSONValue) throws(Failure) {
    guard depth < Interpreter.depthLimit else {
      throw failure("nested deeper than \(Interpreter.depthLimit) levels")
    }
    depth += 1
    defer { depth -= 1 }
    switch type {
    case .void: return
    case .scalar(let scalar): try write(scalar, value)
    case .string(let bound):
      guard case .string(let text) = value else { throw failure("a string expected") }
      guard !text.utf8.contains(0) else { throw failure("string has a NUL byte inside") }
      try length(text.utf8.count, bound)
      padded(Array(text.utf8))
    case .opaque(let bound):
      let bytes = try hexBytes(value)
      try length(bytes.count, bound)
      padded(bytes)
    case .fixedOpaque(let count):
      let bytes = try hexBytes(value)
      guard bytes.count == Int(count.value) else { throw failure("exactly \(count.value) bytes expected") }
      padded(bytes)
    case .fixedArray(let element, let count):
      let items = try array(value)
      guard items.count == Int(count.value) else { throw failure("exactly \(count.value) elements expected") }
      try elements(element, items)
    case .array(let element, let bound):
      let items = try array(value)
      try length(items.count, bound)
      try elements(element, items)
    case .optional(let inner): try optional(inner, value)
    case .named(let definition):
      if definition.list != nil {
        let items = try array(value)
        guard !items.isEmpty else { throw failure("at least one element expected") }
        try list(definition, items, startsWithFlag: false)
      } else {
        try write(definition, value)
      }
    }
  }

  private mutating func optional(_ inner: WireType, _ value: JSONValue) throws(Failure) {
    if let node = inner.definition, node.list != nil {
      return try list(node, try array(value), startsWithFlag: true)
    }
    if case .optional(let deeper) = inner.resolved, deeper.definition?.list == nil {
      let items = try array(value)
      guard items.count < 2 else { throw failure("an optional is an array of none or one here") }
      word(items.isEmpty ? 0 : 1)
      if let item = items.first { try write(inner, item) }
      return
    }
    if case .null = value { return word(0) }
    word(1)
    try write(inner, value)
  }

  /// For values that no parser made, which refuses them earlier.
  private func refuseDuplicates(_ members: [(String, JSONValue)]) throws(Failure) {
    var names: Set<String> = []
    for (name, _) in members where !names.insert(name).inserted { throw failure("the member '\(name)' is there twice") }
  }

  private func array(_ value: JSONValue) throws(Failure) -> [JSONValue] {
    guard case .array(let items) = value else { throw failure("an array expected") }
    return items
  }

  private mutating func elements(_ element: WireType, _ items: [JSONValue]) throws(Failure) {
    for (index, item) in items.enumerated() {
      try inside("[\(index)]") { (self) throws(Failure) in try self.write(element, item) }
    }
  }

  private mutating func list(_ node: TypeDefinition, _ items: [JSONValue], startsWithFlag: Bool) throws(Failure) {
    guard case .structure(let fields) = node.body else { return }
    for (index, item) in items.enumerated() {
      if startsWithFlag || index > 0 { word(1) }
      try inside("[\(index)]") { (self) throws(Failure) in try self.structure(fields.dropLast(), item) }
    }
    word(0)
  }

  private mutating func structure(_ fields: ArraySlice<Field>, _ value: JSONValue) throws(Failure) {
    guard case .object(let members) = value else { throw failure("an object expected") }
    try refuseDuplicates(members)
    for (name, _) in members where !fields.contains(where: { $0.name == name }) {
      throw failure("there is no field '\(name)'")
    }
    for field in fields {
      guard let (_, member) = members.first(where: { $0.0 == field.name }) else {
        throw failure("the field '\(field.name)' is missing")
      }
      try inside(field.name) { (self) throws(Failure) in try self.write(field.type, member) }
    }
  }

  /// Fields that are left out have their defaults, and are written; `@rest` is what newer fields would be.
  private mutating func growable(_ growable: Growable, _ fields: [Field], _ value: JSONValue) throws(Failure) {
    guard case .object(var members) = value else { throw failure("an object expected") }
    try refuseDuplicates(members)
    var rest: [UInt8] = []
    if let index = members.firstIndex(where: { $0.0 == Interpreter.restName }) {
      rest = try hexBytes(members.remove(at: index).1)
      guard rest.count % 4 == 0 else { throw failure("a multiple of four bytes expected as '\(Interpreter.restName)'") }
    }
    for field in fields where !members.contains(where: { $0.0 == field.name }) {
      guard let value = field.defaultValue else { continue }
      members.append((field.name, Interpreter.value(value, field.type)))
    }
    let start = out.count
    word(0)
    try structure(fields[...], .object(members))
    out += rest
    let count = out.count - start - 4
    guard count <= Int(growable.bound.value) else {
      throw failure("length \(count) is above the limit of \(growable.bound.value)")
    }
    for (index, shift) in [24, 16, 8, 0].enumerated() {
      out[start + index] = UInt8(truncatingIfNeeded: count >> shift)
    }
  }

  private mutating func write(_ definition: TypeDefinition, _ value: JSONValue) throws(Failure) {
    guard definition.isRecursive else { return try writeBody(definition, value) }
    guard recursion < Interpreter.recursionLimit else {
      throw failure("nested deeper than \(Interpreter.recursionLimit) levels")
    }
    recursion += 1
    defer { recursion -= 1 }
    try writeBody(definition, value)
  }

  private mutating func writeBody(_ definition: TypeDefinition, _ value: JSONValue) throws(Failure) {
    switch definition.body {
    case .alias(let target): try write(target, value)
    case .enumeration: word(UInt32(bitPattern: Int32(truncatingIfNeeded: try enumValue(definition, value))))
    case .structure(let fields):
      guard let growable = definition.growable else { return try structure(fields[...], value) }
      try self.growable(growable, fields, value)
    case .union(let union):
      guard case .object(let members) = value else { throw failure("an object expected") }
      try refuseDuplicates(members)
      guard let (_, discriminant) = members.first(where: { $0.0 == union.discriminantName }) else {
        throw failure("the discriminant '\(union.discriminantName)' is missing")
      }
      let raw = try discriminantValue(union.discriminant, discriminant)
      try inside(union.discriminantName) { (self) throws(Failure) in try self.write(union.discriminant, discriminant) }
      guard let arm = union.arms.first(where: { $0.labels.contains { $0.value == raw } }) ?? union.defaultArm else {
        throw failure("\(definition.name) has no arm for \(raw)")
      }
      for (name, _) in members where name != union.discriminantName && (arm.isVoid || name != arm.name) {
        throw failure("\(definition.name) has no '\(name)' for \(raw)")
      }
      if arm.isVoid { return }
      guard let (_, member) = members.first(where: { $0.0 == arm.name }) else {
        throw failure("the arm '\(arm.name)' is missing")
      }
      try inside(arm.name) { (self) throws(Failure) in try self.write(arm.type, member) }
    }
  }

  private func enumValue(_ definition: TypeDefinition, _ value: JSONValue) throws(Failure) -> Int128 {
    guard case .enumeration(let body) = definition.body else { return 0 }
    switch value {
    case .string(let name):
      guard let known = body.values.first(where: { $0.name == name }) else {
        throw failure("'\(name)' is not a value of \(definition.name)")
      }
      return Int128(known.value)
    case .integer(let number):
      let isKnown = body.values.contains { Int128($0.value) == number }
      guard isKnown || (definition.annotations.isOpen && Int32(exactly: number) != nil) else {
        throw failure("\(number) is not a value of \(definition.name)")
      }
      return number
    default: throw failure("the name of a value of \(definition.name) expected")
    }
  }

  private func discriminantValue(_ type: WireType, _ value: JSONValue) throws(Failure) -> Int128 {
    if let definition = type.definition { return try enumValue(definition, value) }
    if case .bool(let flag) = value { return flag ? 1 : 0 }
    return try integer(value)
  }

  private func integer(_ value: JSONValue) throws(Failure) -> Int128 {
    switch value {
    case .integer(let number): return number
    case .string(let text):
      let digits = Array(text.utf8)
      guard JSONParser.isNumber(digits[...]), let number = Int128(text) else {
        throw failure("'\(text)' is not a number")
      }
      return number
    default: throw failure("a number expected")
    }
  }

  private mutating func write(_ scalar: Scalar, _ value: JSONValue) throws(Failure) {
    func fit<Value: FixedWidthInteger>(_ type: Value.Type) throws(Failure) -> Value {
      let number = try integer(value)
      guard let result = Value(exactly: number) else { throw failure("\(number) does not fit \(scalar.spelling)") }
      return result
    }
    switch scalar {
    case .int: word(UInt32(bitPattern: try fit(Int32.self)))
    case .unsignedInt: word(try fit(UInt32.self))
    case .hyper: doubleWord(UInt64(bitPattern: try fit(Int64.self)))
    case .unsignedHyper: doubleWord(try fit(UInt64.self))
    case .char: word(UInt32(truncatingIfNeeded: try fit(Int8.self)))
    case .unsignedChar: word(UInt32(try fit(UInt8.self)))
    case .short: word(UInt32(truncatingIfNeeded: try fit(Int16.self)))
    case .unsignedShort: word(UInt32(try fit(UInt16.self)))
    case .bool:
      guard case .bool(let flag) = value else { throw failure("true or false expected") }
      word(flag ? 1 : 0)
    case .float:
      switch try decimal(value) {
      case .bits(let bits):
        guard let bits = UInt32(exactly: bits), Float(bitPattern: bits).isNaN else {
          throw failure("these are not the bits of a NaN")
        }
        word(bits)
      case .text(let text):
        guard let number = Float(text) else { throw failure("a number expected") }
        guard number.isFinite else { throw failure("\(text) does not fit float") }
        word(number.bitPattern)
      case .infinity(let isNegative): word((isNegative ? -Float.infinity : .infinity).bitPattern)
      case .nan: word(Float.nan.bitPattern)
      }
    case .double:
      switch try decimal(value) {
      case .bits(let bits):
        guard Double(bitPattern: bits).isNaN else { throw failure("these are not the bits of a NaN") }
        doubleWord(bits)
      case .text(let text):
        guard let number = Double(text) else { throw failure("a number expected") }
        guard number.isFinite else { throw failure("\(text) does not fit double") }
        doubleWord(number.bitPattern)
      case .infinity(let isNegative): doubleWord((isNegative ? -Double.infinity : .infinity).bitPattern)
      case .nan: doubleWord(Double.nan.bitPattern)
      }
    case .quadruple:
      let bytes = try hexBytes(value)
      guard bytes.count == 16 else { throw failure("exactly 16 bytes expected") }
      out += bytes
    }
  }

  private enum Decimal {
    case text(String)
    case infinity(isNegative: Bool)
    case nan
    case bits(UInt64)
  }

  /// A number, or the texts that stand for what JSON has no numbers for.
  private func decimal(_ value: JSONValue) throws(Failure) -> Decimal {
    switch value {
    case .integer(let number): return .text(String(number))
    case .number(let text): return .text(text)
    case .string("inf"): return .infinity(isNegative: false)
    case .string("-inf"): return .infinity(isNegative: true)
    case .string("nan"): return .nan
    case .string(let text):
      guard text.hasPrefix("nan(0x"), text.hasSuffix(")") else { throw failure("a number expected") }
      let digits = text.dropFirst(6).dropLast()
      guard !digits.isEmpty, digits.utf8.allSatisfy(\.isHexDigit), let bits = UInt64(digits, radix: 16) else {
        throw failure("a number expected")
      }
      return .bits(bits)
    default: throw failure("a number expected")
    }
  }

  private func hexBytes(_ value: JSONValue) throws(Failure) -> [UInt8] {
    guard case .string(let text) = value, let bytes = bytes(ofHex: text) else {
      throw failure("bytes as hexadecimal digits expected")
    }
    return bytes
  }
}

/// Pairs of hexadecimal digits, blanks between them allowed.
public func bytes(ofHex text: String) -> [UInt8]? {
  let digits = Array(text.utf8).filter { ![0x20, 0x0a, 0x0d, 0x09].contains($0) }
  guard digits.count % 2 == 0 else { return nil }
  var result: [UInt8] = []
  for index in stride(from: 0, to: digits.count, by: 2) {
    guard digits[index].isHexDigit, digits[index + 1].isHexDigit,
      let byte = UInt8(String(decoding: digits[index..<(index + 2)], as: UTF8.self), radix: 16)
    else { return nil }
    result.append(byte)
  }
  return result
}
