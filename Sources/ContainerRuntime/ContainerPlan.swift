/// Everything the child does, in order: a pure function of what was asked for and what was found and opened.
///
/// Each part of a container adds its steps (`Parts/`); their order carries most of the safety. The root is attached and
/// pivoted to before anything is looked up in it, so that no link in it can lead out; /proc is covered before a mount of
/// the spec can depend on it; the user is looked up once every mount is in place; rights go last, because making mounts
/// needs them, and groups go before the user.
public struct ContainerPlan: Equatable, Sendable {
  public internal(set) var steps: [SetupStep]
  /// CLONE_NEW* beside the PID namespace.
  public var namespaces: UInt64
  public var command: [String]
  public var environment: [String]
  /// HOME is set from the user's entry, which is known only once the mounts are made.
  public var takesHome: Bool

  /// Everything that was found and opened for it: descriptor numbers are the controller's.
  struct Prepared: Equatable {
    /// A detached copy of the root filesystem's mount.
    var root: Int32
    /// To write `0` to, by v1 hierarchy.
    var legacyTasks: [LegacyTasks] = []
    /// Detached copies of bind mounts, in the order of the spec's mounts.
    var binds: [Bind] = []
    /// For pipes: standard output and error.
    var streams: Streams?
    /// A network namespace that was made beforehand, with its loopback up; nil to have the child make one.
    var network: Int32?
    /// The group that owns terminals, by the tree's own /etc/group.
    var terminalGroup: UInt32 = 5
    /// The kernel can report reboot(2).
    var canTellReboot = true
    /// Of a guest whose spec does not say; see `ResourceLimits.pendingSignals`.
    var pendingSignals: UInt64 = 4_096

    struct LegacyTasks: Equatable {
      var hierarchy: String
      var fd: Int32
    }

    struct Bind: Equatable {
      var fd: Int32
      var isFolder: Bool
    }

    struct Streams: Equatable {
      var output: Int32
      var error: Int32
    }
  }

  enum Namespace {
    static let mount: UInt64 = 0x0002_0000
    static let cgroup: UInt64 = 0x0200_0000
    static let uts: UInt64 = 0x0400_0000
    static let ipc: UInt64 = 0x0800_0000
    static let network: UInt64 = 0x4000_0000
  }

  init(_ spec: ContainerSpec, _ prepared: Prepared) {
    command = spec.command
    environment = spec.environment
    takesHome = !environment.contains { $0.hasPrefix("HOME=") }
    namespaces = Namespace.mount | Namespace.uts | Namespace.ipc
    steps = []
    add("tie to the controller", .guardParent)
    addNetwork(spec, prepared)
    addCgroups(prepared)
    // By the host's /proc: the guest's tree is not entered yet, and so has no part in where that leads (CVE-2025-52881).
    add("reset oom score", .oomScore("0"))
    add("make mounts private", .privateMounts)
    addDeviceNodes()
    addRoot(spec, prepared)
    addDev(prepared)
    addProc()
    addSys()
    addMounts(spec, prepared)
    // Every mount is in place: the files of users are the ones that init will see.
    add("show root filesystem", .showRoot)
    add("set hostname \(spec.hostname)", .setHostname(spec.hostname))
    add("start session", .newSession)
    add("make keyring", .newKeyring)
    add("look up user \(spec.user)", .hearUser)
    addConsole(spec, prepared)
    add("change to folder \(spec.workingDirectory)", .changeFolder(spec.workingDirectory))
    // After the descriptors of the set-up are opened: a low number of them is the guest's limit.
    steps += ResourceLimits.steps(spec.rlimits, pendingSignals: prepared.pendingSignals)
    addRights(spec, prepared)
    add("reset signals", .defaultSignals)
    // Changing the user has cleared the parent's death signal (prctl(2)).
    add("tie to the controller", .guardParent)
    add(
      "verify rights",
      .verify(
        capabilities: spec.capabilities, ambient: spec.addedCapabilities & spec.capabilities,
        noNewPrivileges: spec.noNewPrivileges))
    // With the rights that it is executed with.
    add("look up init \(spec.command[0])", .findInit)
    // It has opened a folder, for which a low number of descriptors has no room.
    steps += ResourceLimits.lastSteps(spec.rlimits)
    add("close descriptors", .closeOnExecute)
  }

  mutating func add(_ name: String, _ action: SetupStep.Action) {
    steps.append(SetupStep(name, action))
  }
}
