internal import Guest
internal import GuestWire
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import RPC
internal import RPCNIO
internal import WireProtocol
internal import XDR

/// The daemon's two doors: takes calls from connections to the handlers and their answers back.
///
/// Rights, the read-only socket and quotas have been checked by the connection, from the protocol's own annotations.
final class AdminServer: Sendable {
  let manager: GuestManager
  let clients: ClientList
  let logger: Logger
  private let executor: EventLoopTaskExecutor

  init(manager: GuestManager, clients: ClientList, logger: Logger) {
    self.manager = manager
    self.clients = clients
    self.logger = logger
    executor = EventLoopTaskExecutor(manager.eventLoop)
  }
}

/// Runs tasks on the thread of an event loop, so that a call costs no wake-up of another.
final class EventLoopTaskExecutor: TaskExecutor {
  private let eventLoop: any EventLoop

  init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
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
    let context = CallContext(connection: connection)
    Task(executorPreference: executor) {
      do {
        guard
          let reply = try await dispatchAdmin(
            self.manager, procedure: call.procedure.number, args: call.args, context: context)
        else {
          return connection.fail(
            call, RPCErrorBody(.notSupported, "unknown procedure \(call.procedure.number)"))
        }
        connection.reply(call, encoded: reply)
        if call.procedure.number == Admin.EventsSubscribe.number {
          await self.manager.activateSubscriptions(of: connection.id)
        }
      } catch {
        connection.fail(call, self.body(error, call))
      }
    }
  }

  func connectionWritable(_ connection: RPCServerConnection) {
    manager.onLoop { $0.hub.pumpAll(of: connection.id) }
  }

  func connectionClosed(_ connection: RPCServerConnection, reason: String?) {
    manager.onLoop { manager in
      clients.remove(connection.id)
      manager.hub.removeAll(of: connection.id)
      manager.abandonWaiters(of: connection.id)
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
  private func body(_ error: any Error, _ call: IncomingCall) -> RPCErrorBody {
    let known: GuestError
    switch error {
    case let error as GuestError: known = error
    case let error as XDRError: known = GuestError(.invalidArgument, "\(call.procedure.name): \(error)")
    default:
      logger.error("a fault of the daemon", metadata: ["procedure": "\(call.procedure.name)", "error": "\(error)"])
      known = GuestError(.internalError, "\(call.procedure.name): \(error)")
    }
    return RPCErrorBody(known)
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
