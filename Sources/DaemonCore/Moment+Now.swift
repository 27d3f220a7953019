internal import Guest
internal import LinuxSystem

extension Moment {
  static var now: Moment {
    Moment(
      wall: Timestamp(nanoseconds: Clock.wallNanoseconds), boot: BootTime(nanoseconds: UInt64(Clock.bootNanoseconds)))
  }
}

extension GuestLifecycle.Context {
  /// With the present moment, and the identity of a run that may begin.
  static var now: GuestLifecycle.Context {
    var generator = SystemRandomNumberGenerator()
    let bytes = [generator.next(), generator.next()].flatMap { (word: UInt64) in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }
    return .init(
      now: .now, nextRun: RunID(random: bytes) ?? .zero, jitter: UInt32.random(in: 0..<1000, using: &generator))
  }
}
