// Programs, versions, procedures, and what is promised of them.

extension Comparison {
  func compare(_ program: ProgramDefinition) {
    // Programs with one number share its versions among them (RFC 1833: portmapper and rpcbind).
    let candidates = new.programs.filter { $0.number == program.number }
    let versions = Set(program.versions.map(\.number))
    let match =
      candidates.first { $0.name == program.name }
      ?? candidates.first { $0.versions.contains { versions.contains($0.number) } } ?? candidates.first
    guard let now = match else {
      if let renumbered = new.programs.first(where: { $0.name == program.name }) {
        report(
          .wire, .programRenumbered,
          "program '\(program.name)' was \(hex(program.number)) and is \(hex(renumbered.number))", old: program.range,
          new: renumbered.range)
      } else {
        report(.wire, .programRemoved, "program '\(program.name)' was removed", old: program.range, new: nil)
      }
      return
    }
    if now.name != program.name {
      report(
        .source, .programRenamed, "program '\(program.name)' is called '\(now.name)' now", old: program.range,
        new: now.range)
    }
    for version in program.versions {
      guard let other = candidates.flatMap(\.versions).first(where: { $0.number == version.number }) else {
        report(
          .wire, .versionRemoved, "version \(version.number) of '\(program.name)' was removed", old: version.range,
          new: now.range)
        continue
      }
      compare(version, other)
    }
  }

  func compare(_ one: VersionDefinition, _ other: VersionDefinition) {
    let highest = one.procedures.map(\.number).max() ?? 0
    let (numbersBefore, numbersNow) = (firsts(one.procedures, by: \.number), firsts(other.procedures, by: \.number))
    let (namesBefore, namesNow) = (firsts(one.procedures, by: \.name), firsts(other.procedures, by: \.name))
    for procedure in one.procedures {
      guard let now = numbersNow[procedure.number] else {
        if let renumbered = namesNow[procedure.name] {
          report(
            .wire, .procedureRenumbered,
            "'\(procedure.name)' was number \(procedure.number) and is \(renumbered.number)", old: procedure.range,
            new: renumbered.range)
        } else {
          report(
            .wire, .procedureRemoved, "'\(procedure.name)' (number \(procedure.number)) was removed",
            old: procedure.range, new: other.range, hint: "keep it and answer with an error")
        }
        continue
      }
      if now.name != procedure.name {
        if namesNow[procedure.name] != nil || procedure.fingerprint != now.fingerprint {
          report(
            .wire, .numberReused, "number \(procedure.number) was '\(procedure.name)' and is '\(now.name)'",
            old: procedure.range, new: now.range, hint: "numbers are never used again")
          continue
        }
        report(
          .source, .procedureRenamed, "'\(procedure.name)' is called '\(now.name)' now", old: procedure.range,
          new: now.range)
      }
      compare(procedure, now)
    }
    for procedure in other.procedures where numbersBefore[procedure.number] == nil {
      guard procedure.number < highest, namesBefore[procedure.name] == nil else { continue }
      report(
        .policy, .numberGapUsed, "'\(procedure.name)' takes number \(procedure.number), a gap below \(highest)",
        old: nil, new: procedure.range, hint: "a number that was left out may have been in use once")
    }
  }

  func compare(_ one: ProcedureDefinition, _ other: ProcedureDefinition) {
    if one.isEvent != other.isEvent {
      report(
        .wire, .eventChanged, "'\(one.name)' \(other.isEvent ? "is an event now" : "was an event")", old: one.range,
        new: other.range)
    }
    switch (one.arguments.isEmpty, other.arguments.isEmpty) {
    case (true, false), (false, true):
      report(
        .wire, .argumentsChanged,
        "'\(one.name)' \(other.arguments.isEmpty ? "lost its arguments" : "has arguments now")",
        old: one.range, new: other.range)
    default:
      fields(
        one.arguments, other.arguments, what: "the arguments of '\(one.name)'", old: one.range, new: other.range)
    }
    var isVoid = (false, false)
    if case .void = one.result { isVoid.0 = true }
    if case .void = other.result { isVoid.1 = true }
    if isVoid.0 != isVoid.1 {
      report(
        .wire, .resultChanged, "'\(one.name)' \(isVoid.1 ? "lost its result" : "has a result now")", old: one.range,
        new: other.range)
    } else {
      compare(
        one.result, other.result, Place(what: "the result of '\(one.name)'", old: one.range, new: other.range))
    }
    policy(one, other)
  }

  func policy(_ one: ProcedureDefinition, _ other: ProcedureDefinition) {
    let order = ["none", "view", "inspect", "operate", "admin"]
    let before = order.firstIndex(of: one.annotations.right ?? "none") ?? 0
    let after = order.firstIndex(of: other.annotations.right ?? "none") ?? 0
    if before != after {
      report(
        .policy, after < before ? .rightWeakened : .rightStrengthened,
        "'\(one.name)' needed the right '\(order[before])' and needs '\(order[after])'", old: one.range,
        new: other.range)
    }
    func flag(_ was: Bool, _ isNow: Bool, _ name: String, _ code: Change.Code) {
      guard was != isNow else { return }
      report(
        .policy, code, "'\(one.name)' \(isNow ? "is" : "is no longer") \(name)", old: one.range, new: other.range)
    }
    flag(one.annotations.isReadOnly, other.annotations.isReadOnly, "@readonly", .readonlyChanged)
    flag(one.annotations.isIdempotent, other.annotations.isIdempotent, "@idempotent", .idempotentChanged)
    if one.annotations.since != nil, other.annotations.since != one.annotations.since {
      report(
        .policy, .sinceChanged, "@since of '\(one.name)' was changed or removed", old: one.range, new: other.range)
    }
    if one.annotations.foreign != other.annotations.foreign {
      report(
        .policy, .annotationChanged, "annotations of '\(one.name)' were changed", old: one.range, new: other.range)
    }
  }
}
