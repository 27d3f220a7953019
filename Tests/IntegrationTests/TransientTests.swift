import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// A guest of `run --rm` is removed by the daemon, whatever becomes of the command.
  @Suite struct Transients {
    @Test(.requiresGuests, arguments: ["HUP", "TERM", "KILL", "PIPE"])
    func aGuestIsRemovedThoughItsCommandHasDied(_ signal: String) async throws {
      try await withDaemon { daemon in
        let folder = "\(daemon.root)/mark"
        try Files.makeDirectory(folder)
        let script = """
          LODGE_ROOT=$ROOT "$1" run job --rm --rootfs "$2" --overlay --mount "$3:/mark" -- \
            /bin/sh -c 'touch /mark/up; until [ -e /mark/go ]; do sleep 0.05; done; exit 3' </dev/null >/dev/null 2>&1 &
          p=$!; until [ -e "$3/up" ]; do sleep 0.05; done; kill -$4 $p; wait $p; touch "$3/go"
          """
        let tree = try RootTrees.busybox()
        _ = try await Command("/bin/sh", environment: ["ROOT": daemon.root])(
          ["-c", script, "sh", "\(TestDaemon.programs)/lodge", tree, folder, signal])
        for _ in 0..<200 where try await daemon.lodge("show", "job").code == 0 {
          try await Task.sleep(for: .milliseconds(20))
        }
        #expect(try await daemon.guests().isEmpty)
        #expect(try await daemon.runs(of: "job").first?.cause.code == 3, "its history stays")
      }
    }

    /// The guest goes with its end; its output is read to the last line after that.
    @Test(.requiresGuests) func allOfItsOutputIsPrinted() async throws {
      try await withDaemon { daemon in
        let tree = try RootTrees.busybox()
        let result = try await daemon.cli([
          "run", "job", "--rm", "--rootfs", tree, "--overlay", "--", "/bin/sh", "-c",
          "yes 0123456789 | head -n 100000; echo end; exit 7",
        ])
        #expect(result.code == 7, "\(result.errors)")
        let lines = result.output.split(separator: "\n")
        #expect(lines.count == 100_001 && lines.last == "end", "\(lines.count) lines, then \(lines.last ?? "")")
        #expect(try await daemon.guests().isEmpty)
      }
    }

    /// The command follows a run, and not a name: its guest may be gone before the first answer.
    @Test(.requiresGuests) func hundredsOfShortRunsKeepTheirCodesAndTheirOutput() async throws {
      try await withDaemon { daemon in
        let tree = try RootTrees.busybox()
        for round in 0..<20 {
          try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in 0..<8 {
              group.addTask {
                let code = Int32(round * 8 + lane) % 120 + 1
                let name = "s\(round)-\(lane)"
                let result = try await daemon.cli([
                  "run", name, "--rm", "--rootfs", tree, "--overlay", "--", "/bin/sh", "-c",
                  "echo \(name); exit \(code)",
                ])
                #expect(result.code == code, "\(name): \(result.code) \(result.errors)")
                #expect(result.output == "\(name)\n", "\(name)")
              }
            }
            try await group.waitForAll()
          }
        }
        #expect(try await daemon.guests().isEmpty)
      }
    }

    /// Whenever the command dies, no guest is left that was never started.
    @Test(.requiresGuests) func aCommandThatDiesAtAnyMomentLeavesNoGuest() async throws {
      var random = SeededRandom(for: "run and kill")
      try await withDaemon { daemon in
        let tree = try RootTrees.busybox()
        let script = """
          LODGE_ROOT=$ROOT "$1" run $3 --rm --rootfs "$2" --overlay -- /bin/true </dev/null >/dev/null 2>&1 &
          p=$!; sleep $4; kill -9 $p; wait $p
          """
        for number in 0..<60 {
          let delay = "0.\(String(Int.random(in: 1000..<1080, using: &random)).dropFirst())"
          _ = try await Command("/bin/sh", environment: ["ROOT": daemon.root])(
            ["-c", script, "sh", "\(TestDaemon.programs)/lodge", tree, "k\(number)", delay])
        }
        // Runs that have begun end by themselves, and their guests go with them.
        var left = try await daemon.guests()
        for _ in 0..<500 where !left.isEmpty {
          try await Task.sleep(for: .milliseconds(20))
          left = try await daemon.guests()
        }
        #expect(left.isEmpty, "\(left.map(\.name))")
      }
    }
  }
}
