/// Everything the child does, in order: a pure function of what was asked for and what was found and opened.
///
/// The order carries most of the safety. The root is attached and pivoted to before anything is looked up in it, so that
/// no link in it can lead out; /proc is covered before a mount of the spec can depend on it; rights go last, because
/// making mounts needs them; and groups go before the user.
public struct ContainerPlan: Equatable, Sendable {
  public var steps: [SetupStep]
  /// CLONE_NEW* beside the PID namespace.
  public var namespaces: UInt64
  public var command: [String]
  public var environment: [String]

  /// What was found and opened for it: descriptor numbers are the controller's.
  struct Prepared: Equatable {
    /// A detached copy of the root filesystem's mount.
    var root: Int32
    /// To write `0` to, by controller.
    var legacyTasks: [(controller: String, fd: Int32)] = []
    /// Detached copies of bind mounts, in the order of the spec's mounts; whether each is a folder.
    var binds: [(fd: Int32, isFolder: Bool)] = []
    /// For pipes: standard output and error.
    var streams: (output: Int32, error: Int32)?
    var null: Int32 = -1
    /// A network namespace that was made beforehand, with its loopback up; nil to have the child make one.
    var network: Int32?
    var user: ResolvedUser
    /// The kernel can tell about reboot(2).
    var canTellReboot = true

    static func == (a: Prepared, b: Prepared) -> Bool { a.root == b.root && a.user == b.user }
  }

  enum Namespace {
    static let mount: UInt64 = 0x0002_0000
    static let cgroup: UInt64 = 0x0200_0000
    static let uts: UInt64 = 0x0400_0000
    static let ipc: UInt64 = 0x0800_0000
    static let network: UInt64 = 0x4000_0000
  }

  /// Files of /proc that tell about the host or reach into it; the list that container engines share.
  static let maskedFiles = ["kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug"]
  static let maskedFolders = ["acpi", "asound", "scsi"]
  static let protectedPaths = ["bus", "fs", "irq", "sys", "sysrq-trigger"]
  static let devices: [(name: String, slot: SetupStep.Slot)] = [
    ("null", .null), ("zero", .zero), ("full", .full), ("random", .random), ("urandom", .urandom), ("tty", .tty),
  ]

  init(_ spec: ContainerSpec, _ prepared: Prepared) {
    command = spec.command
    environment = spec.environment
    if !environment.contains(where: { $0.hasPrefix("HOME=") }) { environment.append("HOME=\(prepared.user.home)") }
    let makesNetwork = !spec.hostNetwork && prepared.network == nil
    namespaces = Namespace.mount | Namespace.uts | Namespace.ipc | (makesNetwork ? Namespace.network : 0)
    steps = []
    add("tie to the controller", .guardParent)
    if let network = prepared.network, !spec.hostNetwork {
      // Before /sys is mounted, which shows the network of who mounts it.
      add("enter network namespace", .enter(.descriptor(network), Namespace.network))
    }
    for (controller, fd) in prepared.legacyTasks {
      add("join cgroup \(controller)", .write("0", to: .descriptor(fd)))
    }
    // Only now: the namespace's root is the cgroup one is in when making it (cgroup_namespaces(7)).
    add("make cgroup namespace", .unshare(Namespace.cgroup))
    add("make mounts private", .privateMounts)
    addRoot(spec, prepared)
    addDev(prepared)
    addProc()
    addSys()
    addMounts(spec, prepared)
    add("set hostname \(spec.hostname)", .setHostname(spec.hostname))
    if makesNetwork { add("bring up loopback", .loopbackUp) }
    addConsole(spec, prepared)
    for limit in spec.rlimits {
      add("set resource limit \(limit.resource)", .limit(limit.resource, soft: limit.soft, hard: limit.hard))
    }
    add("reset oom score", .oomScore("0"))
    add("change to folder \(spec.workingDirectory)", .changeFolder(spec.workingDirectory))
    addRights(spec, prepared)
    add("reset signals", .defaultSignals)
    // Changing the user has cleared the parent's death signal (prctl(2)).
    add("tie to the controller", .guardParent)
    // Late, because its listener tells the controller that next to nothing can fail any more; see Container.receive.
    add("install system call filter", .filter(tell: prepared.canTellReboot))
    add("close descriptors", .closeOnExecute)
  }

  private mutating func add(_ name: String, _ action: SetupStep.Action) {
    steps.append(SetupStep(name, action))
  }

  /// The child's own view of the host is where mounts are put together, on its /proc, which every host has and which
  /// goes with the old root.
  private mutating func addRoot(_ spec: ContainerSpec, _ prepared: Prepared) {
    for (name, slot) in Self.devices {
      add("take /dev/\(name)", .cloneMount("/dev/\(name)", at: .root, [.noSetUID, .noExecute], into: slot))
    }
    guard case .overlay(let bytes) = spec.rootMode else {
      add("attach root filesystem", .attach(.descriptor(prepared.root), at: .root, path: "/proc", []))
      add("pivot to root filesystem", .pivot(.descriptor(prepared.root)))
      return
    }
    let size = bytes.map { [SetupStep.Option("size", "\($0)")] } ?? []
    add("mount overlay memory", .createMount("tmpfs", size + [.init("mode", "0755")], [.noDevices], into: .layers))
    add("attach overlay memory", .attach(.slot(.layers), at: .root, path: "/proc", []))
    for folder in ["lower", "upper", "work", "root"] {
      add("make overlay folder \(folder)", .makeFolder(folder, at: .slot(.layers), mode: 0o755))
    }
    add(
      "attach root filesystem", .attach(.descriptor(prepared.root), at: .slot(.layers), path: "lower", [.noSymlinks]))
    add(
      "mount overlay",
      .createMount(
        "overlay",
        [.init("lowerdir", "/proc/lower"), .init("upperdir", "/proc/upper"), .init("workdir", "/proc/work")],
        [.noDevices], into: .root))
    add("attach overlay", .attach(.slot(.root), at: .slot(.layers), path: "root", [.noSymlinks]))
    add("pivot to overlay", .pivot(.slot(.root)))
  }

  private mutating func addDev(_ prepared: Prepared) {
    // No devices on the mount: a node that the guest makes does nothing. The few it may have are mounts of their own.
    add(
      "mount /dev",
      .createMount(
        "tmpfs", [.init("mode", "0755"), .init("size", "1m")], [.noSetUID, .noDevices, .noExecute], into: .dev))
    add("attach /dev", .attach(.slot(.dev), at: .root, path: "/dev", [.noSymlinks, .makeFolder]))
    for (name, slot) in Self.devices {
      add("make /dev/\(name)", .makeFile(name, at: .slot(.dev)))
      add("attach /dev/\(name)", .attach(.slot(slot), at: .slot(.dev), path: name, [.noSymlinks]))
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
        "devpts", [.init("ptmxmode", "0666"), .init("mode", "0620"), .init("gid", "\(prepared.user.terminalGroup)")],
        [.noSetUID, .noExecute], into: .pts))
    add("attach /dev/pts", .attach(.slot(.pts), at: .slot(.dev), path: "pts", [.noSymlinks]))
    add("make /dev/shm", .makeFolder("shm", at: .slot(.dev), mode: 0o755))
    add(
      "mount /dev/shm",
      .createMount(
        "tmpfs", [.init("mode", "1777"), .init("size", "64m")], [.noSetUID, .noDevices, .noExecute], into: .memory))
    add("attach /dev/shm", .attach(.slot(.memory), at: .slot(.dev), path: "shm", [.noSymlinks]))
  }

  private mutating func addProc() {
    let attributes: SetupStep.Attributes = [.noSetUID, .noDevices, .noExecute]
    add("mount /proc", .createMount("proc", [], attributes, into: .proc))
    add("attach /proc", .attach(.slot(.proc), at: .root, path: "/proc", [.noSymlinks, .makeFolder]))
    // Relative to the mount itself: wherever a hostile tree got it attached, it is covered.
    for name in Self.maskedFiles { add("mask /proc/\(name)", .mask(name, at: .slot(.proc), with: .slot(.null))) }
    // One inode: the folder itself.
    let nothing: [SetupStep.Option] = [.init("size", "4k"), .init("nr_inodes", "1"), .init("mode", "0555")]
    add("mount empty folder", .createMount("tmpfs", nothing, attributes.union(.readOnly), into: .empty))
    for name in Self.maskedFolders { add("mask /proc/\(name)", .mask(name, at: .slot(.proc), with: .slot(.empty))) }
    for name in Self.protectedPaths { add("protect /proc/\(name)", .protect(name, at: .slot(.proc))) }
  }

  private mutating func addSys() {
    let attributes: SetupStep.Attributes = [.readOnly, .noSetUID, .noDevices, .noExecute]
    add("mount /sys", .createMount("sysfs", [], attributes, into: .sys))
    add("attach /sys", .attach(.slot(.sys), at: .root, path: "/sys", [.noSymlinks, .makeFolder]))
    add("mask /sys/firmware", .mask("firmware", at: .slot(.sys), with: .slot(.empty)))
    // In its own cgroup namespace the container sees its own group as the root.
    add("mount /sys/fs/cgroup", .createMount("cgroup2", [], attributes, into: .memory))
    add("attach /sys/fs/cgroup", .attach(.slot(.memory), at: .slot(.sys), path: "fs/cgroup", [.noSymlinks]))
  }

  private mutating func addMounts(_ spec: ContainerSpec, _ prepared: Prepared) {
    var binds = prepared.binds.makeIterator()
    let existing: SetupStep.AttachFlags = [.notProc]
    for mount in spec.mounts {
      switch mount {
      case .bind(_, let target, _):
        let bind = binds.next()!
        add(
          "mount \(target)",
          .attach(
            .descriptor(bind.fd), at: .root, path: target,
            spec.rootMode == .readOnly ? existing : existing.union(bind.isFolder ? .makeFolder : .makeFile)))
      case .tmpfs(let target, let bytes, let readOnly):
        let size = bytes.map { [SetupStep.Option("size", "\($0)")] } ?? []
        let attributes: SetupStep.Attributes = readOnly ? [.readOnly] : []
        add(
          "mount tmpfs for \(target)",
          .createMount(
            "tmpfs", size + [.init("mode", "1777")], attributes.union([.noSetUID, .noDevices]), into: .memory))
        add(
          "mount \(target)",
          .attach(
            .slot(.memory), at: .root, path: target,
            spec.rootMode == .readOnly ? existing : existing.union(.makeFolder)))
      }
    }
  }

  private mutating func addConsole(_ spec: ContainerSpec, _ prepared: Prepared) {
    add("start session", .newSession)
    add("make keyring", .newKeyring)
    if let streams = prepared.streams {
      add("set standard input", .standardStream(0, from: .descriptor(prepared.null)))
      add("set standard output", .standardStream(1, from: .descriptor(streams.output)))
      add("set standard error", .standardStream(2, from: .descriptor(streams.error)))
    } else {
      add("make /dev/console", .makeFile("console", at: .slot(.dev)))
      add(
        "open console",
        .terminal(
          devpts: .slot(.pts), dev: .slot(.dev), uid: prepared.user.uid, gid: prepared.user.terminalGroup))
    }
  }

  private mutating func addRights(_ spec: ContainerSpec, _ prepared: Prepared) {
    add("forbid new privileges", .noNewPrivileges)
    add("drop capabilities", .bounding(spec.capabilities))
    add("set groups", .groups(prepared.user.groups))
    add("become user \(prepared.user.uid)", .user(uid: prepared.user.uid, gid: prepared.user.gid))
    // A user other than 0 has lost them with the change.
    if prepared.user.uid == 0 { add("set capabilities", .capabilities(spec.capabilities)) }
  }
}
