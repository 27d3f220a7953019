import Guest
import Supervision
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Random histories against the invariants. More than the usual number: `LODGE_MODEL_HISTORIES=1000000`; one again:
/// `LODGE_TEST_SEED=...`, which is printed. A failing history is cut down to its essence and printed as a test.
@Suite struct SupervisionModelTests {
  @Test func noHistoryBreaksAnInvariant() throws {
    let histories = environment("LODGE_MODEL_HISTORIES") ?? 20_000
    let seed = environment("LODGE_TEST_SEED") ?? UInt64.random(in: 0 ... .max)
    print("supervision model: \(histories) histories, LODGE_TEST_SEED=\(seed)")
    var generator = SplitMix(seed: seed)
    for _ in 0..<histories {
      let spec = randomSpec(&generator)
      let steps = (0..<(3 + generator.below(18))).map { _ in Step.random(using: &generator) }
      let isFormer = generator.below(3) == 0
      guard let violation = run(spec, steps, isFormer) else { continue }
      let shortest = shrink(spec, steps, isFormer)
      Issue.record(
        """
        \(violation)
        LODGE_TEST_SEED=\(seed)
        @Test func shrunk() throws {
          try check(.model(restart: \(spec.restart), autostart: \(spec.autostart), transient: \(spec.transient)), \(shortest),
            isFormer: \(isFormer))
        }
        """)
      return
    }
  }

  /// Histories worth keeping: overtaken launches, ends told twice or late, deaths between storing and doing, a disk that
  /// refuses at each moment.
  @Test(arguments: [
    [Step.start, .commit, .stop, .commit, .newsArrives, .timerFires],
    [.start, .stop, .commit, .launchSucceeds, .newsArrives],
    [.start, .commit, .launchSucceeds, .newsArrives, .guestExits(code: 1), .hostResets, .commit, .newsArrivesAgain],
    [.start, .commitThenDie, .start, .commit, .daemonDies],
    [.start, .commit, .launchSucceeds, .newsArrives, .commit, .guestReboots, .newsArrives, .commitThenDie, .commit],
    [.start, .commit, .launchSucceeds, .newsArrives, .commit, .guestReboots, .newsArrives, .commit, .daemonDies],
    [.start, .commit, .launchSucceeds, .restart, .commit, .stop, .guestReboots, .newsArrives, .commit, .timerFires],
    [.start, .commit, .daemonDies, .sendAgain(0), .commit, .launchSucceeds, .newsArrives, .commit, .sendAgain(0)],
    [
      .start, .commit, .launchSucceeds, .newsArrives, .commit, .diskRefuses(true), .kill, .commit, .newsArrives,
      .commit,
    ],
    [.start, .commit, .cgroupMade, .daemonDies, .controllerDies, .connectionCloses],
    [.start, .commit, .controllerDies, .daemonDies],
    [
      .start, .commitThenDie, .commit, .launchSucceeds, .guestExits(code: 0), .daemonDies, .directoryVanishes,
      .daemonDies,
      .commit,
    ],
    [.start, .commit, .launchSucceeds, .guestExits(code: 0), .directoryVanishes, .daemonDies, .commit],
    [.start, .commit, .stopWithoutForce(millis: 1_000), .commit, .timePasses(millis: 1_000), .timerFires],
    [
      .start, .commit, .launchSucceeds, .newsArrives, .stopWithoutForce(millis: 1_000), .commit,
      .timePasses(millis: 1_000), .controllerActs, .newsArrives, .guestReboots, .newsArrives, .commit,
    ],
    [
      .start, .commit, .launchSucceeds, .newsArrives, .stopWithoutForce(millis: 1_000), .commit, .daemonDies,
      .timePasses(millis: 1_000), .controllerActs, .newsArrives, .kill,
    ],
    [
      .start, .commit, .launchSucceeds, .newsArrives, .stopWithoutForce(millis: 60_000), .commit,
      .stopWithoutForce(millis: 1_000), .commit, .timePasses(millis: 2_000), .controllerActs, .newsArrives, .commit,
      .timePasses(millis: 60_000), .timerFires, .commit, .guestExits(code: 1), .newsArrives, .commit,
    ],
    [
      .start, .commit, .launchSucceeds, .newsArrives, .restart, .stopWithoutForce(millis: 1_000), .commit,
      .timePasses(millis: 1_000), .controllerActs, .newsArrives, .commit, .timePasses(millis: 20_000), .controllerActs,
      .newsArrives, .commit,
    ],
    [
      .start, .commit, .launchSucceeds, .newsArrives, .stop, .stopWithoutForce(millis: 1_000),
      .restartWithoutForce(millis: 5_000), .commitThenDie, .timePasses(millis: 30_000), .controllerActs,
    ],
    [
      .start, .commit, .launchSucceeds, .newsArrives, .diskRefuses(true), .stopWithoutForce(millis: 1_000), .commit,
      .timePasses(millis: 1_000), .timerFires, .commit, .diskRefuses(false), .commit,
    ],
  ])
  func historiesWorthKeeping(_ steps: [Step]) throws {
    for mode in RestartPolicy.Mode.allCases {
      for isFormer in [false, true] { try check(.model(restart: RestartPolicy(mode: mode)), steps, isFormer: isFormer) }
    }
  }

  private func check(_ spec: GuestSpec, _ steps: [Step], isFormer: Bool) throws {
    var model = try SupervisionModel(spec: spec, isFormer: isFormer)
    for step in steps { try model.perform(step) }
    try model.settle()
  }

  private func run(_ spec: GuestSpec, _ steps: [Step], _ isFormer: Bool) -> String? {
    do {
      try check(spec, steps, isFormer: isFormer)
      return nil
    } catch let violation as Violation {
      return violation.text
    } catch {
      return "\(error)"
    }
  }

  /// Leaves out one step after the other as long as the history still fails.
  private func shrink(_ spec: GuestSpec, _ steps: [Step], _ isFormer: Bool) -> [Step] {
    var steps = steps
    var index = 0
    while index < steps.count {
      var fewer = steps
      fewer.remove(at: index)
      if run(spec, fewer, isFormer) != nil { steps = fewer } else { index += 1 }
    }
    return steps
  }

  private func randomSpec(_ generator: inout SplitMix) -> GuestSpec {
    let modes = RestartPolicy.Mode.allCases
    return .model(
      restart: RestartPolicy(
        mode: modes[generator.below(modes.count)], minimumUptimeMillis: 10_000, backoffInitialMillis: 1_000,
        backoffMaximumMillis: 30_000, limitCount: UInt32(generator.below(4)), limitWindowMillis: 60_000),
      autostart: generator.below(3) == 0, transient: generator.below(6) == 0)
  }
}

extension GuestSpec {
  /// With what decisions depend on; the rest is of no account to them.
  static func model(restart: RestartPolicy = RestartPolicy(), autostart: Bool = false, transient: Bool = false)
    -> GuestSpec
  {
    var spec = GuestSpec(rootfs: Rootfs(path: "/"), command: ["/init"])
    spec.restart = restart
    spec.autostart = autostart
    spec.transient = transient
    return spec
  }
}

func environment(_ name: String) -> UInt64? {
  guard let value = unsafe getenv(name) else { return nil }
  return UInt64(unsafe String(cString: value))
}
