// Structs: fields in a row, fixed ones in runs.

extension SwiftBackend {
  func emitStruct(_ type: TypeDefinition, _ fields: [Field], _ writer: inout SwiftWriter) {
    // The link of a list is not stored: nodes stand in an array.
    let stored =
      type.list.map { list in fields.enumerated().filter { $0.offset != list.link }.map(\.element) } ?? fields
    var notes: [String] = []
    if type.list != nil {
      notes = ["", "One node of a list: pointers to it are arrays, and the link to the next node is not stored."]
    }
    if type.growable != nil {
      notes += ["", "Carried with its length in front: older writers end early, and what newer ones add is skipped."]
    }
    writer.docs(type.docs, type.docs.isEmpty ? Array(notes.dropFirst()) : notes, type.annotations)
    expands = isSmallElement(type, stored)
    emitStruct(named: names.type(type), stored, isRecursive: type.isRecursive, type.growable, &writer)
    expands = false
  }

  /// An element of arrays, encoded and decoded by a few instructions: worth its space within the loop over the array,
  /// where the compiler would rather call it.
  private func isSmallElement(_ type: TypeDefinition, _ stored: [Field]) -> Bool {
    guard elementTypes.contains(ObjectIdentifier(type)), !type.isRecursive, type.growable == nil, stored.count <= 12
    else { return false }
    var texts = 0
    for field in stored where !isRunItem(field.type) {
      switch field.type.resolved {
      case .string, .opaque, .fixedOpaque: texts += 1
      default: return false
      }
    }
    return texts <= 2
  }

  /// Types that stand in arrays and lists somewhere.
  func findElementTypes() -> Set<ObjectIdentifier> {
    var found: Set<ObjectIdentifier> = []
    func visit(_ type: WireType) {
      switch type.resolved {
      case .fixedArray(let element, _), .array(let element, _):
        if let definition = element.definition { found.insert(ObjectIdentifier(definition)) }
        visit(element)
      case .optional(let inner): visit(inner)
      default: break
      }
    }
    for type in model.types {
      if type.list != nil { found.insert(ObjectIdentifier(type)) }
      switch type.body {
      case .alias(let target): visit(target)
      case .structure(let fields): for field in fields { visit(field.type) }
      case .union(let union): for arm in union.arms + [union.defaultArm].compactMap(\.self) { visit(arm.type) }
      case .enumeration: break
      }
    }
    return found
  }

  /// Also for the arguments of procedures, which are structs without a name in the `.x`.
  func emitStruct(
    named name: String, _ fields: [Field], isRecursive: Bool, _ growable: Growable?, _ writer: inout SwiftWriter
  ) {
    let fieldNames = names.fields(fields)
    let members = Array(zip(fields, fieldNames))
    writer.block("public struct \(name): XDRCodable, \(std("Hashable")) {") { writer in
      for (field, name) in members { property(field, name, &writer) }
      writer.gap()
      memberwise(members, &writer)
      writer.gap()
      sizes(members, growable, &writer)
      writer.gap()
      encode(members, isRecursive: isRecursive, growable, &writer)
      writer.gap()
      decode(members, isRecursive: isRecursive, growable, &writer)
    }
  }

  /// The same fields with `XDRSlice` for text and bytes, to be read and not written.
  func emitBorrowed(_ type: TypeDefinition, _ writer: inout SwiftWriter) {
    guard case .structure(let fields) = type.body else { return }
    let members = Array(zip(fields, names.fields(fields)))
    writer.line("/// `\(names.type(type))` with its text and bytes left in the message.")
    writer.block("public struct \(typeName(type)): XDRDecodable, \(std("Hashable")) {") { writer in
      for (field, name) in members { property(field, name, &writer) }
      writer.gap()
      writer.line("public static var xdrMinimumSize: \(std("Int")) { \(type.minimumSize) }")
      writer.gap()
      expands = isSmallElement(type, fields)
      decode(members, isRecursive: false, type.growable, &writer)
      expands = false
    }
  }

  private func property(_ field: Field, _ name: String, _ writer: inout SwiftWriter) {
    if field.isBoxed {
      // A struct cannot hold itself in place.
      writer.line("private var \(name)Box: XDRBox<\(boxed(field.type))>")
    }
    writer.docs(field.docs, [], field.annotations)
    let escaped = SwiftNames.escaped(name)
    if field.isBoxed {
      writer.block("public var \(escaped): \(swiftType(field.type)) {") { writer in
        writer.line("get { \(name)Box.value }")
        writer.line("set { \(name)Box = XDRBox(newValue) }")
      }
    } else {
      writer.line("public var \(escaped): \(swiftType(field.type))")
    }
  }

  private func boxed(_ type: WireType) -> String {
    if case .optional(let inner) = type.resolved { return swiftType(inner) }
    return swiftType(type)
  }

  private func memberwise(_ members: [(Field, String)], _ writer: inout SwiftWriter) {
    let parameters = members.map { field, name in
      let value = defaultExpression(field).map { " = \($0)" } ?? ""
      return "\(SwiftNames.escaped(name)): \(swiftType(field.type))\(value)"
    }
    let oneLine = parameters.joined(separator: ", ")
    let open: (inout SwiftWriter) -> Void = { writer in
      for (field, name) in members {
        let escaped = SwiftNames.escaped(name)
        writer.line(
          field.isBoxed ? "self.\(name)Box = XDRBox(\(escaped))" : "self.\(escaped) = \(escaped)")
      }
    }
    if oneLine.utf8.count < 90 {
      writer.block("public init(\(oneLine)) {") { open(&$0) }
    } else {
      writer.line("public init(")
      writer.indented { writer in
        for (index, parameter) in parameters.enumerated() {
          writer.line(parameter + (index + 1 < parameters.count ? "," : ""))
        }
      }
      writer.block(") {") { open(&$0) }
    }
  }

  /// For a field that older writers leave out: its value then.
  private func defaultExpression(_ field: Field) -> String? {
    switch field.defaultValue {
    case nil: return nil
    case .integer(let value)?:
      switch field.type.resolved {
      case .scalar(.bool): return value == 0 ? "false" : "true"
      case .named(let definition):
        guard case .enumeration(let body) = definition.body,
          let index = body.values.firstIndex(where: { Int128($0.value) == value })
        else { return String(value) }
        return "." + SwiftNames.escaped(names.cases(body.values)[index])
      default: return String(value)
      }
    case .empty?:
      // Past typedefs, whose names do not say what they stand for.
      switch swiftType(field.type.resolved) {
      case "XDRSlice": return "XDRSlice()"
      case let type where type.hasSuffix("?"): return "nil"
      case let type where type.hasPrefix("["): return "[]"
      default: return "\"\""
      }
    }
  }

  private func sizes(_ members: [(Field, String)], _ growable: Growable?, _ writer: inout SwiftWriter) {
    let length = growable == nil ? 0 : 4
    let minimum = members.reduce(length) {
      $1.0.defaultValue == nil ? saturatingAdd($0, $1.0.type.minimumSize) : $0
    }
    writer.line("public static var xdrMinimumSize: \(std("Int")) { \(minimum) }")
    writer.gap()
    var constant = length
    var terms: [String] = []
    for (field, name) in members {
      let (fixed, variable) = size(field.type, "self." + SwiftNames.escaped(name))
      constant = saturatingAdd(constant, fixed)
      terms += variable
    }
    if terms.isEmpty {
      writer.line("public var xdrSize: \(std("Int")) { \(constant) }")
    } else {
      // One statement a term: sums of many terms take the compiler long.
      writer.block("public var xdrSize: \(std("Int")) {") { writer in
        writer.line("var size = \(constant)")
        for term in terms { writer.line("size += \(term)") }
        writer.line("return size")
      }
    }
  }

  /// Fields that can go into one run, or a single other field.
  private enum Segment {
    case run([Int])
    case single(Int)
  }

  private func segments(_ members: [(Field, String)]) -> [Segment] {
    var result: [Segment] = []
    var run: [Int] = []
    func close() {
      if run.count > 1 { result.append(.run(run)) } else { result += run.map { .single($0) } }
      run = []
    }
    for (index, member) in members.enumerated() {
      if isRunItem(member.0.type) {
        run.append(index)
      } else {
        close()
        result.append(.single(index))
      }
    }
    close()
    return result
  }

  private func encode(
    _ members: [(Field, String)], isRecursive: Bool, _ growable: Growable?, _ writer: inout SwiftWriter
  ) {
    func value(_ index: Int) -> String { "self." + SwiftNames.escaped(members[index].1) }
    func body(_ writer: inout SwiftWriter) -> Tracking {
      var tracking = Tracking()
      /// The items of a run that `call` makes room for.
      func run(_ indices: [Int], _ call: (Int) -> String) {
        let size = indices.reduce(0) { $0 + members[$1].0.type.minimumSize }
        writer.block("\(call(size)) { run in") { writer in
          var offset = 0
          for index in indices {
            writer.line(runWrite(members[index].0.type, value(index), offset))
            offset += members[index].0.type.minimumSize
          }
        }
      }
      var rest = segments(members)[...]
      while let segment = rest.popFirst() {
        switch segment {
        case .run(let indices): run(indices) { "writer.writeRun(\($0))" }
        case .single(let index):
          if expands, case .string(let bound) = members[index].0.type.resolved, case .run(let indices)? = rest.first {
            rest.removeFirst()
            tracking.fail(at: index, &writer)
            run(indices) { "try writer.putString(\(value(index)), max: \(bound.value), run: \($0))" }
            continue
          }
          let statement = write(members[index].0.type, value(index))
          if statement.hasPrefix("try") { tracking.fail(at: index, &writer) }
          if !statement.isEmpty { writer.line(statement) }
        }
      }
      return tracking
    }
    if expands { writer.line("@inline(__always)") }
    writer.block("public func encode(into writer: inout XDRWriter) throws(XDRError) {") { writer in
      if isRecursive { writer.line("try writer.enter()") }
      if growable != nil { writer.line("let start = writer.beginGrowable()") }
      tracked(members.map(\.0.name), &writer, body)
      if let growable { writer.line("try writer.endGrowable(start, max: \(growable.bound.value))") }
      if isRecursive { writer.line("writer.leave()") }
    }
  }

  /// Which fields can fail, as statements come out one after the other.
  struct Tracking {
    private(set) var canFail = false
    /// The field's number is set somewhere.
    private(set) var changes = false
    private var current = 0

    mutating func fail(at index: Int, _ writer: inout SwiftWriter) {
      canFail = true
      guard index != current else { return }
      writer.line("field = \(index)")
      current = index
      changes = true
    }
  }

  /// Wraps statements so that an error leaves with the name of the field it came from.
  private func tracked(
    _ fieldNames: [String], _ writer: inout SwiftWriter, _ body: (inout SwiftWriter) -> Tracking
  ) {
    var scratch = SwiftWriter()
    let tracking = body(&scratch)
    guard tracking.canFail else {
      _ = body(&writer)
      return
    }
    if tracking.changes { writer.line("var field = 0") }
    writer.block("do throws(XDRError) {", "} catch {") { _ = body(&$0) }
    writer.indented { writer in
      if tracking.changes {
        let list = fieldNames.map(swiftLiteral).joined(separator: ", ")
        writer.line("throw error.inside([\(list)], field)")
      } else {
        writer.line("throw error.inside(field: \(swiftLiteral(fieldNames.first ?? "")))")
      }
    }
    writer.line("}")
  }

  private func decode(
    _ members: [(Field, String)], isRecursive: Bool, _ growable: Growable?, _ writer: inout SwiftWriter
  ) {
    // Fields that may be left out are asked for one by one, behind those that are always there.
    let mandatory = members.firstIndex { $0.0.defaultValue != nil } ?? members.count
    // Into values of their own first: an error half-way through `self` would make the compiler copy all of it.
    func body(_ writer: inout SwiftWriter) -> Tracking {
      var tracking = Tracking()
      for (number, segment) in segments(Array(members[..<mandatory])).enumerated() {
        switch segment {
        case .run(let indices):
          tracking.fail(at: indices[0], &writer)
          let size = indices.reduce(0) { $0 + members[$1].0.type.minimumSize }
          writer.line("let run\(number) = try reader.readRun(\(size))")
          var offset = 0
          for index in indices {
            let (expression, canFail) = runRead(members[index].0.type, "run\(number)", offset)
            if canFail { tracking.fail(at: index, &writer) }
            writer.line("value\(index) = \(expression)")
            offset += members[index].0.type.minimumSize
          }
        case .single(let index):
          let expression = read(members[index].0.type)
          if expression.hasPrefix("try") { tracking.fail(at: index, &writer) }
          writer.line("value\(index) = \(expression)")
        }
      }
      for index in mandatory..<members.count {
        tracking.fail(at: index, &writer)
        writer.line(
          "if reader.remaining == 0 { value\(index) = \(defaultExpression(members[index].0) ?? "nil") } "
            + "else { value\(index) = \(read(members[index].0.type)) }")
      }
      return tracking
    }
    if expands { writer.line("@inline(__always)") }
    writer.block("public init(from reader: inout XDRReader) throws(XDRError) {") { writer in
      if isRecursive { writer.line("try reader.enter()") }
      if let growable { writer.line("let end = try reader.beginGrowable(max: \(growable.bound.value))") }
      for (index, member) in members.enumerated() { writer.line("let value\(index): \(swiftType(member.0.type))") }
      tracked(members.map(\.0.name), &writer, body)
      if growable != nil { writer.line("reader.endGrowable(end)") }
      for (index, (field, name)) in members.enumerated() {
        writer.line(
          field.isBoxed
            ? "self.\(name)Box = XDRBox(value\(index))" : "self.\(SwiftNames.escaped(name)) = value\(index)")
      }
      if isRecursive { writer.line("reader.leave()") }
    }
  }
}
