import Guest
import SpecKeys
import Testing

@Suite struct NoticeTests {
  private func notices(_ change: (inout GuestSpec) -> Void) -> [String] {
    var spec = GuestSpec(rootfs: Rootfs(path: "/srv"), command: ["/init"])
    change(&spec)
    return spec.notices.map(\.key)
  }

  /// Whoever adds one of them is told; the usual ones, and those that stay in the guest, need no word.
  @Test func capabilitiesThatAreAsGoodAsRootAreNamed() {
    for name in ["sys_admin", "sys_module", "sys_rawio", "sys_ptrace", "dac_read_search", "bpf", "perfmon"] {
      #expect(notices { $0.capabilities.added = ["chown", name] } == ["capabilities.add"], "\(name)")
    }
    for name in Capabilities.usual + ["net_admin", "ipc_lock", "sys_nice"] {
      #expect(notices { $0.capabilities.added = [name] } == [], "\(name)")
    }
    #expect(
      notices {
        $0.capabilities.added = ["net_admin"]
        $0.network = .host
      } == ["capabilities.add"])
    #expect(notices { $0.capabilities.dropped = ["sys_admin", "all"] } == [])
  }

  @Test(
    arguments: [
      ("/proc", true, true), ("//proc/./sys", true, true), ("/sys", true, true), ("/", true, true),
      ("/etc", false, true),
      ("/etc", true, false), ("/run/lodge", true, true), ("/var/lib/lodge/x", true, true), ("/srv/www", false, false),
      ("/processes", false, false), ("/var/lib/postgres", false, false), ("/run/postgresql", false, false),
    ] as [(String, Bool, Bool)])
  func sourcesThatAreTheHostsOwnAreNamed(source: String, readOnly: Bool, told: Bool) {
    let found = notices { $0.mounts = [MountSpec(.bind(source), at: "/x", readOnly: readOnly)] }
    #expect(found == (told ? ["mounts[0].source"] : []))
  }
}
