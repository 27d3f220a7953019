import Glibc
import Layout
public import LinuxSystem

/// The cgroup of one run, in every hierarchy that is mounted.
///
/// It has two levels wherever limits are kept: `<run>` has them, and the guest lives in `<run>/init`, which its cgroup
/// namespace shows as the root. So a guest that gets hold of its groups, by what right and in whatever hierarchy, reaches
/// nothing of its neighbours and not its own limits (cgroup_namespaces(7)).
public final class RunCgroup {
  public let name: String
  private let tree: CgroupTree
  /// The limits it was made with; nil for one that was found.
  private var limits: CgroupLimits?
  /// Where the memory is counted, if anywhere.
  let memory: (folder: String, legacy: Bool)?
  /// How often the limits of the groups above had been reached when it was made: that is none of this run's.
  private var reachedBefore: [String: UInt64] = [:]

  private var folder: String { "\(tree.guestsPath)/\(name)" }

  init(tree: CgroupTree, name: String) {
    self.tree = tree
    self.name = name
    switch tree.host.place(of: "memory") {
    case .unified: memory = ("\(tree.guestsPath)/\(name)", false)
    case .legacy: memory = ("\(tree.guestsPath(under: tree.host.legacy("memory")!))/\(name)", true)
    case .missing: memory = nil
    }
  }

  /// Makes the group with its limits, marked with the run's id; on failure nothing is left of it.
  ///
  /// - Parameter runID: kept in the extended attribute `trusted.lodge.run`: with it a name is never mistaken.
  public static func create(
    in tree: CgroupTree, name: String, limits: CgroupLimits, runID: [UInt8]
  ) throws(StepError) -> RunCgroup {
    let group = RunCgroup(tree: tree, name: name)
    group.limits = limits
    do {
      try group.make(runID: runID)
      group.reachedBefore = group.reachedAbove()
    } catch {
      group.remove()
      throw error
    }
    return group
  }

  private func make(runID: [UInt8]) throws(StepError) {
    let limits = limits ?? CgroupLimits()
    try makeFolder(folder)
    try during("mark cgroup \(name)") { () throws(SystemError) in
      try Files.setAttribute(Self.attribute, to: runID, of: folder)
    }
    // So many groups may a guest make that has rights over its own; a kernel thread walks all of them at its end.
    try? Files.writeControl("\(Self.mostGroups)", to: folder + "/cgroup.max.descendants")
    for hierarchy in tree.host.hierarchies {
      let upper = "\(tree.guestsPath(under: hierarchy.mountPoint))/\(name)"
      try makeFolder(upper)
      if hasLimits(hierarchy) { try makeFolder(upper + "/" + CgroupNames.own) }
    }
    var enabled = enabledControllers()
    for row in CgroupLimit.all where row.asked(limits.asked) != nil && !enabled.contains(row.controller) {
      switch tree.host.place(of: row.controller) {
      case .unified:
        // Not all are enabled beforehand: each costs every group a little.
        tree.enable([row.controller])
        enabled = enabledControllers()
        guard !enabled.contains(row.controller) else { continue }
        throw StepError(
          step: "limit \(row.controller)", reason: "cgroup \(row.controller) controller is not enabled",
          hint:
            "enable it in the parent group: echo +\(row.controller) > \(tree.guestsPath)/cgroup.subtree_control")
      case .missing:
        throw StepError(
          step: "limit \(row.controller)", reason: "this host has no cgroup \(row.controller) controller",
          hint: "boot the kernel with it enabled, or remove the limit from the guest's spec")
      case .legacy: break
      }
    }
    let delegated = CgroupLimit.all.map(\.controller).filter(enabled.contains)
    if !delegated.isEmpty {
      let value = delegated.map { "+\($0)" }.joined(separator: " ")
      try? Files.writeControl(value, to: folder + "/cgroup.subtree_control")
    }
    try makeFolder(folder + "/" + CgroupNames.own)
    for row in CgroupLimit.all { try set(row, limits, enabled) }
    if !delegated.isEmpty { repeatLimits() }
  }

  /// On the run's group, which the guest cannot see: its cgroup namespace begins at `init`.
  private func set(_ row: CgroupLimit, _ limits: CgroupLimits, _ enabled: Set<String>) throws(StepError) {
    let place = tree.host.place(of: row.controller)
    let asked = row.asked(limits.asked)
    guard let value = asked ?? row.usual(limits.usual), let folder = folder(of: row.controller) else { return }
    if asked == nil, place == .unified, !enabled.contains(row.controller) { return }
    let sets = place == .unified ? row.unified : row.legacy
    guard let files = sets.first(where: { Files.exists("\(folder)/\($0[0].name)") }) else {
      // A usual limit is kept where it can be.
      guard asked != nil else { return }
      throw StepError(
        step: "limit \(row.controller)",
        reason: "this kernel has no \(sets.map { $0[0].name }.joined(separator: " and no "))",
        hint: "lodge host shows what this host can limit; or remove the limit from the guest's spec")
    }
    for file in files {
      // Swap is left as it is where nothing was asked for: a usual limit is for memory alone.
      if file.isOptional {
        if asked != nil { try? Files.writeControl(file.text(file.kept(value)), to: "\(folder)/\(file.name)") }
        continue
      }
      try during("limit \(row.controller)") { () throws(SystemError) in
        try Files.writeControl(file.text(file.kept(value)), to: "\(folder)/\(file.name)")
      }
      try readBack(row, file, value, in: folder)
    }
  }

  /// The kernel may take a value and keep another one.
  private func readBack(
    _ row: CgroupLimit, _ file: CgroupLimit.File, _ value: UInt64, in folder: String
  ) throws(StepError) {
    let step = "limit \(row.controller)"
    let kept = words(
      try during(step) { () throws(SystemError) in try Files.read("\(folder)/\(file.name)") })
    let wanted = file.kept(value)
    // Beyond what the kernel counts there is no limit, which it calls `max`.
    guard let found = kept.lazy.compactMap({ UInt64($0) }).first else {
      if kept == ["max"] { return }
      throw StepError(step: step, reason: "\(file.name) has \(kept.joined(separator: " ")) instead of \(wanted)")
    }
    guard max(found, wanted) - min(found, wanted) <= row.rounding else {
      throw StepError(step: step, reason: "\(file.name) has \(found) instead of \(wanted)")
    }
  }

  /// In the unified hierarchy limits are repeated in the guest's own group, where programs look for them to size themselves;
  /// what the guest makes of those changes nothing.
  private func repeatLimits() {
    for file in ["memory.max", "pids.max", "cpu.max"] {
      guard let value = try? Files.readText("\(folder)/\(file)"), !value.hasPrefix("max") else { continue }
      try? Files.writeControl(value.filter { $0 != "\n" }, to: "\(folder)/\(CgroupNames.own)/\(file)")
    }
  }

  /// Whether limits are kept in a hierarchy, so that the guest's own group is one below. In the others one level is enough,
  /// and every group costs a start some 20 microseconds.
  private func hasLimits(_ hierarchy: CgroupHost.LegacyHierarchy) -> Bool {
    CgroupLimit.all.contains { row in
      hierarchy.controllers.contains(row.legacyController)
        && (row.isForEveryGuest || (limits.flatMap { row.asked($0.asked) }) != nil)
    }
  }

  static let mostGroups = 4096

  private func makeFolder(_ path: String) throws(StepError) {
    if mkdir(path, 0o755) == 0 { return }
    if errno == ENOENT {
      // The parent's groups went, or this daemon's first guest comes before its own preparation.
      try tree.prepare()
      if mkdir(path, 0o755) == 0 { return }
    }
    let number = errno
    throw StepError(SystemError("make", on: path, errno: number), step: "make cgroup \(name)")
  }

  /// Those of the unified hierarchy that count in this group.
  private func enabledControllers() -> Set<String> {
    tree.host.unifiedControllers.isEmpty ? [] : Set(words((try? Files.read(folder + "/cgroup.controllers")) ?? []))
  }

  private func folder(of controller: String) -> String? {
    switch tree.host.place(of: controller) {
    case .unified: folder
    case .legacy: "\(tree.guestsPath(under: tree.host.legacy(controller)!))/\(name)"
    case .missing: nil
    }
  }

  // MARK: entering

  /// The guest's own group in the unified hierarchy, for a process to be born in.
  public func open() throws(StepError) -> OwnedFD {
    try during("open cgroup \(name)") { () throws(SystemError) in
      try Files.openDirectory(folder + "/" + CgroupNames.own)
    }
  }

  /// Files to which a single-threaded process writes `0` to join the groups of v1 hierarchies.
  ///
  /// `tasks`, not `cgroup.procs`: the latter moves whole processes and for that waits until no process anywhere is
  /// between fork and exec, a grace period of 10 to 30 ms; moving only oneself, one thread, does not wait
  /// (cgroup_procs_write_start in kernel/cgroup/cgroup.c, since Linux 5.5).
  public func openLegacyTasks() throws(StepError) -> [(hierarchy: String, fd: OwnedFD)] {
    var opened: [(hierarchy: String, fd: OwnedFD)] = []
    for hierarchy in tree.host.hierarchies {
      let upper = "\(tree.guestsPath(under: hierarchy.mountPoint))/\(name)"
      let path = hasLimits(hierarchy) ? "\(upper)/\(CgroupNames.own)/tasks" : upper + "/tasks"
      let fd = try during("join cgroup \(hierarchy.name) \(name)") { () throws(SystemError) in
        try Files.open(path, flags: O_WRONLY)
      }
      opened.append((hierarchy.name, fd))
    }
    return opened
  }

  // MARK: looking

  static let attribute = CgroupNames.runAttribute

  /// The run that this group was made for; nil where the group is gone or carries no mark.
  public var runID: [UInt8]? { try? Files.attribute(Self.attribute, of: folder) }

  public var exists: Bool { Files.exists(folder) }

  /// Whether any live process is in it or below.
  public var isPopulated: Bool {
    guard let events = try? Files.read(folder + "/cgroup.events") else { return false }
    return keyedValue("populated", in: events) == 1
  }

  /// The processes in it and below.
  public var processes: [Int32] {
    var found: [Int32] = []
    GroupFolder(path: folder).visitAll { group in
      found += CgroupTree.processes((try? Files.read("cgroup.procs", at: group)) ?? [])
    }
    return found
  }

  /// Processes still in it, each with its state and the kernel function it waits in, for an error that names them.
  public func describeProcesses(limit: Int = 16) -> String {
    processes.prefix(limit).map { pid in
      let stat = try? ProcessStat(of: pid)
      let wait = (try? Files.readText("/proc/\(pid)/wchan")) ?? ""
      let state = stat.map { String(decoding: [$0.state], as: UTF8.self) } ?? "?"
      return "\(stat?.command ?? "?") (pid \(pid), state \(state)\(wait.isEmpty || wait == "0" ? "" : ", in \(wait)"))"
    }.joined(separator: ", ")
  }

  /// The resources that the run uses now; nil for a figure that this host does not count.
  public struct Usage: Equatable, Sendable {
    public var memoryBytes: UInt64?
    public var memoryPeakBytes: UInt64?
    public var cpuMicros: UInt64?
    public var tasks: UInt64?

    public init() {}
  }

  public func usage() -> Usage {
    var usage = Usage()
    if let memory {
      usage.memoryBytes =
        number(memory.folder + (memory.legacy ? "/memory.usage_in_bytes" : "/memory.current"))
      usage.memoryPeakBytes =
        number(memory.folder + (memory.legacy ? "/memory.max_usage_in_bytes" : "/memory.peak"))
    }
    // cpu.stat is there in every v2 group, with the cpu controller and without.
    if let stat = try? Files.read(folder + "/cpu.stat") { usage.cpuMicros = keyedValue("usage_usec", in: stat) }
    if let current = self.folder(of: "pids").flatMap({ number($0 + "/pids.current") }) {
      usage.tasks = current
    } else if let threads = try? Files.read(folder + "/cgroup.threads") {
      usage.tasks = UInt64(threads.count { $0 == UInt8(ascii: "\n") })
    }
    return usage
  }

  /// The kills of the kernel here when memory ran out, and the limit that was reached.
  public struct OutOfMemory: Equatable, Sendable {
    public enum Limit: Sendable { case own, parent, host }
    public var kills: UInt64 = 0
    public var limit = Limit.own

    public init(kills: UInt64 = 0, limit: Limit = .own) {
      self.kills = kills
      self.limit = limit
    }
  }

  public func outOfMemory() -> OutOfMemory {
    guard let memory else { return OutOfMemory() }
    if memory.legacy {
      // Counted in the very group of the victim, and in none above (memcg_memory_event in the kernel's memcontrol.h).
      var kills: UInt64 = 0
      GroupFolder(path: memory.folder).visitAll { group in
        let control = (try? Files.read("memory.oom_control", at: group)) ?? []
        kills += keyedValue("oom_kill", in: control) ?? 0
      }
      guard kills > 0 else { return OutOfMemory() }
      return OutOfMemory(kills: kills, limit: legacyLimit(of: memory.folder))
    }
    guard let events = try? Files.read(memory.folder + "/memory.events"),
      let kills = keyedValue("oom_kill", in: events), kills > 0
    else { return OutOfMemory() }
    // `oom` counts where the limit stands that could not be kept; `oom_kill` where the victim was (cgroup-v2).
    if (keyedValue("oom", in: events) ?? 0) > 0 { return OutOfMemory(kills: kills, limit: .own) }
    let isParents = reachedAbove().contains { $0.value > reachedBefore[$0.key, default: 0] }
    return OutOfMemory(kills: kills, limit: isParents ? .parent : .host)
  }

  /// By group above this one in the unified hierarchy: how often its own memory limit could not be kept.
  private func reachedAbove() -> [String: UInt64] {
    guard let memory, !memory.legacy else { return [:] }
    var counts: [String: UInt64] = [:]
    var above = Files.parent(of: memory.folder)
    while above != tree.host.unified, above.utf8.count > tree.host.unified.utf8.count {
      let local = (try? Files.read(above + "/memory.events.local")) ?? []
      counts[above] = keyedValue("oom", in: local) ?? 0
      above = Files.parent(of: above)
    }
    return counts
  }

  /// Bytes that the kernel charges ahead (MEMCG_CHARGE_BATCH, 64 pages).
  private static let chargeBatchBytes: UInt64 = 64 * 4096

  /// The limit that was reached, from this group upwards.
  private func legacyLimit(of folder: String) -> OutOfMemory.Limit {
    let root = tree.host.legacy("memory")!
    var group = folder
    while group != root, group.utf8.count > root.utf8.count {
      // The sum with swap is charged first, so where both limits are the same it is that one which fails. Recent
      // kernels count no failures at all; then a use that came within one batch of the limit must do.
      let failures = ["memory.failcnt", "memory.memsw.failcnt"].contains { (number("\(group)/\($0)") ?? 0) > 0 }
      let limit = number(group + "/memory.limit_in_bytes") ?? .max
      let peak = number(group + "/memory.max_usage_in_bytes") ?? 0
      if failures || limit - min(limit, peak) <= Self.chargeBatchBytes { return group == folder ? .own : .parent }
      group = Files.parent(of: group)
    }
    return .host
  }

  private func number(_ path: String) -> UInt64? {
    guard let bytes = try? Files.read(path) else { return nil }
    return UInt64(decimal: bytes.prefix { $0 != UInt8(ascii: "\n") })
  }

  // MARK: ending

  /// Kills everything in it, forks in progress included (cgroup.kill, Linux 5.14); on older kernels frozen first, one
  /// by one. Frozen groups, the guest's own too, are no obstacle: a kill goes through the v2 freezer.
  public func kill() throws(StepError) {
    do {
      try Files.writeControl("1", to: folder + "/cgroup.kill")
    } catch {
      guard error.errno == ENOENT, exists else {
        if error.errno == ENOENT || error.errno == ENODEV { return }
        throw StepError(error, step: "kill cgroup \(name)")
      }
      try? Files.writeControl("1", to: folder + "/cgroup.freeze")
      for pid in processes { _ = try? ProcessHandle(opening: pid).signal(SIGKILL) }
      try? Files.writeControl("0", to: folder + "/cgroup.freeze")
    }
    thawLegacy()
  }

  /// A task that the v1 freezer holds hears no SIGKILL. A guest with rights over its own group can have frozen itself.
  private func thawLegacy() {
    guard let mountPoint = tree.host.legacy("freezer") else { return }
    GroupFolder(path: "\(tree.guestsPath(under: mountPoint))/\(name)").visitAll { group in
      try? Files.writeControl("THAWED", to: "freezer.state", at: group)
    }
  }

  /// Lets frozen processes run again, so that they can hear a polite signal.
  public func thaw() {
    guard (try? Files.readText(folder + "/cgroup.freeze"))?.hasPrefix("1") == true else { return }
    try? Files.writeControl("0", to: folder + "/cgroup.freeze")
  }

  /// Removes it from every hierarchy; false while something still lives in it.
  @discardableResult
  public func remove() -> Bool {
    var done = true
    for mountPoint in tree.mountPoints
    where !GroupFolder(path: "\(tree.guestsPath(under: mountPoint))/\(name)").remove() {
      done = false
    }
    return done
  }
}
