import Glibc
import LinuxSystem
import NIOCore
import NIOPosix
import RPC
import RPCNIO
import Synchronization
import Testing
import WireProtocol
import XDR

@Suite(.timeLimit(.minutes(1))) struct ClientTests {
  @Test func aSocketPairCanBeAdoptedAndCalledAtOnce() async throws {
    let (ours, theirs) = try UnixSocket.pair()
    let client = try RPCClientConnection.adopt(ours, on: MultiThreadedEventLoopGroup.singleton.any())
    async let answer = client.call(Toy.Echo.self, "early")
    // The other end is a thread of its own, since it blocks.
    let bytes: [UInt8] = await withCheckedContinuation { continuation in
      Thread.detach {
        var bytes = [UInt8](repeating: 0, count: 40)
        let count = read(theirs.rawValue, &bytes, bytes.count)
        continuation.resume(returning: Array(bytes.prefix(max(count, 0))))
      }
    }
    let call = try #require(try frames(bytes).first)
    #expect(try Toy.Note(xdr: call.payload) == "early")
    var header = call.header
    header.type = .reply
    var writer = XDRWriter(capacity: 40)
    header.encode(into: &writer)
    writer.writeRaw(call.payload)
    theirs.write(writer.finish())
    #expect(try await answer == "early")
    client.close()
  }

  @Test func completionsRunOnTheEventLoopOnce() async throws {
    try await withServer { bench in
      let client = try await bench.connect()
      let results = Recorder<Result<Toy.Note, RPCCallError>>()
      client.eventLoop.execute {
        for number in 0..<100 {
          client.call(Toy.Echo.self, Toy.Note("\(number)")) { result in
            client.eventLoop.preconditionInEventLoop()
            results.add(result)
          }
        }
      }
      let all = await results.wait(count: 100)
      #expect(try all.map { try $0.get().text } == (0..<100).map { "\($0)" })
    }
  }

  @Test func aCallHasADeadline() async throws {
    let held = Recorder<(IncomingCall, RPCServerConnection)>()
    let service = ToyService { call, connection in
      if call.serial == 0 { held.add((call, connection)) } else { ToyService.echo(call, connection) }
    }
    try await withServer(service) { bench in
      let client = try await bench.connect()
      await #expect(throws: RPCCallError.timedOut) {
        try await client.call(Toy.Echo.self, "slow", timeout: .milliseconds(20))
      }
      let (call, connection) = await held.wait(count: 1)[0]
      ToyService.echo(call, connection)
      #expect(
        try await client.call(Toy.Echo.self, "next", timeout: .seconds(20)) == "next", "the late reply is dropped")
    }
  }

  @Test func aCancelledTaskGivesItsCallUp() async throws {
    let held = Recorder<UInt32>()
    let service = ToyService { call, connection in
      if call.serial == 0 { held.add(call.serial) } else { ToyService.echo(call, connection) }
    }
    try await withServer(service) { bench in
      let client = try await bench.connect()
      let task = Task { try await client.call(Toy.Echo.self, "slow") }
      await held.wait(count: 1)
      task.cancel()
      await #expect(throws: RPCCallError.cancelled) { try await task.value }
      #expect(try await client.call(Toy.Echo.self, "next") == "next")
    }
  }

  @Test func openCallsFailWhenTheServerGoesAfterEverythingItSent() async throws {
    let service = ToyService { call, connection in
      guard call.serial == 2 else { return }
      for number in 0..<3 { try? connection.send(Toy.Tick.self, Toy.Note("\(number)")) }
      ToyService.echo(call, connection)
      connection.closeDelayed(deadline: .now())
    }
    try await withServer(service) { bench in
      let order = Recorder<String>()
      let client = try await bench.connect(
        handlers: .init(
          event: { order.add((try? $0.decode(Toy.Tick.self))??.text ?? "?") }, close: { order.add("end: \($0)") }))
      client.eventLoop.execute {
        for number in 0..<3 {
          client.call(Toy.Echo.self, Toy.Note("call \(number)")) { result in
            switch result {
            case .success(let note): order.add(note.text)
            case .failure: order.add("call \(number) failed")
            }
          }
        }
      }
      let all = await order.wait(count: 7)
      #expect(
        all == [
          "0", "1", "2", "call 2", "call 0 failed", "call 1 failed", "end: the peer closed the connection",
        ])
      await #expect(throws: RPCCallError.connectionClosed(.peerClosed)) { try await client.call(Toy.Echo.self, "x") }
    }
  }

  @Test func aPeerThatGivesNoSignOfLifeCanBeReportedAndKept() async throws {
    let (ours, theirs) = try UnixSocket.pair()
    let silences = Recorder<Bool>()
    var configuration = ClientSession.Configuration()
    configuration.keepalive = .init(interval: 10_000_000, count: 2, closes: false)
    let client = try RPCClientConnection.adopt(
      ours, on: MultiThreadedEventLoopGroup.singleton.any(), configuration: configuration,
      handlers: .init(silence: { silences.add($0) }))
    await silences.wait(count: 1)
    // PONG
    theirs.write([0, 0, 0, 28, 0x6b, 0x65, 0x65, 0x70, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0])
    #expect(await silences.wait(count: 2).prefix(2) == [true, false])
    client.close()
  }

  @Test func aPausedReaderHoldsTheServerBack() async throws {
    try await withServer { bench in
      let got = Recorder<Int>()
      let client = try await bench.connect(handlers: .init(event: { got.add($0.body.count) }))
      #expect(try await client.call(Toy.Echo.self, "ready") == "ready")
      client.pauseReading()
      try await client.eventLoop.submit {}.get()
      let connection = await bench.connection()
      let text = Toy.Note(String(repeating: "x", count: 1000))
      let sent = try await connection.eventLoop.submit { () throws -> Int in
        var sent = 0
        while connection.isWritable {
          try connection.send(Toy.Tick.self, text)
          sent += 1
        }
        return sent
      }.get()
      #expect(sent < 1000)
      client.resumeReading()
      await got.wait(count: sent)
      await bench.service.facts.wait { $0.contains(.writable(connection.id)) }
    }
  }

  @Test func whyThereIsNoConnection() async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    let path = "/tmp/lodge-rpc-nobody-\(getpid())"
    await #expect(throws: RPCConnectError.noSocket(path: path)) {
      try await RPCClientConnection.connect(to: path, on: loop)
    }
    let listener = try UnixSocket.listen(at: path, mode: 0o600)
    listener.close()
    await #expect(throws: RPCConnectError.refused(path: path)) {
      try await RPCClientConnection.connect(to: path, on: loop)
    }
    let full = try UnixSocket.listen(at: path, mode: 0o600, backlog: 0)
    let first = try UnixSocket.connect(to: path)
    await #expect(throws: RPCConnectError.timedOut(path: path)) {
      try await RPCClientConnection.connect(to: path, on: loop, timeout: .milliseconds(30))
    }
    _ = (full, first)
    unlink(path)
  }
}
