import Glibc
public import LinuxSystem
public import NIOCore
import NIOPosix
public import RPC
public import XDR

/// A connection to a server: calls out, replies and events in.
///
/// Its methods may be called from anywhere and take effect on its event loop; at once when called there. Completions
/// and handlers run on the event loop. It stays open until it is closed or the peer goes, held or not.
public final class RPCClientConnection: RPCCaller, @unchecked Sendable {
  /// Callbacks to the connection's owner, made on the event loop.
  public struct Handlers: Sendable {
    public var event: @Sendable (IncomingEvent) -> Void
    public var stream: @Sendable (IncomingStream) -> Void
    /// True when the peer gives no sign of life, false when it does again. Only where keepalive reports and does not
    /// close.
    public var silence: @Sendable (Bool) -> Void
    /// The end, once, after every event that came before it and every open call's failure.
    public var close: @Sendable (CloseReason) -> Void

    public init(
      event: @escaping @Sendable (IncomingEvent) -> Void = { _ in },
      stream: @escaping @Sendable (IncomingStream) -> Void = { _ in },
      silence: @escaping @Sendable (Bool) -> Void = { _ in },
      close: @escaping @Sendable (CloseReason) -> Void = { _ in }
    ) {
      self.event = event
      self.stream = stream
      self.silence = silence
      self.close = close
    }
  }

  public let eventLoop: any EventLoop
  /// Credentials of the peer, from the kernel.
  public let peer: PeerCredentials

  // Everything below is touched on the event loop only.
  private var session: ClientSession
  private var handler: SocketHandler<RPCClientConnection>?
  private var handlers: Handlers
  private var completions: [UInt32: (ClientSession.Outcome) -> Void] = [:]
  private var isDispatching = false
  private var isPaused = false
  private var outgoing: [OwnedFD] = []

  private init(
    _ peer: PeerCredentials, on eventLoop: any EventLoop, configuration: ClientSession.Configuration,
    handlers: Handlers
  ) {
    self.peer = peer
    self.eventLoop = eventLoop
    self.handlers = handlers
    var configuration = configuration
    configuration.trace = configuration.trace ?? FrameTracing.ifWanted
    session = ClientSession(configuration, at: NIODeadline.now().uptimeNanoseconds)
  }

  // MARK: Connecting

  /// Takes over a connected socket, for example one end of a socketpair. Calls may be made at once.
  public static func adopt(
    _ socket: OwnedFD, on eventLoop: any EventLoop, configuration: ClientSession.Configuration = .init(),
    handlers: Handlers = .init()
  ) throws(SystemError) -> RPCClientConnection {
    let peer = try PeerCredentials(of: socket.rawValue)
    let connection = RPCClientConnection(peer, on: eventLoop, configuration: configuration, handlers: handlers)
    let descriptor = socket.release()
    if eventLoop.inEventLoop {
      connection.open(descriptor, configuration)
    } else {
      eventLoop.execute { connection.open(descriptor, configuration) }
    }
    return connection
  }

  /// Connects to the socket at `path`.
  ///
  /// - Parameter timeout: for a server that listens and does not accept.
  public static func connect(
    to path: String, on eventLoop: any EventLoop, configuration: ClientSession.Configuration = .init(),
    handlers: Handlers = .init(), timeout: TimeAmount = .seconds(5)
  ) async throws(RPCConnectError) -> RPCClientConnection {
    let deadline = NIODeadline.now() + timeout
    while true {
      do throws(SystemError) {
        // Connecting to a Unix socket is done at once or not at all: the queue is full. No thread waits for that.
        let socket = try UnixSocket.connect(to: path, timeoutMicroseconds: 1)
        return try adopt(socket, on: eventLoop, configuration: configuration, handlers: handlers)
      } catch {
        switch error.errno {
        case ENOENT, ENOTDIR: throw .noSocket(path: path)
        case ECONNREFUSED: throw .refused(path: path)
        case EACCES, EPERM: throw .denied(path: path)
        case EAGAIN: guard NIODeadline.now() < deadline else { throw .timedOut(path: path) }
        default: throw .failed(path: path, errno: error.errno, reason: error.reason)
        }
      }
      // The kernel does not signal room in the queue of a listening socket.
      do { try await Task.sleep(nanoseconds: 10_000_000) } catch { throw .timedOut(path: path) }
    }
  }

  private func open(_ descriptor: Int32, _ configuration: ClientSession.Configuration) {
    let gate = configuration.acceptsDescriptors ? DescriptorGate(frameMax: configuration.frameMax) : nil
    let handler = SocketHandler(owner: self, eventLoop: eventLoop, descriptor: descriptor, gate: gate)
    self.handler = handler
    let loopBound = NIOLoopBound(handler, eventLoop: eventLoop)
    var bootstrap = ClientBootstrap(group: eventLoop)
      .channelOption(.maxMessagesPerRead, value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(loopBound.value) }
      }
    if let gate { bootstrap = bootstrap.channelOption(.recvAllocator, value: GatedBufferAllocator(gate: gate)) }
    bootstrap.withConnectedSocket(descriptor).whenFailure { error in
      self.ended("adopt fd \(descriptor): \(error)")
    }
  }

  // MARK: Calls

  /// Makes a call; `completion` gets its outcome on the event loop, exactly once.
  ///
  /// - Parameter deadline: when to give it up; nil waits as long as the connection lasts.
  public func call<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args, deadline: NIODeadline? = nil,
    completion: @escaping @Sendable (Result<Procedure.Reply, RPCCallError>) -> Void
  ) {
    guard eventLoop.inEventLoop else {
      return eventLoop.execute { self.call(procedure, args, deadline: deadline, completion: completion) }
    }
    begin(procedure, args, descriptors: [], deadline: deadline) { result, _ in completion(result) }
  }

  /// Makes a call that sends descriptors (kept open until sent, at most 32) or expects some with the reply. Receiving
  /// needs `acceptsDescriptors` in the configuration.
  public func call<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args, descriptors: [OwnedFD], deadline: NIODeadline? = nil,
    completion: @escaping @Sendable (Result<Procedure.Reply, RPCCallError>, [OwnedFD]) -> Void
  ) {
    guard eventLoop.inEventLoop else {
      return eventLoop.execute {
        self.call(procedure, args, descriptors: descriptors, deadline: deadline, completion: completion)
      }
    }
    begin(procedure, args, descriptors: descriptors, deadline: deadline, completion: completion)
  }

  @discardableResult
  private func begin<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args, descriptors: [OwnedFD], deadline: NIODeadline?,
    completion: @escaping (Result<Procedure.Reply, RPCCallError>, [OwnedFD]) -> Void
  ) -> UInt32? {
    do throws(RPCCallError) {
      let serial = try session.call(
        procedure, args, descriptors: descriptors.map(\.rawValue), deadline: deadline?.uptimeNanoseconds)
      outgoing += descriptors
      completions[serial] = { outcome in
        switch outcome {
        case .success(let bytes, let numbers):
          let owned = numbers.map { OwnedFD(adopting: $0) }
          do throws(XDRError) {
            completion(.success(try Procedure.Reply(xdr: bytes)), owned)
          } catch {
            completion(.failure(.undecodable(error)), [])
          }
        case .failure(let error): completion(.failure(error), [])
        }
      }
      changed()
      return serial
    } catch {
      completion(.failure(error), [])
      return nil
    }
  }

  /// Makes a call and waits for its reply. Cancelling the task gives the call up; whether it was done is not known then.
  public func call<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args
  ) async throws -> Procedure.Reply {
    try await call(procedure, args, timeout: nil)
  }

  /// Makes a call and waits for its reply, at most for `timeout`.
  public func call<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args, timeout: TimeAmount?
  ) async throws(RPCCallError) -> Procedure.Reply {
    let cancellation = Cancellation(self)
    let result: Result<Procedure.Reply, RPCCallError> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let start: @Sendable () -> Void = {
          guard !cancellation.isCancelled else { return continuation.resume(returning: .failure(.cancelled)) }
          let deadline = timeout.map { NIODeadline.now() + $0 }
          cancellation.serial = self.begin(procedure, args, descriptors: [], deadline: deadline) { result, _ in
            cancellation.serial = nil
            continuation.resume(returning: result)
          }
        }
        if self.eventLoop.inEventLoop { start() } else { self.eventLoop.execute(start) }
      }
    } onCancel: {
      self.eventLoop.execute { cancellation.cancel() }
    }
    return try result.get()
  }

  /// Ties a task to its call, on the event loop.
  private final class Cancellation: @unchecked Sendable {
    private let connection: RPCClientConnection
    var serial: UInt32?
    var isCancelled = false

    init(_ connection: RPCClientConnection) {
      self.connection = connection
    }

    func cancel() {
      isCancelled = true
      if let serial { connection.abandon(serial) }
    }
  }

  private func abandon(_ serial: UInt32) {
    guard session.abandon(serial) else { return }
    completions.removeValue(forKey: serial)?(.failure(.cancelled))
    changed()
  }

  // MARK: Streams

  public func send(stream serial: UInt32, _ data: ArraySlice<UInt8>) {
    perform { $0.session.send(stream: serial, data) }
  }

  public func finish(stream serial: UInt32) {
    perform { $0.session.finish(stream: serial) }
  }

  public func abort(stream serial: UInt32) {
    perform { $0.session.abort(stream: serial) }
  }

  /// Makes a call that leaves a stream open; `completion` also gets the serial that names it.
  public func openStream<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args, deadline: NIODeadline? = nil,
    completion: @escaping @Sendable (Result<(Procedure.Reply, stream: UInt32), RPCCallError>) -> Void
  ) {
    guard eventLoop.inEventLoop else {
      return eventLoop.execute { self.openStream(procedure, args, deadline: deadline, completion: completion) }
    }
    do throws(RPCCallError) {
      let serial = try session.openStream(procedure, args, deadline: deadline?.uptimeNanoseconds)
      completions[serial] = { outcome in
        switch outcome {
        case .success(let bytes, _):
          do throws(XDRError) {
            completion(.success((try Procedure.Reply(xdr: bytes), stream: serial)))
          } catch {
            completion(.failure(.undecodable(error)))
          }
        case .failure(let error): completion(.failure(error))
        }
      }
      changed()
    } catch {
      completion(.failure(error))
    }
  }

  // MARK: Flow and end

  /// Stops reading: events, replies and the peer's questions stay in the socket. For a consumer that cannot keep up;
  /// the server then holds its events back.
  public func pauseReading() {
    perform { $0.isPaused = true }
  }

  public func resumeReading() {
    perform { $0.isPaused = false }
  }

  /// Closes now. Open calls fail.
  public func close(reason: String = "closed by the caller") {
    perform { $0.session.close(reason: reason) }
  }

  /// Bytes that the kernel does not have yet. On the event loop.
  public var queuedBytes: Int { session.queuedBytes }

  /// On the event loop.
  public var isOpen: Bool { !session.isClosed }

  // MARK: Work

  private func perform(_ action: @escaping @Sendable (RPCClientConnection) -> Void) {
    guard eventLoop.inEventLoop else { return eventLoop.execute { self.perform(action) } }
    action(self)
    changed()
  }

  /// The session has changed: there may be output, or an end.
  private func changed() {
    if session.isClosed { dispatch() }
    handler?.changed()
  }

  /// Gives out what the session has. Never nested: what a handler does meanwhile is seen by this loop.
  private func dispatch() {
    guard !isDispatching else { return }
    isDispatching = true
    defer { isDispatching = false }
    while let event = session.next(at: NIODeadline.now().uptimeNanoseconds) {
      switch event {
      case .reply(let serial, let outcome): completions.removeValue(forKey: serial)?(outcome)
      case .event(let event): handlers.event(event)
      case .stream(let stream): handlers.stream(stream)
      case .silent: handlers.silence(true)
      case .heardAgain: handlers.silence(false)
      case .closed(let reason): finish(reason)
      }
    }
    for number in session.takeDiscardedDescriptors() { OwnedFD(adopting: number).close() }
  }

  private func finish(_ reason: CloseReason) {
    outgoing = []
    handler?.changed()
    handler = nil
    let close = handlers.close
    handlers = Handlers()
    close(reason)
  }
}

extension RPCClientConnection: SocketHandlerOwner {
  func received(_ bytes: [UInt8], descriptors: [Int32]) {
    session.received(bytes, descriptors: descriptors, at: NIODeadline.now().uptimeNanoseconds)
    dispatch()
  }

  func ended(_ failure: String?) {
    if let failure { session.inputBroke(failure) } else { session.receivedEnd() }
    session.outputBroke()
    dispatch()
  }

  func timePassed() {
    session.timePassed(at: NIODeadline.now().uptimeNanoseconds)
    dispatch()
  }

  func sent(_ count: Int) {
    session.sentBytes(count)
    if !outgoing.isEmpty, session.output.isEmpty { outgoing = [] }
  }

  func transmitted(_ count: Int) {
    session.transmitted(count)
    if !outgoing.isEmpty, session.output.isEmpty { outgoing = [] }
  }

  func outputBroke() { session.outputBroke() }

  func sentDescriptor() {
    session.sentDescriptor()
    if session.output.isEmpty { outgoing = [] }
  }

  func takeOutput() -> [UInt8] { session.takeOutput() }
  func peerHasReadAll() {}

  var output: OutputQueue { session.output }
  var wantsRead: Bool { session.wantsRead && !isPaused }
  var wantsDrainCheck: Bool { false }
  var isClosed: Bool { session.isClosed }
  var nextDeadline: UInt64? { session.nextDeadline }
}
