import Glibc
import LinuxSystem
import NIOCore
import RPC

/// What a connection tells the handler that moves its bytes. All calls are made on the event loop.
protocol SocketHandlerOwner: AnyObject {
  /// Bytes came; everything they complete is dispatched before this returns.
  func received(_ bytes: [UInt8], descriptors: [Int32])
  /// No more bytes come. `failure` is nil for the ordinary end.
  func ended(_ failure: String?)
  func timePassed()
  /// Bytes handed out by `takeOutput` are with the kernel.
  func transmitted(_ count: Int)
  func sentDescriptor()
  func takeOutput() -> [UInt8]
  func peerHasReadAll()
  var nextOutput: OutputQueue.Step { get }
  var wantsRead: Bool { get }
  var wantsDrainCheck: Bool { get }
  var isClosed: Bool { get }
  /// On the clock of `NIODeadline`.
  var nextDeadline: UInt64? { get }
}

/// Moves bytes between a session and its socket, inside a NIO channel.
///
/// One write and flush per read burst. At most one write is with NIO at a time: everything behind it stays in the
/// session's queue, where it is counted and can still be dropped. Not read while the session does not want it.
final class SocketHandler<Owner: SocketHandlerOwner>: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = Never
  typealias OutboundOut = ByteBuffer

  private let owner: Owner
  private let eventLoop: any EventLoop
  /// The channel's own descriptor, for what NIO does not do. Valid while the channel is open.
  private let descriptor: Int32
  private let gate: DescriptorGate?
  private var context: ChannelHandlerContext?
  private var isReading = false
  private var isFlushScheduled = false
  private var isReadHeld = false
  private var inTransit = 0
  private var buffer: ByteBuffer
  private var timer: (at: UInt64, task: Scheduled<Void>)?
  private var drainCheckAt: UInt64?
  private var drainInterval: UInt64 = 0
  private var failure: String?

  init(owner: Owner, eventLoop: any EventLoop, descriptor: Int32, gate: DescriptorGate?) {
    self.owner = owner
    self.eventLoop = eventLoop
    self.descriptor = descriptor
    self.gate = gate
    buffer = ByteBufferAllocator().buffer(capacity: 512)
  }

  static var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

  // MARK: Channel events

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { settle() }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
  }

  func channelActive(context: ChannelHandlerContext) {
    settle()
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    isReading = true
    let bytes = SocketHandler.unwrapInboundIn(data)
    let array = Array(buffer: bytes)
    guard let gate else { return owner.received(array, descriptors: []) }
    gate.passed(array)
    owner.received(array, descriptors: [])
    takeDescriptors(gate)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    settle()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A reset comes when the peer closed with something of ours unread; what it sent was read before.
    if let error = error as? IOError, [ECONNRESET, EPIPE].contains(error.errnoCode) { return }
    failure = "\(error)"
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    isReading = false
    self.context = nil
    timer?.task.cancel()
    timer = nil
    inTransit = 0
    owner.ended(failure)
    context.fireChannelInactive()
  }

  func read(context: ChannelHandlerContext) {
    if owner.wantsRead, gate?.isWaiting != true {
      isReadHeld = false
      context.read()
    } else {
      isReadHeld = true
    }
  }

  // MARK: What the connection asks for

  /// There is output, or something else has changed. Within a read burst its end takes care of it; otherwise the end
  /// of this turn of the event loop, so that several messages make one write.
  func changed() {
    guard !isReading, !isFlushScheduled else { return }
    isFlushScheduled = true
    eventLoop.assumeIsolated().execute {
      self.isFlushScheduled = false
      self.settle()
    }
  }

  var isDrained: Bool {
    guard context != nil, inTransit == 0 else { return context == nil }
    return (try? UnixSocket.isDrained(descriptor)) ?? true
  }

  // MARK: Work

  /// Brings the channel to where the session wants it.
  private func settle() {
    guard let context, context.channel.isActive, !isReading else { return }
    if owner.isClosed { return context.close(promise: nil) }
    write(context)
    if owner.isClosed { return context.close(promise: nil) }
    checkDrained()
    if owner.isClosed { return context.close(promise: nil) }
    if isReadHeld, owner.wantsRead, gate?.isWaiting != true {
      isReadHeld = false
      context.read()
    }
    arm()
  }

  private func write(_ context: ChannelHandlerContext) {
    while inTransit == 0, self.context != nil {
      switch owner.nextOutput {
      case .idle: return
      case .bytes: writeBytes(context)
      case .descriptor(let number):
        // NIO sends no descriptors. Nothing of ours is with it now, so the order on the socket is ours to keep.
        guard (try? DescriptorPassing.send(number, to: descriptor)) ?? true else {
          return armRetry()
        }
        owner.sentDescriptor()
      }
    }
  }

  private func writeBytes(_ context: ChannelHandlerContext) {
    let bytes = owner.takeOutput()
    inTransit = bytes.count
    buffer.clear(minimumCapacity: bytes.count)
    buffer.writeBytes(bytes)
    let promise = context.eventLoop.makePromise(of: Void.self)
    let count = bytes.count
    promise.futureResult.assumeIsolated().whenSuccess {
      self.inTransit = 0
      // A large message is not a reason to keep its room for as long as the connection lasts.
      if count > 64 * 1024 { self.buffer = ByteBufferAllocator().buffer(capacity: 512) }
      self.owner.transmitted(count)
      self.settleLater()
    }
    // A write that fails closes the channel; what was in transit then stays so, and nothing is written behind it.
    context.writeAndFlush(SocketHandler.wrapOutboundOut(buffer), promise: promise)
  }

  /// After a write that did not complete at once, what has queued up behind it.
  private func settleLater() {
    if case .idle = owner.nextOutput, !owner.wantsDrainCheck, !isReadHeld { return }
    changed()
  }

  /// The kernel does not tell when the peer has read the last byte, so a delayed close asks: after 0.5 ms, then less
  /// and less often, up to every 20 ms.
  private func checkDrained() {
    guard owner.wantsDrainCheck else {
      drainCheckAt = nil
      return
    }
    if isDrained { return owner.peerHasReadAll() }
    let now = Self.now
    if drainCheckAt.map({ $0 <= now }) ?? true {
      drainInterval = drainCheckAt == nil ? 500_000 : min(drainInterval * 2, 20_000_000)
      drainCheckAt = now + drainInterval
    }
  }

  // MARK: Time

  /// One timer, for whatever is due first. It is left alone when the time moves back: then it finds nothing to do.
  private func arm() {
    var due = owner.nextDeadline
    if let drainCheckAt { due = min(due ?? drainCheckAt, drainCheckAt) }
    if let due { arm(at: due) }
  }

  private func arm(at due: UInt64) {
    if let timer, timer.at <= due { return }
    timer?.task.cancel()
    let task = eventLoop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(due)) {
      self.timer = nil
      self.owner.timePassed()
      self.settle()
    }
    timer = (due, task)
  }

  /// NIO tells nothing about a socket that is full of somebody else's bytes: look again in a millisecond.
  private func armRetry() {
    arm(at: Self.now + 1_000_000)
  }

  // MARK: Descriptors in

  /// Reads the descriptors that the frame just read announced. NIO itself would lose them.
  private func takeDescriptors(_ gate: DescriptorGate) {
    while gate.isWaiting {
      do throws(SystemError) {
        let received = try withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { byte throws(SystemError) in
          try DescriptorPassing.receive(into: byte, from: descriptor)
        }
        switch received.received {
        case .bytes:
          gate.passed([0])
          owner.received([0], descriptors: received.descriptors.map { $0.release() })
        case .wouldBlock:
          eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) {
            guard self.context != nil else { return }
            self.takeDescriptors(gate)
            self.settle()
          }
          return
        case .end: return gate.giveUp()
        }
      } catch {
        failure = error.description
        context?.close(promise: nil)
        return
      }
    }
  }
}
