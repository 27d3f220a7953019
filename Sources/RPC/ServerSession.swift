public import XDR

/// One connection as its server sees it: bytes and facts in, calls and bytes out. It does no I/O and has no clock.
///
/// A driver feeds `received`, takes `next` until it is nil, writes the output, and asks afterwards what to wait for:
/// `wantsRead`, `output`, `wantsDrainCheck`, `nextDeadline`. `.closed` is the last event and comes once.
///
/// Every call gets exactly one reply, in any order. What the session can answer by itself never reaches the service:
/// procedure 0, unknown programs and procedures, calls without the right, keepalive. A client with more than
/// `callsInFlight` open calls, or one that does not read its replies, is not read any further until that has changed.
public struct ServerSession: Sendable {
  public struct Configuration: Sendable {
    public var programs: [ServedProgram]
    /// The server's name in the answer to procedure 0; at most 128 bytes.
    public var serverName: String
    public var callsInFlight = RPCLimits.callsInFlight
    public var streams = 32
    public var frameMax = RPCLimits.frameMax
    /// Nanoseconds; see `RPCLimits.frameDeadline`.
    public var frameDeadline = RPCLimits.frameDeadline
    public var outputHighWater = RPCLimits.outputHighWater
    public var outputLowWater = RPCLimits.outputLowWater
    public var outputMax = RPCLimits.outputMax
    /// Whether to ask silent clients if they are there. Off for clients that may be stopped and go on later.
    public var keepalive: KeepaliveSettings?
    /// Nanoseconds between signs of life to a client that is not read for the time being, so that it does not take
    /// a busy server for a dead one.
    public var signOfLifeInterval: UInt64 = 2_500_000_000
    public var acceptsDescriptors = false
    public var trace: FrameTrace?

    public init(programs: [ServedProgram], serverName: String) {
      self.programs = programs
      self.serverName = serverName
    }
  }

  public enum Event: Sendable {
    case call(IncomingCall)
    case stream(IncomingStream)
    /// The client gave its name in procedure 0. It is foreign text.
    case hello(client: String)
    /// The peer has been silent for too long. Only where keepalive reports and does not close.
    case silent
    case heardAgain
    /// The end; nothing comes after it.
    case closed(CloseReason)
  }

  struct OpenStream: Sendable {
    let call: IncomingCall
    var sentEnd = false
    var receivedEnd = false
  }

  let configuration: Configuration
  let admission: Admission
  /// The answer to every call on a connection above a limit.
  let refusal: RPCErrorBody?
  var link: FrameLink
  var inFlight: [(serial: UInt32, argumentBytes: Int)] = []
  var openStreams: [OpenStream] = []
  private var reports: [Event] = []
  private var wasReading = true
  private var signOfLifeAt: UInt64 = 0

  /// - Parameters:
  ///   - right: what the peer may do, decided from its credentials.
  ///   - readOnly: whether it came in over the read-only socket.
  ///   - refusal: answers every call with this error, for a connection above a limit.
  ///   - now: nanoseconds of a clock that never steps, as everywhere here.
  public init(
    _ configuration: Configuration, right: RPCRight, readOnly: Bool, refusal: RPCErrorBody? = nil, at now: UInt64
  ) {
    self.configuration = configuration
    admission = Admission(right: right, readOnly: readOnly)
    self.refusal = refusal
    link = FrameLink(
      .init(
        frameMax: configuration.frameMax, frameDeadline: configuration.frameDeadline,
        acceptsDescriptors: configuration.acceptsDescriptors, keepalive: configuration.keepalive,
        trace: configuration.trace,
        outputMarks: .init(
          high: configuration.outputHighWater, low: configuration.outputLowWater, max: configuration.outputMax)),
      at: now)
  }

  // MARK: Facts

  /// A read gave these bytes, and these descriptors with them.
  public mutating func received(_ bytes: [UInt8], descriptors: [Int32] = [], at now: UInt64) {
    link.received(bytes, descriptors: descriptors, at: now)
  }

  /// A read gave 0. Calls that came before are still given out, then the end.
  public mutating func receivedEnd() { link.receivedEnd() }

  /// Writing fails: output is dropped from now on, input is still read to its end.
  public mutating func outputBroke() { link.outputBroke() }

  /// Reading fails: this is the end.
  public mutating func inputBroke(_ what: String) { link.close(.transport(what)) }

  /// So many of the first bytes of `output` were written.
  public mutating func sentBytes(_ count: Int) { link.sentBytes(count) }

  /// The descriptor at the front of `output` was sent.
  public mutating func sentDescriptor() { link.sentDescriptor() }

  /// For drivers that hand bytes on: takes all that can go out.
  public mutating func takeOutput() -> [UInt8] { link.takeOutput() }

  /// So many bytes of those taken are with the kernel.
  public mutating func transmitted(_ count: Int) { link.transmitted(count) }

  /// The peer has read all that was written (SIOCOUTQ is 0); asked for by `wantsDrainCheck`.
  public mutating func peerHasReadAll() {
    if wantsDrainCheck { link.close(.drained) }
  }

  public mutating func timePassed(at now: UInt64) {
    let reading = wantsRead
    if link.timePassed(at: now, reading: reading) { reports.append(.silent) }
    if !reading, link.isOpen, now >= signOfLifeAt + configuration.signOfLifeInterval {
      signOfLifeAt = now
      // With output queued the peer is the one that does not read.
      if link.output.isEmpty { link.sendPong() }
    }
  }

  // MARK: What to wait for

  /// False while the client has too many open calls or does not read its replies.
  public var wantsRead: Bool { link.mayRead && mayDispatch && !link.isOutputBlocked }

  public var output: OutputQueue { link.output }

  /// The next step of the output.
  public var nextOutput: OutputQueue.Step { link.output.next }

  /// Whether bytes came that no event was given out for yet: half a frame, or calls that have to wait.
  public var hasBufferedInput: Bool { link.hasInput }

  /// Calls answered so far, by the service or by the session.
  public internal(set) var answeredCalls: UInt64 = 0

  /// Bytes queued that the kernel does not have yet.
  public var queuedBytes: Int { link.output.count }

  /// Bytes that this connection makes the server keep: queued output, input that is no whole frame yet, calls that wait
  /// for their turn, and the arguments of calls in progress.
  public var heldBytes: Int { link.heldBytes + inFlight.reduce(0) { $0 + $1.argumentBytes } }

  /// False from the high-water mark on until the low-water mark is reached.
  public var isWritable: Bool { !link.isOutputBlocked && !link.isClosed }

  /// Whether all is sent that a delayed close was waiting for, so that only the peer's reading is left.
  public var wantsDrainCheck: Bool {
    guard case .closing = link.phase else { return false }
    return link.output.isEmpty && inFlight.isEmpty
  }

  /// When `timePassed` has something to do; nil for never.
  public var nextDeadline: UInt64? {
    let reading = wantsRead
    let deadline = link.deadline(reading: reading)
    guard !reading, link.isOpen else { return deadline }
    let sign = signOfLifeAt + configuration.signOfLifeInterval
    return min(deadline ?? sign, sign)
  }

  public var isClosed: Bool { link.isClosed }
  public var openCalls: Int { inFlight.count }

  /// Unclaimed descriptors, for the driver to close.
  public mutating func takeDiscardedDescriptors() -> [Int32] { link.takeDiscarded() }

  // MARK: Events

  /// The next thing for the service, nil when there is none for now. To be called after input, and after replies
  /// while `wantsRead` was false.
  public mutating func next(at now: UInt64) -> Event? {
    var allowance = Int.max
    return next(at: now, allowance: &allowance)
  }

  /// The same, for a driver that has other connections to serve: takes at most `allowance` frames from the input, and
  /// counts it down. PINGs, HELLOs and refused calls are answered here and are no event, so a count of events would bound
  /// nothing. Nil with an allowance of 0 means that there may be more.
  public mutating func next(at now: UInt64, allowance: inout Int) -> Event? {
    defer { noteReading(at: now) }
    while true {
      if !reports.isEmpty { return reports.removeFirst() }
      // A client that is gone reads no replies; its calls are taken all the same, as many as may be open. Its end does
      // not wait behind the others: open calls that wait for something would keep the connection for as long, and a full
      // socket of calls that are refused at once would be taken to its end for no reader.
      if link.isPeerGone, !mayDispatch || link.framesTakenUnheard >= configuration.callsInFlight {
        link.close(.peerClosed)
      }
      guard mayDispatch, !link.isOutputBlocked || link.isInputEnded else {
        return link.takeEnd().map { .closed($0) }
      }
      var heardAgain = false
      let frame = link.nextFrame(at: now, allowance: &allowance, heardAgain: &heardAgain)
      if heardAgain { reports.append(.heardAgain) }
      guard let frame else { return reports.isEmpty ? link.takeEnd().map { .closed($0) } : reports.removeFirst() }
      if let event = handle(frame) {
        if reports.isEmpty { return event }
        reports.append(event)
      }
    }
  }

  private var mayDispatch: Bool { inFlight.count < configuration.callsInFlight }

  private mutating func noteReading(at now: UInt64) {
    let reading = wantsRead
    if reading, !wasReading { link.restartClock(at: now) }
    if !reading, wasReading { signOfLifeAt = now }
    wasReading = reading
  }

  private mutating func handle(_ frame: Frame) -> Event? {
    switch frame.header.type {
    case .call, .callWithDescriptors: return handleCall(frame)
    case .stream:
      link.discard(frame.descriptors)
      return handleStream(frame)
    case .reply, .replyWithDescriptors, .event:
      link.discard(frame.descriptors)
      link.close(.unexpected("a client sent: \(frame.header)"))
      return nil
    }
  }

  // MARK: Output

  mutating func enqueue(_ frame: [UInt8], descriptors: [Int32] = []) {
    link.send(frame, descriptors: descriptors)
  }

  /// Sends an event; false when the connection takes no more.
  @discardableResult
  public mutating func send<Kind: RPCEvent>(_ kind: Kind.Type, _ body: Kind.Body) throws(XDRError) -> Bool {
    guard link.isOpen else { return false }
    return send(try EncodedFrame.event(kind, body))
  }

  /// Sends a frame that is shared with other connections; false when the connection takes no more.
  @discardableResult
  public mutating func send(_ frame: EncodedFrame) -> Bool {
    guard link.isOpen else { return false }
    enqueue(frame.bytes)
    return true
  }

  // MARK: The end

  /// Closes now; what is queued is dropped.
  public mutating func close(reason: String) { link.close(.closedHere(reason)) }

  /// Closes a client that makes the server keep more than it may; what is queued is dropped.
  public mutating func close(unread what: String) { link.close(.unread(what)) }

  /// Closes when everything queued, replies to open calls included, has been read by the peer, or at `deadline`.
  /// Calls that still come are answered with `unavailable`. An idle connection is closed at once.
  ///
  /// - Parameter peerHasReadAll: whether SIOCOUTQ is 0 now.
  public mutating func closeDelayed(deadline: UInt64, peerHasReadAll: Bool) {
    link.beginClosing(deadline: deadline)
    if peerHasReadAll { self.peerHasReadAll() }
  }
}
