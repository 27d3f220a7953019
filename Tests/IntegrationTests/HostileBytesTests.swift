import LinuxSystem
import TestSupport
import Testing

extension IntegrationTests {
  /// Bytes that no client of ours would send. Their connection gets an error or is closed; others notice nothing.
  @Suite struct HostileBytes {
    struct Bytes: Sendable, CustomTestStringConvertible {
      var testDescription: String
      var bytes: [UInt8]
    }

    static let frameMax: UInt32 = 4_194_304

    /// After these nothing on the stream can be understood, so it is closed.
    static let fatal: [Bytes] = [
      Bytes(testDescription: "text", bytes: Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)),
      Bytes(testDescription: "length 0", bytes: RawConnection.frame(procedure: 0, length: 0)),
      Bytes(testDescription: "length 3", bytes: RawConnection.frame(procedure: 0, length: 3)),
      Bytes(testDescription: "length 27", bytes: RawConnection.frame(procedure: 0, length: 27)),
      Bytes(testDescription: "over the limit", bytes: RawConnection.frame(procedure: 0, length: frameMax + 1)),
      Bytes(testDescription: "length 2^31", bytes: RawConnection.frame(procedure: 0, length: 1 << 31)),
      Bytes(testDescription: "length 2^32-1", bytes: RawConnection.frame(procedure: 0, length: .max)),
      Bytes(testDescription: "unknown type", bytes: RawConnection.frame(procedure: 0, type: 99, serial: 1)),
      Bytes(testDescription: "a reply to no call", bytes: RawConnection.frame(procedure: 0, type: 1, serial: 7)),
      Bytes(testDescription: "unknown status", bytes: RawConnection.frame(procedure: 0, serial: 1, status: 9)),
    ]

    @Test(.requires(.root), arguments: fatal)
    func brokenFramesCloseTheirConnectionOnly(_ hostile: Bytes) async throws {
      try await withDaemon { daemon in
        let witness = try RawConnection(to: daemon.socketPath)
        try expectHello(on: witness, serial: 1)
        let connection = try RawConnection(to: daemon.socketPath)
        try connection.send(hostile.bytes)
        _ = try connection.receiveUntilClosed()
        try expectHello(on: witness, serial: 2)
        #expect(daemon.log.contains("closed"), "the reason is in the log: \(daemon.log)")
      }
    }

    struct Refused: Sendable, CustomTestStringConvertible {
      var testDescription: String
      var bytes: [UInt8]
      var code: UInt32
    }

    /// Whole frames that mean nothing here: the call gets an error, and the connection lives on.
    static let refused: [Refused] = [
      Refused(
        testDescription: "unknown program",
        bytes: RawConnection.frame(program: 0x2000_7777, procedure: 1, serial: 5), code: 14),
      Refused(
        testDescription: "unknown version", bytes: RawConnection.frame(version: 99, procedure: 1, serial: 5), code: 14),
      Refused(testDescription: "unknown procedure", bytes: RawConnection.frame(procedure: 9999, serial: 5), code: 7),
      Refused(
        testDescription: "the number of an event", bytes: RawConnection.frame(procedure: 15, serial: 5), code: 7),
    ]

    @Test(.requires(.root), arguments: refused)
    func unknownCallsAreAnsweredAndTheConnectionLivesOn(_ call: Refused) async throws {
      try await withDaemon { daemon in
        let connection = try RawConnection(to: daemon.socketPath)
        try connection.send(call.bytes)
        let reply = try #require(try connection.receive())
        #expect(reply.type == 1)
        #expect(reply.serial == 5)
        #expect(reply.errorCode == call.code)
        try expectHello(on: connection, serial: 6)
      }
    }

    /// Arguments that do not decode: an error for the call, or the end of that connection, never of the daemon.
    static let arguments: [Bytes] = [
      Bytes(testDescription: "no arguments", bytes: []),
      Bytes(testDescription: "a string longer than the frame", bytes: RawConnection.bytes(1000)),
      Bytes(testDescription: "a string of 2^32-1 bytes", bytes: RawConnection.bytes(.max) + [1, 2, 3, 4]),
      Bytes(testDescription: "an optional that is neither", bytes: RawConnection.bytes(2) + RawConnection.string("x")),
      Bytes(
        testDescription: "padding that is not zero", bytes: RawConnection.bytes(0) + [0, 0, 0, 1, 0x78, 1, 2, 3]),
      Bytes(testDescription: "bad UTF-8", bytes: RawConnection.bytes(0) + RawConnection.opaque([0xff, 0xfe])),
      Bytes(
        testDescription: "trailing bytes",
        bytes: RawConnection.bytes(0) + RawConnection.string("x") + [UInt8](repeating: 0, count: 64)),
      Bytes(
        testDescription: "a name with a slash", bytes: RawConnection.bytes(0) + RawConnection.string("../../etc")),
      Bytes(
        testDescription: "a name with an escape sequence",
        bytes: RawConnection.bytes(0) + RawConnection.string("\u{1b}[2Jx")),
    ]

    @Test(.requires(.root), arguments: arguments)
    func brokenArgumentsHurtOnlyTheirCall(_ hostile: Bytes) async throws {
      try await withDaemon { daemon in
        let connection = try RawConnection(to: daemon.socketPath)
        try connection.send(RawConnection.frame(procedure: 3, serial: 5, payload: hostile.bytes))
        if let reply = try connection.receive() {
          #expect(reply.serial == 5)
          #expect(reply.errorCode != nil, "answered \(reply)")
        }
        try expectHello(on: RawConnection(to: daemon.socketPath), serial: 1)
      }
    }

    /// Every prefix of a good call, then nothing more: the daemon waits or closes, and answers others meanwhile.
    @Test(.requires(.root)) func halfAFrameHoldsNobodyUp() async throws {
      try await withDaemon { daemon in
        let hello = RawConnection.hello()
        var halves: [RawConnection] = []
        for count in 1..<hello.count {
          let connection = try RawConnection(to: daemon.socketPath)
          try connection.send(Array(hello.prefix(count)))
          halves.append(connection)
        }
        try expectHello(on: RawConnection(to: daemon.socketPath), serial: 1)
        // The other half makes it whole.
        for (index, connection) in halves.enumerated() {
          try connection.send(Array(hello.dropFirst(index + 1)))
          #expect(try connection.receive()?.serial == 1, "after \(index + 1) bytes")
        }
      }
    }

    /// A frame has to be whole within the frame deadline (10 s), however it trickles in.
    @Test(.requires(.root)) func aFrameThatNeverComesIsGivenUp() async throws {
      try await withDaemon { daemon in
        let connection = try RawConnection(to: daemon.socketPath)
        let begin = Clock.bootNanoseconds
        try connection.send(Array(RawConnection.hello().prefix(30)))
        #expect(try connection.receiveUntilClosed(seconds: 20).isEmpty)
        let seconds = Double(Clock.bootNanoseconds - begin) / 1e9
        #expect(seconds > 5 && seconds < 20, "closed after \(seconds) s")
      }
    }

    /// Random bytes and bent frames from many connections; memory stays where it was and the daemon answers.
    @Test(.requires(.root)) func randomBytesNeverEndTheDaemon() async throws {
      try await withDaemon { daemon in
        var random = SeededRandom(for: "random bytes")
        let before = daemon.memory("Pss")
        for round in 0..<300 {
          let connection = try RawConnection(to: daemon.socketPath)
          let bytes = Self.bent(&random)
          try connection.send(bytes)
          if round % 10 == 0 { try expectHello(on: RawConnection(to: daemon.socketPath), serial: 1) }
        }
        try expectHello(on: RawConnection(to: daemon.socketPath), serial: 1)
        #expect(daemon.memory("Pss") - before < 20_000, "kB more than \(before)")
      }
    }

    /// Plain noise, or a good frame with some bytes changed, cut off or repeated.
    private static func bent(_ random: inout SeededRandom) -> [UInt8] {
      if Bool.random(using: &random) {
        return (0..<Int.random(in: 1...2000, using: &random)).map { _ in UInt8.random(in: 0 ... .max, using: &random) }
      }
      var bytes = RawConnection.frame(
        procedure: UInt32.random(in: 0...27, using: &random), serial: 1,
        payload: (0..<Int.random(in: 0...50, using: &random)).flatMap { _ in
          RawConnection.bytes(UInt32.random(in: 0...3, using: &random))
        })
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0 ... .max, using: &random)
      }
      if Int.random(in: 0..<4, using: &random) == 0 { bytes = Array(bytes.prefix(bytes.count / 2)) }
      return bytes + bytes
    }

    /// The service that a client may rely on while others misbehave: an answer, at once.
    private func expectHello(on connection: RawConnection, serial: UInt32) throws {
      try connection.send(RawConnection.hello(serial: serial))
      let reply = try #require(try connection.receive(seconds: 5))
      #expect(reply.serial == serial)
      #expect(reply.status == 0)
    }
  }
}
