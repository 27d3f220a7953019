import Foundation
import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// The truth rig: a guest marks what it is about to do, ends in that way, and every field of the record is held against
  /// the mark. `LODGE_TRUTH_ENDS` is the number of ends in all: 1,000 unless said otherwise. `tools/dev attack ends`
  /// prints the table.
  @Suite struct Truth {
    /// What is wrong while guests end.
    enum Series: String, Sendable, CaseIterable {
      case alone, threeAtOnce, twelveAtOnce, cpuLoaded, daemonStopped, daemonKilled, controllerKilled
      case controllerKilledAtPoints, databaseReadOnly, databaseFull, databaseDamaged

      /// Ends of 1,000.
      var share: Int {
        switch self {
        case .alone: 55
        case .threeAtOnce: 75
        case .twelveAtOnce: 324
        case .cpuLoaded: 60
        case .daemonStopped, .daemonKilled: 102
        case .controllerKilled: 60
        case .controllerKilledAtPoints: 78
        case .databaseReadOnly, .databaseFull, .databaseDamaged: 48
        }
      }

      var sideBySide: Int {
        switch self {
        case .alone, .controllerKilled: 1
        case .threeAtOnce, .cpuLoaded: 3
        case .daemonStopped, .daemonKilled, .controllerKilledAtPoints: 6
        case .twelveAtOnce: 12
        case .databaseReadOnly, .databaseFull, .databaseDamaged: 24
        }
      }

      /// Orders of users and signals of the host are part of it.
      var takesOrders: Bool {
        switch self {
        case .alone, .threeAtOnce, .twelveAtOnce, .cpuLoaded: true
        case .daemonStopped, .daemonKilled, .controllerKilled, .controllerKilledAtPoints, .databaseReadOnly,
          .databaseFull, .databaseDamaged:
          false
        }
      }
    }

    private static let total = getenv("LODGE_TRUTH_ENDS").flatMap { Int(String(cString: $0)) } ?? 1000

    /// As many acts as the series is to have ends. Each code and each signal is somewhere in a thousand ends, the rest are
    /// all the other ways.
    private static func acts(_ series: Series, _ random: inout SeededRandom) -> [Act] {
      func part(of count: Int, among others: [Series]) -> Range<Int> {
        let before = others.prefix { $0 != series }.reduce(0) { $0 + $1.share }
        let whole = others.reduce(0) { $0 + $1.share }
        func place(_ share: Int) -> Int { count * total * share / whole / 1000 }
        return place(before)..<place(before + series.share)
      }
      let wanted = total * series.share / 1000
      let codes = part(of: Act.everyCode.count, among: Series.allCases)
      var codeDeck = Deck(Act.everyCode, from: codes.lowerBound)
      var acts = codeDeck.deal(codes.count)
      if series.takesOrders {
        let signals = part(of: Act.everySignal.count, among: Series.allCases.filter(\.takesOrders))
        var signalDeck = Deck(Act.everySignal, from: signals.lowerBound)
        acts += signalDeck.deal(signals.count)
      }
      var rest: [Act] = []
      while acts.count + rest.count < wanted {
        var more = Act.own(&random)
        if series.takesOrders { more += Act.ordered(&random) }
        rest += more.shuffled(using: &random).prefix(wanted - acts.count - rest.count)
      }
      return (acts + rest).shuffled(using: &random)
    }

    @Test(
      .requiresGuests, .enabled(if: access("/usr/bin/cc", X_OK) == 0, "needs a C compiler for its guest"),
      arguments: Series.allCases)
    func everyFieldIsTrue(_ series: Series) async throws {
      var random = SeededRandom(for: "truth \(series)")
      let acts = Self.acts(series, &random)
      try await withDaemon(configuration: "socket:\n  group: nogroup\n  groupRight: operate\n") { daemon in
        let tally: Tally
        switch series {
        case .alone, .threeAtOnce, .twelveAtOnce, .cpuLoaded, .daemonStopped, .daemonKilled, .controllerKilled:
          tally = try await play(acts, series, on: try await TruthRig(daemon, guests: series.sideBySide), &random)
        case .controllerKilledAtPoints: tally = try await playAtPoints(acts, series, on: daemon)
        case .databaseReadOnly, .databaseFull, .databaseDamaged:
          tally = try await playWithoutStorage(acts, series, on: daemon)
        }
        print("truth | \(series) | \(tally.ends) | \(tally.right) | \(tally.wrong.count) | \(tally.notKnown) |")
        for wrong in tally.wrong { print("truth: wrong: \(wrong)") }
        #expect(tally.wrong.isEmpty)
        #expect(tally.ends >= acts.count / 2, "enough of them took place")
      }
    }

    /// The two sides of execve, hit for certain: what is known not to have been executed, and what may have been.
    @Test(.requiresGuests, arguments: [("grouped", false), ("executed", nil)] as [(String, Bool?)])
    func aControllerThatDiesAtExecveLeavesWhatIsKnown(_ point: String, _ executed: Bool?) async throws {
      try await withDaemon(environment: ["LODGE_CONTROLLER_CRASHPOINT": "controller.launch.\(point):kill"]) { daemon in
        let rig = try await TruthRig(daemon, guests: 1)
        let guest = rig.guests[0]
        try rig.prepare(Act("", "gate exit 5", mark: nil, []), guest, token: "t")
        #expect(try await daemon.lodge("start", guest.name).code != 0)
        try await rig.ended(guest)
        let account = Account(try #require(try await daemon.runs(of: guest.name).first))
        #expect(account.executed == executed, "\(account)")
        #expect(account.cause == (executed == false ? "startFailed" : "controllerLost"), "\(account)")
        if executed == false { #expect(Files.textOrEmpty("\(guest.folder)/began").isEmpty) }
      }
    }

    private struct Tally {
      var ends = 0
      var right = 0
      var notKnown = 0
      var wrong: [String] = []

      mutating func add(_ verdicts: [TruthRig.Verdict]) {
        for verdict in verdicts {
          switch verdict {
          case .none: continue
          case .right: right += 1
          case .notKnown: notKnown += 1
          case .wrong(let text): wrong.append(text)
          }
          ends += 1
        }
      }
    }

    private static var wallClock: Double { Double(Clock.wallNanoseconds) / 1e9 }

    // MARK: - Daemon and controllers

    private func play(
      _ acts: [Act], _ series: Series, on rig: TruthRig, _ random: inout SeededRandom
    ) async throws -> Tally {
      let load = series == .cpuLoaded ? try (0..<4).map { _ in try Self.spinner() } : []
      defer {
        for process in load {
          _ = try? process.signal(SIGKILL)
          _ = try? process.wait(blocking: true)
        }
      }
      var tally = Tally()
      var played: [TruthRig.Played] = []
      var rest = acts[...]
      var round = 0
      while !rest.isEmpty {
        let now = Array(rest.prefix(series.sideBySide))
        rest = rest.dropFirst(series.sideBySide)
        let delay = UInt32.random(in: 0..<50_000, using: &random)
        played += try await playRound(now, on: rig, series, "r\(round)", delay)
        round += 1
        if round % 20 == 0 || rest.isEmpty {
          tally.add(
            try await rig.judge(played) { account, _ in
              switch series {
              case .controllerKilled, .daemonKilled:
                // Killed before init was executed, and known not to have been.
                if account.cause == "startFailed", account.executed == false { return .right }
                return series == .controllerKilled && account.isLost() ? .notKnown : nil
              case .alone, .threeAtOnce, .twelveAtOnce, .cpuLoaded, .daemonStopped, .controllerKilledAtPoints,
                .databaseReadOnly, .databaseFull, .databaseDamaged:
                return nil
              }
            })
          played = []
        }
      }
      tally.add(try await rig.faultsOfTheJournal().map { .wrong($0) })
      return tally
    }

    /// One act on each guest, side by side.
    private func playRound(
      _ acts: [Act], on rig: TruthRig, _ series: Series, _ token: String, _ delay: UInt32
    ) async throws -> [TruthRig.Played] {
      let daemon = rig.daemon
      let requests = try acts.map { _ in Array(try Random.bytes(16)) }
      let from = Self.wallClock
      for (act, guest) in zip(acts, rig.guests) { try rig.prepare(act, guest, token: token) }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for (index, act) in acts.enumerated() {
          let (guest, request) = (rig.guests[index], requests[index])
          group.addTask {
            // Cut off or refused where the daemon goes meanwhile.
            guard try await rig.start(guest, request: request) else { return }
            try await act.bring?(rig, guest)
          }
        }
        switch series {
        case .daemonStopped:
          usleep(delay)
          try daemon.pause()
          usleep(100_000 + delay * 4)
          try daemon.resume()
        case .daemonKilled:
          usleep(delay * 3)
          try await daemon.kill()
          try await daemon.start()
        case .controllerKilled:
          // From its first moment on: before there is a child, while that is made ready, around its execve, and later.
          guard let child = try await Self.controller(of: daemon) else { break }
          usleep(delay / 2)
          _ = try? child.signal(SIGKILL)
        case .alone, .threeAtOnce, .twelveAtOnce, .cpuLoaded, .controllerKilledAtPoints, .databaseReadOnly,
          .databaseFull, .databaseDamaged:
          break
        }
        try await group.waitForAll()
        if series == .daemonKilled {
          // The same requests once more: each is carried out by the one daemon or by the other.
          rig.disconnect()
          for (index, request) in requests.enumerated() {
            group.addTask { try await rig.start(rig.guests[index], request: request) }
          }
          try await group.waitForAll()
        }
        for (_, guest) in zip(acts, rig.guests) { group.addTask { try await rig.ended(guest) } }
        try await group.waitForAll()
      }
      let until = Self.wallClock
      return zip(acts, rig.guests).map { act, guest in
        TruthRig.Played(
          act: act, guest: guest.name, marks: Marks(in: guest.folder, token: token, from: from, until: until))
      }
    }

    /// Controllers die at each named place of their lives, and what is known then is known for certain.
    private func playAtPoints(_ acts: [Act], _ series: Series, on daemon: TestDaemon) async throws -> Tally {
      let rig = try await TruthRig(daemon, guests: series.sideBySide)
      let points = CrashPoints.controllerPoints.filter { $0.action == "kill" }.map(\.name)
      #expect(points.count >= 12)
      var tally = Tally()
      var rest = acts[...]
      var round = 0
      while !rest.isEmpty {
        let point = points[round % points.count]
        try await daemon.terminate()
        try await daemon.start(environment: ["LODGE_CONTROLLER_CRASHPOINT": "\(point):kill"])
        rig.disconnect()
        var now = Array(rest.prefix(series.sideBySide))
        rest = rest.dropFirst(series.sideBySide)
        if point == "controller.stop.begun" {
          now = now.map { _ in
            Act("stop", "wait 15 7", mark: nil, []) { rig, guest in
              try await rig.ready(guest)
              try await rig.lodge("stop", guest.name, "--timeout", "10s")
            }
          }
        }
        let played = try await playRound(now, on: rig, series, "p\(round)", 0)
        tally.add(
          try await rig.judge(played) { account, marks in
            switch point {
            case "controller.started", "controller.launch.received", "controller.launch.grouped":
              // Nothing was executed, and that is known.
              let known = account.cause == "startFailed" && account.executed == false && account.isBad
              return known && account.status == nil && marks.began == nil ? .right : nil
            case "controller.launch.cloned":
              let known = account.cause == "startFailed" && account.executed == false && marks.began == nil
              return known ? .right : account.isLost() ? .notKnown : nil
            case "controller.launch.executed", "controller.launch.told", "controller.end.seen",
              "controller.end.drained", "controller.end.before-record":
              return account.isLost() ? .notKnown : nil
            case "controller.stop.begun":
              let isOrder = account.orders.count == 1 && account.orders[0].verb == "stop" && account.orders[0].uid == 0
              return isOrder && account.isLost(orders: account.orders) ? .notKnown : nil
            default:
              // The record was written before: it is all there.
              return nil
            }
          })
        round += 1
      }
      tally.add(try await rig.faultsOfTheJournal().map { .wrong($0) })
      return tally
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

    // MARK: - The database

    /// Guests run; then the database takes nothing, or is overwritten; they end; then it is as it should be again. Nothing of
    /// an end may be lost, whether it came by itself or by an order.
    private func playWithoutStorage(_ acts: [Act], _ series: Series, on daemon: TestDaemon) async throws -> Tally {
      let disk = DatabaseDisk(daemon)
      try await daemon.terminate()
      switch series {
      case .databaseReadOnly:
        try await disk.mountImage()
        try await daemon.start()
      case .databaseFull: try await daemon.start(prelude: DatabaseDisk.small)
      default: try await daemon.start()
      }
      defer { disk.unmount() }
      let rig = try await TruthRig(daemon, guests: series.sideBySide)
      var tally = Tally()
      var rest = acts[...]
      var round = 0
      while !rest.isEmpty {
        // Those that are ordered take the places of the last ones.
        var now = rest.prefix(series.sideBySide).map(\.gated)
        rest = rest.dropFirst(series.sideBySide)
        for (index, act) in Act.withoutStorage.enumerated() where index < now.count {
          now[now.count - 1 - index] = act
        }
        let token = "d\(round)"
        let from = Self.wallClock
        try await withThrowingTaskGroup(of: Void.self) { group in
          for (act, guest) in zip(now, rig.guests) {
            try rig.prepare(act, guest, token: token)
            group.addTask {
              #expect(try await rig.start(guest))
              try await rig.ready(guest)
            }
          }
          try await group.waitForAll()
          try await rig.holdInits(of: now.count)
          switch series {
          case .databaseReadOnly: try disk.makeReadOnly()
          case .databaseFull: try await disk.fill()
          default:
            try await disk.damageUnderTheDaemon()
            rig.disconnect()
          }
          for (act, guest) in zip(now, rig.guests) {
            group.addTask {
              if let bring = act.bring { try await bring(rig, guest) } else { try rig.go(guest) }
              try await rig.initEnded(guest)
            }
          }
          try await group.waitForAll()
          switch series {
          case .databaseReadOnly:
            try await daemon.terminate()
            try await disk.repairImage()
            try await daemon.start()
          case .databaseFull:
            try disk.empty()
            // It takes new work again once it has seen the space.
            try await daemon.waitForFile(daemon.logPath) { log in
              log.components(separatedBy: "cannot store").count
                == log.components(separatedBy: "there is space again").count
            }
          default:
            try await daemon.terminate()
            try await disk.putBack()
            try await daemon.start()
          }
          rig.disconnect()
          for (_, guest) in zip(now, rig.guests) { group.addTask { try await rig.ended(guest) } }
          try await group.waitForAll()
        }
        let until = Self.wallClock
        tally.add(
          try await rig.judge(
            zip(now, rig.guests).map { act, guest in
              TruthRig.Played(
                act: act, guest: guest.name, marks: Marks(in: guest.folder, token: token, from: from, until: until))
            }))
        round += 1
      }
      if series == .databaseFull {
        try await daemon.waitForFile(daemon.logPath) { $0.contains("there is space again") }
      }
      tally.add(try await rig.faultsOfTheJournal().map { .wrong($0) })
      if series == .databaseReadOnly {
        // The folder that the daemon is to end on is the one below the image.
        try await daemon.succeed("rm", "--force", "--yes", "*")
        try await daemon.terminate()
      }
      return tally
    }
  }
}
