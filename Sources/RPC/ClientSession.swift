public import XDR

/// One connection as its client sees it: calls and facts in, replies, events and bytes out. It does no I/O and has no
/// clock.
///
/// A driver makes calls, writes the output, feeds `received`, and takes `next` until it is nil. Calls may be made
/// without waiting for replies; replies come in any order. `.closed` is the last event and comes once; every call
/// still open then has no reply, and whether it was done is not known.
public struct ClientSession: Sendable {
  public struct Configuration: Sendable {
    public var frameMax = RPCLimits.frameMax
    /// Nanoseconds; see `RPCLimits.frameDeadline`.
    public var frameDeadline = RPCLimits.frameDeadline
    public var keepalive: KeepaliveSettings?
    public var acceptsDescriptors = false
    public var trace: FrameTrace?

    public init() {}
  }

  public enum Outcome: Sendable {
    case success(ArraySlice<UInt8>, descriptors: [Int32])
    case failure(RPCCallError)
  }

  public enum Event: Sendable {
    /// The end of a call: its reply, an error, or its time is up.
    case reply(serial: UInt32, Outcome)
    case event(IncomingEvent)
    case stream(IncomingStream)
    /// The peer has been silent for too long. Only where keepalive reports and does not close.
    case silent
    case heardAgain
    /// The end; nothing comes after it.
    case closed(CloseReason)
  }

  struct OpenCall: Sendable {
    let program: UInt32
    let version: UInt32
    let procedure: Int32
    let deadline: UInt64?

    func matches(_ header: FrameHeader) -> Bool {
      header.program == program && header.version == version && header.procedure == procedure
    }

    func header(_ serial: UInt32, payload: Int, type: MessageType, status: MessageStatus = .ok) -> FrameHeader {
      FrameHeader(
        payload: payload, program: program, version: version, procedure: procedure, type: type, serial: serial,
        status: status)
    }
  }

  struct OpenStream: Sendable {
    let call: OpenCall
    var sentEnd = false
    var receivedEnd = false
  }

  let frameMax: Int
  var link: FrameLink
  var openStreams: [UInt32: OpenStream] = [:]
  private var calls: [UInt32: OpenCall] = [:]
  /// Calls given up on whose replies are still to come.
  private var abandoned: [UInt32: OpenCall] = [:]
  private var nextSerial: UInt32 = 0
  private var earliestDeadline: UInt64?
  private var reports: [Event] = []

  /// - Parameter now: nanoseconds of a clock that never steps, as everywhere here.
  public init(_ configuration: Configuration = .init(), at now: UInt64) {
    frameMax = configuration.frameMax
    link = FrameLink(
      .init(
        frameMax: configuration.frameMax, frameDeadline: configuration.frameDeadline,
        acceptsDescriptors: configuration.acceptsDescriptors, keepalive: configuration.keepalive,
        trace: configuration.trace),
      at: now)
  }

  // MARK: Calls

  /// Queues a call; its serial names the reply.
  ///
  /// - Parameters:
  ///   - descriptors: go with the call, at most 32; they stay open until sent.
  ///   - deadline: when to give it up.
  public mutating func call<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args, descriptors: [Int32] = [], deadline: UInt64? = nil
  ) throws(RPCCallError) -> UInt32 {
    precondition(descriptors.count <= RPCLimits.descriptorsMax, "more descriptors than a message may carry")
    if case .closed(let reason) = link.phase { throw .connectionClosed(reason) }
    let serial = takeSerial()
    let call = OpenCall(
      program: Procedure.Program.number, version: Procedure.Program.version, procedure: Procedure.number,
      deadline: deadline)
    do throws(XDRError) {
      let size = args.xdrSize
      guard FrameHeader.size + size <= frameMax else {
        throw XDRError(.tooLong(count: size, limit: frameMax - FrameHeader.size), offset: 0)
      }
      if descriptors.isEmpty {
        link.send(try encodeFrame(call.header(serial, payload: size, type: .call), args))
      } else {
        let header = call.header(serial, payload: size, type: .callWithDescriptors)
        link.send(try encodeFrame(header, descriptors: descriptors.count, args), descriptors: descriptors)
      }
    } catch {
      throw .invalidArguments(error)
    }
    calls[serial] = call
    if let deadline { earliestDeadline = min(earliestDeadline ?? deadline, deadline) }
    return serial
  }

  /// Gives a call up: its reply will be dropped. False when it has ended already.
  @discardableResult
  public mutating func abandon(_ serial: UInt32) -> Bool {
    guard let call = calls.removeValue(forKey: serial) else { return false }
    abandoned[serial] = call
    if abandoned.count > RPCLimits.abandonedCalls {
      link.close(.transport("\(abandoned.count) calls were given up and none of them was answered"))
    }
    return true
  }

  private mutating func takeSerial() -> UInt32 {
    while calls[nextSerial] != nil || abandoned[nextSerial] != nil || openStreams[nextSerial] != nil {
      nextSerial &+= 1
    }
    defer { nextSerial &+= 1 }
    return nextSerial
  }

  // MARK: Facts

  /// A read gave these bytes, and these descriptors with them.
  public mutating func received(_ bytes: [UInt8], descriptors: [Int32] = [], at now: UInt64) {
    link.received(bytes, descriptors: descriptors, at: now)
  }

  /// A read gave 0. What came before is still given out, then the end.
  public mutating func receivedEnd() { link.receivedEnd() }

  /// Writing fails: output is dropped from now on, input is still read to its end.
  public mutating func outputBroke() { link.outputBroke() }

  /// Reading fails: this is the end.
  public mutating func inputBroke(_ what: String) { link.close(.transport(what)) }

  public mutating func sentBytes(_ count: Int) { link.sentBytes(count) }
  public mutating func sentDescriptor() { link.sentDescriptor() }
  public mutating func takeOutput() -> [UInt8] { link.takeOutput() }
  public mutating func transmitted(_ count: Int) { link.transmitted(count) }

  public mutating func timePassed(at now: UInt64) {
    if link.timePassed(at: now, reading: true) { reports.append(.silent) }
    guard let earliest = earliestDeadline, now >= earliest else { return }
    earliestDeadline = nil
    var late: [UInt32] = []
    for (serial, call) in calls {
      guard let deadline = call.deadline else { continue }
      if now >= deadline {
        late.append(serial)
      } else {
        earliestDeadline = min(earliestDeadline ?? deadline, deadline)
      }
    }
    for serial in late.sorted() {
      abandon(serial)
      reports.append(.reply(serial: serial, .failure(.timedOut)))
    }
  }

  // MARK: What to wait for

  public var wantsRead: Bool { link.mayRead }
  public var output: OutputQueue { link.output }

  /// The next step of the output.
  public var nextOutput: OutputQueue.Step { link.output.next }
  public var queuedBytes: Int { link.output.count }

  /// When `timePassed` has something to do; nil for never.
  public var nextDeadline: UInt64? {
    guard let deadline = link.deadline(reading: true) else { return link.isClosed ? nil : earliestDeadline }
    return min(deadline, earliestDeadline ?? deadline)
  }

  public var isClosed: Bool { link.isClosed }
  public var closeReason: CloseReason? { if case .closed(let reason) = link.phase { reason } else { nil } }
  public var openCalls: Int { calls.count }

  /// Unclaimed descriptors, for the driver to close.
  public mutating func takeDiscardedDescriptors() -> [Int32] { link.takeDiscarded() }

  /// Closes now; what is queued is dropped.
  public mutating func close(reason: String) { link.close(.closedHere(reason)) }

  // MARK: Events

  /// The next thing that happened, nil when there is nothing for now.
  public mutating func next(at now: UInt64) -> Event? {
    while true {
      if !reports.isEmpty { return reports.removeFirst() }
      var heardAgain = false
      var allowance = Int.max
      let frame = link.nextFrame(at: now, allowance: &allowance, heardAgain: &heardAgain)
      if heardAgain { reports.append(.heardAgain) }
      guard let frame else { return reports.isEmpty ? end() : reports.removeFirst() }
      if let event = handle(frame) {
        if reports.isEmpty { return event }
        reports.append(event)
      }
    }
  }

  private mutating func end() -> Event? {
    guard let reason = link.takeEnd() else { return nil }
    let open = calls.keys.sorted()
    calls = [:]
    abandoned = [:]
    openStreams = [:]
    earliestDeadline = nil
    guard !open.isEmpty else { return .closed(reason) }
    reports = open.map { .reply(serial: $0, .failure(.connectionClosed(reason))) }
    reports.append(.closed(reason))
    return reports.removeFirst()
  }

  private mutating func handle(_ frame: Frame) -> Event? {
    let header = frame.header
    switch header.type {
    case .reply, .replyWithDescriptors: return handleReply(frame)
    case .stream:
      link.discard(frame.descriptors)
      return handleStream(frame)
    case .event:
      guard header.status == .ok else { break }
      return .event(
        IncomingEvent(
          program: header.program, version: header.version, procedure: header.procedure, body: frame.payload))
    case .call, .callWithDescriptors: break
    }
    link.discard(frame.descriptors)
    link.close(.unexpected("a server sent: \(header)"))
    return nil
  }

  private mutating func handleReply(_ frame: Frame) -> Event? {
    let header = frame.header
    let call = calls.removeValue(forKey: header.serial)
    guard let known = call ?? abandoned.removeValue(forKey: header.serial), known.matches(header),
      header.status != .continue
    else {
      if let call { calls[header.serial] = call }
      link.discard(frame.descriptors)
      link.close(.unexpected("a reply to no open call: \(header)"))
      return nil
    }
    guard call != nil else {
      link.discard(frame.descriptors)
      return nil
    }
    guard header.status == .error else {
      return .reply(serial: header.serial, .success(frame.payload, descriptors: frame.descriptors))
    }
    link.discard(frame.descriptors)
    do throws(XDRError) {
      return .reply(serial: header.serial, .failure(.remote(try RPCErrorBody(xdr: frame.payload))))
    } catch {
      return .reply(serial: header.serial, .failure(.undecodable(error)))
    }
  }
}
