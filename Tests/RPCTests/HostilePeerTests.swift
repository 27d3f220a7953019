import RPC
import Testing
import WireProtocol
import XDR

/// Clients that mean harm, or are broken: what a session keeps because of them is bounded, and their end is noticed.
@Suite struct HostilePeerTests {
  private static let ping = frame(program: 0x6b65_6570, procedure: 1, type: 2)

  // MARK: An end that comes at any moment

  /// A client that has gone is gone, whatever it left open and unread.
  @Test(arguments: [0, 1, 63, 64, 65, 100, 1000], [false, true])
  func theEndIsNoticedWithAnyNumberOfOpenCalls(calls: Int, isBlocked: Bool) {
    var bench = ServerBench { $0.outputHighWater = 4096 }
    let events = bench.feed((0..<calls).flatMap { echo("", serial: UInt32($0)) })
    #expect(events.count == min(calls, RPCLimits.callsInFlight))
    if isBlocked { _ = try? bench.session.send(Toy.Tick.self, Toy.Note(String(repeating: "x", count: 5000))) }
    bench.session.receivedEnd()
    bench.session.outputBroke()
    let last = bench.drain()
    #expect(last.last?.closeReason == .peerClosed)
    #expect(bench.session.isClosed && bench.session.heldBytes == bench.session.openCalls * 4)
  }

  /// So is one whose messages are answered at once, so that there is always room for the next of a full socket.
  @Test(arguments: Way.allCases) func aClientThatHasGoneIsReadNoFurther(way: Way) {
    var bench = ServerBench(right: .operate)
    bench.session.received((0..<1000).flatMap { flood(way, $0) }, at: bench.now)
    bench.session.receivedEnd()
    bench.session.outputBroke()
    var taken = 0
    var reason: CloseReason?
    while reason == nil {
      var allowance = 16
      while let event = bench.session.next(at: bench.now, allowance: &allowance) {
        if case .call(let call) = event { bench.session.reply(to: call, Toy.Echo.self, "a") }
        reason = event.closeReason ?? reason
      }
      taken += 16 - allowance
      guard taken <= 1000 else { break }
    }
    #expect(reason == .peerClosed, "\(way)")
    #expect(taken == RPCLimits.callsInFlight, "\(way)")
    #expect(bench.session.heldBytes == 0)
  }

  /// Replies that come after the end of the client do no harm, and bring no second end.
  @Test func repliesAfterTheEndAreDropped() {
    var bench = ServerBench()
    let calls = bench.calls((0..<64).flatMap { echo("a", serial: UInt32($0)) })
    bench.session.receivedEnd()
    bench.session.outputBroke()
    #expect(bench.drain().compactMap(\.closeReason) == [.peerClosed])
    for call in calls { bench.session.reply(to: call, Toy.Echo.self, "late") }
    #expect(bench.drain().isEmpty)
    #expect(bench.session.queuedBytes == 0)
  }

  // MARK: Ways into the output

  /// Every way in which a client can make the server queue something, repeated without reading: the queue ends at its
  /// bound, and input is not taken any further.
  enum Way: CaseIterable, Sendable {
    case pings, hellos, badHellos, unknownPrograms, unknownProcedures, denied, echoes, streams, descriptors
  }

  private func flood(_ way: Way, _ number: UInt32) -> [UInt8] {
    switch way {
    case .pings: Self.ping
    case .hellos: frame(procedure: 0, serial: number, payload: encoded(Toy.Note("x")))
    case .badHellos: frame(procedure: 0, serial: number)
    case .unknownPrograms: frame(program: 0x2f00_0099, procedure: 1, serial: number)
    case .unknownProcedures: frame(procedure: 77, serial: number)
    case .denied: frame(procedure: 3, serial: number)
    case .echoes, .streams: echo("some text", serial: number)
    case .descriptors: frame(procedure: 1, type: 4, serial: number, payload: [0, 0, 0, 0] + encoded(Toy.Note("x")))
    }
  }

  @Test(arguments: Way.allCases) func noWayIntoTheOutputPassesItsBound(way: Way) throws {
    var bench = ServerBench(right: .operate) {
      $0.outputHighWater = 20_000
      $0.outputLowWater = 5_000
    }
    var number: UInt32 = 0
    for _ in 0..<200 where bench.session.wantsRead {
      var burst: [UInt8] = []
      for _ in 0..<100 {
        burst += flood(way, number)
        number += 1
      }
      bench.session.received(burst, at: bench.now)
      while let event = bench.session.next(at: bench.now) {
        guard case .call(let call) = event else { continue }
        if way == .streams {
          if bench.session.openStream(for: call, Toy.Echo.self, "a") {
            bench.session.send(stream: call.serial, [1, 2, 3])
            bench.session.abort(stream: call.serial, RPCErrorBody(.cancelled, "enough"))
          }
        } else {
          bench.session.reply(to: call, Toy.Echo.self, "some text")
        }
      }
      #expect(bench.session.queuedBytes <= 21_000, "\(way)")
      #expect(bench.session.heldBytes <= 60_000, "\(way)")
    }
    #expect(!bench.session.wantsRead, "it is not read any further")
    #expect(!bench.session.isClosed || way == .pings, "only PINGs alone end a connection before its queue is full")
  }

  /// Whatever a client sends, a step takes so many frames and no more, those that the session answers by itself included.
  @Test(arguments: Way.allCases) func aStepTakesABoundedNumberOfFrames(way: Way) {
    var bench = ServerBench(right: .operate) { $0.callsInFlight = 1000 }
    bench.session.received((0..<100).flatMap { flood(way, $0) }, at: bench.now)
    var steps = 0
    var answered = 0
    while bench.session.hasBufferedInput {
      var allowance = 16
      while let event = bench.session.next(at: bench.now, allowance: &allowance) {
        if case .call(let call) = event { bench.session.reply(to: call, Toy.Echo.self, "a") }
      }
      steps += 1
      answered += bench.sent().count
      #expect(answered <= 16 * steps, "\(way)")
    }
    #expect(steps == 7 && answered == 100, "\(way)")
  }

  /// A thousand unread PONGs serve no purpose: a client that reads none of them is cut off.
  @Test func pingsWithoutReadingEndTheConnection() {
    var bench = ServerBench()
    var events: [ServerSession.Event] = []
    for _ in 0..<100 where !bench.session.isClosed {
      events += bench.feed([[UInt8]](repeating: Self.ping, count: 100).flatMap { $0 })
    }
    #expect(events.last?.closeReason == .unread("1025 PONGs are queued for it"))
    #expect(bench.session.queuedBytes == 0)
  }

  /// PONGs count only while they are queued: PINGs behind a long queue that moves, for as long as one likes, are fine.
  @Test func pingsOfAReaderNeverEndItsConnection() {
    var bench = ServerBench { $0.outputHighWater = 1 << 20 }
    for _ in 0..<300 {
      for event in bench.feed(echo(String(repeating: "x", count: 3000), serial: 1) + Self.ping * 20) {
        guard case .call(let call) = event else { continue }
        bench.session.reply(to: call, Toy.Echo.self, Toy.Note(String(repeating: "y", count: 3000)))
      }
      // A slow reader: the queue is never empty.
      if bench.session.queuedBytes > 8000 { bench.session.sentBytes(bench.session.queuedBytes - 4000) }
    }
    #expect(!bench.session.isClosed)
  }

  /// Replies to calls that were open before the queue was full may go above the high-water mark, but not without end.
  @Test func aClientThatReadsNoReplyIsCutOff() {
    var bench = ServerBench { $0.outputMax = 1 << 20 }
    let calls = bench.calls((0..<64).flatMap { echo("a", serial: UInt32($0)) })
    for call in calls {
      bench.session.reply(to: call, Toy.Echo.self, Toy.Note(String(repeating: "x", count: 100_000)))
      #expect(bench.session.queuedBytes <= 1 << 20)
    }
    #expect(bench.drain().last?.closeReason == .unread("1100352 bytes are queued for it"))
  }

  // MARK: Memory behind small things

  /// A small call that stays open, sent behind a large frame, does not keep the large one.
  @Test func anOpenCallKeepsItsOwnBytesOnly() throws {
    var bench = ServerBench()
    for number: UInt32 in 0..<20 {
      let large = frame(procedure: 77, serial: 1000 + number, payload: [UInt8](repeating: 0, count: 1 << 20))
      let calls = bench.calls(large + echo("small", serial: number))
      let call = try #require(calls.first)
      // The slice's indices begin where its buffer does: an own buffer begins at 0.
      #expect(call.args.startIndex == 0 && call.args.count == 12)
    }
    #expect(bench.session.openCalls == 20)
    #expect(bench.session.heldBytes < 20_000, "\(bench.session.heldBytes)")
  }

  /// Unread replies, half frames and open calls are all in the sum.
  @Test func heldBytesCountWhatIsNotWholeAndWhatIsOpen() {
    var bench = ServerBench()
    _ = bench.feed(Array(echo(String(repeating: "x", count: 9000), serial: 1).dropLast()))
    #expect(bench.session.heldBytes == 28 + 4 + 9000 - 1)
    _ = bench.feed([UInt8(ascii: "x")])
    #expect(bench.session.heldBytes == 4 + 9000)
  }
}

private func * (bytes: [UInt8], count: Int) -> [UInt8] { [[UInt8]](repeating: bytes, count: count).flatMap { $0 } }
