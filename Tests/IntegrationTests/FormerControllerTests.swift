import FormerProtocol
import Foundation
import GRDB
import Glibc
import Guest
import LinuxSystem
import RPCSocket
import TestSupport
import Testing
import XDR

extension IntegrationTests {
  /// Guests of the former release outlive the upgrade: their controllers speak version 1 and go on doing so.
  @Suite struct FormerControllers {
    /// LODGE_UPGRADE_GUESTS=100 is the full size.
    static let guests = getenv("LODGE_UPGRADE_GUESTS").flatMap { Int(String(cString: $0)) } ?? 10

    enum Kind: Int, CaseIterable {
      case exits, isKilledByAStranger, isStopped, isForced, endsWhileTheDaemonIsAway
    }

    @Test(.requiresGuests) func areAdoptedStoppedAndTheirEndsAreRight() async throws {
      try await withDaemon { daemon in
        try await daemon.terminate()
        let former = try Former(root: daemon.root, tag: daemon.scratch.tag)
        let all = (0..<Self.guests).map { (name: "g\($0)", kind: Kind.allCases[$0 % Kind.allCases.count]) }
        var inits: [String: Int32] = [:]
        for (name, kind) in all {
          let command =
            switch kind {
            case .exits: "while [ ! -e /gate/go ]; do sleep 0.1; done; exit 7"
            case .isStopped: "trap 'exit 0' TERM; while :; do sleep 0.1; done"
            case .isKilledByAStranger, .isForced, .endsWhileTheDaemonIsAway: "sleep 1000"
            }
          inits[name] = try former.launch(name, ["/bin/sh", "-c", command])
        }
        for (name, kind) in all where kind == .endsWhileTheDaemonIsAway {
          Glibc.kill(try #require(inits[name]), SIGKILL)
        }
        try former.leaveDatabase()

        try await daemon.start()
        for guest in try await daemon.guests() {
          let kind = try #require(all.first { $0.name == guest.name }?.kind)
          guard kind != .endsWhileTheDaemonIsAway else { continue }
          #expect(guest.state == "running", "\(guest.name)")
          #expect(guest.initPid == inits[guest.name], "the same init, not a second one")
        }
        #expect(try await daemon.guests().count == all.count)
        // Measured in version 1, too.
        #expect(try await daemon.succeed("show", "g0", "-o", "json").output.contains("\"tasks\""))
        try Files.writeText("", to: "\(daemon.root)/gate/go")
        for (name, kind) in all {
          switch kind {
          case .exits, .endsWhileTheDaemonIsAway: break
          case .isKilledByAStranger: Glibc.kill(try #require(inits[name]), SIGKILL)
          case .isStopped: try await daemon.succeed("stop", name)
          case .isForced: try await daemon.succeed("kill", name)
          }
        }
        for (name, kind) in all {
          let cause = try await daemon.end(of: name).cause
          switch kind {
          case .exits: #expect(cause.kind == "exited" && cause.code == 7, "\(name): \(cause)")
          case .isKilledByAStranger, .endsWhileTheDaemonIsAway:
            #expect(cause.kind == "signaled" && cause.signal == 9, "\(name): \(cause)")
          case .isStopped, .isForced: #expect(cause.kind == "stopped", "\(name): \(cause)")
          }
        }
      }
    }

    /// The former daemon's part: spawns controllers of the former release, and leaves a database of its format.
    private final class Former {
      let root: String
      let tag: String
      let program: String
      private var rows: [(name: String, record: [UInt8])] = []
      private var processes: [ProcessHandle] = []

      init(root: String, tag: String) throws {
        self.root = root
        self.tag = tag
        program = "\(root)/former-controller"
        let packed = Self.fixtures.appendingPathComponent("lodge-controller.xz").path
        let result = try Command("/bin/sh").run("-c", "xz -dc '\(packed)' > '\(program)' && chmod 755 '\(program)'")
        guard result.code == 0 else { throw CommandFailure(result) }
        try Files.makeDirectories("\(root)/gate")
        try Files.makeDirectories("\(root)/run/guests")
        try Files.makeDirectories("\(root)/log")
      }

      static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/v1")

      /// - Returns: the guest's init.
      func launch(_ name: String, _ command: [String]) throws -> Int32 {
        let path = "\(root)/run/guests/\(name)"
        try Files.makeDirectory(path, mode: 0o700)
        let directory = try Files.openDirectory(path)
        let lock = try #require(try LockFile.acquire(at: "lock", in: directory.rawValue))
        let (ours, theirs) = try UnixSocket.pair()
        var plan = SpawnPlan(
          executable: program,
          arguments: [
            "lodge-controller", "--guest", name, "--fd", "3", "--lock-fd", "4", "--run-dir-fd", "5", "--run-dir", path,
            "--network", "own",
          ], environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LODGE_TEST_TAG=\(tag)"])
        plan.descriptors = [
          (theirs.rawValue, 3), (lock.fd.rawValue, 4), (directory.rawValue, 5), (2, 2),
        ]
        plan.newSession = true
        processes.append(try plan.run())
        let run = (0..<16).map { _ in UInt8.random(in: 0...255) }
        let spec = Self.spec(root: root, tree: try RootTrees.busybox(), command)
        let client = try BlockingClient(adopting: ours)
        let reply = try client.call(
          FormerController.Launch.self,
          WireV1.LaunchArgs(
            guest: name, run: run, spec: spec, cgroupParent: "/" + CgroupName.of(root: root),
            logPath: "\(root)/log/\(name).log"), timeout: 20_000_000_000)
        let started = WireV1.StoredRun(
          id: run, number: 1, startedBy: .init(kind: .user, uid: 0, pid: 1),
          launched: .init(
            initPid: reply.initPid, initStartTime: reply.initStartTime, at: reply.startedAt,
            atBoot: UInt64(max(Clock.bootNanoseconds, 0))))
        rows.append(
          (
            name,
            try WireV1.StoredGuest(
              format: 1, spec: spec, createdAt: reply.startedAt, specPending: false, phase: .running(started),
              runCount: 1, restartAttempt: 0, restartTotal: 0, restartTimes: [], last: nil, desired: true, note: ""
            ).xdrEncoded()
          ))
        return reply.initPid
        // The client's end of the socket closes here: the former daemon has gone.
      }

      /// The database that the former daemon would have left: the fixture's schema with these guests.
      func leaveDatabase() throws {
        let path = "\(root)/lib/lodge.db"
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        try FileManager.default.copyItem(
          atPath: Self.fixtures.appendingPathComponent("lodge.db").path, toPath: path)
        let boot = Data(try Kernel.bootID())
        try DatabaseQueue(path: path).write { db in
          for table in ["guests", "runs", "journal", "hooks"] { try db.execute(sql: "DELETE FROM \(table)") }
          try db.execute(sql: "UPDATE meta SET value = ? WHERE key = 'boot'", arguments: [boot])
          for row in rows {
            try db.execute(
              sql: "INSERT INTO guests (name, record) VALUES (?, ?)", arguments: [row.name, Data(row.record)])
          }
        }
      }

      private static func spec(root: String, tree: String, _ command: [String]) -> WireV1.GuestSpec {
        WireV1.GuestSpec(
          description: "", rootfs: .init(path: tree, mode: .overlay, overlayBytes: 0), command: command,
          workingDirectory: "/", environment: [], user: "0", groups: [], hostname: "", network: .none,
          mounts: [.init(kind: .bind, source: "\(root)/gate", target: "/gate", readOnly: true, sizeBytes: 0)],
          limits: .init(memoryBytes: 0, pids: 0, cpuMillis: 0), rlimits: [], capabilitiesAdded: [],
          capabilitiesDropped: [], console: .pty, log: .init(maximumBytes: 10 << 20, files: 3),
          restart: .init(
            mode: .never, minimumUptimeMillis: 10_000, backoffInitialMillis: 1_000, backoffMaximumMillis: 300_000,
            limitCount: 10, limitWindowMillis: 600_000),
          stop: .init(signal: 15, timeoutMillis: 10_000, termTimeoutMillis: 2_000), autostart: false, transient: false,
          labels: [])
      }
    }
  }
}
