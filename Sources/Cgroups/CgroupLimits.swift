public import Guest

/// Limits of a run's cgroup.
public struct CgroupLimits: Sendable, Hashable {
  /// Asked for, and kept or the start is refused; nil is not asked for.
  public var asked: Limits
  /// Protects the host from a guest without limits of its own.
  public var usual: Usual

  /// Kept where the host can keep it, and never a reason to refuse a start.
  public struct Usual: Sendable, Hashable {
    public var memoryBytes: UInt64?
    public var pids: UInt64?

    public init(memoryBytes: UInt64? = nil, pids: UInt64? = nil) {
      self.memoryBytes = memoryBytes
      self.pids = pids
    }
  }

  public init(_ asked: Limits = Limits(), usual: Usual = Usual()) {
    self.asked = asked
    self.usual = usual
  }
}
