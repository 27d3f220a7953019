internal import Cgroups
internal import Guest
internal import GuestStore
internal import Layout
internal import LinuxSystem
internal import Logging
internal import Supervision

/// Reaches a run's processes without its controller: through its cgroup, whose name carries the run's id.
struct RunFence: Sendable {
  private let tree: CgroupTree?
  private let logger: Logger?

  /// Finds the host's cgroups and makes this daemon's own. Without cgroup v2 there is no fence, and every start is
  /// refused with the reason by its controller.
  init(parent: String, logger: Logger? = nil) {
    self.logger = logger
    do {
      let tree = CgroupTree(host: try CgroupHost.detect(), parent: parent)
      try tree.prepare()
      self.tree = tree
    } catch {
      logger?.error("no cgroups", metadata: ["error": "\(error)"])
      tree = nil
    }
  }

  var mode: String { tree?.host.mode ?? "none" }

  static func groupName(_ guest: GuestName, _ run: RunID) -> String { CgroupNames.run(guest.value, run.short) }

  /// Of the present runs of these.
  static func groupNames(_ guests: [StoredGuest]) -> Set<String> {
    Set(guests.compactMap { guest in guest.lifecycle.run.map { groupName(guest.lifecycle.name, $0.id) } })
  }

  /// The names of the groups with processes in them.
  var populatedGroups: [String] { tree.map { tree in tree.runs().filter { tree.run($0).isPopulated }.sorted() } ?? [] }

  private func group(_ guest: GuestName, _ run: RunID) -> RunCgroup? { tree?.run(Self.groupName(guest, run)) }

  /// Below the mount point of the unified hierarchy.
  func path(_ guest: GuestName, _ run: RunID) -> String {
    guard let tree else { return "" }
    return "/\(tree.parent)/\(CgroupNames.guests)/\(Self.groupName(guest, run))"
  }

  /// For controllers to be spawned into; nil where it cannot be had, and they stay in the daemon's own.
  func controllersGroup() -> OwnedFD? { try? tree?.openControllers() }

  /// Kills everything in it, and again whatever was born meanwhile (cgroup.kill, cgroups(7)).
  func kill(_ guest: GuestName, _ run: RunID) {
    guard let group = group(guest, run), group.exists else { return }
    do { try group.kill() } catch { logger?.error("cannot kill a cgroup", metadata: ["error": "\(error)"]) }
  }

  /// Kills the controller that holds a lock, for one that cannot be reached. Found in the group of the controllers by
  /// what it has open; neither the lock's taker, an earlier daemon, nor anything a process says of itself would do.
  /// - Returns: how many were killed.
  func killController(holding lock: String) -> Int {
    guard let tree else { return 0 }
    return kill(ProcessHandle.all(of: tree.controllerProcesses) { $0.holds(anyOf: [lock]) })
  }

  /// How many controllers hold none of these, other than those that are known.
  func lingering(holdingNoneOf locks: [String], except known: [Int32]) -> Int {
    lingeringControllers(locks, known).count
  }

  /// Kills the controllers that hold none of these, other than those that are known.
  func killControllers(holdingNoneOf locks: [String], except known: [Int32]) -> Int {
    kill(lingeringControllers(locks, known))
  }

  /// Without those whose run directory is elsewhere: only one whose directory was removed has nothing left to do.
  private func lingeringControllers(_ locks: [String], _ known: [Int32]) -> [ProcessHandle] {
    guard let tree else { return [] }
    let others = Set(tree.controllerProcesses).subtracting(known)
    return ProcessHandle.all(of: others.sorted()) { !$0.holds(anyOf: locks) && Self.runDirectory(heldBy: $0) == nil }
  }

  /// The directory whose lock a controller holds, by the path that leads there now, wherever that is; nil where the lock was
  /// removed, or no path of this mount namespace leads to it.
  private static func runDirectory(heldBy controller: ProcessHandle) -> String? {
    let folder = "/proc/\(controller.pid)/fd"
    for entry in (try? Files.list(folder)) ?? [] {
      guard let path = try? Files.readLink("\(folder)/\(entry.name)"), path.hasSuffix("/" + RunPaths.lockName),
        controller.holds(anyOf: [path])
      else { continue }
      return Files.parent(of: path)
    }
    return nil
  }

  private func kill(_ processes: [ProcessHandle]) -> Int {
    processes.count { (try? $0.signal(9)) == true }
  }

  /// Whether the group of a run is there, and has processes in it.
  func cgroup(of guest: GuestName, _ run: RunID) -> Recovery.Found.Cgroup {
    guard let group = group(guest, run), group.exists else { return .absent }
    return group.isPopulated ? .populated : .empty
  }

  func isEmpty(_ guest: GuestName, _ run: RunID) -> Bool {
    guard let group = group(guest, run), group.exists else { return true }
    return !group.isPopulated
  }

  func tasks(_ guest: GuestName, _ run: RunID) -> String { group(guest, run)?.describeProcesses() ?? "" }

  /// - Returns: false while a group of the run is still there: in a hierarchy of version 1 it goes once the last task has
  ///   left it, and a task that a dying controller had not put into the unified group yet is not waited for there.
  @discardableResult func remove(_ guest: GuestName, _ run: RunID) -> Bool { group(guest, run)?.remove() ?? true }

  // MARK: Groups of runs that no guest has

  /// As they are found.
  func strays(known: Set<String>) -> [StrayGroup] {
    guard let tree else { return [] }
    let unknown = tree.runs().filter { !known.contains($0) }
    guard !unknown.isEmpty else { return [] }
    let controllers = Set(tree.controllerProcesses)
    return unknown.map { stray($0, in: tree, controllers) }
  }

  /// Those of them that are still there, as they are by now.
  func lookAgain(at strays: [StrayGroup]) -> [StrayGroup] {
    guard let tree, !strays.isEmpty else { return [] }
    let controllers = Set(tree.controllerProcesses)
    return strays.filter { tree.run($0.name).exists }.map { stray($0.name, in: tree, controllers) }
  }

  private func stray(_ name: String, in tree: CgroupTree, _ controllers: Set<Int32>) -> StrayGroup {
    let group = tree.run(name)
    guard group.isPopulated else { return StrayGroup(name: name, isPopulated: false, controller: nil) }
    let parent = group.processes.lazy.compactMap { try? ProcessStat(of: $0).parent }.first(where: controllers.contains)
    return StrayGroup(
      name: name, isPopulated: true,
      controller: parent.map { pid in
        .init(pid: pid, runDirectory: (try? ProcessHandle(opening: pid)).flatMap(Self.runDirectory))
      })
  }

  /// Kills what is in it, and removes it.
  func end(_ stray: StrayGroup) {
    guard let group = tree?.run(stray.name) else { return }
    do { try group.kill() } catch { logger?.error("cannot kill a cgroup", metadata: ["error": "\(error)"]) }
    group.remove()
  }

  /// Removes it if it is empty.
  func remove(_ stray: StrayGroup) { _ = tree?.run(stray.name).remove() }

  /// The groups of the daemon itself, when the last guest is gone and it ends for good; what lives in them keeps them.
  func removeOwn() { tree?.remove() }

  // MARK: Hooks

  /// A new group for one run of a hook's program. Never one that was killed before: some kernels kill what is born into
  /// such a group at once (Linux 6.18, clone3(2) with CLONE_INTO_CGROUP after a write to cgroup.kill).
  func hookGroup(_ name: String) -> OwnedFD? {
    guard let tree else { return nil }
    let path = "\(tree.controllersPath)/\(name)"
    do throws(SystemError) {
      try Files.makeDirectory(path)
      return try Files.openDirectory(path)
    } catch {
      return nil
    }
  }

  func killHook(_ name: String) {
    guard let tree else { return }
    try? Files.writeControl("1", to: "\(tree.controllersPath)/\(name)/cgroup.kill")
  }

  /// - Returns: false while something of it is still there.
  func removeHook(_ name: String) -> Bool {
    guard let tree else { return true }
    let path = "\(tree.controllersPath)/\(name)"
    Files.removeEmptyDirectory(path)
    return !Files.exists(path)
  }

  /// The groups of hooks whose names begin so.
  func hookGroups(_ prefix: String) -> [String] {
    guard let tree else { return [] }
    return ((try? Files.list(tree.controllersPath)) ?? []).filter { $0.kind == .directory && $0.name.hasPrefix(prefix) }
      .map(\.name)
  }
}
