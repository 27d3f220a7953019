public import LinuxSystem
public import NIOCore
public import RPC
public import WireProtocol
public import XDR

/// Serves the calls that reach a server. All calls are made on the connection's event loop.
public protocol RPCServerDelegate: AnyObject, Sendable {
  /// A client has connected; before anything else about it.
  func connectionOpened(_ connection: RPCServerConnection)
  /// A call that passed every check: program, version, procedure, right, read-only socket, number of open calls. It is
  /// owed exactly one `reply` or `fail`, at any time, in any order.
  func received(_ call: IncomingCall, on connection: RPCServerConnection)
  /// A piece of a stream that this side opened.
  func received(_ stream: IncomingStream, on connection: RPCServerConnection)
  /// The output fell below the low-water mark: subscribers send more.
  func connectionWritable(_ connection: RPCServerConnection)
  /// The last thing about a connection. `reason` is nil where nothing went wrong. May call anything.
  func connectionClosed(_ connection: RPCServerConnection, reason: String?)
}

extension RPCServerDelegate {
  public func received(_ stream: IncomingStream, on connection: RPCServerConnection) {}
  public func connectionWritable(_ connection: RPCServerConnection) {}
}

/// One client of the daemon.
///
/// Its methods may be called from anywhere and take effect on its event loop; at once when called there. Its
/// properties are read on the event loop. Calls after the end do nothing.
public final class RPCServerConnection: @unchecked Sendable {
  /// Never used again while the process runs.
  public let id: UInt64
  public let peer: PeerCredentials
  public let right: RPCRight
  public let isReadOnly: Bool
  public let eventLoop: any EventLoop
  /// Owns what the delegate does for this client.
  public let scope: ConnectionScope
  /// When it was accepted, on the clock of `NIODeadline`.
  public let openedAt: NIODeadline

  // Everything below is touched on the event loop only.
  private var session: ServerSession
  private var handler: SocketHandler<RPCServerConnection>?
  private weak var delegate: (any RPCServerDelegate)?
  private let ended: (RPCServerConnection) -> Void
  private let isRefused: Bool
  private var isDispatching = false
  private var outgoing: [OwnedFD] = []
  private let limits: ClientLimits
  private let turns: ConnectionTurns
  /// It has something to do and is not read before that is done. Set by `ConnectionTurns`.
  var isWaitingForTurn = false
  /// The delegate is to hear that there is room again.
  private var hasBecomeWritable = false
  /// Of the session's bytes, those that are counted against the user.
  private var chargedBytes = 0
  /// Fewer bytes than this are not worth an entry in the ledger.
  private static let ledgerStep = 4096

  /// The client's name from procedure 0: foreign text, to be shown escaped. Empty until then.
  public private(set) var clientName = ""
  public private(set) var bytesReceived: UInt64 = 0
  public private(set) var bytesSent: UInt64 = 0
  public private(set) var callsReceived: UInt64 = 0
  public private(set) var eventsSent: UInt64 = 0

  init(
    id: UInt64, peer: PeerCredentials, right: RPCRight, isReadOnly: Bool, eventLoop: any EventLoop,
    configuration: ServerSession.Configuration, refusal: RPCErrorBody?, limits: ClientLimits,
    turns: ConnectionTurns, delegate: any RPCServerDelegate,
    ended: @escaping (RPCServerConnection) -> Void
  ) {
    self.id = id
    self.peer = peer
    self.right = right
    self.isReadOnly = isReadOnly
    self.eventLoop = eventLoop
    self.delegate = delegate
    self.ended = ended
    self.limits = limits
    self.turns = turns
    scope = ConnectionScope(user: peer.uid, limits: limits)
    isRefused = refusal != nil
    openedAt = .now()
    session = ServerSession(
      configuration, right: right, readOnly: isReadOnly, refusal: refusal, at: openedAt.uptimeNanoseconds)
  }

  /// Becomes part of a channel that is about to become active.
  func attach(to channel: any Channel, descriptor: Int32, gate: DescriptorGate?) throws {
    let handler = SocketHandler(owner: self, eventLoop: eventLoop, descriptor: descriptor, gate: gate)
    self.handler = handler
    try channel.pipeline.syncOperations.addHandler(handler)
    if !isRefused { delegate?.connectionOpened(self) }
  }

  // MARK: Answers

  /// Answers a call. A result that breaks a bound of its `.x` becomes an error.
  public func reply<Procedure: RPCProcedure>(
    _ call: IncomingCall, _ procedure: Procedure.Type, _ result: Procedure.Reply
  ) {
    guard eventLoop.inEventLoop else { return eventLoop.execute { self.reply(call, procedure, result) } }
    session.reply(to: call, procedure, result)
    changed()
  }

  /// Answers a call with a result that is encoded already.
  public func reply(_ call: IncomingCall, encoded result: [UInt8]) {
    guard eventLoop.inEventLoop else { return eventLoop.execute { self.reply(call, encoded: result) } }
    session.reply(to: call, encoded: result)
    changed()
  }

  /// Answers a call with a result and at most 32 descriptors, kept open until they are sent.
  public func reply<Procedure: RPCProcedure>(
    _ call: IncomingCall, _ procedure: Procedure.Type, _ result: Procedure.Reply, descriptors: [OwnedFD]
  ) {
    perform {
      $0.outgoing += descriptors
      $0.session.reply(to: call, procedure, result, descriptors: descriptors.map(\.rawValue))
    }
  }

  /// Answers a call with an error.
  public func fail(_ call: IncomingCall, _ error: RPCErrorBody) {
    perform { $0.session.fail(call, error) }
  }

  // MARK: Events

  /// Sends an event. One that breaks a bound of its `.x` is a fault of ours: it is not sent, and the error is thrown.
  public func send<Event: RPCEvent>(_ event: Event.Type, _ body: Event.Body) throws(XDRError) {
    send(try EncodedFrame.event(event, body))
  }

  /// Sends a frame that was encoded once for many subscribers.
  public func send(_ frame: EncodedFrame) {
    guard eventLoop.inEventLoop else { return eventLoop.execute { self.send(frame) } }
    if session.send(frame) { eventsSent += 1 }
    changed()
  }

  /// False from 256 KiB of queued output on until it has fallen to 64 KiB; then `connectionWritable` is called. It is for
  /// subscriptions to obey: `send` takes anything.
  public var isWritable: Bool { session.isWritable }

  /// Bytes that the kernel does not have yet.
  public var queuedBytes: Int { session.queuedBytes }

  public var openCalls: Int { session.openCalls }

  // MARK: Streams

  /// Answers a call and leaves a stream open under its serial; `opened` gets false when the client has too many.
  public func openStream<Procedure: RPCProcedure>(
    for call: IncomingCall, _ procedure: Procedure.Type, _ result: Procedure.Reply,
    opened: @escaping @Sendable (Bool) -> Void
  ) {
    perform { opened($0.session.openStream(for: call, procedure, result)) }
  }

  public func send(stream serial: UInt32, _ data: ArraySlice<UInt8>) {
    perform { $0.session.send(stream: serial, data) }
  }

  public func finish(stream serial: UInt32) {
    perform { $0.session.finish(stream: serial) }
  }

  public func abort(stream serial: UInt32, _ error: RPCErrorBody) {
    perform { $0.session.abort(stream: serial, error) }
  }

  // MARK: The end

  /// Closes now; what is queued is dropped.
  public func close(reason: String) {
    perform { $0.session.close(reason: reason) }
  }

  /// Closes when the client has read everything, replies to open calls included, or at `deadline`; at once when idle.
  public func closeDelayed(deadline: NIODeadline) {
    perform {
      $0.session.closeDelayed(
        deadline: deadline.uptimeNanoseconds, peerHasReadAll: $0.handler?.isDrained ?? true)
    }
  }

  /// False once the end has come or been decided.
  public var isOpen: Bool { !session.isClosed }

  // MARK: Work

  private func perform(_ action: @escaping @Sendable (RPCServerConnection) -> Void) {
    guard eventLoop.inEventLoop else { return eventLoop.execute { self.perform(action) } }
    action(self)
    changed()
  }

  /// The session has changed: there may be output, an end, or room for calls that had to wait.
  private func changed() {
    if session.isClosed || session.hasBufferedInput { requestTurn() }
    settleBytes()
    handler?.changed()
  }

  /// Brings the ledger of bytes up to date. The client that goes beyond what its user may make us keep is cut off.
  private func settleBytes() {
    let held = session.isClosed ? 0 : session.heldBytes
    guard held != chargedBytes, held == 0 || abs(held - chargedBytes) >= Self.ledgerStep else { return }
    if held < chargedBytes {
      limits.give(.bytes, chargedBytes - held, by: peer.uid)
      chargedBytes = held
      return
    }
    do throws(RPCErrorBody) {
      try limits.take(.bytes, held - chargedBytes, for: peer.uid)
      chargedBytes = held
    } catch {
      session.close(unread: error.message)
      settleBytes()
      requestTurn()
    }
  }

  /// There is something to do. Within a turn its loop sees the change.
  private func requestTurn() {
    if !isDispatching, !isWaitingForTurn { turns.take(self) }
  }

  /// Takes so many frames from the input, and gives out what they bring; true if there may be more.
  func takeTurn(frames: Int) -> Bool {
    var allowance = frames
    dispatch(&allowance)
    settleBytes()
    handler?.changed()
    return allowance == 0
  }

  /// Gives out what the session has. Never nested: what the delegate does meanwhile is seen by this loop.
  private func dispatch(_ allowance: inout Int) {
    guard !isDispatching else { return }
    isDispatching = true
    defer { isDispatching = false }
    if hasBecomeWritable {
      hasBecomeWritable = false
      delegate?.connectionWritable(self)
    }
    while let event = session.next(at: NIODeadline.now().uptimeNanoseconds, allowance: &allowance) {
      switch event {
      case .call(let call):
        callsReceived += 1
        if let delegate {
          delegate.received(call, on: self)
        } else {
          session.fail(call, RPCErrorBody(.unavailable, "the server is shutting down"))
        }
      case .stream(let stream): delegate?.received(stream, on: self)
      case .hello(let client): clientName = client
      case .silent, .heardAgain: break
      case .closed(let reason): finish(reason)
      }
    }
    for number in session.takeDiscardedDescriptors() { OwnedFD(adopting: number).close() }
    // A refused client has its answer; it is not kept for a second call.
    if isRefused, session.answeredCalls > 0 {
      let deadline = NIODeadline.now() + .seconds(1)
      session.closeDelayed(deadline: deadline.uptimeNanoseconds, peerHasReadAll: false)
    }
  }

  private func finish(_ reason: CloseReason) {
    outgoing = []
    settleBytes()
    handler?.changed()
    handler = nil
    scope.close()
    ended(self)
    if !isRefused { delegate?.connectionClosed(self, reason: reason.isOrderly ? nil : reason.description) }
  }
}

extension RPCServerConnection: SocketHandlerOwner {
  func received(_ bytes: [UInt8], descriptors: [Int32]) {
    bytesReceived += UInt64(bytes.count)
    session.received(bytes, descriptors: descriptors, at: NIODeadline.now().uptimeNanoseconds)
    requestTurn()
    settleBytes()
  }

  func ended(_ failure: String?) {
    if let failure { session.inputBroke(failure) } else { session.receivedEnd() }
    session.outputBroke()
    requestTurn()
  }

  func timePassed() {
    session.timePassed(at: NIODeadline.now().uptimeNanoseconds)
    requestTurn()
  }

  func sent(_ count: Int) {
    let wasWritable = session.isWritable
    session.sentBytes(count)
    outputLeft(count, wasWritable)
  }

  func transmitted(_ count: Int) {
    let wasWritable = session.isWritable
    session.transmitted(count)
    outputLeft(count, wasWritable)
  }

  private func outputLeft(_ count: Int, _ wasWritable: Bool) {
    bytesSent += UInt64(count)
    if !wasWritable, session.isWritable {
      hasBecomeWritable = true
      requestTurn()
    }
    if !outgoing.isEmpty, session.output.isEmpty { outgoing = [] }
    settleBytes()
  }

  func outputBroke() { session.outputBroke() }

  func sentDescriptor() {
    session.sentDescriptor()
    if session.output.isEmpty { outgoing = [] }
  }

  func takeOutput() -> [UInt8] { session.takeOutput() }

  func peerHasReadAll() {
    session.peerHasReadAll()
    requestTurn()
  }

  var output: OutputQueue { session.output }
  var wantsRead: Bool { session.wantsRead && !isWaitingForTurn }
  var wantsDrainCheck: Bool { session.wantsDrainCheck }
  var isClosed: Bool { session.isClosed }
  var nextDeadline: UInt64? { session.nextDeadline }
}
