import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Fifty guests, random verbs, random kill -9 of everything; then the journal, replayed, has to give the state, and
  /// nothing may be left. `LODGE_SOAK_SECONDS` is 20 unless said otherwise; `tools/dev test --soak 10` runs ten minutes.
  @Suite struct SoakTests {
    static let seconds = getenv("LODGE_SOAK_SECONDS").flatMap { Double(String(cString: $0)) } ?? 20
    static let guests = 50

    @Test(.requiresGuests) func theJournalReplayedIsTheState() async throws {
      let random = SeededRandom(for: "soak of \(Self.seconds) s")
      try await withDaemon { daemon in
        for index in 0..<Self.guests {
          let (policy, command) = Self.lives[index % Self.lives.count]
          try await daemon.define(
            "g\(index)", ["--restart", policy, "--stop-timeout", "0.3s"], ["/bin/sh", "-c", command])
        }
        let end = Clock.bootNanoseconds + Int64(Self.seconds * 1e9)
        try await withThrowingTaskGroup(of: Void.self) { group in
          for worker in 0..<3 {
            group.addTask { try await Self.rule(daemon, seed: random.seed &+ UInt64(worker), until: end) }
          }
          group.addTask { try await Self.destroy(daemon, seed: random.seed &+ 99, until: end) }
          try await group.waitForAll()
        }
        try await settle(daemon)
        try await Journal.check(daemon)
      }
    }

    /// Policies and lives: some end by themselves, some never, some refuse to go.
    private static let lives: [(policy: String, command: String)] = [
      ("never", "exec sleep 1000"),
      ("always", "sleep 0.2; exit 0"),
      ("onFailure", "sleep 0.1; exit 3"),
      ("onReboot", "sleep 0.2; exec reboot -f"),
      ("always", "trap 'exit 0' TERM; while :; do sleep 0.05; done"),
      ("never", "trap '' TERM; sleep 1000 & sleep 1000 & wait"),
      ("onFailure", "sleep 1000 & sleep 0.3; kill -9 $!; exit 1"),
    ]

    /// Verbs as administrators would, with whatever answer. Where the daemon is away there is none.
    private static func rule(_ daemon: TestDaemon, seed: UInt64, until end: Int64) async throws {
      var random = SeededRandom(seed: seed)
      while Clock.bootNanoseconds < end {
        let guest = "g\(Int.random(in: 0..<guests, using: &random))"
        let verb = ["start", "start", "start", "stop", "kill", "restart"].randomElement(using: &random) ?? "start"
        let result = try await daemon.lodge(verb, guest, deadline: 30)
        if ![0, 1, 3, 4, 6].contains(result.code) { throw CommandFailure(result) }
      }
    }

    /// kill -9 of an init, a controller or the daemon, every so often.
    private static func destroy(_ daemon: TestDaemon, seed: UInt64, until end: Int64) async throws {
      var random = SeededRandom(seed: seed)
      while Clock.bootNanoseconds < end {
        try await Task.sleep(for: .milliseconds(Int.random(in: 50...600, using: &random)))
        switch Int.random(in: 0..<10, using: &random) {
        case 0:
          try await daemon.kill()
          try await Task.sleep(for: .milliseconds(Int.random(in: 0...300, using: &random)))
          try await daemon.start()
        case 1..<5:
          if let victim = try? await victim(daemon, &random) { kill(victim.controller, SIGKILL) }
        default:
          if let victim = try? await victim(daemon, &random) { kill(victim.processInit, SIGKILL) }
        }
      }
    }

    private static func victim(
      _ daemon: TestDaemon, _ random: inout SeededRandom
    ) async throws -> (processInit: Int32, controller: Int32)? {
      guard let processInit = try await daemon.guests().compactMap(\.initPid).randomElement(using: &random),
        let controller = ProcessFacts.parent(of: processInit), controller > 1,
        Files.textOrEmpty("/proc/\(controller)/comm").hasPrefix("lodge")
      else { return nil }
      return (processInit, controller)
    }

    /// Everything stopped, with nothing pending.
    private func settle(_ daemon: TestDaemon) async throws {
      for guest in try await daemon.guests() {
        let stopped = try await daemon.lodge("kill", guest.name, deadline: 30)
        if ![0, 4].contains(stopped.code) { throw CommandFailure(stopped) }
        _ = try await daemon.lodge("stop", guest.name, deadline: 30)
        // On a busy machine chance may have started not all of them.
        if try await daemon.guest(guest.name).runs > 0 { _ = try await daemon.end(of: guest.name) }
      }
    }
  }
}

/// Properties of every journal.
enum Journal {
  static func check(_ daemon: TestDaemon) async throws {
    let events = try await daemon.events()
    for (earlier, later) in zip(events, events.dropFirst()) {
      #expect(later.seq == earlier.seq + 1, "numbers rise by one")
    }
    var states: [String: String] = [:]
    var open: [String: String] = [:]
    var ended: Set<String> = []
    for event in events {
      guard let guest = event.guest, event.type == "state", let from = event.from, let to = event.to else { continue }
      if let known = states[guest] { #expect(known == from, "\(event.seq): \(guest) was \(known), not \(from)") }
      states[guest] = to
      guard let run = event.run else { continue }
      if to == "starting" {
        #expect(open[guest] == nil, "\(event.seq): \(guest) has one run at a time")
        open[guest] = run
      }
      if event.cause != nil {
        #expect(ended.insert(run).inserted, "\(event.seq): \(run) ends once")
        #expect(open[guest] == run, "\(event.seq): the run that ends is the one that began")
        open[guest] = nil
      }
    }
    for guest in try await daemon.guests() {
      if let state = states[guest.name] { #expect(guest.state == state, "\(guest.name)") }
      #expect(open[guest.name] == guest.run, "\(guest.name): the journal's present run is the guest's")
    }
  }
}
