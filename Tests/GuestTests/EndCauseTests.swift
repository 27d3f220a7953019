import Guest
import Testing

/// The table of DESIGN: what the controller knows, and the one truth that follows.
@Suite struct EndCauseTests {
  static let root = Actor.user(uid: 0, pid: 1)
  static let killed = WaitStatus.signaled(9, coreDumped: false)

  @Test(arguments: [
    (EndFacts(status: .exited(0)), EndCause.exited(code: 0)),
    (EndFacts(status: .exited(3)), .exited(code: 3)),
    (EndFacts(status: killed), .signaled(9, coreDumped: false)),
    (EndFacts(status: .signaled(11, coreDumped: true)), .signaled(11, coreDumped: true)),
    // 137 alone is no proof of anything.
    (EndFacts(status: .exited(137)), .exited(code: 137)),
    (EndFacts(status: killed, oomKills: 1, memoryLimitBytes: 1 << 20), oom(.initProcess, killed)),
    (EndFacts(status: .exited(137), oomKills: 2, memoryLimitBytes: 1 << 20), oom(.child, .exited(137), kills: 2)),
    // The kernel took a child, and init chose another code: that is its word.
    (EndFacts(status: .exited(3), oomKills: 1), .exited(code: 3)),
    (EndFacts(status: .signaled(1, coreDumped: false), reboot: .restart), .reboot),
    (EndFacts(status: .signaled(2, coreDumped: false), reboot: .halt), .halt),
    (EndFacts(status: .signaled(2, coreDumped: false), reboot: .powerOff), .powerOff),
    // The same signals sent from outside.
    (EndFacts(status: .signaled(1, coreDumped: false)), .signaled(1, coreDumped: false)),
    (EndFacts(status: .signaled(2, coreDumped: false)), .signaled(2, coreDumped: false)),
    (EndFacts(status: .signaled(2, coreDumped: false), reboot: .restart), .signaled(2, coreDumped: false)),
    // Where reboot(2) cannot be watched, the signal is all there is.
    (EndFacts(status: .signaled(1, coreDumped: false), rebootWatched: false), .reboot),
    (EndFacts(status: .signaled(2, coreDumped: false), rebootWatched: false), .powerOff),
    (
      EndFacts(status: .exited(0), stop: .init(by: root, killed: false, signaled: true)),
      .stopped(by: root, how: .polite, status: .exited(0))
    ),
    (
      EndFacts(status: killed, stop: .init(by: root, killed: true, signaled: true)),
      .stopped(by: root, how: .forced, status: killed)
    ),
    // It heard the polite signal just before the kill came.
    (
      EndFacts(status: .exited(0), stop: .init(by: root, killed: true, signaled: true)),
      .stopped(by: root, how: .polite, status: .exited(0))
    ),
    // Asked to stop, it powered itself off.
    (
      EndFacts(
        status: .signaled(2, coreDumped: false), reboot: .powerOff, stop: .init(by: root, killed: false, signaled: true)
      ),
      .stopped(by: root, how: .polite, status: .signaled(2, coreDumped: false))
    ),
    // The order came, but nothing had been sent when it ended by itself.
    (EndFacts(status: .exited(5), stop: .init(by: root, killed: false, signaled: false)), .exited(code: 5)),
  ])
  func oneTruthFollows(_ facts: EndFacts, _ cause: EndCause) { #expect(facts.cause == cause) }

  private static func oom(_ victim: OutOfMemory.Victim, _ status: WaitStatus, kills: UInt32 = 1) -> EndCause {
    .oom(OutOfMemory(victim: victim, limit: .own, limitBytes: 1 << 20, kills: kills, status: status))
  }
}
