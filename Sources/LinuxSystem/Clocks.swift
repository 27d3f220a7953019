import Glibc

/// The clocks a supervisor needs. Wall time is for people and records; boot time is for waiting: it never jumps and
/// goes on during suspend (clock_gettime(2)).
public enum Clock {
  /// CLOCK_REALTIME: nanoseconds since 1970-01-01T00:00:00Z.
  public static var wallNanoseconds: Int64 { read(CLOCK_REALTIME) }

  /// CLOCK_BOOTTIME: nanoseconds since the host booted, suspend included.
  public static var bootNanoseconds: Int64 { read(CLOCK_BOOTTIME) }

  private static func read(_ clock: clockid_t) -> Int64 {
    var now = timespec()
    // Cannot fail for a clock the kernel has and a pointer to our own stack.
    clock_gettime(clock, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
  }
}
