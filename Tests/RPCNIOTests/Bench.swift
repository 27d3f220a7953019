import Glibc
import LinuxSystem
import NIOCore
import NIOPosix
import RPC
import RPCNIO
import Synchronization
import WireProtocol
import XDR

/// The calls that a test's server got, in order, and a way to wait for them.
final class Recorder<Element: Sendable>: Sendable {
  private let state = Mutex<
    (all: [Element], waiting: [(enough: @Sendable ([Element]) -> Bool, done: @Sendable () -> Void)])
  >(
    ([], []))

  var all: [Element] { state.withLock { $0.all } }

  func add(_ element: Element) {
    let ready = state.withLock { state in
      state.all.append(element)
      let all = state.all
      let ready = state.waiting.filter { $0.enough(all) }
      state.waiting.removeAll { $0.enough(all) }
      return ready
    }
    for waiter in ready { waiter.done() }
  }

  /// Waits until `enough` holds of everything recorded.
  @discardableResult
  func wait(until enough: @escaping @Sendable ([Element]) -> Bool) async -> [Element] {
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      let already = state.withLock { state in
        if enough(state.all) { return true }
        state.waiting.append((enough, { continuation.resume() }))
        return false
      }
      if already { continuation.resume() }
    }
    return all
  }

  @discardableResult
  func wait(count: Int) async -> [Element] {
    await wait { $0.count >= count }
  }
}

/// A service that answers echoes, unless a test takes its calls over, and writes down what happens.
final class ToyService: RPCServerDelegate {
  enum Fact: Sendable, Equatable {
    case opened(UInt64)
    case call(UInt32)
    case writable(UInt64)
    case closed(UInt64, reason: String?)

    var closedReason: String?? { if case .closed(_, let reason) = self { .some(reason) } else { nil } }
    var isClosed: Bool { closedReason != nil }
  }

  let facts = Recorder<Fact>()
  let connections = Recorder<RPCServerConnection>()
  private let onCall: (@Sendable (IncomingCall, RPCServerConnection) -> Void)?

  init(onCall: (@Sendable (IncomingCall, RPCServerConnection) -> Void)? = nil) {
    self.onCall = onCall
  }

  func connectionOpened(_ connection: RPCServerConnection) {
    facts.add(.opened(connection.id))
    connections.add(connection)
  }

  func received(_ call: IncomingCall, on connection: RPCServerConnection) {
    facts.add(.call(call.serial))
    if let onCall { return onCall(call, connection) }
    ToyService.echo(call, connection)
  }

  static func echo(_ call: IncomingCall, _ connection: RPCServerConnection) {
    do throws(RPCErrorBody) {
      connection.reply(call, Toy.Echo.self, try call.decode(Toy.Echo.self))
    } catch {
      connection.fail(call, error)
    }
  }

  func connectionWritable(_ connection: RPCServerConnection) { facts.add(.writable(connection.id)) }

  func connectionClosed(_ connection: RPCServerConnection, reason: String?) {
    facts.add(.closed(connection.id, reason: reason))
  }
}

/// A server at a path of its own, for the length of a test.
struct Bench {
  let path: String
  let server: RPCServer
  let service: ToyService
  let eventLoop: any EventLoop

  func connect(
    _ configuration: ClientSession.Configuration = .init(), handlers: RPCClientConnection.Handlers = .init()
  ) async throws -> RPCClientConnection {
    try await RPCClientConnection.connect(
      to: path, on: MultiThreadedEventLoopGroup.singleton.any(), configuration: configuration, handlers: handlers)
  }

  /// A client that does exactly what a test says, and nothing by itself.
  func raw() throws -> OwnedFD { try UnixSocket.connect(to: path) }

  /// The newest connection, once the server knows it.
  func connection(_ number: Int = 1) async -> RPCServerConnection {
    await service.connections.wait(count: number)[number - 1]
  }
}

func toySession(_ adjust: (inout ServerSession.Configuration) -> Void = { _ in }) -> ServerSession.Configuration {
  var session = ServerSession.Configuration(programs: [ServedProgram(Toy.self)], serverName: "toyd")
  adjust(&session)
  return session
}

func withServer(
  _ service: ToyService = ToyService(), limits: ClientLimits = ClientLimits(), right: RPCRight = .admin,
  readOnly: Bool = false, session: ServerSession.Configuration = toySession(),
  _ body: (Bench) async throws -> Void
) async throws {
  var template = Array("/tmp/lodge-rpc-XXXXXX".utf8CString)
  let folder = String(cString: mkdtemp(&template))
  defer { rmdir(folder) }
  let path = folder + "/socket"
  defer { unlink(path) }
  let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
  let server = try await RPCServer.start(
    listening: try UnixSocket.listen(at: path, mode: 0o600), readOnly: readOnly,
    configuration: .init(session: session, limits: limits, right: { _, _ in right }), delegate: service, on: eventLoop)
  do {
    try await body(Bench(path: path, server: server, service: service, eventLoop: eventLoop))
  } catch {
    await server.shutdown(deadline: .now())
    throw error
  }
  await server.shutdown(deadline: .now())
}

extension OwnedFD {
  func write(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(rawValue, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  /// Reads until the end, from another thread: it blocks.
  func readToEnd() async -> [UInt8] {
    await withCheckedContinuation { continuation in
      Thread.detach {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
          let count = Glibc.read(self.rawValue, &buffer, buffer.count)
          guard count > 0 else { break }
          all += buffer.prefix(count)
        }
        continuation.resume(returning: all)
      }
    }
  }
}

enum Thread {
  static func detach(_ body: @escaping @Sendable () -> Void) {
    final class Box {
      let body: @Sendable () -> Void
      init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let context = Unmanaged.passRetained(Box(body)).toOpaque()
    pthread_create(
      &thread, nil,
      { context in
        guard let context else { return nil }
        Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body()
        return nil
      }, context)
    pthread_detach(thread)
  }
}

func frames(_ bytes: [UInt8]) throws -> [Frame] {
  var decoder = FrameDecoder()
  decoder.receive(bytes, at: 0)
  var frames: [Frame] = []
  while let frame = try decoder.next() { frames.append(frame) }
  return frames
}

func echoFrame(_ text: String, serial: UInt32, procedure: Int32 = 1) throws -> [UInt8] {
  let payload = try Toy.Note(text).xdrEncoded()
  var writer = XDRWriter(capacity: 28 + payload.count)
  FrameHeader(
    payload: payload.count, program: Toy.number, version: 1, procedure: procedure, type: .call, serial: serial
  ).encode(into: &writer)
  writer.writeRaw(payload)
  return writer.finish()
}
