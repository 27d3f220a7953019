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
  }
}
