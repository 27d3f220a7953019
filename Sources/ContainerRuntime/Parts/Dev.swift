extension ContainerPlan {
  struct Device {
    var name: String
    var major: UInt64
    var minor: UInt64
    var slot: SetupStep.Slot
  }

  /// The devices that every container engine gives; their numbers are fixed (the kernel's devices.txt).
  static let devices = [
    Device(name: "null", major: 1, minor: 3, slot: .null), Device(name: "zero", major: 1, minor: 5, slot: .zero),
    Device(name: "full", major: 1, minor: 7, slot: .full), Device(name: "random", major: 1, minor: 8, slot: .random),
    Device(name: "urandom", major: 1, minor: 9, slot: .urandom), Device(name: "tty", major: 5, minor: 0, slot: .tty),
  ]

  /// Terminals that a guest may have at once. The host has 4,096 in all (kernel.pty.max), and keeps 1,024 for itself.
  static let terminals = 128

  /// Device nodes of the guest's own. Binds of the host's would share their inodes: who may use /dev/null on the host
  /// would be the guest's to change (chmod, chown, utimes).
  ///
  /// They lie in a filesystem that allows devices, of which the guest never sees more than these files: each is bound
  /// into /dev, which allows none. So a node that the guest makes itself does nothing, wherever it makes it.
  mutating func addDeviceNodes() {
    let attributes: SetupStep.Attributes = [.noSetUID, .noExecute]
    add(
      "mount device nodes",
      .createMount(
        "tmpfs", [.init("mode", "0700"), .init("size", "4k"), .init("nr_inodes", "16")], attributes, into: .nodes))
    // Before Linux 6.15 nothing can be cloned from a mount that is attached nowhere (open_tree(2)).
    add("attach device nodes", .attach(.slot(.nodes), at: .root, path: "/proc", []))
    for device in Self.devices {
      add("make device \(device.name)", .makeDevice(device.name, at: .slot(.nodes), device.major, device.minor))
      add("take device \(device.name)", .cloneMount(device.name, at: .slot(.nodes), attributes, into: device.slot))
    }
    // Covers files of /proc: empty, and the guest's own too.
    add("make empty file", .makeFile("empty", at: .slot(.nodes)))
    add(
      "take empty file",
      .cloneMount("empty", at: .slot(.nodes), attributes.union([.readOnly, .noDevices]), into: .emptyFile))
  }

  mutating func addDev(_ prepared: Prepared) {
    add(
      "mount /dev",
      .createMount(
        "tmpfs", [.init("mode", "0755"), .init("size", "1m")], [.noSetUID, .noDevices, .noExecute], into: .dev))
    add("attach /dev", .attach(.slot(.dev), at: .root, path: "/dev", [.noSymlinks, .makeFolder]))
    for device in Self.devices {
      add("make /dev/\(device.name)", .makeFile(device.name, at: .slot(.dev)))
      add(
        "attach /dev/\(device.name)",
        .attach(.slot(device.slot), at: .slot(.dev), path: device.name, [.noSymlinks]))
    }
    for (name, target) in [
      ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
      ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx"),
    ] {
      add("link /dev/\(name)", .makeLink(name, at: .slot(.dev), to: target))
    }
    add("make /dev/pts", .makeFolder("pts", at: .slot(.dev), mode: 0o755))
    add(
      "mount /dev/pts",
      .createMount(
        "devpts",
        [
          .init("ptmxmode", "0666"), .init("mode", "0620"), .init("gid", "\(prepared.terminalGroup)"),
          .init("max", "\(Self.terminals)"),
        ],
        [.noSetUID, .noExecute], into: .pts))
    add("attach /dev/pts", .attach(.slot(.pts), at: .slot(.dev), path: "pts", [.noSymlinks]))
    add("make /dev/shm", .makeFolder("shm", at: .slot(.dev), mode: 0o755))
    add(
      "mount /dev/shm",
      .createMount(
        "tmpfs", [.init("mode", "1777"), .init("size", "64m")], [.noSetUID, .noDevices, .noExecute], into: .memory))
    add("attach /dev/shm", .attach(.slot(.memory), at: .slot(.dev), path: "shm", [.noSymlinks]))
  }
}
