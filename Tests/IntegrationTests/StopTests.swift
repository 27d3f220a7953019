import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// A stop always ends, and says how.
  @Suite struct Stops {
    /// Faults row 13: init has no handler yet when the first polite signal comes.
    @Test(.requiresGuests) func aStopRightAfterTheStartIsPoliteAllTheSame() async throws {
      try await withDaemon { daemon in
        try await daemon.define(
          "web", ["--restart", "never", "--stop-timeout", "10s"],
          ["/bin/sh", "-c", "sleep 1; trap 'exit 0' TERM; while :; do sleep 0.1; done"])
        try await daemon.succeed("start", "web")
        try await daemon.succeed("stop", "web")
        let run = try await daemon.end(of: "web")
        #expect(run.cause.kind == "stopped" && run.cause.how == "polite", "\(run.cause)")
      }
    }

    @Test(.requiresGuests) func theGuestsOwnSignalComesFirst() async throws {
      try await withDaemon { daemon in
        try await daemon.define(
          "web", ["--restart", "never", "--stop-signal", "SIGUSR1"],
          ["/bin/sh", "-c", "trap 'exit 7' USR1; echo ready; while :; do sleep 0.1; done"])
        try await daemon.succeed("start", "web")
        try await daemon.waitForLog("web", "ready")
        try await daemon.succeed("stop", "web")
        let run = try await daemon.end(of: "web")
        #expect(run.cause.how == "polite" && run.cause.code == 7, "\(run.cause)")
      }
    }

    /// After the guest's own signal, SIGTERM has its time too; then force.
    @Test(.requiresGuests) func anUnansweredStopGoesOnToTermAndForce() async throws {
      try await withDaemon { daemon in
        try await daemon.define(
          "web", ["--restart", "never", "--stop-signal", "SIGUSR1", "--stop-timeout", "0.3s"],
          ["/bin/sh", "-c", "trap 'echo usr1' USR1; trap 'echo term' TERM; echo ready; while :; do sleep 0.1; done"])
        try await daemon.succeed("start", "web")
        try await daemon.waitForLog("web", "ready")
        try await daemon.succeed("stop", "web")
        let log = Files.textOrEmpty("\(daemon.root)/log/web.log")
        #expect(log.contains("usr1") && log.contains("term"), "\(log)")
        #expect(try await daemon.end(of: "web").cause.how == "forced")
      }
    }

    @Test(.requiresGuests) func withoutForceTheGuestRunsOnAfterTheTimeout() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "web")
        let stop = try await daemon.lodge("stop", "web", "--timeout", "0.3s", "--no-kill")
        #expect(stop.code == 7, "\(stop)")
        #expect(try await daemon.guest("web").initPid != nil)
        try await daemon.succeed("kill", "web")
      }
    }

    static let deaf = ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"]

    /// Each order without force has an end of its own, with or without a caller, and each end is an event. Then the policy counts,
    /// and a crash is recorded as one.
    @Test(.requiresGuests) func anOrderBesideAnotherOneEndsAtItsOwnTime() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "always"], Self.deaf)
        try await daemon.succeed("start", "web")
        try await daemon.waitForLog("web", "ready")
        // An administrator gives it four seconds, and leaves.
        let left = try await daemon.cli(["stop", "web", "--no-kill", "--timeout", "4s"], deadline: 1)
        #expect(left.code != 0, "\(left)")
        let other = try await daemon.lodge("stop", "web", "--no-kill", "--timeout", "0.5s", deadline: 20)
        #expect(other.code == 7 && other.errors.contains("another order"), "\(other)")
        #expect(try await daemon.guest("web").state == "stopping")
        try await daemon.waitForEvent(after: 0) { $0.guest == "web" && $0.from == "stopping" && $0.to == "running" }
        let orders = try await daemon.events().filter { $0.guest == "web" && $0.type == "order" }.compactMap(\.order)
        #expect(orders.map(\.number) == [1, 2, 2, 1], "\(orders)")
        #expect(orders.map(\.givenUp) == [false, false, true, true], "\(orders)")

        kill(try await daemon.initPID(of: "web"), SIGKILL)
        try await daemon.waitForEvent(after: 0) { $0.guest == "web" && $0.to == "waiting" }
        let run = try #require(try await daemon.runs(of: "web").first)
        #expect(run.cause.kind == "signaled" && run.whileStopping == nil, "\(run)")
        #expect(run.facts.orders.map(\.givenUp) == [true, true])
        try await daemon.succeed("stop", "web")
      }
    }

    /// The orders that stand say what follows the end; the caller of the other one hears which one stands.
    @Test(.requiresGuests) func aRestartIsNotCancelledByAStopThatIsGivenUp() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never", "--stop-timeout", "4s"], Self.deaf)
        try await daemon.succeed("start", "web")
        try await daemon.waitForLog("web", "ready")
        async let restart = daemon.lodge("restart", "web", deadline: 30)
        try await daemon.waitForEvent(after: 0) { $0.guest == "web" && $0.to == "stopping" }
        let stop = try await daemon.lodge("stop", "web", "--no-kill", "--timeout", "0.5s", deadline: 20)
        #expect(stop.code == 7 && stop.errors.contains("restart by root"), "\(stop)")
        let restarted = try await restart
        #expect(restarted.code == 0, "\(restarted)")
        #expect(try await daemon.guest("web").state == "running")
        let first = try #require(try await daemon.runs(of: "web").last)
        #expect(first.cause.kind == "stopped" && first.cause.how == "forced", "\(first)")
        try await daemon.succeed("kill", "web")
      }
    }

    /// The daemon acts at the earliest deadline with force without its controller, whatever is ordered beside it, and so does
    /// the next daemon.
    @Test(.requiresGuests, arguments: [false, true]) func aDeadlineWithForceStandsBesideALaterOrder(
      _ dies: Bool
    ) async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], Self.deaf)
        try await daemon.succeed("start", "web")
        try await daemon.waitForLog("web", "ready")
        kill(try await daemon.controllerPID(of: "web"), SIGSTOP)
        // Each leaves after a second; an order stays an order.
        for order in [["--timeout", "1s"], ["--no-kill", "--timeout", "1h"], ["--timeout", "1h"]] {
          _ = try await daemon.cli(["stop", "web"] + order, deadline: 1)
        }
        if dies {
          try await daemon.kill()
          try await daemon.start()
        }
        let run = try await daemon.end(of: "web", within: 30)
        #expect(run.cause.kind == "stopped" && run.cause.how == "forced", "\(run)")
        #expect(run.facts.fence?.order == 1, "\(run.facts)")
        #expect(run.facts.orders.map(\.killSent) == [true, false, false])
      }
    }

    /// Faults row 10.
    @Test(.requiresGuests, .requires(.pidsController)) func aForkBombIsContainedAndEnds() async throws {
      try await withDaemon { daemon in
        try await daemon.define(
          "bomb", ["--restart", "never", "--pids", "200"],
          ["/bin/sh", "-c", "sh -c 'b() { while :; do b & done; }; b' 2>/dev/null & echo ready; exec sleep 1000"])
        try await daemon.succeed("start", "bomb")
        try await daemon.waitForLog("bomb", "ready")
        let begin = Clock.bootNanoseconds
        try await daemon.succeed("kill", "bomb")
        #expect(Double(Clock.bootNanoseconds - begin) / 1e9 < 3)
        let ended = try await daemon.end(of: "bomb")
        #expect(ended.cause.kind == "stopped")
      }
    }

    /// Faults row 11: a guest may freeze itself, and is killed all the same.
    @Test(.requiresGuests) func aFrozenGuestCanBeStopped() async throws {
      try await withDaemon { daemon in
        let hears = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"
        for (name, verb) in [("polite", "stop"), ("forced", "kill")] {
          try await daemon.define(name, ["--restart", "never", "--stop-timeout", "20s"], ["/bin/sh", "-c", hears])
          try await daemon.succeed("start", name)
          try await daemon.waitForLog(name, "ready")
          let cgroup = try #require(try await daemon.guest(name).cgroup)
          let unified = try #require(CgroupTrees.unified)
          try Files.writeControl("1", to: "\(unified)\(cgroup)/cgroup.freeze")
          try await daemon.succeed(verb, name, deadline: 30)
          // Thawed by a stop, so that it can hear it.
          let cause = try await daemon.end(of: name).cause
          #expect(cause.kind == "stopped" && cause.how == name && cause.code == (verb == "stop" ? 5 : nil), "\(cause)")
        }
      }
    }

    /// Faults row 14: a task that waits for a file system that never answers.
    @Test(.requiresGuests, .requires(.device("/dev/fuse", module: "fuse")))
    func aTaskThatCannotBeKilledIsNamedAndBlocksNothingElse() async throws {
      let folder = try ScratchFolder()
      let silent = try SilentFileSystem(at: folder.path)
      do {
        try await withDaemon { daemon in
          try await daemon.define(
            "web", ["--restart", "always", "--mount", "\(folder.path):/mnt", "--stop-timeout", "0.2s"],
            ["/bin/sh", "-c", "cat /mnt/name & exec sleep 1000"])
          try await daemon.succeed("start", "web")
          try await offThread { try silent.waitForAVictim() }

          for verb in [["stop", "web"], ["kill", "web"], ["rm", "--force", "--yes", "web"]] {
            let order = try await daemon.cli(verb, deadline: 30)
            #expect(
              order.code == 7 && order.errors.contains("these tasks do not end") && order.errors.contains("cat"),
              "\(order)")
          }
          let guest = try await daemon.guest("web")
          #expect(guest.state == "stopping")
          #expect(try await daemon.succeed("why", "web").output.contains("cat"))
          // Tasks that cannot be ended hold up no other guest, and a restart keeps what is known of them.
          try await daemon.define("other", ["--restart", "never"], ["/bin/sleep", "1000"])
          for verb in ["start", "kill", "start"] { try await daemon.succeed(verb, "other") }
          try await daemon.kill()
          try await daemon.start()
          #expect(try await daemon.guest("web").state == "stopping")
          let again = try await daemon.lodge("stop", "web", deadline: 30)
          #expect(again.code == 7 && again.errors.contains("cat"), "\(again)")

          let before = try await daemon.events().last?.seq ?? 0
          await silent.end()
          // It was to be removed; its run ends first, as what it was.
          try await daemon.waitForEvent(after: before) { $0.guest == "web" && $0.type == "removed" }
          let end = try #require(try await daemon.events(since: before).first { $0.guest == "web" && $0.cause != nil })
          #expect(end.cause?.kind == "stopped" && end.cause?.how == "forced", "\(end)")
        }
      } catch {
        await silent.end()
        throw error
      }
      try folder.remove()
    }

    /// Faults row 39: the last word counts.
    @Test(.requiresGuests) func anAcknowledgedStopIsNeverFollowedByARestart() async throws {
      try await withDaemon { daemon in
        var random = SeededRandom(for: "stop against restart")
        // Its own end, the policy's answer and the stop come close together, in any order.
        try await daemon.define("web", ["--restart", "always"], ["/bin/sh", "-c", "sleep 0.03; exit 1"])
        for _ in 0..<15 {
          _ = try await daemon.lodge("start", "web")
          usleep(UInt32.random(in: 0..<60_000, using: &random))
          let stop = try await daemon.lodge("stop", "web")
          #expect([0, 4].contains(stop.code), "\(stop)")
          let after = try await daemon.events().last?.seq ?? 0
          let state = try await daemon.guest("web").state
          #expect(state == "stopped", "after a stop that said \(stop)")
          usleep(20_000)
          #expect(try await daemon.events(since: after).allSatisfy { $0.to != "starting" })
        }
      }
    }

    /// An order may come between the decision to start and the launch: each call has its reply, and the run its end.
    @Test(.requiresGuests) func aKillRightBehindAStartEndsIt() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        let connection = try RawConnection(to: daemon.socketPath)
        defer { connection.close() }
        _ = try await offThread { try connection.call(.hello, "", serial: 1) }
        for round in 0..<30 as Range<UInt32> {
          let answered = try await offThread {
            guard try connection.begin(.start, "web", serial: 10 + round * 2),
              try connection.begin(.kill, "web", serial: 11 + round * 2)
            else { return 0 }
            var answered: Set<UInt32> = []
            while answered.count < 2, let frame = try connection.receive(seconds: 15) {
              if frame.type == 1, frame.serial >= 10 + round * 2 { answered.insert(frame.serial) }
            }
            return answered.count
          }
          try #require(answered == 2, "round \(round): \(answered) of 2 replies")
          #expect(try await daemon.guest("web").state == "stopped")
        }
        for run in try await daemon.runs(of: "web") { #expect(run.cause.kind == "stopped", "\(run)") }
      }
    }

    /// Original's failure 3: one SIGCHLD may stand for many.
    @Test(.requiresGuests) func fiftyGuestsThatEndTogetherAreAllReported() async throws {
      try await withDaemon { daemon in
        let names = (1...50).map { "web\($0)" }
        for name in names { try await daemon.define(name, ["--restart", "never"], ["/bin/sleep", "1000"]) }
        let started = try await daemon.cli(["start"] + names)
        #expect(started.code == 0, "\(started)")
        let inits = try await daemon.guests().compactMap(\.initPid)
        #expect(inits.count == 50)
        for pid in inits { kill(pid, SIGKILL) }
        for name in names {
          let run = try await daemon.end(of: name)
          #expect(run.cause.kind == "signaled" && run.cause.signal == 9, "\(name): \(run.cause)")
        }
      }
    }
  }
}
