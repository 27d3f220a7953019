import Guest

@testable import Supervision

/// Plays the driver of a hook: a journal, a disk that refuses, programs that fail, and a daemon that dies at any moment.
struct HookWorld {
  typealias Cursor = HookCursor<FeedRow>

  struct Run {
    var sequence: UInt64
    var attempt: UInt64
    /// The daemon that ran it, counted from 0.
    var daemon: Int
    var hasFailed: Bool
    /// Its daemon was there when it ended, and stored that.
    var isStored = false
  }

  var generator: SplitMix
  let retries: UInt32
  let every: UInt64
  var newest: UInt64
  var oldest: UInt64 = 1
  /// As the disk has it.
  var stored = Cursor.Record(position: 0)
  var cursor: Cursor
  var daemon = 0
  var runs: [Run] = []
  var gaps: [String] = []
  var pruned: Set<UInt64> = []
  var refuses = false

  init(seed: UInt64) {
    generator = SplitMix(seed: seed)
    retries = UInt32(generator.below(3))
    every = UInt64(1 + generator.below(4))
    newest = UInt64(generator.below(20))
    let every = every
    cursor = Cursor(stored, newest: newest, retries: retries) { $0.sequence % every == 0 }
  }

  mutating func play(_ steps: Int) throws {
    for _ in 0..<steps {
      switch generator.below(12) {
      case 0:
        newest += UInt64(1 + generator.below(10))
        _ = cursor.reached(newest)
      case 1:
        if generator.below(4) == 0 { prune(to: oldest + UInt64(generator.below(12))) }
      case 2: refuses = generator.below(4) == 0
      case 3: if generator.below(3) == 0 { die() }
      default: _ = try step()
      }
    }
    refuses = false
    for _ in 0..<100_000 { if try step() { break } }
    try check()
  }

  private mutating func prune(to sequence: UInt64) {
    let end = min(sequence, newest + 1)
    for lost in oldest..<max(end, oldest) { pruned.insert(lost) }
    oldest = max(oldest, end)
  }

  /// A new daemon goes on with what is on the disk.
  private mutating func die() {
    daemon += 1
    let every = every
    cursor = Cursor(stored, newest: newest, retries: retries) { $0.sequence % every == 0 }
  }

  /// Returns: true if there is nothing to do.
  private mutating func step() throws -> Bool {
    switch cursor.next() {
    case .sleep: return true
    case .finished: throw FeedFault("finished, and not removed")
    case .pause: break
    case .note(let text): gaps.append(text)
    case .read(let after, let limit, _):
      switch generator.below(8) {
      case 0: cursor.readFailed()
      case 1: die()
      default:
        // The journal goes on while it is read, and the disk may have more or fewer rows than were asked about.
        if generator.below(4) == 0 { prune(to: oldest + UInt64(generator.below(6))) }
        let first = max(after + 1, oldest)
        let rows = first > newest ? [] : (first...newest).prefix(min(limit, 3)).map { FeedRow(sequence: $0, size: 1) }
        if generator.below(4) == 0 {
          newest += 1
          _ = cursor.reached(newest)
        }
        cursor.haveRead(Array(rows))
      }
    case .store(let record):
      if refuses, generator.below(3) > 0 { return refuse() }
      guard record.position >= stored.position else { throw FeedFault("the position on the disk goes back") }
      stored = record
      for index in runs.indices where runs[index].sequence <= record.position { runs[index].isStored = true }
      if generator.below(10) == 0 { die() } else { cursor.stored(true) }
    case .run(let row, let attempt):
      guard stored.started == row.sequence, stored.attempt == attempt else {
        throw FeedFault("run \(attempt) for \(row.sequence) is not on the disk")
      }
      let fails = generator.below(3) == 0
      runs.append(Run(sequence: row.sequence, attempt: attempt, daemon: daemon, hasFailed: fails))
      if generator.below(6) == 0 { die() } else { cursor.ended(failure: fails ? "exit 1" : nil) }
    }
    return false
  }

  private mutating func refuse() -> Bool {
    cursor.stored(false)
    return false
  }

  private func check() throws {
    for (former, run) in zip(runs, runs.dropFirst()) {
      guard run.sequence >= former.sequence else { throw FeedFault("\(run.sequence) comes after \(former.sequence)") }
      guard run.sequence == former.sequence else {
        guard run.attempt == 1 || run.daemon > 0 else { throw FeedFault("attempt \(run.attempt) comes first") }
        continue
      }
      guard run.attempt > former.attempt, run.daemon != former.daemon || run.attempt == former.attempt + 1 else {
        throw FeedFault("attempt \(run.attempt) of \(run.sequence) follows attempt \(former.attempt)")
      }
      guard run.daemon != former.daemon || former.hasFailed else {
        throw FeedFault("\(run.sequence) is given again though it went well")
      }
    }
    for run in runs where run.sequence % every != 0 { throw FeedFault("\(run.sequence) is not wanted") }
    let given = Dictionary(grouping: runs, by: \.sequence)
    for sequence in stride(from: every, through: newest, by: Int(every)) where given[sequence] == nil {
      guard pruned.contains(sequence) else { throw FeedFault("\(sequence) was passed over") }
      guard gaps.contains(where: { $0.hasPrefix("misses events") }) else { throw FeedFault("a gap that is not noted") }
    }
    for (sequence, runs) in given {
      for (_, tries) in Dictionary(grouping: runs, by: \.daemon) where tries.count > Int(retries) + 1 {
        throw FeedFault("\(sequence) is tried \(tries.count) times")
      }
    }
    guard cursor.record.position == newest else { throw FeedFault("it stands at \(cursor.record.position)") }
  }
}
