import Glibc
import LinuxSystem
import Synchronization
import TestSupport
import Testing

/// An end with every field of its record.
private struct Account: Equatable, CustomStringConvertible {
  /// The cause with its details: `exited 3`, `signaled 11`, `oom init own`, `stopped forced uid 0`.
  var cause: String
  var isBad: Bool
  /// The order beside it: `stop by 0`.
  var whileStopping: String?
  var executed: Bool? = true
  var status: String?
  var witness: String?
  var reboots: [String] = []
  /// The kernel killed something for memory; whether init.
  var kills = false
  var initKilled: Bool? = false
  /// `stop by 65534: SIGTERM, given up`.
  var orders: [String] = []
  var fence: String?

  init(_ run: RunLine) {
    let cause = run.cause
    let uid = cause.by?.uid.map { " uid \($0)" } ?? ""
    self.cause =
      switch cause.kind {
      case "exited": "exited \(cause.code ?? -1)"
      case "signaled": "signaled \(cause.signal ?? -1)"
      case "oom": "oom \(cause.victim ?? "?") \(cause.limit ?? "?")"
      case "stopped": "stopped \(cause.how ?? "?")\(uid)"
      default: cause.kind
      }
    isBad = run.bad
    whileStopping = run.whileStopping.map { "\($0.verb) by \($0.by.uid ?? 0)" }
    let facts = run.facts
    executed = facts.initExecuted
    status = facts.status.map { $0.code.map { "exit \($0)" } ?? "signal \($0.signal ?? -1)" }
    witness = facts.status?.witness
    reboots = facts.reboots
    kills = (facts.memory?.kills ?? 0) > 0
    initKilled = facts.memory.map(\.initKilled) ?? nil
    orders = facts.orders.map { order in
      let sent = order.signalsSent + (order.killSent ? ["SIGKILL"] : []) + (order.givenUp ? ["given up"] : [])
      return "\(order.verb) by \(order.by.uid ?? 0): \(sent.joined(separator: ", "))"
    }
    fence = facts.fence?.reason
  }

  init(_ cause: String, bad: Bool, status: String?, _ change: (inout Account) -> Void = { _ in }) {
    self.cause = cause
    isBad = bad
    self.status = status
    witness = status == nil ? nil : "reaped"
    change(&self)
  }

  static func exited(_ code: Int, _ change: (inout Account) -> Void = { _ in }) -> Account {
    Account("exited \(code)", bad: code != 0, status: "exit \(code)", change)
  }

  static func signaled(_ signal: Int, _ change: (inout Account) -> Void = { _ in }) -> Account {
    Account("signaled \(signal)", bad: true, status: "signal \(signal)", change)
  }

  /// Nothing that a host can see shows how init ended.
  var isNotKnown: Bool { cause == "controllerLost" || cause == "notKnown" }

  var description: String {
    "\(cause)\(whileStopping.map { ", while: \($0)" } ?? ""), bad \(isBad), executed \(executed.map { "\($0)" } ?? "?"), "
      + "status \(status ?? "?") (\(witness ?? "?")), reboots \(reboots), kills \(kills), init "
      + "\(initKilled.map { "\($0)" } ?? "?"), orders \(orders), fence \(fence ?? "-")"
  }
}

/// One known way to end.
private struct Act: Sendable {
  typealias Bring = @Sendable (Rig, Rig.Guest) async throws -> Void

  var name: String
  /// The argument of the program in the guest.
  var argument: String
  /// The host's part in the end.
  var bring: Bring?
  /// Any of these is true.
  var truths: [Account]
  /// The mark it must have made by then; nil if it need not come to that.
  var mark: String?

  init(_ name: String, _ argument: String, mark: String?, _ truths: Account..., bring: Bring? = nil) {
    self.name = name
    self.argument = argument
    self.bring = bring
    self.truths = truths
    self.mark = mark
  }
}

/// A daemon with guests that do what a file says.
private final class Rig: Sendable {
  struct Guest: Sendable {
    var name: String
    var folder: String

    func text(_ file: String) -> String { Files.textOrEmpty("\(folder)/\(file)") }
  }

  let daemon: TestDaemon
  let guests: [Guest]
  /// Of the last run that was looked at.
  private let numbers = Mutex<[String: Int]>([:])

  init(_ daemon: TestDaemon, guests count: Int) async throws {
    self.daemon = daemon
    chmod(daemon.root, 0o755)
    let program = try await Self.program()
    guests = (0..<count).map { Guest(name: "g\($0)", folder: "\(daemon.root)/g\($0)") }
    for guest in guests {
      try Files.makeDirectory(guest.folder)
      chmod(guest.folder, 0o777)
      try Files.writeAtomically(try Files.read(program), to: "\(guest.folder)/truth", mode: 0o755)
      try await daemon.define(
        guest.name, ["--restart", "never", "--memory", "24M", "--mount", "\(guest.folder):/mark"], ["/mark/truth"])
    }
  }

  /// Built where it is used: `Tests/Programs/truth.c`.
  static func program() async throws -> String {
    let path = "\(RootTrees.cache)/truth"
    let source = Files.parent(of: Files.parent(of: #filePath)) + "/Programs/truth.c"
    try Files.makeDirectories(RootTrees.cache)
    let built = try await offThread {
      try Command("/usr/bin/cc").run("-static", "-O1", "-o", path + ".new", source)
    }
    guard built.code == 0 else { throw CommandFailure(built) }
    try check("rename", on: path) { rename(path + ".new", path) }
    return path
  }

  func prepare(_ act: Act, _ guest: Guest) throws {
    for file in ["began", "done", "ready", "go"] { unlink("\(guest.folder)/\(file)") }
    try Files.writeText(act.argument + "\n", to: "\(guest.folder)/arg")
    chmod("\(guest.folder)/arg", 0o644)
  }

  /// Opens the gate of one that waits there.
  func go(_ guest: Guest) throws { try Files.writeText("go\n", to: "\(guest.folder)/go") }

  func ready(_ guest: Guest) async throws {
    try await daemon.waitForFile("\(guest.folder)/ready") { !$0.isEmpty }
  }

  /// The `lodge` of another user, who is in the daemon's group.
  func nobody(_ arguments: String...) async throws -> CommandResult {
    try await Command("/usr/bin/setpriv", environment: ["LODGE_ROOT": daemon.root])(
      ["--reuid=65534", "--regid=65534", "--clear-groups", "\(TestDaemon.programs)/lodge"] + arguments)
  }

  /// The newest run, once it has ended; nil where there was none since the last one asked for.
  func end(_ guest: Guest) async throws -> RunLine? {
    struct Waited: Decodable { var run: RunLine? }
    let waited: [Waited] = try await daemon.lodge(
      "wait", guest.name, "--for", "stopped", "--timeout", "30s", "-o", "jsonl"
    )
    .decoded()
    guard let run = waited.first?.run else { return nil }
    return numbers.withLock { known in
      guard run.number > known[guest.name, default: 0] else { return nil }
      known[guest.name] = run.number
      return run
    }
  }
}

extension IntegrationTests {
  /// The truth rig: a guest marks what it is about to do, ends in that way, and every field of the record is held against
  /// the mark. `LODGE_TRUTH_ENDS` is the number of ends in all: 1,000 unless said otherwise. `tools/dev attack ends`
  /// prints the table.
  @Suite struct Truth {
    enum Trouble: String, Sendable, CaseIterable {
      case alone, threeAtOnce, cpuLoaded, daemonStopped, daemonKilled, controllerKilled
    }

    private static let total = getenv("LODGE_TRUTH_ENDS").flatMap { Int(String(cString: $0)) } ?? 1000

    /// Ends that need nothing of the host.
    private static func ownEnds(_ random: inout SeededRandom) -> [Act] {
      func reboot(_ word: String, _ how: String) -> Act {
        let kinds = [
          "reboot": ("reboot", "restart", 1), "halt": ("halt", "halt", 2), "poweroff": ("powerOff", "powerOff", 2),
        ]
        let (kind, command, signal) = kinds[word]!
        return Act(
          "\(word) \(how)", "\(word) \(how)", mark: word,
          Account(kind, bad: false, status: "signal \(signal)") { $0.reboots = [command] })
      }
      let code = Int.random(in: 0...255, using: &random)
      return (0..<6).map { _ in
        let code = Int.random(in: 0...255, using: &random)
        return Act("exit", "exit \(code)", mark: "exit", .exited(code))
      } + [
        Act("fault", "fault segv", mark: "fault", .signaled(11)),
        Act("fault", "fault fpe", mark: "fault", .signaled(8)),
        Act("fault", "fault bus", mark: "fault", .signaled(7)), Act("fault", "fault ill", mark: "fault", .signaled(4)),
        Act("fault", "fault trap", mark: "fault", .signaled(5)),
        Act("fault", "fault sys", mark: "fault", .signaled(31)),
        Act("core dump", "core", mark: "fault", .signaled(11)),
        Act(
          "oom of init", "oom", mark: "oom",
          Account("oom init own", bad: true, status: "signal 9") {
            $0.kills = true
            $0.initKilled = true
          }),
        Act(
          "oom of a child, passed on", "oom-child 137 0", mark: "child killed",
          Account("oom child own", bad: true, status: "exit 137") { $0.kills = true }),
        Act(
          "oom of a child, then another code", "oom-child \(code) 0", mark: "child killed",
          code == 137
            ? Account("oom child own", bad: true, status: "exit 137") { $0.kills = true }
            : .exited(code) { $0.kills = true }),
        Act(
          "oom of a child earlier, then 137", "oom-child 137 700", mark: "child killed",
          .exited(137) { $0.kills = true }),
        reboot("reboot", "self"), reboot("halt", "self"), reboot("poweroff", "self"), reboot("reboot", "child"),
        reboot("halt", "child"), reboot("poweroff", "child"), reboot("halt", "noise poweroff"),
        reboot("poweroff", "noise halt"), reboot("reboot", "noise halt"), reboot("halt", "magic poweroff"),
        reboot("reboot", "magic halt"),
        Act("reboot(2) without the right", "no-right halt \(code)", mark: "EPERM", .exited(code)),
      ]
    }

    /// Ends that the host or an order brings about.
    private static func orderedEnds(_ random: inout SeededRandom) -> [Act] {
      func stopped(_ how: String, _ status: String, by uid: Int = 0, _ orders: String...) -> Account {
        Account("stopped \(how) uid \(uid)", bad: false, status: status) { $0.orders = orders }
      }
      let stop: Act.Bring = { rig, guest in
        try await rig.ready(guest)
        _ = try await rig.daemon.lodge("stop", guest.name, "--timeout", "10s")
      }
      func meanwhile(_ account: Account, _ order: String) -> Account {
        var account = account
        account.whileStopping = "stop by 0"
        account.orders = [order]
        return account
      }
      let signal = [1, 2, 3, 6, 10, 12, 13, 14, 15, 17, 18, 21, 23, 28, 34, 37, 50, 63, 64].randomElement(
        using: &random)!
      let microseconds = UInt32.random(in: 0..<60_000, using: &random)
      let term = "stop by 0: SIGTERM"
      return [
        Act("a stranger's SIGKILL", "on none nothing", mark: nil, .signaled(9)) { rig, guest in
          try await rig.ready(guest)
          kill(try await rig.daemon.initPID(of: guest.name), SIGKILL)
        },
        Act(
          "oom of a child earlier, then a stranger's SIGKILL", "oom-child-wait", mark: nil,
          .signaled(9) { $0.kills = true }
        ) {
          rig, guest in
          try await rig.ready(guest)
          kill(try await rig.daemon.initPID(of: guest.name), SIGKILL)
        },
        Act("a signal that it hears", "on \(signal) exit \(signal)", mark: "heard \(signal)", .exited(signal)) {
          rig, guest in
          try await rig.ready(guest)
          kill(try await rig.daemon.initPID(of: guest.name), Int32(signal))
        },
        Act("stop, politely", "on 15 exit 7", mark: "heard 15", stopped("polite", "exit 7", term), bring: stop),
        Act(
          "stop, and it powers itself off", "on 15 poweroff", mark: "heard 15",
          Account("stopped polite uid 0", bad: false, status: "signal 2") {
            $0.orders = [term]
            $0.reboots = ["powerOff"]
          }, bring: stop),
        Act("stop, and it crashes", "on 15 segv", mark: "heard 15", meanwhile(.signaled(11), term), bring: stop),
        Act(
          "stop, and it reboots", "on 15 reboot", mark: "heard 15",
          meanwhile(Account("reboot", bad: false, status: "signal 1") { $0.reboots = ["restart"] }, term), bring: stop),
        Act(
          "stop, and it runs out of memory", "on 15 oom", mark: "heard 15",
          meanwhile(
            Account("oom init own", bad: true, status: "signal 9") {
              $0.kills = true
              $0.initKilled = true
            }, term), bring: stop),
        Act(
          "a stranger's SIGKILL while it is stopped", "on 15 nothing", mark: "heard 15", meanwhile(.signaled(9), term)
        ) {
          rig, guest in
          try await rig.ready(guest)
          let pid = try await rig.daemon.initPID(of: guest.name)
          async let stopped = rig.daemon.lodge("stop", guest.name, "--timeout", "20s")
          try await rig.daemon.waitForFile("\(guest.folder)/done") { !$0.isEmpty }
          kill(pid, SIGKILL)
          _ = try await stopped
        },
        Act("stop, by force", "on none nothing", mark: nil, stopped("forced", "signal 9", term + ", SIGKILL")) {
          rig, guest in
          try await rig.ready(guest)
          _ = try await rig.daemon.lodge("stop", guest.name, "--timeout", "0.1s")
        },
        Act("kill", "on none nothing", mark: nil, stopped("forced", "signal 9", "kill by 0: SIGKILL")) { rig, guest in
          try await rig.ready(guest)
          _ = try await rig.daemon.lodge("kill", guest.name)
        },
        Act(
          "one user's stop is given up, another one kills", "on none nothing", mark: nil,
          stopped("forced", "signal 9", "stop by 65534: SIGTERM, given up", "kill by 0: SIGKILL")
        ) { rig, guest in
          try await rig.ready(guest)
          _ = try await rig.nobody("stop", guest.name, "--no-kill", "--timeout", "0.1s")
          guard try await rig.daemon.guest(guest.name).state == "running" else {
            throw TooLate(description: "\(guest.name) is not running after a stop that was given up")
          }
          _ = try await rig.daemon.lodge("kill", guest.name)
        },
        Act(
          "a stop is given up, and it ends later", "exit-gate 6", mark: "exit",
          .exited(6) { $0.orders = ["stop by 65534: SIGTERM, given up"] }
        ) { rig, guest in
          try await rig.ready(guest)
          _ = try await rig.nobody("stop", guest.name, "--no-kill", "--timeout", "0.1s")
          try rig.go(guest)
        },
        Act(
          "a stop waits, another user kills", "on none nothing", mark: nil,
          stopped("forced", "signal 9", by: 65534, term, "kill by 65534: SIGKILL")
        ) { rig, guest in
          try await rig.ready(guest)
          let before = try await rig.daemon.events().last?.seq ?? 0
          async let stopped = rig.daemon.lodge("stop", guest.name, "--timeout", "20s")
          try await rig.daemon.waitForEvent(after: before) { $0.guest == guest.name && $0.to == "stopping" }
          _ = try await rig.nobody("kill", guest.name)
          _ = try await stopped
        },
        Act(
          "kill against its own end", "exit-gate 9", mark: nil, .exited(9),
          .exited(9) {
            $0.whileStopping = "kill by 0"
            $0.orders = ["kill by 0: SIGKILL"]
          },
          .exited(9) { $0.orders = ["kill by 0: "] }, stopped("forced", "signal 9", "kill by 0: SIGKILL")
        ) { rig, guest in
          try await rig.ready(guest)
          async let killed = rig.daemon.lodge("kill", guest.name)
          usleep(microseconds)
          try rig.go(guest)
          _ = try await killed
        },
        Act(
          "its controller hangs, it ends by itself, then a kill", "exit-gate 9", mark: "exit",
          .exited(9) {
            $0.whileStopping = "kill by 0"
            $0.orders = ["kill by 0: SIGKILL"]
            $0.witness = "zombie"
            $0.fence = "orderOverdue"
            $0.initKilled = nil
          }
        ) { rig, guest in
          try await rig.ready(guest)
          let controller = try ProcessHandle(opening: try await rig.daemon.controllerPID(of: guest.name))
          let end = try ProcessHandle(opening: try await rig.daemon.initPID(of: guest.name))
          try controller.signal(SIGSTOP)
          try rig.go(guest)
          _ = try await offThread { waitUntilReadable(end.fd.rawValue, seconds: 10) }
          _ = try await rig.daemon.lodge("kill", guest.name)
        },
      ]
    }

    @Test(
      .requiresGuests, .enabled(if: access("/usr/bin/cc", X_OK) == 0, "needs a C compiler for its guest"),
      arguments: Trouble.allCases)
    func everyFieldIsTrue(_ trouble: Trouble) async throws {
      var random = SeededRandom(for: "truth \(trouble)")
      let count = trouble == .alone || trouble == .controllerKilled ? 1 : 3
      try await withDaemon(configuration: "socket:\n  group: nogroup\n  groupRight: operate\n") { daemon in
        let rig = try await Rig(daemon, guests: count)
        let load = trouble == .cpuLoaded ? try (0..<4).map { _ in try Self.spinner() } : []
        defer {
          for process in load {
            _ = try? process.signal(SIGKILL)
            _ = try? process.wait(blocking: true)
          }
        }
        let wanted = Self.total / Trouble.allCases.count
        var tally = Tally()
        while tally.ends < wanted {
          var acts = Self.ownEnds(&random)
          switch trouble {
          case .alone, .threeAtOnce, .cpuLoaded: acts += Self.orderedEnds(&random)
          case .daemonStopped, .daemonKilled, .controllerKilled: break
          }
          acts.shuffle(using: &random)
          var rest = acts[...]
          while !rest.isEmpty, tally.ends < wanted {
            let round = Array(rest.prefix(count))
            rest = rest.dropFirst(count)
            let delay = UInt32.random(in: 0..<50_000, using: &random)
            for verdict in try await play(round, on: rig, trouble, delay) { tally.add(verdict) }
          }
        }
        print("truth | \(trouble) | \(tally.ends) | \(tally.right) | \(tally.wrong.count) | \(tally.notKnown) |")
        for wrong in tally.wrong { print("truth: wrong: \(wrong)") }
        #expect(tally.wrong.isEmpty)
      }
    }

    /// The two sides of execve, hit for certain: what is known not to have been executed, and what may have been.
    @Test(.requiresGuests, arguments: [("grouped", false), ("executed", nil)] as [(String, Bool?)])
    func aControllerThatDiesAtExecveLeavesWhatIsKnown(_ point: String, _ executed: Bool?) async throws {
      try await withDaemon(environment: ["LODGE_CONTROLLER_CRASHPOINT": "controller.launch.\(point):kill"]) { daemon in
        let rig = try await Rig(daemon, guests: 1)
        let guest = rig.guests[0]
        try rig.prepare(Act("", "exit-gate 5", mark: nil), guest)
        #expect(try await daemon.lodge("start", guest.name).code != 0)
        let run = try #require(try await rig.end(guest))
        let account = Account(run)
        #expect(account.executed == executed, "\(account)")
        #expect(account.cause == (executed == false ? "startFailed" : "controllerLost"), "\(account)")
        if executed == false { #expect(guest.text("began").isEmpty) }
      }
    }

    private struct Tally {
      var ends = 0
      var right = 0
      var notKnown = 0
      var wrong: [String] = []

      mutating func add(_ verdict: Verdict) {
        switch verdict {
        case .none: return
        case .right: right += 1
        case .notKnown: notKnown += 1
        case .wrong(let text): wrong.append(text)
        }
        ends += 1
      }
    }

    private enum Verdict: Sendable {
      /// It never began.
      case none
      case right
      case notKnown
      case wrong(String)
    }

    /// One act on each guest, side by side.
    private func play(_ acts: [Act], on rig: Rig, _ trouble: Trouble, _ delay: UInt32) async throws -> [Verdict] {
      let daemon = rig.daemon
      for (act, guest) in zip(acts, rig.guests) { try rig.prepare(act, guest) }
      return try await withThrowingTaskGroup(of: Verdict.self) { group in
        for (index, act) in acts.enumerated() {
          let guest = rig.guests[index]
          group.addTask {
            // Cut off or refused where the daemon goes meanwhile.
            _ = try await daemon.lodge("start", guest.name)
            try await act.bring?(rig, guest)
            return .none
          }
        }
        switch trouble {
        case .alone, .threeAtOnce, .cpuLoaded: break
        case .daemonStopped:
          usleep(delay)
          try daemon.pause()
          usleep(100_000 + delay * 4)
          try daemon.resume()
        case .daemonKilled:
          usleep(delay)
          try await daemon.kill()
          try await daemon.start()
        case .controllerKilled:
          // From its first moment on: before there is a child, while that is made ready, around its execve, and later.
          guard let child = try await Self.controller(of: daemon) else { break }
          usleep(delay / 2)
          _ = try? child.signal(SIGKILL)
        }
        for try await _ in group {}
        var verdicts: [Verdict] = []
        for (index, act) in acts.enumerated() {
          let guest = rig.guests[index]
          guard let run = try await rig.end(guest) else {
            verdicts.append(.none)
            continue
          }
          verdicts.append(judge(act, guest, Account(run), trouble))
        }
        return verdicts
      }
    }

    private func judge(_ act: Act, _ guest: Rig.Guest, _ account: Account, _ trouble: Trouble) -> Verdict {
      let began = !guest.text("began").isEmpty
      let marks = guest.text("done").split(separator: "\n").map(String.init)
      func wrong(_ why: String) -> Verdict {
        .wrong("\(act.name) (\(act.argument)): \(why): \(account); marks: began \(began), \(marks)")
      }
      if account.executed == false, began { return wrong("it was executed") }
      if act.truths.contains(account) {
        if let mark = act.mark, !marks.contains(mark) { return wrong("it had not come to that") }
        return .right
      }
      switch trouble {
      case .controllerKilled, .daemonKilled:
        // Killed before init was executed, and known not to have been.
        if account.cause == "startFailed", account.executed == false { return .right }
        if trouble == .controllerKilled, account.cause == "controllerLost" { return .notKnown }
      case .alone, .threeAtOnce, .cpuLoaded, .daemonStopped: break
      }
      return wrong("expected \(act.truths.map(\.description).joined(separator: " or "))")
    }

    /// The controller that the daemon has just spawned; nil where none came.
    private static func controller(of daemon: TestDaemon) async throws -> ProcessHandle? {
      guard let pid = daemon.pid else { return nil }
      return try await offThread {
        for _ in 0..<4000 {
          for task in Files.names(in: "/proc/\(pid)/task") {
            let children = Files.textOrEmpty("/proc/\(pid)/task/\(task)/children").split(separator: " ")
            if let child = children.first.flatMap({ Int32($0) }), child > 1 {
              return try? ProcessHandle(opening: child)
            }
          }
          usleep(250)
        }
        return nil
      }
    }

    private static func spinner() throws -> ProcessHandle {
      try SpawnPlan(executable: "/bin/sh", arguments: ["sh", "-c", "while :; do :; done"], environment: []).run()
    }
  }
}
