/// Limits of a run's cgroup.
public struct CgroupLimits: Sendable, Hashable {
  /// Asked for, and kept or the start is refused; nil is not asked for.
  public var memoryBytes: UInt64?
  public var pids: UInt64?
  /// Thousandths of one CPU's time.
  public var cpuMillis: UInt64?
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

  public init(
    memoryBytes: UInt64? = nil, pids: UInt64? = nil, cpuMillis: UInt64? = nil, usual: Usual = Usual()
  ) {
    self.memoryBytes = memoryBytes
    self.pids = pids
    self.cpuMillis = cpuMillis
    self.usual = usual
  }
}
