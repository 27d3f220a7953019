import Testing
import WireProtocol
import XDR

@Suite struct GoldenBytesTests {
  private static let run = [UInt8](0x30...0x3f)
  private static let boot = [UInt8](0x20...0x2f)

  /// What the header in front of `body` must be for these bytes, and the other way round.
  private func expect<Body: XDRCodable & Equatable>(
    _ bytes: [UInt8], program: UInt32, procedure: Int32, _ type: Wire.RpcMessageType, serial: UInt32 = 0,
    status: Wire.RpcStatus = .ok, version: UInt32 = 2, _ body: Body, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let header = Wire.RpcHeader(
      length: UInt32(28 + body.xdrSize), program: program, version: version, procedure: procedure, type: type,
      serial: serial,
      status: status)
    #expect(try header.xdrEncoded() + body.xdrEncoded() == bytes, sourceLocation: sourceLocation)
    try #require(bytes.count >= 28, sourceLocation: sourceLocation)
    #expect(try Wire.RpcHeader(xdr: bytes[..<28]) == header, sourceLocation: sourceLocation)
    #expect(try Body(xdr: bytes[28...]) == body, sourceLocation: sourceLocation)
  }

  @Test func hello() throws {
    try expect(
      GoldenBytes.helloCall, program: Admin.number, procedure: Admin.Hello.number, .call,
      Wire.HelloArgs(client: "lodge 1.0"))
    try expect(
      GoldenBytes.helloReply, program: Admin.number, procedure: 0, .reply,
      Wire.HelloReply(server: "lodged 1.0", versions: [2], features: ["events.ticks"]))
  }

  @Test func aCall() throws {
    try expect(
      GoldenBytes.startCall, program: Admin.number, procedure: Admin.GuestStart.number, .call, serial: 7,
      Wire.GuestStartArgs(request: [UInt8](0x10...0x1f), name: "web"))
  }

  @Test func replies() throws {
    try expect(
      GoldenBytes.subscribeReply, program: Admin.number, procedure: Admin.EventsSubscribe.number, .reply, serial: 8,
      Wire.EventsSubscribeReply(subscription: 2, after: 41, oldest: 1, newest: 42))
    try expect(
      GoldenBytes.voidReply, program: Admin.number, procedure: Admin.GuestRemove.number, .reply, serial: 9, XDRVoid())
  }

  @Test func anError() throws {
    try expect(
      GoldenBytes.errorReply, program: Admin.number, procedure: Admin.GuestStart.number, .reply, serial: 7,
      status: .error,
      Wire.RpcError(
        code: .startFailed, message: "start web: mount /proc: ", hint: "", errnoNumber: 1, step: "mount /proc"))
  }

  @Test func keepalive() throws {
    try expect(
      GoldenBytes.ping, program: Keepalive.number, procedure: Keepalive.Ping.number, .event, version: 1, XDRVoid())
    try expect(
      GoldenBytes.pong, program: Keepalive.number, procedure: Keepalive.Pong.number, .event, version: 1, XDRVoid())
  }

  /// Stream data and descriptors have no type of their own: the header, and what the framing puts behind it.
  @Test func streamsAndDescriptors() throws {
    let data = try Wire.RpcHeader(xdr: GoldenBytes.streamData[..<28])
    #expect(data.length == 31)
    #expect(data.type == .stream)
    #expect(data.status == .continue)
    #expect(GoldenBytes.streamData[28...] == [97, 98, 99])
    let end = try Wire.RpcHeader(xdr: GoldenBytes.streamEnd)
    #expect(end.type == .stream)
    #expect(end.status == .ok)
    let call = try Wire.RpcHeader(xdr: GoldenBytes.callWithDescriptors[..<28])
    #expect(call.type == .callWithFds)
    #expect(Int(call.length) == GoldenBytes.callWithDescriptors.count)
    #expect(GoldenBytes.callWithDescriptors[28..<32] == [0, 0, 0, 2])
  }

  private static func end(_ kind: Wire.EndKind, _ status: Wire.WaitStatus, usage: [Wire.Measure]) -> Wire.RunEnd {
    Wire.RunEnd(
      headline: Wire.EndHeadline(
        kind: kind, bad: true, status: status, oom: nil, by: nil, how: nil, startFailure: nil, whileStopping: nil),
      facts: Wire.EndFacts(
        recorded: true, initExecuted: .yes, status: Wire.InitStatus(value: status, witness: .reaped),
        startFailure: nil, reboots: [], rebootWatched: true, memory: nil,
        orders: Wire.EndOrders(kept: [], omitted: 0), fence: nil, startBoot: nil, endBoot: nil, endSeen: true),
      startedAt: 1, endedAt: 2, lengthNanos: 3, usage: usage)
  }

  @Test func adminEvents() throws {
    let event = Wire.Event(
      format: 2, sequence: 42, time: 1_000_000_000, boot: Self.boot, type: .state, guest: "web", run: Self.run,
      runNumber: 5,
      detail: Wire.EventDetail(
        from: .running, to: .stopped, by: Wire.Actor(kind: .guest, uid: 0, pid: 0), message: "",
        ended: Self.end(
          .exited, Wire.WaitStatus(signaled: false, value: 3, coreDumped: false),
          usage: [Wire.Measure(key: "memory.peakBytes", value: 1 << 20), Wire.Measure(key: "cpu.micros", value: 1000)]),
        order: nil, labels: [Wire.Label(key: "tie", value: "a")]))
    try expect(
      GoldenBytes.event, program: Admin.number, procedure: Admin.Event.number, .event,
      Wire.EventMessage(subscription: 2, event: event))
    try expect(
      GoldenBytes.gap, program: Admin.number, procedure: Admin.EventGap.number, .event,
      Wire.EventGap(subscription: 2, from: 10, to: 20))
    try expect(
      GoldenBytes.tick, program: Admin.number, procedure: Admin.EventTick.number, .event,
      Wire.EventTick(subscription: 2, newest: 42, time: 1_000_000_000))
  }

  @Test func controller() throws {
    try expect(
      GoldenBytes.controllerStop, program: Controller.number, procedure: Controller.Stop.number, .call, serial: 1,
      Wire.ControllerStopArgs(
        order: Wire.EndOrder(
          number: 1, verb: .stop, by: Wire.Actor(kind: .user, uid: 1000, pid: 1337), at: 7, signal: 0,
          timeoutMillis: -1, noKill: false, signalsSent: [], killSent: false, givenUp: false),
        signal: 0, timeoutMillis: 10_000))
    try expect(
      GoldenBytes.launchReply, program: Controller.number, procedure: Controller.Launch.number, .reply,
      Wire.LaunchReply(initPid: 4242, initStartTime: 123_456, startedAt: 1_000_000_000))
    let record = Wire.EndRecord(
      guest: "web", run: Self.run, boot: Self.boot,
      end: Self.end(.signaled, Wire.WaitStatus(signaled: true, value: 11, coreDumped: true), usage: []),
      logTail: ["bye!"])
    try expect(
      GoldenBytes.exitEvent, program: Controller.number, procedure: Controller.Exit.number, .event,
      Wire.ExitEvent(record: record))
  }

  /// No decoder may take a message that is one byte short, one byte long, or has dirt in its padding.
  @Test func everyCutIsRefused() {
    for end in 28..<GoldenBytes.exitEvent.count {
      #expect(throws: XDRError.self) { try Wire.ExitEvent(xdr: GoldenBytes.exitEvent[28..<end]) }
    }
    for end in 28..<GoldenBytes.event.count {
      #expect(throws: XDRError.self) { try Wire.EventMessage(xdr: GoldenBytes.event[28..<end]) }
    }
    #expect(throws: XDRError.self) { try Wire.ExitEvent(xdr: GoldenBytes.exitEvent[28...] + [0]) }
    var dirty = GoldenBytes.startCall
    dirty[dirty.count - 1] = 1
    #expect(throws: XDRError.self) { try Wire.GuestStartArgs(xdr: dirty[28...]) }
  }
}
