/// Bounds that hold on every connection. protocol/rpc.x states the ones both sides must know.
public enum RPCLimits {
  /// Longest frame, header included.
  public static let frameMax = 4 * 1024 * 1024
  /// Descriptors with one message.
  public static let descriptorsMax = 32
  /// A frame that was begun must be whole within this time (nanoseconds).
  public static let frameDeadline: UInt64 = 10_000_000_000
  /// Calls of one connection that may be open; further ones wait in its socket.
  public static let callsInFlight = 64
  /// Calls a client may have given up on whose replies are still to come; more, and the peer is beyond hope.
  public static let abandonedCalls = 4096
  /// Bytes queued for a peer above which its calls are no longer read and subscribers get no more events.
  public static let outputHighWater = 256 * 1024
  /// Bytes queued for a peer below which both go on.
  public static let outputLowWater = 64 * 1024
  /// Bytes queued for a client above which its connection is closed: replies that were begun below the high-water mark
  /// fit, so only a client that does not read gets here.
  public static let outputMax = 16 * 1024 * 1024
  /// PONGs queued for a peer above which its connection is closed: it asks for signs of life and reads none.
  public static let pongsMax = 1024
  /// Descriptors queued for a client above which its connection is closed.
  public static let queuedDescriptorsMax = 256
}
