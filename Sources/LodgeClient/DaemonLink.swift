import Guest
import GuestWire
import NIOCore
import NIOPosix
import RPC
import RPCNIO
import Synchronization
import WireProtocol
import XDR

/// The one connection that calls share: made when it is needed, and again when it was lost.
final class DaemonLink: Sendable {
  struct Opened: Sendable {
    let connection: RPCClientConnection
    let hello: Wire.HelloReply
  }

  private struct State {
    /// The connection, or its being made: calls that come meanwhile wait for the same one.
    var task: Task<Opened, any Error>?
    /// Which one that is, so that the end of an older one changes nothing.
    var generation: UInt64 = 0
    var wasReached = false
  }

  private let options: LodgeClient.Options
  private let state = Mutex(State())

  init(_ options: LodgeClient.Options) {
    self.options = options
  }

  deinit { close() }

  /// Connects if need be; what the daemon said about itself.
  func open() async throws(GuestError) -> Wire.HelloReply { try await opened().opened.hello }

  func close() {
    let task = state.withLock { state in
      defer { state.task = nil }
      return state.task
    }
    guard let task else { return }
    task.cancel()
    Task { try await task.value.connection.close() }
  }

  /// Makes a call. When the connection is lost before the reply has come, and doing it twice does no harm, it is made
  /// again over a new one, for as long as the options' patience lasts.
  func call<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args, timeout: TimeAmount?
  ) async throws(GuestError) -> Procedure.Reply where Procedure.Program == Admin {
    // From the moment it was lost: a call may have waited for an hour before.
    var deadline: ContinuousClock.Instant?
    var pause = Duration.milliseconds(10)
    while true {
      let error: GuestError
      var isAnswered = false
      do throws(GuestError) {
        let (opened, generation) = try await opened()
        deadline = nil
        do throws(RPCCallError) {
          return try await opened.connection.call(procedure, args, timeout: timeout)
        } catch {
          if case .connectionClosed = error { lost(generation) } else { isAnswered = true }
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
      do { try await Task.sleep(for: pause) } catch { throw GuestError(.cancelled, "given up") }
      pause = min(pause * 2, .seconds(1))
    }
  }

  private static func isIdempotent<Procedure: RPCProcedure>(_ procedure: Procedure.Type) -> Bool {
    Procedure.Program.procedures.first { $0.number == Procedure.number }?.idempotent ?? false
  }

  // MARK: Connecting

  private func opened() async throws(GuestError) -> (opened: Opened, generation: UInt64) {
    let (task, generation) = state.withLock { state in
      if let task = state.task { return (task, state.generation) }
      state.generation += 1
      let (options, generation) = (options, state.generation)
      let handlers = RPCClientConnection.Handlers(close: { [weak self] _ in self?.lost(generation) })
      let task = Task { try await DaemonLink.connect(options, handlers: handlers) as Opened }
      state.task = task
      return (task, generation)
    }
    do {
      let opened = try await task.value
      state.withLock { $0.wasReached = true }
      return (opened, generation)
    } catch {
      lost(generation)
      throw error as? GuestError ?? GuestError(.cancelled, "connect to \(options.socket): given up")
    }
  }

  private func lost(_ generation: UInt64) {
    state.withLock { if $0.generation == generation { $0.task = nil } }
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
