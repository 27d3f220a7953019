import Foundation
import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// The whole of the former release, with its own daemon and its own command, is upgraded under load and then put back. On
  /// request, because the repository keeps only the former controller: `LODGE_FORMER_BIN` is the folder of its three programs,
  /// `LODGE_UPGRADE_GUESTS` the number of guests.
  @Suite struct FormerReleases {
    enum Kind: Int, CaseIterable { case exits, crashes, isStopped, isForced, reboots, endsWhileNoDaemonIsThere }

    @Test(.requiresGuests, .requires(.environment("LODGE_FORMER_BIN")))
    func aHostIsUpgradedUnderLoadAndTheFormerReleaseRefusesTheWayBack() async throws {
      let programs = String(cString: getenv("LODGE_FORMER_BIN"))
      let count = getenv("LODGE_UPGRADE_GUESTS").flatMap { Int(String(cString: $0)) } ?? 12
      try await withDaemon { daemon in
        try await daemon.terminate()
        // It was of this release.
        for suffix in ["", "-wal", "-shm"] { try Files.removeTree("\(daemon.root)/lib/lodge.db\(suffix)") }
        let former = Command("\(programs)/lodge", environment: ["LODGE_ROOT": daemon.root])
        let load = try (0..<4).map { _ in
          try SpawnPlan(executable: "/bin/sh", arguments: ["sh", "-c", "while :; do :; done"], environment: []).run()
        }
        defer { for process in load { Self.end(process) } }
        let formerDaemon = try await Self.start("\(programs)/lodged", daemon, asking: former)
        try Files.makeDirectory("\(daemon.root)/gate")
        let tree = try RootTrees.busybox()
        let all = (0..<count).map { (name: "g\($0)", kind: Kind.allCases[$0 % Kind.allCases.count]) }
        for (name, kind) in all {
          let wait = "while [ ! -e /gate/go ]; do sleep 0.2; done"
          let command =
            switch kind {
            case .exits: "\(wait); exit 7"
            case .crashes: "sleep 1000"
            case .isStopped: "trap 'exit 3' TERM; while :; do sleep 0.1; done"
            case .reboots: "\(wait); exec reboot -f"
            case .isForced, .endsWhileNoDaemonIsThere: "exec sleep 1000"
            }
          let made = try await former([
            "create", name, "--rootfs", tree, "--overlay", "--restart", "never", "--mount",
            "\(daemon.root)/gate:/gate:ro",
            "--", "/bin/sh", "-c", command,
          ])
          guard made.code == 0 else { throw CommandFailure(made) }
          let started = try await former(["start", name])
          guard started.code == 0 else { throw CommandFailure(started) }
        }
        struct Line: Decodable {
          var name: String
          var initPid: Int32?
        }
        let lines: [Line] = try await former(["ls", "-o", "jsonl"]).decoded()
        let inits = Dictionary(uniqueKeysWithValues: lines.map { ($0.name, $0.initPid ?? 0) })
        #expect(inits.count == count && !inits.values.contains(0))
        Self.end(formerDaemon)
        for (name, kind) in all where kind == .endsWhileNoDaemonIsThere { kill(inits[name]!, SIGKILL) }

        try await daemon.start()
        for guest in try await daemon.guests() {
          guard all.first(where: { $0.name == guest.name })?.kind != .endsWhileNoDaemonIsThere else { continue }
          #expect(guest.state == "running" && guest.initPid == inits[guest.name], "\(guest.name): \(guest.state)")
        }
        try Files.writeText("", to: "\(daemon.root)/gate/go")
        for (name, kind) in all {
          switch kind {
          case .exits, .reboots, .endsWhileNoDaemonIsThere: break
          case .crashes: kill(inits[name]!, SIGKILL)
          case .isStopped: try await daemon.succeed("stop", name)
          case .isForced: try await daemon.succeed("kill", name)
          }
        }
        var right = 0
        for (name, kind) in all {
          let cause = try await daemon.end(of: name).cause
          let isRight =
            switch kind {
            case .exits: cause.kind == "exited" && cause.code == 7
            case .crashes, .endsWhileNoDaemonIsThere: cause.kind == "signaled" && cause.signal == 9
            case .isStopped: cause.kind == "stopped" && cause.how == "polite" && cause.by?.uid == 0
            case .isForced: cause.kind == "stopped" && cause.how == "forced" && cause.by?.uid == 0
            case .reboots: cause.kind == "reboot"
            }
          #expect(isRight, "\(name), \(kind): \(cause)")
          right += isRight ? 1 : 0
        }
        print("upgrade: \(right) of \(count) ends right")

        // The way back is refused with a sentence, and nothing is changed by the try.
        try await daemon.terminate()
        let back = try await Self.start("\(programs)/lodged", daemon, asking: former)
        let status = try await former(["daemon", "status"])
        #expect(status.output.contains("written by a newer version"), "\(status)")
        #expect(try await former(["create", "x", "--rootfs", tree, "--", "/bin/true"]).code != 0)
        Self.end(back)
        try await daemon.start()
        #expect(try await daemon.guests().count == count)

        // The way back as the page has it, beside guests that were started and defined since.
        try await daemon.succeed("start", "g0")
        try await daemon.define("since", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "since")
        try await Self.goBack(daemon)
        let formerAgain = try await Self.start("\(programs)/lodged", daemon, asking: former)
        #expect(try await former(["daemon", "status"]).output.contains("well"))
        let known: [Line] = try await former(["ls", "-o", "jsonl"]).decoded()
        #expect(Set(known.map(\.name)) == Set(all.map(\.name)), "as before the upgrade")
        let started = try await former(["start", "g0"])
        #expect(started.code == 0, "\(started)")
        Self.end(formerAgain)
        // And forth again.
        try await daemon.start()
        #expect(try await daemon.guests().count == count)
      }
    }

    /// Does what docs/operating.md says, with the folders of the test.
    private static func goBack(_ daemon: TestDaemon) async throws {
      let repository = Files.parent(of: Files.parent(of: Files.parent(of: #filePath)))
      let page = try Files.readText("\(repository)/docs/operating.md")
      let steps = page.components(separatedBy: "**The way back**")[1].components(separatedBy: "```")[1]
        .split(separator: "\n").map(String.init).dropFirst()
      #expect(steps.count == 6)
      let (ours, disk) = (
        steps.filter { $0.hasPrefix("lodge ") }, steps.filter { $0.hasPrefix("m") || $0.hasPrefix("cd ") }
      )
      for step in ours {
        let words = Array(step.split(separator: " ").map(String.init).dropFirst())
        let result = try await daemon.cli(words + ["--timeout", "0s"])
        #expect(result.code == 0, "\(step): \(result)")
      }
      try await daemon.terminate()
      let script = disk.joined(separator: "\n").replacingOccurrences(of: "/var/lib/lodge", with: "\(daemon.root)/lib")
      let moved = try await Command("/bin/sh")(["-euc", script])
      #expect(moved.code == 0, "\(moved)")
    }

    private static func end(_ process: ProcessHandle) {
      _ = try? process.signal(SIGKILL)
      _ = try? process.wait(blocking: true)
    }

    /// Returns once it answers.
    private static func start(_ program: String, _ daemon: TestDaemon, asking: Command) async throws -> ProcessHandle {
      var plan = SpawnPlan(
        executable: program, arguments: [program, "--root", daemon.root],
        environment: [
          "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LODGE_TEST_TAG=\(daemon.scratch.tag)",
        ])
      plan.newSession = true
      let process = try plan.run()
      // It is not the test's business to listen for its readiness as a service manager does: that is the other one's format.
      for _ in 0..<200 {
        if try await asking(["ls"]).code == 0 { return process }
        try await Task.sleep(for: .milliseconds(50))
      }
      throw TooLate(description: "\(program) does not answer")
    }
  }
}
