import Glibc
import LinuxSystem
import NIOCore

/// Closes connections that cannot be accepted because the process has no descriptor left.
///
/// They would stay in the queue and keep the listening socket readable: the loop would spin, and the client wait for
/// ever. One descriptor is kept in reserve: it is given up, the connection is accepted in its place and closed, and the
/// descriptor is taken back.
final class SpareDescriptorHandler: ChannelInboundHandler {
  typealias InboundIn = Any

  private let listener: Int32
  private let exhausted: @Sendable (Int) -> Void
  private var spare: OwnedFD?

  /// - Parameter exhausted: called with the number of dropped connections.
  init(listener: Int32, exhausted: @escaping @Sendable (Int) -> Void) {
    self.listener = listener
    self.exhausted = exhausted
    spare = SpareDescriptorHandler.open()
  }

  private static func open() -> OwnedFD? {
    try? OwnedFD.null()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let error = error as? IOError, [EMFILE, ENFILE].contains(error.errnoCode) else {
      return context.fireErrorCaught(error)
    }
    var dropped = 0
    // A few at a time: others are to be served as well.
    while dropped < 64 {
      spare?.close()
      guard let connection = try? UnixSocket.accept(on: listener) else { break }
      connection.close()
      dropped += 1
    }
    spare = SpareDescriptorHandler.open()
    exhausted(dropped)
    // Another open took the freed descriptor: without a pause the loop would only retry.
    if dropped == 0 { pause(context.channel) }
  }

  private func pause(_ channel: any Channel) {
    channel.setOption(.autoRead, value: false).whenSuccess {
      channel.eventLoop.scheduleTask(in: .milliseconds(100)) { channel.setOption(.autoRead, value: true) }
    }
  }
}
