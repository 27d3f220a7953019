import RPC
import Testing
import WireProtocol
import XDR

/// Whatever comes, a session answers or closes; it never traps, and never asks for more than it was given.
@Suite struct RandomBytesTests {
  private func configuration(_ random: inout TestRandom) -> (inout ServerSession.Configuration) -> Void {
    let limit = Int.random(in: 1...4, using: &random)
    let descriptors = Bool.random(using: &random)
    return { configuration in
      configuration.callsInFlight = limit
      configuration.acceptsDescriptors = descriptors
      configuration.keepalive = .init(interval: second, count: 2)
      configuration.outputHighWater = 2000
      configuration.outputLowWater = 200
    }
  }

  private static let fromClients = [
    GoldenFrameTests.call, GoldenFrameTests.call, GoldenFrameTests.call, GoldenFrameTests.ping, GoldenFrameTests.pong,
    GoldenFrameTests.streamData, GoldenFrameTests.streamEnd, GoldenFrameTests.callWithDescriptors + [0, 0],
  ]
  private static let fromServers = [
    GoldenFrameTests.reply, GoldenFrameTests.reply, GoldenFrameTests.error, GoldenFrameTests.event,
    GoldenFrameTests.ping, GoldenFrameTests.pong, GoldenFrameTests.streamData, GoldenFrameTests.streamEnd,
    GoldenFrameTests.replyWithDescriptors + [0],
  ]

  /// Mostly good frames with a random serial, some of them damaged, and now and then plain noise.
  private func input(_ frames: [[UInt8]], _ random: inout TestRandom) -> [UInt8] {
    var bytes = frames.randomElement(using: &random) ?? []
    bytes[23] = UInt8.random(in: 0..<40, using: &random)
    switch Int.random(in: 0..<40, using: &random) {
    case 0: bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: bytes[15] = UInt8.random(in: 0..<12, using: &random)  // procedure
    case 2: bytes += random.bytes(Int.random(in: 0..<40, using: &random))
    case 3: bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
    case 4: bytes = random.bytes(Int.random(in: 0..<200, using: &random))
    case 5: bytes = (Self.fromClients + Self.fromServers).randomElement(using: &random) ?? []
    default: break
    }
    return bytes
  }

  @Test func aServerNeverTraps() throws {
    var random = TestRandom()
    var calls = 0
    var closes = 0
    for round in 0..<3000 {
      var bench = ServerBench(right: .operate, readOnly: false, configuration(&random))
      var open: [IncomingCall] = []
      for _ in 0..<30 {
        let descriptors = Int.random(in: 0..<100, using: &random) == 0 ? [Int32(random.next() % 50)] : []
        for event in bench.feed(input(Self.fromClients, &random), descriptors: descriptors) {
          if case .call(let call) = event {
            open.append(call)
            calls += 1
          }
          if case .closed = event { closes += 1 }
        }
        step(&bench, &open, &random)
        #expect(bench.session.openCalls <= 4, "seed \(random.seed), round \(round)")
      }
      bench.session.receivedEnd()
      _ = bench.drain()
      _ = bench.session.takeDiscardedDescriptors()
    }
    #expect(calls > 5000, "seed \(random.seed): the test does not reach the service any more")
    #expect(closes > 1000, "seed \(random.seed)")
  }

  private func step(_ bench: inout ServerBench, _ open: inout [IncomingCall], _ random: inout TestRandom) {
    switch Int.random(in: 0..<8, using: &random) {
    case 0, 1:
      open.shuffle(using: &random)
      while let call = open.popLast() { bench.session.reply(to: call, Toy.Echo.self, "reply") }
    case 2:
      if let call = open.popLast() { _ = bench.session.openStream(for: call, Toy.Echo.self, "stream") }
    case 3:
      _ = bench.sent()
      if case .descriptor = bench.session.nextOutput { bench.session.sentDescriptor() }
    case 4:
      bench.now += UInt64.random(in: 0..<(3 * second), using: &random)
      bench.session.timePassed(at: bench.now)
    case 5:
      if let call = open.popLast() { bench.session.reply(to: call, Toy.Echo.self, "fds", descriptors: [3, 4]) }
    case 6: _ = try? bench.session.send(Toy.Tick.self, "tick")
    default:
      if Int.random(in: 0..<10, using: &random) == 0 {
        bench.session.closeDelayed(deadline: bench.now + second, peerHasReadAll: false)
      }
    }
  }

  @Test func aClientNeverTrapsAndEveryCallEndsOnce() throws {
    var random = TestRandom()
    for round in 0..<3000 {
      var bench = ClientBench { $0.keepalive = .init(interval: second, count: 2, closes: false) }
      var open: Set<UInt32> = []
      func take(_ events: [ClientSession.Event]) {
        for event in events {
          guard let serial = event.reply?.serial else { continue }
          #expect(open.remove(serial) != nil, "seed \(random.seed), round \(round): serial \(serial) ended twice")
        }
      }
      for _ in 0..<20 {
        if let serial = try? bench.session.call(Toy.Echo.self, "call", deadline: bench.now + second) {
          open.insert(serial)
        }
        if Int.random(in: 0..<5, using: &random) == 0, let serial = try? bench.session.openStream(Toy.Echo.self, "s") {
          open.insert(serial)
        }
        take(bench.feed(input(Self.fromServers, &random)))
        bench.now += UInt64.random(in: 0..<(second / 2), using: &random)
        bench.session.timePassed(at: bench.now)
        take(bench.drain())
        _ = bench.sentBytes()
      }
      bench.session.receivedEnd()
      take(bench.drain())
      #expect(open.isEmpty, "seed \(random.seed), round \(round): calls without an end")
    }
  }
}
