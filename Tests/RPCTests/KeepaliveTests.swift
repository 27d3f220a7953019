import RPC
import Testing
import WireProtocol
import XDR

@Suite struct KeepaliveTests {
  private func bench(closes: Bool = true) -> ServerBench {
    ServerBench { $0.keepalive = .init(interval: 5 * second, count: 3, closes: closes) }
  }

  /// Steps through time as a driver does: to each deadline. Seconds at which a PING went out, and at which it ended.
  private func run(_ bench: inout ServerBench, seconds: UInt64) -> (pings: [UInt64], end: UInt64?) {
    let start = bench.now
    var pings: [UInt64] = []
    while let deadline = bench.session.nextDeadline, deadline <= start + seconds * second {
      bench.now = deadline
      bench.session.timePassed(at: deadline)
      if bench.sent().contains(where: { $0.header.program == Keepalive.number && $0.header.procedure == 1 }) {
        pings.append((deadline - start) / second)
      }
      for event in bench.drain() {
        if case .closed = event { return (pings, (deadline - start) / second) }
        if case .silent = event { return (pings, (deadline - start) / second) }
      }
    }
    return (pings, nil)
  }

  @Test func aSilentPeerIsAskedAndThenGivenUp() {
    var bench = bench()
    let (pings, end) = run(&bench, seconds: 100)
    #expect(pings == [5, 10, 15])
    #expect(end == 20)
    #expect(bench.session.isClosed)
  }

  @Test func anyMessageIsASignOfLife() {
    var bench = bench()
    for _ in 0..<10 {
      bench.now += 4 * second
      bench.session.timePassed(at: bench.now)
      #expect(bench.sent().isEmpty)
      _ = bench.feed(GoldenFrameTests.pong)
    }
    let (pings, end) = run(&bench, seconds: 100)
    #expect(pings == [5, 10, 15])
    #expect(end == 20)
  }

  @Test func aPeerMayBeReportedInsteadOfClosed() {
    var bench = bench(closes: false)
    let (_, end) = run(&bench, seconds: 100)
    #expect(end == 20)
    #expect(!bench.session.isClosed)
    #expect(bench.session.nextDeadline == nil, "one silence is reported once")
    let events = bench.feed(GoldenFrameTests.pong)
    guard case .heardAgain? = events.first else {
      Issue.record("the return is not reported: \(events)")
      return
    }
    #expect(run(&bench, seconds: 100).end == 20, "and a second silence is one of its own")
  }

  /// This process was stopped for an hour (SIGSTOP, suspend): signs of life may be waiting unread.
  @Test func ourOwnAbsenceIsNotThePeersSilence() {
    var bench = bench()
    bench.now += 3600 * second
    bench.session.timePassed(at: bench.now)
    #expect(!bench.session.isClosed)
    #expect(bench.sent().count == 1, "it is asked")
    let (pings, end) = run(&bench, seconds: 100)
    #expect(pings == [5, 10])
    #expect(end == 15)
  }

  @Test func aBusyServerShowsThatItLives() throws {
    var bench = ServerBench { $0.callsInFlight = 1 }
    let call = try #require(bench.calls(echo("a", serial: 0) + echo("b", serial: 1) + GoldenFrameTests.ping).first)
    #expect(!bench.session.wantsRead)
    #expect(bench.sent().isEmpty, "the ping waits behind a call that must wait")
    for _ in 0..<4 {
      let deadline = try #require(bench.session.nextDeadline)
      bench.now = deadline
      bench.session.timePassed(at: deadline)
      #expect(bench.sent().map(\.header.procedure) == [Keepalive.Pong.number])
    }
    bench.session.reply(to: call, Toy.Echo.self, "a")
    #expect(bench.drain().count == 1)
  }

  @Test(arguments: [
    frame(program: Keepalive.number, procedure: 3, type: 2), frame(program: Keepalive.number, procedure: 1, type: 0),
    frame(program: Keepalive.number, procedure: 1, type: 2, payload: [0, 0, 0, 0]),
  ])
  func nonsenseCloses(bytes: [UInt8]) {
    var bench = bench()
    #expect(bench.feed(bytes).last?.closeReason?.isOrderly == false)
  }
}
