import Glibc
import Layout
public import LinuxSystem

/// The cgroups of one daemon: `<parent>/controllers` for its controllers, `<parent>/guests/<run>` for its runs, and in each
/// run's group one called `init` for the guest.
///
/// The same names are used in every hierarchy, mounted at whatever place. Nothing outside `<parent>` is touched, but that controllers are enabled
/// from the root down to it.
public struct CgroupTree: Sendable {
  public let host: CgroupHost
  /// Relative to the mount points, without slashes at its ends: `lodge`, `lodge.slice/main`.
  public let parent: String

  public init(host: CgroupHost, parent: String) {
    self.host = host
    var trimmed = Substring(parent)
    while trimmed.hasPrefix("/") { trimmed.removeFirst() }
    while trimmed.hasSuffix("/") { trimmed.removeLast() }
    self.parent = String(trimmed)
  }

  /// The folder of runs in the unified hierarchy.
  public var guestsPath: String { "\(host.unified)/\(parent)/\(CgroupNames.guests)" }
  public var controllersPath: String { "\(host.unified)/\(parent)/\(CgroupNames.controllers)" }

  func guestsPath(under mountPoint: String) -> String { "\(mountPoint)/\(parent)/\(CgroupNames.guests)" }

  /// Makes the groups and enables the controllers that the host has on the way down. Doing it again changes nothing.
  public func prepare() throws(StepError) {
    let step = "prepare cgroup \(parent)"
    try during(step) { () throws(SystemError) in
      try Files.makeDirectories(guestsPath)
      try Files.makeDirectory(controllersPath)
    }
    enable(CgroupLimit.all.filter(\.isForEveryGuest).map(\.controller))
    for hierarchy in host.hierarchies { try prepare(hierarchy, step) }
  }

  private func prepare(_ hierarchy: CgroupHost.LegacyHierarchy, _ step: String) throws(StepError) {
    try during(step) { () throws(SystemError) in
      var folder = hierarchy.mountPoint
      for part in parent.split(separator: "/").map(String.init) + [CgroupNames.guests] {
        let upper = folder
        folder += "/" + part
        let isNew = try Files.makeDirectory(folder)
        guard isNew, hierarchy.controllers.contains("cpuset") else { continue }
        // A group of `cpuset` takes no process before it has processors and memory of its own, and from here on every new
        // one takes over its parent's (cgroup-v1/cpusets).
        for file in ["cpuset.cpus", "cpuset.mems"] {
          let value = try Files.readText("\(upper)/\(file)").filter { $0 != "\n" }
          try Files.writeControl(value, to: "\(folder)/\(file)")
        }
        try Files.writeControl("1", to: "\(folder)/cgroup.clone_children")
      }
    }
  }

  /// Enables controllers from the root down to the groups of runs. One that cannot be enabled is reported when a limit
  /// needs it.
  func enable(_ controllers: [String]) {
    var folder = host.unified
    for part in parent.split(separator: "/").map(String.init) + [CgroupNames.guests] {
      enable(controllers, in: folder)
      folder += "/" + part
    }
    enable(controllers, in: folder)
  }

  private func enable(_ controllers: [String], in folder: String) {
    for controller in controllers where host.unifiedControllers.contains(controller) {
      try? Files.writeControl("+\(controller)", to: folder + "/cgroup.subtree_control")
    }
  }

  /// The group that controllers are to be spawned into; see `SpawnPlan.cgroup`.
  public func openControllers() throws(StepError) -> OwnedFD {
    try during("open cgroup \(parent)/\(CgroupNames.controllers)") { () throws(SystemError) in
      try Files.openDirectory(controllersPath)
    }
  }

  /// The controllers that live, of whichever daemon spawned them; empty where they could not be given a group. Children of
  /// theirs are left out: the process that ties a guest to its controller ends with it.
  public var controllerProcesses: [Int32] {
    let all = Self.processes(in: controllersPath)
    let known = Set(all)
    return all.filter { pid in (try? ProcessStat(of: pid)).map { !known.contains($0.parent) } ?? true }
  }

  static func processes(in folder: String) -> [Int32] {
    guard let bytes = try? Files.read(folder + "/cgroup.procs") else { return [] }
    return processes(bytes)
  }

  static func processes(_ bytes: [UInt8]) -> [Int32] {
    return bytes.split(separator: UInt8(ascii: "\n")).compactMap { Int32(decimal: $0) }
  }

  /// Every hierarchy's mount point.
  var mountPoints: [String] { [host.unified] + host.hierarchies.map(\.mountPoint) }

  /// Every run's group that exists in any hierarchy, so that leftovers are found wherever they are.
  public func runs() -> [String] {
    var names: Set<String> = []
    for mountPoint in mountPoints {
      for entry in (try? Files.list(guestsPath(under: mountPoint))) ?? [] where entry.kind == .directory {
        names.insert(entry.name)
      }
    }
    return names.sorted()
  }

  /// An existing run's group, to fence what is in it.
  public func run(_ name: String) -> RunCgroup { RunCgroup(tree: self, name: name) }

  /// Removes the groups of the daemon itself; those that still have something in them stay.
  public func remove() {
    for mountPoint in mountPoints {
      for folder in [CgroupNames.guests, CgroupNames.controllers] { rmdir("\(mountPoint)/\(parent)/\(folder)") }
      rmdir("\(mountPoint)/\(parent)")
    }
  }
}
