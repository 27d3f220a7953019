public import LinuxSystem
public import RPC
public import XDR

/// Serves one connection from an epoll loop: the session decides, this reads, writes and watches.
///
/// One thread. The loop hands it readiness (`handle`) and time (`timePassed`, due at `nextDeadline`); it keeps its own
/// registration in the epoll and takes it out when it closes. Everything the peer sent before it hung up is given out
/// before `.closed`, which is the last event and comes once. `onEvent` may call anything here, `close` included.
public final class SocketServerConnection {
  /// Bytes of one read. Small: a controller's messages are, and its memory is paid once per guest.
  private static let readSize = 8 * 1024

  /// Gets every event. Set it before the first `handle`.
  public var onEvent: (SocketServerConnection, ServerSession.Event) -> Void = { _, _ in }

  /// Credentials of the peer, from the kernel.
  public let peer: PeerCredentials

  private var session: ServerSession
  private let socket: OwnedFD
  private let epoll: Epoll
  private let token: UInt64
  private let acceptsDescriptors: Bool
  private var watched: Readiness?
  private var isHandling = false
  private var hungUp = false
  private var drainCheckAt: UInt64?
  private var drainInterval: UInt64 = 0
  /// Keeps descriptors open until they are sent.
  private var outgoing: [OwnedFD] = []

  /// Takes over a connected socket and watches it.
  public init(
    _ socket: OwnedFD, epoll: Epoll, token: UInt64, configuration: ServerSession.Configuration, right: RPCRight,
    readOnly: Bool = false
  ) throws(SystemError) {
    try socket.setNonblocking(true)
    peer = try PeerCredentials(of: socket.rawValue)
    self.socket = socket
    self.epoll = epoll
    self.token = token
    acceptsDescriptors = configuration.acceptsDescriptors
    var configuration = configuration
    configuration.trace = configuration.trace ?? FrameTracing.ifWanted
    session = ServerSession(configuration, right: right, readOnly: readOnly, at: SocketServerConnection.now)
    try epoll.add(socket.rawValue, .readable, token: token)
    watched = .readable
  }

  /// The clock of every deadline here: nanoseconds since boot, suspend included.
  public static var now: UInt64 { UInt64(max(Clock.bootNanoseconds, 0)) }

  // MARK: What the loop does

  /// The socket is ready for something.
  public func handle(_ readiness: Readiness) {
    if !readiness.isDisjoint(with: [.hangup, .error]) { hungUp = true }
    if !readiness.isDisjoint(with: [.readable, .hangup, .error, .peerClosed]), session.wantsRead { read() }
    work()
  }

  /// When `timePassed` is due, on the clock of `now`; nil for never.
  public var nextDeadline: UInt64? {
    guard let drainCheckAt else { return session.nextDeadline }
    return min(drainCheckAt, session.nextDeadline ?? drainCheckAt)
  }

  public func timePassed() {
    session.timePassed(at: SocketServerConnection.now)
    work()
  }

  // MARK: What the service does

  /// Answers a call.
  public func reply<Procedure: RPCProcedure>(
    _ call: IncomingCall, _ procedure: Procedure.Type, _ result: Procedure.Reply
  ) {
    session.reply(to: call, procedure, result)
    work()
  }

  /// Answers a call with a result and descriptors.
  public func reply<Procedure: RPCProcedure>(
    _ call: IncomingCall, _ procedure: Procedure.Type, _ result: Procedure.Reply, descriptors: [OwnedFD]
  ) {
    outgoing += descriptors
    session.reply(to: call, procedure, result, descriptors: descriptors.map(\.rawValue))
    work()
  }

  /// Answers a call with an error.
  public func fail(_ call: IncomingCall, _ error: RPCErrorBody) {
    session.fail(call, error)
    work()
  }

  /// Sends an event; false when the connection takes no more.
  @discardableResult
  public func send<Event: RPCEvent>(_ event: Event.Type, _ body: Event.Body) throws(XDRError) -> Bool {
    let taken = try session.send(event, body)
    work()
    return taken
  }

  /// Closes now; what is queued is dropped.
  public func close(reason: String) {
    session.close(reason: reason)
    work()
  }

  /// Closes when the peer has read everything, replies to open calls included, or at `deadline`; at once when idle.
  public func closeDelayed(deadline: UInt64) {
    session.closeDelayed(deadline: deadline, peerHasReadAll: isDrained)
    work()
  }

  public var isClosed: Bool { session.isClosed }
  public var queuedBytes: Int { session.queuedBytes }
  public var openCalls: Int { session.openCalls }

  // MARK: Work

  /// Gives out events until there are none, writes, and watches for what comes next. Calls from `onEvent` end up in
  /// the session and are seen by the loop below, so that events never nest.
  private func work() {
    guard !isHandling else { return }
    isHandling = true
    defer { isHandling = false }
    while true {
      while let event = session.next(at: SocketServerConnection.now) {
        if case .closed = event { release() }
        onEvent(self, event)
      }
      closeDiscarded()
      guard !session.isClosed else { return }
      session.flush(to: socket.rawValue)
      if session.output.isEmpty, !outgoing.isEmpty { outgoing = [] }
      checkDrained()
      // epoll reports neither a hang-up that is no longer watched for, nor input that the session was too busy for.
      if hungUp, session.wantsRead { read() } else if !session.isClosed { break }
    }
    watch()
  }

  private func read() {
    switch SocketInput.read(
      from: socket.rawValue, room: SocketServerConnection.readSize, descriptors: acceptsDescriptors)
    {
    case .bytes(let bytes, let descriptors):
      session.received(bytes, descriptors: descriptors, at: SocketServerConnection.now)
    case .wouldBlock: hungUp = false
    case .end: session.receivedEnd()
    case .failed(let error): session.inputBroke(error.description)
    }
  }

  private var isDrained: Bool { (try? UnixSocket.isDrained(socket.rawValue)) ?? true }

  /// The kernel does not signal that the peer has read the last byte, so a delayed close polls: after 0.5 ms, then at
  /// growing intervals of up to 20 ms.
  private func checkDrained() {
    guard session.wantsDrainCheck else {
      drainCheckAt = nil
      return
    }
    if isDrained {
      session.peerHasReadAll()
    } else if drainCheckAt.map({ $0 <= SocketServerConnection.now }) ?? true {
      drainInterval = drainCheckAt == nil ? 500_000 : min(drainInterval * 2, 20_000_000)
      drainCheckAt = SocketServerConnection.now + drainInterval
    }
  }

  /// Level-triggered epoll reports a hang-up whether it is asked for or not; while nothing is to be read, the only way
  /// not to hear of it again and again is not to watch.
  private func watch() {
    var interest: Readiness = []
    if session.wantsRead { interest.insert(.readable) }
    if !session.output.isEmpty { interest.insert(.writable) }
    let wanted: Readiness? = hungUp && !session.wantsRead ? nil : interest
    guard wanted != watched else { return }
    do throws(SystemError) {
      switch (watched, wanted) {
      case (nil, let wanted?): try epoll.add(socket.rawValue, wanted, token: token)
      case (_?, nil): try epoll.remove(socket.rawValue)
      case (_?, let wanted?): try epoll.modify(socket.rawValue, wanted, token: token)
      case (nil, nil): break
      }
      watched = wanted
    } catch {
      session.inputBroke(error.description)
      watched = nil
      isHandling = false
      work()
    }
  }

  private func closeDiscarded() {
    for number in session.takeDiscardedDescriptors() { OwnedFD(adopting: number).close() }
  }

  private func release() {
    closeDiscarded()
    if watched != nil { try? epoll.remove(socket.rawValue) }
    watched = nil
    drainCheckAt = nil
    outgoing = []
    socket.close()
  }
}
