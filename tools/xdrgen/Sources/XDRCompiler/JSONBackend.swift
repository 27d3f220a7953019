/// The checked model as JSON, for back ends in other languages. The form has a version of its own.
public struct JSONBackend {
  public static let formatVersion = 1

  public static func generate(_ model: Model) -> JSONValue {
    JSONBackend(model: model).document()
  }

  let model: Model

  private func document() -> JSONValue {
    .object([
      ("format", .integer(Int128(JSONBackend.formatVersion))),
      ("constants", .array(model.constants.map(constant))),
      ("types", .array(model.types.map(type))),
      ("programs", .array(model.programs.map(program))),
    ])
  }

  private func place(_ range: SourceRange) -> JSONValue {
    let position = model.sources.file(range.file).position(at: range.lower)
    let name = position.path.split(separator: "/").last.map(String.init) ?? position.path
    return .string("\(name):\(position.line)")
  }

  private func common(
    _ name: String, _ range: SourceRange, _ docs: Documentation, _ annotations: Annotations
  ) -> [(String, JSONValue)] {
    var fields: [(String, JSONValue)] = [("name", .string(name)), ("at", place(range))]
    if !docs.isEmpty { fields.append(("doc", .string(docs.lines.joined(separator: "\n")))) }
    let notes = self.annotations(annotations)
    if !notes.isEmpty { fields.append(("annotations", .object(notes))) }
    return fields
  }

  private func annotations(_ notes: Annotations) -> [(String, JSONValue)] {
    var fields: [(String, JSONValue)] = []
    func flag(_ name: String, _ value: Bool) { if value { fields.append((name, .bool(true))) } }
    func text(_ name: String, _ value: String?) { if let value { fields.append((name, .string(value))) } }
    text("right", notes.right)
    flag("readonly", notes.isReadOnly)
    flag("event", notes.isEvent)
    flag("open", notes.isOpen)
    flag("idempotent", notes.isIdempotent)
    flag("secret", notes.isSecret)
    flag("list", notes.isList)
    flag("tree", notes.isTree)
    flag("bytes", notes.isBytes)
    text("since", notes.since)
    flag("deprecated", notes.isDeprecated)
    text("deprecation", notes.deprecated)
    text("swiftName", notes.name)
    if !notes.foreign.isEmpty { fields.append(("foreign", .array(notes.foreign.map { .string($0) }))) }
    return fields
  }

  private func constant(_ constant: ConstantDefinition) -> JSONValue {
    var fields = common(constant.name, constant.range, constant.docs, constant.annotations)
    switch constant.value {
    // 64 bits do not fit the numbers of JavaScript.
    case .integer(let value): fields.append(("value", .string(String(value))))
    case .string(let text): fields.append(("text", .string(text)))
    }
    return .object(fields)
  }

  private func bound(_ bound: Bound) -> [(String, JSONValue)] {
    bound.isUnbounded ? [] : [("max", .integer(Int128(bound.value))), ("maxWritten", .string(bound.spelling))]
  }

  private func use(_ type: WireType) -> JSONValue {
    switch type {
    case .void: return .object([("kind", .string("void"))])
    case .scalar(let scalar): return .object([("kind", .string(scalar.spelling))])
    case .string(let limit): return .object([("kind", .string("string"))] + bound(limit))
    case .opaque(let limit): return .object([("kind", .string("opaque"))] + bound(limit))
    case .fixedOpaque(let count):
      return .object([("kind", .string("fixedOpaque")), ("count", .integer(Int128(count.value)))])
    case .fixedArray(let element, let count):
      return .object([
        ("kind", .string("fixedArray")), ("count", .integer(Int128(count.value))), ("element", use(element)),
      ])
    case .array(let element, let limit):
      return .object([("kind", .string("array"))] + bound(limit) + [("element", use(element))])
    case .optional(let inner): return .object([("kind", .string("optional")), ("value", use(inner))])
    case .named(let definition):
      return .object([("kind", .string("named")), ("name", .string(definition.name))])
    }
  }

  private func type(_ type: TypeDefinition) -> JSONValue {
    var fields = common(type.name, type.range, type.docs, type.annotations)
    fields.append(("minimumSize", .integer(Int128(type.minimumSize))))
    if let size = type.maximumSize { fields.append(("maximumSize", .integer(Int128(size)))) }
    if type.isRecursive { fields.append(("recursive", .bool(true))) }
    if type.isAnonymous { fields.append(("anonymous", .bool(true))) }
    switch type.body {
    case .alias(let target): fields += [("kind", .string("typedef")), ("type", use(target))]
    case .enumeration(let body):
      fields += [
        ("kind", .string("enum")),
        (
          "values",
          .array(
            body.values.map { value in
              .object(
                common(value.name, value.range, value.docs, value.annotations) + [
                  ("value", .integer(Int128(value.value)))
                ])
            })
        ),
      ]
    case .structure(let members):
      fields.append(("kind", .string("struct")))
      if type.list != nil { fields.append(("isListNode", .bool(true))) }
      if let growable = type.growable {
        fields.append(("growable", .object([("kind", .string("opaque"))] + bound(growable.bound))))
      }
      fields.append(("fields", .array(members.map(field))))
    case .union(let union):
      fields += [
        ("kind", .string("union")), ("discriminantName", .string(union.discriminantName)),
        ("discriminant", use(union.discriminant)), ("arms", .array(union.arms.map(arm))),
      ]
      if let other = union.defaultArm { fields.append(("default", arm(other))) }
    }
    return .object(fields)
  }

  private func field(_ field: Field) -> JSONValue {
    let value: [(String, JSONValue)]
    switch field.defaultValue {
    case nil: value = []
    case .empty?: value = [("default", .string(""))]
    // 64 bits do not fit the numbers of JavaScript.
    case .integer(let number)?: value = [("default", .string(String(number)))]
    }
    return .object(
      common(field.name, field.range, field.docs, field.annotations) + [("type", use(field.type))] + value)
  }

  private func arm(_ arm: Arm) -> JSONValue {
    var fields = common(arm.name, arm.range, arm.docs, arm.annotations)
    fields.append(
      (
        "labels",
        .array(
          arm.labels.map { label in
            .object(
              [("value", .string(String(label.value)))] + (label.name.map { [("name", .string($0))] } ?? []))
          })
      ))
    fields.append(("type", use(arm.type)))
    return .object(fields)
  }

  private func program(_ program: ProgramDefinition) -> JSONValue {
    .object(
      common(program.name, program.range, program.docs, program.annotations) + [
        ("number", .integer(Int128(program.number))),
        (
          "versions",
          .array(
            program.versions.map { version in
              .object([
                ("name", .string(version.name)), ("number", .integer(Int128(version.number))),
                ("procedures", .array(version.procedures.map(procedure))),
              ])
            })
        ),
      ])
  }

  private func procedure(_ procedure: ProcedureDefinition) -> JSONValue {
    .object(
      common(procedure.name, procedure.range, procedure.docs, procedure.annotations) + [
        ("number", .integer(Int128(procedure.number))),
        ("fingerprint", .string(procedure.fingerprint)),
        ("arguments", .array(procedure.arguments.map(field))),
        ("result", use(procedure.result)),
      ])
  }
}
