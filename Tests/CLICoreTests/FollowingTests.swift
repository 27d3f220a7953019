import Guest
import Testing

@testable import CLICore

@Suite struct FollowingTests {
  @Test(arguments: [
    ("4711", Since.sequence(4711)), ("0", .sequence(0)), ("boot", .boot), ("now", .now),
    ("-1h", .time(Samples.ago(seconds: 3600))), ("-90", .time(Samples.ago(seconds: 90))),
    ("10:00", .time(Timestamp(nanoseconds: 1_795_255_200_000_000_000))),
  ])
  func sinceIsANumberATimeOrALength(text: String, expected: Since) throws {
    #expect(try Since(text, now: Samples.now, zone: .utc) == expected)
  }

  @Test(arguments: ["", "-", "-x", "tomorrow", "-1h30", "12345678901234567890123"])
  func whatIsNoneOfThemIsRefused(text: String) {
    #expect(throws: Failure.self) { try Since(text, now: Samples.now, zone: .utc) }
  }

  @Test func aCursorMissesNothingAndRepeatsNothing() {
    var cursor = EventCursor(from: .boot)
    #expect(cursor.since == .boot)
    cursor.begins(after: 10)
    #expect(cursor.since == .sequence(10))
    let first = [11, 12, 14].map { cursor.take($0) }
    #expect(first == [true, true, true])
    // The connection breaks; the daemon sends again from where we say we are, or from before that.
    cursor.begins(after: 12)
    let again = [13, 14, 15].map { cursor.take($0) }
    #expect(again == [false, false, true])
    cursor.isComplete(upTo: 20)
    cursor.isComplete(upTo: 18)
    #expect(cursor.since == .sequence(20))
    let last = [20, 21].map { cursor.take($0) }
    #expect(last == [false, true])
  }

  /// Whatever breaks, and however much is sent again, what comes out is every number once and in order.
  @Test(arguments: 0..<50) func anyHistoryOfConnectionsComesOutWhole(seed: UInt64) {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    func random(_ bound: UInt64) -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state % bound
    }
    var cursor = EventCursor(from: .sequence(0))
    var taken: [UInt64] = []
    while taken.last ?? 0 < 200 {
      guard case .sequence(let position) = cursor.since else { return }
      // A daemon may begin earlier than it was asked to.
      let after = position - random(min(position, 5) + 1)
      cursor.begins(after: after)
      for sequence in (after + 1)..<(after + 1 + random(20)) where cursor.take(sequence) { taken.append(sequence) }
    }
    #expect(taken == Array(1...taken.last!))
  }

  @Test(
    arguments: [
      (0, "stopping, sent SIGTERM 0s ago, SIGKILL in 10s"), (3100, "stopping, sent SIGTERM 3s ago, SIGKILL in 7s"),
      (9999, "stopping, sent SIGTERM 9s ago, SIGKILL in 1s"), (10_000, "killed 0s ago, waiting for its end"),
      (75_500, "killed 1m5s ago, waiting for its end"),
    ] as [(UInt64, String)])
  func aStopTellsWhatItIsAt(millis: UInt64, text: String) {
    #expect(StopProgress.text(StopPolicy(), noKill: false, elapsedMillis: millis) == text)
  }

  @Test(
    arguments: [
      (500, false, "stopping, sent SIGRTMIN+3 0s ago, SIGTERM in 5s"),
      (5000, false, "stopping, sent SIGTERM 0s ago, SIGKILL in 2s"),
      (7000, false, "killed 0s ago, waiting for its end"),
      (6000, true, "stopping, sent SIGTERM 1s ago"), (8000, true, "still running, and it is not to be killed"),
    ] as [(UInt64, Bool, String)])
  func aStopWithAnotherSignalHasThreeSteps(millis: UInt64, noKill: Bool, text: String) {
    let policy = StopPolicy(signal: 37, timeoutMillis: 5000, termTimeoutMillis: 2000)
    #expect(StopProgress.text(policy, noKill: noKill, elapsedMillis: millis) == text)
  }
}
