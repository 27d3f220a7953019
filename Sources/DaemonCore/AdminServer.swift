internal import Guest
internal import GuestWire
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import RPC
internal import RPCNIO
internal import WireProtocol
internal import WireServices
internal import XDR

/// The daemon's two doors: takes calls from connections to the handlers and their answers back.
///
/// Rights, the read-only socket and quotas have been checked by the connection, from the protocol's own annotations.
final class AdminServer: Sendable {
  let manager: GuestManager
  let clients: ClientList
  let logger: Logger

  init(manager: GuestManager, clients: ClientList, logger: Logger) {
    self.manager = manager
    self.clients = clients
    self.logger = logger
  }
}

extension AdminServer: RPCServerDelegate {
  func connectionOpened(_ connection: RPCServerConnection) {
    manager.onLoop { _ in clients.add(connection) }
    logger.debug(
      "client connected",
      metadata: ["client": "\(connection.id)", "uid": "\(connection.peer.uid)", "pid": "\(connection.peer.pid)"])
  }

  func received(_ call: IncomingCall, on connection: RPCServerConnection) {
    manager.onLoop { $0.begin(call, on: connection, server: self) }
  }

  func connectionWritable(_ connection: RPCServerConnection) {
    manager.onLoop { $0.hub.pumpAll(of: connection.id) }
  }

  func connectionClosed(_ connection: RPCServerConnection, reason: String?) {
    manager.onLoop { _ in
      clients.remove(connection.id)
    }
    if let reason {
      logger.warning(
        "closed a client's connection",
        metadata: ["client": "\(connection.id)", "uid": "\(connection.peer.uid)", "reason": "\(reason)"])
    } else {
      logger.debug("client gone", metadata: ["client": "\(connection.id)"])
    }
  }

  /// Every error that leaves the daemon leaves through here.
  func body(_ error: any Error, _ call: IncomingCall) -> RPCErrorBody {
    let known: GuestError
    switch error {
    case let error as GuestError: known = error
    case let error as RPCErrorBody: return error
    case is CancellationError: known = GuestError(.cancelled, "\(call.procedure.name): the client has gone")
    case let error as XDRError: known = GuestError(.invalidArgument, "\(call.procedure.name): \(error)")
    default:
      logger.error("a fault of the daemon", metadata: ["procedure": "\(call.procedure.name)", "error": "\(error)"])
      known = GuestError(.internalError, "\(call.procedure.name): \(error)")
    }
    return RPCErrorBody(known)
  }
}

extension GuestManager {
  /// Serves a call from beginning to end in the manager's isolation: no thread is changed, and calls of one connection
  /// are decided in the order in which they were sent. The task is the connection's, and is cancelled when that ends.
  fileprivate func begin(_ call: IncomingCall, on connection: RPCServerConnection, server: AdminServer) {
    let registration: ConnectionScope.Registration
    do { registration = try connection.scope.register(.calls) } catch {
      return connection.fail(call, error)
    }
    let task = Task.immediate {
      defer { connection.scope.release(registration) }
      do {
        let reply = try await dispatchAdmin(
          self, procedure: call.procedure.number, args: call.args, context: CallContext(connection: connection))
        guard let reply else {
          return connection.fail(call, RPCErrorBody(.notSupported, "unknown procedure \(call.procedure.number)"))
        }
        connection.reply(call, encoded: reply)
        if call.procedure.number == Admin.EventsSubscribe.number { activateSubscriptions(of: connection.id) }
      } catch {
        connection.fail(call, server.body(error, call))
      }
    }
    connection.scope.attach(registration) { task.cancel() }
  }
}

/// Whose call it is.
struct CallContext: Sendable {
  let connection: RPCServerConnection

  var actor: Actor { .user(uid: connection.peer.uid, pid: connection.peer.pid) }
}

/// Who is connected. Touched on the event loop only.
final class ClientList: @unchecked Sendable {
  private(set) var connections: [UInt64: (connection: RPCServerConnection, since: Timestamp)] = [:]

  func add(_ connection: RPCServerConnection) {
    connections[connection.id] = (connection, Timestamp(nanoseconds: wallNow()))
  }

  func remove(_ id: UInt64) { connections[id] = nil }
}
