internal import AdminProgram
internal import Guest
internal import LinuxSystem
internal import NIOCore
internal import RPC
internal import RPCNIO
internal import WireProtocol
internal import XDR

/// Begins calls in turn, so that one user's thousand calls delay another's by one call.
///
/// A call begins at once while there is little to do. Under load calls queue up by user and connection, a millisecond of
/// them is begun, then sockets and timers get their turn. A call waits, too, while its client does not read its replies,
/// and for its turn at the journal. Touched on the event loop only.
final class CallScheduler: @unchecked Sendable {
  private struct Pending: Sendable {
    let call: IncomingCall
    let connection: RPCServerConnection
    let registration: ConnectionScope.Registration
    let cost: CallCost
  }

  private let eventLoop: any EventLoop
  private let limits: ClientLimits
  private let cost: (IncomingCall) -> CallCost
  private let begin: (IncomingCall, RPCServerConnection, _ held: [ConnectionScope.Registration]) -> Void
  private var queue = FairQueue<Pending>()
  private var budget = TurnBudget(limit: 1_000_000, pause: 200_000)
  private var isResuming = false
  private var poll: NextPoll?

  /// - Parameters:
  ///   - cost: of a call, as its program says.
  ///   - begin: serves a call; to release what is held when it is done, and to call `pump` then.
  init(
    eventLoop: any EventLoop, limits: ClientLimits, cost: @escaping (IncomingCall) -> CallCost,
    begin: @escaping (IncomingCall, RPCServerConnection, _ held: [ConnectionScope.Registration]) -> Void
  ) {
    self.eventLoop = eventLoop
    self.limits = limits
    self.cost = cost
    self.begin = begin
  }

  func submit(_ call: IncomingCall, on connection: RPCServerConnection) {
    do throws(RPCErrorBody) {
      let pending = Pending(
        call: call, connection: connection, registration: try connection.scope.register(.calls), cost: cost(call))
      queue.append(pending, user: connection.peer.uid, connection: connection.id)
    } catch {
      return connection.fail(call, error)
    }
    pump()
  }

  /// Something may have changed: a call is done, a client reads again.
  func pump() {
    guard !queue.isEmpty, !isResuming else { return }
    while true {
      let start = NIODeadline.now().uptimeNanoseconds
      guard budget.mayWork(at: start) else { return resumeLater() }
      guard let next = queue.next(where: isReady) else { return }
      serve(next)
      budget.worked(from: start, to: NIODeadline.now().uptimeNanoseconds)
    }
  }

  /// The calls of a connection that has ended and that were not begun.
  func drop(_ connection: RPCServerConnection) {
    queue.removeAll(user: connection.peer.uid, connection: connection.id)
  }

  private func isReady(_ pending: Pending) -> Bool {
    guard pending.connection.isWritable else { return false }
    switch pending.cost {
    case .plain, .waits: return true
    case .readsJournal: return limits.hasRoom(for: .journalReads, user: pending.connection.peer.uid)
    }
  }

  private func serve(_ pending: Pending) {
    let scope = pending.connection.scope
    var held = [pending.registration]
    do throws(RPCErrorBody) {
      switch pending.cost {
      case .plain: break
      case .readsJournal: held.append(try scope.register(.journalReads))
      case .waits: held.append(try scope.register(.waits))
      }
    } catch {
      for registration in held { scope.release(registration) }
      return pending.connection.fail(pending.call, error)
    }
    begin(pending.call, pending.connection, held)
  }

  /// When the event loop has looked at its sockets.
  private func resumeLater() {
    if poll == nil {
      let poll = NextPoll(on: eventLoop) { [weak self] in self?.resume() }
      poll.open()
      self.poll = poll
    }
    isResuming = true
    poll?.ask()
  }

  private func resume() {
    isResuming = false
    budget.renew()
    pump()
  }
}
