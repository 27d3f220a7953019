import Glibc
import LinuxSystem

/// Random numbers that can be had again: the seed is printed, and taken back from `LODGE_TEST_SEED`.
///
/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
public struct SeededRandom: RandomNumberGenerator, Sendable {
  public let seed: UInt64
  private var state: UInt64

  public init(seed: UInt64) {
    self.seed = seed
    state = seed
  }

  /// A fresh seed, or the one asked for; printed either way, with what it is for.
  public init(for purpose: String) {
    let asked = getenv("LODGE_TEST_SEED").flatMap { UInt64(String(cString: $0)) }
    self.init(seed: asked ?? (try? Random.uint64()) ?? 1)
    print("\(purpose): LODGE_TEST_SEED=\(seed)")
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
