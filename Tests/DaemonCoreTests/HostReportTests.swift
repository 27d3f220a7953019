import Guest
import Operations
import Synchronization
import Testing

@testable import DaemonCore

/// Features of the host change seldom, a look at them costs a millisecond, and any local user may ask for one.
@Suite struct HostReportTests {
  @Test func theHostIsLookedAtOnceASecondHoweverManyAsk() {
    let state = Mutex((now: Int64(5), looks: UInt64(0)))
    let report = HostReport(
      now: { state.withLock { $0.now } },
      look: {
        let looks = state.withLock { state in
          state.looks += 1
          return state.looks
        }
        return HostAbilities(
          hostname: "host", kernel: "6.1", architecture: "x86_64", cpus: 2, memoryBytes: looks,
          boot: BootID([UInt8](repeating: 7, count: 16))!, cgroupMode: "hybrid", features: [])
      })
    for _ in 0..<1_000 { #expect(report.abilities().memoryBytes == 1) }
    state.withLock { $0.now += 999_999_999 }
    #expect(report.abilities().memoryBytes == 1)
    state.withLock { $0.now += 1 }
    #expect(report.abilities().memoryBytes == 2 && report.abilities().memoryBytes == 2)
  }
}
