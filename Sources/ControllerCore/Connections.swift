import Glibc
import Guest
import LinuxSystem
import RPC
import RPCSocket
import WireProtocol
import XDR

/// The daemon's connections: the inherited one, and those of a daemon that was restarted.
final class DaemonConnections {
  private static let configuration: ServerSession.Configuration = {
    var configuration = ServerSession.Configuration(
      programs: [ServedProgram(Controller.self)], serverName: "lodge-controller")
    // The daemon may be stopped or gone and come back; nothing here depends on its being quick.
    configuration.keepalive = nil
    return configuration
  }()
  /// How long a peer has to read its last messages; the record on the disk covers one that never does.
  private static let lastMessagesNanos: UInt64 = 2_000_000_000

  var onCall: (IncomingCall, SocketServerConnection) -> Void = { _, _ in }
  /// One has gone, and is no longer among these.
  var onClosed: (SocketServerConnection) -> Void = { _ in }

  private let reactor: Reactor
  private let log: ControllerLog
  private var open: [Reactor.Source: (connection: SocketServerConnection, timer: Reactor.TimerID)] = [:]
  private var listener: (socket: OwnedFD, source: Reactor.Source)?

  init(_ reactor: Reactor, _ log: ControllerLog) {
    self.reactor = reactor
    self.log = log
  }

  var isEmpty: Bool { open.isEmpty }

  func accept(_ socket: OwnedFD) throws(SystemError) {
    let source = reactor.register { [unowned self] source, readiness in open[source]?.connection.handle(readiness) }
    let connection: SocketServerConnection
    do {
      connection = try SocketServerConnection(
        socket, epoll: reactor.epoll, token: source.token, configuration: Self.configuration, right: .admin)
    } catch {
      reactor.remove(source)
      throw error
    }
    connection.onEvent = { [unowned self] connection, event in
      switch event {
      case .call(let call): onCall(call, connection)
      case .closed(let reason): closed(source, reason)
      case .stream, .hello, .silent, .heardAgain: break
      }
    }
    let timer = reactor.addTimer(
      due: { [unowned connection] in
        connection.nextDeadline.map { BootTime(nanoseconds: $0) }
      }, fire: { [unowned connection] in connection.timePassed() })
    open[source] = (connection, timer)
  }

  private func closed(_ source: Reactor.Source, _ reason: CloseReason) {
    guard let (connection, timer) = open.removeValue(forKey: source) else { return }
    reactor.remove(source)
    reactor.remove(timer)
    if !reason.isOrderly { log.note("connection closed: \(reason)") }
    onClosed(connection)
  }

  // MARK: A daemon that comes back

  /// Lets a restarted daemon find this process. Without it the run goes on, and its end is recorded on the disk in any case.
  func listen(at path: String) {
    do throws(SystemError) {
      let socket = try UnixSocket.listen(at: path, mode: 0o700)
      listener = (socket, try reactor.watch(socket.rawValue) { [unowned self] _ in acceptNext() })
    } catch {
      log.note("a restarted daemon will not find this controller: \(error)")
    }
  }

  /// Only the daemon's user: the directory keeps others out already, and the kernel identifies the peer.
  private func acceptNext() {
    guard let listener else { return }
    do throws(SystemError) {
      guard let socket = try UnixSocket.accept(on: listener.socket.rawValue) else { return }
      let peer = try PeerCredentials(of: socket.rawValue)
      guard peer.uid == geteuid() else { return log.note("refused a connection of uid \(peer.uid), pid \(peer.pid)") }
      try accept(socket)
    } catch {
      log.note("\(error)")
    }
  }

  // MARK: Messages

  /// Sends an event to all but one.
  func send<Event: RPCEvent>(
    _ event: Event.Type, _ body: Event.Body, except: SocketServerConnection? = nil
  ) {
    // Sending may close one, and so change the table.
    for (connection, _) in Array(open.values) where connection !== except {
      do throws(XDRError) { try connection.send(event, body) } catch { log.note("send \(event.name): \(error)") }
    }
  }

  /// Takes no more, and closes each once its peer has read everything.
  func closeDelayed() {
    if let listener { reactor.remove(listener.source) }
    listener = nil
    let deadline = SocketServerConnection.now + Self.lastMessagesNanos
    for (connection, _) in Array(open.values) { connection.closeDelayed(deadline: deadline) }
  }
}
