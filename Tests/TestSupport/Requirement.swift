import Glibc
import LinuxSystem
public import Testing

/// A need of a test. Where the machine lacks it the test is skipped, with a sentence that says what to do.
public enum Requirement: Sendable {
  /// Namespaces, mounts and cgroups.
  case root
  /// A cgroup v2 tree that can be written to: unified or hybrid.
  case cgroups
  /// A memory controller, of v1 or v2.
  case memoryController
  /// A pids controller, of v1 or v2.
  case pidsController
  /// Debian's busybox-static.
  case busybox
  /// mmdebstrap and a reachable Debian archive.
  case debianArchive
  /// A program of the host's, by path, and the Debian package that has it.
  case program(String, package: String)
  /// A device file, and the kernel module that makes it.
  case device(String, module: String)
  /// Set on demand: a test that takes minutes.
  case environment(String)

  /// Nil when it is there.
  var missing: String? {
    switch self {
    case .root:
      return getuid() == 0 ? nil : "needs root; run as root"
    case .cgroups:
      return CgroupTrees.unified != nil ? nil : "needs a cgroup v2 mount; mount -t cgroup2 none /sys/fs/cgroup/unified"
    case .memoryController:
      return CgroupTrees.holds("memory") ? nil : "needs the memory cgroup controller; see lodge host"
    case .pidsController:
      return CgroupTrees.holds("pids") ? nil : "needs the pids cgroup controller; see lodge host"
    case .busybox:
      return RootTrees.busyboxProgram != nil ? nil : "needs busybox; apt-get install busybox-static"
    case .debianArchive:
      return access("/usr/bin/mmdebstrap", X_OK) == 0 ? nil : "needs mmdebstrap; apt-get install mmdebstrap"
    case .program(let path, let package):
      return access(path, X_OK) == 0 ? nil : "needs \(path); apt-get install \(package)"
    case .device(let path, let module):
      return access(path, R_OK | W_OK) == 0 ? nil : "needs \(path); modprobe \(module)"
    case .environment(let name):
      return getenv(name) != nil ? nil : "runs only when asked for; set \(name)"
    }
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips the test, saying why, unless the machine has all of these.
  public static func requires(_ requirements: Requirement...) -> Self {
    let missing = requirements.compactMap(\.missing)
    return .enabled(if: missing.isEmpty, Comment(rawValue: missing.joined(separator: "; ")))
  }

  /// The needs of nearly every test with real guests.
  public static var requiresGuests: Self { .requires(.root, .cgroups, .busybox) }
}

/// Where this host has its cgroups; cgroups(7).
public enum CgroupTrees {
  /// The v2 mount, which a hybrid host has beside the v1 ones.
  public static let unified: String? = mounts.first { $0.type == "cgroup2" }?.path
  /// All of them.
  public static let all: [String] = mounts.map(\.path)

  public static func holds(_ controller: String) -> Bool {
    if mounts.contains(where: { $0.type == "cgroup" && $0.options.contains(controller) }) { return true }
    guard let unified, let text = try? Files.read(unified + "/cgroup.controllers") else { return false }
    return String(decoding: text, as: UTF8.self).split(whereSeparator: { $0 == " " || $0 == "\n" })
      .contains { $0 == controller }
  }

  private static let mounts: [(path: String, type: String, options: [String])] = {
    guard let text = try? Files.read("/proc/self/mounts") else { return [] }
    return String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count > 3, fields[2] == "cgroup" || fields[2] == "cgroup2" else { return nil }
      return (String(fields[1]), String(fields[2]), fields[3].split(separator: ",").map(String.init))
    }
  }()
}
