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
/// Rights on procedures, the read-only socket and the number of open calls have been checked by the connection, from the
/// protocol's own annotations. Rights on guests and on data are `Access`.
final class AdminServer: Sendable {
  let manager: Guests
  let clients: ClientList
  let accessTable: AccessTable
  let logger: Logger
  private let scheduler: CallScheduler

  init(
    manager: Guests, clients: ClientList, limits: ClientLimits, accessTable: AccessTable, logger: Logger
  ) {
    self.manager = manager
    self.clients = clients
    self.accessTable = accessTable
    self.logger = logger
    let server = WeakServer()
    scheduler = CallScheduler(eventLoop: manager.eventLoop, limits: limits) { call, connection, held in
      guard let server = server.value else { return }
      server.manager.onLoop { $0.begin(call, on: connection, held: held, server: server) }
    }
    server.value = self
  }

  private final class WeakServer: @unchecked Sendable {
    weak var value: AdminServer?
  }
}

extension AdminServer: RPCServerDelegate {
  func connectionOpened(_ connection: RPCServerConnection) {
    let access = accessTable.access(of: connection.peer, readOnly: connection.isReadOnly)
    manager.onLoop { _ in clients.add(connection, access) }
    logger.debug(
      "client connected",
      metadata: ["client": "\(connection.id)", "uid": "\(connection.peer.uid)", "pid": "\(connection.peer.pid)"])
  }

  func received(_ call: IncomingCall, on connection: RPCServerConnection) {
    scheduler.submit(call, on: connection)
  }

  func connectionWritable(_ connection: RPCServerConnection) {
    manager.onLoop { $0.journal.pumpAll(of: connection.id) }
    scheduler.pump()
  }

  func connectionClosed(_ connection: RPCServerConnection, reason: String?) {
    scheduler.drop(connection)
    manager.onLoop { _ in clients.remove(connection.id) }
    if let reason {
      logger.warning(
        "closed a client's connection",
        metadata: ["client": "\(connection.id)", "uid": "\(connection.peer.uid)", "reason": "\(reason)"])
    } else {
      logger.debug("client gone", metadata: ["client": "\(connection.id)"])
    }
  }

  /// A call is done; another may have waited for its place.
  fileprivate func finished(_ held: [ConnectionScope.Registration], on connection: RPCServerConnection) {
    for registration in held { connection.scope.release(registration) }
    scheduler.pump()
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

extension Guests {
  /// Serves a call from beginning to end in the manager's isolation: no thread is changed, and calls of one connection
  /// are decided in the order in which they were sent. The task is the connection's, and is cancelled when that ends.
  fileprivate func begin(
    _ call: IncomingCall, on connection: RPCServerConnection, held: [ConnectionScope.Registration], server: AdminServer
  ) {
    // No other connection is opened between its own opening and its end with this number.
    let access = server.clients.access(of: connection.id)
    let context = CallContext(connection: connection, access: access, procedure: call.procedure)
    if let refusal = context.refusal {
      server.finished(held, on: connection)
      return connection.fail(call, refusal)
    }
    let task = Task.immediate {
      defer { server.finished(held, on: connection) }
      do {
        let reply = try await dispatchAdmin(
          self, procedure: call.procedure.number, args: call.args, context: context)
        guard let reply else {
          return connection.fail(call, RPCErrorBody(.notSupported, "unknown procedure \(call.procedure.number)"))
        }
        connection.reply(call, encoded: reply)
        context.followUp.run()
      } catch {
        connection.fail(call, server.body(error, call))
      }
    }
    if let call = held.first { connection.scope.attach(call) { task.cancel() } }
  }
}

/// The caller of a procedure, and the caller's rights.
struct CallContext: Sendable {
  let connection: RPCServerConnection
  let access: Access
  let procedure: RPCProcedureInfo
  let followUp = FollowUp()

  /// Done when the reply is on the wire. Used in the isolation of the guests' actor only.
  final class FollowUp: @unchecked Sendable {
    private var action: (() -> Void)?

    func add(_ action: @escaping () -> Void) { self.action = action }

    func run() { action?() }
  }

  /// Procedures that are about guests: their handlers check the right on the very guest, or leave out the guests that
  /// the caller may not see. All others need the right on everything.
  static let aboutGuests: Set<Int32> = [
    Admin.Hello.number, Admin.GuestCreate.number, Admin.GuestRemove.number, Admin.GuestStart.number,
    Admin.GuestStop.number, Admin.GuestKill.number, Admin.GuestRestart.number, Admin.GuestList.number,
    Admin.GuestShow.number, Admin.GuestRuns.number, Admin.GuestWait.number, Admin.LogRead.number,
    Admin.EventsSubscribe.number, Admin.EventsUnsubscribe.number, Admin.EventsRead.number,
  ]

  var actor: Actor { .user(uid: connection.peer.uid, pid: connection.peer.pid) }

  var refusal: RPCErrorBody? {
    guard !CallContext.aboutGuests.contains(procedure.number), access.base < procedure.right else { return nil }
    return RPCErrorBody(
      .denied,
      "needs the right to \(procedure.right) everything, and this user has it on some guests only "
        + "(\(procedure.name))")
  }

  /// Refuses what needs a right that the caller has only on other guests.
  func check(_ guest: GuestName, _ labels: [Label]) throws(GuestError) {
    let right = access.right(on: guest, labels)
    guard right >= procedure.right else {
      throw GuestError(
        .denied,
        "\(guest): needs the right to \(procedure.right), and this user has "
          + (right == .none ? "no right on it" : "only the right to \(right)") + " (\(procedure.name))",
        hint: "grants in lodged.yaml give rights on guests")
    }
  }
}

/// The connected clients. Touched on the event loop only.
final class ClientList: @unchecked Sendable {
  private(set) var connections: [UInt64: (connection: RPCServerConnection, access: Access, since: Timestamp)] = [:]

  func add(_ connection: RPCServerConnection, _ access: Access) {
    connections[connection.id] = (connection, access, Timestamp(nanoseconds: wallNow()))
  }

  /// Nothing is allowed to a connection that has gone.
  func access(of id: UInt64) -> Access { connections[id]?.access ?? Access(base: .none) }

  func remove(_ id: UInt64) { connections[id] = nil }
}
