import Testing

@testable import Guest

/// A launch is heard of at once, or by a daemon that comes back days later; the moment of hearing is never that of the launch.
struct LaunchTimeTests {
  private static let second: UInt64 = 1_000_000_000

  /// Made 1,000 s after the boot, executed 8 ms later, heard of after `heard` seconds, the wall clock stepped by `step` in between.
  private func launched(heardAfter heard: UInt64, step: Int64 = 0) -> BootTime {
    let executed = 1_000 * Self.second + 8_000_000
    let wall: Int64 = 1_700_000_000_000_000_000
    let now = Moment(
      wall: Timestamp(nanoseconds: wall + Int64(heard * Self.second) + step * Int64(Self.second)),
      boot: BootTime(nanoseconds: executed + heard * Self.second))
    return GuestLifecycle.Launched(
      initPID: 7, initStartTime: 100_000, startedAt: Timestamp(nanoseconds: wall),
      madeAt: BootTime(nanoseconds: 1_000 * Self.second), now: now
    ).at.boot
  }

  @Test(arguments: [0, 1, 8, 3600, 86400 * 400] as [UInt64]) func theMomentIsThatOfTheLaunch(heardAfter: UInt64) {
    #expect(launched(heardAfter: heardAfter) == BootTime(nanoseconds: 1_000 * Self.second + 8_000_000))
  }

  @Test(arguments: [-86400, -3600, -61, 1, 3600, 86400 * 20_000] as [Int64])
  func aStepOfTheWallClockIsNotInIt(step: Int64) {
    // Within the time that a set-up may take, at worst.
    let made = BootTime(nanoseconds: 1_000 * Self.second)
    #expect(launched(heardAfter: 7200, step: step) == made)
  }

  @Test func aFormerOrWrongWordIsBounded() {
    let now = Moment(wall: Timestamp(nanoseconds: 5), boot: BootTime(nanoseconds: 9))
    for wall in [Int64.min, -1, 0, 5, 6, .max] {
      for made in [0, 9, 10, UInt64.max] {
        let at = GuestLifecycle.Launched(
          initPID: 1, initStartTime: 0, startedAt: Timestamp(nanoseconds: wall), madeAt: BootTime(nanoseconds: made),
          now: now
        ).at.boot
        #expect(at >= min(BootTime(nanoseconds: made), now.boot) && at <= now.boot)
      }
    }
  }
}
