import Glibc
import LinuxSystem
import RPC
import RPCSocket
import WireProtocol
import XDR

/// An epoll loop as a controller runs one: in a thread of its own, serving one connection at a time.
///
/// The service answers echoes. The text of a call says what to do: "tick N" sends N events before the reply, "leave"
/// sends the reply and closes when it has been read, "silence" answers nothing.
final class LoopServer: @unchecked Sendable {
  let ended = Latch()
  private let socket: OwnedFD
  private let configuration: ServerSession.Configuration
  private let right: RPCRight
  /// The events of the connection, in order; to be read after `ended`.
  private(set) var facts: [String] = []

  init(
    _ socket: OwnedFD, right: RPCRight = .admin, _ adjust: (inout ServerSession.Configuration) -> Void = { _ in }
  ) {
    self.socket = socket
    self.right = right
    var configuration = ServerSession.Configuration(programs: [ServedProgram(Toy.self)], serverName: "toyd")
    adjust(&configuration)
    self.configuration = configuration
    Thread.detach { self.run() }
  }

  private func run() {
    do {
      let epoll = try Epoll()
      let connection = try SocketServerConnection(
        socket, epoll: epoll, token: 1, configuration: configuration, right: right)
      connection.onEvent = { [unowned self] connection, event in handle(event, connection) }
      while !connection.isClosed {
        let timeout = connection.nextDeadline.map { deadline in
          Int64(deadline) - Int64(min(SocketServerConnection.now, deadline))
        }
        var ready: Readiness?
        try epoll.wait(nanoseconds: timeout) { ready = $0.readiness }
        if let ready { connection.handle(ready) }
        if let deadline = connection.nextDeadline, deadline <= SocketServerConnection.now { connection.timePassed() }
      }
    } catch {
      facts.append("failed: \(error)")
    }
    ended.open()
  }

  private func handle(_ event: ServerSession.Event, _ connection: SocketServerConnection) {
    switch event {
    case .call(let call): answer(call, connection)
    case .hello(let client): facts.append("hello \(client)")
    case .closed(let reason):
      facts.append("closed: \(reason)")
      // The end may call anything.
      connection.close(reason: "again")
      connection.closeDelayed(deadline: 0)
    case .stream, .silent, .heardAgain: break
    }
  }

  private func answer(_ call: IncomingCall, _ connection: SocketServerConnection) {
    guard let note = try? call.decode(Toy.Echo.self) else {
      return connection.fail(call, RPCErrorBody(.invalidArgument, "no note"))
    }
    facts.append(String(note.text.prefix(20)))
    if !call.descriptors.isEmpty {
      let came = call.descriptors.map { OwnedFD(adopting: $0) }
      return connection.reply(call, Toy.Echo.self, note, descriptors: came.reversed())
    }
    if note.text == "silence" { return }
    if note.text.hasPrefix("tick ") {
      let count = Int(note.text.dropFirst(5)) ?? 0
      for number in 0..<count { _ = try? connection.send(Toy.Tick.self, Toy.Note("\(number)")) }
    }
    connection.reply(call, Toy.Echo.self, note)
    if note.text == "leave" { connection.closeDelayed(deadline: SocketServerConnection.now + 20_000_000_000) }
  }
}

/// Opened once; waited for by any thread.
final class Latch: @unchecked Sendable {
  private var mutex = pthread_mutex_t()
  private var condition = pthread_cond_t()
  private var isOpen = false

  init() {
    pthread_mutex_init(&mutex, nil)
    pthread_cond_init(&condition, nil)
  }

  func open() {
    pthread_mutex_lock(&mutex)
    isOpen = true
    pthread_cond_broadcast(&condition)
    pthread_mutex_unlock(&mutex)
  }

  func wait() {
    pthread_mutex_lock(&mutex)
    while !isOpen { pthread_cond_wait(&condition, &mutex) }
    pthread_mutex_unlock(&mutex)
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

extension OwnedFD {
  func write(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(rawValue, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  func readToEnd() -> [UInt8] {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = Glibc.read(rawValue, &buffer, buffer.count)
      guard count > 0 else { return all }
      all += buffer.prefix(count)
    }
  }
}

func frames(_ bytes: [UInt8]) throws -> [Frame] {
  var decoder = FrameDecoder()
  decoder.receive(bytes, at: 0)
  var frames: [Frame] = []
  while let frame = try decoder.next() { frames.append(frame) }
  return frames
}

func echoFrame(_ text: String, serial: UInt32) throws -> [UInt8] {
  let payload = try Toy.Note(text).xdrEncoded()
  var writer = XDRWriter(capacity: 28 + payload.count)
  FrameHeader(
    payload: payload.count, program: Toy.number, version: 1, procedure: 1, type: .call, serial: serial
  ).encode(into: &writer)
  writer.writeRaw(payload)
  return writer.finish()
}
