import Glibc
import Guest
import LodgeClient
import TestSupport
import Testing

extension IntegrationTests {
  /// The Swift SDK against the real daemon.
  @Suite struct SDK {
    private func connect(_ daemon: TestDaemon) async throws -> LodgeClient {
      try await LodgeClient.connect(.init(socket: LodgeClient.Options.socket(under: daemon.root), name: "sdk test"))
    }

    /// The kind of X9: of two who change a guest from what they read, the second is refused.
    @Test(.requiresGuests) func theSecondOfTwoChangesIsRefused() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--memory", "32M"], ["/bin/sleep", "60"])
        let client = try await connect(daemon)
        let name = try GuestName("web")
        let read = try await client.guest(name).defined
        var mine = read
        mine.limits.pids = 7
        var other = read
        other.limits.memoryBytes = 64 << 20
        try await client.change(name, from: read, to: other)
        let refused = await #expect(throws: GuestError.self) { try await client.change(name, from: read, to: mine) }
        #expect(refused?.code == .conflict, "\(refused as Any)")
        let kept = try await client.guest(name).defined
        #expect(kept == other)
        try await client.change(name, from: kept, to: mine)
        #expect(try await client.guest(name).defined == mine)
      }
    }

    @Test(.requiresGuests) func aGuestsWholeLife() async throws {
      try await withDaemon { daemon in
        let lodge = try await connect(daemon)
        let web = try GuestName("web")
        var spec = GuestSpec(
          rootfs: Rootfs(path: try RootTrees.busybox(), mode: .overlay), command: ["/bin/sleep", "1000"])
        spec.restart.mode = .never
        let created = try await lodge.create(web, spec)
        #expect(created.state == .stopped)
        await #expect(throws: GuestError.self) { try await lodge.create(web, spec) }

        let run = try await lodge.start(web)
        let details = try await lodge.guest(web)
        #expect(details.status.state == .running)
        #expect(details.status.run == run)
        #expect(details.defined.command == ["/bin/sleep", "1000"])
        #expect(try await lodge.guests(matching: "w*").map(\.name) == [web])

        let error = await #expect(throws: GuestError.self) { try await lodge.start(web) }
        #expect(error?.code == .wrongState)

        let waiting = Task { try await lodge.wait(for: web, until: .endedRun(run), timeout: .seconds(60)) }
        let ended = try await lodge.kill(web)
        #expect(ended?.ended.run == run)
        guard case .stopped(.user(let uid, _), .forced, _)? = ended?.ended.cause else {
          Issue.record("\(String(describing: ended))")
          return
        }
        #expect(uid == getuid())
        #expect(try await waiting.value == ended)
        #expect(try await lodge.runs(of: web) == [ended].compactMap { $0 })
        try await lodge.remove(web)
        #expect(try await lodge.guests().isEmpty)
      }
    }

    /// The daemon is killed with guests ending while it is away: a reader that never stopped reading has every number
    /// once, and every end is right.
    @Test(.requiresGuests) func aReaderMissesNothingAcrossKillsOfTheDaemon() async throws {
      try await withDaemon { daemon in
        let lodge = try await connect(daemon)
        let rounds = 4
        let names = try (0..<rounds).map { try GuestName("web\($0)") }
        for (code, name) in names.enumerated() {
          var spec = GuestSpec(
            rootfs: Rootfs(path: try RootTrees.busybox(), mode: .overlay),
            command: ["/bin/sh", "-c", "sleep 0.\(code + 1); exit \(code)"])
          spec.restart.mode = .never
          try await lodge.create(name, spec)
        }
        let events = lodge.events(since: .sequence(0))
        let reader = Task {
          var numbers: [UInt64] = []
          var ends: [GuestName: EndCause] = [:]
          for try await case .event(let entry) in events {
            numbers.append(entry.sequence)
            if let ended = entry.event.ended { ends[ended.guest] = ended.cause }
            if ends.count == rounds { break }
          }
          return (numbers, ends)
        }
        for name in names {
          try await lodge.start(name)
          try await daemon.kill()
          try await daemon.start()
          try await lodge.wait(for: name, until: .ended, timeout: .seconds(60))
        }
        let (numbers, ends) = try await reader.value
        #expect(numbers == Array(1...UInt64(numbers.count)), "without holes and without repeats")
        for (code, name) in names.enumerated() { #expect(ends[name] == .exited(code: Int32(code))) }
      }
    }
  }
}
