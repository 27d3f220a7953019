import SpecKeys
import Testing

@Suite struct NearestTests {
  private let keys = ["memory", "pids", "cpu", "restart", "rootfs", "command"]

  @Test(
    arguments: [
      ("memroy", "memory"), ("Memory", "memory"), ("memorry", "memory"), ("pid", "pids"), ("cmd", nil),
      ("comand", "command"),
      ("rootsf", "rootfs"), ("xyz", nil), ("", nil), ("comm", "command"), ("restrat", "restart"),
    ] as [(String, String?)])
  func aSlipFindsItsKey(word: String, key: String?) {
    #expect(nearest(to: word, in: keys) == key, "\(word)")
  }

  @Test func aHugeWordCostsNothing() {
    #expect(nearest(to: String(repeating: "m", count: 1 << 20), in: keys) == nil)
  }
}
