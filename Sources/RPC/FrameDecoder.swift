import XDR

/// One whole message as it came: header checked, payload not looked at.
public struct Frame: Sendable {
  public let header: FrameHeader
  /// The bytes after the header; in a message with descriptors, the bytes after their count.
  public let payload: ArraySlice<UInt8>
  /// Descriptors the message announced.
  public let descriptorCount: Int
  /// The descriptors that came with it: as many as announced, or none where the reader takes none.
  public let descriptors: [Int32]
}

/// Bytes in any slicing in, frames out.
///
/// A length is checked before anything is buffered for it, memory grows with the bytes that came and never with a
/// length that was only claimed, and what is kept between two reads is less than one frame. After an error it stays
/// in error.
///
/// Descriptors are the numbers that recvmsg(2) gave; the decoder only pairs them with their messages. Each comes with
/// one byte of its own after the frame that announced it. `takeUnclaimed` gives back those that no frame took.
public struct FrameDecoder: Sendable {
  /// Bytes of a buffer that a payload cut from it may keep beside itself.
  private static let slack = 1024

  private let frameMax: Int
  private let acceptsDescriptors: Bool
  private var buffer: [UInt8] = []
  private var position = 0
  private var descriptors: [Int32] = []
  /// The frame whose descriptors are still to come.
  private var waiting: (header: FrameHeader, payload: ArraySlice<UInt8>, count: Int, arrived: Int)?
  private var failure: FrameError?
  private var lastReceived: UInt64 = 0

  /// When the first byte of the unfinished frame came, if there is one.
  public private(set) var unfinishedSince: UInt64?

  public init(frameMax: Int = RPCLimits.frameMax, acceptsDescriptors: Bool = false) {
    self.frameMax = frameMax
    self.acceptsDescriptors = acceptsDescriptors
  }

  /// Bytes that came and belong to no frame given out yet.
  public var bufferedBytes: Int { buffer.count - position }

  /// Bytes of memory that unfinished input keeps.
  var heldBytes: Int { buffer.count + (waiting?.payload.count ?? 0) }

  /// Whether the input stands between two frames.
  public var isBetweenFrames: Bool { bufferedBytes == 0 && waiting == nil }

  /// Takes what a read gave. Without a copy when nothing is left from before.
  public mutating func receive(_ bytes: [UInt8], descriptors came: [Int32] = [], at now: UInt64) {
    lastReceived = now
    if !came.isEmpty { descriptors += came }
    if position == buffer.count {
      buffer = bytes
    } else {
      if position > 0 { buffer.removeSubrange(0..<position) }
      buffer.append(contentsOf: bytes)
    }
    position = 0
  }

  /// The next whole message, nil until more bytes have come.
  public mutating func next() throws(FrameError) -> Frame? {
    if let failure { throw failure }
    do throws(FrameError) {
      return try decode()
    } catch {
      failure = error
      buffer = []
      position = 0
      throw error
    }
  }

  /// Counts the time of the unfinished frame from here: for a reader that did not read for a while.
  public mutating func restartClock(at now: UInt64) {
    if unfinishedSince != nil { unfinishedSince = now }
  }

  /// Descriptors that no frame took, for the caller to close.
  public mutating func takeUnclaimed() -> [Int32] {
    defer { descriptors = [] }
    return descriptors
  }

  /// Lets go of all input: nothing more is decoded.
  mutating func drop() {
    buffer = []
    position = 0
    waiting = nil
    unfinishedSince = nil
  }

  private mutating func decode() throws(FrameError) -> Frame? {
    if waiting != nil { return try finishWaiting() }
    let available = buffer.count - position
    if available == 0 {
      unfinishedSince = nil
      return try idle()
    }
    guard available >= 4 else { return try unfinished() }
    let length = Int(word(at: position))
    guard (FrameHeader.size...frameMax).contains(length) else {
      throw .badLength(word(at: position), limit: frameMax)
    }
    guard available >= FrameHeader.size else { return try unfinished() }
    let header = try header(at: position)
    guard available >= length else { return try unfinished() }

    var payload = buffer[(position + FrameHeader.size)..<(position + length)]
    // The arguments of a call live as long as the call. A slice would keep the whole buffer for as long: a wait of a
    // hundred bytes, sent right behind a frame of 4 MiB, would keep those 4 MiB.
    if header.type == .call, buffer.count > 2 * length + FrameDecoder.slack { payload = ArraySlice(Array(payload)) }
    position += length
    unfinishedSince = nil
    if header.type.carriesDescriptors, header.status == .ok {
      return try beginWaiting(header, payload)
    }
    releaseIfConsumed()
    return Frame(header: header, payload: payload, descriptorCount: 0, descriptors: [])
  }

  /// The header of what comes next, if it is there and is one.
  func peekHeader() -> FrameHeader? {
    bufferedBytes >= FrameHeader.size ? try? header(at: position) : nil
  }

  // MARK: Descriptors

  private mutating func beginWaiting(
    _ header: FrameHeader, _ payload: ArraySlice<UInt8>
  ) throws(FrameError) -> Frame? {
    guard payload.count >= 4 else { throw .badLength(header.length, limit: frameMax) }
    let count = word(at: payload.startIndex)
    guard count <= RPCLimits.descriptorsMax else { throw .tooManyDescriptors(count) }
    waiting = (header, payload.dropFirst(4), Int(count), 0)
    return try finishWaiting()
  }

  private mutating func finishWaiting() throws(FrameError) -> Frame? {
    guard var pending = waiting else { return nil }
    let taken = min(pending.count - pending.arrived, buffer.count - position)
    position += taken
    pending.arrived += taken
    waiting = pending
    guard pending.arrived == pending.count else { return try unfinished() }
    waiting = nil
    unfinishedSince = nil
    releaseIfConsumed()
    var mine: [Int32] = []
    if acceptsDescriptors {
      guard descriptors.count >= pending.count else {
        throw .wrongDescriptors(expected: pending.count, got: descriptors.count)
      }
      mine = Array(descriptors.prefix(pending.count))
      descriptors.removeFirst(pending.count)
    }
    return Frame(
      header: pending.header, payload: pending.payload, descriptorCount: pending.count, descriptors: mine)
  }

  /// A receive ends at the byte that carries descriptors, so with everything consumed none may be left over.
  private func idle() throws(FrameError) -> Frame? {
    guard descriptors.isEmpty else { throw .wrongDescriptors(expected: 0, got: descriptors.count) }
    return nil
  }

  private mutating func unfinished() throws(FrameError) -> Frame? {
    if unfinishedSince == nil { unfinishedSince = lastReceived }
    let arrived = waiting?.arrived ?? 0
    guard descriptors.count <= arrived else {
      throw .wrongDescriptors(expected: arrived, got: descriptors.count)
    }
    return nil
  }

  // MARK: Bytes

  /// Lets go of a buffer that is used up, so that it lives only as long as the payloads cut from it.
  private mutating func releaseIfConsumed() {
    guard position == buffer.count else { return }
    buffer = []
    position = 0
  }

  private func word(at index: Int) -> UInt32 {
    UInt32(buffer[index]) << 24 | UInt32(buffer[index + 1]) << 16 | UInt32(buffer[index + 2]) << 8
      | UInt32(buffer[index + 3])
  }

  private func header(at start: Int) throws(FrameError) -> FrameHeader {
    let type = Int32(bitPattern: word(at: start + 16))
    guard let type = MessageType(rawValue: type) else { throw .unknownType(type) }
    let status = Int32(bitPattern: word(at: start + 24))
    guard let status = MessageStatus(rawValue: status) else { throw .unknownStatus(status) }
    var header = FrameHeader(
      program: word(at: start + 4), version: word(at: start + 8),
      procedure: Int32(bitPattern: word(at: start + 12)), type: type, serial: word(at: start + 20), status: status)
    header.length = word(at: start)
    return header
  }
}
