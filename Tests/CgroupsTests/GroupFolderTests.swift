import Glibc
import LinuxSystem
import struct Guest.Limits
import Testing

@testable import Cgroups

@Suite(.enabled(if: geteuid() == 0, "needs root"), .serialized) struct GroupFolderTests {
  let tree: CgroupTree

  init() throws {
    tree = CgroupTree(host: try CgroupHost.detect(), parent: "lodge-gtest-\(try Random.uint64() % 1_000_000)")
    try tree.prepare()
  }

  /// Below a group, by descriptor: no path would be long enough.
  private func nest(_ depth: Int, in path: String) throws {
    let name = String(repeating: "n", count: 200)
    var here = try Files.openDirectory(path)
    for _ in 0..<depth {
      try Files.makeDirectory(name, at: here.rawValue)
      here = try Files.openDirectory(name, at: here.rawValue)
    }
  }

  @Test func nestedGroupsAreRemovedHoweverDeepAndLongTheirNamesAre() throws {
    defer { tree.remove() }
    let group = try RunCgroup.create(in: tree, name: "deep", limits: CgroupLimits(), runID: [1])
    for mountPoint in tree.mountPoints { try nest(1500, in: "\(tree.guestsPath(under: mountPoint))/deep") }
    #expect(group.processes == [])
    #expect(group.remove())
    #expect(tree.runs() == [])
  }

  @Test func aGroupThatIsInUseStaysAndDoesNotHoldUpTheRest() throws {
    defer { tree.remove() }
    let group = try RunCgroup.create(in: tree, name: "used", limits: CgroupLimits(), runID: [1])
    var plan = SpawnPlan(executable: "/bin/sleep", arguments: ["sleep", "100"], environment: [])
    let inside = try group.open()
    plan.cgroup = inside.rawValue
    let process = try plan.run()
    #expect(!group.remove())
    #expect(group.processes == [process.pid])
    try group.kill()
    _ = try process.wait(blocking: true)
    #expect(group.remove())
  }

  @Test func everyHierarchyHasTheGroupAndLimitsAreAboveTheGuests() throws {
    defer { tree.remove() }
    let group = try RunCgroup.create(
      in: tree, name: "limited", limits: CgroupLimits(Limits(memoryBytes: 8 << 20, pids: 9)), runID: [1])
    for mountPoint in tree.mountPoints { #expect(Files.exists("\(tree.guestsPath(under: mountPoint))/limited")) }
    let tasks = try group.openLegacyTasks()
    #expect(tasks.count == tree.host.hierarchies.count)
    let pids = tree.host.legacy("pids") ?? tree.host.unified
    #expect(try Files.readText("\(tree.guestsPath(under: pids))/limited/pids.max") == "9\n")
    #expect(group.remove())
  }
}
