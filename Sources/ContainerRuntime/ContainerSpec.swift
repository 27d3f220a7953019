/// The description of a container: plain values, which the caller has checked.
///
/// The controller fills it from a guest's spec. Nothing here has been looked up on the host yet.
public struct ContainerSpec: Sendable {
  public enum RootMode: Sendable, Hashable {
    /// The tree itself; writes stay in it.
    case direct
    case readOnly
    /// Writes go to memory, at most so many bytes (nil: half the memory, tmpfs(5)), and end with the container.
    case overlay(bytes: UInt64?)
  }

  public enum Mount: Sendable, Hashable {
    case bind(source: String, target: String, readOnly: Bool)
    case tmpfs(target: String, TmpfsOptions, readOnly: Bool)

    public var target: String {
      switch self {
      case .bind(_, let target, _), .tmpfs(let target, _, _): target
      }
    }
  }

  /// Attributes of memory; nil takes after the folder that it covers, or is a folder for everybody (1777, root).
  public struct TmpfsOptions: Sendable, Hashable {
    /// Nil: half of the host's memory (tmpfs(5)), and never more than the limit of the container.
    public var bytes: UInt64?
    public var mode: UInt32?
    public var uid: UInt32?
    public var gid: UInt32?

    public init(bytes: UInt64? = nil, mode: UInt32? = nil, uid: UInt32? = nil, gid: UInt32? = nil) {
      self.bytes = bytes
      self.mode = mode
      self.uid = uid
      self.gid = gid
    }
  }

  public enum Console: Sendable, Hashable {
    case terminal
    case pipes
  }

  public struct ResourceLimit: Sendable, Hashable {
    /// RLIMIT_*, as a number.
    public var resource: UInt32
    /// UInt64.max is unlimited.
    public var soft: UInt64
    public var hard: UInt64

    public init(resource: UInt32, soft: UInt64, hard: UInt64) {
      self.resource = resource
      self.soft = soft
      self.hard = hard
    }
  }

  public var rootPath: String
  public var rootMode: RootMode
  /// Init and its arguments; the first is an absolute path inside the container.
  public var command: [String]
  /// `NAME=value` each. `HOME` is added from the user's entry where it is missing.
  public var environment: [String]
  public var workingDirectory: String
  /// `NAME`, `UID`, `NAME:GROUP` or `UID:GID`, looked up inside the root filesystem.
  public var user: String
  /// Supplementary groups beside those that /etc/group gives a named user.
  public var groups: [String]
  public var hostname: String
  /// Share the host's network; otherwise a namespace of its own with the loopback interface up.
  public var hostNetwork: Bool
  public var mounts: [Mount]
  public var rlimits: [ResourceLimit]
  /// The capability bounding set; capability n is bit n.
  public var capabilities: UInt64
  /// Those that a user other than root has, too (ambient, capabilities(7)); none that the bounding set lacks.
  public var addedCapabilities: UInt64 = 0
  public var console: Console
  /// No program gives more rights than its caller has: set-id bits and file capabilities do nothing (PR_SET_NO_NEW_PRIVS).
  public var noNewPrivileges = true

  public init(
    rootPath: String, rootMode: RootMode = .direct, command: [String], environment: [String] = [],
    workingDirectory: String = "/", user: String = "0", groups: [String] = [], hostname: String,
    hostNetwork: Bool = false, mounts: [Mount] = [], rlimits: [ResourceLimit] = [], capabilities: UInt64 = 0,
    console: Console = .terminal
  ) {
    self.rootPath = rootPath
    self.rootMode = rootMode
    self.command = command
    self.environment = environment
    self.workingDirectory = workingDirectory
    self.user = user
    self.groups = groups
    self.hostname = hostname
    self.hostNetwork = hostNetwork
    self.mounts = mounts
    self.rlimits = rlimits
    self.capabilities = capabilities
    self.console = console
  }
}
