internal import AdminProgram
internal import Guest
internal import GuestWire
internal import LinuxSystem
internal import Logging
internal import Operations
internal import RPC
internal import RPCNIO

/// The connected clients. Used on the event loop only.
final class ClientList: @unchecked Sendable {
  struct Client {
    let scope: ClientScope
    let access: Access
    let since: Timestamp

    var connection: RPCServerConnection { scope.connection }
  }

  private(set) var connections: [UInt64: Client] = [:]

  func add(_ scope: ClientScope, _ access: Access) {
    connections[scope.id] = Client(scope: scope, access: access, since: Timestamp(nanoseconds: Clock.wallNanoseconds))
  }

  /// Nil for a connection that has gone: nothing is allowed to it.
  subscript(id: UInt64) -> Client? { connections[id] }

  func remove(_ id: UInt64) { connections[id] = nil }

  /// In the order in which they came.
  func reports() -> [ClientReport] {
    connections.values.sorted { $0.scope.id < $1.scope.id }.map {
      let connection = $0.connection
      return ClientReport(
        id: connection.id, uid: connection.peer.uid, pid: connection.peer.pid, name: connection.clientName,
        isReadOnly: connection.isReadOnly, since: $0.since, calls: connection.callsReceived,
        bytesIn: connection.bytesReceived, bytesOut: connection.bytesSent, queuedBytes: connection.queuedBytes,
        subscriptions: connection.scope.count(of: .subscriptions))
    }
  }
}

/// A connection as operations see it.
final class ClientScope: CallerScope {
  let connection: RPCServerConnection
  private let log: ClientLog

  init(_ connection: RPCServerConnection, log: ClientLog) {
    self.connection = connection
    self.log = log
  }

  var id: UInt64 { connection.id }
  var user: UInt32 { connection.peer.uid }
  var subscriptions: Int { connection.scope.count(of: .subscriptions) }
  var hasRoom: Bool { connection.isWritable }

  func registerSubscription(
    end: @escaping @Sendable () -> Void
  ) throws(GuestError) -> @Sendable () -> Void {
    do throws(RPCErrorBody) {
      let registration = try connection.scope.register(.subscriptions, cancel: end)
      return { [connection] in connection.scope.release(registration) }
    } catch {
      throw GuestError(error)
    }
  }

  func send(_ delivery: EventDelivery, to subscription: UInt32) {
    do { connection.send(try delivery.frame(for: subscription)) } catch {
      log.write(.error, "an event breaks a bound of the protocol", user: user, ["error": "\(error)"])
    }
  }

  func close(reason: String) { connection.close(reason: reason) }
}
