import Foundation
import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Limits of connections, and who may call what.
  @Suite struct Connections {
    struct Procedure: Sendable, CustomTestStringConvertible {
      var name: String
      var number: UInt32
      var isReadOnly: Bool
      var testDescription: String { name }
    }

    /// Read from admin.x by another program than the compiler that made the server's table.
    static let procedures: [Procedure] = {
      let repository = Files.parent(of: Files.parent(of: Files.parent(of: #filePath)))
      var procedures: [Procedure] = []
      var comment = ""
      for line in Files.textOrEmpty("\(repository)/protocol/admin.x").split(separator: "\n") {
        if line.contains("/**") { comment = "" }
        comment += line
        guard line.hasPrefix("        "), let open = line.range(of: " ADMIN_"), line.contains(");") == false,
          let paren = line.range(of: "("), let equals = line.range(of: ") = "), line.hasSuffix(";")
        else { continue }
        let name = String(line[open.lowerBound..<paren.lowerBound].dropFirst())
        let number = UInt32(line[equals.upperBound...].dropLast()) ?? .max
        if !comment.contains("@event") {
          procedures.append(Procedure(name: name, number: number, isReadOnly: comment.contains("@readonly")))
        }
        comment = ""
      }
      return procedures
    }()

    /// Faults row 28: the whole table, one connection each.
    @Test(.requires(.root)) func theReadOnlySocketRefusesWhatChangesSomething() async throws {
      #expect(Self.procedures.count >= 20)
      #expect(Self.procedures.contains { $0.isReadOnly } && Self.procedures.contains { !$0.isReadOnly })
      try await withDaemon { daemon in
        for procedure in Self.procedures {
          let connection = try RawConnection(to: daemon.readOnlySocketPath)
          try connection.send(RawConnection.frame(procedure: procedure.number, serial: 9))
          let reply = try #require(try connection.receive(), "\(procedure.name) is answered")
          let denied: UInt32 = 6
          if procedure.isReadOnly {
            #expect(reply.errorCode != denied, "\(procedure.name)")
          } else {
            #expect(reply.errorCode == denied, "\(procedure.name): \(reply)")
          }
        }
      }
    }

    /// Faults row 45: with hardly any descriptors, those who are connected are served, and room comes back.
    @Test(.requires(.root)) func runningOutOfDescriptorsHurtsOnlyNewcomers() async throws {
      try await withDaemon { daemon in
        try await daemon.terminate()
        try await daemon.start(prelude: "ulimit -n 64")
        let first = try RawConnection(to: daemon.socketPath)
        #expect(try first.call(.hello, "", serial: 1)?.status == 0)
        var crowd: [RawConnection] = []
        for _ in 0..<100 {
          if let connection = try? RawConnection(to: daemon.socketPath) { crowd.append(connection) }
        }
        #expect(try first.call(.hello, "", serial: 2)?.status == 0)
        let idle = daemon.processorTime
        #expect(try first.call(.hello, "", serial: 3)?.status == 0)
        #expect(daemon.processorTime - idle < 50, "it does not spin without a free descriptor")
        for connection in crowd { connection.close() }
        #expect(try await daemon.lodge("ls").code == 0)
      }
    }

    /// Faults row 24: connections beyond the limit get an error that says so, and root gets in all the same.
    @Test(.requires(.root, .program("/usr/bin/python3", package: "python3"))) func aCrowdOfOneUserLeavesRoomForRoot()
      async throws
    {
      try await withDaemon { daemon in
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: daemon.socketPath)
        let script = """
          import signal, socket, sys, time
          held, patience = [], 100
          while len(held) < 1000 and patience > 0:
              s = socket.socket(socket.AF_UNIX); s.setblocking(False)
              try: s.connect(sys.argv[1]); held.append(s)
              except BlockingIOError: patience -= 1; time.sleep(0.01)
          print(len(held)); sys.stdout.flush()
          signal.pause()
          """
        let output = "\(daemon.root)/crowd"
        let file = try Files.open(output, flags: O_WRONLY | O_CREAT, mode: 0o644)
        var plan = SpawnPlan(
          executable: "/usr/bin/setpriv",
          arguments: [
            "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", "/usr/bin/python3", "-c", script,
            daemon.socketPath,
          ], environment: ["PATH=/usr/bin:/bin"])
        plan.descriptors = [(file.rawValue, 1), (file.rawValue, 2)]
        let crowd = try plan.run()
        defer {
          _ = try? crowd.signal(SIGKILL)
          _ = try? crowd.wait(blocking: true)
        }
        try await daemon.waitForFile(output) { $0.contains("\n") }
        for _ in 0..<20 { #expect(try await daemon.lodge("ls").code == 0) }
        let held = Int(Files.textOrEmpty(output).trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
        let served = try await daemon.succeed("daemon", "clients", "-o", "jsonl").lines.count
        #expect(held > served, "of \(held) connections not all are served: \(served)")
      }
    }

    /// Faults row 49, seen from outside: the same request twice is done once.
    @Test(.requiresGuests) func aRepeatedRequestIsDoneOnce() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        let request: [UInt8] = (0..<16).map { UInt8($0 + 1) }
        let payload = RawConnection.bytes(1) + request + RawConnection.string("web")
        var replies: [RawConnection.Frame] = []
        for serial: UInt32 in 1...2 {
          // A connection of its own each time: the first reply was lost.
          let connection = try RawConnection(to: daemon.socketPath)
          try connection.send(RawConnection.frame(procedure: 3, serial: serial, payload: payload))
          replies.append(try #require(try connection.receive()))
        }
        #expect(replies.allSatisfy { $0.status == 0 }, "\(replies)")
        #expect(replies[0].payload.suffix(16) == replies[1].payload.suffix(16), "the same run")
        #expect(try await daemon.guest("web").runs == 1)
        // The same id for another guest is no repetition.
        let connection = try RawConnection(to: daemon.socketPath)
        let other = RawConnection.bytes(1) + request + RawConnection.string("other")
        try connection.send(RawConnection.frame(procedure: 3, serial: 9, payload: other))
        let refused = try #require(try connection.receive())
        #expect(refused.status != 0 && String(decoding: refused.payload, as: UTF8.self).contains("its id was used"))
        try await daemon.succeed("kill", "web")
      }
    }

    /// The daemon is killed at each of its crash points while it carries out a start; the client, which has no reply, sends
    /// the same request to the next daemon: one execution, one answer.
    @Test(.requiresGuests, arguments: CrashPoints.daemonPoints.filter { $0.action == "kill" })
    func aRepeatedRequestIsDoneOnceOverADeathOfTheDaemon(_ point: CrashPoints.Point) async throws {
      try await withDaemon { daemon in
        let folder = "\(daemon.root)/mark"
        try Files.makeDirectory(folder)
        try await daemon.define(
          "web", ["--restart", "never", "--mount", "\(folder):/mark"],
          ["/bin/sh", "-c", "echo x >> /mark/runs; exit 3"])
        try await daemon.terminate()
        // Some points come before it is ready.
        try? await daemon.start(environment: ["LODGE_CRASHPOINT": point.testDescription])
        let request: [UInt8] = (0..<16).map { UInt8($0 + 1) }
        let payload = RawConnection.bytes(1) + request + RawConnection.string("web")
        var replies: [RawConnection.Frame] = []
        for serial: UInt32 in 1...3 {
          if let connection = try? RawConnection(to: daemon.socketPath),
            (try? connection.send(RawConnection.frame(procedure: 3, serial: serial, payload: payload))) == true,
            let reply = (try? connection.receive(seconds: 5)) ?? nil
          {
            replies.append(reply)
          }
          if daemon.pid != nil { try? await daemon.kill() }
          try await daemon.start()
        }
        #expect(!replies.isEmpty && replies.allSatisfy { $0.status == 0 }, "\(replies)")
        #expect(Set(replies.map { $0.payload.suffix(16) }).count == 1, "the same run")
        let run = try await daemon.end(of: "web")
        #expect(run.cause.kind == "exited" && run.cause.code == 3, "\(run.cause)")
        #expect(try await daemon.guest("web").runs == 1)
        #expect(Files.textOrEmpty("\(folder)/runs") == "x\n", "executed once")
      }
    }
  }
}

extension TestDaemon {
  /// Clock ticks of processor time used so far; proc(5), fields 14 and 15.
  var processorTime: Int {
    guard let pid, let end = Files.textOrEmpty("/proc/\(pid)/stat").lastIndex(of: ")") else { return 0 }
    let fields = Files.textOrEmpty("/proc/\(pid)/stat")[end...].split(separator: " ")
    return (Int(fields[12]) ?? 0) + (Int(fields[13]) ?? 0)
  }
}
