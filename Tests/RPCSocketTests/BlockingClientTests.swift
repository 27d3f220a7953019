import Glibc
import LinuxSystem
import RPC
import RPCSocket
import Testing
import WireProtocol
import XDR

@Suite(.timeLimit(.minutes(1))) struct BlockingClientTests {
  private func pair(
    descriptors: Bool = false, right: RPCRight = .admin
  ) throws -> (client: BlockingClient, server: LoopServer) {
    let (ours, theirs) = try UnixSocket.pair()
    var configuration = ClientSession.Configuration()
    configuration.acceptsDescriptors = descriptors
    let server = LoopServer(theirs, right: right) { $0.acceptsDescriptors = descriptors }
    return (try BlockingClient(adopting: ours, configuration: configuration), server)
  }

  @Test func aCallIsAnswered() throws {
    let (client, _) = try pair()
    #expect(try client.call(Toy.Echo.self, "hello") == "hello")
    #expect(client.peer.pid == getpid())
    let large = Toy.Note(String(repeating: "large ", count: 100_000))
    #expect(try client.call(Toy.Echo.self, large) == large)
  }

  @Test func callsSentAheadAreFetchedInAnyOrder() throws {
    let (client, _) = try pair()
    let tickets = try (0..<100).map { try client.send(Toy.Echo.self, Toy.Note("\($0)")) }
    for number in [50, 0, 99] + Array(1..<50) + Array(51..<99) {
      #expect(try client.receive(tickets[number]) == Toy.Note("\(number)"))
    }
  }

  @Test func eventsAreKeptUntilTheyAreFetched() throws {
    let (client, _) = try pair()
    _ = try client.call(Toy.Echo.self, "tick 1000")
    for number in 0..<1000 {
      guard case .event(let event) = try client.nextEvent(timeout: 0) else {
        Issue.record("event \(number) is missing")
        return
      }
      #expect(try event.decode(Toy.Tick.self) == Toy.Note("\(number)"))
    }
    guard case .timedOut = try client.nextEvent(timeout: 1_000_000) else {
      Issue.record("an event too many")
      return
    }
  }

  @Test func theServersEndComesAfterItsEventsAndIsAnError() throws {
    let (client, _) = try pair()
    let ticket = try client.send(Toy.Echo.self, "tick 3")
    _ = try client.send(Toy.Echo.self, "leave")
    for _ in 0..<3 {
      guard case .event = try client.nextEvent() else {
        Issue.record("no event")
        return
      }
    }
    #expect(throws: RPCCallError.connectionClosed(.peerClosed)) { try client.nextEvent() }
    #expect(try client.receive(ticket) == "tick 3", "a reply that came is still there")
    #expect(throws: RPCCallError.connectionClosed(.peerClosed)) { try client.call(Toy.Echo.self, "x") }
  }

  @Test func aCallTimesOutAndTheConnectionGoesOn() throws {
    let (client, _) = try pair()
    #expect(throws: RPCCallError.timedOut) { try client.call(Toy.Echo.self, "silence", timeout: 5_000_000) }
    #expect(try client.call(Toy.Echo.self, "next") == "next")
    let ticket = try client.send(Toy.Echo.self, "silence")
    #expect(try client.receive(ticket, within: 5_000_000) == nil)
  }

  @Test func anInterruptEndsAnyWait() throws {
    let (client, _) = try pair()
    var ends: [Int32] = [0, 0]
    pipe(&ends)
    let reading = OwnedFD(adopting: ends[0])
    let writing = OwnedFD(adopting: ends[1])
    client.interrupts = [reading.rawValue]
    writing.write([1])
    #expect(throws: RPCCallError.cancelled) { try client.call(Toy.Echo.self, "silence") }
    guard case .readable(let which) = try client.nextEvent() else {
      Issue.record("not reported")
      return
    }
    #expect(which == reading.rawValue)
  }

  @Test func errorsComeTyped() throws {
    let (client, _) = try pair(right: .view)
    let error = #expect(throws: RPCCallError.self) { try client.call(Toy.Change.self, "x") }
    guard case .remote(let body)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(body.code == .denied)
    #expect(
      body.message == "needs the right to operate, and this user has only the right to view (toyChange)")
  }

  @Test func descriptorsGoBothWays() throws {
    let (client, server) = try pair(descriptors: true)
    var ends: [Int32] = [0, 0]
    pipe(&ends)
    let pipe = [OwnedFD(adopting: ends[0]), OwnedFD(adopting: ends[1])]
    let ticket = try client.send(Toy.Echo.self, "with descriptors", descriptors: pipe)
    let (note, came) = try client.receiveWithDescriptors(ticket)
    #expect(note == "with descriptors")
    #expect(came.count == 2)
    // They came back in reverse: what is written to the first is read from the second.
    came[0].write([7])
    var byte: UInt8 = 0
    #expect(read(came[1].rawValue, &byte, 1) == 1)
    #expect(byte == 7)
    #expect(fcntl(came[0].rawValue, F_GETFD) == FD_CLOEXEC)
    client.close()
    server.ended.wait()
  }

  @Test func whyThereIsNoConnection() throws {
    let path = "/tmp/lodge-rpc-blocking-\(getpid())"
    #expect(throws: RPCConnectError.noSocket(path: path)) { try BlockingClient.connect(to: path) }
    #expect(throws: RPCConnectError.noSocket(path: "/dev/null/x")) { try BlockingClient.connect(to: "/dev/null/x") }
    let listener = try UnixSocket.listen(at: path, mode: 0o600, backlog: 0)
    let first = try BlockingClient.connect(to: path)
    #expect(throws: RPCConnectError.timedOut(path: path)) { try BlockingClient.connect(to: path, timeout: 20_000_000) }
    listener.close()
    #expect(throws: RPCConnectError.refused(path: path)) { try BlockingClient.connect(to: path) }
    unlink(path)
    first.close()
  }
}
