public import Guest

extension GuestSpec {
  /// Settings that are allowed and undo walls between the guest and the host, each with its key: for whoever defines the guest
  /// to know. `docs/security.md` has the reasons.
  public var notices: [SpecProblem] {
    var found: [SpecProblem] = []
    var mighty = Self.asGoodAsRoot
    switch network {
    case .none: break
    case .host: mighty.insert("net_admin")
    }
    let added = capabilities.added.filter { mighty.contains($0) }
    if !added.isEmpty {
      found.append(
        SpecProblem(
          "capabilities.add", "\(added.joined(separator: ", ")): the guest can make itself root on the host with it"))
    }
    for (index, mount) in mounts.enumerated() {
      guard case .bind(let source) = mount.source else { continue }
      let parts = source.split(separator: "/").filter { $0 != "." }.map(String.init)
      if let reach = Self.reach(of: parts, isReadOnly: mount.readOnly) {
        found.append(SpecProblem("mounts[\(index)].source", "/\(parts.joined(separator: "/")): \(reach)"))
      }
    }
    return found
  }

  /// Capabilities with which a process without a user namespace of its own has the host.
  static let asGoodAsRoot: Set = [
    "bpf", "dac_read_search", "mac_admin", "mac_override", "perfmon", "sys_admin", "sys_module", "sys_ptrace",
    "sys_rawio", "syslog",
  ]

  private static func reach(of parts: [String], isReadOnly: Bool) -> String? {
    switch parts.first {
    case "proc": "the guest sees the host's processes and settings" + (isReadOnly ? "" : ", and can change them")
    case "sys": "the guest sees the host's devices and groups" + (isReadOnly ? "" : ", and can change them")
    case nil, "etc", "boot", "usr", "bin", "sbin", "lib":
      isReadOnly && parts.first != nil ? nil : "the guest has files with which it is root on the host"
    case "run", "var":
      parts.contains("lodge") || parts == ["run"] || parts == ["var"] || parts == ["var", "run"]
        ? "the guest reaches Lodge itself, and the host by it" : nil
    case _: nil
    }
  }
}
