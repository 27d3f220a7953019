import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Ends without the word of a controller: what is recorded is what was seen, and no more. The moment of finding is not
  /// the moment of the end, and a thing that is missing is not proof of a death.
  @Suite struct UntoldEnds {
    private func zombie(_ pid: Int32) async throws {
      for _ in 0..<1_000 {
        let status = Files.textOrEmpty("/proc/\(pid)/stat")
        if status.isEmpty || status.contains(") Z ") { return }
        try await Task.sleep(for: .milliseconds(10))
      }
      Issue.record("process \(pid) does not end")
    }

    private func run(_ daemon: TestDaemon, _ name: String) async throws -> RunLine {
      try await daemon.end(of: name)
    }

    @Test(.requiresGuests) func anEndWhileTheDaemonWasAwayHasNoLengthUnlessItIsRecorded() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "web")
        let controller = try await daemon.controllerPID(of: "web")
        let handle = try ProcessHandle(opening: controller)
        try await daemon.kill()
        kill(controller, SIGKILL)
        #expect(try await offThread { waitUntilReadable(handle.fd.rawValue, seconds: 10) })
        try await daemon.start()
        let end = try await run(daemon, "web")
        #expect(end.cause.kind == "controllerLost" && end.facts.fence?.reason == "controllerDied")
        #expect(end.length == nil && !end.facts.endSeen)
        let why = try await daemon.lodge("why", "web").output
        #expect(why.contains("was found to have ended"), "\(why)")
      }
    }

    /// While the daemon watches, the moment is known.
    @Test(.requiresGuests) func anEndThatWasWatchedHasItsLength() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "web")
        kill(try await daemon.controllerPID(of: "web"), SIGKILL)
        let end = try await run(daemon, "web")
        #expect(end.cause.kind == "controllerLost" && end.length != nil && end.facts.endSeen)
      }
    }

    @Test(.requiresGuests, arguments: [false, true]) func aDamagedRecordIsKeptAndNotTakenForADeath(isEmpty: Bool)
      async throws
    {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sh", "-c", "sleep 0.3; exit 11"])
        try await daemon.succeed("start", "web")
        let handle = try ProcessHandle(opening: try await daemon.controllerPID(of: "web"))
        try await daemon.kill()
        #expect(try await offThread { waitUntilReadable(handle.fd.rawValue, seconds: 10) })
        let path = "\(daemon.root)/run/guests/web/exit"
        var bytes = try Files.read(path)
        if isEmpty { bytes = [] } else { bytes[bytes.count / 2] ^= 0xff }
        try Files.removeTree(path)
        let file = try Files.open(path, flags: O_WRONLY | O_CREAT, mode: 0o600)
        try bytes.withUnsafeBytes { try Files.write($0, to: file.rawValue, named: path) }
        try await daemon.start()
        let end = try await run(daemon, "web")
        #expect(end.cause.kind == "notKnown" && end.facts.fence?.reason == "recordUnreadable")
        #expect(end.length == nil && !end.facts.endSeen)
        let kept = try #require(Files.names(in: "\(daemon.root)/lib").first { $0.hasPrefix("exit-web.damaged") })
        #expect(try Files.read("\(daemon.root)/lib/\(kept)") == bytes)
        let why = try await daemon.lodge("why", "web").output
        #expect(why.contains("damaged") && !why.contains("died"), "\(why)")
      }
    }

    @Test(.requiresGuests) func aGuestWhoseDirectoryIsGoneWasNotLeftByItsController() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "web")
        let processInit = try ProcessHandle(opening: try await daemon.initPID(of: "web"))
        let controller = try ProcessHandle(opening: try await daemon.controllerPID(of: "web"))
        try await daemon.kill()
        try Files.removeTree("\(daemon.root)/run/guests/web")
        try await daemon.start()
        let end = try await run(daemon, "web")
        #expect(end.cause.kind == "controllerLost" && end.facts.fence?.reason == "controllerUnreachable")
        #expect(try await offThread { waitUntilReadable(processInit.fd.rawValue, seconds: 10) })
        #expect(
          try await offThread { waitUntilReadable(controller.fd.rawValue, seconds: 10) }, "its controller went too")
        let why = try await daemon.lodge("why", "web").output
        #expect(why.contains("could not be reached") && !why.contains("died"), "\(why)")
      }
    }

    @Test(.requiresGuests) func aRecordOfAnotherGuestEndsNoRunOfIt() async throws {
      try await withDaemon { daemon in
        var handles: [ProcessHandle] = []
        for (name, code) in [("one", 14), ("two", 15)] {
          try await daemon.define(name, ["--restart", "never"], ["/bin/sh", "-c", "sleep 3; exit \(code)"])
          try await daemon.succeed("start", name)
          handles.append(try ProcessHandle(opening: try await daemon.controllerPID(of: name)))
        }
        try await daemon.kill()
        for handle in handles { #expect(try await offThread { waitUntilReadable(handle.fd.rawValue, seconds: 10) }) }
        let record = try Files.read("\(daemon.root)/run/guests/two/exit")
        let file = try Files.open("\(daemon.root)/run/guests/one/exit", flags: O_WRONLY | O_TRUNC)
        try record.withUnsafeBytes { try Files.write($0, to: file.rawValue, named: "exit") }
        try await daemon.start()
        #expect(try await run(daemon, "two").cause.code == 15)
        #expect(try await run(daemon, "one").cause.kind == "notKnown")
        let ends = try await daemon.events().filter { $0.cause != nil }
        #expect(Set(ends.compactMap(\.run)).count == ends.count, "each run ends once")
      }
    }

    /// Its controller is stopped, init ends by itself, and only then comes an order.
    @Test(.requiresGuests) func anOrderAfterTheEndIsNoPartOfIt() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sh", "-c", "sleep 0.3; exit 9"])
        try await daemon.succeed("start", "web")
        let processInit = try await daemon.initPID(of: "web")
        kill(try await daemon.controllerPID(of: "web"), SIGSTOP)
        try await zombie(processInit)
        try await daemon.succeed("kill", "web")
        let end = try await run(daemon, "web")
        #expect(end.cause.kind == "exited" && end.cause.code == 9 && end.facts.status?.witness == "zombie")
        #expect(end.whileStopping == nil, "the order came afterwards")
        #expect(end.length == nil && !end.facts.endSeen)
        #expect(end.facts.orders.map(\.verb) == ["kill"] && end.facts.orders.first?.killSent == false)
      }
    }

    /// A signal is no order, and may end the guest all the same: the journal has who sent it.
    @Test(.requiresGuests) func aSignalIsInTheJournalWithItsSender() async throws {
      try await withDaemon { daemon in
        try await daemon.define(
          "web", ["--restart", "never"], ["/bin/sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.1; done"])
        try await daemon.succeed("start", "web")
        try await daemon.waitForLog("web", "up")
        try await daemon.succeed("kill", "-s", "TERM", "web")
        #expect(try await run(daemon, "web").cause.code == 7)
        let sent = try await daemon.events().filter { $0.message?.contains("SIGTERM") ?? false }
        #expect(sent.count == 1 && sent.first?.actor?.uid == 0, "\(sent)")
      }
    }
  }
}
