import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Where systemd runs, the host's mounts are shared: what is mounted below one shows up in its copies. A guest and its
  /// host share none.
  @Suite struct SharedMounts {
    private static let shared = "mount --make-rshared /; mkdir -p $ROOT/data; mount -t tmpfs data $ROOT/data"

    private func mounts(_ daemon: TestDaemon) throws -> [String] {
      try Files.readText("/proc/\(try #require(daemon.pid))/mountinfo").split(separator: "\n").map(String.init)
    }

    private func onHost(_ daemon: TestDaemon, _ script: String) async throws {
      let pid = try #require(daemon.pid)
      let result = try await Command("/usr/bin/nsenter")(["-t", "\(pid)", "-m", "/bin/sh", "-ec", script])
      try #require(result.code == 0, "\(result)")
    }

    @Test(.requiresGuests, arguments: [[], ["--read-only"], ["--overlay"]])
    func everyKindOfRootStartsAndLeavesNoMount(_ mode: [String]) async throws {
      try await withDaemon { daemon in
        try await daemon.terminate()
        try await daemon.start(prelude: Self.shared)
        let before = try mounts(daemon)
        #expect(before.contains { $0.contains(" shared:") })
        let tree = "\(daemon.root)/tree"
        try RootTrees.privateBusybox(at: tree)
        try Files.makeDirectories("\(tree)/x/two", mode: 0o755)
        try Files.makeDirectories("\(daemon.root)/outer/two", mode: 0o755)
        let result = try await daemon.cli(
          ["create", "web", "--rootfs", tree, "--restart", "never"] + mode
            + [
              "--mount", "\(daemon.root)/outer:/x", "--tmpfs", "/x/two", "--", "/bin/sh", "-c",
              "touch /x/two/mine; exit 3",
            ])
        #expect(result.code == 0, "\(result)")
        try await daemon.succeed("start", "web")
        #expect(try await daemon.end(of: "web").cause.code == 3)
        #expect(Files.names(in: "\(daemon.root)/outer/two").isEmpty)
        #expect(try mounts(daemon) == before)
      }
    }

    /// A mount that the host makes later below the source of a bind is none of the guest's: it would be writable there.
    @Test(.requiresGuests) func aLaterMountOfTheHostIsNotInAGuestsBind() async throws {
      try await withDaemon { daemon in
        try await daemon.terminate()
        try await daemon.start(prelude: Self.shared)
        try await onHost(daemon, "mkdir \(daemon.root)/data/later")
        try await daemon.define(
          "web", ["--restart", "never", "--mount", "\(daemon.root)/data:/mnt:ro"],
          [
            "/bin/sh", "-c",
            "until [ -e /mnt/go ]; do sleep 0.05; done; touch /mnt/later/mine; grep -c ' /mnt/later ' /proc/self/mounts",
          ])
        try await daemon.succeed("start", "web")
        try await onHost(
          daemon, "mount -t tmpfs later \(daemon.root)/data/later; touch \(daemon.root)/data/go")
        #expect(try await daemon.end(of: "web").cause.code == 1, "no such mount in the guest")
        try await onHost(daemon, "test -z \"$(ls \(daemon.root)/data/later)\"")
      }
    }
  }
}
