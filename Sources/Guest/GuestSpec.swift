/// Everything that makes a guest, as its administrator defined it. `docs/guest-spec.md` explains every key.
///
/// A value of this type may still break a rule; `validate()` checks all of them.
public struct GuestSpec: Sendable, Hashable {
  public var description = ""
  public var rootfs: Rootfs
  /// The guest's init and its arguments. The first is a path inside the guest.
  public var command: [String]
  public var workingDirectory = "/"
  public var environment: [EnvironmentVariable] = []
  /// `NAME`, `UID`, `NAME:GROUP` or `UID:GID`, looked up in the guest's own `/etc/passwd` and `/etc/group`.
  public var user = "0"
  /// Supplementary groups, by name or number.
  public var groups: [String] = []
  /// Nil takes the guest's name.
  public var hostname: String?
  public var network = NetworkMode.none
  public var mounts: [MountSpec] = []
  public var limits = Limits()
  public var rlimits: [ResourceLimit] = []
  public var capabilities = Capabilities()
  /// Whether set-id programs and file capabilities have no effect in the guest (PR_SET_NO_NEW_PRIVS, prctl(2)).
  public var noNewPrivileges = true
  public var console = ConsoleMode.pty
  public var log = LogPolicy()
  public var restart = RestartPolicy()
  public var stop = StopPolicy()
  /// Start it when the daemon starts after a boot of the host.
  public var autostart = false
  /// Remove it when its run has ended.
  public var transient = false
  public var labels: [Label] = []
  /// Settings of a newer version, as the database has them. They are kept for that version and not in force here; a guest
  /// with any is shown and looked after, and not started.
  public var foreign: [ForeignSetting] = []

  public init(rootfs: Rootfs, command: [String]) {
    self.rootfs = rootfs
    self.command = command
  }
}

/// A key that this version does not know, or a value of a known key that it does not know.
public struct ForeignSetting: Sendable, Hashable {
  public var key: String
  public var value: String

  public init(_ key: String, _ value: String) {
    self.key = key
    self.value = value
  }
}

/// The tree a guest sees as `/`.
public struct Rootfs: Sendable, Hashable {
  public enum Mode: Sendable, Hashable, CaseIterable {
    /// As it is: what the guest writes stays in the tree.
    case direct
    case readOnly
    /// Writes go to memory and end with the run, so many guests share one tree.
    case overlay
  }

  /// Absolute path on the host.
  public var path: String
  public var mode: Mode
  /// Most that overlay writes may take; nil is half the memory (tmpfs(5)).
  public var overlayBytes: UInt64?

  public init(path: String, mode: Mode = .direct, overlayBytes: UInt64? = nil) {
    self.path = path
    self.mode = mode
    self.overlayBytes = overlayBytes
  }
}

public enum NetworkMode: Sendable, Hashable, CaseIterable {
  /// A namespace of its own with the loopback interface up.
  case none
  /// The host's.
  case host
}

public enum ConsoleMode: Sendable, Hashable, CaseIterable {
  case pty
  case pipes
}

public struct MountSpec: Sendable, Hashable {
  public enum Source: Sendable, Hashable {
    /// An absolute path on the host.
    case bind(String)
    /// Memory that ends with the run.
    case tmpfs(TmpfsOptions)

    public static func tmpfs(bytes: UInt64?) -> Source { .tmpfs(TmpfsOptions(bytes: bytes)) }
  }

  public var source: Source
  /// Absolute path inside the guest; made if it is missing and can be.
  public var target: String
  public var readOnly: Bool

  public init(_ source: Source, at target: String, readOnly: Bool = false) {
    self.source = source
    self.target = target
    self.readOnly = readOnly
  }
}

/// Attributes of a memory file system (tmpfs(5)).
public struct TmpfsOptions: Sendable, Hashable {
  /// The most that it may hold; nil is half of the host's memory.
  public var bytes: UInt64?
  /// Permission bits of its top folder, 0 to 0o7777; nil keeps those of the folder that it covers, or 0o1777 where none
  /// is there.
  public var mode: UInt32?
  /// Owner of its top folder as seen inside the guest; nil keeps the owner of the folder that it covers, or 0.
  public var uid: UInt32?
  /// Group of its top folder, likewise.
  public var gid: UInt32?

  public init(bytes: UInt64? = nil, mode: UInt32? = nil, uid: UInt32? = nil, gid: UInt32? = nil) {
    self.bytes = bytes
    self.mode = mode
    self.uid = uid
    self.gid = gid
  }
}

public struct EnvironmentVariable: Sendable, Hashable {
  public var name: String
  public var value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

public struct Label: Sendable, Hashable {
  public var key: String
  public var value: String

  public init(_ key: String, _ value: String) {
    self.key = key
    self.value = value
  }
}

/// Limits of a run's cgroup; nil is none.
public struct Limits: Sendable, Hashable {
  public var memoryBytes: UInt64?
  public var pids: UInt64?
  /// Thousandths of one CPU's time.
  public var cpuMillis: UInt64?
  /// The share of the disks among groups that want them at the same time: 1 to 10,000, 100 being a group's without any.
  public var ioWeight: UInt64?

  public init(
    memoryBytes: UInt64? = nil, pids: UInt64? = nil, cpuMillis: UInt64? = nil, ioWeight: UInt64? = nil
  ) {
    self.memoryBytes = memoryBytes
    self.pids = pids
    self.cpuMillis = cpuMillis
    self.ioWeight = ioWeight
  }
}

/// One limit of setrlimit(2).
public struct ResourceLimit: Sendable, Hashable {
  public static let unlimited = UInt64.max
  /// Without `RLIMIT_`, in the kernel's order of numbers: the index is the number.
  public static let names = [
    "cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as", "locks", "sigpending",
    "msgqueue", "nice", "rtprio", "rttime",
  ]

  public var name: String
  public var soft: UInt64
  public var hard: UInt64

  public init(_ name: String, soft: UInt64, hard: UInt64) {
    self.name = name
    self.soft = soft
    self.hard = hard
  }
}

/// Changes to the usual capability bounding set. Lower-case names without `CAP_` (capabilities(7)).
public struct Capabilities: Sendable, Hashable {
  public var added: [String]
  /// `all` drops the whole set before anything is added.
  public var dropped: [String]

  public init(added: [String] = [], dropped: [String] = []) {
    self.added = added
    self.dropped = dropped
  }

  /// In the kernel's order of numbers: the index is the number.
  public static let names = [
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
    "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
    "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
    "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
    "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
    "checkpoint_restore",
  ]

  /// A guest's capabilities unless its spec says otherwise: the field's usual set, and `sys_boot`, without which a
  /// guest could not call reboot(2) for itself. Loading another kernel, which `sys_boot` also allows, is refused by a
  /// filter.
  public static let usual = [
    "chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "net_bind_service", "net_raw",
    "sys_chroot", "sys_boot", "mknod", "audit_write", "setfcap",
  ]
}

public struct LogPolicy: Sendable, Hashable {
  /// A log file is rotated at this size.
  public var maximumBytes: UInt64
  /// So many are kept, the current one included.
  public var files: UInt32

  public init(maximumBytes: UInt64 = 10 << 20, files: UInt32 = 3) {
    self.maximumBytes = maximumBytes
    self.files = files
  }
}

/// Whether, when and how often a guest is started again after its end.
public struct RestartPolicy: Sendable, Hashable {
  public enum Mode: Sendable, Hashable, CaseIterable {
    case never
    /// Only when the guest itself called reboot(2).
    case onReboot
    /// And when it failed: a code other than 0, a signal, out of memory, controller lost, host reset, failed start.
    case onFailure
    /// However it ended, unless an administrator stopped it.
    case always
  }

  public var mode: Mode
  /// A run at least this long was a good one: it resets the backoff.
  public var minimumUptimeMillis: UInt64
  public var backoffInitialMillis: UInt64
  public var backoffMaximumMillis: UInt64
  /// Give up after so many restarts within the window; 0 never gives up.
  public var limitCount: UInt32
  public var limitWindowMillis: UInt64

  public init(
    mode: Mode = .onReboot, minimumUptimeMillis: UInt64 = 10_000, backoffInitialMillis: UInt64 = 1_000,
    backoffMaximumMillis: UInt64 = 300_000, limitCount: UInt32 = 10, limitWindowMillis: UInt64 = 600_000
  ) {
    self.mode = mode
    self.minimumUptimeMillis = minimumUptimeMillis
    self.backoffInitialMillis = backoffInitialMillis
    self.backoffMaximumMillis = backoffMaximumMillis
    self.limitCount = limitCount
    self.limitWindowMillis = limitWindowMillis
  }
}

/// How a guest is stopped: its own signal, then SIGTERM, then SIGKILL for all of it, each with its time.
public struct StopPolicy: Sendable, Hashable {
  /// The polite signal, sent to init; SIGTERM (15) unless the guest wants another.
  public var signal: Int32
  /// Time the polite signal has to work.
  public var timeoutMillis: UInt64
  /// Time SIGTERM then has, if it was not the polite signal.
  public var termTimeoutMillis: UInt64

  public init(signal: Int32 = 15, timeoutMillis: UInt64 = 10_000, termTimeoutMillis: UInt64 = 2_000) {
    self.signal = signal
    self.timeoutMillis = timeoutMillis
    self.termTimeoutMillis = termTimeoutMillis
  }
}
