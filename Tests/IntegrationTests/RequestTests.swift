import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Requests that carry an id are sent again and again while the daemon is killed at each of its crash points: one execution
  /// and one answer for each id, whichever verb it is. `LODGE_REQUEST_TRIES` is the number of ids: 300 unless said otherwise.
  ///
  /// A try is cheap because many are under way at each death: every guest has one request open, and each life of the daemon
  /// ends at another place and another time of it.
  @Suite struct Requests {
    /// In this order for one guest, so that each is allowed when it comes.
    enum Verb: Int, CaseIterable {
      case create, start, restart, stop, startAfterStop, kill, startAfterKill, removeByForce
    }

    struct Subject {
      var name: String
      var next: Verb
      /// What it must have by now.
      var exists = false
      var isRunning = false
      var runs = 0
      var executions = 0
      var ended = 0

      mutating func expect(_ verb: Verb) {
        switch verb {
        case .create: (exists, runs) = (true, 0)
        case .start, .startAfterStop, .startAfterKill: begin()
        case .restart:
          ended += 1
          begin()
        case .stop, .kill: (isRunning, ended) = (false, ended + 1)
        case .removeByForce: (exists, isRunning, ended) = (false, false, ended + 1)
        }
        next = Verb(rawValue: (verb.rawValue + 1) % Verb.allCases.count)!
      }

      private mutating func begin() {
        isRunning = true
        runs += 1
        executions += 1
      }
    }

    private static let tries = getenv("LODGE_REQUEST_TRIES").flatMap { Int(String(cString: $0)) } ?? 300
    private static let sideBySide = 28

    @Test(.requiresGuests) func areDoneOnceThoughTheDaemonDiesAtAnyPoint() async throws {
      var random = SeededRandom(for: "requests")
      let points = CrashPoints.daemonPoints.filter { $0.action == "kill" }.map(\.name)
      #expect(points.count >= 8)
      try await withDaemon { daemon in
        let marks = "\(daemon.root)/marks"
        try Files.makeDirectory(marks)
        let spec = try Self.spec(marks: marks)
        try await daemon.define("lost", ["--restart", "never"], ["/bin/sleep", "1000"])
        var subjects = (0..<Self.sideBySide).map { Subject(name: "q\($0)", next: .create) }
        // Each verb at once, from the first crash on.
        for index in subjects.indices {
          for _ in 0..<(index % Verb.allCases.count) {
            let verb = subjects[index].next
            let frame = Self.frame(verb, subjects[index].name, Self.id(&random), spec, serial: 1)
            let connection = try RawConnection(to: daemon.socketPath)
            try connection.send(frame)
            #expect(try connection.receive(seconds: 30)?.status == 0, "\(verb) \(subjects[index].name)")
            subjects[index].expect(verb)
            try await Self.executed(subjects[index], daemon, marks)
          }
        }
        var done = 0
        var deaths: [String: Int] = [:]
        var answers: [Int: Int] = [:]
        while done < Self.tries {
          let frames = subjects.enumerated().map { index, subject in
            Self.frame(subject.next, subject.name, Self.id(&random), spec, serial: UInt32(index + 1))
          }
          var replies: [[RawConnection.Frame]] = subjects.map { _ in [] }
          // Two lives that end somewhere, and one that does not.
          for life in 0..<3 {
            let point = points[(done / Self.sideBySide + life * 3) % points.count]
            if daemon.pid != nil { try await daemon.kill() }
            if life < 2 {
              let time = Int.random(in: 1...12, using: &random)
              // Some points come before it is ready.
              try? await daemon.start(environment: ["LODGE_CRASHPOINT": "\(point):kill@\(time)"])
            } else {
              try await daemon.start()
            }
            let isHit = try await Self.send(frames, to: daemon, losing: point == "daemon.lost.before-fence", &replies)
            if isHit { deaths[point, default: 0] += 1 }
          }
          for index in subjects.indices {
            let verb = subjects[index].next
            let got = replies[index]
            answers[got.count, default: 0] += 1
            #expect(got.allSatisfy { $0.status == 0 }, "\(verb) \(subjects[index].name): \(got.map(\.text))")
            #expect(!got.isEmpty, "\(verb) \(subjects[index].name) is answered")
            #expect(
              Set(got.compactMap { Self.answer($0, verb) }).count <= 1, "\(verb) \(subjects[index].name): one answer")
            subjects[index].expect(verb)
          }
          done += subjects.count
          try await check(subjects, daemon, marks)
        }
        _ = try await daemon.cli(["kill", "lost"])
        let ends = try await daemon.events().filter { $0.cause != nil && $0.guest?.hasPrefix("q") == true }
        #expect(Set(ends.compactMap(\.run)).count == ends.count, "no run ends twice")
        #expect(ends.count == subjects.reduce(0) { $0 + $1.ended }, "each run that was to end did")
        let table = deaths.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        let often = answers.sorted { $0.key < $1.key }.map { "\($0.key) times \($0.value)" }.joined(separator: ", ")
        print("requests: \(done) ids, each executed once; deaths at: \(table); answered: \(often)")
        #expect(deaths.count >= min(points.count, done / 60), "\(deaths)")
      }
    }

    /// Sends all of them on one connection, and takes what answers come before the daemon dies; true if it died by itself.
    private static func send(
      _ frames: [[UInt8]], to daemon: TestDaemon, losing: Bool, _ replies: inout [[RawConnection.Frame]]
    ) async throws -> Bool {
      guard let pid = daemon.pid else { return true }
      func isGone() async throws -> Bool {
        guard !ProcessFacts.isAlive(pid) else { return false }
        _ = try await daemon.ended()
        return true
      }
      if losing {
        // One more thing to be hit at: a controller that dies.
        _ = try await daemon.cli(["start", "lost"], deadline: 10)
        if let controller = try? await daemon.controllerPID(of: "lost") { kill(controller, SIGKILL) }
      }
      guard let connection = try? RawConnection(to: daemon.socketPath) else { return try await isGone() }
      // In one write, so that they are decided side by side.
      guard (try? connection.send(Array(frames.joined()))) == true else { return try await isGone() }
      let got = try await offThread {
        var got: [RawConnection.Frame] = []
        while got.count < frames.count, let reply = try? connection.receive(seconds: 30) { got.append(reply) }
        return got
      }
      for reply in got where reply.type == 1 && reply.serial > 0 && Int(reply.serial) <= frames.count {
        replies[Int(reply.serial) - 1].append(reply)
      }
      if got.count < frames.count { _ = try await daemon.ended() }
      return got.count < frames.count ? true : try await isGone()
    }

    /// Its program says so a moment after it was executed; once more than it was to be would be one too many.
    private static func executed(_ subject: Subject, _ daemon: TestDaemon, _ marks: String) async throws {
      @Sendable func count(_ text: String) -> Int { text.split(separator: "\n").count }
      let path = "\(marks)/\(subject.name)"
      if subject.executions > 0 { try await daemon.waitForFile(path) { count($0) >= subject.executions } }
      let executions = count(Files.textOrEmpty(path))
      #expect(executions == subject.executions, "\(subject) was executed \(executions) times")
    }

    private func check(_ subjects: [Subject], _ daemon: TestDaemon, _ marks: String) async throws {
      let lines = try await daemon.guests()
      for subject in subjects {
        let line = lines.first { $0.name == subject.name }
        #expect((line != nil) == subject.exists, "\(subject)")
        try await Self.executed(subject, daemon, marks)
        guard let line else { continue }
        #expect(line.runs == subject.runs, "\(subject) has \(line.runs) runs")
        #expect(line.state == (subject.isRunning ? "running" : "stopped"), "\(subject) is \(line.state)")
        // One request, one order.
        if let last = line.last { #expect(last.facts.orders.count <= 1, "\(subject): \(last.facts.orders)") }
      }
    }

    // MARK: - Bytes, by protocol/admin.x

    private static func id(_ random: inout SeededRandom) -> [UInt8] {
      (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    private static func frame(
      _ verb: Verb, _ name: String, _ id: [UInt8], _ spec: [UInt8], serial: UInt32
    ) -> [UInt8] {
      let asked = RawConnection.bytes(1) + id + RawConnection.string(name)
      // A stop by the spec's signal and time, with force in the end.
      let stop = RawConnection.bytes(0) + [UInt8](repeating: 0xff, count: 8) + RawConnection.bytes(0)
      let (procedure, payload): (UInt32, [UInt8]) =
        switch verb {
        case .create: (1, asked + spec + RawConnection.bytes(0))
        case .removeByForce: (2, asked + RawConnection.bytes(1))
        case .start, .startAfterStop, .startAfterKill: (3, asked)
        case .stop: (4, asked + stop)
        case .kill: (5, asked + RawConnection.bytes(9))
        case .restart: (6, asked + stop)
        }
      return RawConnection.frame(procedure: procedure, serial: serial, payload: payload)
    }

    /// What has to be the same each time: the run, which closes the answer to a start.
    private static func answer(_ reply: RawConnection.Frame, _ verb: Verb) -> [UInt8]? {
      switch verb {
      case .start, .startAfterStop, .startAfterKill, .restart: Array(reply.payload.suffix(16))
      case .create, .stop, .kill, .removeByForce: nil
      }
    }

    /// One that says that it was executed, then waits.
    private static func spec(marks: String) throws -> [UInt8] {
      let command = "echo x >> /marks/$(hostname); trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done"
      let settings = [
        ("rootfs.path", try RootTrees.busybox()), ("rootfs.mode", "overlay"),
        ("command", #"["/bin/sh","-c","\#(command)"]"#),
        ("mounts", #"[{"source":"\#(marks)","target":"/marks"}]"#), ("restart.policy", "never"),
      ]
      let list = settings.flatMap { RawConnection.string($0.0) + RawConnection.string($0.1) }
      return RawConnection.opaque(RawConnection.bytes(UInt32(settings.count)) + list)
    }
  }
}
