/// Limits of a container's cgroup; nil is none.
public struct CgroupLimits: Sendable, Hashable {
  public var memoryBytes: UInt64?
  public var pids: UInt64?
  /// Thousandths of one CPU's time.
  public var cpuMillis: UInt64?

  public init(memoryBytes: UInt64? = nil, pids: UInt64? = nil, cpuMillis: UInt64? = nil) {
    self.memoryBytes = memoryBytes
    self.pids = pids
    self.cpuMillis = cpuMillis
  }
}
