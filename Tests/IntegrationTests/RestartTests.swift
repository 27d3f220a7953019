import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Restart policies with real guests. The decisions themselves are tested by the thousand in GuestTests.
  @Suite struct Restarts {
    struct Case: Sendable, CustomTestStringConvertible {
      var policy: String
      var command: String
      var restarts: Bool
      var testDescription: String { "\(policy): \(command)" }
    }

    static let cases: [Case] = [
      Case(policy: "never", command: "reboot -f", restarts: false),
      Case(policy: "onReboot", command: "reboot -f", restarts: true),
      Case(policy: "onReboot", command: "exit 1", restarts: false),
      Case(policy: "onReboot", command: "poweroff -f", restarts: false),
      Case(policy: "onFailure", command: "exit 1", restarts: true),
      Case(policy: "onFailure", command: "exit 0", restarts: false),
      Case(policy: "always", command: "exit 0", restarts: true),
      Case(policy: "always", command: "poweroff -f", restarts: true),
    ]

    /// The reply to a restart names the run that followed, even if that run ends before the reply is sent.
    @Test(.requiresGuests) func aRestartIntoARunThatEndsAtOnceSucceeds() async throws {
      try await withDaemon { daemon in
        let names = (0..<10).map { "web\($0)" }
        for name in names {
          let folder = "\(daemon.root)/\(name)"
          try Files.makeDirectory(folder)
          try await daemon.define(
            name, ["--restart", "never", "--mount", "\(folder):/mark"],
            [
              "/bin/sh", "-c",
              """
              [ -e /mark/second ] && exit 5
              trap 'exit 0' TERM; touch /mark/second; echo ready; while :; do sleep 1 & wait $!; done
              """,
            ])
        }
        try await daemon.succeed("start", "web*")
        for name in names { try await daemon.waitForLog(name, "ready") }
        try await daemon.succeed("restart", "--yes", "web*")
        for name in names {
          let run = try await daemon.end(of: name)
          #expect(run.number == 2 && run.cause.code == 5, "\(run)")
        }
      }
    }

    /// Guests that reboot over and over, and a daemon that is killed at any moment: each reboot is followed by a start. Many
    /// more: `LODGE_REBOOTS=1000`.
    @Test(.requiresGuests) func everyRebootIsFollowedByAStartThoughTheDaemonIsKilled() async throws {
      let wanted = getenv("LODGE_REBOOTS").flatMap { Int(String(cString: $0)) } ?? 60
      let names = (0..<6).map { "web\($0)" }
      try await withDaemon { daemon in
        for name in names {
          let folder = "\(daemon.root)/\(name)"
          try Files.makeDirectory(folder)
          let file = "\(daemon.root)/\(name).yaml"
          let tree = try RootTrees.busybox()
          try Files.writeText(
            """
            rootfs: {path: \(tree), mode: overlay}
            command: [/bin/sh, -c, 'echo x >> /mark/runs; n=$(wc -l < /mark/runs); [ $n -gt \(wanted / 6) ] && exec sleep 1000; exec reboot -f']
            mounts: [{source: \(folder), target: /mark}]
            restart: {policy: onReboot, minimumUptime: 0s, limit: 0, backoff: {initial: 0s, maximum: 0s}}
            """, to: file)
          try await daemon.succeed("create", name, "-f", file)
        }
        _ = try await daemon.cli(["start"] + names)
        func runs(_ name: String) -> Int {
          Files.textOrEmpty("\(daemon.root)/\(name)/runs").split(separator: "\n").count
        }
        var kills = 0
        for _ in 0..<400 where names.contains(where: { runs($0) <= wanted / 6 }) {
          try await Task.sleep(for: .milliseconds(Int.random(in: 20...250)))
          try await daemon.kill()
          kills += 1
          try await daemon.start()
        }
        for name in names {
          let history = try await daemon.runs(of: name)
          #expect(runs(name) == wanted / 6 + 1, "\(name) after \(kills) kills: \(history.prefix(3))")
          #expect(history.allSatisfy { $0.cause.kind == "reboot" }, "\(name): \(history.map(\.cause.kind))")
        }
        _ = try await daemon.cli(["kill"] + names)
      }
    }

    @Test(.requiresGuests, arguments: cases) func thePolicyAnswersTheCause(_ row: Case) async throws {
      try await withDaemon { daemon in
        // The first run ends at the mark; a second one stays.
        let folder = "\(daemon.root)/mark"
        try Files.makeDirectory(folder)
        try await daemon.define(
          "web", ["--restart", row.policy, "--mount", "\(folder):/mark"],
          ["/bin/sh", "-c", "[ -e /mark/second ] && exec sleep 1000; touch /mark/second; \(row.command)"])
        try await daemon.succeed("start", "web")
        if row.restarts {
          try await daemon.waitForEvent(after: 0) {
            $0.guest == "web" && $0.to == "running" && $0.actor?.kind == "policy"
          }
          let guest = try await daemon.guest("web")
          #expect(guest.state == "running" && guest.runs == 2)
          try await daemon.succeed("kill", "web")
        } else {
          _ = try await daemon.end(of: "web")
          let guest = try await daemon.guest("web")
          #expect(guest.state == "stopped" && guest.runs == 1)
        }
      }
    }

    @Test(.requiresGuests) func aPendingRestartIsShownAndSurvivesTheDaemon() async throws {
      try await withDaemon { daemon in
        // Two quick failures: the second wait is long enough to look at.
        try await daemon.define("web", ["--restart", "onFailure"], ["/bin/sh", "-c", "exit 1"])
        try await daemon.succeed("start", "web")
        try await daemon.waitForEvent(after: 0, within: 20) {
          $0.guest == "web" && $0.to == "waiting" && ($0.message ?? "").contains("attempt 2")
        }
        let before = try await daemon.guest("web")
        #expect(before.state == "waiting" && before.restart?.attempt == 2)
        #expect(try await daemon.succeed("ls").output.contains("restart in"))
        try await daemon.kill()
        try await daemon.start()
        let after = try await daemon.guest("web")
        #expect(after.runs > before.runs || after.restart?.attempt == 2, "\(after)")
        try await daemon.waitForEvent(after: 0, within: 20) {
          $0.to == "waiting" && ($0.message ?? "").contains("attempt 3")
        }
        try await daemon.succeed("stop", "web")
        #expect(try await daemon.guest("web").state == "stopped")
      }
    }

    @Test(.requiresGuests) func autostartGuestsStartAfterABootOfTheHostOnly() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--autostart", "--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.terminate()
        try await daemon.start()
        #expect(try await daemon.guest("web").state == "stopped", "a restart of the daemon is no boot")
        try await daemon.terminate()
        try await daemon.start(
          prelude: """
            echo 11111111-2222-4333-8444-555555555555 >$ROOT/boot_id
            mount --bind $ROOT/boot_id /proc/sys/kernel/random/boot_id
            """)
        try await daemon.succeed("wait", "web", "--for", "running", "--timeout", "20s")
        try await daemon.succeed("kill", "web")
      }
    }

    /// Faults row 38, small: guests that crash at once, all together. The daemon stays quick, the work bounded.
    @Test(.requiresGuests) func aRestartStormIsSlowedDown() async throws {
      try await withDaemon { daemon in
        let names = (1...30).map { "web\($0)" }
        for name in names { try await daemon.define(name, ["--restart", "always"], ["/bin/false"]) }
        let before = Clock.bootNanoseconds
        let started = try await daemon.cli(["start"] + names, deadline: 60)
        #expect(started.code == 0, "\(started)")
        try await daemon.waitForEvent(after: 0, within: 30) { ($0.message ?? "").contains("attempt 3") }
        // A second, then two, each moved by a tenth at most.
        #expect(Double(Clock.bootNanoseconds - before) / 1e9 >= 2.7)
        let begin = Clock.bootNanoseconds
        let runs = try await daemon.guests().map(\.runs).reduce(0, +)
        #expect(Double(Clock.bootNanoseconds - begin) / 1e9 < 1)
        #expect(runs <= 30 * 5, "\(runs) runs of 30 guests")
        try await daemon.succeed("stop", "--yes", "*")
      }
    }
  }
}
