import RPC
import Testing
import WireProtocol
import XDR

@Suite struct ServerSessionTests {
  // MARK: Answered by the session itself

  @Test func unknownNumbersGetStableErrorsAndTheConnectionLives() throws {
    var bench = ServerBench()
    let bytes =
      frame(program: 0x2f00_0099, procedure: 1, serial: 1) + frame(version: 9, procedure: 1, serial: 2)
      + frame(procedure: 77, serial: 3) + frame(procedure: -1, serial: 4) + frame(procedure: 10, serial: 5)
      + echo("still here", serial: 6)
    let calls = bench.calls(bytes)
    #expect(calls.map(\.serial) == [6])
    let replies = bench.sent()
    #expect(replies.map(\.header.serial) == [1, 2, 3, 4, 5])
    let errors = try replies.map { try RPCErrorBody(xdr: $0.payload) }
    #expect(errors.map(\.code) == [.unknownProgram, .unknownProgram, .notSupported, .notSupported, .notSupported])
    #expect(errors[0].message == "unknown program 0x2f000099")
    #expect(errors[1].message == "program toy: version 9 is not served, 1 is")
    #expect(errors[2].message == "program toy: unknown procedure: 77")
    #expect(errors[4].message == "program toy: unknown procedure: 10", "an event cannot be called")
    #expect(replies[1].header.version == 9, "a reply echoes its call")
  }

  @Test func procedureZeroTellsVersionsAndFeatures() throws {
    var bench = ServerBench(right: .none, readOnly: true)
    let events = bench.feed(frame(version: 9, procedure: 0, serial: 5, payload: encoded(Toy.Note("lodge 1.0"))))
    guard case .hello(let client)? = events.first else {
      Issue.record("no hello")
      return
    }
    #expect(client == "lodge 1.0")
    let reply = try #require(bench.sent().first)
    #expect(reply.header.serial == 5)
    #expect(reply.header.status == .ok)
    #expect(
      Array(reply.payload) == [
        0, 0, 0, 8, 116, 111, 121, 100, 32, 49, 46, 48,  // "toyd 1.0"
        0, 0, 0, 1, 0, 0, 0, 1,  // one version: 1
        0, 0, 0, 2, 0, 0, 0, 8, 116, 111, 121, 46, 101, 99, 104, 111,  // two features: "toy.echo",
        0, 0, 0, 10, 114, 105, 103, 104, 116, 46, 110, 111, 110, 101, 0, 0,  // and the caller's right: "right.none"
      ])
  }

  @Test func aBadHelloIsAnError() {
    var bench = ServerBench()
    #expect(bench.feed(frame(procedure: 0, payload: [0, 0, 0, 9])).isEmpty)
    #expect(bench.errors().map(\.code) == [.invalidArgument])
  }

  struct Caller: CustomTestStringConvertible, Sendable {
    let right: RPCRight
    let readOnly: Bool
    let allowed: [Int32]
    var testDescription: String { "\(right)\(readOnly ? ", read-only" : "")" }
  }

  @Test(arguments: [
    Caller(right: .none, readOnly: false, allowed: []), Caller(right: .none, readOnly: true, allowed: []),
    Caller(right: .view, readOnly: false, allowed: [1]), Caller(right: .view, readOnly: true, allowed: [1]),
    Caller(right: .inspect, readOnly: false, allowed: [1]), Caller(right: .inspect, readOnly: true, allowed: [1]),
    Caller(right: .operate, readOnly: false, allowed: [1, 2, 4]),
    Caller(right: .operate, readOnly: true, allowed: [1, 4]),
    Caller(right: .admin, readOnly: false, allowed: [1, 2, 3, 4]),
    Caller(right: .admin, readOnly: true, allowed: [1, 4]),
  ])
  func rightsAreCheckedBeforeArguments(caller: Caller) throws {
    var bench = ServerBench(right: caller.right, readOnly: caller.readOnly)
    // The arguments are nonsense: a caller without the right must not find out.
    let bytes = (1...4).flatMap { frame(procedure: $0, serial: UInt32($0), payload: [1, 2, 3]) }
    #expect(bench.calls(bytes).map(\.procedure.number) == caller.allowed)
    let denied = bench.sent()
    #expect(denied.map(\.header.procedure) == (1...4).filter { !caller.allowed.contains($0) })
    for frame in denied { #expect(try RPCErrorBody(xdr: frame.payload).code == .denied) }
  }

  @Test func aConnectionThatIsOneTooManyIsTold() {
    var bench = ServerBench(refusal: RPCErrorBody(.limitReached, "1024 clients are connected"))
    #expect(bench.calls(frame(procedure: 0, payload: encoded(Toy.Note("x"))) + echo("a", serial: 1)).isEmpty)
    #expect(bench.errors().map(\.code) == [.limitReached, .limitReached])
  }

  // MARK: Replies

  @Test func repliesGoOutInAnyOrderAndOnce() throws {
    var bench = ServerBench()
    let calls = bench.calls((0..<5).flatMap { echo("\($0)", serial: $0) })
    for call in calls.reversed() {
      bench.session.reply(to: call, Toy.Echo.self, try call.decode(Toy.Echo.self))
      bench.session.reply(to: call, Toy.Echo.self, "twice")
      bench.session.fail(call, RPCErrorBody(.internal, "thrice"))
    }
    let replies = bench.sent()
    #expect(replies.map(\.header.serial) == [4, 3, 2, 1, 0])
    #expect(try replies.map { try Toy.Note(xdr: $0.payload).text } == ["4", "3", "2", "1", "0"])
    #expect(bench.session.openCalls == 0)
  }

  @Test func aSerialMayBeUsedAgainButNotTwiceAtATime() throws {
    var bench = ServerBench()
    let call = try #require(bench.calls(echo("a", serial: 7)).first)
    bench.session.reply(to: call, Toy.Echo.self, "a")
    #expect(bench.calls(echo("b", serial: 7)).count == 1)
    let events = bench.feed(echo("c", serial: 7))
    #expect(events.last?.closeReason == .unexpected("serial 7 is used by two open calls"))
  }

  @Test func aReplyThatBreaksItsBoundsBecomesAnError() throws {
    var bench = ServerBench()
    let calls = bench.calls(echo("a", serial: 0) + echo("b", serial: 1) + echo("c", serial: 2))
    bench.session.reply(to: calls[0], Toy.Echo.self, Toy.Note("nul \0"))
    bench.session.reply(to: calls[1], encoded: [UInt8](repeating: 0, count: 5 << 20))
    bench.session.reply(to: calls[2], Toy.Echo.self, Toy.Note(String(repeating: "x", count: 5 << 20)))
    let errors = bench.errors()
    #expect(errors.map(\.code) == [.internal, .limitReached, .limitReached])
    #expect(errors[0].message.hasPrefix("toyEcho: reply"))
  }

  @Test func anErrorAlwaysGetsThrough() throws {
    var bench = ServerBench()
    let call = try #require(bench.calls(echo("a", serial: 0)).first)
    let long = String(repeating: "ä", count: 5000)
    bench.session.fail(call, RPCErrorBody(.internal, long + "\0", hint: long, step: long))
    let error = try #require(bench.errors().first)
    #expect(error.message.utf8.count == 2048)
    #expect(error.hint.utf8.count == 1024)
    #expect(error.step?.utf8.count == 64)
  }

  @Test func badArgumentsNameTheProcedureAndTheField() throws {
    var bench = ServerBench()
    let call = try #require(bench.calls(frame(procedure: 1, payload: [0, 0, 0, 9, 1, 2, 3, 4])).first)
    let error = #expect(throws: RPCErrorBody.self) { try call.decode(Toy.Echo.self) }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.hasPrefix("toyEcho: argument") == true)
  }

  // MARK: Back-pressure

  @Test func tooManyOpenCallsAreNotReadAndNotLost() throws {
    var bench = ServerBench { $0.callsInFlight = 3 }
    var calls = bench.calls((0..<10).flatMap { echo("\($0)", serial: $0) })
    #expect(calls.map(\.serial) == [0, 1, 2])
    #expect(!bench.session.wantsRead)
    var served: [UInt32] = []
    while let call = calls.first {
      calls.removeFirst()
      served.append(call.serial)
      bench.session.reply(to: call, Toy.Echo.self, "")
      calls += bench.drain().compactMap { if case .call(let call) = $0 { call } else { nil } }
      #expect(bench.session.openCalls <= 3)
    }
    #expect(served == Array(0..<10))
    #expect(bench.session.wantsRead)
  }

  @Test func aClientThatDoesNotReadIsNotRead() throws {
    var bench = ServerBench { configuration in
      configuration.outputHighWater = 1000
      configuration.outputLowWater = 100
    }
    while bench.session.isWritable { try bench.session.send(Toy.Tick.self, "some text") }
    #expect(bench.session.queuedBytes >= 1000)
    #expect(!bench.session.wantsRead)
    #expect(bench.calls(echo("waits", serial: 0)).isEmpty)
    bench.session.sentBytes(bench.session.queuedBytes - 101)
    #expect(!bench.session.isWritable, "not yet down to the low-water mark")
    bench.session.sentBytes(1)
    #expect(bench.session.isWritable)
    #expect(bench.drain().count == 1)
  }

  @Test func timeInWhichNothingWasReadDoesNotCount() throws {
    var bench = ServerBench { $0.callsInFlight = 1 }
    let whole = echo("b", serial: 1)
    let call = try #require(bench.calls(echo("a", serial: 0) + whole + whole.prefix(10)).first)
    bench.now += 60 * second
    bench.session.timePassed(at: bench.now)
    bench.session.reply(to: call, Toy.Echo.self, "")
    guard case .call(let next)? = bench.drain().first else {
      Issue.record("the second call was lost")
      return
    }
    bench.session.reply(to: next, Toy.Echo.self, "")
    #expect(bench.drain().isEmpty)
    bench.session.timePassed(at: bench.now + second)
    #expect(!bench.session.isClosed)
  }

  // MARK: Bad input

  @Test func aFrameThatIsNeverFinishedHasADeadline() throws {
    var bench = ServerBench()
    let bytes = echo("slow", serial: 0)
    for byte in bytes.prefix(9) {
      _ = bench.feed([byte])
      bench.session.timePassed(at: bench.now)
      bench.now += second
    }
    #expect(!bench.session.isClosed)
    _ = bench.feed([bytes[9]])
    let deadline = try #require(bench.session.nextDeadline)
    #expect(deadline == bench.now + second, "ten seconds from the first byte, not from the last")
    bench.session.timePassed(at: deadline)
    #expect(bench.drain().last?.closeReason == .frameDeadline)
  }

  @Test(arguments: [
    frame(procedure: 1, type: 1), frame(procedure: 1, type: 5, payload: [0, 0, 0, 0]),
    frame(procedure: 10, type: 2), frame(procedure: 1, status: 1), frame(procedure: 1, status: 2),
    frame(procedure: 1, type: 7),
  ])
  func whatAClientMustNotSendCloses(bytes: [UInt8]) {
    var bench = ServerBench()
    let events = bench.feed(bytes + echo("never", serial: 9))
    #expect(events.count == 1)
    #expect(events.last?.closeReason?.isOrderly == false)
    #expect(bench.drain().isEmpty, "the end is reported once")
    #expect(!bench.session.wantsRead)
    #expect(bench.session.nextDeadline == nil)
  }

  @Test func descriptorsWhereNoneAreTakenAreAnErrorAndAreSkipped() {
    var bench = ServerBench()
    let calls = bench.calls(GoldenFrameTests.callWithDescriptors + [0, 0] + echo("next", serial: 1))
    #expect(calls.map(\.serial) == [1])
    #expect(bench.errors().map(\.message) == ["toyEcho: takes no file descriptors"])
  }

  @Test func descriptorsThatNobodyTakesAreGivenBackToBeClosed() {
    var bench = ServerBench(right: .none) { $0.acceptsDescriptors = true }
    _ = bench.feed(GoldenFrameTests.callWithDescriptors)
    _ = bench.feed([0], descriptors: [7])
    _ = bench.feed([0], descriptors: [8])
    #expect(bench.errors().map(\.code) == [.denied])
    #expect(bench.session.takeDiscardedDescriptors() == [7, 8])
    _ = bench.feed(GoldenFrameTests.call, descriptors: [9])
    #expect(bench.session.isClosed)
    #expect(bench.session.takeDiscardedDescriptors() == [9])
  }

  // MARK: Streams

  @Test func aStreamCarriesDataBothWaysAndEndsWhenBothHaveFinished() throws {
    var bench = ServerBench()
    let call = try #require(bench.calls(echo("s", serial: 3)).first)
    #expect(bench.session.openStream(for: call, Toy.Echo.self, "open") == true)
    let events = bench.feed(
      frame(procedure: 1, type: 3, serial: 3, status: 2, payload: [9, 8, 7]) + frame(procedure: 1, type: 3, serial: 3))
    #expect(events.count == 2)
    guard case .stream(let data)? = events.first, case .data(let bytes) = data.content else {
      Issue.record("no data")
      return
    }
    #expect(Array(bytes) == [9, 8, 7])
    #expect(bench.session.send(stream: 3, [1]) == true, "this side is not done")
    bench.session.finish(stream: 3)
    #expect(bench.session.send(stream: 3, [1]) == false)
    #expect(bench.calls(echo("again", serial: 3)).count == 1, "the serial is free")
  }

  @Test func longStreamDataIsCutIntoPieces() throws {
    var bench = ServerBench()
    let call = try #require(bench.calls(echo("s", serial: 3)).first)
    _ = bench.session.openStream(for: call, Toy.Echo.self, "open")
    let data = (0..<200_000).map { UInt8(truncatingIfNeeded: $0) }
    bench.session.send(stream: 3, data[...])
    let pieces = bench.sent().dropFirst()
    #expect(pieces.map(\.payload.count) == [65536, 65536, 65536, 3392])
    #expect(pieces.flatMap { Array($0.payload) } == data)
  }

  @Test func aStreamThatIsGoneIsNoFault() throws {
    var bench = ServerBench()
    let call = try #require(bench.calls(echo("s", serial: 3)).first)
    _ = bench.session.openStream(for: call, Toy.Echo.self, "open")
    bench.session.abort(stream: 3, RPCErrorBody(.cancelled, "enough"))
    #expect(bench.errors().map(\.message) == ["enough"])
    #expect(bench.feed(frame(procedure: 1, type: 3, serial: 3, status: 2, payload: [1])).isEmpty)
    #expect(!bench.session.isClosed)
  }

  @Test func streamsAreCounted() throws {
    var bench = ServerBench { $0.streams = 1 }
    let calls = bench.calls(echo("s", serial: 3) + echo("t", serial: 4))
    #expect(bench.session.openStream(for: calls[0], Toy.Echo.self, "open") == true)
    #expect(bench.session.openStream(for: calls[1], Toy.Echo.self, "open") == false)
    #expect(bench.errors().map(\.code) == [.limitReached])
  }

  // MARK: The end

  @Test func everythingSentBeforeAHangUpIsDispatchedFirst() {
    var bench = ServerBench { $0.callsInFlight = 2 }
    bench.session.received((0..<5).flatMap { echo("\($0)", serial: $0) }, at: bench.now)
    bench.session.receivedEnd()
    var seen: [UInt32] = []
    var end: CloseReason?
    while end == nil {
      for event in bench.drain() {
        switch event {
        case .call(let call):
          seen.append(call.serial)
          bench.session.reply(to: call, Toy.Echo.self, "")
        case .closed(let reason): end = reason
        default: break
        }
      }
    }
    #expect(seen == [0, 1, 2, 3, 4])
    #expect(end == .peerClosed)
  }

  @Test func aPeerThatIsGoneIsReadToTheEndAlthoughItsRepliesPileUp() {
    var bench = ServerBench { $0.outputHighWater = 10 }
    bench.session.received(echo("0", serial: 0) + echo("1", serial: 1), at: bench.now)
    guard case .call(let first)? = bench.session.next(at: bench.now) else { return }
    bench.session.reply(to: first, Toy.Echo.self, "a reply longer than ten bytes")
    #expect(bench.session.next(at: bench.now) == nil)
    bench.session.receivedEnd()
    bench.session.outputBroke()
    let events = bench.drain()
    #expect(events.count == 2, "the second call, then the end")
    #expect(events.last?.closeReason == .peerClosed)
  }

  @Test func aHangUpInsideAFrameSaysSo() {
    var bench = ServerBench()
    _ = bench.feed(Array(GoldenFrameTests.call.prefix(30)))
    bench.session.receivedEnd()
    #expect(bench.drain().last?.closeReason == .peerClosedInsideFrame(bytes: 30))
  }

  @Test func anIdleConnectionMarkedForDelayedCloseIsClosedAtOnce() {
    var bench = ServerBench()
    bench.session.closeDelayed(deadline: bench.now + second, peerHasReadAll: true)
    #expect(bench.drain().last?.closeReason == .drained)
  }

  @Test func aDelayedCloseWaitsForRepliesOutputAndThePeer() throws {
    var bench = ServerBench()
    let call = try #require(bench.calls(echo("a", serial: 0)).first)
    try bench.session.send(Toy.Tick.self, "first")
    try bench.session.send(Toy.Tick.self, "second")
    bench.session.closeDelayed(deadline: bench.now + second, peerHasReadAll: false)
    #expect(try !bench.session.send(Toy.Tick.self, "too late"))
    #expect(bench.calls(echo("too late", serial: 1)).isEmpty)
    #expect(!bench.session.wantsDrainCheck, "a call is open")
    bench.session.reply(to: call, Toy.Echo.self, "a")
    #expect(!bench.session.wantsDrainCheck, "output is queued")
    bench.session.peerHasReadAll()
    #expect(!bench.session.isClosed, "an empty queue in the kernel means nothing yet")
    let sent = bench.sent()
    #expect(sent.map(\.header.type) == [.event, .event, .reply, .reply])
    #expect(try RPCErrorBody(xdr: sent[2].payload).code == .unavailable)
    #expect(bench.session.wantsDrainCheck)
    #expect(bench.drain().isEmpty)
    bench.session.peerHasReadAll()
    #expect(bench.drain().last?.closeReason == .drained)
  }

  @Test func aDelayedCloseHasADeadline() throws {
    var bench = ServerBench()
    try bench.session.send(Toy.Tick.self, "never read")
    bench.session.closeDelayed(deadline: bench.now + second, peerHasReadAll: false)
    #expect(bench.session.nextDeadline == bench.now + second)
    bench.session.timePassed(at: bench.now + second)
    #expect(bench.drain().last?.closeReason == .notDrained)
  }

  @Test func aPeerThatGoesDuringADelayedCloseEndsIt() throws {
    var bench = ServerBench()
    try bench.session.send(Toy.Tick.self, "never read")
    bench.session.closeDelayed(deadline: bench.now + second, peerHasReadAll: false)
    bench.session.receivedEnd()
    #expect(bench.drain().last?.closeReason == .peerClosed)
  }

  @Test func nothingHappensAfterTheEnd() throws {
    var bench = ServerBench()
    let call = try #require(bench.calls(echo("a", serial: 0)).first)
    bench.session.close(reason: "enough")
    #expect(bench.drain().last?.closeReason == .closedHere("enough"))
    bench.session.reply(to: call, Toy.Echo.self, "a")
    try bench.session.send(Toy.Tick.self, "b")
    #expect(bench.feed(echo("c", serial: 1)).isEmpty)
    #expect(bench.session.nextOutput == .idle)
    #expect(bench.session.nextDeadline == nil)
  }

  @Test func framesCanBeTraced() {
    let lines = Lines()
    var bench = ServerBench { $0.trace = { lines.add("\($0.rawValue) \($1)") } }
    _ = bench.feed(GoldenFrameTests.ping)
    #expect(
      lines.all == [
        "<- event 0x6b656570/1 procedure 1 serial 0, 28 bytes", "-> event 0x6b656570/1 procedure 2 serial 0, 28 bytes",
      ])
  }
}

/// Lines that a callback wrote, on one thread.
final class Lines: @unchecked Sendable {
  private(set) var all: [String] = []
  func add(_ line: String) { all.append(line) }
}
