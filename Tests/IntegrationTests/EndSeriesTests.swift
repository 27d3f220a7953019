import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Guests that end at once with a known code, by the hundred, while something is wrong: how many ends are reported
  /// right, wrong, not at all, or twice. docs/promises.md has the figures of other systems beside ours.
  ///
  /// `LODGE_SERIES` is the number of ends in each series: 60 unless said otherwise.
  @Suite struct EndSeries {
    enum Trouble: String, Sendable, CaseIterable {
      case none
      case cpuLoaded
      /// SIGSTOP for 0.1 to 0.3 s around the end.
      case daemonStopped
      case daemonKilled
      case controllerKilled
    }

    struct Series: Sendable, CustomTestStringConvertible {
      var atOnce: Int
      var trouble: Trouble
      var testDescription: String { "\(atOnce) at a time, trouble: \(trouble)" }
    }

    static let series: [Series] = [
      Series(atOnce: 1, trouble: .none), Series(atOnce: 3, trouble: .none), Series(atOnce: 3, trouble: .cpuLoaded),
      Series(atOnce: 3, trouble: .daemonStopped), Series(atOnce: 3, trouble: .daemonKilled),
      Series(atOnce: 3, trouble: .controllerKilled),
    ]

    static let ends = getenv("LODGE_SERIES").flatMap { Int(String(cString: $0)) } ?? 60

    /// The action of each guest of a series, and the record it must give.
    static let kinds: [(command: String, expected: @Sendable (CauseLine) -> Bool)] = [
      ("exit 0", { $0.kind == "exited" && $0.code == 0 }),
      ("exit 3", { $0.kind == "exited" && $0.code == 3 }),
      ("reboot -f", { $0.kind == "reboot" }),
      ("exit 137", { $0.kind == "exited" && $0.code == 137 }),
      ("poweroff -f", { $0.kind == "powerOff" }),
    ]

    @Test(.requiresGuests, arguments: series) func everyEndIsReportedOnceAndRight(_ series: Series) async throws {
      var random = SeededRandom(for: series.testDescription)
      try await withDaemon { daemon in
        for (index, kind) in Self.kinds.enumerated() {
          try await daemon.define("g\(index)", ["--restart", "never"], ["/bin/sh", "-c", kind.command])
        }
        let load = series.trouble == .cpuLoaded ? try (0..<4).map { _ in try Self.spinner() } : []
        defer {
          for process in load {
            _ = try? process.signal(SIGKILL)
            _ = try? process.wait(blocking: true)
          }
        }

        var started = [Int](repeating: 0, count: Self.kinds.count)
        var connection = try RawConnection(to: daemon.socketPath)
        var serial: UInt32 = 0
        for round in 0..<(Self.ends / series.atOnce) {
          let guests = (0..<series.atOnce).map { (round * series.atOnce + $0) % Self.kinds.count }
          for guest in guests {
            serial += 1
            _ = try connection.begin(.start, "g\(guest)", serial: serial)
          }
          var answers = guests.count
          switch series.trouble {
          case .none, .cpuLoaded: break
          case .daemonStopped:
            usleep(UInt32.random(in: 0..<5000, using: &random))
            try daemon.pause()
            usleep(UInt32.random(in: 100_000..<300_000, using: &random))
            try daemon.resume()
          case .daemonKilled:
            usleep(UInt32.random(in: 0..<20_000, using: &random))
            try await daemon.kill()
            try await daemon.start()
            connection = try RawConnection(to: daemon.socketPath)
            answers = 0
          case .controllerKilled:
            usleep(UInt32.random(in: 0..<8000, using: &random))
            Self.killAControllers(of: daemon)
          }
          // A wait made before its start is answered would be for the run before.
          for _ in 0..<answers { _ = try connection.receive() }
          for guest in guests {
            serial += 1
            _ = try connection.call(.wait, "g\(guest)", serial: serial)
          }
        }
        for index in Self.kinds.indices { started[index] = try await daemon.guest("g\(index)").runs }
        try await judge(daemon, series, started: started)
      }
    }

    private func judge(_ daemon: TestDaemon, _ series: Series, started: [Int]) async throws {
      let events = try await daemon.events().filter { $0.cause != nil }
      var right = 0
      var wrong: [CauseLine] = []
      for (index, kind) in Self.kinds.enumerated() {
        let ends = events.filter { $0.guest == "g\(index)" }
        #expect(ends.count == started[index], "g\(index): \(started[index]) runs, \(ends.count) ends")
        #expect(Set(ends.compactMap(\.run)).count == ends.count, "no run ends twice")
        for cause in ends.compactMap(\.cause) {
          let spoiled = series.trouble == .controllerKilled && ["controllerLost", "startFailed"].contains(cause.kind)
          // A daemon killed during the start may have lost the controller with the socket it had just made.
          let cut = series.trouble == .daemonKilled && cause.kind == "startFailed"
          if kind.expected(cause) || spoiled || cut { right += 1 } else { wrong.append(cause) }
        }
      }
      print("\(series.testDescription): \(right) right, \(wrong.count) wrong, of \(started.reduce(0, +)) runs")
      #expect(wrong.isEmpty)
      // One that was killed before it had stored a start has started nothing, which is as right.
      let least = series.trouble == .daemonKilled ? Self.ends / 10 : Self.ends / 2
      #expect(started.reduce(0, +) >= least, "enough starts took place")
    }

    private static func spinner() throws -> ProcessHandle {
      try SpawnPlan(executable: "/bin/sh", arguments: ["sh", "-c", "while :; do :; done"], environment: []).run()
    }

    /// One of those that live at this moment, if any does.
    private static func killAControllers(of daemon: TestDaemon) {
      guard let pid = daemon.pid else { return }
      let children = Files.textOrEmpty("/proc/\(pid)/task/\(pid)/children").split(separator: " ").compactMap {
        Int32($0)
      }
      if let child = children.first { kill(child, SIGKILL) }
    }
  }
}
