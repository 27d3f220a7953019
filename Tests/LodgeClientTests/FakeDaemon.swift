import Glibc
import Guest
import GuestWire
import LinuxSystem
import LodgeClient
import NIOCore
import NIOPosix
import RPC
import RPCNIO
import Synchronization
import WireProtocol
import XDR

/// A daemon that is nothing but a journal and a door: it can be stopped and started at any moment, and forget.
final class FakeDaemon: RPCServerDelegate, @unchecked Sendable {
  let path: String
  let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
  private let server = Mutex<RPCServer?>(nil)

  // On the event loop.
  private var journal: [Wire.Event] = []
  private var first: UInt64 = 1
  private var cursors: [UInt64: (connection: RPCServerConnection, id: UInt32, position: UInt64)] = [:]
  private var nextSubscription: UInt32 = 1
  /// Procedures called so far.
  private(set) var calls: [Int32] = []
  /// Answers a call instead of the daemon; false leaves it to the daemon.
  var onCall: (@Sendable (IncomingCall, RPCServerConnection) -> Bool)?
  /// Closes every connection after so many further events, in the middle of things.
  var breaksAfter: Int?

  init() {
    var template = Array("/tmp/lodge-sdk-XXXXXX".utf8CString)
    path = String(cString: mkdtemp(&template)) + "/socket"
  }

  deinit {
    unlink(path)
    rmdir(String(path.dropLast("/socket".count)))
  }

  var options: LodgeClient.Options { LodgeClient.Options(socket: path, name: "tests", patience: .seconds(20)) }

  func start() async throws {
    var session = ServerSession.Configuration(
      programs: [ServedProgram(Admin.self, features: ["events.gap"])], serverName: "fake 1.0")
    session.outputHighWater = 20_000
    session.outputLowWater = 5_000
    let started = try await RPCServer.start(
      listening: try UnixSocket.listen(at: path, mode: 0o600), readOnly: false,
      configuration: .init(session: session, right: { _, _ in .admin }), delegate: self, on: eventLoop)
    server.withLock { $0 = started }
  }

  /// As kill -9 would: nothing is said, nothing is finished.
  func stop() async {
    let stopped = server.withLock { server in
      defer { server = nil }
      return server
    }
    await stopped?.stopAccepting()
    for connection in stopped?.connections ?? [] { connection.close(reason: "killed") }
    await onLoop { $0.cursors = [:] }
  }

  func connectionCount() -> Int { server.withLock { $0 }?.connections.count ?? 0 }

  @discardableResult
  func onLoop<Value: Sendable>(_ body: @escaping @Sendable (FakeDaemon) -> Value) async -> Value {
    await withCheckedContinuation { continuation in
      eventLoop.execute { continuation.resume(returning: body(self)) }
    }
  }

  // MARK: The journal

  /// Events with the next `count` numbers.
  func publish(_ count: Int) async {
    await onLoop { daemon in
      for _ in 0..<count { daemon.append() }
      daemon.pump()
    }
  }

  private func append() {
    let number = first + UInt64(journal.count)
    journal.append(
      Wire.Event(
        format: 2, sequence: number, time: Int64(number), boot: [UInt8](repeating: 7, count: 16), type: .notice,
        guest: "web",
        run: nil, runNumber: 0,
        detail: .init(
          from: .stopped, to: .stopped, by: Wire.Actor(kind: .daemon, uid: 0, pid: 0), message: "event \(number)",
          ended: nil, order: nil, labels: [])))
  }

  /// Retention: everything up to this number is dropped.
  func forget(upTo number: UInt64) async {
    await onLoop { daemon in
      daemon.journal.removeFirst(Int(number - daemon.first + 1))
      daemon.first = number + 1
    }
  }

  func tick() async {
    await onLoop { daemon in
      for cursor in daemon.cursors.values {
        try? cursor.connection.send(
          Admin.EventTick.self, .init(subscription: cursor.id, newest: daemon.newest, time: 5))
      }
    }
  }

  private var newest: UInt64 { first + UInt64(journal.count) - 1 }

  private func pump() {
    for key in cursors.keys {
      while var cursor = cursors[key], cursor.position < newest, cursor.connection.isWritable {
        if cursor.position + 1 < first {
          try? cursor.connection.send(
            Admin.EventGap.self, .init(subscription: cursor.id, from: cursor.position + 1, to: first - 1))
          cursor.position = first - 1
        } else {
          let event = journal[Int(cursor.position + 1 - first)]
          try? cursor.connection.send(Admin.Event.self, .init(subscription: cursor.id, event: event))
          cursor.position += 1
        }
        cursors[key] = cursor
        breakIfDue(cursor.connection)
      }
    }
  }

  private func breakIfDue(_ connection: RPCServerConnection) {
    guard let left = breaksAfter else { return }
    breaksAfter = left > 1 ? left - 1 : nil
    // Queued output is dropped: the client saw some of it, or none.
    if left == 1 { connection.close(reason: "broken on purpose") }
  }

  // MARK: Calls

  func connectionOpened(_ connection: RPCServerConnection) {}

  func connectionClosed(_ connection: RPCServerConnection, reason: String?) { cursors[connection.id] = nil }

  func connectionWritable(_ connection: RPCServerConnection) { pump() }

  func received(_ call: IncomingCall, on connection: RPCServerConnection) {
    calls.append(call.procedure.number)
    if onCall?(call, connection) == true { return }
    do {
      switch call.procedure.number {
      case Admin.EventsSubscribe.number: try subscribe(call, connection)
      case Admin.GuestList.number: try list(call, connection)
      default: connection.fail(call, RPCErrorBody(.notFound, "no guest named \"web\"", hint: "lodge ls"))
      }
    } catch {
      connection.fail(call, RPCErrorBody(.badFrame, "\(error)"))
    }
  }

  private func subscribe(_ call: IncomingCall, _ connection: RPCServerConnection) throws {
    let args = try call.decode(Admin.EventsSubscribe.self)
    var after = newest
    if case .sequence(let sequence) = args.since { after = sequence }
    let id = nextSubscription
    nextSubscription += 1
    connection.reply(
      call, Admin.EventsSubscribe.self, .init(subscription: id, after: after, oldest: first, newest: newest))
    if args.snapshot {
      for (index, more) in [true, true, false].enumerated() {
        try connection.send(
          Admin.EventSnapshot.self,
          .init(subscription: id, sequence: after, guests: [FakeDaemon.summary("guest-\(index)")], more: more))
      }
    }
    cursors[connection.id] = (connection, id, after)
    pump()
  }

  /// 300 guests, in pages.
  private func list(_ call: IncomingCall, _ connection: RPCServerConnection) throws {
    let args = try call.decode(Admin.GuestList.self)
    let names = (100..<400).map { "guest-\($0)" }.filter { $0 > args.after }
    let page = names.prefix(Int(Wire.listPageMax))
    connection.reply(
      call, Admin.GuestList.self,
      .init(guests: page.map(FakeDaemon.summary), more: page.count < names.count, sequence: newest))
  }

  static func summary(_ name: String) -> Wire.GuestSummary {
    Wire.GuestSummary(
      name: name, state: .running, runs: 1, restarts: 0, run: [UInt8](repeating: 1, count: 16), startedAt: 1,
      upNanos: 2, initPid: 3, last: nil, restartAt: 0, restartInMillis: 0, restartAttempt: 0, restartLimit: 0,
      autostart: false, degraded: false, stuckTasks: "", note: "", labels: [])
  }
}
