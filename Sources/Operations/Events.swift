public import Guest

/// A place in the journal.
public enum EventPlace: Sendable, Hashable {
  case now
  /// After this number.
  case sequence(UInt64)
  case time(Timestamp)
  /// The present boot of the host.
  case boot
}

/// An item that a subscription gets.
public enum EventDelivery: Sendable {
  /// A part of the snapshot, as of this number.
  case guests([GuestSummary], sequence: UInt64, isLast: Bool)
  /// A row of the journal in the encoding in which it is stored: `event` of admin.x.
  case row(encoded: [UInt8])
  case gap(ClosedRange<UInt64>)
  case tick(newest: UInt64, at: Timestamp)
}

/// A subscription that has begun. Nothing is sent to it before `DaemonOperations.activate`.
public struct Subscription: Sendable, Hashable {
  public var number: UInt32
  /// Events after this one follow.
  public var after: UInt64
  public var oldest: UInt64
  public var newest: UInt64

  public init(number: UInt32, after: UInt64, oldest: UInt64, newest: UInt64) {
    self.number = number
    self.after = after
    self.oldest = oldest
    self.newest = newest
  }
}

/// A page of the journal.
public struct EventPage<Item: Sendable>: Sendable {
  public var events: [Item]
  /// The place to go on from.
  public var next: UInt64
  public var hasMore: Bool
  /// Rows at the beginning that are no longer kept.
  public var lost: ClosedRange<UInt64>?

  public init(events: [Item], next: UInt64, hasMore: Bool, lost: ClosedRange<UInt64>? = nil) {
    self.events = events
    self.next = next
    self.hasMore = hasMore
    self.lost = lost
  }
}

/// A piece of a console log.
public struct LogExcerpt: Sendable, Hashable {
  /// Whole lines.
  public var bytes: [UInt8]
  /// Where the next piece begins. Opaque.
  public var next: [UInt8]
  /// Nothing more can come.
  public var isEnd: Bool
  public var hasLost: Bool

  public init(bytes: [UInt8], next: [UInt8], isEnd: Bool, hasLost: Bool) {
    self.bytes = bytes
    self.next = next
    self.isEnd = isEnd
    self.hasLost = hasLost
  }
}

/// Which piece of a console log is wanted.
public struct LogQuery: Sendable, Hashable {
  /// Opaque; empty for the oldest byte that is kept.
  public var cursor: [UInt8]
  /// With an empty cursor: so many lines before the end; 0 for the oldest byte.
  public var tailLines: Int
  /// Whether to wait until there is something, for at most 20 seconds.
  public var waits: Bool

  public init(cursor: [UInt8], tailLines: Int, waits: Bool) {
    self.cursor = cursor
    self.tailLines = tailLines
    self.waits = waits
  }
}

/// A hook, and how it went so far.
public struct HookReport: Sendable, Hashable {
  public var hook: HookSpec
  /// The last event that it is done with.
  public var position: UInt64
  public var runs: UInt64
  public var failures: UInt64
  /// Empty if all went well, or the caller may not see it.
  public var lastError: String

  public init(hook: HookSpec, position: UInt64, runs: UInt64, failures: UInt64, lastError: String) {
    self.hook = hook
    self.position = position
    self.runs = runs
    self.failures = failures
    self.lastError = lastError
  }
}

/// How one run of a hook's program went that was for no event.
public struct HookTrial: Sendable, Hashable {
  /// Why it failed; nil if it ended with code 0.
  public var failure: String?
  /// The file that holds its output.
  public var log: String

  public init(failure: String?, log: String) {
    self.failure = failure
    self.log = log
  }
}
