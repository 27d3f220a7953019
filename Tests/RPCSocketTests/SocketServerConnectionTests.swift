import Glibc
import LinuxSystem
import RPC
import RPCSocket
import Testing
import XDR

@Suite(.timeLimit(.minutes(1))) struct SocketServerConnectionTests {
  @Test func everythingQueuedIsReadBeforeADelayedCloseCloses() throws {
    let (ours, theirs) = try UnixSocket.pair()
    let server = LoopServer(theirs)
    ours.write(try echoFrame("tick 500", serial: 0) + echoFrame("leave", serial: 1))
    let bytes = ours.readToEnd()
    server.ended.wait()
    #expect(try frames(bytes).map(\.header.type) == [MessageType](repeating: .event, count: 500) + [.reply, .reply])
    #expect(server.facts == ["tick 500", "leave", "closed: closed after the peer had read everything"])
  }

  /// More than the socket holds, to a reader that begins late: nothing is cut off.
  @Test func aFullSocketIsNoReasonToLoseTheRest() throws {
    let (ours, theirs) = try UnixSocket.pair()
    let server = LoopServer(theirs) { $0.outputHighWater = 10_000_000 }
    ours.write(try echoFrame("tick 20000", serial: 0) + echoFrame("leave", serial: 1))
    // Readable means that the server has written, and it writes all it can before it waits.
    var items = [Poll.Item(ours.rawValue, .readable)]
    try Poll.wait(for: &items, nanoseconds: nil)
    #expect(try frames(ours.readToEnd()).count == 20_002)
    server.ended.wait()
    #expect(server.facts.last == "closed: closed after the peer had read everything")
  }

  @Test func aDelayedCloseHasADeadline() throws {
    let (ours, theirs) = try UnixSocket.pair()
    let epoll = try Epoll()
    let connection = try SocketServerConnection(
      theirs, epoll: epoll, token: 1, configuration: .init(programs: [ServedProgram(Toy.self)], serverName: "toyd"),
      right: .admin)
    var end: CloseReason?
    connection.onEvent = { _, event in if case .closed(let reason) = event { end = reason } }
    try connection.send(Toy.Tick.self, "never read")
    connection.closeDelayed(deadline: SocketServerConnection.now + 30_000_000)
    var looks = 0
    while end == nil {
      let deadline = try #require(connection.nextDeadline)
      try epoll.wait(nanoseconds: Int64(deadline) - Int64(min(SocketServerConnection.now, deadline))) { _ in }
      connection.timePassed()
      looks += 1
    }
    #expect(end == .notDrained)
    #expect(looks < 20, "it does not spin")
    _ = ours
  }

  @Test func anIdleConnectionIsClosedAtOnce() throws {
    let (ours, theirs) = try UnixSocket.pair()
    let epoll = try Epoll()
    let connection = try SocketServerConnection(
      theirs, epoll: epoll, token: 1, configuration: .init(programs: [ServedProgram(Toy.self)], serverName: "toyd"),
      right: .admin)
    connection.closeDelayed(deadline: .max)
    #expect(connection.isClosed)
    #expect(ours.readToEnd() == [])
  }

  @Test func everythingSentBeforeAHangUpIsServed() throws {
    for calls in [1, 5, 300] {
      let (ours, theirs) = try UnixSocket.pair()
      ours.write(try (0..<calls).flatMap { try echoFrame("call \($0)", serial: UInt32($0)) })
      ours.close()
      let server = LoopServer(theirs) { $0.callsInFlight = 1000 }
      server.ended.wait()
      #expect(server.facts == (0..<calls).map { "call \($0)" } + ["closed: the peer closed the connection"])
    }
  }

  @Test func aPeerThatClosesWithRepliesUnreadIsNoFault() throws {
    let (ours, theirs) = try UnixSocket.pair()
    let server = LoopServer(theirs)
    ours.write(try echoFrame("tick 10", serial: 0))
    var items = [Poll.Item(ours.rawValue, .readable)]
    try Poll.wait(for: &items, nanoseconds: nil)
    ours.close()
    server.ended.wait()
    #expect(server.facts.last == "closed: the peer closed the connection")
  }

  /// With its calls held back nothing is read, and a level-triggered epoll would report the hang-up for ever.
  @Test func aHangUpWhileNothingIsReadDoesNotSpin() throws {
    let (ours, theirs) = try UnixSocket.pair()
    let epoll = try Epoll()
    var configuration = ServerSession.Configuration(programs: [ServedProgram(Toy.self)], serverName: "toyd")
    configuration.callsInFlight = 1
    let connection = try SocketServerConnection(
      theirs, epoll: epoll, token: 1, configuration: configuration, right: .admin)
    var calls: [IncomingCall] = []
    var end: CloseReason?
    connection.onEvent = { _, event in
      if case .call(let call) = event { calls.append(call) }
      if case .closed(let reason) = event { end = reason }
    }
    ours.write(try (0..<3).flatMap { try echoFrame("call \($0)", serial: UInt32($0)) })
    ours.close()
    var wakeUps = 0
    for _ in 0..<20 {
      try epoll.wait(nanoseconds: 1_000_000) { ready in
        wakeUps += 1
        connection.handle(ready.readiness)
      }
    }
    #expect(wakeUps <= 2)
    #expect(calls.count == 1)
    while let call = calls.popLast() { connection.reply(call, Toy.Echo.self, "done") }
    #expect(end == .peerClosed, "the other two were served and the end reported, without another event from epoll")
  }

  @Test(arguments: [[0, 0, 0, 0], [0xff, 0xff, 0xff, 0xff], [UInt8](repeating: 0x41, count: 64)])
  func badBytesCloseWithAReason(bytes: [UInt8]) throws {
    let (ours, theirs) = try UnixSocket.pair()
    let server = LoopServer(theirs)
    ours.write(bytes)
    #expect(ours.readToEnd() == [])
    server.ended.wait()
    #expect(server.facts.last?.hasPrefix("closed: bad frame: frame length") == true)
  }

  @Test func aFrameThatIsNeverFinishedIsNotWaitedFor() throws {
    let (ours, theirs) = try UnixSocket.pair()
    let server = LoopServer(theirs) { $0.frameDeadline = 20_000_000 }
    ours.write([0, 0])
    #expect(ours.readToEnd() == [])
    server.ended.wait()
    #expect(server.facts == ["closed: a frame was begun and not finished in time"])
  }

  @Test func pingsAreAnsweredAndDoNotCount() throws {
    let (ours, theirs) = try UnixSocket.pair()
    let server = LoopServer(theirs)
    let ping: [UInt8] = [
      0, 0, 0, 28, 0x6b, 0x65, 0x65, 0x70, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0,
    ]
    ours.write((0..<200).flatMap { _ in ping } + (try echoFrame("leave", serial: 0)))
    let answers = try frames(ours.readToEnd())
    #expect(answers.dropLast().map(\.header.procedure) == [Int32](repeating: 2, count: 200))
    server.ended.wait()
  }
}
