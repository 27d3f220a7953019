import Foundation
import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Each operation of the database's disk fails with each errno, under a daemon with guests: what was acknowledged is
  /// stored, what is not stored was refused, every end is told once, and the daemon ends when it is asked to.
  ///
  /// Two errnos for each operation, another pair for each; all of them with `LODGE_DISK_FAULTS=all`.
  @Suite struct DiskFaults {
    private static let allErrnos = [EIO, EROFS, ENOSPC, EDQUOT, ENOMEM]
    private static let isFull = getenv("LODGE_DISK_FAULTS") != nil

    struct Fault: Sendable, CustomTestStringConvertible {
      var testDescription: String
      var operations: FaultyDisk.Operations
      var part: FaultyDisk.Part = .all

      var errnos: [Int32] {
        if DiskFaults.isFull { return DiskFaults.allErrnos }
        let first = DiskFaults.faults.firstIndex { $0.testDescription == testDescription } ?? 0
        return [0, 2].map { DiskFaults.allErrnos[(first + $0) % DiskFaults.allErrnos.count] }
      }
    }

    static let faults: [Fault] = [
      Fault(testDescription: "open", operations: .open),
      Fault(testDescription: "read", operations: .read),
      Fault(testDescription: "write", operations: .write),
      Fault(testDescription: "write to the log", operations: .write, part: .log),
      Fault(testDescription: "write to the database", operations: .write, part: .database),
      Fault(testDescription: "write to the index", operations: .write, part: .index),
      Fault(testDescription: "fsync", operations: .sync),
      Fault(testDescription: "truncate", operations: .truncate),
      Fault(testDescription: "mmap", operations: .map),
      Fault(testDescription: "everything", operations: .all),
    ]

    /// Nil where the answer is a yes; otherwise it has to name the storage.
    private static func isHonest(_ result: CommandResult) -> Bool {
      result.code == 0 || ["database", "disk", "stored"].contains { result.errors.contains($0) }
    }

    @Test(.requiresGuests, .enabled(if: FaultyDisk.missing == nil, "needs a C compiler"), arguments: faults)
    func whatIsToldIsStored(_ fault: Fault) async throws {
      try await withDaemon { daemon in
        try await daemon.terminate()
        let disk = try await FaultyDisk(root: daemon.root)
        try await daemon.start(environment: disk.environment)
        try await daemon.define("idle", ["--restart", "never"], ["/bin/sleep", "1000"])
        for number in fault.errnos {
          let name = number.errnoName
          let (live, late) = ("live-\(name.lowercased())", "late-\(name.lowercased())")
          for guest in [live, late] {
            try await daemon.define(guest, ["--restart", "never"], ["/bin/sleep", "1000"])
            try await daemon.succeed("start", guest)
          }
          let inits = [try await daemon.initPID(of: live), try await daemon.initPID(of: late)]
          let row = "\(fault.testDescription), \(name)"

          try disk.fail(fault.operations, of: fault.part, with: number)
          let killed = try await daemon.lodge("kill", live)
          #expect(Self.isHonest(killed), "\(row): \(killed)")
          #expect(!ProcessFacts.isAlive(inits[0]), "\(row): it is killed all the same")
          let started = try await daemon.lodge("start", "idle")
          #expect(Self.isHonest(started), "\(row): \(started)")
          for look in [["ls"], ["runs", live], ["events"]] {
            let seen = try await daemon.cli(look)
            #expect(Self.isHonest(seen), "\(row): \(seen)")
          }
          let status = try await daemon.lodge("daemon", "status")
          #expect(status.code == 0, "\(row): \(status)")
          if killed.code != 0 || started.code != 0 {
            #expect(status.output.contains("database"), "\(row) is named: \(status)")
          }
          #expect(ProcessFacts.isAlive(inits[1]), "\(row): guests run on")

          try disk.heal()
          let run = try await daemon.end(of: live, within: 20)
          #expect(run.cause.kind == "stopped" && run.facts.orders.count == 1, "\(row): \(run)")
          try await Self.expectOneEnd(of: live, daemon, row)
          if started.code == 0 { try await daemon.succeed("kill", "idle") }
          // Healed without a restart.
          try await Self.expectWell(daemon, row)
          try await daemon.succeed("start", "idle")
          try await daemon.succeed("kill", "idle")

          try disk.fail(fault.operations, of: fault.part, with: number)
          let second = try await daemon.lodge("kill", late)
          #expect(Self.isHonest(second), "\(row): \(second)")
          let asked = Date.now
          let status2 = try await daemon.terminate()
          #expect(Date.now.timeIntervalSince(asked) < 5, "\(row): it ends when it is asked to")
          #expect(status2 == .exited(code: 0), "\(row): \(status2)")
          let hits = try disk.takeHits()
          try disk.heal()
          try await daemon.start(environment: disk.environment)
          try await Self.expectOneEnd(of: late, daemon, row)
          print("disk | \(row) | \(hits) calls failed | kill: \(killed.code), start: \(started.code)")
        }
      }
    }

    /// A daemon that is started on a disk like that comes up all the same, and looks after what runs.
    @Test(.requiresGuests, .enabled(if: FaultyDisk.missing == nil, "needs a C compiler"), arguments: faults)
    func aDaemonThatStartsOnItLooksAfterGuests(_ fault: Fault) async throws {
      try await withDaemon { daemon in
        let disk = try await FaultyDisk(root: daemon.root)
        for number in fault.errnos {
          let name = number.errnoName.lowercased()
          let row = "start on \(fault.testDescription), \(number.errnoName)"
          try await daemon.define(name, ["--restart", "never"], ["/bin/sleep", "1000"])
          try await daemon.succeed("start", name)
          let processInit = try await daemon.initPID(of: name)
          try await daemon.terminate()

          _ = try disk.takeHits()
          try disk.fail(fault.operations, of: fault.part, with: number)
          try await daemon.start(environment: disk.environment)
          #expect(ProcessFacts.isAlive(processInit), "\(row): guests run on")
          let status = try await daemon.succeed("daemon", "status").output
          let killed = try await daemon.lodge("kill", name)
          #expect(Self.isHonest(killed), "\(row): \(killed)")
          #expect(!status.contains("database ") || killed.code != 0, "\(row): \(status)\n\(killed)")
          #expect(!ProcessFacts.isAlive(processInit), "\(row): it is killed all the same")
          let asked = Date.now
          #expect(try await daemon.terminate() == .exited(code: 0), "\(row)")
          #expect(Date.now.timeIntervalSince(asked) < 5, "\(row): it ends when it is asked to")
          let hits = try disk.takeHits()
          try disk.heal()
          try await daemon.start()
          try await Self.expectWell(daemon, row)
          try await Self.expectOneEnd(of: name, daemon, row)
          print("disk | \(row) | \(hits) calls failed | kill: \(killed.code)")
        }
      }
    }

    /// No call to the disk returns: nothing can be known or stored, and the daemon ends all the same.
    @Test(.requiresGuests, .enabled(if: FaultyDisk.missing == nil, "needs a C compiler"))
    func aDiskThatHangsDoesNotKeepTheDaemon() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "web")
        for operations: FaultyDisk.Operations in [.sync, .write, .all] {
          try await daemon.terminate()
          let disk = try await FaultyDisk(root: daemon.root)
          try await daemon.start(environment: disk.environment)
          try disk.hang(operations)
          let processInit = try await daemon.initPID(of: "web")
          async let started = daemon.lodge("create", "x", "--rootfs", "/", "--", "/bin/true", deadline: 10)
          #expect(try await daemon.lodge("ls").code == 0, "looking works")
          let status = try await daemon.lodge("daemon", "status", deadline: 5)
          #expect(status.code == 0, "\(status)")
          let asked = Date.now
          #expect(try await daemon.terminate() == .exited(code: 0))
          #expect(Date.now.timeIntervalSince(asked) < 5, "it ends when it is asked to")
          #expect(try await started.code != 0)
          #expect(ProcessFacts.isAlive(processInit))
          try disk.heal()
          try await daemon.start()
          #expect(try await daemon.initPID(of: "web") == processInit)
        }
        try await daemon.succeed("kill", "web")
      }
    }

    /// An order is carried out though the disk does not answer, and its caller hears that it is not stored.
    @Test(.requiresGuests, .enabled(if: FaultyDisk.missing == nil, "needs a C compiler"))
    func aGuestIsKilledThoughTheDiskHangs() async throws {
      try await withDaemon { daemon in
        try await daemon.terminate()
        let disk = try await FaultyDisk(root: daemon.root)
        try await daemon.start(environment: disk.environment)
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "web")
        let processInit = try await daemon.initPID(of: "web")
        try disk.hang([.write, .sync])
        let killed = try await daemon.lodge("kill", "web", deadline: 15)
        #expect(killed.code == 1 && killed.errors.contains("the disk does not answer"), "\(killed)")
        #expect(!ProcessFacts.isAlive(processInit))
        #expect(try await daemon.succeed("daemon", "status").output.contains("the disk does not answer"))
        try disk.heal()
        try await Self.expectWell(daemon, "a disk that hangs")
        try await Self.expectOneEnd(of: "web", daemon, "a disk that hangs")
      }
    }

    private static func expectWell(_ daemon: TestDaemon, _ row: String) async throws {
      for _ in 0..<50 {
        guard try await daemon.succeed("daemon", "status").output.contains("database ") else { return }
        try await Task.sleep(for: .milliseconds(200))
      }
      Issue.record("\(row): storage does not work again: \(try await daemon.succeed("daemon", "status"))")
    }

    private static func expectOneEnd(of guest: String, _ daemon: TestDaemon, _ row: String) async throws {
      #expect(try await daemon.end(of: guest, within: 20).cause.kind == "stopped", "\(row)")
      let ends = try await daemon.events().filter { $0.guest == guest && $0.cause != nil }
      #expect(ends.count == 1, "\(row): \(ends)")
      #expect(try await daemon.runs(of: guest).count == 1, "\(row)")
    }
  }
}
