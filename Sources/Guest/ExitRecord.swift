/// What a run used, measured by the kernel; 0 where this host cannot measure it.
public struct RunUsage: Sendable, Hashable {
  public var memoryPeakBytes: UInt64
  public var memoryLimitBytes: UInt64
  public var cpuMicros: UInt64

  public init(memoryPeakBytes: UInt64 = 0, memoryLimitBytes: UInt64 = 0, cpuMicros: UInt64 = 0) {
    self.memoryPeakBytes = memoryPeakBytes
    self.memoryLimitBytes = memoryLimitBytes
    self.cpuMicros = cpuMicros
  }
}

/// The whole truth about the end of one run. Its controller writes it down before it tells anybody.
public struct ExitRecord: Sendable, Hashable {
  public static let tailLines = 10
  public static let tailLineBytes = 512

  public var guest: GuestName
  public var run: RunID
  public var boot: BootID
  public var cause: EndCause
  /// Nil where init was never executed.
  public var startedAt: Timestamp?
  public var endedAt: Timestamp
  /// By `CLOCK_BOOTTIME`, so no step of the wall clock is in it.
  public var lengthNanos: UInt64
  public var usage: RunUsage
  /// Last lines of the console: at most `tailLines`, each at most `tailLineBytes` long.
  public var logTail: [String]

  public init(
    guest: GuestName, run: RunID, boot: BootID, cause: EndCause, startedAt: Timestamp?, endedAt: Timestamp,
    lengthNanos: UInt64, usage: RunUsage = RunUsage(), logTail: [String] = []
  ) {
    self.guest = guest
    self.run = run
    self.boot = boot
    self.cause = cause
    self.startedAt = startedAt
    self.endedAt = endedAt
    self.lengthNanos = lengthNanos
    self.usage = usage
    self.logTail = logTail
  }
}

/// A run that has ended, as the history keeps it.
public struct RunRecord: Sendable, Hashable {
  /// 1 is the guest's first run.
  public var number: UInt32
  public var startedBy: Actor
  public var ended: ExitRecord

  public init(number: UInt32, startedBy: Actor, ended: ExitRecord) {
    self.number = number
    self.startedBy = startedBy
    self.ended = ended
  }
}
