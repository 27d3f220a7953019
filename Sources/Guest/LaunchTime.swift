extension GuestLifecycle.Launched {
  /// So long after its process was made init may be executed: mounts of a slow disk are in between.
  static let longestSetupNanos: UInt64 = 60_000_000_000

  /// A launch by the word of its controller, heard now or long after.
  ///
  /// The controller says the moment by the wall clock. By the clock of the boot it was as long ago, unless the wall clock was
  /// stepped since: then that moment is mostly none at which init can have been executed, and the one at which its
  /// process was made stands for it.
  ///
  /// - Parameters:
  ///   - madeAt: when the kernel made init's process; somewhat before, since clocks of processes tick a hundred times a second.
  ///   - now: by both clocks.
  public init(initPID: Int32, initStartTime: UInt64, startedAt: Timestamp, madeAt: BootTime, now: Moment) {
    let ago = now.wall.nanoseconds.subtractingReportingOverflow(startedAt.nanoseconds)
    let made = min(madeAt, now.boot)
    var boot = made
    if !ago.overflow, ago.partialValue >= 0, let ago = UInt64(exactly: ago.partialValue), ago <= now.boot.nanoseconds {
      let byWall = BootTime(nanoseconds: now.boot.nanoseconds - ago)
      if byWall >= made, byWall.since(made) <= Self.longestSetupNanos { boot = byWall }
    }
    self.init(initPID: initPID, initStartTime: initStartTime, at: Moment(wall: startedAt, boot: boot))
  }
}
