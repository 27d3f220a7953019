import Foundation
import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Daemon or controller dies, or pauses, at each named place of a run's life. Afterwards there is exactly one end
  /// for each run, the right decision about a restart, and nothing left behind.
  @Suite struct CrashPoints {
    struct Point: Sendable, CustomTestStringConvertible {
      var name: String
      var action: String
      var testDescription: String { "\(name):\(action)" }
    }

    /// Every point there is, read from the sources: a new one is tried without a change here.
    static func points(in folders: [String], actions: [String]) -> [Point] {
      let repository = Files.parent(of: Files.parent(of: Files.parent(of: #filePath)))
      var names: Set<String> = []
      for folder in folders {
        for file in Files.names(in: "\(repository)/Sources/\(folder)") where file.hasSuffix(".swift") {
          let text = Files.textOrEmpty("\(repository)/Sources/\(folder)/\(file)")
          for part in text.components(separatedBy: "CrashPoint.reach(\"").dropFirst() {
            names.insert(String(part.prefix { $0 != "\"" }))
          }
        }
      }
      return names.sorted().flatMap { name in actions.map { Point(name: name, action: $0) } }
    }

    static let daemonPoints = points(in: ["DaemonCore", "GuestStore"], actions: ["kill", "pause"])
    static let controllerPoints = points(
      in: ["ControllerCore", "ContainerRuntime"], actions: ["kill", "error", "pause"])

    @Test(.requires(.root)) func thereAreSome() {
      #expect(Self.daemonPoints.count >= 8)
      #expect(Self.controllerPoints.count >= 8)
    }

    @Test(.requiresGuests, arguments: batches(daemonPoints)) func theDaemonIsHitAndNothingIsLost(
      _ points: [Point]
    ) async throws {
      try await sideBySide(points) { daemon, point in
        // Some points come before it is ready.
        try? await daemon.start(environment: ["LODGE_CRASHPOINT": point.testDescription])
      }
    }

    @Test(.requiresGuests, arguments: batches(controllerPoints)) func theControllerIsHitAndNothingIsLost(
      _ points: [Point]
    ) async throws {
      try await sideBySide(points) { daemon, point in
        try await daemon.start(environment: ["LODGE_CONTROLLER_CRASHPOINT": point.testDescription])
      }
    }

    /// Most of a case is waiting, so a few of them, each with a daemon of its own, take about as long as one.
    private static func batches(_ points: [Point]) -> [[Point]] {
      stride(from: 0, to: points.count, by: 4).map { Array(points[$0..<min($0 + 4, points.count)]) }
    }

    private func sideBySide(
      _ points: [Point], _ start: @escaping @Sendable (TestDaemon, Point) async throws -> Void
    ) async throws {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for point in points {
          group.addTask {
            try await withDaemon { daemon in
              try await daemon.terminate()
              try await start(daemon, point)
              try await live(daemon, hit: point)
            }
          }
        }
        try await group.waitForAll()
      }
    }

    /// A guest that exits with 3, one that is killed, and one whose controller dies. What the daemon answered while it
    /// was being hit is not judged; what it knows afterwards is.
    private func live(_ daemon: TestDaemon, hit point: Point) async throws {
      try await startAgainIfGone(daemon)
      for (name, command) in [("exits", "exit 3"), ("killed", "exec sleep 1000"), ("lost", "exec sleep 1000")] {
        let defined: Void? = try? await daemon.define(name, ["--restart", "never"], ["/bin/sh", "-c", command])
        if defined == nil {
          try await startAgainIfGone(daemon)
          let again = try await daemon.cli(["show", name])
          if again.code == 3 { try await daemon.define(name, ["--restart", "never"], ["/bin/sh", "-c", command]) }
        }
      }
      // Side by side, and each with a limit: a controller that pauses for ever answers nothing.
      let starts = try await daemon.cli(["start", "exits", "killed", "lost"], deadline: 6)
      try await startAgainIfGone(daemon)
      // Those whose command was cut off.
      if starts.code != 0 {
        _ = try await daemon.cli(["start", "exits", "killed", "lost"], deadline: 6)
        try await startAgainIfGone(daemon)
      }
      for guest in try await survivors(daemon) where guest.name == "lost" && guest.initPid != nil {
        guard let controller = ProcessFacts.parent(of: guest.initPid ?? 0),
          Files.textOrEmpty("/proc/\(controller)/comm").hasPrefix("lodge-c")
        else { continue }
        kill(controller, SIGKILL)
      }
      _ = try await daemon.lodge("kill", "killed", deadline: 15)
      try await startAgainIfGone(daemon)

      // One more life without the point: what was cut short has to be put right by now.
      if daemon.pid != nil { try await daemon.kill() }
      try await daemon.start()
      for name in ["exits", "killed", "lost"] {
        let guest = try await daemon.guest(name)
        if guest.state != "stopped" { _ = try await daemon.lodge("kill", name, deadline: 15) }
        let runs = try await daemon.guest(name).runs
        let ends = try await daemon.events().filter { $0.guest == name && $0.cause != nil }
        #expect(ends.count == runs, "\(name) had \(runs) runs and \(ends.count) ends after \(point.testDescription)")
        #expect(Set(ends.compactMap(\.run)).count == ends.count, "each end is another run's")
        for end in ends { try judge(end, of: name, after: point) }
      }
      // And it works as ever.
      try await daemon.define("after", ["--restart", "never"], ["/bin/sh", "-c", "exit 4"])
      try await daemon.succeed("start", "after")
      #expect(try await daemon.end(of: "after").cause.code == 4)
    }

    /// The list of guests, from a daemon that may be hit while it is asked.
    private func survivors(_ daemon: TestDaemon) async throws -> [GuestLine] {
      for _ in 0..<3 {
        if let guests = try? await daemon.guests() { return guests }
        try await startAgainIfGone(daemon)
      }
      return try await daemon.guests()
    }

    /// The truth may be less than what would have been without the fault, and never something else.
    private func judge(_ end: EventLine, of name: String, after point: Point) throws {
      let kind = end.cause?.kind ?? ""
      // A controller that died, or a start that was cut short, explains any run's end.
      var right = ["startFailed", "controllerLost", "stopped"].contains(kind)
      // One that hangs is killed for an order that is overdue, and init with it: no process has seen init's status.
      right = right || (kind == "notKnown" && point.action == "pause")
      switch name {
      case "exits": right = right || (kind == "exited" && end.cause?.code == 3)
      case "killed": right = right || kind == "stopped"
      default: right = right || kind == "controllerLost"
      }
      #expect(right, "\(name) ended as \(String(describing: end.cause)) after \(point.testDescription)")
    }

    private func startAgainIfGone(_ daemon: TestDaemon) async throws {
      if let pid = daemon.pid {
        if ProcessFacts.isAlive(pid) { return }
        _ = try await daemon.ended()
      }
      try await daemon.start()
    }
  }
}
