import RPC
import Testing
import WireProtocol
import XDR

/// The wire, word by word, held against what the sessions send and what they make of it.
@Suite struct GoldenFrameTests {
  static let call: [UInt8] = [
    0, 0, 0, 36,  // length
    0x2f, 0, 0, 1,  // program
    0, 0, 0, 1,  // version
    0, 0, 0, 1,  // procedure
    0, 0, 0, 0,  // call
    0, 0, 0, 0,  // serial: a client starts at 0
    0, 0, 0, 0,  // ok
    0, 0, 0, 3, 119, 101, 98, 0,  // "web"
  ]
  static let reply: [UInt8] = [
    0, 0, 0, 36, 0x2f, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1,
    0, 0, 0, 1,  // reply
    0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 2, 104, 105, 0, 0,  // "hi"
  ]
  static let error: [UInt8] = [
    0, 0, 0, 72, 0x2f, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1,
    0, 0, 0, 1,  // reply
    0, 0, 0, 0,
    0, 0, 0, 1,  // error
    0, 0, 0, 3,  // code: notFound
    0, 0, 0, 2, 110, 111, 0, 0,  // message "no"
    0, 0, 0, 3, 116, 114, 121, 0,  // hint "try"
    0, 0, 0, 1, 0, 0, 0, 2,  // errno is there: ENOENT
    0, 0, 0, 1, 0, 0, 0, 5, 109, 111, 117, 110, 116, 0, 0, 0,  // step is there: "mount"
  ]
  static let event: [UInt8] = [
    0, 0, 0, 36, 0x2f, 0, 0, 1, 0, 0, 0, 1,
    0, 0, 0, 10,  // procedure
    0, 0, 0, 2,  // event
    0, 0, 0, 0,  // no serial
    0, 0, 0, 0,
    0, 0, 0, 2, 117, 112, 0, 0,  // "up"
  ]
  static let ping: [UInt8] = [
    0, 0, 0, 28,
    0x6b, 0x65, 0x65, 0x70,  // "keep"
    0, 0, 0, 1,
    0, 0, 0, 1,  // PING
    0, 0, 0, 2,  // event
    0, 0, 0, 0, 0, 0, 0, 0,
  ]
  static let pong: [UInt8] = [
    0, 0, 0, 28, 0x6b, 0x65, 0x65, 0x70, 0, 0, 0, 1,
    0, 0, 0, 2,  // PONG
    0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0,
  ]
  static let streamData: [UInt8] = [
    0, 0, 0, 31,  // neither counted nor padded: 28 + 3
    0x2f, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1,
    0, 0, 0, 3,  // stream
    0, 0, 0, 0,  // serial of the call
    0, 0, 0, 2,  // continue
    1, 2, 3,
  ]
  static let streamEnd: [UInt8] = [
    0, 0, 0, 28, 0x2f, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0,
    0, 0, 0, 0,  // ok: the end
  ]
  static let callWithDescriptors: [UInt8] = [
    0, 0, 0, 40, 0x2f, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1,
    0, 0, 0, 4,  // call with descriptors
    0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 2,  // two of them
    0, 0, 0, 3, 119, 101, 98, 0,
  ]
  static let replyWithDescriptors: [UInt8] = [
    0, 0, 0, 40, 0x2f, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1,
    0, 0, 0, 5,  // reply with descriptors
    0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 1,
    0, 0, 0, 2, 104, 105, 0, 0,
  ]

  static let notFound = RPCErrorBody(.notFound, "no", hint: "try", errno: 2, step: "mount")

  @Test func aCall() throws {
    var client = ClientBench()
    _ = try client.session.call(Toy.Echo.self, "web")
    #expect(client.sentBytes() == Self.call)

    var server = ServerBench()
    let call = try #require(server.calls(Self.call).first)
    #expect(try call.decode(Toy.Echo.self) == "web")
    #expect(call.serial == 0)
    #expect(call.procedure.name == "toyEcho")
  }

  @Test func aReply() throws {
    var server = ServerBench()
    let call = try #require(server.calls(Self.call).first)
    server.session.reply(to: call, Toy.Echo.self, "hi")
    #expect(Array(server.session.output.bytes) == Self.reply)

    var client = ClientBench()
    _ = try client.session.call(Toy.Echo.self, "web")
    let reply = try #require(client.feed(Self.reply).first?.reply)
    #expect(reply.serial == 0)
    #expect(reply.outcome.note == "hi")
  }

  @Test func anEncodedReplyIsTheSame() throws {
    var server = ServerBench()
    let call = try #require(server.calls(Self.call).first)
    server.session.reply(to: call, encoded: encoded(Toy.Note("hi")))
    #expect(Array(server.session.output.bytes) == Self.reply)
  }

  @Test func anError() throws {
    var server = ServerBench()
    let call = try #require(server.calls(Self.call).first)
    server.session.fail(call, Self.notFound)
    #expect(Array(server.session.output.bytes) == Self.error)

    var client = ClientBench()
    _ = try client.session.call(Toy.Echo.self, "web")
    let reply = try #require(client.feed(Self.error).first?.reply)
    #expect(reply.outcome.error == .remote(Self.notFound))
  }

  @Test func anEvent() throws {
    var server = ServerBench()
    try server.session.send(Toy.Tick.self, "up")
    #expect(Array(server.session.output.bytes) == Self.event)

    var client = ClientBench()
    guard case .event(let event) = try #require(client.feed(Self.event).first) else {
      Issue.record("no event")
      return
    }
    #expect(try event.decode(Toy.Tick.self) == "up")
  }

  @Test func aPingIsAnsweredByAPong() {
    var server = ServerBench()
    #expect(server.feed(Self.ping).isEmpty)
    #expect(Array(server.session.output.bytes) == Self.pong)

    var client = ClientBench()
    #expect(client.feed(Self.ping).isEmpty)
    #expect(client.sentBytes() == Self.pong)
    #expect(client.feed(Self.pong).isEmpty)
  }

  @Test func aPingOfOurOwn() {
    var server = ServerBench { $0.keepalive = .init(interval: second, count: 5) }
    server.now += second
    server.session.timePassed(at: server.now)
    #expect(Array(server.session.output.bytes) == Self.ping)
  }

  @Test func aStream() throws {
    var server = ServerBench()
    let call = try #require(server.calls(Self.call).first)
    #expect(server.session.openStream(for: call, Toy.Echo.self, "hi") == true)
    server.session.send(stream: 0, [1, 2, 3])
    server.session.finish(stream: 0)
    #expect(Array(server.session.output.bytes) == Self.reply + Self.streamData + Self.streamEnd)
  }

  @Test func descriptors() throws {
    var client = ClientBench { $0.acceptsDescriptors = true }
    _ = try client.session.call(Toy.Echo.self, "web", descriptors: [40, 41])
    #expect(client.session.nextOutput == .bytes(40))
    #expect(Array(client.session.output.bytes) == Self.callWithDescriptors)
    client.session.sentBytes(40)
    #expect(client.session.nextOutput == .descriptor(40))
    client.session.sentDescriptor()
    #expect(client.session.nextOutput == .descriptor(41))
    client.session.sentDescriptor()
    #expect(client.session.nextOutput == .idle)

    var server = ServerBench { $0.acceptsDescriptors = true }
    #expect(server.feed(Self.callWithDescriptors).isEmpty)
    #expect(server.feed([0], descriptors: [7]).isEmpty)
    guard case .call(let call)? = server.feed([0], descriptors: [8]).first else {
      Issue.record("no call")
      return
    }
    #expect(call.descriptors == [7, 8])
    #expect(try call.decode(Toy.Echo.self) == "web")
    server.session.reply(to: call, Toy.Echo.self, "hi", descriptors: [9])
    #expect(Array(server.session.output.bytes) == Self.replyWithDescriptors)
    server.session.sentBytes(40)
    #expect(server.session.nextOutput == .descriptor(9))
  }
}
