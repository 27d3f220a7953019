import Glibc
import LinuxSystem
import Testing

import struct Guest.Limits

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

  /// A weight is written where the kernel has one, on a group above the guest's; a host without refuses it by name.
  @Test(arguments: [1, 100, 10_000] as [UInt64]) func aShareOfTheDisksIsKeptOrRefused(weight: UInt64) throws {
    defer { tree.remove() }
    let limits = CgroupLimits(Limits(ioWeight: weight))
    guard tree.host.place(of: "io") != .missing, tree.host.missingFiles(of: "io") == nil else {
      let error = #expect(throws: StepError.self) {
        try RunCgroup.create(in: tree, name: "weighed", limits: limits, runID: [1])
      }
      #expect(error?.step == "limit io" && error?.hint != nil, "\(String(describing: error))")
      for mountPoint in tree.mountPoints { #expect(!Files.exists("\(tree.guestsPath(under: mountPoint))/weighed")) }
      return
    }
    let group = try RunCgroup.create(in: tree, name: "weighed", limits: limits, runID: [1])
    let upper = tree.guestsPath(under: tree.host.legacy("io") ?? tree.host.unified) + "/weighed"
    #expect(Files.exists(upper + "/init"))
    let bfq: UInt64 = weight == 10_000 ? 1000 : weight
    let files = [("io.weight", weight), ("io.bfq.weight", bfq), ("blkio.bfq.weight", bfq)]
    let (file, kept) = try #require(files.first { Files.exists("\(upper)/\($0.0)") })
    #expect(words(try Files.read("\(upper)/\(file)")).last == "\(kept)")
    #expect(group.remove())
  }

  /// Nobody pays for a limit that is not asked for.
  @Test func withoutAWeightThereIsNoGroupForIt() throws {
    defer { tree.remove() }
    let group = try RunCgroup.create(in: tree, name: "plain", limits: CgroupLimits(), runID: [1])
    if let io = tree.host.legacy("io") { #expect(!Files.exists(tree.guestsPath(under: io) + "/plain/init")) }
    #expect(group.remove())
  }

  /// Every row can be written and read back in each version of cgroups, and names of files are not given twice.
  @Test func everyLimitHasItsFiles() {
    for row in CgroupLimit.all {
      for sets in [row.unified, row.legacy] {
        #expect(!sets.isEmpty && sets.allSatisfy { !$0.isEmpty && !$0[0].isOptional }, "\(row.controller)")
        let names = sets.flatMap { $0.map(\.name) }
        #expect(Set(names).count == names.count, "\(names)")
      }
    }
    #expect(Set(CgroupLimit.all.map(\.controller)).count == CgroupLimit.all.count)
  }
}
