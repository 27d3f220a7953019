import Foundation
import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// The output of a guest reaches its log whole, and hurts no terminal.
  @Suite struct Console {
    /// Faults row 37: the last bytes are still in the terminal when init has gone.
    @Test(.requiresGuests) func theLastBytesAreInTheLogBeforeTheEndIsTold() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sh", "-c", "printf 'no newline'; exit 0"])
        let connection = try RawConnection(to: daemon.socketPath)
        for round in 1...50 {
          _ = try connection.call(.start, "web", serial: UInt32(2 * round))
          _ = try connection.call(.wait, "web", serial: UInt32(2 * round + 1))
          let log = Files.textOrEmpty("\(daemon.root)/log/web.log")
          #expect(log.components(of: "no newline") == round)
        }
      }
    }

    /// Faults row 35.
    @Test(.requiresGuests) func escapesAndNoiseAreShownSafelyAndKeptRaw() async throws {
      try await withDaemon { daemon in
        try await daemon.define(
          "web", ["--restart", "never"], ["/bin/printf", "a\\033[31mred\\007\\000\\377 end\\n"])
        try await daemon.succeed("start", "web")
        _ = try await daemon.end(of: "web")
        let shown = try await daemon.succeed("logs", "web").output
        #expect(!shown.utf8.contains(0x1b) && !shown.utf8.contains(0x07) && !shown.utf8.contains(0))
        #expect(shown.contains("red") && shown.contains("end"))
        let raw = try await daemon.succeed("logs", "web", "--raw").output
        #expect(raw.utf8.contains(0x1b))
      }
    }

    /// The same for `run`, wherever its output goes: a pipe leads to a terminal as often as not.
    @Test(.requiresGuests) func runShowsControlCharactersUnlessItIsAskedNotTo() async throws {
      try await withDaemon { daemon in
        func output(_ options: [String]) async throws -> String {
          try await daemon.cli(
            ["run", "--rm", "--rootfs", try RootTrees.busybox(), "--overlay"] + options
              + ["--", "/bin/printf", "a\\033]0;x\\007\\n"]
          ).output
        }
        let (shown, raw) = (try await output([]), try await output(["--raw"]))
        #expect(shown == "a\\e]0;x\\u{7}\n")
        #expect(raw == "a\u{1b}]0;x\u{7}\n")
      }
    }

    /// Bytes that are no text go through the log and out again as they are, without a newline more or less.
    @Test(.requiresGuests) func binaryOutputIsWhatTheGuestWrote() async throws {
      try await withDaemon { daemon in
        var generator = SystemRandomNumberGenerator()
        for count in [1, 1000, 300_000] {
          var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
          // Lines as other systems end them, and the end in the middle of one.
          bytes += [13, 10, 0, 13, 10, 0xff, UInt8.random(in: 0...255, using: &generator)]
          let folder = "\(daemon.root)/share"
          try Files.makeDirectories(folder)
          try Files.writeAtomically(bytes, to: "\(folder)/data", mode: 0o644)
          let spec = """
            rootfs: {path: \(try RootTrees.busybox()), mode: overlay}
            command: [/bin/cat, /share/data]
            console: pipes
            mounts: [{source: \(folder), target: /share, readOnly: true}]
            """
          try Files.writeText(spec, to: "\(daemon.root)/web.yaml")
          let shell = Command("/bin/sh", environment: ["LODGE_ROOT": daemon.root])
          let lodge = "\(TestDaemon.programs)/lodge"
          let result = try await shell([
            "-c",
            """
            cd \(daemon.root)
            \(lodge) run web -f web.yaml --raw >run.out && \(lodge) logs web --raw >logs.out
            """,
          ])
          #expect(result.code == 0, "\(result)")
          for name in ["run.out", "logs.out"] {
            #expect(try Files.read("\(daemon.root)/\(name)") == bytes, "\(name) of \(count)")
          }
          try await daemon.succeed("rm", "web")
        }
      }
    }

    /// A guest prints far more than is kept, and no one reads along: it is never held up, and neither the log nor the
    /// controller grows.
    @Test(.requiresGuests) func aFloodIsRotatedAndHoldsNothingUp() async throws {
      try await withDaemon { daemon in
        // 64 MB: lines, then one line without an end.
        try await daemon.define(
          "web", ["--restart", "never"],
          [
            "/bin/sh", "-c",
            "yes 0123456789abcdef0123456789abcdef | head -c 32000000; head -c 32000000 /dev/zero | tr '\\0' x; echo; echo done",
          ])
        try await daemon.succeed("start", "web")
        let controller = try? await daemon.controllerPID(of: "web")
        let before = controller.map { ProcessFacts.memory("Private_Dirty", of: $0) } ?? 0
        let run = try await daemon.end(of: "web", within: 120)
        #expect(run.cause.code == 0)
        #expect(run.logTail.last == "done")
        #expect(before < 4000, "controller: \(before) kB of its own, in the middle of the flood")
        let bytes = Files.names(in: "\(daemon.root)/log").filter { $0.hasPrefix("web.log") }
          .map { name -> Int in
            var info = stat()
            return stat("\(daemon.root)/log/\(name)", &info) == 0 ? Int(info.st_size) : 0
          }
        #expect(bytes.count <= 3 && bytes.allSatisfy { $0 <= 11 << 20 }, "\(bytes)")
      }
    }

    /// The original's failure 4.
    @Test(.requiresGuests) func aGuestThatClosesItsConsoleRunsOn() async throws {
      try await withDaemon { daemon in
        try await daemon.define(
          "web", ["--restart", "never"], ["/bin/sh", "-c", "echo bye; exec 0<&- 1>&- 2>&-; sleep 1; exit 6"])
        try await daemon.succeed("start", "web")
        try await daemon.waitForLog("web", "bye")
        #expect(try await daemon.guest("web").state == "running")
        #expect(try await daemon.end(of: "web").cause.code == 6)
      }
    }

    @Test(.requiresGuests) func logsFollowAcrossRunsAndTail() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sh", "-c", "seq 1 20"])
        try await daemon.succeed("start", "web")
        _ = try await daemon.end(of: "web")
        let tail = try await daemon.succeed("logs", "web", "--tail", "3").lines
        #expect(tail.count == 3 && tail.last?.hasSuffix("20") == true, "\(tail)")
      }
    }

    /// Faults row 31: nothing of ours is open in the guest.
    @Test(.requiresGuests) func aGuestHasThreeDescriptorsAndNoPrivilegesToSpare() async throws {
      try await withDaemon { daemon in
        try await daemon.define(
          "web", ["--restart", "never"],
          [
            "/bin/sh", "-c",
            "ls /proc/self/fd | tr '\\n' ' '; grep -E 'NoNewPrivs|CapBnd' /proc/self/status; hostname; id -u; pwd; echo end",
          ])
        try await daemon.succeed("start", "web")
        _ = try await daemon.end(of: "web")
        let log = try await daemon.succeed("logs", "web").output
        // 3 is the folder that ls itself reads.
        #expect(log.contains("0 1 2 3 "), "\(log)")
        #expect(!log.contains("0 1 2 3 4"), "\(log)")
        #expect(log.contains("NoNewPrivs:\t1"), "\(log)")
        #expect(!log.contains("CapBnd:\t000001ff"), "\(log)")
        #expect(log.contains("web"), "\(log)")
      }
    }
  }
}

extension String {
  /// How often a text occurs.
  fileprivate func components(of text: String) -> Int {
    var count = 0
    var rest = Substring(self)
    while let range = rest.range(of: text) {
      count += 1
      rest = rest[range.upperBound...]
    }
    return count
  }
}
