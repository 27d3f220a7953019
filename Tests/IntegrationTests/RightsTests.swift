import Foundation
import Glibc
import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Every procedure of the protocol, called by everybody who may be a caller: is it refused as its annotation says, and
  /// does any byte of what comes back hold what that caller may not see.
  @Suite struct Rights {
    struct Procedure: Sendable {
      var name: String
      var number: UInt32
      var right: String
      var isReadOnly: Bool
    }

    /// Read from admin.x by another program than the compiler that made the server's table.
    static let procedures: [Procedure] = {
      let repository = Files.parent(of: Files.parent(of: Files.parent(of: #filePath)))
      var procedures: [Procedure] = []
      var comment = ""
      for line in Files.textOrEmpty("\(repository)/protocol/admin.x").split(separator: "\n") {
        if line.contains("/**") { comment = "" }
        comment += line
        guard line.hasPrefix("        "), let open = line.range(of: " ADMIN_"), let paren = line.range(of: "("),
          let equals = line.range(of: ") = "), line.hasSuffix(";")
        else { continue }
        let right = comment.range(of: "@right ").map { String(comment[$0.upperBound...].prefix { $0.isLetter }) }
        if !comment.contains("@event") {
          procedures.append(
            Procedure(
              name: String(line[open.lowerBound..<paren.lowerBound].dropFirst()),
              number: UInt32(line[equals.upperBound...].dropLast()) ?? .max, right: right ?? "none",
              isReadOnly: comment.contains("@readonly")))
        }
        comment = ""
      }
      return procedures
    }()

    static let order = ["none", "view", "inspect", "operate", "admin"]
    static func rank(_ right: String) -> Int { order.firstIndex(of: right) ?? -1 }

    static let secrets = ["SECRET-IN-ENVIRONMENT", "SECRET-IN-ARGUMENT", "SECRET-ON-CONSOLE"]

    /// Arguments with which a procedure reveals as much as it can about the guest; nil for a procedure that this test
    /// does not know: add one for every new procedure.
    static func arguments(_ procedure: UInt32, guest: String) -> [UInt8]? {
      typealias Raw = RawConnection
      func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
      let name = Raw.string(guest)
      switch procedure {
      case 0: return Raw.string("test")
      // Procedures that change something are only asked about a guest that does not exist: refused or not found.
      case 1, 27, 28: return []
      case 2, 3: return zeros(4) + Raw.string("nobody") + zeros(4)
      case 4, 6: return zeros(4) + Raw.string("nobody") + zeros(4) + [UInt8](repeating: 0xff, count: 8) + zeros(4)
      case 5: return zeros(4) + Raw.string("nobody") + Raw.bytes(9)
      case 7: return zeros(16)
      case 8: return name
      case 9: return name + zeros(8)
      case 10: return name + zeros(16) + [UInt8](repeating: 0xff, count: 8)
      case 11: return name + zeros(12)
      // Everything since the beginning, with a snapshot, and a tick every 10 ms that says when that was all.
      case 12: return Raw.bytes(1) + zeros(8) + Raw.bytes(1) + zeros(16) + Raw.bytes(10)
      case 13: return Raw.bytes(9999)
      case 14: return Raw.bytes(1) + zeros(8) + zeros(16) + zeros(4)
      case 19: return []
      case 20, 29: return Raw.string("nobody")
      case 21, 22, 23, 24, 25: return []
      case 26: return Raw.string("nonsense")
      default: return nil
      }
    }

    /// Everything that comes back, events included.
    static func ask(_ connection: RawConnection, _ procedure: Procedure, guest: String) throws -> [RawConnection.Frame]
    {
      let payload = try #require(
        Self.arguments(procedure.number, guest: guest),
        "\(procedure.name) is new: say here how it is asked, and what of its answer needs which right")
      try connection.send(RawConnection.frame(procedure: procedure.number, serial: 9, payload: payload))
      var frames: [RawConnection.Frame] = []
      while let frame = try connection.receive() {
        frames.append(frame)
        let isLast = procedure.number == 12 && frames[0].status == 0 ? frame.procedure == 17 : frame.type == 1
        if isLast { break }
      }
      return frames
    }

    @Test(.requiresGuests) func everyProcedureShowsOnlyWhatItsCallerMaySee() async throws {
      #expect(Self.procedures.count >= 23)
      let users: [(right: String, uid: UInt32)] = Self.order.enumerated().map {
        ($0.element, 70_000 + UInt32($0.offset))
      }
      let grants = users.map { "  - {user: \"\($0.uid)\", right: \($0.right)}" }.joined(separator: "\n")
      try await withDaemon(configuration: "socket: {groupRight: none}\ngrants:\n\(grants)\n") { daemon in
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: daemon.socketPath)
        try await daemon.define(
          "web", ["--restart", "never", "--env", "TOKEN=\(Self.secrets[0])"],
          ["/bin/sh", "-c", "echo \(Self.secrets[2]); exit 3", Self.secrets[1]])
        try await daemon.define(
          "live", ["--restart", "never", "--env", "TOKEN=\(Self.secrets[0])"],
          ["/bin/sh", "-c", "echo \(Self.secrets[2]); sleep 1000", Self.secrets[1]])
        for name in ["web", "live"] { try await daemon.succeed("start", name) }
        _ = try await daemon.end(of: "web")
        var seen: Set<String> = []
        for (right, uid) in users + [("view", 0)] {
          let path = uid == 0 ? daemon.readOnlySocketPath : daemon.socketPath
          for procedure in Self.procedures {
            let connection = try asUser(uid == 0 ? 65_534 : uid) { try RawConnection(to: path) }
            var frames = try Self.ask(connection, procedure, guest: "web")
            // Of a guest that runs: the spec in force, too.
            if procedure.number == 8 { frames += try Self.ask(connection, procedure, guest: "live") }
            let reply = try #require(frames.first, "\(procedure.name) is answered")
            let isAllowed =
              Self.rank(right) >= Self.rank(procedure.right) && (uid != 0 || procedure.isReadOnly)
            let isDaemonWide = (16...26).contains(procedure.number) || procedure.number == 29
            // Grants are rights on guests: what is about the daemon itself needs the right of the group, which is none.
            if !isAllowed || (isDaemonWide && uid != 0) {
              #expect(reply.errorCode == 6, "\(procedure.name) by \(right): \(reply.text)")
            } else {
              #expect(reply.errorCode != 6, "\(procedure.name) by \(right): \(reply.text)")
            }
            for frame in frames {
              for secret in Self.secrets where frame.text.contains(secret) {
                #expect(Self.rank(right) >= Self.rank("inspect"), "\(procedure.name) shows \(secret) to \(right)")
                if right == "inspect" { seen.insert(secret) }
              }
            }
          }
        }
        #expect(seen == Set(Self.secrets), "the right to inspect shows all of them")
      }
    }

    /// A right is checked on the datum, not on the name that stands beside it: arguments that lead to another guest than
    /// the one that is named open nothing of it.
    @Test(.requiresGuests) func argumentsThatLeadToAnotherGuestOpenNothing() async throws {
      typealias Raw = RawConnection
      let configuration =
        "socket: {groupRight: none}\ngrants: [{user: \"70001\", right: admin, guests: \"web*\"}]\n"
      try await withDaemon(configuration: configuration) { daemon in
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: daemon.socketPath)
        for name in ["web1", "db1"] {
          let secret = name == "db1" ? Self.secrets[2] : "harmless"
          try await daemon.define(name, ["--restart", "never"], ["/bin/sh", "-c", "echo \(secret); exit 4"])
        }
        let request = [UInt8](repeating: 7, count: 16)
        let root = try Raw(to: daemon.socketPath)
        func words(_ words: UInt32...) -> [UInt8] { words.flatMap { Raw.bytes($0) } }
        func number(_ value: UInt64) -> [UInt8] {
          (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * $0)) }
        }
        func ask(_ connection: Raw, _ procedure: UInt32, _ payload: [UInt8]) throws -> Raw.Frame {
          try connection.send(Raw.frame(procedure: procedure, serial: 1, payload: payload))
          guard let answer = try connection.receive() else {
            throw SystemError("receive the answer to procedure \(procedure)", errno: ECONNRESET)
          }
          return answer
        }
        let start = try ask(root, 3, Raw.bytes(1) + request + Raw.string("db1"))
        try await daemon.succeed("start", "web1")
        for name in ["web1", "db1"] { _ = try await daemon.end(of: name) }
        // The reply ends with the id of the run.
        let run = Array(start.payload.suffix(16))
        let whole = try ask(root, 10, Raw.string("db1") + words(0, 1) + run + number(0) + number(.max))
        #expect(whole.text.contains(Self.secrets[2]), "root sees it by its own name: \(whole.text)")
        let log = try ask(root, 11, Raw.string("db1") + words(0, 0, 0))
        // A piece ends with where to go on, whether that was all, and what was lost.
        let cursor = Array(log.payload.suffix(4 + 16 + 12).prefix(4 + 16))
        let subscriber = try Raw(to: daemon.socketPath)
        let others = try ask(subscriber, 12, words(0, 0, 0, 0, 0, 0, 10))
        let subscription = Array(others.payload.prefix(4))

        let user = try asUser(70_001) { try Raw(to: daemon.socketPath) }
        let everything = number(0)
        let asked: [(what: String, procedure: UInt32, payload: [UInt8])] = [
          ("the run of another guest", 10, Raw.string("web1") + words(0, 1) + run + number(0) + number(.max)),
          ("the place in another guest's log", 11, Raw.string("web1") + cursor + words(0, 0)),
          ("the request of another user", 3, Raw.bytes(1) + request + Raw.string("web1")),
          ("a subscription of another connection", 13, subscription),
          ("events of a pattern", 14, Raw.bytes(1) + everything + Raw.string("db*") + words(0, 0, 0, 0)),
          ("guests of a pattern", 7, Raw.string("") + Raw.string("db*") + words(0, 0)),
          ("guests after another one", 7, Raw.string("db0") + Raw.string("") + words(0, 0)),
        ]
        for (what, procedure, payload) in asked {
          let answer = try ask(user, procedure, payload)
          #expect(!answer.text.contains(Self.secrets[2]) && !answer.text.contains("db1"), "\(what): \(answer.text)")
        }
        let wrong = try ask(user, 10, asked[0].payload)
        #expect(wrong.text.contains("web1: it has no run"), "\(wrong.text)")
        // Without rights in play it is another guest's end all the same.
        #expect(try ask(root, 10, asked[0].payload).errorCode != nil)
      }
    }

    /// A right on some guests is none on the others: not to see them, not in lists, not in events, not to stop them.
    @Test(.requiresGuests) func aGrantOnSomeGuestsIsNoneOnTheOthers() async throws {
      let configuration = "socket: {groupRight: none}\ngrants: [{user: \"70001\", right: admin, guests: \"web*\"}]\n"
      try await withDaemon(configuration: configuration) { daemon in
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: daemon.socketPath)
        for name in ["web1", "db1"] { try await daemon.define(name, ["--restart", "never"], ["/bin/sleep", "1000"]) }
        func answer(_ procedure: UInt32, guest: String) throws -> [RawConnection.Frame] {
          let connection = try asUser(70_001) { try RawConnection(to: daemon.socketPath) }
          let known = try #require(Self.procedures.first { $0.number == procedure })
          return try Self.ask(connection, known, guest: guest)
        }
        for procedure: UInt32 in [8, 9, 10, 11] {
          #expect(try answer(procedure, guest: "db1").first?.errorCode == 6, "\(procedure)")
          #expect(try answer(procedure, guest: "web1").first?.errorCode != 6, "\(procedure)")
        }
        for procedure: UInt32 in [7, 12, 14] {
          let text = try answer(procedure, guest: "").map(\.text).joined()
          #expect(text.contains("web1") && !text.contains("db1"), "\(procedure): \(text)")
        }
        for (procedure, tail) in [(UInt32(2), RawConnection.bytes(1)), (3, []), (5, RawConnection.bytes(9))] {
          let connection = try asUser(70_001) { try RawConnection(to: daemon.socketPath) }
          let payload = RawConnection.bytes(0) + RawConnection.string("db1") + tail
          try connection.send(RawConnection.frame(procedure: procedure, serial: 1, payload: payload))
          #expect(try connection.receive()?.errorCode == 6, "\(procedure)")
        }
        #expect(try await daemon.guest("db1").runs == 0)
      }
    }
  }
}
