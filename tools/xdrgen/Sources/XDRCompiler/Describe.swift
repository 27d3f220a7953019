// Types as text: for documentation, JSON and fingerprints.

extension WireType {
  /// As a declaration of the `.x`: `string name<64>`, `label labels<32>`.
  public func declaration(_ name: String) -> String {
    func bounded(_ bound: Bound) -> String { bound.isUnbounded ? "<>" : "<\(bound.spelling)>" }
    let gap = name.isEmpty ? "" : " "
    switch self {
    case .void: return "void"
    case .scalar(let scalar): return scalar.spelling + gap + name
    case .string(let bound): return "string\(gap)\(name)\(bounded(bound))"
    case .opaque(let bound): return "opaque\(gap)\(name)\(bounded(bound))"
    case .fixedOpaque(let count): return "opaque\(gap)\(name)[\(count.spelling)]"
    case .fixedArray(let element, let count): return "\(element.declaration(""))\(gap)\(name)[\(count.spelling)]"
    case .array(let element, let bound): return "\(element.declaration(""))\(gap)\(name)\(bounded(bound))"
    case .optional(let inner): return "\(inner.declaration("")) *\(name)"
    case .named(let definition): return definition.name + gap + name
    }
  }

  /// The bytes of a value, with sizes as numbers and other types by name.
  var wireDescription: String {
    switch self {
    case .void: return "void"
    case .scalar(let scalar): return scalar.rawValue
    case .string(let bound): return "string<\(bound.value)>"
    case .opaque(let bound): return "opaque<\(bound.value)>"
    case .fixedOpaque(let count): return "opaque[\(count.value)]"
    case .fixedArray(let element, let count): return "\(element.wireDescription)[\(count.value)]"
    case .array(let element, let bound): return "\(element.wireDescription)<\(bound.value)>"
    case .optional(let inner): return "\(inner.wireDescription)*"
    case .named(let definition):
      if case .alias(let target) = definition.body { return target.wireDescription }
      return definition.name
    }
  }

  /// Every definition it leads to, itself included, in the order they are met.
  public var reachable: [TypeDefinition] { reachable { $0.parts } }

  func reachable(_ parts: (TypeDefinition) -> [WireType]) -> [TypeDefinition] {
    var seen: Set<ObjectIdentifier> = []
    var result: [TypeDefinition] = []
    var work = allDefinitions
    while let next = work.popLast() {
      guard seen.insert(ObjectIdentifier(next)).inserted else { continue }
      result.append(next)
      work += parts(next).flatMap(\.allDefinitions)
    }
    return result
  }
}

extension TypeDefinition {
  /// `parts` without the fields that older writers leave out.
  var mandatoryParts: [WireType] {
    guard case .structure(let fields) = body else { return parts }
    return fields.filter(\.isMandatory).map(\.type)
  }

  /// One line on what the bytes are.
  var wireDescription: String {
    switch body {
    case .alias(let target): return "\(name)=\(target.wireDescription)"
    case .enumeration(let body):
      let values = body.values.map { "\($0.value)" }.joined(separator: ",")
      return "enum \(name){\(values)}\(annotations.isOpen ? "open" : "")"
    case .structure(let fields):
      let kind = growable.map { "growable<\($0.bound.value)>" } ?? "struct"
      return "\(kind) \(name){\(fields.filter(\.isMandatory).map(\.type.wireDescription).joined(separator: ";"))}"
    case .union(let union):
      let arms = union.arms.map { arm in
        arm.labels.map { "\($0.value)" }.joined(separator: ",") + ":" + arm.type.wireDescription
      }
      let other = union.defaultArm.map { ";default:" + $0.type.wireDescription } ?? ""
      return "union \(name)(\(union.discriminant.wireDescription)){\(arms.joined(separator: ";"))\(other)}"
    }
  }
}

extension ProcedureDefinition {
  /// Changes when the bytes of its arguments or result can, other than by fields that growable structs got.
  public var fingerprint: String {
    let types = arguments.map(\.type) + [result]
    var lines = types.map(\.wireDescription)
    var seen: Set<ObjectIdentifier> = []
    var reached: [String] = []
    for definition in types.flatMap({ $0.reachable(\.mandatoryParts) })
    where seen.insert(ObjectIdentifier(definition)).inserted {
      if case .alias = definition.body { continue }
      reached.append(definition.wireDescription)
    }
    lines += reached.sorted()
    return String(SHA256.hex(Array(lines.joined(separator: "\n").utf8)).prefix(16))
  }
}
