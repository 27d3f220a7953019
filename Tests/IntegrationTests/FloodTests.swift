import Foundation
import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Clients that mean harm, as ten users at once. For each kind: the daemon's memory stays within the documented limits,
  /// a neighbour that behaves is served meanwhile, and everything is as before when they have gone.
  ///
  /// `tools/dev attack floods` runs it at full size and prints the table. `LODGE_FLOOD_SECONDS` is the length of each
  /// attack, `LODGE_EARLY_CLOSES` how often each waiting procedure is left early, `LODGE_FLOOD_ATTACKS` which attacks and
  /// procedures, by name and separated by commas.
  @Suite struct Floods {
    static let seconds = getenv("LODGE_FLOOD_SECONDS").flatMap { Double(String(cString: $0)) } ?? 1
    static let earlyCloses = getenv("LODGE_EARLY_CLOSES").flatMap { Int(String(cString: $0)) } ?? 20
    static let isFull = getenv("LODGE_FLOOD_SECONDS") != nil
    static let wanted = getenv("LODGE_FLOOD_ATTACKS").map { String(cString: $0).split(separator: ",").map(String.init) }

    static func isWanted(_ name: String) -> Bool { wanted?.contains(name) ?? true }

    static let users: [UInt32] = (0..<10).map { 71_000 + $0 }
    static let neighbour: UInt32 = 72_000

    /// The surroundings of an attack: the daemon's place, and the time of its end.
    struct Arena: Sendable {
      var path: String
      var readOnlyPath: String
      var deadline: Int64

      var isOver: Bool { Clock.bootNanoseconds >= deadline }
    }

    typealias Raw = RawConnection

    enum Attack: String, CaseIterable, Sendable {
      case pings, hellos, unknownProcedures, lists, listsRead, journalReads, journalReadsRead, subscriptions,
        subscriptionsRead, halfFrames, slowLoris, descriptors, connections, unsolicitedReplies, hangUps

      /// Connections of each user.
      var crowd: Int {
        switch self {
        case .connections: 1000
        case .slowLoris: 50
        case .subscriptions, .subscriptionsRead: 20
        case .pings, .hellos, .unknownProcedures, .lists, .listsRead, .journalReads, .journalReadsRead, .halfFrames,
          .descriptors, .unsolicitedReplies, .hangUps:
          10
        }
      }

      /// Takes the replies, so that nothing but the daemon's turns holds it up.
      var reads: Bool { [.listsRead, .journalReadsRead, .subscriptionsRead].contains(self) }

      /// The message that a client sends again and again.
      func bytes(_ round: UInt32) -> [UInt8] {
        func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
        func calls(_ procedure: UInt32, _ count: UInt32, _ payload: [UInt8]) -> [UInt8] {
          (0..<count).flatMap { Raw.frame(procedure: procedure, serial: round &* count &+ $0, payload: payload) }
        }
        switch self {
        case .pings: return (0..<200).flatMap { _ in Raw.frame(program: Raw.keepalive, procedure: 1, type: 2) }
        case .hellos: return calls(0, 64, Raw.string("flood"))
        case .unknownProcedures: return calls(99, 64, [])
        case .lists, .listsRead: return calls(7, 64, zeros(16))
        case .journalReads, .journalReadsRead: return calls(14, 64, Raw.bytes(1) + zeros(8) + zeros(16) + zeros(4))
        // The whole journal, with a snapshot.
        case .subscriptions, .subscriptionsRead:
          return calls(12, 64, Raw.bytes(1) + zeros(8) + Raw.bytes(1) + zeros(16) + Raw.bytes(10))
        case .halfFrames:
          return round == 0 ? Array(Raw.frame(procedure: 7, payload: [], length: 4 << 20)) + zeros((4 << 20) - 29) : []
        case .slowLoris: return Array(Raw.frame(procedure: 7, payload: [], length: 4096)) + zeros(1)
        case .descriptors: return Raw.frame(procedure: 7, type: 4, serial: round, payload: Raw.bytes(1) + zeros(16))
        case .connections, .hangUps: return []
        case .unsolicitedReplies: return Raw.frame(procedure: 7, type: 1, serial: round)
        }
      }

      /// Runs until the deadline; the number of rounds and of connections.
      func run(_ arena: Arena) -> (rounds: Int, connections: Int) {
        var clients: [HostileClient?] = Array(repeating: nil, count: Floods.users.count * crowd)
        var rounds = [UInt32](repeating: 0, count: clients.count)
        var connections = 0
        while !arena.isOver {
          for index in clients.indices where !arena.isOver {
            if clients[index]?.isClosed ?? true {
              clients[index]?.close()
              clients[index] = HostileClient(to: arena.readOnlyPath, as: Floods.users[index % Floods.users.count])
              rounds[index] = 0
              connections += 1
            }
            guard let client = clients[index] else { continue }
            switch self {
            case .slowLoris:
              let bytes = bytes(0)
              client.push([bytes[min(Int(rounds[index]), bytes.count - 1)]])
            case .descriptors:
              client.push(bytes(rounds[index]))
              client.pushDescriptor(0)
            case .hangUps:
              client.close()
            case .connections:
              break
            case .pings, .hellos, .unknownProcedures, .lists, .listsRead, .journalReads, .journalReadsRead,
              .subscriptions, .subscriptionsRead, .halfFrames, .unsolicitedReplies:
              client.push(client.isIdle ? bytes(rounds[index]) : [])
            }
            if reads { client.drain() }
            rounds[index] &+= 1
          }
          usleep(500)
        }
        for client in clients { client?.close() }
        return (rounds.reduce(0) { $0 + Int($1) }, connections)
      }
    }

    struct Row: Sendable {
      var name: String
      var connections: Int
      var neighbour: (median: Double, p99: Double, worst: Double, count: Int)
      var before: Int
      var peak: Int
      var after: Int

      static let heading =
        "flood | attack               | connections | list: median, p99, worst (ms) | memory before, peak, after (MB)"

      var line: String {
        func pad(_ text: String, _ width: Int) -> String {
          text + String(repeating: " ", count: max(0, width - text.count))
        }
        func ms(_ value: Double) -> String { String(format: "%.2f", value) }
        return "flood | " + pad(name, 20) + " | " + pad("\(connections)", 11) + " | "
          + pad("\(ms(neighbour.median)), \(ms(neighbour.p99)), \(ms(neighbour.worst))", 29)
          + " | \(before / 1024), \(peak / 1024), \(after / 1024)"
      }
    }

    /// Runs an attack beside a neighbour.
    static func measure(
      _ name: String, _ daemon: TestDaemon, _ attack: @escaping @Sendable (Arena) -> (rounds: Int, connections: Int)
    ) async throws -> Row {
      let before = try await idleUsage(daemon)
      let memory = residentKilobytes(daemon)
      let descriptors = openEnds(daemon)
      let neighbour = Neighbour(to: daemon.readOnlySocketPath, as: Self.neighbour)
      neighbour.begin()
      let arena = Arena(
        path: daemon.socketPath, readOnlyPath: daemon.readOnlySocketPath,
        deadline: Clock.bootNanoseconds + Int64(seconds * 1e9))
      let running = Task.detached { try await onOwnThread { attack(arena) } }
      var peak = memory
      var rounds = 0
      while !arena.isOver {
        peak = max(peak, residentKilobytes(daemon))
        // Root's places are lent to none of them.
        if rounds.isMultiple(of: 50) {
          let looked = try await daemon.lodge("ls")
          #expect(looked.code == 0, "\(name): \(looked)")
        }
        rounds += 1
        try await Task.sleep(for: .milliseconds(20))
      }
      let done = try await running.value
      let times = try await neighbour.end()
      let after = try await idleUsage(daemon, like: before)
      #expect(after == before, "\(name): what clients held is given back")
      for _ in 0..<40 where openEnds(daemon) > descriptors { try await Task.sleep(for: .milliseconds(50)) }
      #expect(openEnds(daemon) <= descriptors, "\(name): descriptors are closed")
      return Row(
        name: name, connections: done.connections, neighbour: times, before: memory, peak: peak,
        after: residentKilobytes(daemon))
    }

    /// Sockets, and what watches files: what a client can make the daemon open.
    static func openEnds(_ daemon: TestDaemon) -> Int {
      daemon.descriptors.count { $0 == "socket" || $0 == "anon_inode" }
    }

    static func residentKilobytes(_ daemon: TestDaemon) -> Int {
      for line in Files.textOrEmpty("/proc/\(daemon.pid ?? 0)/status").split(separator: "\n") {
        let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
        if words.count > 1, words[0] == "VmRSS:" { return Int(words[1]) ?? 0 }
      }
      return 0
    }

    struct LimitLine: Decodable {
      var name: String
      var used: Int
    }

    /// Usage of clients by `daemon limits`, once it is `like` this or ten seconds have gone.
    static func idleUsage(_ daemon: TestDaemon, like expected: [String: Int]? = nil) async throws -> [String: Int] {
      var usage: [String: Int] = [:]
      for _ in 0..<200 {
        usage = try await Self.usage(daemon)
        if expected == nil || usage == expected { break }
        try await Task.sleep(for: .milliseconds(50))
      }
      return usage
    }

    /// What clients hold, by `daemon limits`.
    static func usage(_ daemon: TestDaemon) async throws -> [String: Int] {
      let kinds = ["connections", "calls", "waits", "subscriptions", "journalReads", "messageBytes"]
      let lines: [LimitLine] = try await daemon.succeed("daemon", "limits", "-o", "jsonl").decoded()
      return Dictionary(uniqueKeysWithValues: lines.filter { kinds.contains($0.name) }.map { ($0.name, $0.used) })
    }

    static let configuration = """
      socket: {groupRight: inspect}
      limits:
        messageBytes: {total: 32M, perUser: 8M}
      """

    /// 32 MB of messages, buffers that are twice as large as what is in them, and a thousand connections.
    static let memoryBound = 160 * 1024

    @Test(.requiresGuests, .timeLimit(.minutes(20))) func theyAreBoundedHurtNoNeighbourAndLeaveNothing() async throws {
      try await withDaemon(configuration: Self.configuration) { daemon in
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: daemon.socketPath)
        try await daemon.define("web", ["--restart", "never"], ["/bin/sleep", "1000"])
        try await daemon.define("deaf", ["--restart", "never"], ["/bin/sh", "-c", "trap '' TERM; sleep 10000"])
        try Self.fillJournal(daemon, runs: Self.isFull ? 500 : 40)
        try await daemon.succeed("start", "web", "deaf")
        print(Row.heading)
        for attack in Attack.allCases where Self.isWanted(attack.rawValue) {
          let row = try await Self.measure(attack.rawValue, daemon) { attack.run($0) }
          print(row.line)
          #expect(row.neighbour.p99 < (Self.isFull ? 50 : 5000), "\(row.line)")
          #expect(row.peak - row.before < Self.memoryBound, "\(row.line)")
        }
        for calls in [1, 63, 64, 1000] {
          for waiting in Self.waiting where Self.isWanted(waiting.name) {
            // An order is carried out and told in the journal, though its client has gone: as many calls in all as there
            // would be of one each.
            let rounds = max(1, Self.earlyCloses / (waiting.isOrder ? min(calls, 64) : calls > 64 ? 4 : 1))
            let row = try await Self.measure("\(waiting.name) x \(calls)", daemon) { arena in
              Self.leaveEarly(arena, waiting, calls: calls, rounds: rounds)
            }
            print(row.line)
            #expect(row.peak - row.before < Self.memoryBound, "\(row.line)")
          }
        }
        // After all of it: no more than what the allocator keeps.
        let last = Self.residentKilobytes(daemon)
        #expect(last < Self.memoryBound, "\(last) kB")
        try await daemon.succeed("kill", "web", "deaf")
      }
    }

    /// Root's places and those of controllers are lent to no client: guests start, and their ends are stored, while ten
    /// users hold every connection they can get and go on knocking.
    @Test(.requiresGuests, .timeLimit(.minutes(5))) func guestsStartAndEndBesideTenThousandConnections() async throws {
      let each = Self.isFull ? 1_000 : 100
      let configuration = """
        socket: {groupRight: inspect}
        limits: {connections: \(each * 10), connectionsPerUser: \(each)}
        """
      try await withDaemon(configuration: configuration) { daemon in
        try await daemon.define("first", ["--restart", "never"], ["/bin/sh", "-c", "read x; exit 3"])
        try await daemon.define("second", ["--restart", "never"], ["/bin/sh", "-c", "exit 4"])
        try await daemon.succeed("start", "first")
        let processInit = try await daemon.initPID(of: "first")
        let path = daemon.readOnlySocketPath
        let crowd = try await onOwnThread {
          let users = Self.users.flatMap { Array(repeating: $0, count: each) }
          return Crowd(users.map { HostileClient(to: path, as: $0) })
        }
        // Root's own connection is one of those in use, and tells of them.
        let usage = try await Self.usage(daemon)
        let connections = try #require(usage["connections"])
        #expect(connections > each * 8, "\(connections) connections are open")

        // An end that nobody asked for.
        #expect(kill(processInit, SIGKILL) == 0)
        let killed = try await daemon.end(of: "first")
        #expect(killed.cause.kind == "signaled", "\(killed.cause)")
        for _ in 0..<3 {
          try await daemon.succeed("start", "second")
          let ended = try await daemon.end(of: "second")
          #expect(ended.cause.kind == "exited" && ended.cause.code == 4, "\(ended.cause)")
        }
        #expect(try await daemon.lodge("ls").code == 0)
        let left = try await Self.usage(daemon)
        #expect(try #require(left["connections"]) > each * 8, "they were open all the time")
        await crowd.close()
      }
    }

    /// Clients that stay.
    private final class Crowd: @unchecked Sendable {
      private var clients: [HostileClient?]
      init(_ clients: [HostileClient?]) { self.clients = clients }
      func close() async {
        for client in clients { client?.close() }
        clients = []
      }
    }

    struct Waiting: Sendable {
      var name: String
      var procedure: UInt32
      var payload: [UInt8]
      /// Root's to give.
      var isOrder = false
    }

    /// Procedures whose answer takes as long as a guest likes, and their arguments.
    static let waiting: [Waiting] = {
      let web = Raw.string("web")
      func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
      // No request id, the spec's signal, an hour, with force.
      let stop = Raw.bytes(0) + Raw.string("deaf") + zeros(4) + zeros(4) + Raw.bytes(3_600_000) + zeros(4)
      return [
        Waiting(
          name: "wait", procedure: 10, payload: web + Raw.bytes(2) + zeros(12) + [UInt8](repeating: 0xff, count: 8)),
        Waiting(name: "log", procedure: 11, payload: web + zeros(8) + Raw.bytes(1)),
        Waiting(name: "subscribe", procedure: 12, payload: zeros(8) + zeros(16) + zeros(4)),
        Waiting(name: "events", procedure: 14, payload: Raw.bytes(1) + zeros(8) + zeros(16) + zeros(4)),
        Waiting(name: "start", procedure: 3, payload: Raw.bytes(0) + Raw.string("deaf"), isOrder: true),
        Waiting(name: "stop", procedure: 4, payload: stop, isOrder: true),
        Waiting(name: "restart", procedure: 6, payload: stop, isOrder: true),
      ]
    }()

    /// Connects, calls, and leaves at once, without reading.
    static func leaveEarly(
      _ arena: Arena, _ waiting: Waiting, calls: Int, rounds: Int
    ) -> (rounds: Int, connections: Int) {
      let bytes = (0..<UInt32(calls)).flatMap {
        Raw.frame(procedure: waiting.procedure, serial: $0, payload: waiting.payload)
      }
      var done = 0
      var tries = 0
      while done < rounds, tries < rounds * 100 {
        tries += 1
        guard let client = HostileClient(to: arena.path, as: waiting.isOrder ? 0 : users[tries % users.count]) else {
          usleep(500)
          continue
        }
        client.push(bytes)
        if done.isMultiple(of: 2) { usleep(300) }
        client.close()
        done += 1
      }
      return (done, done)
    }

    private static func fillJournal(_ daemon: TestDaemon, runs: Int) throws {
      let connection = try RawConnection(to: daemon.socketPath)
      for serial in 0..<UInt32(runs) {
        #expect(try connection.call(.start, "web", serial: 2 * serial)?.status == 0)
        #expect(try connection.call(.kill, "web", serial: 2 * serial + 1)?.status == 0)
      }
    }
  }
}
