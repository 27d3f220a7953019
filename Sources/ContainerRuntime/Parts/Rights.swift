extension ContainerPlan {
  mutating func addRights(_ spec: ContainerSpec, _ prepared: Prepared) {
    if spec.noNewPrivileges { add("forbid new privileges", .noNewPrivileges) }
    // While there is `sys_admin`, without which it needs no-new-privileges (seccomp(2)). What is still to be done passes it.
    let filter = SystemCallFilter(
      reportsReboot: prepared.canTellReboot,
      allowsUserNamespaces: spec.capabilities >> Self.systemAdministration & 1 == 1)
    add("install system call filter", .filter(filter.encoded, listen: prepared.canTellReboot))
    add("drop capabilities", .bounding(spec.capabilities))
    add("set groups", .groups)
    let ambient = spec.addedCapabilities & spec.capabilities
    add("become user", .user(keeping: ambient))
    // A user other than 0 has lost all others with the change.
    add("set capabilities", .capabilities(spec.capabilities, ambient: ambient))
  }

  /// CAP_SYS_ADMIN; capabilities(7).
  private static let systemAdministration: UInt64 = 21
}
