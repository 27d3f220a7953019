import Glibc
import LinuxSystem
public import NIOCore
import NIOPosix

/// Goes on with work after the event loop has looked at its sockets.
///
/// A timer does not do that: the loop looks at its sockets only when no task is due, and under load one that was scheduled
/// a moment ago always is. So this wakes the loop the way a socket does, through a pipe: whatever else is ready by then is
/// served in the same pass. Touched on the event loop only.
public final class NextPoll: @unchecked Sendable {
  private let eventLoop: any EventLoop
  private let work: () -> Void
  /// Nil where the pipe could not be made; then a timer has to do.
  private var pipe: OwnedFD?
  private var isAsked = false

  /// - Parameter work: done on `eventLoop`, once for any number of `ask` before it.
  public init(on eventLoop: any EventLoop, _ work: @escaping () -> Void) {
    self.eventLoop = eventLoop
    self.work = work
  }

  /// Before the first `ask`. Until it is done, and where it fails, a timer has to do.
  public func open() {
    guard let ends = try? Pipe.make() else { return }
    let (reading, writing) = ends
    NIOPipeBootstrap(group: eventLoop)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Handler(self))
        }
      }
      .takingOwnershipOfDescriptor(input: reading.release())
      .assumeIsolated().whenSuccess { channel in
        self.pipe = writing
        channel.closeFuture.assumeIsolated().whenComplete { _ in self.pipe = nil }
      }
  }

  public func ask() {
    guard !isAsked else { return }
    isAsked = true
    var byte: UInt8 = 0
    if let pipe, Glibc.write(pipe.rawValue, &byte, 1) == 1 { return }
    eventLoop.assumeIsolated().scheduleTask(in: .microseconds(20)) { self.come() }
  }

  /// Ends the pipe, and its channel with it.
  public func close() { pipe = nil }

  private func come() {
    guard isAsked else { return }
    isAsked = false
    work()
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    // Weak: the pipe ends with its owner.
    weak var owner: NextPoll?
    init(_ owner: NextPoll) { self.owner = owner }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) { owner?.come() }
  }
}
