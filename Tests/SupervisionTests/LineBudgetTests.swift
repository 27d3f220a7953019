import Testing

@testable import Supervision

@Suite struct LineBudgetTests {
  private static let second: UInt64 = 1_000_000_000

  @Test func aFewLinesOfAUserAreWrittenAndTheRestIsCounted() {
    var budget = LineBudget()
    let verdicts = (0..<1_000).map { budget.admit(.user(7), at: Self.second + $0) }
    #expect(verdicts.prefix(10).allSatisfy { $0 == .write })
    #expect(verdicts[10] != .write && verdicts[11...].allSatisfy { $0 == .count(closeAt: nil) })
    #expect(budget.admit(.user(8), at: 2 * Self.second) == .write, "another user has its own")
    #expect(budget.close(at: 61 * Self.second) == [.init(author: .user(7), lines: 990)])
    #expect(budget.admit(.user(7), at: 61 * Self.second) == .write, "and it begins anew")
    #expect(budget.close(at: 121 * Self.second).isEmpty)
  }

  @Test func theEndOfAWindowIsAskedForOnce() {
    var budget = LineBudget()
    for _ in 0..<10 { #expect(budget.admit(.user(7), at: 90 * Self.second) == .write) }
    #expect(budget.admit(.user(7), at: 91 * Self.second) == .count(closeAt: 150 * Self.second))
    #expect(budget.admit(.user(7), at: 92 * Self.second) == .count(closeAt: nil))
    // Late or not, nothing is forgotten before it is told.
    #expect(budget.admit(.user(7), at: 500 * Self.second) == .count(closeAt: nil))
    #expect(budget.close(at: 501 * Self.second) == [.init(author: .user(7), lines: 3)])
  }

  @Test func aQuietMinuteGivesEverythingBack() {
    var budget = LineBudget()
    for round in 0..<5 as Range<UInt64> {
      for _ in 0..<10 { #expect(budget.admit(.user(7), at: 100 * Self.second * (round + 1)) == .write) }
    }
  }

  /// One user may have 65,536 numbers (subuid(5)): together they get no more, and are not all remembered.
  @Test func manyUsersTogetherAreBounded() {
    var bounds = LineBudget.Bounds()
    bounds.total = 20
    bounds.authors = 5
    var budget = LineBudget(bounds)
    var written = 0
    for user in 0..<1_000 as Range<UInt32> {
      switch budget.admit(.user(user), at: Self.second) {
      case .write: written += 1
      case .count: break
      }
    }
    #expect(written == 5 + 10, "five of the first users, and the lines of those that are not told apart")
    let omitted = budget.close(at: 61 * Self.second)
    #expect(omitted == [.init(author: .others, lines: 985)])
  }

  /// A thousand lines of any authors at any times: written and told lines together are all of them.
  @Test(arguments: 0..<50 as Range<UInt64>) func noLineIsLost(_ seed: UInt64) {
    var generator = SplitMix(seed: seed)
    var bounds = LineBudget.Bounds()
    bounds.lines = 1 + generator.below(5)
    bounds.total = 1 + generator.below(20)
    bounds.authors = 1 + generator.below(4)
    bounds.window = 1_000
    var budget = LineBudget(bounds)
    var (now, sum): (UInt64, Int) = (1_000, 0)
    var closeAt: UInt64?
    for _ in 0..<1_000 {
      now += UInt64(generator.below(60))
      if let due = closeAt, now >= due {
        sum += budget.close(at: now).reduce(0) { $0 + $1.lines }
        closeAt = nil
      }
      let author = generator.below(6)
      switch budget.admit(author == 5 ? .others : .user(UInt32(author)), at: now) {
      case .write: sum += 1
      case .count(let due): closeAt = due ?? closeAt
      }
    }
    #expect(sum + budget.close(at: now).reduce(0) { $0 + $1.lines } == 1_000)
  }
}
