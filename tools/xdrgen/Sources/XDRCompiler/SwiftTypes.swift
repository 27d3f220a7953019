// How values of each type are declared, measured, written and read in Swift.

extension SwiftBackend {
  /// The Swift type of a value.
  func swiftType(_ type: WireType) -> String {
    switch type {
    case .void: return "XDRVoid"
    case .scalar(let scalar): return swiftScalar(scalar)
    case .string, .fixedOpaque, .opaque:
      if borrows { return "XDRSlice" }
      if case .string = type { return std("String") }
      if let size = inlineSize(type) { return "XDRFixedBytes<\(size)>" }
      return "[\(std("UInt8"))]"
    case .fixedArray(let element, _), .array(let element, _):
      // `node next<1>` of a list is its link.
      return "[\(swiftType(element))]"
    case .optional(let inner):
      if let node = inner.definition, node.list != nil { return "[\(names.type(node))]" }
      return swiftType(inner) + "?"
    case .named(let definition):
      // A typedef names the owned type; what borrows spells out its own.
      if borrows, case .alias(let target) = definition.body { return swiftType(target) }
      return definition.list != nil ? "[\(names.type(definition))]" : typeName(definition)
    }
  }

  /// The size of a fixed opaque that is to be stored in place.
  func inlineSize(_ type: WireType) -> UInt32? {
    guard case .fixedOpaque(let count) = type.resolved, count.value <= options.inlineOpaque, count.value > 0, !borrows
    else {
      return nil
    }
    return count.value
  }

  /// A definition's type: the borrowing one where that is asked for and there is one.
  func typeName(_ definition: TypeDefinition) -> String {
    names.type(definition) + (borrows && hasBorrowedForm(definition) ? "Borrowed" : "")
  }

  /// Structs with text or bytes somewhere inside. Others, lists and trees are read as they are.
  func hasBorrowedForm(_ definition: TypeDefinition) -> Bool {
    guard case .structure(let fields) = definition.body, definition.list == nil, !definition.isRecursive else {
      return false
    }
    if let known = borrowedForms[ObjectIdentifier(definition)] { return known }
    let answer = fields.contains { canBorrow($0.type) }
    borrowedForms[ObjectIdentifier(definition)] = answer
    return answer
  }

  private func canBorrow(_ type: WireType) -> Bool {
    switch type.resolved {
    case .string, .opaque, .fixedOpaque: true
    case .fixedArray(let element, _), .array(let element, _): canBorrow(element)
    case .optional(let inner): canBorrow(inner)
    case .named(let definition): hasBorrowedForm(definition)
    default: false
    }
  }

  func swiftScalar(_ scalar: Scalar) -> String {
    switch scalar {
    case .int: std("Int32")
    case .unsignedInt: std("UInt32")
    case .hyper: std("Int64")
    case .unsignedHyper: std("UInt64")
    case .float: std("Float")
    case .double: std("Double")
    case .quadruple: "XDRQuadruple"
    case .bool: std("Bool")
    case .char: std("Int8")
    case .unsignedChar: std("UInt8")
    case .short: std("Int16")
    case .unsignedShort: std("UInt16")
    }
  }

  /// The suffix of read and write methods and the name of run methods.
  private func method(_ scalar: Scalar) -> String? {
    switch scalar {
    case .int: "Int32"
    case .unsignedInt: "UInt32"
    case .hyper: "Int64"
    case .unsignedHyper: "UInt64"
    case .float: "Float"
    case .double: "Double"
    case .bool: "Bool"
    case .char, .unsignedChar, .short, .unsignedShort: "Narrow"
    case .quadruple: nil
    }
  }

  // MARK: Size

  /// Bytes on the wire: a constant part and terms to add.
  func size(_ type: WireType, _ value: String) -> (constant: Int, terms: [String]) {
    switch type.resolved {
    case .void: return (0, [])
    case .scalar(let scalar): return (scalar.size, [])
    case .string: return (0, ["XDRWriter.opaqueSize(\(value).utf8.count)"])
    case .opaque: return (0, ["XDRWriter.opaqueSize(\(value).count)"])
    // A value that does not have its one legal count is refused later; room is not made for what is not there.
    case .fixedOpaque(let count) where count.value > 4096: return (0, ["XDRWriter.paddedSize(\(value).count)"])
    case .fixedArray(let element, let count) where element.isFixedSize && !isListNode(element) && count.value > 1024:
      return (0, ["\(element.minimumSize) * \(value).count"])
    case .fixedOpaque(let count): return (paddedSize(Int(count.value)), [])
    case .fixedArray(let element, let count):
      if element.isFixedSize, !isListNode(element) { return (element.minimumSize * Int(count.value), []) }
      return (0, ["XDRWriter.arraySize(\(value)) { \(sizeExpression(element, "$0")) }"])
    case .array(let element, _):
      if element.isFixedSize, !isListNode(element) { return (4, ["\(element.minimumSize) * \(value).count"]) }
      return (4, ["XDRWriter.arraySize(\(value)) { \(sizeExpression(element, "$0")) }"])
    case .optional(let inner):
      if isListNode(inner) { return (4, ["XDRWriter.listSize(\(value))"]) }
      if inner.isFixedSize { return (4, ["(\(value) == nil ? 0 : \(inner.minimumSize))"]) }
      return (4, ["XDRWriter.optionalSize(\(value)) { \(sizeExpression(inner, "$0")) }"])
    case .named(let definition):
      if definition.list != nil { return (0, ["XDRWriter.listSize(\(value))"]) }
      if definition.isFixedSize { return (definition.minimumSize, []) }
      return (0, ["\(value).xdrSize"])
    }
  }

  func sizeExpression(_ type: WireType, _ value: String) -> String {
    let (constant, terms) = size(type, value)
    if terms.isEmpty { return String(constant) }
    return ((constant == 0 ? [] : [String(constant)]) + terms).joined(separator: " + ")
  }

  func isListNode(_ type: WireType) -> Bool { type.definition?.list != nil }

  // MARK: Reading

  /// An expression that reads a value; `try` included where it can fail.
  func read(_ type: WireType) -> String {
    switch type.resolved {
    case .void: return "XDRVoid()"
    case .scalar(let scalar):
      guard let method = method(scalar) else { return "try XDRQuadruple(from: &reader)" }
      return method == "Narrow"
        ? "try reader.readNarrow(\(swiftScalar(scalar)).self)" : "try reader.read\(method)()"
    case .string(let bound), .opaque(let bound):
      if borrows { return "try reader.readSlice(max: \(bound.value))" }
      if case .string = type.resolved { return "try reader.readString(max: \(bound.value))" }
      return "try reader.readOpaque(max: \(bound.value))"
    case .fixedOpaque(let count):
      if let size = inlineSize(type) { return "try XDRFixedBytes<\(size)>(from: &reader)" }
      return "try reader.read\(borrows ? "Slice" : "Opaque")(count: \(count.value))"
    case .fixedArray(let element, let count): return readElements(element, "count: \(count.value)")
    case .array(let element, let bound): return readElements(element, "max: \(bound.value)")
    case .optional(let inner):
      if let node = inner.definition, node.list != nil { return "try reader.readList(of: \(names.type(node)).self)" }
      if let plain = codable(inner) { return "try reader.readOptional(of: \(plain).self)" }
      return "try reader.readOptional { (reader: inout XDRReader) throws(XDRError) in \(read(inner)) }"
    case .named(let definition):
      if definition.list != nil { return "try reader.readNonEmptyList(of: \(names.type(definition)).self)" }
      return "try \(typeName(definition))(from: &reader)"
    }
  }

  private func readElements(_ element: WireType, _ count: String) -> String {
    if let word = word(element) { return "try reader.readWords(of: \(word).self, \(count))" }
    if let plain = codable(element) { return "try reader.readArray(of: \(plain).self, \(count))" }
    return "try reader.readArray(\(count), minimumSize: \(element.minimumSize)) "
      + "{ (reader: inout XDRReader) throws(XDRError) in \(read(element)) }"
  }

  /// Integers as wide on the wire as in memory: arrays of them are read and written in bulk.
  private func word(_ type: WireType) -> String? {
    guard case .scalar(let scalar) = type.resolved else { return nil }
    switch scalar {
    case .int, .unsignedInt, .hyper, .unsignedHyper: return swiftScalar(scalar)
    default: return nil
    }
  }

  /// A Swift type that reads and writes itself with no bound from outside.
  func codable(_ type: WireType) -> String? {
    switch type.resolved {
    case .scalar(let scalar): swiftScalar(scalar)
    case .named(let definition): definition.list == nil ? typeName(definition) : nil
    case .fixedOpaque: inlineSize(type).map { "XDRFixedBytes<\($0)>" }
    default: nil
    }
  }

  // MARK: Writing

  /// A statement that writes a value.
  func write(_ type: WireType, _ value: String) -> String {
    switch type.resolved {
    case .void: return ""
    case .scalar(let scalar):
      guard let method = method(scalar) else { return "try \(value).encode(into: &writer)" }
      return "writer.write\(method)(\(value))"
    case .string(let bound): return "try writer.\(expands ? "put" : "write")String(\(value), max: \(bound.value))"
    case .opaque(let bound): return "try writer.writeOpaque(\(value), max: \(bound.value))"
    case .fixedOpaque(let count):
      if inlineSize(type) != nil { return "try \(value).encode(into: &writer)" }
      return "try writer.writeOpaque(\(value), count: \(count.value))"
    case .fixedArray(let element, let count): return writeElements(element, value, "count: \(count.value)")
    case .array(let element, let bound): return writeElements(element, value, "max: \(bound.value)")
    case .optional(let inner):
      if isListNode(inner) { return "try writer.writeList(\(value))" }
      if codable(inner) != nil { return "try writer.writeOptional(\(value))" }
      return "try writer.writeOptional(\(value)) { \(writeClosure(inner)) }"
    case .named(let definition):
      if definition.list != nil { return "try writer.writeNonEmptyList(\(value))" }
      return "try \(value).encode(into: &writer)"
    }
  }

  private func writeElements(_ element: WireType, _ value: String, _ count: String) -> String {
    if word(element) != nil { return "try writer.writeWords(\(value), \(count))" }
    if codable(element) != nil { return "try writer.writeArray(\(value), \(count))" }
    return "try writer.writeArray(\(value), \(count)) { \(writeClosure(element)) }"
  }

  private func writeClosure(_ type: WireType) -> String {
    "(writer: inout XDRWriter, value: \(swiftType(type))) throws(XDRError) in \(write(type, "value"))"
  }

  // MARK: Runs

  /// Items of one size that stand in a row: written and read with one check.
  func isRunItem(_ type: WireType) -> Bool {
    switch type.resolved {
    case .scalar(let scalar): return scalar != .quadruple
    case .fixedOpaque(let count):
      return count.value % 4 == 0 && (borrows ? count.value <= 4096 : inlineSize(type) != nil)
    case .named(let definition):
      if case .enumeration = definition.body { return true }
      return false
    default: return false
    }
  }

  func runRead(_ type: WireType, _ run: String, _ offset: Int) -> (expression: String, canFail: Bool) {
    switch type.resolved {
    case .scalar(let scalar):
      switch scalar {
      case .bool: return ("try \(run).bool(\(offset))", true)
      case .char, .unsignedChar, .short, .unsignedShort:
        return ("try \(run).narrow(\(offset), \(swiftScalar(scalar)).self)", true)
      default: return ("\(run).\(runMethod(scalar))(\(offset))", false)
      }
    case .named(let definition): return ("try \(names.type(definition))(from: \(run), at: \(offset))", true)
    case .fixedOpaque(let count) where borrows: return ("try \(run).slice(\(offset), count: \(count.value))", true)
    case .fixedOpaque(let count): return ("\(run).fixedBytes(\(offset), XDRFixedBytes<\(count.value)>.self)", false)
    default: return ("", false)
    }
  }

  func runWrite(_ type: WireType, _ value: String, _ offset: Int) -> String {
    switch type.resolved {
    case .scalar(let scalar): "run.\(runMethod(scalar))(\(offset), \(value))"
    case .named: "run.int32(\(offset), \(value).rawValue)"
    case .fixedOpaque: "run.fixedBytes(\(offset), \(value))"
    default: ""
    }
  }

  private func runMethod(_ scalar: Scalar) -> String {
    switch scalar {
    case .int: "int32"
    case .unsignedInt: "uint32"
    case .hyper: "int64"
    case .unsignedHyper: "uint64"
    case .float: "float"
    case .double: "double"
    case .bool: "bool"
    default: "narrow"
    }
  }
}
