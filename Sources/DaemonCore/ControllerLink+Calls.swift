internal import FormerProtocol
internal import Guest
internal import GuestWire
internal import NIOCore
internal import RPC
internal import RPCNIO
internal import Supervision
internal import WireProtocol
internal import XDR

/// The version of its program that a controller speaks. One that was spawned by the former release speaks version 1, and
/// goes on doing so: its guest outlives the upgrade.
enum ControllerVersion: Sendable, Hashable {
  case current
  case former
}

/// A controller's account of its run.
struct ControllerStatus: Sendable {
  var version: ControllerVersion
  var reply: Wire.StatusReply

  /// As far as it decides whether this is the run's controller.
  var introduction: Recovery.Status {
    let orders: Set<UInt32>? =
      switch version {
      case .current: Set(EndOrders(reply.orders).kept.map(\.number))
      case .former: nil
      }
    return Recovery.Status(run: RunID(reply.run) ?? .zero, phase: .init(reply.phase), orders: orders)
  }
}

extension Recovery.Status.Phase {
  fileprivate init(_ wire: Wire.ControllerPhase) {
    switch wire {
    case .idle: self = .idle
    case .launching: self = .launching
    case .running: self = .running
    case .stopping: self = .stopping
    case .ended: self = .ended
    // A newer controller's: it lives, and is asked again when its guest is stopped.
    case .unknown: self = .running
    }
  }
}

extension RPCClientConnection {
  /// Asks a controller where its run is, in version 2, and in version 1 where it refuses that: so its version is found.
  func controllerStatus(
    deadline: NIODeadline? = nil, completion: @escaping @Sendable (Result<ControllerStatus, RPCCallError>) -> Void
  ) {
    call(Controller.Status.self, XDRVoid(), deadline: deadline) { result in
      switch result {
      case .success(let reply): completion(.success(ControllerStatus(version: .current, reply: reply)))
      case .failure(.remote(let body)) where body.code == .unknownProgram:
        self.call(FormerController.Status.self, XDRVoid(), deadline: deadline) { result in
          completion(
            result.flatMap { former in
              do throws(GuestError) {
                return .success(ControllerStatus(version: .former, reply: try Wire.StatusReply(former: former)))
              } catch {
                return .failure(.remote(RPCErrorBody(.badFrame, "status of a former controller: \(error.message)")))
              }
            })
        }
      case .failure(let error): completion(.failure(error))
      }
    }
  }
}

extension ControllerLink {
  /// Begins a stop; its end comes as EXIT.
  func stop(_ order: EndOrder, signal: Int32, timeoutMillis: UInt64, deadline: NIODeadline) {
    switch version {
    case .current:
      connection?.call(
        Controller.Stop.self, .init(order: .init(order), signal: signal, timeoutMillis: timeoutMillis),
        deadline: deadline
      ) { _ in }
    case .former:
      connection?.call(
        FormerController.Stop.self,
        .init(by: .init(order.by), signal: signal, timeoutMillis: timeoutMillis, noKill: order.noKill),
        deadline: deadline
      ) { _ in }
    }
  }

  /// Sends a signal.
  ///
  /// - Parameter order: for the record, of a signal that is an order to end the run.
  func kill(
    by actor: Actor, signal: Int32, order: EndOrder?, deadline: NIODeadline,
    completion: @escaping @Sendable (Result<Void, RPCCallError>) -> Void
  ) {
    guard let connection else { return completion(.failure(.connectionClosed(.closedHere("not connected")))) }
    switch version {
    case .current:
      connection.call(
        Controller.Kill.self, .init(by: .init(actor), signal: signal, order: order.map { .init($0) }),
        deadline: deadline
      ) { completion($0.map { _ in () }) }
    case .former:
      connection.call(FormerController.Kill.self, .init(by: .init(actor), signal: signal), deadline: deadline) {
        completion($0.map { _ in () })
      }
    }
  }

  func usage(deadline: NIODeadline, completion: @escaping @Sendable (Result<GuestUsage, RPCCallError>) -> Void) {
    guard let connection else { return completion(.failure(.connectionClosed(.closedHere("not connected")))) }
    switch version {
    case .current:
      connection.call(Controller.Resources.self, XDRVoid(), deadline: deadline) {
        completion($0.map { GuestUsage($0.usage) })
      }
    case .former:
      connection.call(FormerController.Resources.self, XDRVoid(), deadline: deadline) {
        completion($0.map { GuestUsage(former: $0) })
      }
    }
  }
}

extension ExitRecord {
  /// The record in an EXIT event of either version; nil for another event.
  init?(_ event: IncomingEvent) throws {
    if let exit = try event.decode(Controller.Exit.self) {
      try self.init(exit.record)
    } else if let exit = try event.decode(FormerController.Exit.self) {
      try self.init(former: exit.record)
    } else {
      return nil
    }
  }
}
