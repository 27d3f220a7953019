/// One thing the child does between clone3 and execve, and its name for when it fails.
///
/// The list of these is the whole of a container's making: what is not in it does not happen, and a test that fails or
/// kills at every step takes its names from here.
public struct SetupStep: Equatable, Sendable {
  /// The name that people read when it fails: `mount /proc`.
  public var name: String
  public var action: Action

  public init(_ name: String, _ action: Action) {
    self.name = name
    self.action = action
  }

  /// A descriptor the child uses.
  public enum Operand: Equatable, Sendable {
    /// The controller's, under the same number.
    case descriptor(Int32)
    /// A mount that an earlier step made.
    case slot(Slot)
    /// The container's root, once pivoted; before that the controller's working directory.
    case root
  }

  /// Where a step leaves a mount for later ones.
  public enum Slot: Int32, Equatable, Sendable, CaseIterable {
    case root, layers, dev, pts, proc, sys, memory, emptyFolder, emptyFile, nodes, null, zero, full, random, urandom,
      tty
  }

  public struct Attributes: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    // MOUNT_ATTR_* of mount_setattr(2): of the mount, never of the filesystem, which the host may share.
    public static let readOnly = Attributes(rawValue: 0x1)
    public static let noSetUID = Attributes(rawValue: 0x2)
    public static let noDevices = Attributes(rawValue: 0x4)
    public static let noExecute = Attributes(rawValue: 0x8)
  }

  public struct AttachFlags: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let noSymlinks = AttachFlags(rawValue: 1)
    public static let makeFolder = AttachFlags(rawValue: 2)
    public static let makeFile = AttachFlags(rawValue: 4)
    public static let notProc = AttachFlags(rawValue: 8)
    /// With mode and owner of the folder that it covers.
    public static let asCovered = AttachFlags(rawValue: 16)
  }

  public struct Option: Equatable, Sendable {
    public var key: String
    /// Nil: a flag.
    public var value: String?

    public init(_ key: String, _ value: String? = nil) {
      self.key = key
      self.value = value
    }
  }

  public enum LimitMode: Equatable, Sendable {
    case exactly
    /// Where the hard limit may not be raised, as high as it is.
    case asFarAsAllowed
    /// The soft limit becomes the hard one.
    case hardAsItIs
  }

  public enum Action: Equatable, Sendable {
    case guardParent
    case write(String, to: Operand)
    /// CLONE_NEW*.
    case unshare(UInt64)
    /// A namespace of that kind, CLONE_NEW*.
    case enter(Operand, UInt64)
    case privateMounts
    case createMount(String, [Option] = [], Attributes, into: Slot)
    case cloneMount(String, at: Operand, Attributes, into: Slot)
    /// With attributes that the mount gets just before.
    case attach(Operand, at: Operand, path: String, AttachFlags, with: Attributes = [])
    case pivot(Operand)
    case makeFolder(String, at: Operand, mode: UInt64)
    case makeFile(String, at: Operand)
    /// A character device by its major and minor number.
    case makeDevice(String, at: Operand, UInt64, UInt64)
    case makeLink(String, at: Operand, to: String)
    case mask(String, at: Operand, with: Operand)
    /// Every entry of procfs but processes and links: the hidden ones get a cover, all others are read-only from then on.
    /// The mount is read-only before, and may be written after.
    case coverEntries(of: Operand, hidden: [String], file: Operand, folder: Slot)
    case setHostname(String)
    case loopbackUp
    case newSession
    case newKeyring
    /// Send the root to the controller, which answers with the user; wait for the answer.
    case showRoot
    case hearUser
    case terminal(devpts: Operand, dev: Operand, gid: UInt32)
    case standardStream(UInt64, from: Operand)
    case openStream(UInt64, String, at: Operand)
    case limit(UInt32, soft: UInt64, hard: UInt64, LimitMode)
    case oomScore(String)
    case changeFolder(String)
    case bounding(UInt64)
    case noNewPrivileges
    /// Instructions as struct sock_filter, two numbers each; whether their listener goes to the controller.
    case filter([UInt32], listen: Bool)
    /// Those of the answer to `showRoot`.
    case groups
    /// Whether a user other than root may keep capabilities.
    case user(keeping: UInt64)
    /// For root, and for every other user: their ambient ones.
    case capabilities(UInt64, ambient: UInt64)
    /// Read back what the kernel has, and fail where it is not what was set.
    case verify(capabilities: UInt64, ambient: UInt64, noNewPrivileges: Bool)
    /// Look up what is executed at the end: init, and the interpreter where it is a script.
    case findInit
    case defaultSignals
    case closeOnExecute
    /// Crash points: fail with an errno; have the controller end itself, and go on once it is gone; wait.
    case fail(Int32)
    case crashController
    case pause
  }
}
