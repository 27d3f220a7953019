/// Findings about a schema that is correct and could be better.
public struct Linter {
  let model: Model
  let diagnostics: DiagnosticSink

  public static func run(_ model: Model, diagnostics: DiagnosticSink) {
    let linter = Linter(model: model, diagnostics: diagnostics)
    for type in model.types { linter.check(type) }
    for program in model.programs { linter.check(program) }
  }

  private func note(_ code: DiagnosticCode, _ message: String, _ range: SourceRange, _ hint: String? = nil) {
    diagnostics.warning(code, message, at: range, hint: hint)
  }

  // MARK: Types

  private func check(_ type: TypeDefinition) {
    switch type.body {
    case .alias(let target): bounds(target, "'\(type.name)'", type.range)
    case .enumeration: break
    case .structure(let fields):
      if let growable = type.growable, growable.bound.isUnbounded {
        note(
          .lintUnbounded, "'\(type.name)' has no bound: a peer may send 4 GiB", type.range, "write @growable(max: N)")
      }
      for field in fields { bounds(field.type, "'\(field.name)'", field.range) }
    case .union(let union):
      for arm in union.arms + (union.defaultArm.map { [$0] } ?? []) { bounds(arm.type, "'\(arm.name)'", arm.range) }
      coverage(type, union)
    }
  }

  private func bounds(_ type: WireType, _ what: String, _ range: SourceRange) {
    switch type {
    case .string(let bound), .opaque(let bound):
      if bound.isUnbounded { note(.lintUnbounded, "\(what) has no bound: a peer may send 4 GiB", range) }
    case .array(let element, let bound):
      if bound.isUnbounded { note(.lintUnbounded, "\(what) has no bound: a peer may send 4 billion", range) }
      narrow(element, what, range)
      bounds(element, what, range)
    case .fixedArray(let element, _):
      narrow(element, what, range)
      bounds(element, what, range)
    case .optional(let inner): bounds(inner, what, range)
    default: break
    }
  }

  private func narrow(_ element: WireType, _ what: String, _ range: SourceRange) {
    guard case .scalar(let scalar) = element.resolved, [.char, .unsignedChar, .short, .unsignedShort].contains(scalar)
    else { return }
    note(
      .lintWordArray, "each \(scalar.spelling) of \(what) takes four bytes on the wire", range,
      "opaque holds bytes, string holds text")
  }

  private func coverage(_ type: TypeDefinition, _ union: UnionBody) {
    guard let definition = union.discriminant.definition, case .enumeration(let body) = definition.body else {
      if case .scalar(.bool) = union.discriminant.resolved, union.defaultArm == nil,
        union.arms.flatMap(\.labels).count < 2
      {
        note(.lintUncovered, "'\(type.name)' has an arm for one of TRUE and FALSE only", type.range)
      }
      return
    }
    let labels = Set(union.arms.flatMap(\.labels).map(\.value))
    let missing = body.values.filter { $0.aliasOf == nil && !labels.contains(Int128($0.value)) }.map(\.name)
    let shown = missing.prefix(4).joined(separator: ", ") + (missing.count > 4 ? " and \(missing.count - 4) more" : "")
    if !missing.isEmpty {
      if let arm = union.defaultArm {
        note(.lintHiddenByDefault, "the default arm of '\(type.name)' stands for \(shown)", arm.range)
      } else {
        note(.lintUncovered, "'\(type.name)' has no arm for \(shown): values with it are refused", type.range)
      }
    }
    if definition.annotations.isOpen, union.defaultArm == nil {
      note(
        .lintOpenUnion, "'\(definition.name)' is open, and '\(type.name)' refuses values it does not know", type.range,
        "add a default arm")
    }
  }

  // MARK: Programs

  private func check(_ program: ProgramDefinition) {
    for version in program.versions {
      let calls = version.procedures.filter { !$0.isEvent }
      let usesRights = calls.contains { $0.annotations.right != nil }
      let usesSince = version.procedures.contains { $0.annotations.since != nil }
      var previous: UInt32?
      for procedure in version.procedures {
        if procedure.docs.isEmpty {
          note(
            .lintUndocumented, "'\(procedure.name)' has no documentation comment", procedure.range,
            "write /** ... */ before it")
        }
        if usesRights, !procedure.isEvent, procedure.annotations.right == nil {
          note(.lintRight, "'\(procedure.name)' does not say which right it needs", procedure.range, "add @right")
        }
        if usesSince, procedure.annotations.since == nil {
          note(.lintSince, "'\(procedure.name)' does not say since when it exists", procedure.range, "add @since")
        }
        if let previous, procedure.number > previous, procedure.number - previous > 1 {
          note(
            .lintNumberGap, "numbers \(previous + 1) to \(procedure.number - 1) are not used", procedure.range,
            "say in a comment what they were, so that they are not used again")
        }
        previous = procedure.number
        for argument in procedure.arguments { bounds(argument.type, "'\(argument.name)'", argument.range) }
        bounds(procedure.result, "the result of '\(procedure.name)'", procedure.range)
      }
    }
  }
}
