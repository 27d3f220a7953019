import Foundation
import Glibc
import LinuxSystem
import TestSupport

// The output of `lodge -o jsonl`, one object for each line: the names in docs/operating.md, written down a second time
// so that a change of one of them fails here.

struct CauseLine: Decodable, Equatable {
  var kind: String
  var code: Int?
  var signal: Int?
  var coreDumped: Bool?
  var victim: String?
  var limit: String?
  var kills: Int?
  var how: String?
  var by: ActorLine?
  var step: String?
  var errno: Int?
}

struct ActorLine: Decodable, Equatable {
  var kind: String
  var uid: Int?
  var pid: Int?
}

struct RunLine: Decodable {
  var guest: String
  var number: Int
  var run: String
  var startedAt: String?
  var endedAt: String
  /// Seconds; nil when it cannot be known.
  var length: Double?
  var startedBy: ActorLine
  var cause: CauseLine
  var bad: Bool
  var whileStopping: OrderLine?
  var facts: FactsLine
  var logTail: [String]
  var usage: UsageLine
}

struct OrderLine: Decodable {
  var number: Int
  var verb: String
  var by: ActorLine
  var at: String?
  var signal: String?
  /// Seconds.
  var timeout: Double?
  var noKill: Bool
  var signalsSent: [String]
  var killSent: Bool
  var givenUp: Bool
}

struct FactsLine: Decodable {
  struct Status: Decodable {
    var code: Int?
    var signal: Int?
    var coreDumped: Bool?
    var witness: String
  }

  struct Memory: Decodable {
    var kills: Int
    var initKilled: Bool?
    var witness: String?
    var lastKillBeforeEnd: Double?
    var limit: String?
    var limitBytes: Int?
  }

  struct Failure: Decodable, Equatable {
    var step: String
    var errno: Int?
    var message: String
  }

  struct Fence: Decodable {
    var reason: String
    var order: Int?
  }

  var recorded: Bool
  var initExecuted: Bool?
  var status: Status?
  var startFailure: Failure?
  var reboots: [String]
  var rebootWatched: Bool
  var memory: Memory?
  var orders: [OrderLine]
  var ordersOmitted: Int
  var fence: Fence?
  /// False: it had ended at some time before it was looked for.
  var endSeen: Bool
  var startBoot: String?
  var endBoot: String?
}

struct UsageLine: Decodable {
  var memoryPeak: Int?
  var memoryLimit: Int?
  var cpuTime: Double?
}

struct GuestLine: Decodable {
  var name: String
  var state: String
  var runs: Int
  var restarts: Int
  var run: String?
  var initPid: Int32?
  var last: RunLine?
  var autostart: Bool
  var degraded: Bool
  var stuckTasks: String?
  var note: String?
  var restart: RestartLine?
  var cgroup: String?
  var logPath: String?
  var runDirectory: String?
  var specPending: Bool?
}

struct RestartLine: Decodable {
  var `in`: Double
  var attempt: Int
  var limit: Int?
}

struct EventLine: Decodable {
  var seq: Int
  var time: String
  var type: String
  var guest: String?
  var run: String?
  var from: String?
  var to: String?
  var cause: CauseLine?
  var actor: ActorLine?
  var message: String?
  var order: OrderLine?
}

struct ErrorObject: Decodable {
  var code: String
  var message: String
  var hint: String?
}

extension CommandResult {
  func decoded<Line: Decodable>(as type: Line.Type = Line.self) throws -> [Line] {
    try lines.map { try JSONDecoder().decode(type, from: Data($0.utf8)) }
  }
}

extension TestDaemon {
  func guests() async throws -> [GuestLine] { try await succeed("ls", "-o", "jsonl").decoded() }

  func guest(_ name: String) async throws -> GuestLine {
    let shown: [GuestLine] = try await succeed("show", name, "-o", "jsonl").decoded()
    guard let guest = shown.first else { throw TooLate(description: "lodge show \(name) shows nothing") }
    return guest
  }

  /// Newest first.
  func runs(of name: String) async throws -> [RunLine] { try await succeed("runs", name, "-o", "jsonl").decoded() }

  func events(since sequence: Int = 0) async throws -> [EventLine] {
    try await succeed("events", "--since", "\(sequence)", "-o", "jsonl").decoded()
  }

  /// Defines a guest on the shared busybox tree.
  func define(_ name: String, _ flags: [String] = [], _ command: [String]) async throws {
    let tree = try RootTrees.busybox()
    let mode = flags.contains("--read-only") ? [] : ["--overlay"]
    let result = try await cli(["create", name, "--rootfs", tree] + mode + flags + ["--"] + command)
    guard result.code == 0 else { throw CommandFailure(result) }
  }

  /// Waits until the guest is stopped and no restart is pending; its newest run.
  func end(of name: String, within seconds: Int = 30) async throws -> RunLine {
    // Its exit code is the guest's own, so the state shows whether the wait was in vain.
    let waited = try await lodge("wait", name, "--for", "stopped", "--timeout", "\(seconds)s", deadline: 60)
    guard try await guest(name).state == "stopped", let run = try await runs(of: name).first else {
      throw CommandFailure(waited)
    }
    return run
  }

  func initPID(of name: String) async throws -> Int32 {
    guard let pid = try await guest(name).initPid, pid > 1 else { throw TooLate(description: "\(name) has no init") }
    return pid
  }

  /// Follows the journal after `sequence` until an event is as wished.
  func waitForEvent(
    after sequence: Int, within seconds: Double = 20, _ isAsWished: @escaping @Sendable (EventLine) -> Bool
  ) async throws {
    let program = "\(Self.programs)/lodge"
    let root = root
    try await offThread {
      let pipe = try Pipe()
      var plan = SpawnPlan(
        executable: program, arguments: [program, "events", "--since", "\(sequence)", "-f", "-o", "jsonl"],
        environment: ["LODGE_ROOT=\(root)"])
      plan.descriptors = [(pipe.writing.rawValue, 1)]
      let follower = try plan.run()
      pipe.writing.close()
      defer {
        _ = try? follower.signal(SIGKILL)
        _ = try? follower.wait(blocking: true)
      }
      let end = Clock.bootNanoseconds + Int64(seconds * 1e9)
      var seen = ""
      while let line = try pipe.line(until: end) {
        seen += line + "\n"
        if isAsWished(try JSONDecoder().decode(EventLine.self, from: Data(line.utf8))) { return }
      }
      throw TooLate(description: "no event as wished within \(seconds) s; there were:\n\(seen)")
    }
  }

  /// Returns when a line of the guest's log holds this text.
  func waitForLog(_ name: String, _ text: String, within seconds: Double = 20) async throws {
    let path = "\(root)/log/\(name).log"
    try await waitForFile(path, within: seconds) { $0.contains(text) }
  }

  /// Returns when the file is as wished; looks again whenever something in its folder changes.
  func waitForFile(
    _ path: String, within seconds: Double = 20, _ isAsWished: @escaping @Sendable (String) -> Bool
  ) async throws {
    try await offThread {
      // A user has few of these (inotify(7), max_user_instances), and others run tests, too.
      let watch = try? Inotify()
      try watch?.watch(Files.parent(of: path), for: [.modified, .names])
      let end = Clock.bootNanoseconds + Int64(seconds * 1e9)
      while !isAsWished(Files.textOrEmpty(path)) {
        let left = Double(end - Clock.bootNanoseconds) / 1e9
        let isTold = watch.map { waitUntilReadable($0.rawValue, seconds: left) } ?? (usleep(2000) == 0 && left > 0)
        guard isTold else {
          throw TooLate(description: "\(path): not as wished within \(seconds) s:\n\(Files.textOrEmpty(path))")
        }
        _ = try watch?.drain()
      }
    }
  }

  /// The parent of its init.
  func controllerPID(of name: String) async throws -> Int32 {
    guard let pid = ProcessFacts.parent(of: try await initPID(of: name)), pid > 1 else {
      throw TooLate(description: "\(name) has no controller")
    }
    return pid
  }
}

/// A pipe whose reading end is read line by line.
private final class Pipe {
  let writing: OwnedFD
  private let reading: OwnedFD
  private var pending: [UInt8] = []

  init() throws {
    var fds: [Int32] = [-1, -1]
    try check("pipe") { pipe(&fds) }
    reading = OwnedFD(adopting: fds[0])
    writing = OwnedFD(adopting: fds[1])
    try reading.setCloseOnExec(true)
    try writing.setCloseOnExec(true)
  }

  /// The next line; nil at the end of the input or of the time.
  func line(until end: Int64) throws -> String? {
    while true {
      if let newline = pending.firstIndex(of: UInt8(ascii: "\n")) {
        defer { pending.removeFirst(newline + 1) }
        return String(decoding: pending[..<newline], as: UTF8.self)
      }
      guard waitUntilReadable(reading.rawValue, seconds: Double(end - Clock.bootNanoseconds) / 1e9) else { return nil }
      var buffer = [UInt8](repeating: 0, count: 65536)
      let got = try check("read events") { read(reading.rawValue, &buffer, buffer.count) }
      if got == 0 { return nil }
      pending += buffer[..<got]
    }
  }
}
