import Glibc
import LinuxSystem
import TestSupport
import Testing

/// A way for a guest to end, and what has to be reported then.
struct End: Sendable, CustomTestStringConvertible {
  var name: String
  var flags: [String] = []
  var command: [String]
  /// Makes it end; guests that end by themselves need nothing.
  var bring: (@Sendable (TestDaemon, String) async throws -> Void)?
  /// Needs the daemon at the moment of the end.
  var needsDaemon = false
  var expected: @Sendable (CauseLine) -> Bool

  var testDescription: String { name }

  /// Waits for the word of the host before it goes on: reading from a pipe in a folder that both see.
  static let gate = "/gate/go"

  /// Every end there is, but for a failed start and a host reset, which have their own tests.
  static let all: [End] = [
    End(name: "exit 0", command: gated("exit 0"), expected: { $0.kind == "exited" && $0.code == 0 }),
    End(name: "exit 3", command: gated("exit 3"), expected: { $0.kind == "exited" && $0.code == 3 }),
    End(name: "exit 137 without oom", command: gated("exit 137"), expected: { $0.kind == "exited" && $0.code == 137 }),
    End(
      name: "killed from outside", command: ["/bin/sleep", "1000"],
      bring: { daemon, name in _ = kill(try await Self.initPID(daemon, name), SIGKILL) },
      expected: { $0.kind == "signaled" && $0.signal == 9 && $0.coreDumped == false }),
    End(name: "a fault", command: gated("exec /gate/crash"), expected: { $0.kind == "signaled" && $0.signal == 4 }),
    End(name: "reboot", command: gated("exec reboot -f"), expected: { $0.kind == "reboot" }),
    End(name: "halt", command: gated("exec halt -f"), expected: { $0.kind == "halt" }),
    End(name: "power off", command: gated("exec poweroff -f"), expected: { $0.kind == "powerOff" }),
    End(
      name: "out of memory, init", flags: ["--memory", "24M"],
      command: gated("exec tail -c 200000000 /dev/zero"),
      expected: { $0.kind == "oom" && $0.victim == "init" && $0.limit == "own" }),
    End(
      name: "out of memory, a child", flags: ["--memory", "24M"],
      command: gated("tail -c 200000000 /dev/zero & wait $!; exit $?"),
      expected: { $0.kind == "oom" && $0.victim == "child" && $0.limit == "own" }),
    End(
      name: "stopped politely",
      command: ["/bin/sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"],
      bring: { daemon, name in
        try await daemon.waitForLog(name, "ready")
        try await daemon.succeed("stop", name)
      }, needsDaemon: true,
      expected: { $0.kind == "stopped" && $0.how == "polite" && $0.by?.kind == "user" && $0.code == 5 }),
    End(
      name: "stopped by force", flags: ["--stop-timeout", "0.2s"], command: ["/bin/sleep", "1000"],
      bring: { daemon, name in try await daemon.succeed("stop", name) }, needsDaemon: true,
      expected: { $0.kind == "stopped" && $0.how == "forced" && $0.by?.uid == 0 }),
    End(
      name: "killed by an administrator", command: ["/bin/sleep", "1000"],
      bring: { daemon, name in try await daemon.succeed("kill", name) }, needsDaemon: true,
      expected: { $0.kind == "stopped" && $0.how == "forced" && $0.by?.kind == "user" }),
    End(
      name: "controller lost", command: ["/bin/sleep", "1000"],
      bring: { daemon, name in _ = kill(try await Self.controllerPID(daemon, name), SIGKILL) },
      expected: { $0.kind == "controllerLost" }),
  ]

  static let withoutDaemon = all.filter { !$0.needsDaemon }

  private static func gated(_ action: String) -> [String] {
    ["/bin/sh", "-c", "echo begun; read line < \(gate); \(action)"]
  }

  /// Known before the daemon goes away, and kept in a file beside the gate.
  private static func initPID(_ daemon: TestDaemon, _ name: String) async throws -> Int32 {
    try pid(in: "\(daemon.root)/gate/init")
  }

  private static func controllerPID(_ daemon: TestDaemon, _ name: String) async throws -> Int32 {
    try pid(in: "\(daemon.root)/gate/controller")
  }

  /// Never 0 or less: kill(2) takes those for whole groups of processes.
  private static func pid(in path: String) throws -> Int32 {
    guard let pid = Int32(Files.textOrEmpty(path).split(separator: "\n").first ?? ""), pid > 1 else {
      throw TooLate(description: "\(path): no pid")
    }
    return pid
  }

  /// Starts a guest that will end so, and returns when its init runs.
  func begin(on daemon: TestDaemon, as name: String) async throws {
    let folder = "\(daemon.root)/gate"
    try Files.makeDirectory(folder)
    try TinyProgram.crash(at: "\(folder)/crash")
    if !Files.exists("\(folder)/go") { try check("mkfifo", on: folder) { mkfifo("\(folder)/go", 0o600) } }
    try await daemon.define(name, flags + ["--restart", "never", "--mount", "\(folder):/gate"], command)
    try await daemon.succeed("start", name)
    try Files.writeText("\(try await daemon.initPID(of: name))\n", to: "\(folder)/init")
    try Files.writeText("\(try await daemon.controllerPID(of: name))\n", to: "\(folder)/controller")
    if bring == nil { try await daemon.waitForLog(name, "begun") }
  }

  /// Makes it end.
  func come(on daemon: TestDaemon, as name: String) async throws {
    if let bring { return try await bring(daemon, name) }
    // Opening for writing waits for the guest to have it open for reading; fifo(7).
    let folder = daemon.root
    try await offThread {
      let fifo = try Files.open("\(folder)/gate/go", flags: O_WRONLY)
      try Array("go\n".utf8).withUnsafeBytes { try Files.write($0, to: fifo.rawValue, named: "go") }
    }
  }
}

extension IntegrationTests {
  /// Each kind of end for real, with its own record.
  @Suite struct Ends {
    @Test(.requiresGuests, arguments: End.all)
    func areToldApartWithTheDaemonUp(_ end: End) async throws {
      try await withDaemon { daemon in
        try await end.begin(on: daemon, as: "web")
        try await end.come(on: daemon, as: "web")
        try await expect(end, on: daemon)
      }
    }

    @Test(.requiresGuests, arguments: End.withoutDaemon)
    func areToldApartWithTheDaemonGone(_ end: End) async throws {
      try await withDaemon { daemon in
        try await end.begin(on: daemon, as: "web")
        let controller = try await daemon.controllerPID(of: "web")
        let process = try ProcessHandle(opening: controller)
        try await daemon.kill()
        try await end.come(on: daemon, as: "web")
        #expect(
          try await offThread { waitUntilReadable(process.fd.rawValue, seconds: 20) },
          "the controller ends when its guest has, daemon or not")
        try await daemon.start()
        try await expect(end, on: daemon)
      }
    }

    /// The end that an administrator learns, in the record and in exactly one event.
    private func expect(_ end: End, on daemon: TestDaemon) async throws {
      let run = try await daemon.end(of: "web")
      #expect(end.expected(run.cause), "reported \(run.cause)")
      #expect(run.number == 1)
      let ends = try await daemon.events().filter { $0.guest == "web" && $0.cause != nil }
      #expect(ends.count == 1, "\(ends)")
      #expect(ends.first?.cause == run.cause)
      #expect(ends.first?.run == run.run)
      let why = try await daemon.succeed("why", "web").output
      #expect(!why.isEmpty)
    }

    @Test(.requiresGuests) func aFailedStartNamesItsStepAndLeavesNothing() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/missing"])
        let started = try await daemon.lodge("start", "web")
        #expect(started.code == 1)
        #expect(started.errors.contains("/bin/missing: it does not exist"), "\(started)")
        let run = try await daemon.end(of: "web")
        #expect(run.cause.kind == "startFailed")
        #expect(run.cause.errno == Int(ENOENT))
        #expect(run.cause.step?.contains("exec") == true, "\(run.cause)")
        #expect(try await daemon.guest("web").state == "stopped")
      }
    }

    /// The boot id of the record is not the kernel's any more: faked by a file over it, in the second daemon's own
    /// mount namespace.
    @Test(.requiresGuests) func aRunFromAnotherBootEndsAsHostReset() async throws {
      try await withDaemon { daemon in
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.succeed("start", "web")
        let controller = try await daemon.controllerPID(of: "web")
        try await daemon.kill()
        kill(controller, SIGKILL)
        // A reboot removes everything under /run.
        try Files.removeTree("\(daemon.root)/run/guests/web")
        try await daemon.start(
          prelude: """
            echo 11111111-2222-4333-8444-555555555555 >$ROOT/boot_id
            mount --bind $ROOT/boot_id /proc/sys/kernel/random/boot_id
            """)
        let run = try await daemon.end(of: "web")
        #expect(run.cause.kind == "hostReset")
        #expect(run.length == nil, "its length is not known")
        #expect(try await daemon.guest("web").state == "stopped")
      }
    }

    @Test(.requiresGuests) func theRecordHasTimesUsageAndLastLines() async throws {
      try await withDaemon { daemon in
        try await daemon.define(
          "web", ["--restart", "never"],
          ["/bin/sh", "-c", "i=0; while [ $i -lt 15 ]; do echo line $i; i=$((i+1)); done; printf 'the last'; exit 2"])
        try await daemon.succeed("start", "web")
        let run = try await daemon.end(of: "web")
        #expect(run.cause.code == 2)
        #expect(run.logTail.count == 10)
        #expect(run.logTail.last == "the last")
        let length = try #require(run.length)
        #expect(length > 0 && length < 20)
        #expect(run.startedAt != nil)
      }
    }
  }
}
