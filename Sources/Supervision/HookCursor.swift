// Where one hook stands, and what it does next.
//
//   sleep --(newer rows)--> read --> skip unwanted rows --> store the attempt --> run --+--> store the position --> ...
//     ^                                                          ^                      |
//     |                                                          +------ pause <--------+ failed, and may be tried again
//     +----- everything has been looked at
//
// An attempt is on the disk before its program begins, and the position after it has ended. So a daemon that comes back
// knows which event the program may have had, and gives that event again, as the next attempt.

/// Decides for one hook which event its program gets next, as which attempt, and what has to be stored before.
///
/// Its driver takes a step, carries it out and reports how that went; then it takes the next. Each matching event is given
/// once and in order, unless the daemon died while the program ran: then again, as the next attempt.
public struct HookCursor<Row: JournalRow>: Sendable {
  /// A hook's course, as the database keeps it.
  public struct Record: Sendable, Hashable {
    /// The last event that it is done with.
    public var position: UInt64
    /// How often its program was run.
    public var runs: UInt64
    public var failures: UInt64
    /// Empty if the last event went well.
    public var lastError: String
    /// The event that its program was last run for; 0 before the first.
    public var started: UInt64
    /// The number of that run, counted from 1 for each event.
    public var attempt: UInt64

    public init(
      position: UInt64, runs: UInt64 = 0, failures: UInt64 = 0, lastError: String = "", started: UInt64 = 0,
      attempt: UInt64 = 0
    ) {
      self.position = position
      self.runs = runs
      self.failures = failures
      self.lastError = lastError
      self.started = started
      self.attempt = attempt
    }
  }

  public enum Step: Sendable {
    /// Nothing to do before `reached`.
    case sleep
    /// Rows after a number, to be reported by `haveRead`. `newest` is that of the journal now.
    case read(after: UInt64, limit: Int, newest: UInt64)
    /// To be reported by `stored`.
    case store(Record)
    /// To be reported by `ended`.
    case run(Row, attempt: UInt64)
    /// Before the next step; nothing is reported.
    case pause(millis: UInt64)
    /// A note for the journal; nothing is reported.
    case note(String)
    /// Nothing follows.
    case finished
  }

  private enum Phase: Sendable {
    case looking
    /// The attempt is to be stored, then the program is run.
    case beginning(Row)
    case running(Row)
    /// Tried again after a pause.
    case failed(Row)
    /// The event is done with, which is to be stored; then the note, if there is one.
    case closing(String?)
    case noting(String)
    case finished
  }

  /// Rows that were passed over without a run may be looked at again after a death of the daemon. The position is stored
  /// after so many of them.
  public static var unsavedRows: UInt64 { 1_000 }
  public static var pageRows: Int { 200 }
  private static var storePauseMillis: UInt64 { 1_000 }
  private static var readPauseMillis: UInt64 { 1_000 }

  /// As it is now; the database may have an earlier one.
  public private(set) var record: Record
  private let retries: UInt64
  private let wants: @Sendable (Row) -> Bool
  private var phase = Phase.looking
  private var rows: ArraySlice<Row> = []
  private var newest: UInt64
  /// The position as the database has it.
  private var savedPosition: UInt64
  private var storing: Record?
  private var asked: UInt64?
  /// Runs for the present event by this daemon.
  private var tries: UInt64 = 0
  private var pauseMillis: UInt64?
  private var notes: [String] = []

  /// - Parameters:
  ///   - record: as the database has it.
  ///   - newest: the newest row of the journal.
  ///   - retries: how often a program that failed is run again for the same event; at most 100.
  public init(_ record: Record, newest: UInt64, retries: UInt32, wants: @escaping @Sendable (Row) -> Bool) {
    self.record = record
    self.newest = newest
    self.retries = UInt64(min(retries, 100))
    self.wants = wants
    savedPosition = record.position
  }

  // MARK: Facts

  /// The journal has rows up to this number.
  ///
  /// - Returns: whether a hook that sleeps has something to do.
  public mutating func reached(_ sequence: UInt64) -> Bool {
    newest = max(newest, sequence)
    return record.position < newest
  }

  /// The answer to `read`: rows in ascending order, as many as were asked for or all that are kept.
  public mutating func haveRead(_ found: [Row]) {
    guard let asked else { return }
    self.asked = nil
    rows = found[...]
    if found.isEmpty, asked > record.position { noteGap(upTo: asked) }
  }

  /// The journal cannot be read now. Nothing is passed over, since what would be missed is not known.
  public mutating func readFailed() {
    asked = nil
    pauseMillis = Self.readPauseMillis
  }

  /// The answer to `store`. A program is not run before its attempt is on the disk, or it would not be known after a death
  /// of the daemon that it may have run.
  public mutating func stored(_ isStored: Bool) {
    guard let storing else { return }
    self.storing = nil
    if isStored { savedPosition = storing.position }
    switch phase {
    case .beginning(let row):
      if isStored { phase = .running(row) } else { pauseMillis = Self.storePauseMillis }
    case .closing(let note):
      // Where the disk refuses, the position is stored with the next attempt.
      phase = note.map { .noting($0) } ?? .looking
    case .looking: if !isStored { pauseMillis = Self.storePauseMillis }
    case .running, .failed, .noting, .finished: break
    }
  }

  /// The program has ended.
  ///
  /// - Parameter failure: why it failed; nil if it did not.
  public mutating func ended(failure: String?) {
    guard case .running(let row) = phase else { return }
    record.lastError = failure ?? ""
    guard let failure else { return close(row, note: nil) }
    record.failures += 1
    if tries <= retries {
      phase = .failed(row)
      pauseMillis = min(250 << min(tries, 6), 10_000)
    } else {
      close(row, note: "given up for event \(row.sequence): \(failure)")
    }
  }

  /// It was removed, or the daemon ends: nothing follows. How its program ends is not looked at any more.
  public mutating func finish() {
    phase = .finished
    rows = []
  }

  // MARK: Steps

  /// The next step.
  public mutating func next() -> Step {
    if isFinished { return .finished }
    if let pauseMillis {
      self.pauseMillis = nil
      return .pause(millis: pauseMillis)
    }
    if !notes.isEmpty { return .note(notes.removeFirst()) }
    switch phase {
    case .finished: return .finished
    case .noting(let text):
      phase = .looking
      return .note(text)
    case .closing: return store()
    case .failed(let row):
      begin(row)
      return store()
    case .beginning: return store()
    case .running(let row): return .run(row, attempt: record.attempt)
    case .looking: return look()
    }
  }

  /// Whether nothing follows.
  public var isFinished: Bool {
    switch phase {
    case .finished: true
    case .looking, .beginning, .running, .failed, .closing, .noting: false
    }
  }

  private mutating func look() -> Step {
    while let row = rows.first {
      if row.sequence > record.position + 1 {
        // Rows that are missing were dropped before the hook had them.
        noteGap(upTo: row.sequence - 1)
        return .note(notes.removeFirst())
      }
      rows.removeFirst()
      guard row.sequence > record.position else { continue }
      guard wants(row) else {
        record.position = row.sequence
        continue
      }
      tries = 0
      // One that an earlier daemon began goes on counting.
      if record.started != row.sequence { record.attempt = 0 }
      begin(row)
      return store()
    }
    if record.position - savedPosition >= Self.unsavedRows { return store() }
    guard record.position < newest else { return .sleep }
    asked = newest
    return .read(after: record.position, limit: Self.pageRows, newest: newest)
  }

  private mutating func begin(_ row: Row) {
    tries += 1
    record.runs += 1
    record.started = row.sequence
    record.attempt += 1
    phase = .beginning(row)
  }

  private mutating func close(_ row: Row, note: String?) {
    record.position = row.sequence
    phase = .closing(note)
  }

  private mutating func store() -> Step {
    storing = record
    return .store(record)
  }

  private mutating func noteGap(upTo last: UInt64) {
    let text = "events \(record.position + 1) to \(last) are no longer kept"
    record.position = last
    record.failures += 1
    record.lastError = text
    notes.append("misses events: \(text)")
  }
}
