// The part that both ends of a connection share: frames in, bytes out, signs of life, and an end reported once.
//
//   open ──closeDelayed──▶ closing ──peer has read all / deadline──▶ closed
//     └────────── close, bad frame, end of input, silence ─────────────▶┘

import WireProtocol

struct FrameLink: Sendable {
  enum Phase: Sendable {
    case open
    /// Delayed close: no new work, everything queued goes out, until then.
    case closing(deadline: UInt64)
    case closed(CloseReason)
  }

  struct Settings: Sendable {
    var frameMax: Int
    var frameDeadline: UInt64
    var acceptsDescriptors: Bool
    var keepalive: KeepaliveSettings?
    var trace: FrameTrace?
    /// Nil where output never stops input: a client that stopped reading replies could never send its next call.
    var outputMarks: OutputMarks?
  }

  /// Bytes of queued output at which input stops, goes on, and at which the connection ends.
  struct OutputMarks: Sendable {
    var high: Int
    var low: Int
    var max: Int
  }

  /// A timer that fires this late means that this process was stopped, and not that the peer is slow.
  private static let tolerance: UInt64 = 1_000_000_000

  private(set) var phase = Phase.open
  private(set) var output = OutputQueue()
  private(set) var keepalive: KeepaliveTimer?
  /// From the high-water mark on until the low-water mark is reached.
  private(set) var isOutputBlocked = false
  private let marks: OutputMarks?
  /// Where in the output each PONG ends that the peer may not have read yet.
  private var pongEnds: [UInt64] = []
  private var decoder: FrameDecoder
  private let frameDeadline: UInt64
  private let trace: FrameTrace?
  private var inputEnded = false
  private var outputFailed = false
  private var endReported = false
  private var discarded: [Int32] = []

  init(_ settings: Settings, at now: UInt64) {
    decoder = FrameDecoder(frameMax: settings.frameMax, acceptsDescriptors: settings.acceptsDescriptors)
    frameDeadline = settings.frameDeadline
    trace = settings.trace
    marks = settings.outputMarks
    keepalive = settings.keepalive.map { KeepaliveTimer($0, at: now) }
  }

  var isOpen: Bool { if case .open = phase { true } else { false } }
  var isClosed: Bool { if case .closed = phase { true } else { false } }
  var mayRead: Bool { !inputEnded && !isClosed }
  var hasInput: Bool { decoder.bufferedBytes > 0 }
  var isInputEnded: Bool { inputEnded }
  /// The peer neither sends nor reads any more.
  var isPeerGone: Bool { inputEnded && outputFailed }
  /// Frames taken since the peer has gone: no answer to them is read.
  private(set) var framesTakenUnheard = 0
  /// Bytes kept because of the peer: what it has not read, and what it has not finished sending.
  var heldBytes: Int { output.count + decoder.heldBytes }

  // MARK: Input

  mutating func received(_ bytes: [UInt8], descriptors: [Int32], at now: UInt64) {
    guard mayRead else { return discard(descriptors) }
    decoder.receive(bytes, descriptors: descriptors, at: now)
  }

  /// The peer sends no more. What came before is still given out, then the end.
  mutating func receivedEnd() { inputEnded = true }

  /// The next frame that is not about the connection itself; nil when there is none, or when `allowance` frames, signs of
  /// life included, were taken. A sign of life that ends a silence sets `heardAgain`.
  mutating func nextFrame(at now: UInt64, allowance: inout Int, heardAgain: inout Bool) -> Frame? {
    // A PONG is output too: with the queue full, not even a PING is taken from the input.
    while !isClosed, !isOutputBlocked || inputEnded {
      guard allowance > 0 else { return nil }
      let frame: Frame?
      do throws(FrameError) {
        frame = try decoder.next()
      } catch {
        close(.badFrame(error))
        return nil
      }
      guard let frame else {
        if inputEnded {
          close(decoder.isBetweenFrames ? .peerClosed : .peerClosedInsideFrame(bytes: decoder.bufferedBytes))
        }
        return nil
      }
      allowance -= 1
      if isPeerGone { framesTakenUnheard += 1 }
      trace?(.received, frame.header)
      if keepalive?.heard(at: now) == true { heardAgain = true }
      guard frame.header.program == Keepalive.number else { return frame }
      answerKeepalive(frame)
    }
    return nil
  }

  private mutating func answerKeepalive(_ frame: Frame) {
    discard(frame.descriptors)
    guard frame.header.type == .event, frame.payload.isEmpty else {
      return close(.unexpected("keepalive \(frame.header.type) with \(frame.payload.count) bytes"))
    }
    switch frame.header.procedure {
    case Keepalive.Ping.number: sendPong()
    case Keepalive.Pong.number: break
    default: close(.unexpected("keepalive procedure \(frame.header.procedure)"))
    }
  }

  /// Keeps unclaimed descriptors for the driver to close.
  mutating func discard(_ descriptors: [Int32]) {
    if !descriptors.isEmpty { discarded += descriptors }
  }

  mutating func takeDiscarded() -> [Int32] {
    guard !discarded.isEmpty else { return [] }
    defer { discarded = [] }
    return discarded
  }

  // MARK: Output

  /// The only way into the output: whatever a peer makes us queue is counted here.
  mutating func send(_ frame: [UInt8], descriptors: [Int32] = []) {
    guard !isClosed, !outputFailed else { return }
    if let trace { traceSent(frame, trace) }
    output.append(frame)
    if !descriptors.isEmpty {
      output.append(descriptors: descriptors)
      if marks != nil, output.descriptorCount > RPCLimits.queuedDescriptorsMax {
        return close(.unread("\(output.descriptorCount) descriptors are queued for it"))
      }
    }
    outputChanged()
  }

  mutating func sendPong() {
    guard !isClosed, !outputFailed else { return }
    send(KeepaliveTimer.pong)
    pongEnds.append(output.queued)
    guard pongEnds.count > RPCLimits.pongsMax else { return }
    forgetSentPongs()
    if pongEnds.count > RPCLimits.pongsMax { close(.unread("\(pongEnds.count) PONGs are queued for it")) }
  }

  private mutating func forgetSentPongs() {
    pongEnds.removeFirst(pongEnds.prefix { $0 <= output.sent }.count)
  }

  private mutating func outputChanged() {
    guard let marks else { return }
    let count = output.count
    if count > marks.max { return close(.unread("\(count) bytes are queued for it")) }
    if count >= marks.high {
      isOutputBlocked = true
    } else if count <= marks.low {
      isOutputBlocked = false
    }
  }

  private func traceSent(_ frame: [UInt8], _ trace: FrameTrace) {
    var decoder = FrameDecoder(frameMax: frame.count)
    decoder.receive(Array(frame.prefix(FrameHeader.size)), at: 0)
    if let header = decoder.peekHeader() { trace(.sent, header) }
  }

  mutating func sentBytes(_ count: Int) {
    output.sentBytes(count)
    outputShrank()
  }

  mutating func sentDescriptor() { output.sentDescriptor() }
  mutating func takeOutput() -> [UInt8] { output.take() }

  mutating func transmitted(_ count: Int) {
    output.transmitted(count)
    outputShrank()
  }

  private mutating func outputShrank() {
    outputChanged()
    if output.count == 0, !pongEnds.isEmpty { pongEnds = [] }
  }

  /// The peer takes no more; what it sent before is still read.
  mutating func outputBroke() {
    outputFailed = true
    dropOutput()
  }

  // MARK: The end

  mutating func close(_ reason: CloseReason) {
    guard !isClosed else { return }
    phase = .closed(reason)
    dropOutput()
    discarded += decoder.takeUnclaimed()
    decoder.drop()
  }

  private mutating func dropOutput() {
    output.removeAll()
    pongEnds = []
    isOutputBlocked = false
  }

  mutating func beginClosing(deadline: UInt64) {
    guard isOpen else { return }
    phase = .closing(deadline: deadline)
  }

  /// The reason of the end, once.
  mutating func takeEnd() -> CloseReason? {
    guard case .closed(let reason) = phase, !endReported else { return nil }
    endReported = true
    return reason
  }

  // MARK: Time

  /// `reading` is false while this side does not read by its own choice: then no time counts against the peer.
  func deadline(reading: Bool) -> UInt64? {
    var earliest: UInt64?
    func add(_ deadline: UInt64?) {
      if let deadline { earliest = min(earliest ?? deadline, deadline) }
    }
    switch phase {
    case .closed: return nil
    case .closing(let deadline): add(deadline)
    case .open: break
    }
    if reading {
      add(decoder.unfinishedSince.map { $0 + frameDeadline })
      add(keepalive?.deadline)
    }
    return earliest
  }

  /// True when the peer has been silent for too long and is only to be reported.
  mutating func timePassed(at now: UInt64, reading: Bool) -> Bool {
    if case .closing(let deadline) = phase, now >= deadline {
      close(.notDrained)
      return false
    }
    guard !isClosed else { return false }
    guard reading else {
      restartClock(at: now)
      return false
    }
    if let since = decoder.unfinishedSince, now >= since + frameDeadline {
      if now >= since + frameDeadline + FrameLink.tolerance {
        decoder.restartClock(at: now)
      } else {
        close(.frameDeadline)
        return false
      }
    }
    switch keepalive?.timePassed(at: now) {
    case .ping: send(KeepaliveTimer.ping)
    case .silent:
      if keepalive?.closes == true { close(.keepaliveTimeout) } else { return true }
    case .some(.none), nil: break
    }
    return false
  }

  /// Time in which this side did not read does not count.
  mutating func restartClock(at now: UInt64) {
    decoder.restartClock(at: now)
    if keepalive?.isSilent == false { _ = keepalive?.heard(at: now) }
  }
}
