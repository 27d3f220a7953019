import Glibc
import LinuxSystem
import NIOCore
import NIOPosix
import RPC
import RPCNIO
import Testing
import WireProtocol
import XDR

@Suite(.timeLimit(.minutes(1))) struct ServerTests {
  @Test func aCallIsAnswered() async throws {
    try await withServer { bench in
      let client = try await bench.connect()
      #expect(try await client.call(Toy.Echo.self, "hello") == "hello")
      #expect(client.peer.pid == getpid())
      let connection = await bench.connection()
      #expect(connection.peer == PeerCredentials(pid: getpid(), uid: getuid(), gid: getgid()))
      client.close()
      let facts = await bench.service.facts.wait { $0.last?.isClosed == true }
      #expect(facts == [.opened(connection.id), .call(0), .closed(connection.id, reason: nil)])
    }
  }

  @Test func callsMayBeMadeAheadAndAnsweredInAnyOrder() async throws {
    let held = Recorder<(IncomingCall, RPCServerConnection)>()
    let service = ToyService { call, connection in held.add((call, connection)) }
    try await withServer(service) { bench in
      let client = try await bench.connect()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<50 {
          group.addTask {
            let note = Toy.Note("\(number)")
            let answer: Toy.Note = try await client.call(Toy.Echo.self, note)
            #expect(answer == note)
          }
        }
        // From a thread that is not the event loop's, last one first.
        for (call, connection) in await held.wait(count: 50).reversed() { ToyService.echo(call, connection) }
        try await group.waitForAll()
      }
    }
  }

  @Test func aServerReadsNoMoreThanItMayAnswerAndLosesNothing() async throws {
    let held = Recorder<(IncomingCall, RPCServerConnection)>()
    let service = ToyService { call, connection in held.add((call, connection)) }
    try await withServer(service, session: toySession { $0.callsInFlight = 4 }) { bench in
      let socket = try bench.raw()
      socket.write(try (0..<400).flatMap { try echoFrame("call \($0)", serial: UInt32($0)) })
      for round in 0..<100 {
        let calls = await held.wait(count: 4 * round + 4)
        #expect(calls.count == 4 * round + 4, "more open calls than allowed")
        for (call, connection) in calls.suffix(4) { ToyService.echo(call, connection) }
      }
      await bench.connection().closeDelayed(deadline: .now() + .seconds(20))
      // On a slow machine there is a sign of life between them: the client is not read for the time being.
      let replies = try frames(await socket.readToEnd()).filter { $0.header.type == .reply }
      #expect(replies.map(\.header.serial) == Array(0..<400))
    }
  }

  @Test func procedureZeroTellsTheClientsName() async throws {
    try await withServer { bench in
      let socket = try bench.raw()
      socket.write(try echoFrame("lodge 1.0", serial: 0, procedure: 0) + echoFrame("x", serial: 1))
      await bench.service.facts.wait { $0.contains(.call(1)) }
      let connection = await bench.connection()
      #expect(try await connection.eventLoop.submit { connection.clientName }.get() == "lodge 1.0")
    }
  }

  @Test func rightsAndTheReadOnlySocketAreObeyed() async throws {
    try await withServer(right: .operate, readOnly: true) { bench in
      let client = try await bench.connect()
      #expect(try await client.call(Toy.Echo.self, "allowed") == "allowed")
      let error = await #expect(throws: RPCCallError.self) { try await client.call(Toy.Change.self, "denied") }
      guard case .remote(let body)? = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(body.code == .denied)
    }
  }

  // MARK: Events

  @Test func oneFrameReachesEverySubscriberInOrder() async throws {
    try await withServer { bench in
      let texts = Recorder<String>()
      var clients: [RPCClientConnection] = []
      for _ in 0..<10 {
        clients.append(
          try await bench.connect(
            handlers: .init(event: { event in
              if let note = try? event.decode(Toy.Tick.self) { texts.add(note.text) }
            })))
      }
      let connections = await bench.service.connections.wait(count: 10)
      for number in 0..<100 {
        let frame = try EncodedFrame.event(Toy.Tick.self, Toy.Note("\(number)"))
        for connection in connections { connection.send(frame) }
      }
      let all = await texts.wait(count: 1000)
      for number in 0..<100 { #expect(all.filter { $0 == "\(number)" }.count == 10) }
      _ = clients
    }
  }

  @Test func aStoppedSubscriberIsNotQueuedForWithoutBound() async throws {
    try await withServer { bench in
      let socket = try bench.raw()
      let connection = await bench.connection()
      let text = String(repeating: "x", count: 1000)
      // Sends while it may, as a subscription does; the socket's own buffer comes on top.
      let sent = try await connection.eventLoop.submit { () throws -> Int in
        var sent = 0
        while connection.isWritable {
          try connection.send(Toy.Tick.self, Toy.Note("\(sent) " + text))
          sent += 1
        }
        return sent
      }.get()
      #expect((200...400).contains(sent))
      let all = Recorder<[UInt8]>()
      Task { all.add(await socket.readToEnd()) }
      await bench.service.facts.wait { $0.contains(.writable(connection.id)) }
      connection.closeDelayed(deadline: .now() + .seconds(20))
      let bytes = await all.wait(count: 1)[0]
      #expect(try frames(bytes).count == sent)
    }
  }

  // MARK: The end

  @Test func aDelayedCloseWaitsForAReaderThatIsStopped() async throws {
    try await withServer { bench in
      let socket = try bench.raw()
      let connection = await bench.connection()
      try connection.send(Toy.Tick.self, "first")
      try connection.send(Toy.Tick.self, "second")
      connection.closeDelayed(deadline: .now() + .seconds(20))
      // Many looks at a queue that does not move.
      try await connection.eventLoop.scheduleTask(in: .milliseconds(60)) {}.futureResult.get()
      #expect(!bench.service.facts.all.contains { $0.isClosed })
      let bytes = await socket.readToEnd()
      #expect(try frames(bytes).map { try Toy.Note(xdr: $0.payload).text } == ["first", "second"])
      await bench.service.facts.wait { $0.contains(.closed(connection.id, reason: nil)) }
    }
  }

  @Test func aDelayedCloseEndsAtItsDeadline() async throws {
    try await withServer { bench in
      let socket = try bench.raw()
      let connection = await bench.connection()
      try connection.send(Toy.Tick.self, "never read")
      connection.closeDelayed(deadline: .now() + .milliseconds(30))
      let facts = await bench.service.facts.wait { $0.contains { $0.isClosed } }
      #expect(
        facts.last == .closed(connection.id, reason: "closed before the peer had read everything: its time was up"))
      _ = socket
    }
  }

  @Test func aDelayedCloseWithASocketFullOfMessagesDeliversThemAll() async throws {
    try await withServer { bench in
      let socket = try bench.raw()
      let connection = await bench.connection()
      let text = String(repeating: "x", count: 10_000)
      for number in 0..<200 { try connection.send(Toy.Tick.self, Toy.Note("\(number) " + text)) }
      connection.closeDelayed(deadline: .now() + .seconds(20))
      #expect(try frames(await socket.readToEnd()).count == 200)
      await bench.service.facts.wait { $0.contains(.closed(connection.id, reason: nil)) }
    }
  }

  @Test func anIdleConnectionIsClosedAtOnce() async throws {
    try await withServer { bench in
      let socket = try bench.raw()
      let connection = await bench.connection()
      connection.closeDelayed(deadline: .now() + .hours(1))
      #expect(await socket.readToEnd() == [])
      await bench.service.facts.wait { $0.contains(.closed(connection.id, reason: nil)) }
    }
  }

  @Test func everythingSentBeforeAHangUpIsServedFirst() async throws {
    try await withServer(session: toySession { $0.callsInFlight = 1000 }) { bench in
      for _ in 0..<20 {
        let socket = try bench.raw()
        for serial in 0..<100 { socket.write(try echoFrame("call", serial: UInt32(serial))) }
        socket.close()
      }
      let facts = await bench.service.facts.wait { $0.count { $0.isClosed } == 20 }
      #expect(facts.count { if case .call = $0 { true } else { false } } == 2000)
      #expect(!facts.contains { ($0.closedReason ?? nil) != nil }, "\(facts.filter(\.isClosed))")
    }
  }

  @Test func theCloseCallbackMayCallAnything() async throws {
    final class Meddler: RPCServerDelegate {
      let done = Recorder<Bool>()
      func connectionOpened(_ connection: RPCServerConnection) {}
      func received(_ call: IncomingCall, on connection: RPCServerConnection) {
        connection.close(reason: "inside a call")
        connection.reply(call, Toy.Echo.self, "too late")
      }
      func connectionClosed(_ connection: RPCServerConnection, reason: String?) {
        connection.close(reason: "again")
        connection.closeDelayed(deadline: .now())
        try? connection.send(Toy.Tick.self, "after the end")
        done.add(connection.isOpen)
      }
    }
    let meddler = Meddler()
    let (ours, theirs) = try UnixSocket.pair()
    _ = (ours, theirs)
    try await withServer { bench in
      let second = try await RPCServer.start(
        listening: try UnixSocket.listen(at: bench.path + "2", mode: 0o600), readOnly: false,
        configuration: .init(
          session: .init(programs: [ServedProgram(Toy.self)], serverName: "meddler"), right: { _, _ in .admin }),
        delegate: meddler, on: bench.eventLoop)
      let socket = try UnixSocket.connect(to: bench.path + "2")
      socket.write(try echoFrame("x", serial: 0) + echoFrame("y", serial: 1))
      #expect(await meddler.done.wait(count: 1) == [false])
      #expect(await socket.readToEnd() == [])
      await second.shutdown(deadline: .now())
      unlink(bench.path + "2")
    }
  }

  @Test func shutdownLetsCallsFinish() async throws {
    let held = Recorder<(IncomingCall, RPCServerConnection)>()
    let service = ToyService { call, connection in held.add((call, connection)) }
    try await withServer(service) { bench in
      let socket = try bench.raw()
      socket.write(try echoFrame("slow", serial: 0))
      let (call, connection) = await held.wait(count: 1)[0]
      await bench.server.shutdown(deadline: .now() + .seconds(20))
      ToyService.echo(call, connection)
      #expect(try frames(await socket.readToEnd()).map(\.header.status) == [.ok])
      #expect(throws: SystemError.self) { try bench.raw() }
    }
  }

  // MARK: Bad input

  @Test(
    arguments: [
      ([0, 0, 0, 0], "bad frame"), ([0, 0, 0, 3], "bad frame"), ([0x80, 0, 0, 0], "bad frame"),
      ([UInt8](repeating: 0x41, count: 300), "bad frame"), ([0, 0, 0, 28, 1], "inside a frame"),
    ] as [([UInt8], String)])
  func badBytesCloseThatConnectionAndNoOther(bytes: [UInt8], reason: String) async throws {
    try await withServer { bench in
      let good = try await bench.connect()
      #expect(try await good.call(Toy.Echo.self, "before") == "before")
      let bad = try bench.raw()
      bad.write(bytes)
      bad.shutDownWriting()
      _ = await bad.readToEnd()
      let facts = await bench.service.facts.wait { $0.contains { $0.isClosed } }
      let closed = try #require(facts.last?.closedReason)
      #expect(reason == "inside a frame" ? closed?.contains("into a frame") == true : closed?.hasPrefix(reason) == true)
      #expect(try await good.call(Toy.Echo.self, "after") == "after")
    }
  }

  @Test func aFrameThatIsNeverFinishedIsNotWaitedFor() async throws {
    try await withServer(session: toySession { $0.frameDeadline = 30_000_000 }) { bench in
      let socket = try bench.raw()
      socket.write([0, 0, 0])
      #expect(await socket.readToEnd() == [])
      let facts = await bench.service.facts.wait { $0.contains { $0.isClosed } }
      #expect(facts.last?.closedReason == "a frame was begun and not finished in time")
    }
  }

  @Test func aSilentPeerIsAskedAndThenClosed() async throws {
    try await withServer(session: toySession { $0.keepalive = .init(interval: 20_000_000, count: 2) }) { bench in
      let socket = try bench.raw()
      let pings = try frames(await socket.readToEnd())
      // Two, and more where this machine was too busy to look at the clock in time.
      #expect(pings.count >= 2)
      #expect(pings.allSatisfy { $0.header.program == Keepalive.number && $0.header.procedure == 1 })
      let facts = await bench.service.facts.wait { $0.contains { $0.isClosed } }
      #expect(facts.last?.closedReason == "no sign of life from the peer: keepalive timeout")
    }
  }
}

extension OwnedFD {
  func shutDownWriting() { Glibc.shutdown(rawValue, Int32(SHUT_WR)) }
}
