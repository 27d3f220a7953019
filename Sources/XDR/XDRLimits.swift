/// Limits on the resources that decoding one message may take, beyond the bounds that the `.x` sets.
public struct XDRLimits: Hashable, Sendable {
  /// How deep recursive types may nest. Lists are decoded by a loop and use none of it.
  public var depth: Int

  /// Bytes of memory that arrays may take once decoded. Strings and opaques need no budget: they cannot be
  /// larger than the message.
  public var memory: Int

  /// Take padding bytes that are not zero, as some peers send them. Off unless the peer is known to.
  public var allowsDirtyPadding: Bool

  public init(depth: Int = XDRLimits.standardDepth, memory: Int, allowsDirtyPadding: Bool = false) {
    self.depth = depth
    self.memory = memory
    self.allowsDirtyPadding = allowsDirtyPadding
  }

  /// Deep enough for any real tree, and far from what a thread's stack can take.
  @inlinable public static var standardDepth: Int { 128 }

  /// For a message of this many bytes: depth 128, sixteen times the message plus 64 KiB of memory.
  public static func standard(messageSize: Int) -> XDRLimits {
    XDRLimits(memory: standardMemory(messageSize: messageSize))
  }

  @inlinable
  static func standardMemory(messageSize: Int) -> Int {
    let (product, overflow) = messageSize.multipliedReportingOverflow(by: 16)
    return overflow ? Int.max : product > Int.max - 65536 ? Int.max : product + 65536
  }
}
