public import LinuxSystem
public import NIOCore
import NIOPosix
public import RPC
import Synchronization
public import XDR

/// Accepts clients on a listening socket and serves each of them.
///
/// It binds nothing itself, so the socket may come from systemd. What a client may do is decided once, from its
/// credentials as the kernel knows them.
public final class RPCServer: Sendable {
  public struct Configuration: Sendable {
    public var session: ServerSession.Configuration
    /// The right of a client, from its credentials and the socket it connected to.
    public var right: @Sendable (PeerCredentials, _ readOnly: Bool) -> RPCRight
    /// Shared by all sockets of one daemon.
    public var limits: ClientLimits
    /// Called with a line for the log that belongs to no connection.
    public var notice: @Sendable (String) -> Void

    public init(
      session: ServerSession.Configuration, limits: ClientLimits = ClientLimits(),
      right: @escaping @Sendable (PeerCredentials, _ readOnly: Bool) -> RPCRight,
      notice: @escaping @Sendable (String) -> Void = { _ in }
    ) {
      self.session = session
      self.limits = limits
      self.right = right
      self.notice = notice
    }
  }

  /// Bytes of one read.
  private static let readMax = 16_384

  private static let nextID = Atomic<UInt64>(1)

  private let configuration: Configuration
  private let isReadOnly: Bool
  // Weak, as the daemon owns both; the daemon's delegate usually holds its servers.
  private let delegate: WeakDelegate
  private let open = Mutex<[UInt64: RPCServerConnection]>([:])
  private let channel = Mutex<(any Channel)?>(nil)
  private let turns = Mutex<[ObjectIdentifier: ConnectionTurns]>([:])

  private struct WeakDelegate: @unchecked Sendable {
    weak var value: (any RPCServerDelegate)?
  }

  private init(_ configuration: Configuration, isReadOnly: Bool, delegate: any RPCServerDelegate) {
    self.configuration = configuration
    self.isReadOnly = isReadOnly
    self.delegate = WeakDelegate(value: delegate)
  }

  /// Serves the connections that come to `socket`, a listening socket that this takes over.
  ///
  /// - Parameters:
  ///   - readOnly: whether only procedures marked so may be called here.
  ///   - delegate: serves the calls; not kept alive.
  ///   - eventLoop: accepts.
  ///   - connections: serve the clients; by default the same event loop.
  public static func start(
    listening socket: OwnedFD, readOnly: Bool, configuration: Configuration, delegate: any RPCServerDelegate,
    on eventLoop: any EventLoop, connections: (any EventLoopGroup)? = nil
  ) async throws -> RPCServer {
    let server = RPCServer(configuration, isReadOnly: readOnly, delegate: delegate)
    let listener = socket.rawValue
    let notice = configuration.notice
    let bootstrap = ServerBootstrap(group: eventLoop, childGroup: connections ?? eventLoop)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let handler = SpareDescriptorHandler(listener: listener) { dropped in
            notice("accept: too many open files: \(dropped) connections dropped")
          }
          try channel.pipeline.syncOperations.addHandler(handler)
        }
      }
      // A few, so that a flood of new clients does not keep the old ones waiting.
      .serverChannelOption(.maxMessagesPerRead, value: 4)
      .childChannelOption(.maxMessagesPerRead, value: 1)
      // What one read brings waits in memory for its turn: a thousand connections make 16 MiB of it.
      .childChannelOption(
        .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 2048, maximum: RPCServer.readMax)
      )
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try server.accepted(channel) }
      }
    let channel = try await bootstrap.withBoundSocket(socket.release()).get()
    server.channel.withLock { $0 = channel }
    return server
  }

  /// All connections open at the moment, in no order.
  public var connections: [RPCServerConnection] { open.withLock { Array($0.values) } }

  /// Stops accepting. Connections stay.
  public func stopAccepting() async {
    let channel = channel.withLock { channel in
      defer { channel = nil }
      return channel
    }
    try? await channel?.close().get()
  }

  /// Stops accepting and closes every connection: when it has read everything, or at `deadline`.
  public func shutdown(deadline: NIODeadline) async {
    await stopAccepting()
    for connection in connections { connection.closeDelayed(deadline: deadline) }
  }

  // MARK: Accepting

  /// A failure here closes the channel that was accepted and nothing else.
  private func accepted(_ channel: any Channel) throws {
    let descriptor = try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
      of: NIOBSDSocket.Handle.self
    ) { $0 }
    guard let descriptor else { throw ChannelError.operationUnsupported }
    let peer = try PeerCredentials(of: descriptor)
    var refusal: RPCErrorBody?
    switch configuration.limits.admit(peer.uid) {
    case .admitted: break
    case .refused(let error): refusal = error
    case .dropped: throw ChannelError.ioOnClosedChannel
    }
    let isRefused = refusal != nil
    guard let delegate = delegate.value else {
      configuration.limits.leave(peer.uid, refused: isRefused)
      throw ChannelError.ioOnClosedChannel
    }
    var session = configuration.session
    session.trace = session.trace ?? FrameTracing.ifWanted
    let connection = RPCServerConnection(
      id: RPCServer.nextID.add(1, ordering: .relaxed).oldValue, peer: peer,
      right: configuration.right(peer, isReadOnly), isReadOnly: isReadOnly, eventLoop: channel.eventLoop,
      configuration: session, refusal: refusal, limits: configuration.limits,
      turns: turns(on: channel.eventLoop), delegate: delegate
    ) { connection in
      self.configuration.limits.leave(peer.uid, refused: isRefused)
      if !isRefused { self.open.withLock { _ = $0.removeValue(forKey: connection.id) } }
    }
    if isRefused {
      channel.eventLoop.scheduleTask(in: .seconds(2)) { connection.close(reason: "above a connection limit") }
    } else {
      open.withLock { $0[connection.id] = connection }
    }
    try connection.attach(to: channel, descriptor: descriptor, gate: gate(for: channel))
  }

  private func turns(on eventLoop: any EventLoop) -> ConnectionTurns {
    turns.withLock { turns in
      if let known = turns[ObjectIdentifier(eventLoop)] { return known }
      let new = ConnectionTurns(eventLoop: eventLoop)
      turns[ObjectIdentifier(eventLoop)] = new
      return new
    }
  }

  private func gate(for channel: any Channel) throws -> DescriptorGate? {
    guard configuration.session.acceptsDescriptors else { return nil }
    let gate = DescriptorGate(frameMax: configuration.session.frameMax)
    try channel.syncOptions?.setOption(.recvAllocator, value: GatedBufferAllocator(gate: gate))
    return gate
  }
}
