/// A moment by the wall clock: nanoseconds since 1970-01-01 UTC. For people; never for deciding when something is due.
public struct Timestamp: Sendable, Hashable, Comparable {
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  public static func < (left: Timestamp, right: Timestamp) -> Bool { left.nanoseconds < right.nanoseconds }
}

/// A moment by `CLOCK_BOOTTIME`: nanoseconds since the host booted, suspended time included, never stepped.
/// Comparable only within one boot.
public struct BootTime: Sendable, Hashable, Comparable {
  public var nanoseconds: UInt64

  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  public static func < (left: BootTime, right: BootTime) -> Bool { left.nanoseconds < right.nanoseconds }

  /// Later by so many milliseconds; stays at the end of time where it would overflow.
  public func adding(milliseconds: UInt64) -> BootTime {
    let (product, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
    let (sum, overflow2) = nanoseconds.addingReportingOverflow(product)
    return BootTime(nanoseconds: overflow || overflow2 ? .max : sum)
  }

  /// Nanoseconds since `earlier`; 0 if that is later.
  public func since(_ earlier: BootTime) -> UInt64 {
    nanoseconds >= earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0
  }
}

/// Both clocks, read together. The pure modules are handed the time; they never read it.
public struct Moment: Sendable, Hashable {
  public var wall: Timestamp
  public var boot: BootTime

  public init(wall: Timestamp, boot: BootTime) {
    self.wall = wall
    self.boot = boot
  }
}
