import Foundation
import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Faults row 41: programs that the daemon runs at events, once for each, and that never hold up anything else.
  @Suite struct Hooks {
    /// The notes of a program, one line a run.
    private struct Report {
      var sequence: Int
      var type: String
      var guest: String
      var cause: String
      var code: String
      var attempt: Int

      init?(_ line: Substring) {
        let fields = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard fields.count == 6, let sequence = Int(fields[0]), let attempt = Int(fields[5]) else { return nil }
        (self.sequence, type, guest, cause, code, self.attempt) = (
          sequence, fields[1], fields[2], fields[3], fields[4], attempt
        )
      }
    }

    private static let report =
      #"echo "$LODGE_SEQUENCE $LODGE_TYPE $LODGE_GUEST $LODGE_CAUSE $LODGE_CODE $LODGE_ATTEMPT" >> ROOT/reports"#

    /// Writes the program of a hook; `ROOT` in it is the daemon's folder.
    private func program(_ name: String, _ script: String, _ daemon: TestDaemon) throws -> String {
      let path = "\(daemon.root)/\(name)"
      let text = "#!/bin/sh\n" + script.replacingOccurrences(of: "ROOT", with: daemon.root) + "\n"
      try Files.writeText(text, to: path)
      try check("chmod", on: path) { chmod(path, 0o755) }
      return path
    }

    private func reports(_ daemon: TestDaemon, atLeast count: Int) async throws -> [Report] {
      let path = "\(daemon.root)/reports"
      try await daemon.waitForFile(path) { Self.reports(in: $0).count >= count }
      return Self.reports(in: Files.textOrEmpty(path))
    }

    private static func reports(in text: String) -> [Report] { text.split(separator: "\n").compactMap(Report.init) }

    @Test(.requiresGuests) func eachMatchingEventOnceAndInOrder() async throws {
      try await withDaemon { daemon in
        let path = try program("report", Self.report, daemon)
        try await daemon.succeed(
          "on", "add", "ends", "--filter", "guest=web*", "--filter", "type=state", "--exec", path)
        for index in 0..<5 {
          for name in ["web\(index)", "other\(index)"] {
            try await daemon.define(name, ["--restart", "never"], ["/bin/sh", "-c", "exit \(index)"])
            try await daemon.succeed("start", name)
            _ = try await daemon.end(of: name)
          }
        }
        let expected = try await daemon.events().filter { $0.type == "state" && $0.guest?.hasPrefix("web") == true }
        let told = try await reports(daemon, atLeast: expected.count)
        #expect(told.map(\.sequence) == expected.map(\.seq))
        #expect(told.allSatisfy { $0.attempt == 1 })
        let ends = told.filter { !$0.cause.isEmpty }
        #expect(ends.map(\.guest) == (0..<5).map { "web\($0)" })
        #expect(ends.map(\.code) == (0..<5).map(String.init))
        let listed = try await daemon.succeed("on", "ls", "-o", "jsonl")
        #expect(listed.output.contains("\"runs\":\(expected.count)"), "\(listed)")
      }
    }

    /// The kind of X11: what cannot be run is refused at once, words after the hyphens arrive, a test needs no event, and
    /// no guest's log is a hook's.
    @Test(.requiresGuests) func aHookIsCheckedAndTested() async throws {
      try await withDaemon { daemon in
        let plain = "\(daemon.root)/plain"
        try Files.writeText("#!/bin/sh\n", to: plain)
        for path in [plain, daemon.root, "\(daemon.root)/nothing"] {
          let refused = try await daemon.lodge("on", "add", "page", "--exec", path)
          #expect(refused.code == 64 && refused.errors.contains("add hook page: "), "\(refused)")
        }
        let path = try program("report", #"echo "$LODGE_TEST:$1:$2"; exit "$3""#, daemon)
        try await daemon.succeed(
          "on", "add", "page", "--filter", "type=removed", "--exec", path, "--", "a b", "$HOME", "0")
        try await daemon.succeed(
          "on", "add", "bad", "--filter", "type=removed", "--exec", path, "--", "x", "y", "4")
        #expect(
          try await daemon.succeed("on", "ls", "-o", "jsonl").output.contains(#""arguments":["a b","$HOME","0"]"#))
        let well = try await daemon.succeed("on", "test", "page")
        #expect(well.output == "page: exit 0; its output is in \(daemon.root)/log/hooks/page.log\n", "\(well)")
        let failed = try await daemon.lodge("on", "test", "bad")
        #expect(failed.code == 1 && failed.errors.contains("on test bad: exit 4"), "\(failed)")
        #expect(try await daemon.lodge("on", "test", "nobody").code == 3)
        let log = Files.textOrEmpty("\(daemon.root)/log/hooks/page.log").split(separator: "\n")
        #expect(log.count == 3, "\(log)")
        #expect(log.first?.contains(" l \(path) begins for a test") == true, "\(log)")
        #expect(log.dropFirst().first == "1:a b:$HOME", "\(log)")
        #expect(log.last?.hasSuffix("Z l exit 0") == true, "\(log)")
        // A guest of the name that the hook's log once had.
        try await daemon.define("hook-page", ["--restart", "never"], ["/bin/echo", "of the guest"])
        try await daemon.succeed("start", "hook-page")
        _ = try await daemon.end(of: "hook-page")
        try await daemon.succeed("rm", "hook-page")
        #expect(Files.textOrEmpty("\(daemon.root)/log/hooks/page.log").contains("1:a b"))
        let bad = try await daemon.lodge("on", "add", "../x", "--exec", "/bin/true")
        #expect(bad.errors.contains("hook name"), "\(bad)")
      }
    }

    /// kill -9 of the daemon while a program runs: it is ended, the event is given again, none is passed over.
    @Test(.requiresGuests) func afterACrashTheEventIsGivenAgain() async throws {
      try await withDaemon { daemon in
        let path = try program(
          "report",
          """
          \(Self.report)
          if [ "$LODGE_CODE" = 1 ] && [ "$LODGE_ATTEMPT" = 1 ]; then echo $$ > ROOT/hangs; exec sleep 1000; fi
          """, daemon)
        try await daemon.succeed("on", "add", "ends", "--filter", "cause=exited", "--exec", path)
        for code in 0..<4 {
          try await daemon.define("web\(code)", ["--restart", "never"], ["/bin/sh", "-c", "exit \(code)"])
          try await daemon.succeed("start", "web\(code)")
          _ = try await daemon.end(of: "web\(code)")
        }
        try await daemon.waitForFile("\(daemon.root)/hangs") { $0.hasSuffix("\n") }
        let hanging = try #require(Int32(Files.textOrEmpty("\(daemon.root)/hangs").dropLast()))
        let handle = try ProcessHandle(opening: hanging)
        try await daemon.kill()
        try await daemon.start()
        #expect(
          try await offThread { waitUntilReadable(handle.fd.rawValue, seconds: 10) }, "what it was doing is ended")
        let told = try await reports(daemon, atLeast: 5)
        #expect(told.map(\.code) == ["0", "1", "1", "2", "3"])
        #expect(told.map(\.attempt) == [1, 1, 2, 1, 1])
      }
    }

    /// A program that hangs, with a child that ignores everything, is killed with it, tried again and given up; the events
    /// after it come. Meanwhile guests start and end as ever.
    @Test(.requiresGuests) func oneThatHangsIsKilledAndHoldsUpNothing() async throws {
      try await withDaemon { daemon in
        let path = try program(
          "hang",
          """
          \(Self.report)
          [ "$LODGE_CODE" = 1 ] || exit 0
          (trap '' TERM INT HUP; while :; do sleep 1000; done) &
          wait
          """, daemon)
        try await daemon.succeed(
          "on", "add", "hang", "--filter", "cause=exited", "--exec", path, "--timeout", "300ms", "--retries", "1")
        for code in 1...2 {
          try await daemon.define("web\(code)", ["--restart", "never"], ["/bin/sh", "-c", "exit \(code)"])
          try await daemon.succeed("start", "web\(code)")
          _ = try await daemon.end(of: "web\(code)")
        }
        try await daemon.waitForEvent(after: 0) { $0.type == "hook" && $0.message?.contains("given up") == true }
        let told = try await reports(daemon, atLeast: 3)
        #expect(told.map(\.code) == ["1", "1", "2"])
        #expect(told.map(\.attempt) == [1, 2, 1])
        let listed = try await daemon.succeed("on", "ls", "-o", "jsonl")
        #expect(listed.output.contains("\"failures\":2"), "\(listed)")
      }
    }

    /// A hook of the kind that made libvirt lock up: it calls the daemon about the guest of its event.
    @Test(.requiresGuests) func aProgramMayCallLodge() async throws {
      try await withDaemon { daemon in
        let path = try program(
          "again", "\(TestDaemon.programs)/lodge start \"$LODGE_GUEST\" && \(Self.report)", daemon)
        try await daemon.succeed("on", "add", "again", "--filter", "cause=exited", "--exec", path)
        try await daemon.define("web", ["--restart", "never"], ["/bin/sh", "-c", "exit 7"])
        try await daemon.succeed("start", "web")
        _ = try await reports(daemon, atLeast: 3)
        try await daemon.succeed("on", "rm", "again")
        #expect(try await daemon.runs(of: "web").count >= 3)
        #expect(try await daemon.runs(of: "web").allSatisfy { $0.cause.code == 7 })
      }
    }

    /// Output without end is cut, and the descriptors of the daemon are none of a program's business.
    @Test(.requiresGuests) func oneThatFloodsIsCutAndHoldsNothingOfTheDaemons() async throws {
      try await withDaemon { daemon in
        let path = try program(
          "flood",
          "ls /proc/self/fd > ROOT/descriptors; head -c 30000000 /dev/zero | tr '\\0' x; echo; echo said > ROOT/done",
          daemon)
        try await daemon.succeed("on", "add", "flood", "--filter", "cause=exited", "--exec", path)
        try await daemon.define("web", ["--restart", "never"], ["/bin/sh", "-c", "exit 0"])
        try await daemon.succeed("start", "web")
        try await daemon.waitForFile("\(daemon.root)/done") { $0 == "said\n" }
        let log = "\(daemon.root)/log/hooks/flood.log"
        try await daemon.waitForFile(log) { $0.contains("more bytes of output are not kept") }
        #expect(Files.textOrEmpty(log).utf8.count < 70_000)
        // 3 is that of ls itself.
        let descriptors = Files.textOrEmpty("\(daemon.root)/descriptors").split(separator: "\n").map(String.init)
        #expect(descriptors == ["0", "1", "2", "3"])
      }
    }

    /// A program that cannot be run is refused, and one that vanishes later is reported and holds up nothing.
    @Test(.requiresGuests) func aProgramThatCannotBeRun() async throws {
      try await withDaemon { daemon in
        let missing = try await daemon.lodge("on", "add", "page", "--exec", "/nonexistent/page")
        #expect(missing.code != 0 && missing.errors.contains("/nonexistent/page"), "\(missing)")
        let path = try program("page", "exit 0", daemon)
        try await daemon.succeed(
          "on", "add", "page", "--filter", "cause=exited", "--exec", path, "--retries", "0")
        try Files.removeTree(path)
        try await daemon.define("web", ["--restart", "never"], ["/bin/sh", "-c", "exit 0"])
        try await daemon.succeed("start", "web")
        try await daemon.waitForEvent(after: 0) { $0.type == "hook" && $0.message?.contains("No such file") == true }
        #expect(try await daemon.end(of: "web").cause.code == 0)
      }
    }

    /// The end of a guest while the daemon was away is an event of its return, before any other comes.
    @Test(.requiresGuests) func anEndWhileTheDaemonWasAwayIsGivenAtItsReturn() async throws {
      try await withDaemon { daemon in
        let path = try program("report", Self.report, daemon)
        try await daemon.succeed("on", "add", "ends", "--filter", "cause=exited", "--exec", path)
        for round in 1...5 {
          let folder = "\(daemon.root)/gate\(round)"
          try Files.makeDirectory(folder)
          try check("mkfifo", on: folder) { mkfifo("\(folder)/go", 0o600) }
          try await daemon.define(
            "web\(round)", ["--restart", "never", "--mount", "\(folder):/gate"],
            ["/bin/sh", "-c", "read word < /gate/go; exit \(round)"])
          try await daemon.succeed("start", "web\(round)")
          let controller = try ProcessHandle(opening: try await daemon.controllerPID(of: "web\(round)"))
          try await daemon.kill()
          try await offThread {
            let fifo = try Files.open("\(folder)/go", flags: O_WRONLY)
            try Array("go\n".utf8).withUnsafeBytes { try Files.write($0, to: fifo.rawValue, named: "go") }
            #expect(waitUntilReadable(controller.fd.rawValue, seconds: 20))
          }
          try await daemon.start()
          // Nothing else happens that could wake it.
          let told = try await reports(daemon, atLeast: round)
          #expect(told.map(\.code) == (1...round).map(String.init))
        }
      }
    }

    /// Several calls at once that add a hook of one name: one is taken, and it is the one that is there.
    @Test(.requiresGuests) func oneNameIsTakenOnce() async throws {
      try await withDaemon { daemon in
        let connection = try RawConnection(to: daemon.socketPath)
        let paths = try (0..<4).map { try program("page\($0)", "exit 0", daemon) }
        for (index, path) in paths.enumerated() {
          // hook_spec: name, an empty filter, program, timeout, retries.
          let spec =
            RawConnection.string("page") + RawConnection.string("") + [UInt8](repeating: 0, count: 12)
            + RawConnection.string(path) + [UInt8](repeating: 0, count: 12)
          #expect(
            try connection.send(
              RawConnection.frame(procedure: 19, serial: UInt32(index), payload: RawConnection.opaque(spec))))
        }
        var taken: [Int] = []
        for _ in paths {
          let reply = try #require(try connection.receive())
          if reply.status == 0 { taken.append(Int(reply.serial)) }
        }
        #expect(taken.count == 1)
        let listed = try await daemon.succeed("on", "ls", "-o", "jsonl")
        #expect(listed.output.contains(paths[taken[0]]), "\(listed)")
      }
    }

    /// A hook that is removed takes its program with it, and what that has started.
    @Test(.requiresGuests) func aRemovalEndsTheProgram() async throws {
      try await withDaemon { daemon in
        let path = try program(
          "hang", "trap '' TERM HUP INT\nsleep 1000 &\necho $! > ROOT/child\necho $$ > ROOT/hangs\nwait", daemon)
        try await daemon.succeed("on", "add", "hang", "--filter", "cause=exited", "--exec", path)
        try await daemon.define("web", ["--restart", "never"], ["/bin/sh", "-c", "exit 0"])
        try await daemon.succeed("start", "web")
        var handles: [ProcessHandle] = []
        for file in ["hangs", "child"] {
          try await daemon.waitForFile("\(daemon.root)/\(file)") { $0.hasSuffix("\n") }
          let pid = try #require(Int32(Files.textOrEmpty("\(daemon.root)/\(file)").dropLast()))
          handles.append(try ProcessHandle(opening: pid))
        }
        try await daemon.succeed("on", "rm", "hang")
        for handle in handles {
          #expect(try await offThread { waitUntilReadable(handle.fd.rawValue, seconds: 10) })
        }
        // One of the same name begins with what happens from then on.
        let report = try program("report", Self.report, daemon)
        try await daemon.succeed("on", "add", "hang", "--filter", "cause=exited", "--exec", report)
        try await daemon.succeed("start", "web")
        #expect(try await reports(daemon, atLeast: 1).count == 1)
      }
    }
  }
}
