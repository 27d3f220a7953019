import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Guests do not notice that their daemon is gone, and a daemon that comes back knows them all.
  @Suite struct DaemonLoss {
    @Test(.requiresGuests, arguments: [SIGKILL, SIGTERM])
    func guestsRunOnAndAreAllBack(_ signal: Int32) async throws {
      try await withDaemon { daemon in
        let names = (1...5).map { "web\($0)" }
        var inits: [String: Int32] = [:]
        for name in names {
          try await daemon.define(name, ["--restart", "never"], ["/bin/sleep", "1000"])
          try await daemon.succeed("start", name)
          inits[name] = try await daemon.initPID(of: name)
        }
        try daemon.signal(signal)
        _ = try await daemon.ended()
        for (name, pid) in inits { #expect(ProcessFacts.isAlive(pid), "\(name) runs on without the daemon") }

        // One of them ends while no daemon is there to see it.
        kill(try #require(inits["web3"]), SIGKILL)
        try await daemon.start()
        let lost = try await daemon.end(of: "web3")
        #expect(lost.cause.kind == "signaled" && lost.cause.signal == 9)

        for guest in try await daemon.guests() where guest.name != "web3" {
          #expect(guest.state == "running")
          #expect(guest.initPid == inits[guest.name], "the same init, not a second one")
        }
        // They obey the new daemon as they did the old.
        try await daemon.succeed("kill", "web1")
        #expect(try await daemon.end(of: "web1").cause.kind == "stopped")
        kill(try #require(inits["web2"]), SIGKILL)
        #expect(try await daemon.end(of: "web2").cause.kind == "signaled")
      }
    }

    /// Faults row 3: ends of three kinds, in an order that the daemon finds out only afterwards.
    /// A `killall -USR1`, a closed terminal, a monitoring tool: daemon, controller and guest go on.
    @Test(.requiresGuests) func aStraySignalEndsNeitherDaemonNorController() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "web")
        let controller = try await daemon.controllerPID(of: "web")
        let before = try await daemon.guest("web")
        let meant = [SIGKILL, SIGSTOP, SIGTERM, SIGINT, SIGQUIT, SIGABRT, SIGTSTP, SIGTTIN, SIGTTOU]
        let faults = [SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS]
        for signal in Int32(1)...64 where !meant.contains(signal) && !faults.contains(signal) {
          try daemon.signal(signal)
        }
        for signal in Int32(1)...64 where signal != SIGKILL && signal != SIGSTOP { kill(controller, signal) }
        let after = try await daemon.guest("web")
        #expect(after.state == "running" && after.initPid == before.initPid)
        #expect(try await daemon.controllerPID(of: "web") == controller)
        try await daemon.succeed("kill", "web")
        #expect(try await daemon.end(of: "web").cause.kind == "stopped")
      }
    }

    @Test(.requiresGuests, .requires(.memoryController)) func endsWhileItWasAwayComeInOrderWithTheirTimes() async throws
    {
      try await withDaemon { daemon in
        let ends = [End.all[0], End.all[1], End.all[8]]
        var controllers: [ProcessHandle] = []
        for (index, end) in ends.enumerated() {
          let folder = "\(daemon.root)/gate\(index)"
          try Files.makeDirectory(folder)
          try check("mkfifo", on: folder) { mkfifo("\(folder)/go", 0o600) }
          try await daemon.define(
            "web\(index)", end.flags + ["--restart", "never", "--mount", "\(folder):/gate"], end.command)
          try await daemon.succeed("start", "web\(index)")
          controllers.append(try ProcessHandle(opening: try await daemon.controllerPID(of: "web\(index)")))
        }
        try await daemon.kill()
        // Last things first, each only when the one before it is done with.
        for index in ends.indices.reversed() {
          let path = "\(daemon.root)/gate\(index)/go"
          let controller = controllers[index]
          try await offThread {
            let fifo = try Files.open(path, flags: O_WRONLY)
            try Array("go\n".utf8).withUnsafeBytes { try Files.write($0, to: fifo.rawValue, named: "go") }
            guard waitUntilReadable(controller.fd.rawValue, seconds: 20) else {
              throw TooLate(description: "the controller of web\(index) did not end")
            }
          }
        }
        try await daemon.start()
        for (index, end) in ends.enumerated() {
          let run = try await daemon.end(of: "web\(index)")
          #expect(end.expected(run.cause), "\(end.name): \(run.cause)")
        }
        let reported = try await daemon.events().filter { $0.cause != nil }.compactMap(\.guest)
        #expect(reported == ["web2", "web1", "web0"], "in the order in which they ended")
      }
    }

    /// The disk is slow (each commit takes 1.5 s), and a daemon that reports ready gives no stale answer all the same.
    @Test(.requiresGuests) func whoComesRightAfterAStartLearnsTheEnd() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "web")
        let controller = try ProcessHandle(opening: try await daemon.controllerPID(of: "web"))
        let processInit = try await daemon.initPID(of: "web")
        try await daemon.kill()
        kill(processInit, SIGKILL)
        #expect(try await offThread { waitUntilReadable(controller.fd.rawValue, seconds: 20) })
        try await daemon.start(environment: ["LODGE_CRASHPOINT": "daemon.commit.before:pause"])
        #expect(try await daemon.guest("web").state == "stopped")
      }
    }

    /// Faults row 8: folders that are put aside, or a mount that is missing, make no guest a leak.
    @Test(.requiresGuests) func aGuestWhoseFoldersAreElsewhereIsLeftAlone() async throws {
      try await withDaemon { daemon in
        var inits: [String: Int32] = [:]
        for name in ["web1", "web2"] {
          try await daemon.define(name, ["--restart", "never"], ["/bin/sleep", "1000"])
          try await daemon.succeed("start", name)
          inits[name] = try await daemon.initPID(of: name)
        }
        try await daemon.terminate()
        let (root, aside) = (daemon.root, "\(daemon.root)/aside")
        try Files.makeDirectory(aside)
        for folder in ["run", "lib"] { try Files.rename("\(root)/\(folder)", to: "\(aside)/\(folder)") }

        try await daemon.start()
        let status = try await daemon.succeed("daemon", "status", "-o", "json").output
        for name in inits.keys { #expect(status.contains("run directory \(aside)/run/guests/\(name))")) }
        #expect(daemon.log.contains("does not know guests that run"))
        #expect(try await daemon.succeed("events", "--since", "0").output.contains("does not know guests that run"))
        // Guests of its own are no worse for it.
        try await daemon.define("own", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "own")
        try await daemon.succeed("rm", "--force", "--yes", "own")
        // At its end it sees off every controller that should have gone.
        try await daemon.terminate()
        for (name, pid) in inits { #expect(ProcessFacts.isAlive(pid), "\(name) runs on") }

        for folder in ["run", "lib"] {
          try Files.removeTree("\(root)/\(folder)")
          try Files.rename("\(aside)/\(folder)", to: "\(root)/\(folder)")
        }
        try await daemon.start()
        for guest in try await daemon.guests() {
          #expect(guest.state == "running" && guest.initPid == inits[guest.name])
        }
        #expect(!(try await daemon.succeed("daemon", "status").output.contains("does not know")))
        try await daemon.succeed("kill", "web1")
        #expect(try await daemon.end(of: "web1").cause.kind == "stopped")
        kill(try #require(inits["web2"]), SIGKILL)
        #expect(try await daemon.end(of: "web2").cause.kind == "signaled")
      }
    }

    /// Faults row 4.
    @Test(.requiresGuests) func aGuestWithoutItsControllerIsFencedAndItsPolicyApplies() async throws {
      try await withDaemon { daemon in
        // A child that outlives init's parent: the whole cgroup has to go.
        try await daemon.define(
          "web", ["--restart", "onFailure"], ["/bin/sh", "-c", "sleep 1000 & echo ready; wait"])
        try await daemon.succeed("start", "web")
        try await daemon.waitForLog("web", "ready")
        let first = try await daemon.guest("web")
        let processInit = try ProcessHandle(opening: try #require(first.initPid))
        kill(try await daemon.controllerPID(of: "web"), SIGKILL)
        #expect(try await offThread { waitUntilReadable(processInit.fd.rawValue, seconds: 2) }, "fenced within 2 s")
        try await daemon.succeed("wait", "web", "--for", "running", "--timeout", "20s")
        let second = try await daemon.guest("web")
        #expect(second.run != first.run)
        #expect(second.last?.cause.kind == "controllerLost")
        try await daemon.succeed("kill", "web")
      }
    }

    /// Faults row 5.
    @Test(.requiresGuests) func bothKilledTogetherLeaveNoOrphan() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sh", "-c", "sleep 1000 & echo ready; wait"])
        try await daemon.succeed("start", "web")
        try await daemon.waitForLog("web", "ready")
        let processInit = try ProcessHandle(opening: try await daemon.initPID(of: "web"))
        let controller = try await daemon.controllerPID(of: "web")
        try daemon.signal(SIGKILL)
        kill(controller, SIGKILL)
        _ = try await daemon.ended()
        #expect(try await offThread { waitUntilReadable(processInit.fd.rawValue, seconds: 5) }, "init dies with it")
        try await daemon.start()
        #expect(try await daemon.end(of: "web").cause.kind == "controllerLost")
      }
    }

    /// Faults row 7: the deadline goes on where it was.
    @Test(.requiresGuests) func aStopInProgressIsResumed() async throws {
      try await withDaemon { daemon in
        try await daemon.define(
          "web", ["--restart", "always", "--stop-timeout", "3s"],
          ["/bin/sh", "-c", "trap 'echo asked' TERM; echo ready; while :; do sleep 0.1; done"])
        try await daemon.succeed("start", "web")
        try await daemon.waitForLog("web", "ready")
        async let stop = daemon.lodge("stop", "web")
        try await daemon.waitForLog("web", "asked")
        try await daemon.kill()
        _ = try await stop
        try await daemon.start()
        let run = try await daemon.end(of: "web")
        #expect(run.cause.kind == "stopped" && run.cause.how == "forced", "\(run.cause)")
        #expect(try await daemon.guest("web").state == "stopped", "no restart after a stop")
      }
    }

    /// Faults row 20.
    @Test(.requires(.root)) func aSecondDaemonOnTheSameFolderSaysWhoHoldsIt() async throws {
      try await withDaemon { daemon in
        let second = try await Command("\(TestDaemon.programs)/lodged")(["--root", daemon.root], deadline: 20)
        #expect(second.code == 6, "\(second)")
        #expect(second.errors.contains("\(try #require(daemon.pid))"), "names the holder: \(second)")
        #expect(try await daemon.lodge("ls").code == 0, "the first one goes on")
      }
    }

    /// Faults row 50.
    @Test(.requiresGuests) func aWedgedControllerIsNoticedAndItsGuestCanBeKilled() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "web")
        let controller = try await daemon.controllerPID(of: "web")
        let before = try await daemon.events().last?.seq ?? 0
        kill(controller, SIGSTOP)
        try await daemon.waitForEvent(after: before, within: 15) { $0.type == "notice" && $0.guest == "web" }
        #expect(try await daemon.guest("web").degraded)
        // A measure that is not known is absent, never 0.
        let shown = try await daemon.succeed("show", "web", "-o", "json").output
        #expect(!shown.contains("\"memory\": 0") && !shown.contains("\"tasks\": 0"), "\(shown)")
        let begin = Clock.bootNanoseconds
        let killed = try await daemon.lodge("kill", "web", deadline: 30)
        #expect(killed.code == 0, "\(killed)")
        #expect(Double(Clock.bootNanoseconds - begin) / 1e9 < 10)
        let run = try await daemon.end(of: "web")
        #expect(run.cause.kind == "stopped", "\(run.cause)")
        #expect(!ProcessFacts.isAlive(controller))
      }
    }

    /// One folder has one name, whichever path a daemon is given: groups that it made under the other are found.
    @Test(.requiresGuests) func aFolderReachedThroughALinkIsTheSameInstance() async throws {
      try await withDaemon { daemon in
        try Files.makeDirectories("\(daemon.root)/links")
        symlink("../links/..", "\(daemon.root)/links/here")
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "web")
        let controller = try await daemon.controllerPID(of: "web")
        try await daemon.kill()
        try await daemon.start(arguments: ["--root", "\(daemon.root)/links/here"])
        kill(controller, SIGSTOP)
        let killed = try await daemon.lodge("kill", "web", deadline: 30)
        #expect(killed.code == 0, "\(killed)")
        #expect(try await daemon.end(of: "web").cause.kind == "stopped")
      }
    }

    /// Otherwise the first sockets that it opens have these numbers, and its log goes into one of them.
    @Test(.requiresGuests) func standardDescriptorsThatAreClosedAreFilled() async throws {
      try await withDaemon { daemon in
        try await daemon.terminate()
        try await daemon.start(prelude: "exec 0<&- 1>&- 2>&-")
        let pid = try #require(daemon.pid)
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "web")
        let controller = try await daemon.controllerPID(of: "web")
        for process in [pid, controller] {
          for number in 0...2 {
            #expect(try Files.readLink("/proc/\(process)/fd/\(number)") == "/dev/null", "\(process) \(number)")
          }
        }
        // A command has nowhere to print, and says so by its code; nothing is written to what it has open.
        for closed in ["0<&- 1>&- 2>&-", "1>&- 2>&-", "0<&- 1>&-"] {
          let shell = Command("/bin/sh", environment: ["LODGE_ROOT": daemon.root])
          let result = try await shell(["-c", "\(TestDaemon.programs)/lodge ls \(closed)"])
          #expect(result.code == 1, "\(closed): \(result)")
        }
        #expect(try await daemon.lodge("ls").code == 0)
      }
    }

    struct Hang: Sendable, CustomTestStringConvertible {
      var point: String
      var verb: [String]
      var testDescription: String { "\(point), \(verb.joined(separator: " "))" }
    }

    static let hangs = ["controller.started", "controller.launch.received", "controller.launch.executed"].flatMap {
      point in [["kill"], ["rm", "--force", "--yes"]].map { Hang(point: point, verb: $0) }
    }

    /// A controller that hangs on its way, before it listens or after, and a daemon that comes back to that: an order still
    /// ends it, and the run has its end.
    @Test(.requiresGuests, arguments: hangs) func aControllerThatNeverAnsweredCanBeKilledByTheNextDaemon(
      _ hang: Hang
    ) async throws {
      try await withDaemon { daemon in
        try await daemon.terminate()
        try await daemon.start(environment: ["LODGE_CONTROLLER_CRASHPOINT": "\(hang.point):pause"])
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        let start = try await daemon.cli(["start", "web"], deadline: 1)
        #expect(start.code != 0, "it hangs: \(start)")
        try await daemon.kill()
        try await daemon.start()
        let begin = Clock.bootNanoseconds
        let ended = try await daemon.cli(hang.verb + ["web"], deadline: 20)
        #expect(ended.code == 0, "\(ended)")
        #expect(Double(Clock.bootNanoseconds - begin) / 1e9 < 15)
        let ends = try await daemon.events().filter { $0.guest == "web" && $0.cause != nil }
        // Once init may have been executed, its status is what only the controller could have seen.
        let kind = hang.point == "controller.launch.executed" ? "notKnown" : "stopped"
        #expect(ends.map(\.cause?.kind) == [kind], "\(ends)")
      }
    }

    /// A controller that failed to answer for a while and then does is well again, and nothing was done to its guest.
    @Test(.requiresGuests) func aControllerThatComesToItselfIsWellAgain() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "web")
        let processInit = try await daemon.initPID(of: "web")
        let controller = try await daemon.controllerPID(of: "web")
        let before = try await daemon.events().last?.seq ?? 0
        kill(controller, SIGSTOP)
        try await daemon.waitForEvent(after: before, within: 15) { $0.type == "notice" && $0.guest == "web" }
        let noticed = try await daemon.events().last?.seq ?? 0
        kill(controller, SIGCONT)
        try await daemon.waitForEvent(after: noticed, within: 15) { $0.type == "notice" && $0.guest == "web" }
        let guest = try await daemon.guest("web")
        #expect(!guest.degraded)
        #expect(guest.initPid == processInit)
        try await daemon.succeed("kill", "web")
      }
    }

    /// What an upgrade does: another release's controller lies where the daemon's own was.
    @Test(.requiresGuests) func aDaemonStartsItsOwnControllerThoughTheFileIsReplaced() async throws {
      try await withDaemon { daemon in
        let copy = "\(daemon.root)/lodge-controller"
        try Files.copy("\(TestDaemon.programs)/lodge-controller", to: copy)
        try check("chmod", on: copy) { chmod(copy, 0o755) }
        try await daemon.terminate()
        try await daemon.start(arguments: ["--controller", copy])
        try await daemon.define("web", ["--restart", "always"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "web")
        let first = try await daemon.guest("web").run
        try Files.writeText("#!/bin/sh\nexit 1\n", to: "\(copy).new", mode: 0o755)
        try Files.rename("\(copy).new", to: copy)
        kill(try await daemon.initPID(of: "web"), SIGKILL)
        try await daemon.succeed("wait", "web", "--for", "running", "--timeout", "20s")
        for _ in 0..<500 where try await daemon.guest("web").run == first {
          try await Task.sleep(for: .milliseconds(20))
        }
        let second = try await daemon.guest("web")
        #expect(second.state == "running" && second.run != first)
        #expect(try Files.readText("/proc/\(try await daemon.controllerPID(of: "web"))/comm") == "lodge-controlle\n")
        try await daemon.succeed("kill", "web")
      }
    }
  }
}
