import RPC
import WireProtocol
import XDR

/// A server session on its own, with the frames it sent decoded.
struct ServerBench {
  var session: ServerSession
  var now: UInt64 = 1_000_000_000_000

  init(
    right: RPCRight = .admin, readOnly: Bool = false, refusal: RPCErrorBody? = nil,
    _ adjust: (inout ServerSession.Configuration) -> Void = { _ in }
  ) {
    var configuration = ServerSession.Configuration(
      programs: [ServedProgram(Toy.self, features: ["toy.echo"])], serverName: "toyd 1.0")
    adjust(&configuration)
    session = ServerSession(configuration, right: right, readOnly: readOnly, refusal: refusal, at: now)
  }

  /// Everything the session gives out after these bytes.
  mutating func feed(_ bytes: [UInt8], descriptors: [Int32] = []) -> [ServerSession.Event] {
    session.received(bytes, descriptors: descriptors, at: now)
    return drain()
  }

  mutating func drain() -> [ServerSession.Event] {
    var events: [ServerSession.Event] = []
    while let event = session.next(at: now) { events.append(event) }
    return events
  }

  mutating func calls(_ bytes: [UInt8]) -> [IncomingCall] {
    feed(bytes).compactMap { if case .call(let call) = $0 { call } else { nil } }
  }

  /// Output since the last call, all of it as if the socket had taken it.
  mutating func sent() -> [Frame] {
    var decoder = FrameDecoder()
    while case .bytes(let count) = session.nextOutput {
      decoder.receive(Array(session.output.bytes.prefix(count)), at: 0)
      session.sentBytes(count)
    }
    return decoder.all()
  }

  mutating func errors() -> [RPCErrorBody] {
    sent().compactMap { $0.header.status == .error ? try? RPCErrorBody(xdr: $0.payload) : nil }
  }
}

/// A client session on its own.
struct ClientBench {
  var session: ClientSession
  var now: UInt64 = 1_000_000_000_000

  init(_ adjust: (inout ClientSession.Configuration) -> Void = { _ in }) {
    var configuration = ClientSession.Configuration()
    adjust(&configuration)
    session = ClientSession(configuration, at: now)
  }

  mutating func feed(_ bytes: [UInt8]) -> [ClientSession.Event] {
    session.received(bytes, at: now)
    return drain()
  }

  mutating func drain() -> [ClientSession.Event] {
    var events: [ClientSession.Event] = []
    while let event = session.next(at: now) { events.append(event) }
    return events
  }

  mutating func sentBytes() -> [UInt8] {
    var all: [UInt8] = []
    while case .bytes(let count) = session.nextOutput {
      all += session.output.bytes.prefix(count)
      session.sentBytes(count)
    }
    return all
  }
}

extension FrameDecoder {
  mutating func all() -> [Frame] {
    var frames: [Frame] = []
    while let frame = try? next() { frames.append(frame) }
    return frames
  }
}

extension ServerSession.Event {
  var closeReason: CloseReason? { if case .closed(let reason) = self { reason } else { nil } }
}

extension ClientSession.Event {
  var closeReason: CloseReason? { if case .closed(let reason) = self { reason } else { nil } }

  var reply: (serial: UInt32, outcome: ClientSession.Outcome)? {
    if case .reply(let serial, let outcome) = self { (serial, outcome) } else { nil }
  }
}

extension ClientSession.Outcome {
  var error: RPCCallError? { if case .failure(let error) = self { error } else { nil } }
  var note: Toy.Note? { if case .success(let bytes, _) = self { try? Toy.Note(xdr: bytes) } else { nil } }
}

/// A frame put together by hand.
func frame(
  program: UInt32 = Toy.number, version: UInt32 = 1, procedure: Int32, type: Int32 = 0, serial: UInt32 = 0,
  status: Int32 = 0, payload: [UInt8] = []
) -> [UInt8] {
  var writer = XDRWriter(capacity: 28 + payload.count)
  writer.writeUInt32(UInt32(28 + payload.count))
  writer.writeUInt32(program)
  writer.writeUInt32(version)
  writer.writeInt32(procedure)
  writer.writeInt32(type)
  writer.writeUInt32(serial)
  writer.writeInt32(status)
  writer.writeRaw(payload)
  return writer.finish()
}

func encoded<Value: XDRCodable>(_ value: Value) -> [UInt8] {
  guard let bytes = try? value.xdrEncoded() else { preconditionFailure("a test value breaks its bounds") }
  return bytes
}

func echo(_ text: String, serial: UInt32) -> [UInt8] {
  frame(procedure: 1, serial: serial, payload: encoded(Toy.Note(text)))
}

let second: UInt64 = 1_000_000_000
