import RPC
import Testing
import WireProtocol

@Suite struct ClientSessionTests {
  private func reply(_ serial: UInt32, _ text: String = "ok", procedure: Int32 = 1) -> [UInt8] {
    frame(procedure: procedure, type: 1, serial: serial, payload: encoded(Toy.Note(text)))
  }

  @Test func callsAreNumberedAndRepliesMatchedInAnyOrder() throws {
    var bench = ClientBench()
    let serials = try (0..<4).map { try bench.session.call(Toy.Echo.self, Toy.Note("\($0)")) }
    #expect(serials == [0, 1, 2, 3])
    let events = bench.feed(reply(2, "c") + reply(0, "a") + reply(3, "d") + reply(1, "b"))
    #expect(events.compactMap { $0.reply?.serial } == [2, 0, 3, 1])
    #expect(events.compactMap { $0.reply?.outcome.note?.text } == ["c", "a", "d", "b"])
    #expect(bench.session.openCalls == 0)
  }

  @Test(arguments: [
    frame(procedure: 1, type: 1, serial: 5), frame(procedure: 2, type: 1, serial: 0),
    frame(version: 2, procedure: 1, type: 1, serial: 0), frame(program: 9, procedure: 1, type: 1, serial: 0),
    frame(procedure: 1, type: 1, serial: 0, status: 2), frame(procedure: 1), frame(procedure: 10, type: 2, status: 1),
  ])
  func whatNobodyWaitsForCloses(bytes: [UInt8]) throws {
    var bench = ClientBench()
    _ = try bench.session.call(Toy.Echo.self, "a")
    let events = bench.feed(bytes)
    #expect(events.count == 2, "the open call fails, then the end")
    let reason = try #require(events.last?.closeReason)
    guard case .unexpected = reason else {
      Issue.record("\(reason)")
      return
    }
    #expect(events.first?.reply?.outcome.error == .connectionClosed(reason))
  }

  @Test func aReplyComesOnce() throws {
    var bench = ClientBench()
    _ = try bench.session.call(Toy.Echo.self, "a")
    #expect(bench.feed(reply(0)).count == 1)
    #expect(bench.feed(reply(0)).last?.closeReason?.isOrderly == false)
  }

  @Test func aCallHasADeadlineAndItsLateReplyIsDropped() throws {
    var bench = ClientBench()
    let start = bench.now
    _ = try bench.session.call(Toy.Echo.self, "slow", deadline: start + 3 * second)
    _ = try bench.session.call(Toy.Echo.self, "slower", deadline: start + 5 * second)
    _ = try bench.session.call(Toy.Echo.self, "patient")
    #expect(bench.session.nextDeadline == start + 3 * second)
    bench.session.timePassed(at: start + 3 * second)
    #expect(bench.drain().compactMap { $0.reply?.serial } == [0])
    #expect(bench.session.nextDeadline == start + 5 * second)
    #expect(bench.feed(reply(0)).isEmpty, "late")
    #expect(!bench.session.isClosed)
    #expect(bench.feed(reply(1) + reply(2)).compactMap { $0.reply?.serial } == [1, 2])
    #expect(bench.feed(reply(0)).last?.closeReason?.isOrderly == false, "and only one late reply is owed")
  }

  @Test func aCallMayBeGivenUp() throws {
    var bench = ClientBench()
    let serial = try bench.session.call(Toy.Echo.self, "a")
    #expect(bench.session.abandon(serial) == true)
    #expect(bench.session.abandon(serial) == false)
    #expect(bench.feed(reply(serial)).isEmpty)
    #expect(!bench.session.isClosed)
  }

  @Test func openCallsFailWithTheConnectionAfterEverythingThatCame() throws {
    var bench = ClientBench()
    for text in ["a", "b", "c"] { _ = try bench.session.call(Toy.Echo.self, Toy.Note(text)) }
    bench.session.received(GoldenFrameTests.event + reply(1) + GoldenFrameTests.event, at: bench.now)
    bench.session.receivedEnd()
    let events = bench.drain()
    #expect(events.count == 6)
    #expect(events.compactMap { $0.reply?.serial } == [1, 0, 2])
    #expect(events[3].reply?.outcome.error == .connectionClosed(.peerClosed))
    #expect(events.last?.closeReason == .peerClosed)
    #expect(throws: RPCCallError.connectionClosed(.peerClosed)) { try bench.session.call(Toy.Echo.self, "d") }
  }

  @Test func argumentsThatBreakTheirBoundsAreNotSent() throws {
    var bench = ClientBench()
    #expect(throws: RPCCallError.self) { try bench.session.call(Toy.Echo.self, "nul \0") }
    #expect(throws: RPCCallError.self) {
      try bench.session.call(Toy.Echo.self, Toy.Note(String(repeating: "x", count: 5 << 20)))
    }
    #expect(bench.sentBytes().isEmpty)
    #expect(bench.session.openCalls == 0)
  }

  @Test func anErrorThatCannotBeReadIsAnErrorOfThatCallOnly() throws {
    var bench = ClientBench()
    _ = try bench.session.call(Toy.Echo.self, "a")
    let events = bench.feed(frame(procedure: 1, type: 1, serial: 0, status: 1, payload: [1, 2, 3]))
    guard case .undecodable? = events.first?.reply?.outcome.error else {
      Issue.record("\(events)")
      return
    }
    #expect(!bench.session.isClosed)
  }

  @Test func anUnknownErrorCodeIsCarried() throws {
    var bench = ClientBench()
    _ = try bench.session.call(Toy.Echo.self, "a")
    let error = RPCErrorBody(RPCErrorCode(rawValue: 4711), "from the future")
    let events = bench.feed(frame(procedure: 1, type: 1, serial: 0, status: 1, payload: encoded(error)))
    #expect(events.first?.reply?.outcome.error == .remote(error))
  }

  @Test func streams() throws {
    var bench = ClientBench()
    let serial = try bench.session.openStream(Toy.Echo.self, "s")
    _ = bench.sentBytes()
    #expect(bench.feed(reply(serial, "open")).count == 1)
    bench.session.send(stream: serial, [1, 2, 3])
    #expect(bench.sentBytes() == GoldenFrameTests.streamData)
    bench.session.finish(stream: serial)
    #expect(bench.sentBytes() == GoldenFrameTests.streamEnd)
    let error = RPCErrorBody(.storage, "disk full")
    let events = bench.feed(
      GoldenFrameTests.streamData + frame(procedure: 1, type: 3, serial: 0, status: 1, payload: encoded(error))
        + GoldenFrameTests.streamData)
    #expect(events.count == 2, "data, the error, and nothing after it")
    guard case .stream(let last)? = events.last, case .aborted(let why) = last.content else {
      Issue.record("\(events)")
      return
    }
    #expect(why == error)
  }

  @Test func serialsWrapAroundPastOpenCalls() throws {
    var bench = ClientBench()
    let first = try bench.session.call(Toy.Echo.self, "stays open")
    for _ in 0..<1000 {
      let serial = try bench.session.call(Toy.Echo.self, "a")
      #expect(serial != first)
      _ = bench.feed(reply(serial))
    }
  }
}
