internal import AdminProgram
internal import Guest
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import Operations
internal import RPC
internal import RPCNIO
internal import WireProtocol
internal import XDR

/// Takes calls from the connections of both doors to their programs, and the answers back.
///
/// Rights on procedures, the read-only socket and the number of open calls have been checked by the connection, from the
/// protocol's own annotations. Rights on guests and on data are `Access`.
final class ProgramServer: Sendable {
  let guests: Guests
  let programs: ProgramTable
  let clients: ClientList
  let accessTable: AccessTable
  private let log: ClientLog
  private let scheduler: CallScheduler

  init(
    guests: Guests, programs: ProgramTable, clients: ClientList, limits: ClientLimits, accessTable: AccessTable,
    log: ClientLog
  ) {
    self.guests = guests
    self.programs = programs
    self.clients = clients
    self.accessTable = accessTable
    self.log = log
    let server = WeakServer()
    scheduler = CallScheduler(
      eventLoop: guests.eventLoop, limits: limits,
      cost: { programs[$0.program, $0.version]?.cost(of: $0.procedure.number) ?? .plain },
      begin: { call, connection, held in
        guard let server = server.value else { return }
        server.guests.onLoop { server.begin(call, on: connection, held: held, in: $0) }
      })
    server.value = self
  }

  private final class WeakServer: @unchecked Sendable {
    weak var value: ProgramServer?
  }
}

extension ProgramServer: RPCServerDelegate {
  func connectionOpened(_ connection: RPCServerConnection) {
    let access = accessTable.access(of: connection.peer, readOnly: connection.isReadOnly)
    guests.onLoop { _ in clients.add(ClientScope(connection, log: log), access) }
    log.write(
      .debug, "client connected", user: connection.peer.uid,
      ["client": "\(connection.id)", "uid": "\(connection.peer.uid)", "pid": "\(connection.peer.pid)"])
  }

  func received(_ call: IncomingCall, on connection: RPCServerConnection) {
    scheduler.submit(call, on: connection)
  }

  func connectionWritable(_ connection: RPCServerConnection) {
    guests.onLoop { $0.journal.pumpAll(of: connection.id) }
    scheduler.pump()
  }

  func connectionClosed(_ connection: RPCServerConnection, reason: String?) {
    scheduler.drop(connection)
    guests.onLoop { _ in clients.remove(connection.id) }
    if let reason {
      log.write(
        .warning, "closed a client's connection", user: connection.peer.uid,
        ["client": "\(connection.id)", "uid": "\(connection.peer.uid)", "reason": "\(reason)"])
    } else {
      log.write(.debug, "client gone", user: connection.peer.uid, ["client": "\(connection.id)"])
    }
  }

  /// A call is done; another may have waited for its place.
  fileprivate func finished(_ held: [ConnectionScope.Registration], on connection: RPCServerConnection) {
    for registration in held { connection.scope.release(registration) }
    scheduler.pump()
  }

  /// Every error that leaves the daemon leaves through here.
  fileprivate func body(_ error: any Error, _ call: IncomingCall, user: UInt32) -> RPCErrorBody {
    let answer = RPCErrorBody.answer(to: error, of: call.procedure.name)
    if answer.isFault {
      log.write(
        .error, "a fault of the daemon", user: user, ["procedure": "\(call.procedure.name)", "error": "\(error)"])
    }
    return answer.body
  }
}

extension ProgramServer {
  /// Serves a call from beginning to end in the isolation of the guests: no thread is changed, and calls of one connection
  /// are decided in the order in which they were sent. The task is the connection's, and is cancelled when that ends.
  private func begin(
    _ call: IncomingCall, on connection: RPCServerConnection, held: [ConnectionScope.Registration],
    in guests: isolated Guests
  ) {
    // A number names one connection only, from its opening to its end.
    guard let client = clients[connection.id], let program = programs[call.program, call.version] else {
      finished(held, on: connection)
      return connection.fail(call, RPCErrorBody(.notSupported, "unknown program \(call.program)"))
    }
    let caller = Caller(
      actor: .user(uid: connection.peer.uid, pid: connection.peer.pid), access: client.access, scope: client.scope,
      needed: Right(call.procedure.right), procedure: call.procedure.name)
    connection.scope.begin(held) {
      // It captures the actor, and so is isolated to it: one that does not goes on in another thread after its first wait.
      Task.immediate { await self.serve(call, on: connection, held: held, program, caller, in: guests) }
    }
  }

  private func serve(
    _ call: IncomingCall, on connection: RPCServerConnection, held: [ConnectionScope.Registration],
    _ program: any DoorProgram, _ caller: Caller, in guests: isolated Guests
  ) async {
    defer { finished(held, on: connection) }
    do {
      guard let reply = try await program.serve(call, by: caller) else {
        return connection.fail(call, RPCErrorBody(.notSupported, "unknown procedure \(call.procedure.number)"))
      }
      connection.reply(call, encoded: reply.encoded)
      await program.sent(reply)
    } catch {
      connection.fail(call, body(error, call, user: connection.peer.uid))
    }
  }
}
