import Glibc
import LinuxSystem
import Synchronization
import TestSupport

/// One known way to end.
struct Act: Sendable {
  typealias Bring = @Sendable (TruthRig, TruthRig.Guest) async throws -> Void

  var name: String
  /// What the program in the guest reads.
  var argument: String
  /// What the host does about it.
  var bring: Bring?
  /// Any of these is true.
  var truths: [Account]
  /// What it must have marked by then; nil if it need not come to that.
  var mark: String?

  init(_ name: String, _ argument: String, mark: String?, _ truths: [Account], bring: Bring? = nil) {
    self.name = name
    self.argument = argument
    self.bring = bring
    self.truths = truths
    self.mark = mark
  }

  init(_ name: String, _ argument: String, mark: String?, _ truth: Account, bring: Bring? = nil) {
    self.init(name, argument, mark: mark, [truth], bring: bring)
  }

  /// The same, once the host opens a gate.
  var gated: Act {
    var act = self
    act.argument = "gate " + argument
    return act
  }
}

/// A list that is dealt out from some place on, over and over.
struct Deck: Sendable {
  private let acts: [Act]
  private var next: Int

  init(_ acts: [Act], from place: Int = 0) {
    self.acts = acts
    next = place
  }

  mutating func deal(_ count: Int) -> [Act] {
    defer { next += count }
    return (0..<count).map { acts[(next + $0) % acts.count] }
  }
}

extension Act {
  // MARK: - Ends that need nothing of the host

  /// Each exit code, and the death of a child by each signal, which is passed on as shells do.
  static let everyCode: [Act] =
    (0...255).map { Act("exit", "exit \($0)", mark: "exit", .exited($0)) }
    + signals.map { Act("a child dies of a signal", "child \($0)", mark: "exit", .exited(128 + $0)) }

  private static let signals = Array(1...64)

  static func own(_ random: inout SeededRandom) -> [Act] {
    func reboot(_ word: String, _ how: String, mark: String? = nil) -> Act {
      let kinds = [
        "reboot": ("reboot", "restart", 1), "halt": ("halt", "halt", 2), "poweroff": ("powerOff", "powerOff", 2),
      ]
      let (kind, command, signal) = kinds[word]!
      return Act(
        "\(word) \(how)", "\(word) \(how)", mark: mark ?? word,
        Account(kind, bad: false, status: "signal \(signal)") { $0.reboots = [command] })
    }
    func outOfMemory(_ victim: String, _ status: String, kills: Int = 1) -> Account {
      Account("oom \(victim) own", bad: true, status: status) {
        $0.kills = kills
        $0.initKilled = victim == "init"
      }
    }
    // 137 is what shells make of the kill of a child.
    let code = Int.random(in: 0...136, using: &random)
    let faults = [("segv", 11), ("fpe", 8), ("bus", 7), ("ill", 4), ("trap", 5), ("sys", 31)].map { word, signal in
      Act("fault", "fault \(word)", mark: "fault", .signaled(signal))
    }
    return faults + [
      Act("core dump", "core", mark: "fault", .signaled(11)),
      Act("oom of init", "oom", mark: "oom", outOfMemory("init", "signal 9")),
      Act(
        "oom of a child earlier, then of init", "oom-twice \(Int.random(in: 0...300, using: &random))", mark: "oom",
        outOfMemory("init", "signal 9", kills: 2)),
      Act(
        "oom of a child, passed on", "oom-child 137 0", mark: "child killed", outOfMemory("child", "exit 137")),
      Act(
        "oom of a child, then another code", "oom-child \(code) 0", mark: "child killed", .exited(code) { $0.kills = 1 }
      ),
      Act(
        "oom of a child earlier, then 137", "oom-child 137 700", mark: "child killed", .exited(137) { $0.kills = 1 }),
      reboot("reboot", "self"), reboot("halt", "self"), reboot("poweroff", "self"), reboot("reboot", "child"),
      reboot("halt", "child"), reboot("poweroff", "child"), reboot("halt", "noise poweroff"),
      reboot("poweroff", "noise halt"), reboot("reboot", "noise halt"), reboot("halt", "magic poweroff"),
      reboot("reboot", "magic halt"), reboot("poweroff", "userns halt"), reboot("halt", "nested poweroff"),
      reboot("reboot", "nested halt"),
      Act("reboot(2) without the right", "no-right halt \(code)", mark: "EPERM", .exited(code)),
      Act("reboot(2) without the right", "no-right reboot \(code)", mark: "EPERM", .exited(code)),
    ]
  }

  // MARK: - Ends that the host or an order brings about

  /// Each signal: heard by init, not heard by it, and as the signal of a stop.
  static let everySignal: [Act] = signals.flatMap { signal in
    let deaf = Act(
      "a signal that it does not hear", "gate exit \(signal)", mark: signal == 9 ? nil : "exit",
      signal == 9 ? .signaled(9) : .exited(signal)
    ) { rig, guest in
      try await rig.ready(guest)
      let pid = try await rig.daemon.initPID(of: guest.name)
      kill(pid, Int32(signal))
      if signal == SIGSTOP { kill(pid, SIGCONT) }
      try rig.go(guest)
    }
    // These two are nothing to hear.
    guard Int32(signal) != SIGKILL, Int32(signal) != SIGSTOP else { return [deaf] }
    let name = TruthRig.signalName(signal)
    let heard = [
      deaf,
      Act("a signal that it hears", "wait \(signal) \(signal)", mark: "heard \(signal)", .exited(signal)) {
        rig, guest in
        try await rig.ready(guest)
        try await rig.daemon.succeed("kill", guest.name, "--signal", "\(signal)")
      },
    ]
    // It asks for no end, and is refused.
    guard Int32(signal) != SIGCONT else { return heard }
    return heard + [
      Act(
        "stop with a signal", "wait \(signal) \(signal)", mark: "heard \(signal)",
        .stopped("polite", "exit \(signal)", .stop(signal: name, timeout: 10, sent: [name]))
      ) { rig, guest in
        try await rig.ready(guest)
        try await rig.lodge("stop", guest.name, "--signal", "\(signal)", "--timeout", "10s")
      }
    ]
  }

  /// All that may be of a race: what init did of its own, a stop that has time, and a kill.
  private static func race(_ code: Int, stop: Int?, kill: Int?) -> [Account] {
    let stops = stop.map { [OrderAccount.stop(by: $0, timeout: 10), .stop(by: $0, timeout: 10, sent: [])] } ?? []
    let kills = kill.map { [OrderAccount.kill(by: $0), .kill(by: $0, reached: false)] } ?? []
    var orders: [[OrderAccount]] = [[]] + stops.map { [$0] } + kills.map { [$0] }
    for stop in stops { for kill in kills { orders += [[stop, kill], [kill, stop]] } }
    return orders.flatMap { orders -> [Account] in
      var accounts: [Account] = []
      if let polite = orders.first(where: { !$0.sent.isEmpty }) {
        accounts.append(Account("stopped polite uid \(polite.uid)", bad: false, status: "exit \(code)"))
      } else {
        accounts.append(.exited(code) { $0.whileStopping = orders.firstIndex { $0.killed }.map { $0 + 1 } })
      }
      if let force = orders.first(where: \.killed) {
        accounts.append(Account("stopped forced uid \(force.uid)", bad: false, status: "signal 9"))
      }
      return accounts.map { account in
        var account = account
        account.orders = orders
        return account
      }
    }
  }

  static func ordered(_ random: inout SeededRandom) -> [Act] {
    let stop: Bring = { rig, guest in
      try await rig.ready(guest)
      try await rig.lodge("stop", guest.name, "--timeout", "10s")
    }
    func meanwhile(_ account: Account, timeout: Double = 10) -> Account {
      var account = account
      account.whileStopping = 1
      account.orders = [.stop(timeout: timeout)]
      return account
    }
    func delay() -> UInt32 { UInt32.random(in: 0..<40_000, using: &random) }
    let delays = (delay(), delay(), delay(), delay())
    let givenUp = OrderAccount.stop(by: 65534, timeout: 0.1, noKill: true, sent: [], givenUp: true)
    return [
      Act("a stranger's SIGKILL", "on none nothing", mark: nil, .signaled(9)) { rig, guest in
        try await rig.ready(guest)
        Glibc.kill(try await rig.daemon.initPID(of: guest.name), SIGKILL)
      },
      Act(
        "oom of a child earlier, then a stranger's SIGKILL", "oom-child-wait", mark: nil, .signaled(9) { $0.kills = 1 }
      ) { rig, guest in
        try await rig.ready(guest)
        Glibc.kill(try await rig.daemon.initPID(of: guest.name), SIGKILL)
      },
      Act(
        "stop, politely", "on 15 exit 7", mark: "heard 15", .stopped("polite", "exit 7", .stop(timeout: 10)),
        bring: stop),
      Act(
        "stop, and it powers itself off", "on 15 poweroff", mark: "heard 15",
        .stopped("polite", "signal 2", .stop(timeout: 10)) { $0.reboots = ["powerOff"] }, bring: stop),
      Act("stop, and it crashes", "on 15 segv", mark: "heard 15", meanwhile(.signaled(11)), bring: stop),
      Act(
        "stop, and it reboots", "on 15 reboot", mark: "heard 15",
        meanwhile(Account("reboot", bad: false, status: "signal 1") { $0.reboots = ["restart"] }), bring: stop),
      Act(
        "stop, and it runs out of memory", "on 15 oom", mark: "heard 15",
        meanwhile(
          Account("oom init own", bad: true, status: "signal 9") {
            $0.kills = 1
            $0.initKilled = true
          }), bring: stop),
      Act(
        "a stranger's SIGKILL while it is stopped", "on 15 nothing", mark: "heard 15",
        meanwhile(.signaled(9), timeout: 20)
      ) { rig, guest in
        try await rig.ready(guest)
        let pid = try await rig.daemon.initPID(of: guest.name)
        async let stopped: Void = rig.lodge("stop", guest.name, "--timeout", "20s")
        try await rig.daemon.waitForFile("\(guest.folder)/done") { !$0.isEmpty }
        Glibc.kill(pid, SIGKILL)
        try await stopped
      },
      Act(
        "stop, by force", "on none nothing", mark: nil,
        .stopped("forced", "signal 9", .stop(timeout: 0.1, sent: [], killed: true))
      ) { rig, guest in
        try await rig.ready(guest)
        try await rig.lodge("stop", guest.name, "--timeout", "0.1s")
      },
      Act(
        "stop, heard and not obeyed, by force", "on 15 nothing", mark: "heard 15",
        .stopped("forced", "signal 9", .stop(timeout: 0.3, killed: true))
      ) { rig, guest in
        try await rig.ready(guest)
        try await rig.lodge("stop", guest.name, "--timeout", "0.3s")
      },
      Act("kill", "on none nothing", mark: nil, .stopped("forced", "signal 9", .kill())) { rig, guest in
        try await rig.ready(guest)
        try await rig.lodge("kill", guest.name)
      },
      Act(
        "one user's stop is given up, another one kills", "on none nothing", mark: nil,
        .stopped("forced", "signal 9", givenUp, .kill())
      ) { rig, guest in
        try await rig.ready(guest)
        try await rig.nobody("stop", guest.name, "--no-kill", "--timeout", "0.1s")
        guard try await rig.daemon.guest(guest.name).state == "running" else {
          throw TooLate(description: "\(guest.name) is not running after a stop that was given up")
        }
        try await rig.lodge("kill", guest.name)
      },
      Act(
        "a stop is given up, and it ends later", "gate exit 6", mark: "exit", .exited(6) { $0.orders = [givenUp] }
      ) { rig, guest in
        try await rig.ready(guest)
        try await rig.nobody("stop", guest.name, "--no-kill", "--timeout", "0.1s")
        try rig.go(guest)
      },
      Act(
        "a stop waits, another user kills", "on none nothing", mark: nil,
        .stopped("forced", "signal 9", by: 65534, .stop(timeout: 20, sent: []), .kill(by: 65534))
      ) { rig, guest in
        try await rig.ready(guest)
        async let stopped: Void = rig.lodge("stop", guest.name, "--timeout", "20s")
        try await rig.stopping(guest)
        try await rig.nobody("kill", guest.name)
        try await stopped
      },
      Act(
        "one user's stop waits, another's is shorter", "on 15 nothing", mark: "heard 15",
        .stopped(
          "forced", "signal 9", .stop(by: 65534, timeout: 20, noKill: true), .stop(timeout: 0.1, sent: [], killed: true)
        )
      ) { rig, guest in
        try await rig.ready(guest)
        async let stopped: Void = rig.nobody("stop", guest.name, "--no-kill", "--timeout", "20s")
        try await rig.daemon.waitForFile("\(guest.folder)/done") { !$0.isEmpty }
        try await rig.lodge("stop", guest.name, "--timeout", "0.1s")
        try await stopped
      },
      Act("kill against its own end", "gate exit 9", mark: nil, race(9, stop: nil, kill: 0)) { rig, guest in
        try await rig.ready(guest)
        async let killed: Void = rig.lodge("kill", guest.name)
        usleep(delays.0)
        try rig.go(guest)
        try await killed
      },
      Act("stop against its own end", "gate exit 9", mark: nil, race(9, stop: 0, kill: nil)) { rig, guest in
        try await rig.ready(guest)
        async let stopped: Void = rig.lodge("stop", guest.name, "--timeout", "10s")
        usleep(delays.1)
        try rig.go(guest)
        try await stopped
      },
      Act("stop against another user's kill", "wait 15 9", mark: nil, race(9, stop: 0, kill: 65534)) { rig, guest in
        try await rig.ready(guest)
        async let stopped: Void = rig.lodge("stop", guest.name, "--timeout", "10s")
        usleep(delays.2 / 4)
        try await rig.nobody("kill", guest.name)
        try await stopped
      },
      Act("stop, another user's kill, and its own end", "gate exit 9", mark: nil, race(9, stop: 0, kill: 65534)) {
        rig, guest in
        try await rig.ready(guest)
        async let stopped: Void = rig.lodge("stop", guest.name, "--timeout", "10s")
        async let killed: Void = rig.nobody("kill", guest.name)
        usleep(delays.3)
        try rig.go(guest)
        try await stopped
        try await killed
      },
      Act(
        "its controller hangs, it ends by itself, then a kill", "gate exit 9", mark: "exit",
        // It ended before the order came, at a moment that nothing saw.
        [OrderAccount.kill(), .kill(reached: false)].map { order in
          .exited(9) {
            $0.orders = [order]
            $0.witness = "zombie"
            $0.fence = "orderOverdue 1"
            $0.endSeen = false
            $0.initKilled = nil
            $0.kills = nil
          }
        }
      ) { rig, guest in
        try await rig.ready(guest)
        let controller = try ProcessHandle(opening: try await rig.daemon.controllerPID(of: guest.name))
        let end = try ProcessHandle(opening: try await rig.daemon.initPID(of: guest.name))
        try controller.signal(SIGSTOP)
        try rig.go(guest)
        _ = try await offThread { waitUntilReadable(end.fd.rawValue, seconds: 10) }
        try await rig.lodge("kill", guest.name)
      },
    ]
  }

  /// Ends by an order or by the host that can be brought about while the database takes nothing.
  static let withoutStorage: [Act] = [
    Act("kill", "on none nothing", mark: nil, .stopped("forced", "signal 9", .kill())) { rig, guest in
      try await rig.lodge("kill", guest.name)
    },
    Act("stop, politely", "wait 15 7", mark: "heard 15", .stopped("polite", "exit 7", .stop(timeout: 10))) {
      rig, guest in try await rig.lodge("stop", guest.name, "--timeout", "10s")
    },
    Act("a stranger's SIGKILL", "on none nothing", mark: nil, .signaled(9)) { rig, guest in
      guard let process = guest.process.withLock({ $0 }) else { return }
      try process.signal(SIGKILL)
    },
  ]
}
