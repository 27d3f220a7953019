import LinuxSystem
import Testing

@testable import Cgroups

struct MountTableTests {
  @Test func linesOfMountinfo() {
    let text = """
      22 27 0:21 / /proc rw,relatime - proc proc rw
      38 31 0:35 / /sys/fs/cgroup/memory rw shared:9 master:1 - cgroup cgroup rw,memory
      41 31 0:38 / /sys/fs/cgroup/with\\040space rw,relatime - cgroup2 cgroup2 rw
      garbage
      1 2 3 4 5 6 -
      """
    let entries = MountEntry.parse(Array(text.utf8))
    #expect(entries.map(\.mountPoint) == ["/proc", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/with space"])
    #expect(entries[1].superOptions == ["rw", "memory"])
    #expect(MountEntry.parse(Array(text.utf8), typePrefix: "cgroup") == Array(entries.dropFirst()))
    let host = CgroupHost(mounts: entries)
    #expect(host?.unified == "/sys/fs/cgroup/with space")
    #expect(host?.hierarchies == [.init(name: "memory", mountPoint: "/sys/fs/cgroup/memory")])
    #expect(host?.legacy("memory") == "/sys/fs/cgroup/memory")
    #expect(host?.place(of: "memory") == .legacy)
    #expect(host?.place(of: "pids") == .missing)
    #expect(host?.mode == "hybrid")
    #expect(CgroupHost(mounts: Array(entries.dropLast())) == nil)
  }
}
