import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// A run has one spec from the decision to start it until its end, whatever is defined meanwhile.
  @Suite struct RunSpecs {
    private static func replace(_ daemon: TestDaemon, _ flags: [String], _ script: String) async throws {
      let command =
        ["create", "web", "--replace", "--rootfs", try RootTrees.busybox(), "--overlay", "--restart", "never"] + flags
        + ["--", "/bin/sh", "-c", script]
      let result = try await daemon.cli(command)
      #expect(result.code == 0, "\(result)")
    }

    /// Each commit takes a second and a half, so the guest is replaced between the decision to start it and the launch.
    @Test(.requiresGuests) func aSpecReplacedWhileAStartIsStoredWaitsForTheNextStart() async throws {
      try await withDaemon(environment: ["LODGE_CRASHPOINT": "daemon.commit.before:pause"]) { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sh", "-c", "echo first; sleep 1000"])
        async let started = daemon.lodge("start", "web")
        // Its controller is spawned in the very step of the decision.
        let directory = "\(daemon.root)/run/guests/web"
        for _ in 0..<500 where !Files.exists(directory) { try await Task.sleep(for: .milliseconds(2)) }
        try await Self.replace(daemon, [], "echo second; sleep 1000")
        let start = try await started
        #expect(start.code == 0, "\(start)")
        try await daemon.waitForLog("web", "first")
        #expect(!Files.textOrEmpty("\(daemon.root)/log/web.log").contains("second"))
        #expect(try await daemon.guest("web").specPending == true)
        // It is on the disk like that, too.
        try await daemon.kill()
        try await daemon.start()
        #expect(try await daemon.guest("web").specPending == true)
        try await daemon.succeed("kill", "web")
        try await daemon.succeed("start", "web")
        try await daemon.waitForLog("web", "second")
        #expect(try await daemon.guest("web").specPending == false)
      }
    }

    @Test(.requiresGuests) func aStopGoesByTheSpecOfTheRun() async throws {
      let script = "trap 'exit 7' USR1; trap 'exit 8' USR2; echo ready; while :; do sleep 0.1; done"
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never", "--stop-signal", "SIGUSR1"], ["/bin/sh", "-c", script])
        try await daemon.succeed("start", "web")
        try await daemon.waitForLog("web", "ready")
        try await Self.replace(daemon, ["--stop-signal", "SIGUSR2", "--stop-timeout", "0.1s"], script)
        // Also by a daemon that did not see it replaced.
        try await daemon.kill()
        try await daemon.start()
        try await daemon.succeed("stop", "web")
        let run = try await daemon.end(of: "web")
        #expect(run.cause.how == "polite" && run.cause.code == 7, "\(run.cause)")
      }
    }
  }
}
