public import Guest
internal import GuestWire
public import Supervision
internal import Synchronization
internal import WireProtocol
internal import XDR

extension StoredGuest {
  /// - Parameter runSpec: encoding of `stored_run_spec`, where the present run has another spec than the defined one.
  init(name: GuestName, encoded bytes: [UInt8], runSpec: [UInt8]?) throws {
    let stored = try Wire.StoredGuestRow(xdr: bytes)
    self.init(
      lifecycle: try stored.restored(name: name, runSpec: runSpec.map { try Wire.StoredRunSpec(xdr: $0) }),
      createdAt: Timestamp(nanoseconds: stored.guest.createdAt))
  }

  func encoded() throws(XDRError) -> [UInt8] {
    try Wire.StoredGuestRow(lifecycle: lifecycle, createdAt: createdAt).xdrEncoded()
  }

  /// Nil where the defined spec is the run's, or there is no run.
  func encodedRunSpec() throws(XDRError) -> [UInt8]? { try Wire.StoredRunSpec(lifecycle)?.xdrEncoded() }
}

/// One row of the journal with its encoding, which is the same on disk and on the wire (`event` of admin.x).
public struct EncodedEntry: JournalRow {
  public var entry: JournalEntry
  public var bytes: [UInt8]

  public init(entry: JournalEntry, bytes: [UInt8]) {
    self.entry = entry
    self.bytes = bytes
  }

  public var sequence: UInt64 { entry.sequence }
  public var size: Int { bytes.count }
}

/// Rows that a read of the journal has found.
public struct JournalRows: Sendable {
  /// In ascending order. Numbers that are missing between them, or before the first, cannot be given out.
  public var rows: [EncodedEntry]
  /// There are none behind them.
  public var isWhole: Bool
}

/// Rows that this version cannot read: a newer one wrote them, or they are damaged. They stay as they are.
public final class UnreadableRows: Sendable {
  /// Rows that are remembered, so that one that is read again and again is told once.
  static let most = 1_000

  private let state = Mutex((known: Set<String>(), new: [String]()))

  func note(_ text: String) {
    state.withLock { state in
      guard state.known.count < Self.most, state.known.insert(text).inserted else { return }
      state.new.append(text)
    }
  }

  /// Those that were found since the last call, in words.
  public func takeNew() -> [String] {
    state.withLock { state in
      defer { state.new = [] }
      return state.new
    }
  }
}

/// A durable subscriber that the daemon runs.
public struct StoredHook: Sendable, Hashable {
  public var name: String
  /// Encoding of `hook_spec` of admin.x.
  public var spec: [UInt8]
  /// The last number it is done with.
  public var position: UInt64
  public var runs: UInt64
  public var failures: UInt64
  public var lastError: String
  /// The event that its program was last run for, and the attempt number. Kept apart from `position`, so that it is
  /// known after a crash that the program may have had the event.
  public var started: UInt64
  public var attempt: UInt64

  public init(
    name: String, spec: [UInt8], position: UInt64, runs: UInt64 = 0, failures: UInt64 = 0, lastError: String = "",
    started: UInt64 = 0, attempt: UInt64 = 0
  ) {
    self.name = name
    self.spec = spec
    self.position = position
    self.runs = runs
    self.failures = failures
    self.lastError = lastError
    self.started = started
    self.attempt = attempt
  }
}

/// Everything the database knows when the daemon starts.
public struct StoredState: Sendable {
  public var guests: [StoredGuest]
  /// Requests of the last minutes, oldest first.
  public var requests: [RequestLedger.Record]
  public var hooks: [StoredHook]
  /// Of the boot in which it was last written; nil in a new database.
  public var boot: BootID?
}

/// Numbers that the journal holds now.
public struct JournalRange: Sendable, Hashable {
  /// 0 while it is empty.
  public var oldest: UInt64
  /// The newest ever given out, whether still kept or not; 0 before the first.
  public var newest: UInt64

  public init(oldest: UInt64, newest: UInt64) {
    self.oldest = oldest
    self.newest = newest
  }
}

/// How much of the journal is kept: whichever limit is reached first.
public struct Retention: Sendable, Hashable {
  public var events: UInt64
  public var ageSeconds: UInt64
  public var bytes: UInt64
  /// Runs kept in the history of each guest.
  public var runsPerGuest: UInt32

  public init(
    events: UInt64 = 1_000_000, ageSeconds: UInt64 = 90 * 86_400, bytes: UInt64 = 512 << 20,
    runsPerGuest: UInt32 = 1_000
  ) {
    self.events = events
    self.ageSeconds = ageSeconds
    self.bytes = bytes
    self.runsPerGuest = runsPerGuest
  }
}

/// Why the database did not take or give something.
public enum StoreError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Not a database, or broken inside.
  case damaged(path: String, reason: String)
  /// Written by a newer version that said this one cannot read it.
  case newer(path: String, version: Int)
  /// An old copy, or another host's: runs that live are not in it.
  case stale(path: String, runs: [String])
  /// No space, or the quota is used up. Nothing was changed; it can be tried again.
  case full(path: String, reason: String)
  /// Locked by another process for longer than a few seconds.
  case busy(path: String)
  /// Any other fault of the disk or the database.
  case failed(path: String, reason: String)
  /// One row, which a newer version wrote or which is damaged. It says nothing of the others.
  case unreadable(row: String, reason: String)

  public var description: String {
    switch self {
    case .damaged(let path, let reason): "database \(path): damaged: \(reason)"
    case .stale(let path, let runs):
      "database \(path): older than what runs, it does not know \(runs.joined(separator: ", ")): put the newer one back, "
        + "or stop these, and restart lodged"
    case .newer(let path, let version):
      "database \(path): written by a newer version (format \(version)); install that version again, or restore a copy"
    case .busy(let path): "database \(path): locked by another process"
    case .full(let path, let reason), .failed(let path, let reason): "database \(path): \(reason)"
    case .unreadable(let row, let reason): "\(row) cannot be read: \(reason)"
    }
  }

  public var isFull: Bool {
    switch self {
    case .full: true
    case .damaged, .newer, .stale, .busy, .failed, .unreadable: false
    }
  }

  /// It does not get better by itself: nothing is written to this database any more.
  public var isFinal: Bool {
    switch self {
    case .damaged, .newer, .stale: true
    case .full, .busy, .failed, .unreadable: false
    }
  }
}
