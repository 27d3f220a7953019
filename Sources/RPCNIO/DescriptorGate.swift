import NIOCore
import RPC

/// Keeps NIO from reading past a message that descriptors follow.
///
/// NIO reads with read(2), and the kernel closes descriptors that arrive with bytes read that way. So on a connection
/// that takes descriptors no read may go beyond the end of a frame: this says how long the next one may be, and
/// whether it is the turn of descriptors, which the handler then receives itself. Costs two or three reads a frame;
/// connections that take no descriptors do without. On one event loop.
final class DescriptorGate: @unchecked Sendable {
  private enum State {
    /// Inside the first 28 bytes.
    case header
    /// Inside the count of descriptors.
    case count
    case payload(left: Int, descriptors: Int)
    case descriptors(left: Int)
  }

  private var state = State.header
  private var start: [UInt8] = []
  private let frameMax: Int

  init(frameMax: Int) {
    self.frameMax = frameMax
  }

  /// Whether descriptors come next.
  var isWaiting: Bool { if case .descriptors = state { true } else { false } }

  /// The most the next read may take. At least 1, as NIO takes 0 bytes for the end.
  var allowance: Int {
    switch state {
    case .header: FrameHeader.size - start.count
    case .count: FrameHeader.size + 4 - start.count
    case .payload(let left, _): min(left, 64 * 1024)
    case .descriptors: 1
    }
  }

  /// The peer is gone; nothing more is waited for.
  func giveUp() { state = .header }

  /// These bytes were read, never more than the allowance.
  func passed(_ bytes: [UInt8]) {
    switch state {
    case .header, .count:
      start += bytes
      advance()
    case .payload(let left, let descriptors):
      enter(left: left - bytes.count, descriptors: descriptors)
    case .descriptors(let left):
      state = left > bytes.count ? .descriptors(left: left - bytes.count) : .header
    }
  }

  private func advance() {
    guard start.count >= FrameHeader.size else { return }
    let length = word(0)
    let type = MessageType(rawValue: Int32(bitPattern: word(16)))
    guard (FrameHeader.size...frameMax).contains(Int(length)), let type else {
      // The decoder refuses the same bytes and closes the connection.
      start = []
      return
    }
    let isOK = word(24) == UInt32(MessageStatus.ok.rawValue)
    let carries = (type == .callWithDescriptors || type == .replyWithDescriptors) && isOK && length >= 32
    if carries, start.count < FrameHeader.size + 4 {
      state = .count
      return
    }
    let descriptors = carries ? Int(min(word(28), UInt32(RPCLimits.descriptorsMax))) : 0
    enter(left: Int(length) - start.count, descriptors: descriptors)
  }

  private func enter(left: Int, descriptors: Int) {
    start = []
    if left > 0 {
      state = .payload(left: left, descriptors: descriptors)
    } else {
      state = descriptors > 0 ? .descriptors(left: descriptors) : .header
    }
  }

  private func word(_ index: Int) -> UInt32 {
    start[index..<(index + 4)].reduce(0) { $0 << 8 | UInt32($1) }
  }
}

/// Buffers of exactly the size that the gate allows.
struct GatedBufferAllocator: RecvByteBufferAllocator {
  let gate: DescriptorGate

  func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
    let allowance = gate.allowance
    var buffer = allocator.buffer(capacity: allowance)
    // A buffer's capacity is rounded up; a slice of it is not.
    buffer.moveWriterIndex(to: allowance)
    var slice = buffer.getSlice(at: 0, length: allowance) ?? buffer
    slice.moveWriterIndex(to: 0)
    return slice
  }

  /// Always a new buffer: NIO would use the last one again, with its own size.
  mutating func record(actualReadBytes: Int) -> Bool { true }
}
