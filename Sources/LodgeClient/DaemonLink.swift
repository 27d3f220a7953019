import Guest
import GuestWire
import NIOCore
import NIOPosix
import RPC
import RPCNIO
import Synchronization
import WireProtocol
import XDR

/// The connections that calls share: one as a rule, made when it is needed and again when it was lost. `CallPlaces` decides
/// which one takes a call.
final class DaemonLink: Sendable {
  struct Opened: Sendable {
    let connection: RPCClientConnection
    let hello: Wire.HelloReply
  }

  private struct State {
    var places = CallPlaces()
    /// The connections, or their being made: calls that come meanwhile wait for the same one.
    var tasks: [CallPlaces.ID: Task<Opened, any Error>] = [:]
    var wasReached = false
  }

  private let options: LodgeClient.Options
  private let state = Mutex(State())

  init(_ options: LodgeClient.Options) {
    self.options = options
  }

  deinit { close() }

  /// Connects if need be; what the daemon said about itself.
  func open() async throws(GuestError) -> Wire.HelloReply {
    let (opened, id) = try await opened()
    leave(id, isAnswered: true)
    return opened.hello
  }

  func close() {
    let tasks = state.withLock { state in
      defer {
        state.tasks = [:]
        state.places = CallPlaces()
      }
      return state.tasks
    }
    for task in tasks.values { end(task) }
  }

  private func end(_ task: Task<Opened, any Error>) {
    task.cancel()
    Task { try await task.value.connection.close() }
  }

  /// Makes a call. When the connection is lost before the reply has come, and doing it twice does no harm, it is made
  /// again over a new one, for as long as the options' patience lasts.
  ///
  /// - Parameter args: taken anew for each time that it is sent.
  func call<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, timeout: TimeAmount?, _ args: () -> Procedure.Args
  ) async throws(GuestError) -> Procedure.Reply where Procedure.Program == Admin {
    // From the moment it was lost: a call may have waited for an hour before.
    var deadline: ContinuousClock.Instant?
    var pause = Duration.milliseconds(10)
    while true {
      let error: GuestError
      var isAnswered = false
      do throws(GuestError) {
        let (opened, id) = try await opened()
        deadline = nil
        do throws(RPCCallError) {
          let reply = try await opened.connection.call(procedure, args(), timeout: timeout)
          leave(id, isAnswered: true)
          return reply
        } catch {
          switch error {
          case .connectionClosed: lost(id)
          case .cancelled, .timedOut:
            isAnswered = true
            leave(id, isAnswered: false)
          case .remote, .invalidArguments, .undecodable:
            isAnswered = true
            leave(id, isAnswered: true)
          }
          throw GuestError(error)
        }
      } catch let thrown {
        error = thrown
      }
      // A daemon that was there a moment ago may be on its way back; one that never was is not waited for.
      let isLost = !isAnswered && error.code == .unavailable && state.withLock { $0.wasReached }
      let end = deadline ?? ContinuousClock.now + options.patience
      deadline = end
      guard isLost, DaemonLink.isIdempotent(procedure), ContinuousClock.now + pause < end else { throw error }
      do { try await Task.sleep(for: pause) } catch { throw GuestError(.cancelled, "wait for the daemon: given up") }
      pause = min(pause * 2, .seconds(1))
    }
  }

  private static func isIdempotent<Procedure: RPCProcedure>(_ procedure: Procedure.Type) -> Bool {
    Procedure.Program.procedures.first { $0.number == Procedure.number }?.idempotent ?? false
  }

  // MARK: Connecting

  /// A connection, and the place on it that is this call's until `leave` or `lost`.
  private func opened() async throws(GuestError) -> (opened: Opened, id: CallPlaces.ID) {
    let (task, id) = state.withLock { state in
      let (id, isNew) = state.places.take()
      if !isNew, let task = state.tasks[id] { return (task, id) }
      let options = options
      let handlers = RPCClientConnection.Handlers(close: { [weak self] _ in self?.lost(id) })
      let task = Task { try await DaemonLink.connect(options, handlers: handlers) as Opened }
      state.tasks[id] = task
      return (task, id)
    }
    do {
      let opened = try await task.value
      state.withLock { $0.wasReached = true }
      return (opened, id)
    } catch {
      lost(id)
      throw error as? GuestError ?? GuestError(.cancelled, "connect to \(options.socket): given up")
    }
  }

  private func leave(_ id: CallPlaces.ID, isAnswered: Bool) {
    let finished = state.withLock { state in
      let isFinished = isAnswered ? state.places.answered(id) : state.places.gaveUp(id)
      return isFinished ? state.tasks.removeValue(forKey: id) : nil
    }
    if let finished { end(finished) }
  }

  private func lost(_ id: CallPlaces.ID) {
    state.withLock { state in
      state.places.lost(id)
      state.tasks[id] = nil
    }
  }

  /// A new connection that has introduced itself.
  static func connect(
    _ options: LodgeClient.Options, handlers: RPCClientConnection.Handlers = .init()
  ) async throws(GuestError) -> Opened {
    let connection: RPCClientConnection
    do throws(RPCConnectError) {
      connection = try await RPCClientConnection.connect(
        to: options.socket, on: MultiThreadedEventLoopGroup.singleton.any(), handlers: handlers)
    } catch {
      throw GuestError(error)
    }
    do throws(RPCCallError) {
      let hello = try await connection.call(
        Admin.Hello.self, .init(client: options.name), timeout: TimeAmount(options.callTimeout))
      return Opened(connection: connection, hello: hello)
    } catch {
      connection.close()
      throw GuestError(error)
    }
  }
}

extension TimeAmount {
  init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    self = .nanoseconds(overflow ? .max / 4 : product + attoseconds / 1_000_000_000)
  }
}
