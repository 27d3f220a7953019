import Glibc
public import LinuxSystem
public import RPC
public import XDR

/// A client for a program that does one thing at a time: calls wait for their reply, events are fetched.
///
/// One thread. Calls may also be sent ahead (`send`) and their replies be fetched in any order (`receive`). Events that
/// come meanwhile are kept until `nextEvent` fetches them. Keepalive is answered whenever it waits.
public final class BlockingClient {
  /// Names the reply to a call that was sent ahead.
  public struct Ticket<Procedure: RPCProcedure>: Sendable {
    let serial: UInt32
  }

  /// The result of `nextEvent`.
  public enum Wakeup: Sendable {
    case event(IncomingEvent)
    /// One of `interrupts` or of the descriptors watched along is readable.
    case readable(Int32)
    case timedOut
  }

  /// Descriptors that end any wait when they are readable, for example a signalfd(2): a call then fails with
  /// `cancelled`, `nextEvent` says which one it was.
  public var interrupts: [Int32] = []

  /// Credentials of the peer, from the kernel.
  public let peer: PeerCredentials

  private static let readSize = 64 * 1024

  private let socket: OwnedFD
  private let acceptsDescriptors: Bool
  private var session: ClientSession
  private var replies: [UInt32: ClientSession.Outcome] = [:]
  private var events: [IncomingEvent] = []
  private var eventsTaken = 0
  private var closed: CloseReason?
  private var outgoing: [OwnedFD] = []

  /// Connects to the socket at `path`.
  ///
  /// - Parameter timeout: nanoseconds to wait for a server that listens and does not accept.
  public static func connect(
    to path: String, timeout: UInt64 = 5_000_000_000, configuration: ClientSession.Configuration = .init()
  ) throws(RPCConnectError) -> BlockingClient {
    do throws(SystemError) {
      let socket = try UnixSocket.connect(to: path, timeoutMicroseconds: Int(clamping: max(timeout / 1000, 1)))
      return try BlockingClient(adopting: socket, configuration: configuration)
    } catch {
      throw switch error.errno {
      case ENOENT, ENOTDIR: .noSocket(path: path)
      case ECONNREFUSED: .refused(path: path)
      case EACCES, EPERM: .denied(path: path)
      case EAGAIN: .timedOut(path: path)
      default: .failed(path: path, errno: error.errno, reason: error.reason)
      }
    }
  }

  /// Takes over a connected socket.
  public init(adopting socket: OwnedFD, configuration: ClientSession.Configuration = .init()) throws(SystemError) {
    try socket.setNonblocking(true)
    peer = try PeerCredentials(of: socket.rawValue)
    self.socket = socket
    acceptsDescriptors = configuration.acceptsDescriptors
    var configuration = configuration
    configuration.trace = configuration.trace ?? FrameTracing.ifWanted
    session = ClientSession(configuration, at: BlockingClient.now)
  }

  private static var now: UInt64 { UInt64(max(Clock.bootNanoseconds, 0)) }

  // MARK: Calls

  /// Makes a call and waits for its reply.
  ///
  /// - Parameter timeout: nanoseconds; nil waits without end.
  public func call<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args, timeout: UInt64? = nil
  ) throws(RPCCallError) -> Procedure.Reply {
    try receive(try send(procedure, args, timeout: timeout))
  }

  /// Sends a call and does not wait.
  ///
  /// - Parameters:
  ///   - descriptors: go with the call, at most 32.
  ///   - timeout: nanoseconds from now within which the reply must have come; nil waits without end.
  public func send<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args, descriptors: [OwnedFD] = [], timeout: UInt64? = nil
  ) throws(RPCCallError) -> Ticket<Procedure> {
    let deadline = timeout.map { BlockingClient.now &+ $0 }
    outgoing += descriptors
    let serial = try session.call(
      procedure, args, descriptors: descriptors.map(\.rawValue), deadline: deadline)
    session.flush(to: socket.rawValue)
    return Ticket(serial: serial)
  }

  /// Waits for the reply to a call that was sent. Once per ticket.
  public func receive<Procedure: RPCProcedure>(
    _ ticket: Ticket<Procedure>
  ) throws(RPCCallError) -> Procedure.Reply {
    try receiveWithDescriptors(ticket).reply
  }

  /// Waits for a reply and the descriptors that come with it.
  public func receiveWithDescriptors<Procedure: RPCProcedure>(
    _ ticket: Ticket<Procedure>
  ) throws(RPCCallError) -> (reply: Procedure.Reply, descriptors: [OwnedFD]) {
    while true {
      if let answer = try answer(to: ticket) { return answer }
      if try wait(watching: [], deadline: nil) != nil {
        session.abandon(ticket.serial)
        throw .cancelled
      }
    }
  }

  /// Waits for a reply for some time, and can be called again: nil when the time is up or one of `interrupts` is
  /// readable. The call goes on.
  public func receive<Procedure: RPCProcedure>(
    _ ticket: Ticket<Procedure>, within timeout: UInt64
  ) throws(RPCCallError) -> Procedure.Reply? {
    let deadline = BlockingClient.now &+ timeout
    while true {
      if let answer = try answer(to: ticket) { return answer.reply }
      if try wait(watching: [], deadline: deadline) != nil { return nil }
      if replies[ticket.serial] == nil, closed == nil, BlockingClient.now >= deadline { return nil }
    }
  }

  private func answer<Procedure: RPCProcedure>(
    to ticket: Ticket<Procedure>
  ) throws(RPCCallError) -> (reply: Procedure.Reply, descriptors: [OwnedFD])? {
    guard let outcome = replies.removeValue(forKey: ticket.serial) else {
      if let closed { throw .connectionClosed(closed) }
      return nil
    }
    switch outcome {
    case .success(let bytes, let numbers):
      let descriptors = numbers.map { OwnedFD(adopting: $0) }
      do throws(XDRError) {
        return (try Procedure.Reply(xdr: bytes), descriptors)
      } catch {
        throw .undecodable(error)
      }
    case .failure(let error): throw error
    }
  }

  // MARK: Events

  /// The next event.
  ///
  /// - Parameters:
  ///   - timeout: nanoseconds; nil waits without end.
  ///   - watching: further descriptors to watch meanwhile.
  public func nextEvent(timeout: UInt64? = nil, watching: [Int32] = []) throws(RPCCallError) -> Wakeup {
    let deadline = timeout.map { BlockingClient.now &+ $0 }
    var looked = false
    while true {
      if let event = takeEvent() { return .event(event) }
      if let closed { throw .connectionClosed(closed) }
      if looked, let deadline, BlockingClient.now >= deadline { return .timedOut }
      if let readable = try wait(watching: watching, deadline: deadline) { return .readable(readable) }
      looked = true
    }
  }

  /// The socket, for a caller that waits for it together with others. When it is readable call `nextEvent` with a
  /// timeout of 0.
  public var descriptor: Int32 { socket.rawValue }

  /// Whether an event was fetched from the socket and waits to be taken.
  public var hasEvent: Bool { eventsTaken < events.count }

  private func takeEvent() -> IncomingEvent? {
    guard hasEvent else { return nil }
    defer {
      eventsTaken += 1
      if eventsTaken == events.count {
        events.removeAll(keepingCapacity: true)
        eventsTaken = 0
      }
    }
    return events[eventsTaken]
  }

  /// Closes the connection. Further calls fail.
  public func close() {
    session.close(reason: "closed by the caller")
    takeEvents()
  }

  // MARK: Waiting

  /// Waits once, for the socket or a descriptor, and takes in what came. The descriptor that ended the wait, if one did.
  private func wait(watching: [Int32], deadline: UInt64?) throws(RPCCallError) -> Int32? {
    if takeEvents() { return nil }
    session.flush(to: socket.rawValue)
    if session.output.isEmpty { outgoing = [] }
    var items = [Poll.Item(socket.rawValue, session.output.isEmpty ? .readable : [.readable, .writable])]
    for descriptor in interrupts + watching { items.append(Poll.Item(descriptor, .readable)) }
    do throws(SystemError) {
      try Poll.wait(for: &items, nanoseconds: untilNext(deadline))
    } catch {
      session.inputBroke(error.description)
    }
    if !items[0].found.isEmpty { read() }
    session.timePassed(at: BlockingClient.now)
    takeEvents()
    return items.dropFirst().first { !$0.found.isEmpty }?.descriptor
  }

  private func untilNext(_ deadline: UInt64?) -> UInt64? {
    guard let next = [deadline, session.nextDeadline].compactMap({ $0 }).min() else { return nil }
    let now = BlockingClient.now
    return next > now ? next - now : 0
  }

  private func read() {
    switch SocketInput.read(
      from: socket.rawValue, room: BlockingClient.readSize, descriptors: acceptsDescriptors)
    {
    case .bytes(let bytes, let descriptors):
      session.received(bytes, descriptors: descriptors, at: BlockingClient.now)
    case .wouldBlock: break
    case .end: session.receivedEnd()
    case .failed(let error): session.inputBroke(error.description)
    }
  }

  /// Takes in everything the session has; whether there was anything.
  @discardableResult
  private func takeEvents() -> Bool {
    var tookAny = false
    while let event = session.next(at: BlockingClient.now) {
      tookAny = true
      switch event {
      case .reply(let serial, let outcome): replies[serial] = outcome
      case .event(let event): events.append(event)
      case .closed(let reason):
        closed = reason
        socket.close()
      case .stream, .silent, .heardAgain: break
      }
    }
    for number in session.takeDiscardedDescriptors() { OwnedFD(adopting: number).close() }
    return tookAny
  }
}
