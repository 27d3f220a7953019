import Foundation
import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Faults rows 17 and 19: a disk that is full, a database that is damaged or from the future.
  @Suite struct Disk {
    /// A disk of 8 MB of the daemon's own, in its own mount namespace.
    private static let smallDisk = "mkdir -p $ROOT/lib; mount -t tmpfs -o size=8m lodge-test $ROOT/lib"

    @Test(.requiresGuests) func aFullDiskLosesNothingAndCatchesUpWithoutARestart() async throws {
      try await withDaemon { daemon in
        try await daemon.terminate()
        try await daemon.start(prelude: Self.smallDisk)
        for name in ["web", "other"] {
          try await daemon.define(name, ["--restart", "never"], ["/bin/sh", "-c", "sleep 1000"])
        }
        try await daemon.succeed("start", "web")
        let processInit = try await daemon.initPID(of: "web")

        // The daemon's own view of its disk, from outside its mount namespace.
        let disk = "/proc/\(try #require(daemon.pid))/root\(daemon.root)/lib"
        let fill = try await Command("/bin/sh")(["-c", "cat /dev/zero > \(disk)/fill"])
        #expect(fill.code != 0, "the disk is full: \(fill)")
        // Whatever is left in the database's own pages is used up too.
        for _ in 0..<200
        where try await daemon.lodge("create", "x\(UInt32.random(in: 0 ... .max))", "--rootfs", "/", "--", "/x").code
          == 0
        {}

        kill(processInit, SIGKILL)
        let refused = try await daemon.lodge("start", "other")
        #expect(refused.code != 0, "\(refused)")
        #expect(refused.errors.contains("disk") || refused.errors.contains("full"), "names the reason: \(refused)")
        #expect(try await daemon.lodge("ls").code == 0, "looking works")
        let status = try await daemon.succeed("daemon", "status").output
        #expect(status.contains("disk") || status.contains("full"), "\(status)")

        try Files.removeTree("\(disk)/fill")
        let run = try await daemon.end(of: "web", within: 40)
        #expect(run.cause.kind == "signaled" && run.cause.signal == 9, "\(run.cause)")
        try await daemon.waitForFile("\(daemon.root)/lodged.log", within: 40) { $0.contains("there is space again") }
        try await daemon.succeed("start", "other")
        try await daemon.succeed("kill", "other")
      }
    }

    struct Damage: Sendable, CustomTestStringConvertible {
      var testDescription: String
      /// A shell command on the database $1.
      var command: String
    }

    static let damages: [Damage] = [
      Damage(
        testDescription: "bytes overwritten",
        command:
          "dd if=/dev/urandom of=\"$1\" bs=512 seek=1 count=30 conv=notrunc status=none; rm -f \"$1-wal\" \"$1-shm\""),
      Damage(testDescription: "gone", command: "rm -f \"$1\" \"$1-wal\" \"$1-shm\""),
      Damage(testDescription: "cut short", command: "truncate -s 3000 \"$1\"; rm -f \"$1-wal\" \"$1-shm\""),
      Damage(testDescription: "not a database", command: "echo hello > \"$1\"; rm -f \"$1-wal\" \"$1-shm\""),
      Damage(
        testDescription: "newer than the program",
        command: """
          /usr/bin/python3 -c 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); \
          c.execute("pragma user_version = 999"); \
          c.execute("insert or replace into meta values (\\"minimum_reader\\", 999)"); c.commit()' "$1"
          """),
    ]

    @Test(.requiresGuests, .requires(.program("/usr/bin/python3", package: "python3")), arguments: damages)
    func aBadDatabaseLeavesGuestsRunningAndSaysSo(
      _ damage: Damage
    ) async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "web")
        let processInit = try await daemon.initPID(of: "web")
        // An orderly end, after which all of it is in the one file that is damaged next.
        try await daemon.terminate()
        let database = "\(daemon.root)/lib/lodge.db"
        try await Command("/bin/cp")(["-a", database, "\(daemon.root)/kept.db"]).check()
        for suffix in ["-wal", "-shm"] where Files.exists(database + suffix) {
          try await Command("/bin/cp")(["-a", database + suffix, "\(daemon.root)/kept.db\(suffix)"]).check()
        }
        try await Command("/bin/sh")(["-c", damage.command, "sh", database]).check()

        try await daemon.start()
        #expect(ProcessFacts.isAlive(processInit), "the guest runs on")
        let status = try await daemon.succeed("daemon", "status").output
        #expect(status.contains("database") || status.contains("storage"), "\(status)")
        #expect(daemon.log.contains("database"), "\(daemon.log)")

        // With the good one back, it is as if nothing had been.
        try await daemon.kill()
        for suffix in ["", "-wal", "-shm"] {
          try Files.removeTree(database + suffix)
          if Files.exists("\(daemon.root)/kept.db\(suffix)") {
            try await Command("/bin/mv")(["\(daemon.root)/kept.db\(suffix)", database + suffix]).check()
          }
        }
        try await daemon.start()
        #expect(try await daemon.guest("web").initPid == processInit)
        try await daemon.succeed("kill", "web")
      }
    }

    /// A third of the file is overwritten while the daemon has it open, or the file goes away.
    @Test(
      .requiresGuests,
      arguments: [
        "n=$(($(stat -c %s \"$1\") / 4096)); dd if=/dev/urandom of=\"$1\" bs=4096 seek=$((n / 3)) count=$((n / 3)) conv=notrunc status=none",
        "mv \"$1\" \"$1.away\"", "cp -a \"$1\" \"$1.new\"; mv \"$1.new\" \"$1\"",
      ])
    func aDatabaseDamagedUnderTheDaemonIsNoticedAndItsGuestsAreKnown(_ damage: String) async throws {
      try await withDaemon { daemon in
        let names = (0..<40).map { "web\($0)" }
        for name in names { try await daemon.define(name, ["--restart", "never"], ["/bin/sleep", "1000"]) }
        try await daemon.succeed("start", "web1")
        let processInit = try await daemon.initPID(of: "web1")
        // An orderly end, after which all of it is in the one file.
        try await daemon.terminate()
        let database = "\(daemon.root)/lib/lodge.db"
        try await Command("/bin/cp")(["-a", database, "\(daemon.root)/kept.db"]).check()
        try await daemon.start()
        try await Command("/bin/sh")(["-c", damage, "sh", database]).check()

        try await daemon.waitForFile(daemon.logPath) { $0.contains("wrote down what is known of the guests") }
        #expect(try await daemon.succeed("daemon", "status").output.contains("damaged"))
        let refused = try await daemon.lodge("start", "web2")
        #expect(refused.code != 0 && refused.errors.contains("damaged"), "\(refused)")
        let killed = try await daemon.lodge("kill", "web1")
        #expect(killed.code != 0 && killed.errors.contains("could not be stored"), "\(killed)")
        #expect(!ProcessFacts.isAlive(processInit), "killed all the same")

        let asked = Date.now
        try await daemon.terminate()
        #expect(Date.now.timeIntervalSince(asked) < 5)
        // Gone or replaced, what lies there now may be a database; overwritten it is none.
        if damage.hasPrefix("n=") {
          try await daemon.start()
          #expect(try await daemon.guests().count == 40, "all are known still")
          try await daemon.kill()
        }
        for suffix in ["", "-wal", "-shm"] { try Files.removeTree(database + suffix) }
        try await Command("/bin/mv")(["\(daemon.root)/kept.db", database]).check()
        try await daemon.start()
        #expect(try await daemon.guests().count == 40)
        let run = try await daemon.end(of: "web1")
        #expect(run.cause.kind == "stopped", "\(run.cause)")
      }
    }

    /// The database goes while the daemon runs, and nothing runs when the next one starts: that one does not begin anew.
    @Test(.requiresGuests, arguments: [false, true]) func guestsOfALostDatabaseAreKeptThoughNothingRuns(killed: Bool)
      async throws
    {
      try await withDaemon { daemon in
        for name in ["one", "two"] { try await daemon.define(name, ["--restart", "never"], ["/bin/sleep", "1000"]) }
        let database = "\(daemon.root)/lib/lodge.db"
        for suffix in ["", "-wal", "-shm"] { try Files.removeTree(database + suffix) }
        try await daemon.waitForFile(daemon.logPath) { $0.contains("wrote down what is known of the guests") }
        for _ in 0..<2 {
          if killed { try await daemon.kill() } else { try await daemon.terminate() }
          try await daemon.start()
          #expect(try await daemon.guests().map(\.name) == ["one", "two"])
          #expect(try await daemon.succeed("daemon", "status").output.contains("it does not know one, two"))
          #expect(try await daemon.lodge("create", "x", "--rootfs", "/", "--", "/bin/true").code != 0)
        }
        // Their owner decides to go on without them.
        try await daemon.terminate()
        try await Command("/bin/mv")(["\(daemon.root)/lib/guests-kept.db", "\(daemon.root)/kept.db"]).check()
        try await daemon.start()
        #expect(try await daemon.guests().isEmpty)
      }
    }

    /// Rows of a newer version, in the history and of one guest: the others are as they were, nothing that reads them changes
    /// the daemon's state, and what is missing is told.
    @Test(.requiresGuests, .requires(.program("/usr/bin/python3", package: "python3")))
    func rowsOfANewerVersionTakeNothingElseWithThem() async throws {
      try await withDaemon { daemon in
        for name in ["old", "new"] {
          try await daemon.define(name, ["--restart", "never"], ["/bin/sh", "-c", "exit 3"])
          try await daemon.succeed("start", name)
          _ = try await daemon.end(of: name)
        }
        try await daemon.terminate()
        let script = """
          import sqlite3, sys
          c = sqlite3.connect(sys.argv[1])
          c.execute("update journal set event = cast(x'00000063' || substr(event, 5) as blob) where sequence = 3")
          c.execute("update runs set record = cast(x'00000063' || substr(record, 5) as blob) where guest = 'old'")
          c.execute("update requests set record = cast(x'00000063' || substr(record, 5) as blob)")
          c.execute("update guests set record = cast(replace(cast(record as text), 'rootfs.mode', 'rootfs.moda') as blob) where name = 'new'")
          c.commit()
          """
        try await Command("/usr/bin/python3")(["-c", script, "\(daemon.root)/lib/lodge.db"]).check()
        try await daemon.start()

        let events = try await daemon.succeed("events", "--since", "0")
        #expect(events.output.contains("events 3 to 3 "), "\(events)")
        #expect(try await daemon.succeed("runs", "old").code == 0)
        // A follower gets all of it in one go: head(1) ends it at the newest row.
        let newest = events.output.split(separator: "\n").count
        let followed = try await Command("/bin/sh")([
          "-c", "LODGE_ROOT=$1 \"$2\" events -f --since 0 2>&1 | head -n $3", "sh", daemon.root,
          "\(TestDaemon.programs)/lodge", "\(newest - 1)",
        ])
        #expect(followed.output.contains("events 3 to 3 ") && !followed.output.contains("has gone"), "\(followed)")
        #expect(try await daemon.succeed("daemon", "status").output.contains("well"))
        let refused = try await daemon.lodge("start", "new")
        #expect(refused.code != 0 && refused.errors.contains("rootfs.moda"), "\(refused)")
        #expect(try await daemon.succeed("ls").output.contains("new"))
        try await daemon.succeed("start", "old")
        #expect(try await daemon.end(of: "old").cause.code == 3)
        try await daemon.waitForFile(daemon.logPath) { $0.contains("a row of the database cannot be read") }
      }
    }

    /// A backup is put back that was taken before one guest was created and before another was started.
    @Test(.requiresGuests) func anOldCopyOfTheDatabaseKillsNothingAndLosesNoEnd() async throws {
      try await withDaemon { daemon in
        try await daemon.define("old", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.terminate()
        let database = "\(daemon.root)/lib/lodge.db"
        try await Command("/bin/cp")(["-a", database, "\(daemon.root)/backup.db"]).check()
        try await daemon.start()
        try await daemon.define("new", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "old", "new")
        let inits = [try await daemon.initPID(of: "old"), try await daemon.initPID(of: "new")]
        try await daemon.kill()
        try await Command("/bin/sh")([
          "-c", "cp -a \"$1\" \"$2\"; rm -f \"$2-wal\" \"$2-shm\"", "sh", "\(daemon.root)/backup.db", database,
        ]).check()

        try await daemon.start()
        #expect(inits.allSatisfy(ProcessFacts.isAlive), "guests run on")
        let status = try await daemon.succeed("daemon", "status").output
        #expect(status.contains("older than what runs, it does not know new."), "\(status)")
        #expect(status.contains(", old."), "\(status)")
        #expect(try await daemon.lodge("create", "x", "--rootfs", "/", "--", "/bin/true").code != 0)
        let killed = try await daemon.lodge("kill", "old", "new")
        #expect(killed.code != 0 && killed.errors.contains("could not be stored"), "\(killed)")

        // Twice: an end that was reported is not reported again.
        for _ in 0..<2 {
          try await daemon.kill()
          try await daemon.start()
          #expect(try await daemon.guests().map(\.name) == ["old"], "as in the backup")
          let ends = try await daemon.events().filter { $0.cause != nil }
          // They were killed side by side.
          #expect(ends.compactMap(\.guest).sorted() == ["new", "old"])
          #expect(ends.allSatisfy { $0.cause?.kind == "stopped" }, "\(ends)")
          #expect(Files.names(in: "\(daemon.root)/run/guests").isEmpty)
        }
        try await daemon.succeed("start", "old")
        try await daemon.succeed("kill", "old")
      }
    }
  }
}

extension CommandResult {
  func check() throws {
    guard code == 0 else { throw CommandFailure(self) }
  }
}
