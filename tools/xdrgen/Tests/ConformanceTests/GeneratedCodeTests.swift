import KitchenSink
import Testing
import XDR

/// The promises of generated code to its users, beyond bytes that agree with C's.
@Suite struct GeneratedCodeTests {
  static let record = Features.Record(
    name: "one", id: XDRFixedBytes<16>([UInt8](1...16)) ?? XDRFixedBytes(), body: [7, 8, 9], raw: [0, 0xff], went: .up,
    paint: .blue)

  @Test func typesCanCrossTasksAndBeKeys() {
    func needs<Value: Sendable & Hashable & XDRCodable>(_: Value.Type) {}
    needs(Features.Record.self)
    needs(Features.Answer.self)
    needs(Features.Chain.self)
    #expect(Set([GeneratedCodeTests.record, GeneratedCodeTests.record]).count == 1)
  }

  @Test func openEnumsKeepWhatTheyDoNotKnowAndClosedOnesRefuseIt() throws {
    let bytes = try GeneratedCodeTests.record.xdrEncoded()
    var newer = bytes
    newer[newer.count - 5] = 9
    let value = try Features.Record(xdr: newer)
    #expect(value.went == .unknown(9))
    #expect(try value.xdrEncoded() == newer)
    var wrong = bytes
    wrong[wrong.count - 1] = 9
    #expect { try Features.Record(xdr: wrong) } throws: { error in
      (error as? XDRError)?.reason == .unknownValue(9, of: "color")
    }
  }

  @Test func defaultArmsGoOutAsTheyCameIn() throws {
    let bytes: [UInt8] = [0, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 1]
    let value = try Features.Answer(xdr: bytes)
    #expect(value == .default(discriminant: 42, 1))
    #expect(try value.xdrEncoded() == bytes)
    // One that an arm has already cannot be sent by the default arm: it would be read as the other.
    #expect(throws: XDRError.self) { try Features.Answer.default(discriminant: 0, 1).xdrEncoded() }
  }

  @Test func errorsTellTheWayAndTheByte() throws {
    let page = Features.Page(records: [GeneratedCodeTests.record, GeneratedCodeTests.record], password: "")
    var bytes = try Features.Answer.found(page).xdrEncoded()
    let name = try #require(bytes.indices.last { bytes[$0...].starts(with: [UInt8]("one".utf8)) })
    bytes[name] = 0xff
    #expect { try Features.Answer(xdr: bytes) } throws: { error in
      "\(error)" == "found.records[1].name: string is not UTF-8 (byte \(name))"
    }
  }

  @Test func borrowedFormsLeaveTextInTheMessage() throws {
    let page = Features.Page(records: [GeneratedCodeTests.record], password: "x")
    let message = try page.xdrEncoded()
    let borrowed = try Features.PageBorrowed(xdr: message)
    #expect(borrowed.records[0].name.string(in: message) == "one")
    #expect(borrowed.records[0].body.bytes(in: message) == [7, 8, 9])
    #expect(borrowed.records[0].id.count == 16)
    #expect(MemoryLayout<XDRSlice>.size == 8)
    // Of another message there is nothing, or other bytes; never what is not there.
    #expect(borrowed.records[0].body.bytes(in: [1, 2, 3]) == nil)
  }

  @Test func listsAreArraysAndTreesAreBoxes() throws {
    let list = (0..<1000).map { Features.Node(value: $0) }
    let args = Counter.LookUp.Args(arg1: "a", arg2: list)
    #expect(try Counter.LookUp.Args(xdr: args.xdrEncoded()) == args)
    let chain = (0..<100).reduce(nil as Features.Chain?) { Features.Chain(value: $1, next: $0) }
    let long = (0..<200).reduce(nil as Features.Chain?) { Features.Chain(value: $1, next: $0) }
    let first = try #require(chain)
    #expect(try Features.Chain(xdr: first.xdrEncoded()) == first)
    #expect(throws: XDRError.self) { try #require(long).xdrEncoded() }
  }

  @Test func theProgramsTableSaysWhatIsAllowed() throws {
    #expect(Counter.number == 0x2000_0100 && Counter.version == 1)
    #expect(Counter.procedures.map(\.name) == ["COUNTER_NULL", "COUNTER_ADD", "COUNTER_FIND", "COUNTER_PASSED"])
    #expect(Counter.procedures.map(\.right) == [.none, .operate, .view, .none])
    #expect(Counter.procedures.map(\.allowedReadOnly) == [true, false, false, false])
    #expect(Counter.procedures.map(\.idempotent) == [true, false, false, false])
    #expect(Counter.procedures.map(\.isEvent) == [false, false, false, true])
  }
}

/// A server, a client and events, without a socket between them.
@Suite struct ServiceTests {
  actor Counters: CounterService {
    var values: [String: UInt64] = [:]

    func null(context: String) async throws {}

    func add(_ args: Features.AddArgs, context: String) async throws -> Features.AddReply {
      values[args.counter, default: 0] += UInt64(args.step)
      return Features.AddReply(value: values[args.counter, default: 0])
    }

    func lookUp(_ args: Counter.LookUp.Args, context: String) async throws -> Features.Answer {
      .default(discriminant: Int32(args.arg2.count) + 10, Int64(values[args.arg1, default: 0]))
    }
  }

  struct Local: RPCCaller {
    let counters = Counters()

    func call<Procedure: RPCProcedure>(_: Procedure.Type, _ args: Procedure.Args) async throws -> Procedure.Reply {
      let reply = try await dispatchCounter(
        counters, procedure: Procedure.number, args: args.xdrEncoded()[...], context: "test")
      return try Procedure.Reply(xdr: try #require(reply))
    }
  }

  @Test func aClientCallsAServer() async throws {
    let client = CounterClient(Local())
    try await client.null()
    #expect(try await client.add(Features.AddArgs(counter: "a", step: 2)).value == 2)
    #expect(try await client.add(Features.AddArgs(counter: "a", step: 3)).value == 5)
    let found = try await client.caller.call(
      Counter.LookUp.self, Counter.LookUp.Args(arg1: "a", arg2: [Features.Node(value: 1)]))
    #expect(found == .default(discriminant: 11, 5))
  }

  @Test func unknownProceduresAndBadArgumentsNeverReachTheServer() async throws {
    let counters = Counters()
    for number: Int32 in [3, 4, -1, .max] {
      #expect(try await dispatchCounter(counters, procedure: number, args: [], context: "test") == nil)
    }
    await #expect(throws: XDRError.self) {
      try await dispatchCounter(counters, procedure: 1, args: [0, 0, 0, 1], context: "test")
    }
    await #expect(throws: XDRError.self) {
      try await dispatchCounter(counters, procedure: 0, args: [0, 0, 0, 1], context: "test")
    }
    #expect(await counters.values.isEmpty)
  }

  @Test func theReplyLeavesRoomForItsHeader() async throws {
    let reply = try await dispatchCounter(
      Counters(), procedure: 1, args: Features.AddArgs(counter: "a", step: 1).xdrEncoded()[...], context: "test",
      headerSize: 28)
    #expect(reply == [UInt8](repeating: 0, count: 28) + [0, 0, 0, 0, 0, 0, 0, 1])
  }

  @Test func eventsAreATypedSequence() async throws {
    let body = try Features.AddArgs(counter: "a", step: 7).xdrEncoded()
    let messages = AsyncStream<RPCMessage> { stream in
      // Of another program, another version and a call: passed over.
      stream.yield(RPCMessage(program: 1, version: 1, procedure: 3, body: []))
      stream.yield(RPCMessage(program: Counter.number, version: 2, procedure: 3, body: []))
      stream.yield(RPCMessage(program: Counter.number, version: 1, procedure: 1, body: []))
      stream.yield(RPCMessage(program: Counter.number, version: 1, procedure: 3, body: body[...]))
      stream.finish()
    }
    var seen: [Features.AddArgs] = []
    for try await event in CounterEvents(messages) {
      switch event {
      case .passed(let args): seen.append(args)
      }
    }
    #expect(seen == [Features.AddArgs(counter: "a", step: 7)])
  }
}
