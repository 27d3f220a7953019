import Glibc
public import LinuxSystem

/// Where this host keeps its cgroups.
///
/// The unified hierarchy (cgroup v2) gives kill, freeze and populated. A controller is either there or, on a hybrid
/// host, in a v1 hierarchy; never in both (cgroups(7)).
public struct CgroupHost: Equatable, Sendable {
  /// One v1 hierarchy that is mounted.
  public struct LegacyHierarchy: Equatable, Sendable {
    /// Its controllers or its name: `memory`, `cpu,cpuacct`, `name=systemd`.
    public var name: String
    public var mountPoint: String

    public init(name: String, mountPoint: String) {
      self.name = name
      self.mountPoint = mountPoint
    }

    public var controllers: [String] { name.split(separator: ",").map(String.init) }
  }

  /// Mount point of cgroup v2.
  public var unified: String
  /// Every v1 hierarchy that is mounted, also those that no limit needs: one in which a guest has no group of its own is
  /// one whose root it reaches.
  public var hierarchies: [LegacyHierarchy]
  /// Controllers that the root of the unified hierarchy offers.
  public var unifiedControllers: Set<String>

  public enum Place: Equatable, Sendable { case unified, legacy, missing }

  /// The controllers that limits need, as cgroup v2 names them.
  public static var needed: [String] { CgroupLimit.all.map(\.controller) }

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
    hierarchies = []
    unifiedControllers = []
    for mount in mounts where mount.type == "cgroup" {
      let name = mount.superOptions.filter(Self.isController).joined(separator: ",")
      guard !name.isEmpty, !hierarchies.contains(where: { $0.name == name }) else { continue }
      hierarchies.append(LegacyHierarchy(name: name, mountPoint: mount.mountPoint))
    }
  }

  /// Options of a v1 mount are its controllers and name, and a few that say how it is mounted (cgroups(7)).
  private static func isController(_ option: String) -> Bool {
    let others = [
      "rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode", "favordynmods", "nofavordynmods",
      "seclabel",
    ]
    return !others.contains(option) && !option.hasPrefix("release_agent=")
  }

  /// Mount point of the v1 hierarchy that holds a controller.
  public func legacy(_ controller: String) -> String? {
    let name = CgroupLimit.legacyName(of: controller)
    return hierarchies.first { $0.controllers.contains(name) }?.mountPoint
  }

  public func place(of controller: String) -> Place {
    if unifiedControllers.contains(controller) { return .unified }
    return legacy(controller) == nil ? .missing : .legacy
  }

  /// The files, joined to a sentence's end, without which this kernel cannot keep a limit; nil where it can, or where there
  /// is no group yet that would show it.
  public func missingFiles(of controller: String) -> String? {
    let isUnified = unifiedControllers.contains(controller)
    guard let row = CgroupLimit.all.first(where: { $0.controller == controller }),
      let mountPoint = isUnified ? unified : legacy(controller),
      let group = (try? Files.list(mountPoint))?.first(where: { $0.kind == .directory })
    else { return nil }
    let folder = "\(mountPoint)/\(group.name)"
    if isUnified, !words((try? Files.read(folder + "/cgroup.controllers")) ?? []).contains(controller) { return nil }
    let sets = isUnified ? row.unified : row.legacy
    if sets.contains(where: { Files.exists("\(folder)/\($0[0].name)") }) { return nil }
    return sets.map { $0[0].name }.joined(separator: " and no ")
  }

  /// In words for `lodge host`.
  public var mode: String { hierarchies.contains { !$0.name.hasPrefix("name=") } ? "hybrid" : "unified" }
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
