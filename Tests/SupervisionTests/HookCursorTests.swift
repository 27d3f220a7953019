import Supervision
import Testing

/// Each matching event is given at least once and in order; exactly once, unless the daemon died in the middle.
@Suite struct HookCursorTests {
  /// More histories: `LODGE_MODEL_HISTORIES`; one again: `LODGE_TEST_SEED`, which a failure shows.
  @Test func noOrderOfEventsPassesOneOver() throws {
    let histories = Int(environment("LODGE_MODEL_HISTORIES") ?? 2_000)
    let first = environment("LODGE_TEST_SEED") ?? UInt64.random(in: 0 ... .max)
    for index in 0..<histories {
      let seed = first &+ UInt64(index)
      var world = HookWorld(seed: seed)
      do { try world.play(20 + world.generator.below(150)) } catch let fault as FeedFault {
        Issue.record("\(fault), LODGE_TEST_SEED=\(seed) LODGE_MODEL_HISTORIES=1")
        return
      }
    }
  }

  /// A cursor by reference, with its steps as text.
  private final class Hook {
    var cursor: HookCursor<FeedRow>

    init(
      _ record: HookCursor<FeedRow>.Record = .init(position: 0), newest: UInt64, retries: UInt32 = 1,
      wanted: Set<UInt64>
    ) {
      cursor = .init(record, newest: newest, retries: retries) { wanted.contains($0.sequence) }
    }

    func next() -> String {
      switch cursor.next() {
      case .sleep: "sleep"
      case .read(let after, _, _): "read after \(after)"
      case .store(let record): "store \(record.position), \(record.attempt) of \(record.started)"
      case .run(let row, let attempt): "run \(row.sequence), attempt \(attempt)"
      case .pause(let millis): "pause \(millis)"
      case .note(let text): text
      case .finished: "finished"
      }
    }

    func haveRead(_ range: ClosedRange<UInt64>) { cursor.haveRead(range.map { FeedRow(sequence: $0, size: 1) }) }

    /// To the run of the first wanted row.
    func run(_ range: ClosedRange<UInt64>) {
      _ = next()
      haveRead(range)
      _ = next()
      cursor.stored(true)
    }
  }

  @Test func theAttemptIsStoredBeforeTheRunAndThePositionAfterIt() {
    let hook = Hook(newest: 3, wanted: [2])
    #expect(hook.next() == "read after 0")
    hook.haveRead(1...3)
    #expect(hook.next() == "store 1, 1 of 2")
    hook.cursor.stored(true)
    #expect(hook.next() == "run 2, attempt 1")
    hook.cursor.ended(failure: nil)
    #expect(hook.next() == "store 2, 1 of 2")
    hook.cursor.stored(true)
    #expect(hook.next() == "sleep" && hook.cursor.record.position == 3)
  }

  @Test func nothingRunsWhileItsAttemptCannotBeStored() {
    let hook = Hook(newest: 1, wanted: [1])
    _ = hook.next()
    hook.haveRead(1...1)
    for _ in 0..<3 {
      #expect(hook.next() == "store 0, 1 of 1")
      hook.cursor.stored(false)
      #expect(hook.next() == "pause 1000")
    }
    #expect(hook.next() == "store 0, 1 of 1" && hook.cursor.record.runs == 1)
    hook.cursor.stored(true)
    #expect(hook.next() == "run 1, attempt 1")
  }

  @Test func oneThatFailsIsTriedAgainAndThenGivenUp() {
    let hook = Hook(newest: 2, retries: 2, wanted: [1, 2])
    hook.run(1...2)
    for (attempt, pause) in [(1, 500), (2, 1_000)] {
      #expect(hook.next() == "run 1, attempt \(attempt)")
      hook.cursor.ended(failure: "exit 1")
      #expect(hook.next() == "pause \(pause)")
      #expect(hook.next() == "store 0, \(attempt + 1) of 1")
      hook.cursor.stored(true)
    }
    #expect(hook.next() == "run 1, attempt 3")
    hook.cursor.ended(failure: "exit 1")
    #expect(hook.next() == "store 1, 3 of 1")
    hook.cursor.stored(true)
    #expect(hook.next() == "given up for event 1: exit 1")
    #expect(hook.next() == "store 1, 1 of 2", "the next event begins anew")
    #expect(hook.cursor.record.failures == 3 && hook.cursor.record.lastError == "exit 1")
  }

  @Test func oneThatAnEarlierDaemonBeganGoesOnCounting() {
    let hook = Hook(.init(position: 4, runs: 9, started: 5, attempt: 2), newest: 6, wanted: [5, 6])
    hook.run(5...6)
    #expect(hook.next() == "run 5, attempt 3")
    hook.cursor.ended(failure: nil)
    #expect(hook.next() == "store 5, 3 of 5")
    hook.cursor.stored(true)
    #expect(hook.next() == "store 5, 1 of 6" && hook.cursor.record.runs == 11)
  }

  @Test func anAttemptThatWasStoredAndThenDoneWithIsNotGivenAgain() {
    let hook = Hook(.init(position: 5, started: 5, attempt: 1), newest: 5, wanted: [5])
    #expect(hook.next() == "sleep")
    let isDue = hook.cursor.reached(5)
    let isDueThen = hook.cursor.reached(6)
    #expect(!isDue && isDueThen)
  }

  @Test func unwantedRowsAreStoredNowAndThen() {
    let hook = Hook(newest: 2_500, wanted: [])
    var stores: [String] = []
    while true {
      let step = hook.next()
      if step == "sleep" { break }
      if step.hasPrefix("store") {
        stores.append(step)
        hook.cursor.stored(true)
      } else {
        let first = hook.cursor.record.position + 1
        hook.haveRead(first...min(first + UInt64(HookCursor<FeedRow>.pageRows) - 1, 2_500))
      }
    }
    #expect(stores == ["store 1000, 0 of 0", "store 2000, 0 of 0"])
    #expect(hook.cursor.record.position == 2_500)
  }

  @Test func aDiskThatRefusesAPositionIsNotAskedWithoutAPause() {
    let hook = Hook(newest: 1_000, wanted: [])
    _ = hook.next()
    hook.haveRead(1...1_000)
    #expect(hook.next() == "store 1000, 0 of 0")
    hook.cursor.stored(false)
    #expect(hook.next() == "pause 1000")
    #expect(hook.next() == "store 1000, 0 of 0")
  }

  @Test func eventsThatAreNoLongerKeptAreNoted() {
    let hook = Hook(newest: 9, wanted: [8])
    _ = hook.next()
    hook.haveRead(7...9)
    #expect(hook.next() == "misses events: events 1 to 6 are no longer kept")
    #expect(hook.next() == "store 7, 1 of 8")
    #expect(hook.cursor.record.failures == 1)
  }

  /// Rows that came while the disk was read are not among those that it has lost.
  @Test func anEmptyAnswerSaysNothingOfRowsAfterTheQuestion() {
    let hook = Hook(newest: 9, wanted: [10])
    _ = hook.next()
    _ = hook.cursor.reached(10)
    hook.cursor.haveRead([])
    #expect(hook.next() == "misses events: events 1 to 9 are no longer kept")
    #expect(hook.next() == "read after 9")
    hook.haveRead(10...10)
    #expect(hook.next() == "store 9, 1 of 10")
  }

  @Test func aJournalThatCannotBeReadIsReadAgainAfterAPause() {
    let hook = Hook(newest: 1, wanted: [1])
    #expect(hook.next() == "read after 0")
    hook.cursor.readFailed()
    #expect(hook.next() == "pause 1000")
    #expect(hook.next() == "read after 0")
  }

  /// Removed while it reads, stores, runs or pauses: what is reported then changes nothing.
  @Test(arguments: 0..<4) func nothingFollowsARemoval(_ moment: Int) {
    let hook = Hook(newest: 2, wanted: [1, 2])
    switch moment {
    case 0:
      _ = hook.next()
      hook.cursor.finish()
      hook.haveRead(1...2)
    case 1:
      _ = hook.next()
      hook.haveRead(1...2)
      _ = hook.next()
      hook.cursor.finish()
      hook.cursor.stored(true)
    case 2:
      hook.run(1...2)
      _ = hook.next()
      hook.cursor.finish()
      hook.cursor.ended(failure: nil)
    default:
      hook.run(1...2)
      _ = hook.next()
      hook.cursor.ended(failure: "exit 1")
      hook.cursor.finish()
    }
    #expect(hook.next() == "finished" && hook.next() == "finished")
  }
}
