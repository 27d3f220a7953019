/// Resources that a guest uses now, measured by the kernel. A figure that this host cannot measure is nil, never 0.
public struct GuestUsage: Sendable, Hashable {
  /// Memory that counts against its limit, page cache included.
  public var memoryBytes: UInt64?
  public var memoryPeakBytes: UInt64?
  /// CPU time since the run began.
  public var cpuMicros: UInt64?
  /// Processes and threads.
  public var tasks: UInt64?

  public init(
    memoryBytes: UInt64? = nil, memoryPeakBytes: UInt64? = nil, cpuMicros: UInt64? = nil, tasks: UInt64? = nil
  ) {
    self.memoryBytes = memoryBytes
    self.memoryPeakBytes = memoryPeakBytes
    self.cpuMicros = cpuMicros
    self.tasks = tasks
  }
}
