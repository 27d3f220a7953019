import RPC
import Testing
import WireProtocol
import XDR

/// Both sessions against each other, over a wire that cuts the bytes anywhere.
@Suite struct ConversationTests {
  @Test func everyCallGetsItsOwnReplyHoweverTheBytesAreCut() throws {
    var random = TestRandom()
    for round in 0..<200 {
      let limit = Int.random(in: 1...8, using: &random)
      var server = ServerBench { $0.callsInFlight = limit }
      var client = ClientBench()
      var toServer: [UInt8] = []
      var toClient: [UInt8] = []
      var open: [IncomingCall] = []
      var expected: [UInt32: String] = [:]
      var ticks: [String] = []
      var sentTicks = 0
      var made = 0
      while made < 60 || !expected.isEmpty || !open.isEmpty || !toClient.isEmpty {
        switch Int.random(in: 0..<5, using: &random) {
        case 0 where made < 60:
          made += 1
          let text = String(repeating: "x", count: Int.random(in: 0..<300, using: &random)) + "\(made)"
          expected[try client.session.call(Toy.Echo.self, Toy.Note(text))] = text
          toServer += client.sentBytes()
        case 1 where server.session.wantsRead:
          let piece = toServer.prefix(Int.random(in: 0...200, using: &random))
          toServer.removeFirst(piece.count)
          for event in server.feed(Array(piece)) { if case .call(let call) = event { open.append(call) } }
        case 2:
          if let index = open.indices.randomElement(using: &random) {
            let call = open.remove(at: index)
            server.session.reply(to: call, Toy.Echo.self, try call.decode(Toy.Echo.self))
            for event in server.drain() { if case .call(let call) = event { open.append(call) } }
          }
        case 3 where sentTicks < 20:
          sentTicks += 1
          try server.session.send(Toy.Tick.self, Toy.Note("\(sentTicks)"))
        default:
          while case .bytes(let count) = server.session.nextOutput {
            toClient += server.session.output.bytes.prefix(count)
            server.session.sentBytes(count)
          }
          let piece = toClient.prefix(Int.random(in: 0...200, using: &random))
          toClient.removeFirst(piece.count)
          for event in client.feed(Array(piece)) {
            if case .event(let event) = event, let note = try event.decode(Toy.Tick.self) { ticks.append(note.text) }
            guard let reply = event.reply else { continue }
            let text = expected.removeValue(forKey: reply.serial)
            #expect(reply.outcome.note?.text == text, "seed \(random.seed), round \(round), serial \(reply.serial)")
          }
        }
        #expect(open.count <= limit)
      }
      #expect(ticks == (0..<sentTicks).map { "\($0 + 1)" }, "seed \(random.seed), round \(round): events out of order")
      #expect(!server.session.isClosed && !client.session.isClosed)
    }
  }

  /// A driver that hands bytes on and hears later that they left must send the same bytes as one that writes itself.
  @Test func handingOutOutputKeepsOrderAndCount() throws {
    var random = TestRandom()
    var bench = ServerBench()
    var sent: [UInt8] = []
    var inTransit = 0
    for number in 0..<500 {
      try bench.session.send(Toy.Tick.self, Toy.Note("\(number)"))
      if Bool.random(using: &random) {
        let bytes = bench.session.takeOutput()
        sent += bytes
        inTransit += bytes.count
      }
      if Bool.random(using: &random) {
        let done = Int.random(in: 0...inTransit, using: &random)
        bench.session.transmitted(done)
        inTransit -= done
      }
      #expect(bench.session.queuedBytes == inTransit + bench.session.output.bytes.count)
    }
    sent += bench.session.takeOutput()
    var decoder = FrameDecoder()
    decoder.receive(sent, at: 0)
    let texts = try decoder.all().map { try Toy.Note(xdr: $0.payload).text }
    #expect(texts == (0..<500).map { "\($0)" }, "seed \(random.seed)")
  }
}
