import Foundation
import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// A subscription is a cursor: one that does not read costs a constant, and loses nothing that is still kept.
  @Suite struct Subscribers {
    static let events = getenv("LODGE_SUBSCRIBER_EVENTS").flatMap { Int(String(cString: $0)) } ?? 4000
    static let subscribers = getenv("LODGE_SUBSCRIBERS").flatMap { Int(String(cString: $0)) } ?? 20

    /// The events that one of them got.
    struct Received: Sendable {
      var first: UInt64 = 0
      var last: UInt64 = 0
      var count = 0
      var gaps = 0
      var isOrdered = true

      mutating func take(_ frame: RawConnection.Frame) {
        switch frame.procedure {
        case 15:
          // After the number of the subscription and the format of the row.
          let sequence = frame.payload[8..<16].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
          if count > 0, sequence != last + 1 { isOrdered = false }
          if count == 0 { first = sequence }
          last = sequence
          count += 1
        case 16: gaps += 1
        default: break
        }
      }
    }

    @Test(.requiresGuests) func oneThatIsStoppedCostsAConstantAndTheOthersAreUnhurt() async throws {
      try await withDaemon { daemon in
        for index in 0..<4 { try await daemon.define("g\(index)", ["--restart", "never"], ["/bin/sleep", "1000"]) }
        try churn(daemon, events: 200)
        let before = daemon.memory("Pss")

        let stopped = try RawConnection(to: daemon.socketPath)
        #expect(try stopped.call(.subscribe, "", serial: 1)?.status == 0)
        let live = try (0..<Self.subscribers).map { _ in
          let connection = try RawConnection(to: daemon.socketPath)
          #expect(try connection.call(.subscribe, "", serial: 1)?.status == 0)
          return connection
        }
        let begin = try await daemon.events().last?.seq ?? 0
        let readers = live.map { connection in
          // A thread each: they read as fast as they can while the events are made.
          Task.detached { try await onOwnThread { try Self.read(connection, until: UInt64(begin + Self.events)) } }
        }
        try churn(daemon, events: Self.events + 8)
        for reader in readers {
          let received = try await reader.value
          #expect(received.isOrdered && received.gaps == 0, "\(received)")
          #expect(received.count >= Self.events)
        }
        let growth = daemon.memory("Pss") - before
        #expect(growth < 20_000, "\(growth) kB more with a subscriber that does not read")

        // When it reads again, it gets everything, or the bounds of the gap.
        let late = try Self.read(stopped, until: UInt64(begin + Self.events))
        #expect(late.isOrdered || late.gaps > 0, "\(late)")
        #expect(late.last >= UInt64(begin + Self.events))
      }
    }

    @Test(.requiresGuests) func eventsFollowAcrossARestartOfTheDaemonAndMissNothing() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        let program = "\(TestDaemon.programs)/lodge"
        let output = "\(daemon.root)/followed"
        let file = try Files.open(output, flags: O_WRONLY | O_CREAT, mode: 0o644)
        var plan = SpawnPlan(
          executable: program, arguments: [program, "events", "--since", "0", "-f", "-o", "jsonl"],
          environment: ["LODGE_ROOT=\(daemon.root)"])
        plan.descriptors = [(file.rawValue, 1)]
        let follower = try plan.run()
        defer {
          _ = try? follower.signal(SIGKILL)
          _ = try? follower.wait(blocking: true)
        }
        try await daemon.succeed("start", "web")
        try await daemon.kill()
        try await daemon.start()
        try await daemon.succeed("kill", "web")
        let last = try #require(try await daemon.events().last).seq
        try await daemon.waitForFile(output) { $0.contains("\"seq\":\(last),") }
        let followed = try Files.readText(output).split(separator: "\n").map {
          try JSONDecoder().decode(EventLine.self, from: Data($0.utf8)).seq
        }
        #expect(followed == Array(1...last), "each once, in order")
      }
    }

    /// Starts and kills, pipelined, until so many events have been made.
    private func churn(_ daemon: TestDaemon, events: Int) throws {
      let connection = try RawConnection(to: daemon.socketPath)
      var serial: UInt32 = 100
      // Four events of a run: starting, running, stopping, stopped.
      for _ in 0..<((events + 15) / 16) {
        for procedure in [RawConnection.Procedure.start, .kill] {
          for index in 0..<4 {
            serial += 1
            _ = try connection.begin(procedure, "g\(index)", serial: serial)
          }
          for _ in 0..<4 { #expect(try connection.receive(seconds: 60)?.status == 0) }
        }
      }
    }

    private static func read(_ connection: RawConnection, until sequence: UInt64) throws -> Received {
      var received = Received()
      while received.last < sequence {
        guard let frame = try connection.receive(seconds: 60) else { break }
        received.take(frame)
      }
      return received
    }
  }
}
