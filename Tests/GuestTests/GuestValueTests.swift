import Guest
import Testing

@Suite struct GuestValueTests {
  @Test(arguments: ["web", "a", "web-1.example_x", "0", String(repeating: "x", count: 64)])
  func aGoodNameIsTaken(_ text: String) throws { #expect(try GuestName(text).value == text) }

  @Test(arguments: [
    "", ".", "..", "-x", "a/b", "a b", "über", "a\u{1b}[31m", "a\0", "a\n", String(repeating: "x", count: 65), "*",
  ])
  func aBadNameIsRefusedAndShownHarmless(_ text: String) {
    let error = #expect(throws: GuestError.self) { try GuestName(text) }
    #expect(error?.code == .invalidArgument)
    #expect(error.map { Visible.isPlain($0.message.filter { $0 != "\\" }) } == true)
  }

  @Test(arguments: [
    ("plain", "plain"), ("a\nb", "a\\nb"), ("\u{1b}[2J", "\\e[2J"), ("\u{9b}31m", "\\u{9b}31m"),
    ("\u{202e}txt", "\\u{202e}txt"), ("back\\slash", "back\\\\slash"), ("\u{7f}", "\\u{7f}"),
  ])
  func controlBytesBecomeVisible(_ text: String, _ shown: String) { #expect(Visible.text(text) == shown) }

  @Test(
    arguments: [
      ("TERM", 15), ("SIGTERM", 15), ("sigkill", 9), ("15", 15), ("RTMIN+3", 37), ("SIGRTMAX-1", 63), ("SIGPOLL", 29),
    ] as [(String, Int32)])
  func signalsHaveNames(_ text: String, _ number: Int32) { #expect(SignalName.number(text) == number) }

  @Test(arguments: ["", "SIG", "0", "65", "RTMIN+31", "RTMAX-31", "RTMIN+99999999999", "NOPE"])
  func whatIsNoSignalIsNone(_ text: String) { #expect(SignalName.number(text) == nil) }

  @Test func anIdentityReadsBackFromItsText() throws {
    let id = try #require(RunID(random: (0..<16).map { UInt8($0 * 15) }))
    #expect(id.description == "000f1e2d-3c4b-4a69-b887-96a5b4c3d2e1")
    #expect(RunID(text: id.description) == id)
    #expect(RunID(text: "000f1e2d") == nil)
    #expect(id.short == "000f1e2d")
  }
}

@Suite struct RestartDecisionTests {
  private let minute = BootTime(nanoseconds: 60_000_000_000)

  @Test(arguments: [
    (RestartPolicy.Mode.never, EndCause.reboot, false), (.onReboot, .reboot, true),
    (.onReboot, .exited(code: 1), false),
    (.onFailure, .exited(code: 1), true), (.onFailure, .exited(code: 0), false), (.onFailure, .reboot, true),
    (.onFailure, .controllerLost, true), (.onFailure, .hostReset, true), (.onFailure, .powerOff, false),
    (.always, .exited(code: 0), true), (.always, .powerOff, true),
  ])
  func theModeDecidesByCause(_ mode: RestartPolicy.Mode, _ cause: EndCause, _ restarts: Bool) {
    let decision = RestartPolicy(mode: mode).decide(
      cause: cause, lengthNanos: 0, history: RestartHistory(), now: minute, jitter: 0)
    #expect((decision != .stay) == restarts)
  }

  @Test func theDelayDoublesUpToTheCapAndAGoodRunResetsIt() {
    let policy = RestartPolicy(
      mode: .always, minimumUptimeMillis: 10_000, backoffInitialMillis: 1_000, backoffMaximumMillis: 5_000,
      limitCount: 0)
    var history = RestartHistory()
    var delays: [UInt64] = []
    for length: UInt64 in [0, 0, 0, 0, 10_000_000_000, 0] {
      guard
        case .restart(let delay, let next) = policy.decide(
          cause: .exited(code: 1), lengthNanos: length, history: history, now: minute, jitter: 0)
      else { return #expect(Bool(false), "no restart") }
      delays.append(delay)
      history = next
    }
    #expect(delays == [1000, 2000, 4000, 5000, 1000, 2000])
    #expect(history.total == 6)
  }

  /// With the maximum reached, too: "never longer than this".
  @Test(arguments: [UInt64(1_000), 60_000]) func jitterShortensByATenthAtMost(_ maximum: UInt64) {
    let policy = RestartPolicy(mode: .always, backoffInitialMillis: 1_000, backoffMaximumMillis: maximum)
    for jitter: UInt32 in [0, 1, 500, 999, .max] {
      guard
        case .restart(let delay, _) = policy.decide(
          cause: .exited(code: 0), lengthNanos: 0, history: RestartHistory(), now: minute, jitter: jitter)
      else { return #expect(Bool(false), "no restart") }
      #expect((900...1000).contains(delay))
    }
  }

  @Test func itGivesUpAfterSoManyWithinTheWindowAndForgetsWhatIsOlder() {
    let policy = RestartPolicy(mode: .always, limitCount: 2, limitWindowMillis: 60_000)
    let old = BootTime(nanoseconds: 1)
    func decide(_ recent: [BootTime]) -> RestartDecision {
      policy.decide(
        cause: .exited(code: 0), lengthNanos: 0, history: RestartHistory(attempt: 2, recent: recent, total: 2),
        now: minute,
        jitter: 0)
    }
    #expect(decide([minute, minute]) == .giveUp(count: 2))
    #expect(decide([BootTime(nanoseconds: 1_000_000), minute]) == .giveUp(count: 2))
    guard case .restart = decide([old, minute].map { BootTime(nanoseconds: $0.nanoseconds - 1) }) else {
      return #expect(Bool(false), "the old restart still counts")
    }
  }
}

@Suite struct GlobTests {
  @Test(arguments: [
    ("*", "web", true), ("*", "", true), ("w*", "web", true), ("w*", "db", false), ("*b", "web", true),
    ("w?b", "web", true),
    ("w?b", "wb", false), ("[a-w]eb", "web", true), ("[!w]eb", "web", false), ("[!a]eb", "web", true),
    ("we[b]", "web", true),
    ("we[b", "we[b", true), ("*a*a*a*b", String(repeating: "a", count: 60), false), ("web", "web", true),
    ("web", "web1", false),
    ("**x", "abcx", true), ("[]]", "]", true),
  ])
  func namesMatch(_ pattern: String, _ text: String, _ matches: Bool) {
    #expect(Glob(pattern).matches(text) == matches)
  }
}
