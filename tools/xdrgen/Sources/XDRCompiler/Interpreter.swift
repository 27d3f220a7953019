/// Bytes to JSON and back by a schema, without generated code: for looking at messages.
///
/// Structs are objects, enums the names of their values, 64-bit integers strings, opaque bytes hexadecimal, optionals
/// null or the value, unions objects of the discriminant and the arm. As strict as generated decoders.
public struct Interpreter {
  public struct Failure: Error, CustomStringConvertible {
    public var message: String
    public var path: String
    /// Absent when JSON was read.
    public var offset: Int?

    public var description: String {
      "\(path.isEmpty ? "" : path + ": ")\(message)\(offset.map { " (byte \($0))" } ?? "")"
    }
  }

  /// Put in place of fields marked `@secret`.
  public var redacts = false

  private var bytes: [UInt8] = []
  private var position = 0
  /// Where the bytes end that may be read now: those of the message, or of the growable struct inside it.
  private var end = 0
  private var path: [String] = []
  private var depth = 0
  private var recursion = 0

  /// Values of recursive types within each other, as generated code counts them (`XDRLimits.standardDepth`).
  static let recursionLimit = 128
  /// Types within each other, recursive or not: what the stack has room for.
  static let depthLimit = 512

  public init() {}

  // MARK: Bytes to JSON

  public mutating func json(_ type: WireType, _ bytes: [UInt8]) throws(Failure) -> JSONValue {
    self.bytes = bytes
    position = 0
    end = bytes.count
    path = []
    let value = try read(type)
    guard position == bytes.count else { throw failure("\(bytes.count - position) bytes too many") }
    return value
  }

  private func failure(_ message: String, back: Int = 0) -> Failure {
    Failure(message: message, path: path.joined(), offset: position - back)
  }

  private mutating func inside<Value>(
    _ piece: String, _ body: (inout Interpreter) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    path.append(path.isEmpty || piece.hasPrefix("[") ? piece : "." + piece)
    let value = try body(&self)
    path.removeLast()
    return value
  }

  private mutating func take(_ count: Int) throws(Failure) -> ArraySlice<UInt8> {
    guard end - position >= count else {
      throw failure("message ends early: \(count) bytes needed, \(end - position) there")
    }
    defer { position += count }
    return bytes[position..<(position + count)]
  }

  private mutating func word() throws(Failure) -> UInt32 { try take(4).reduce(0) { $0 << 8 | UInt32($1) } }
  private mutating func doubleWord() throws(Failure) -> UInt64 { try take(8).reduce(0) { $0 << 8 | UInt64($1) } }

  private mutating func padded(_ count: Int) throws(Failure) -> ArraySlice<UInt8> {
    let content = try take(count)
    guard try take(-count & 3).allSatisfy({ $0 == 0 }) else { throw failure("padding bytes are not zero") }
    return content
  }

  private mutating func count(_ bound: Bound) throws(Failure) -> Int {
    let count = try word()
    guard count <= bound.value else { throw failure("length \(count) is above the limit of \(bound.value)", back: 4) }
    return Int(count)
  }

  private mutating func flag() throws(Failure) -> Bool {
    let value = try word()
    guard value <= 1 else { throw failure("a flag must be 0 or 1, not \(value)", back: 4) }
    return value == 1
  }

  private mutating func read(_ type: WireType) throws(Failure) -> JSONValue {
    guard depth < Interpreter.depthLimit else { throw failure("nested deeper than \(Interpreter.depthLimit) levels") }
    depth += 1
    defer { depth -= 1 }
    switch type {
    case .void: return .null
    case .scalar(let scalar): return try read(scalar)
    case .string(let bound):
      let content = try padded(try count(bound))
      guard !content.contains(0) else { throw failure("string has a NUL byte inside") }
      guard let text = String(validating: content, as: UTF8.self) else { throw failure("string is not UTF-8") }
      return .string(text)
    case .opaque(let bound): return .string(hexText(try padded(try count(bound))))
    case .fixedOpaque(let count): return .string(hexText(try padded(Int(count.value))))
    case .fixedArray(let element, let count): return try elements(element, Int(count.value))
    case .array(let element, let bound):
      let count = try count(bound)
      guard saturatingMultiply(count, max(element.minimumSize, 4)) <= end - position else {
        throw failure("\(count) elements cannot be in the remaining \(end - position) bytes", back: 4)
      }
      return try elements(element, count)
    case .optional(let inner):
      if let node = inner.definition, node.list != nil { return try list(node, isPresent: try flag()) }
      guard try flag() else { return Interpreter.isNullable(inner) ? .array([]) : .null }
      let value = try read(inner)
      return Interpreter.isNullable(inner) ? .array([value]) : value
    case .named(let definition):
      if definition.list != nil { return try list(definition, isPresent: true) }
      return try read(definition)
    }
  }

  /// Null could mean two things: such an optional is an array of none or one.
  private static func isNullable(_ type: WireType) -> Bool {
    if case .optional(let inner) = type.resolved { inner.definition?.list == nil } else { false }
  }

  private mutating func elements(_ element: WireType, _ count: Int) throws(Failure) -> JSONValue {
    var items: [JSONValue] = []
    for index in 0..<count {
      items.append(try inside("[\(index)]") { (self) throws(Failure) in try self.read(element) })
    }
    return .array(items)
  }

  private mutating func list(_ node: TypeDefinition, isPresent: Bool) throws(Failure) -> JSONValue {
    guard case .structure(let fields) = node.body else { return .null }
    var items: [JSONValue] = []
    var more = isPresent
    while more {
      items.append(
        try inside("[\(items.count)]") { (self) throws(Failure) in try self.structure(fields.dropLast()) })
      more = try flag()
    }
    return .array(items)
  }

  private mutating func structure(_ fields: ArraySlice<Field>) throws(Failure) -> JSONValue {
    var members: [(String, JSONValue)] = []
    for field in fields {
      let value = try inside(field.name) { (self) throws(Failure) in try self.read(field.type) }
      members.append((field.name, redacts && field.annotations.isSecret ? .string("(secret)") : value))
    }
    return .object(members)
  }

  /// Fields that were left out have their defaults; what no field of this revision stands for is kept as it is.
  private mutating func growable(_ growable: Growable, _ fields: [Field]) throws(Failure) -> JSONValue {
    let count = try count(growable.bound)
    guard count <= end - position else {
      throw failure("message ends early: \(count) bytes needed, \(end - position) there")
    }
    guard count % 4 == 0 else { throw failure("message ends early: 4 bytes needed, \(count % 4) there", back: 4) }
    let outer = end
    end = position + count
    let known = fields.prefix { $0.defaultValue == nil }
    guard case .object(var members) = try structure(known) else { return .null }
    for field in fields[known.endIndex...] {
      if position < end, case .object(let next) = try structure([field]) {
        members += next
      } else {
        members.append((field.name, Interpreter.value(field.defaultValue, field.type)))
      }
    }
    if position < end { members.append((Interpreter.restName, .string(hexText(try take(end - position))))) }
    end = outer
    return .object(members)
  }

  /// Bytes of a growable struct behind the fields that are known; no name of a field can be like this.
  static let restName = "@rest"

  static func value(_ value: FieldDefault?, _ type: WireType) -> JSONValue {
    switch (type.resolved, value) {
    case (.string, _), (.opaque, _): return .string("")
    case (.array, _): return .array([])
    case (.optional(let inner), _): return inner.definition?.list != nil || isNullable(inner) ? .array([]) : .null
    case (.scalar(.bool), .integer(let number)?): return .bool(number != 0)
    case (.scalar(.hyper), .integer(let number)?), (.scalar(.unsignedHyper), .integer(let number)?):
      return .string(String(number))
    case (.scalar(.float), .integer(let number)?), (.scalar(.double), .integer(let number)?):
      return .number("\(number).0")
    case (.named(let definition), .integer(let number)?):
      guard case .enumeration(let body) = definition.body,
        let known = body.values.first(where: { Int128($0.value) == number })
      else { return .integer(number) }
      return .string(known.name)
    case (_, .integer(let number)?): return .integer(number)
    default: return .null
    }
  }

  private mutating func read(_ definition: TypeDefinition) throws(Failure) -> JSONValue {
    guard definition.isRecursive else { return try readBody(definition) }
    guard recursion < Interpreter.recursionLimit else {
      throw failure("nested deeper than \(Interpreter.recursionLimit) levels")
    }
    recursion += 1
    defer { recursion -= 1 }
    return try readBody(definition)
  }

  private mutating func readBody(_ definition: TypeDefinition) throws(Failure) -> JSONValue {
    switch definition.body {
    case .alias(let target): return try read(target)
    case .enumeration(let body):
      let value = Int32(bitPattern: try word())
      if let known = body.values.first(where: { $0.value == value }) { return .string(known.name) }
      guard definition.annotations.isOpen else {
        throw failure("\(value) is not a value of \(definition.name)", back: 4)
      }
      return .integer(Int128(value))
    case .structure(let fields):
      if let growable = definition.growable { return try self.growable(growable, fields) }
      return try structure(fields[...])
    case .union(let union):
      let start = position
      let discriminant = try inside(union.discriminantName) { (self) throws(Failure) in
        try self.read(union.discriminant)
      }
      let raw = rawValue(start, union.discriminant)
      guard let arm = union.arms.first(where: { $0.labels.contains { $0.value == raw } }) ?? union.defaultArm else {
        throw failure("\(definition.name) has no arm for \(raw)", back: position - start)
      }
      var members = [(union.discriminantName, discriminant)]
      if !arm.isVoid {
        let value = try inside(arm.name) { (self) throws(Failure) in try self.read(arm.type) }
        members.append((arm.name, redacts && arm.annotations.isSecret ? .string("(secret)") : value))
      }
      return .object(members)
    }
  }

  /// The discriminant just read, as the number that labels are compared with.
  private func rawValue(_ start: Int, _ type: WireType) -> Int128 {
    let word = bytes[start..<position].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard case .scalar(let scalar) = type.resolved else { return Int128(Int32(truncatingIfNeeded: word)) }
    switch scalar {
    case .hyper: return Int128(Int64(bitPattern: word))
    case .unsignedHyper, .unsignedInt, .unsignedChar, .unsignedShort, .bool: return Int128(word)
    default: return Int128(Int32(truncatingIfNeeded: word))
    }
  }

  private mutating func read(_ scalar: Scalar) throws(Failure) -> JSONValue {
    switch scalar {
    case .int: return .integer(Int128(Int32(bitPattern: try word())))
    case .unsignedInt: return .integer(Int128(try word()))
    case .hyper: return .string(String(Int64(bitPattern: try doubleWord())))
    case .unsignedHyper: return .string(String(try doubleWord()))
    case .float:
      let value = Float(bitPattern: try word())
      return number(
        value, isPlainNaN: value.bitPattern == Float.nan.bitPattern, bits: String(value.bitPattern, radix: 16))
    case .double:
      let value = Double(bitPattern: try doubleWord())
      return number(
        value, isPlainNaN: value.bitPattern == Double.nan.bitPattern, bits: String(value.bitPattern, radix: 16))
    case .quadruple: return .string(hexText(try take(16)))
    case .bool: return .bool(try flag())
    case .char: return .integer(Int128(try narrow(Int8.self)))
    case .unsignedChar: return .integer(Int128(try narrow(UInt8.self)))
    case .short: return .integer(Int128(try narrow(Int16.self)))
    case .unsignedShort: return .integer(Int128(try narrow(UInt16.self)))
    }
  }

  /// JSON has no NaN and no infinity; NaNs other than the usual one are written by their bits.
  private func number<Value: BinaryFloatingPoint & LosslessStringConvertible>(
    _ value: Value, isPlainNaN: Bool, bits: String
  ) -> JSONValue {
    if value.isFinite { return .number("\(value)") }
    guard value.isNaN else { return .string(value < 0 ? "-inf" : "inf") }
    return .string(isPlainNaN ? "nan" : "nan(0x\(bits))")
  }

  private mutating func narrow<Value: FixedWidthInteger>(_ type: Value.Type) throws(Failure) -> Value {
    let word = try word()
    let value = Value.isSigned ? Value(exactly: Int32(bitPattern: word)) : Value(exactly: word)
    guard let value else { throw failure("\(Int32(bitPattern: word)) does not fit", back: 4) }
    return value
  }

  private func hexText(_ bytes: ArraySlice<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
