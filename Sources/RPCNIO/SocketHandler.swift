import Glibc
import LinuxSystem
import NIOCore
import RPC

/// The connection behind the handler that moves its bytes. All calls are made on the event loop.
protocol SocketHandlerOwner: AnyObject {
  /// Bytes came; everything they complete is dispatched before this returns.
  func received(_ bytes: [UInt8], descriptors: [Int32])
  /// No more bytes come. `failure` is nil for the ordinary end.
  func ended(_ failure: String?)
  func timePassed()
  /// Bytes of `output` were written.
  func sent(_ count: Int)
  /// Bytes handed out by `takeOutput` are with the kernel.
  func transmitted(_ count: Int)
  /// The peer takes no more.
  func outputBroke()
  func sentDescriptor()
  func takeOutput() -> [UInt8]
  func peerHasReadAll()
  var output: OutputQueue { get }
  var wantsRead: Bool { get }
  var wantsDrainCheck: Bool { get }
  var isClosed: Bool { get }
  /// On the clock of `NIODeadline`.
  var nextDeadline: UInt64? { get }
}

/// Moves bytes between a session and its socket, inside a NIO channel.
///
/// One write per read burst, made here and not by NIO: that saves a promise, a copy and half the way. NIO gets what the
/// socket did not take, and waits for the socket. Everything behind that stays in the session's queue, where it is
/// counted and can still be dropped. Not read while the session does not want it.
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
  private var timer: (at: UInt64, task: Scheduled<Void>)?
  private var drainCheckAt: UInt64?
  private var drainInterval: UInt64 = 0
  private var failure: String?

  init(owner: Owner, eventLoop: any EventLoop, descriptor: Int32, gate: DescriptorGate?) {
    self.owner = owner
    self.eventLoop = eventLoop
    self.descriptor = descriptor
    self.gate = gate
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

  /// With nothing of ours in NIO's hands the order on the socket is ours to keep.
  private func write(_ context: ChannelHandlerContext) {
    while inTransit == 0, self.context != nil {
      do throws(SystemError) {
        switch owner.output.next {
        case .idle: return
        case .bytes(let count):
          guard let sent = try send(owner.output.bytes.prefix(count)) else { return handOver(context) }
          owner.sent(sent)
        case .descriptor(let number):
          guard try DescriptorPassing.send(number, to: descriptor) else { return armRetry() }
          owner.sentDescriptor()
        }
      } catch {
        // The peer is gone. What it sent before is still read, and reading finds the end.
        return owner.outputBroke()
      }
    }
  }

  /// Nil when the socket is full.
  private func send(_ bytes: ArraySlice<UInt8>) throws(SystemError) -> Int? {
    var failure: SystemError?
    let sent = bytes.withUnsafeBytes { buffer -> Int? in
      do throws(SystemError) {
        return try UnixSocket.send(buffer, to: descriptor)
      } catch {
        failure = error
        return nil
      }
    }
    if let failure { throw failure }
    return sent
  }

  /// The socket is full: NIO waits until it is not.
  private func handOver(_ context: ChannelHandlerContext) {
    let bytes = owner.takeOutput()
    let count = bytes.count
    inTransit = count
    let promise = context.eventLoop.makePromise(of: Void.self)
    promise.futureResult.assumeIsolated().whenSuccess {
      self.inTransit = 0
      self.owner.transmitted(count)
      self.settleLater()
    }
    // A write that fails closes the channel; what was in transit then stays so, and nothing is written behind it.
    context.writeAndFlush(
      SocketHandler.wrapOutboundOut(context.channel.allocator.buffer(bytes: bytes)), promise: promise)
  }

  /// After a write that did not complete at once, what has queued up behind it.
  private func settleLater() {
    if case .idle = owner.output.next, !owner.wantsDrainCheck, !isReadHeld { return }
    changed()
  }

  /// The kernel does not signal that the peer has read the last byte, so a delayed close polls: after 0.5 ms, then at
  /// growing intervals of up to 20 ms.
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

  /// NIO does not report when a socket filled outside its own writes has room again: try again in a millisecond.
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
