// libvirt's style: no `program`, but an enum of procedure numbers, constants for program and version, and structs found
// by name: `REMOTE_PROC_CONNECT_OPEN` takes `remote_connect_open_args` and answers `remote_connect_open_ret`, and an
// event has `remote_..._msg`. Where all of that is there, it makes a program like any other.

extension Checker {
  func defineEnumPrograms() {
    for type in model.types {
      guard type.name.hasSuffix("_procedure"), case .enumeration(let body) = type.body else { continue }
      let prefix = String(type.name.dropLast("_procedure".utf8.count))
      let shouted = prefix.uppercased()
      guard let number = constantNumber(shouted + "_PROGRAM"),
        let version = constantNumber(shouted + "_PROTOCOL_VERSION")
      else { continue }
      let head = shouted + "_PROC_"
      let members = body.values.filter { $0.name.hasPrefix(head) && $0.aliasOf == nil }
      guard !members.isEmpty else { continue }
      let procedures = members.map { procedure($0, head: head, prefix: prefix) }
      model.programs.append(
        ProgramDefinition(
          name: shouted + "_PROGRAM", range: type.range, docs: type.docs, annotations: Annotations(), number: number,
          versions: [
            VersionDefinition(
              name: shouted + "_PROTOCOL_VERSION", range: type.range, docs: Documentation(), number: version,
              procedures: procedures)
          ]))
    }
  }

  private func constantNumber(_ name: String) -> UInt32? {
    guard case .constant? = symbols[name]?.symbol else { return nil }
    return value(of: name).flatMap { UInt32(exactly: $0) }
  }

  private func procedure(_ value: Enumerator, head: String, prefix: String) -> ProcedureDefinition {
    let base = prefix + "_" + value.name.dropFirst(head.utf8.count).lowercased()
    func message(_ suffix: String) -> WireType? {
      guard case .type(let definition)? = symbols[base + suffix]?.symbol else { return nil }
      return .named(definition)
    }
    var annotations = value.annotations
    var arguments: [Field] = []
    func add(_ type: WireType, _ name: String) {
      arguments.append(
        Field(name: name, range: value.range, docs: Documentation(), annotations: Annotations(), type: type))
    }
    if let type = message("_msg") {
      annotations.isEvent = true
      add(type, "msg")
    } else if let type = message("_args") {
      add(type, "args")
    }
    return ProcedureDefinition(
      name: value.name, range: value.range, docs: value.docs, annotations: annotations,
      number: UInt32(bitPattern: value.value), arguments: arguments,
      result: annotations.isEvent ? .void : message("_ret") ?? .void)
  }
}
