import Glibc
public import LinuxSystem

/// Where this host keeps its cgroups.
///
/// The unified hierarchy (cgroup v2) gives kill, freeze and populated. A controller is either there or, on a hybrid
/// host, in a v1 hierarchy of its own; never in both (cgroups(7)).
public struct CgroupHost: Equatable, Sendable {
  /// Mount point of cgroup v2.
  public var unified: String
  /// Mount points of v1 hierarchies by controller.
  public var legacy: [String: String]
  /// Controllers that the root of the unified hierarchy offers.
  public var unifiedControllers: Set<String>

  public enum Place: Equatable, Sendable { case unified, legacy, missing }

  /// The controllers that limits need.
  public static let needed = ["memory", "pids", "cpu"]

  /// Looks at the host.
  public static func detect() throws(StepError) -> CgroupHost {
    let mounts = try during("read the table of mounts") { () throws(SystemError) in try MountEntry.all(ofType: "cgroup")
    }
    guard var host = CgroupHost(mounts: mounts) else {
      throw StepError(
        step: "find cgroup v2", reason: "it is not mounted",
        hint: "mount it: mount -t cgroup2 none /sys/fs/cgroup")
    }
    let path = host.unified + "/cgroup.controllers"
    host.unifiedControllers = Set(
      words(try during("read \(path)") { () throws(SystemError) in try Files.read(path) }))
    return host
  }

  /// Nil where cgroup v2 is not mounted.
  init?(mounts: [MountEntry]) {
    // The last one mounted at a place is the one seen there; of several places the first is as good as any.
    guard let unified = mounts.first(where: { $0.type == "cgroup2" }) else { return nil }
    self.unified = unified.mountPoint
    legacy = [:]
    unifiedControllers = []
    for mount in mounts where mount.type == "cgroup" {
      for controller in Self.needed where mount.superOptions.contains(controller) {
        if legacy[controller] == nil { legacy[controller] = mount.mountPoint }
      }
    }
  }

  public func place(of controller: String) -> Place {
    if unifiedControllers.contains(controller) { return .unified }
    return legacy[controller] == nil ? .missing : .legacy
  }

  /// In words for `lodge host`.
  public var mode: String { legacy.isEmpty ? "unified" : "hybrid" }
}

/// The words of a control file.
func words(_ bytes: some Sequence<UInt8>) -> [String] {
  Array(bytes).split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }.map { String(decoding: $0, as: UTF8.self) }
}

/// The number after `key ` in a flat keyed file such as memory.events.
func keyedValue(_ key: String, in bytes: [UInt8]) -> UInt64? {
  for line in bytes.split(separator: UInt8(ascii: "\n")) {
    let fields = line.split(separator: UInt8(ascii: " "))
    if fields.count == 2, fields[0].elementsEqual(key.utf8) { return UInt64(decimal: fields[1]) }
  }
  return nil
}
