import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  @Suite struct Bulk {
    /// Many guests share one tree, each with an overlay of its own.
    @Test(.requiresGuests) func aHundredGuestsOnOneTree() async throws {
      try await withDaemon { daemon in
        let names = (1...100).map { "web\($0)" }
        for name in names {
          try await daemon.define(
            name, ["--restart", "never"],
            ["/bin/sh", "-c", "trap 'exit 0' TERM; hostname > /own; echo ready; while :; do sleep 1 & wait $!; done"])
        }
        let start = try await daemon.cli(["start", "web*"], deadline: 120)
        #expect(start.code == 0, "\(start)")
        let running = try await daemon.guests()
        #expect(running.count == 100 && running.allSatisfy { $0.state == "running" })
        #expect(Set(running.compactMap(\.initPid)).count == 100)
        for name in names { try await daemon.waitForLog(name, "ready") }
        let stop = try await daemon.cli(["stop", "--yes", "web*"], deadline: 120)
        #expect(stop.code == 0, "\(stop)")
        for guest in try await daemon.guests() {
          #expect(guest.state == "stopped")
          #expect(guest.last?.cause.kind == "stopped" && guest.last?.cause.how == "polite", "\(guest)")
        }
        // Their writes went with them.
        #expect(!Files.exists(try RootTrees.busybox() + "/own"))
      }
    }

    /// Faults row 1, with the daemon busy, and stopped half of the time. `LODGE_INSTANT_RUNS` is 1,000 unless said
    /// otherwise.
    @Test(.requiresGuests, arguments: [false, true]) func runsThatEndAtOnceAllEndOnce(
      withDaemonStoppedHalfOfTheTime isStopped: Bool
    ) async throws {
      let count = getenv("LODGE_INSTANT_RUNS").flatMap { Int(String(cString: $0)) } ?? 1000
      try await withDaemon { daemon in
        // 1,000 runs of history are kept for each guest.
        let guests = (0..<max(2, (count + 999) / 1000)).map { "web\($0)" }
        for (index, name) in guests.enumerated() {
          try await daemon.define(name, ["--restart", "never"], ["/bin/sh", "-c", "exit \(index % 100)"])
        }
        // What the first run of a daemon opens stays open.
        try await daemon.define("first", ["--restart", "never"], ["/bin/true"])
        try await daemon.succeed("start", "first")
        _ = try await daemon.end(of: "first")
        var descriptors = daemon.descriptors
        for _ in 0..<40 {
          try await Task.sleep(for: .milliseconds(100))
          let now = daemon.descriptors
          if now == descriptors { break }
          descriptors = now
        }
        let trouble = Task {
          while isStopped, !Task.isCancelled {
            try daemon.pause()
            try? await Task.sleep(for: .milliseconds(100))
            try daemon.resume()
            try? await Task.sleep(for: .milliseconds(100))
          }
        }
        defer { trouble.cancel() }
        let connections = try guests.map { _ in try RawConnection(to: daemon.socketPath) }
        let rounds = count / guests.count
        for round in 0..<rounds {
          // Calls are answered in any order, so the wait is made when the start has been answered.
          for (step, procedure) in [RawConnection.Procedure.start, .wait].enumerated() {
            for (name, connection) in zip(guests, connections) {
              _ = try connection.begin(procedure, name, serial: UInt32(2 * round + step + 1))
            }
            for (name, connection) in zip(guests, connections) {
              let reply = try #require(try connection.receive(), "\(procedure) \(name): closed in round \(round)")
              try #require(reply.status == 0, "\(procedure) \(name), round \(round): \(reply.text)")
            }
          }
        }
        trouble.cancel()
        try await trouble.value
        for connection in connections { connection.close() }
        let ends = try await daemon.events().filter { $0.cause != nil && $0.guest != "first" }
        #expect(ends.count == rounds * guests.count)
        #expect(zip(ends, ends.dropFirst()).allSatisfy { $0.seq < $1.seq }, "in order")
        for (index, name) in guests.enumerated() {
          let own = ends.filter { $0.guest == name }
          #expect(own.count == rounds)
          #expect(Set(own.compactMap(\.run)).count == rounds, "no run ends twice")
          #expect(own.allSatisfy { $0.cause?.kind == "exited" && $0.cause?.code == index % 100 })
          #expect(try await daemon.guest(name).runs == rounds)
        }
        let after = try await daemon.descriptors(onceBackTo: descriptors)
        // The two ends of the pipe by which calls that wait are taken up are made at the first crowd, and once.
        func others(_ all: [String]) -> [String] { all.filter { $0 != "pipe" } }
        #expect(others(after) == others(descriptors), "the daemon holds no descriptor more than before")
        #expect(after.count <= descriptors.count + 2, "\(after), before \(descriptors)")
      }
    }
  }
}
