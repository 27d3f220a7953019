extension ContainerPlan {
  mutating func addSys() {
    let attributes: SetupStep.Attributes = [.readOnly, .noSetUID, .noDevices, .noExecute]
    add("mount /sys", .createMount("sysfs", [], attributes, into: .sys))
    add("attach /sys", .attach(.slot(.sys), at: .root, path: "/sys", [.noSymlinks, .makeFolder]))
    // Power readings reveal what other guests compute (PLATYPUS, CVE-2020-8694).
    for name in ["firmware", "devices/virtual/powercap"] {
      add("mask /sys/\(name)", .mask(name, at: .slot(.sys), with: .slot(.emptyFolder)))
    }
    // In its own cgroup namespace the container sees its own group as the root.
    add("mount /sys/fs/cgroup", .createMount("cgroup2", [], attributes, into: .memory))
    add("attach /sys/fs/cgroup", .attach(.slot(.memory), at: .slot(.sys), path: "fs/cgroup", [.noSymlinks]))
  }
}
