public import Guest

/// Requests that carry an id, for ten minutes: one that is sent again, because its reply was lost, is not carried out
/// again, but answered by what the first one decided.
///
/// The record of a request is stored in the transaction of what it decided. So after the death of the daemon, at whatever
/// moment, both are there or neither is: the request is answered by what it decided, or it is decided for the first time.
/// A request that was refused changed nothing, and has no record.
public struct RequestLedger: Sendable {
  /// Two users may choose the same id.
  public struct Key: Sendable, Hashable {
    public var uid: UInt32
    public var id: RequestID

    public init(uid: UInt32, id: RequestID) {
      self.uid = uid
      self.id = id
    }
  }

  /// The decision of a request, from which its answer follows at any later time.
  public enum Sequel: Sendable, Hashable {
    /// The guest is defined so. `atNextStart`: a run with another spec goes on.
    case defined(atNextStart: Bool)
    /// The guest is removed, once that run has ended.
    case removed(RunID?)
    case started(RunID)
    /// That run ends, unless the order is given up; nil where only a pending restart was cancelled.
    case stopped(OrderedEnd?)
    /// That run ends, unless the order is given up, and the run with this number follows; without one to end, it is the
    /// present one.
    case restarted(former: OrderedEnd?, number: UInt32)
    /// A signal was to be sent to init: at most once, since it cannot be taken back.
    case signaled
  }

  /// The end of a run, as one order asks for it.
  public struct OrderedEnd: Sendable, Hashable {
    public var run: RunID
    /// The number of an order without force, which may be given up. Nil for one with force, which has no other end.
    public var order: UInt32?

    public init(run: RunID, order: UInt32?) {
      self.run = run
      self.order = order
    }

    /// The order that the run was given by this decision: the newest. Nil where there is no run to end.
    public init?(newestOf lifecycle: GuestLifecycle) {
      guard let run = lifecycle.run, let order = run.orders.last else { return nil }
      self.init(run: run.id, order: order.noKill ? order.number : nil)
    }
  }

  public struct Record: Sendable, Hashable {
    public var key: Key
    /// Of the procedure and its arguments; see `digest`.
    public var digest: UInt64
    public var guest: GuestName
    public var sequel: Sequel
    public var at: Timestamp
    /// When, by `CLOCK_BOOTTIME` of the present boot; nil for a request of an earlier boot.
    public var bootAt: BootTime?

    public init(
      key: Key, digest: UInt64, guest: GuestName, sequel: Sequel, at: Timestamp, bootAt: BootTime? = nil
    ) {
      self.bootAt = bootAt
      self.key = key
      self.digest = digest
      self.guest = guest
      self.sequel = sequel
      self.at = at
    }
  }

  public enum Answer: Sendable, Hashable {
    /// Not known: to be decided.
    case new
    /// Decided before. `ticket`: what it decided is not on the disk yet, and this names it in the book.
    case known(Record, pending: GuestBook.Ticket?)
    /// The id was used for another request.
    case conflict
  }

  private struct Entry: Sendable {
    var record: Record
    var pending: GuestBook.Ticket?
    var expires: BootTime
    var place: UInt64
  }

  public static let keptMillis: UInt64 = 600_000
  /// Of one user: more of them forget that user's oldest, and no other's.
  public static let maximumEntriesOfUser = 10_000
  /// Of all users: beyond this the user with the most forgets the oldest.
  public static let maximumEntries = 100_000

  /// The requests of one user, oldest first.
  private struct Queue: Sendable {
    /// A request whose entry has another place by now is of an older entry that was refused.
    var order: [(key: Key, place: UInt64)] = []
    var firstKept = 0

    var count: Int { order.count - firstKept }

    /// Moves the rest down now and then, not each time: an array's front is expensive.
    mutating func dropFirst() {
      firstKept += 1
      if firstKept > 1_000, firstKept * 2 > order.count {
        order.removeFirst(firstKept)
        firstKept = 0
      }
    }
  }

  private var entries: [Key: Entry] = [:]
  private var queues: [UInt32: Queue] = [:]
  private var nextPlace: UInt64 = 0

  public init() {}

  /// With the records that were stored, oldest first.
  public init(_ records: [Record], now: Moment) {
    for record in records {
      let ageMillis = Self.ageMillis(record, now)
      guard ageMillis < Self.keptMillis else { continue }
      add(record, pending: nil, expires: now.boot.adding(milliseconds: Self.keptMillis - ageMillis))
      forget(of: record.key.uid, now.boot)
    }
  }

  /// By the clock that no one steps; only over a boot of the host by the wall clock, the only one that goes on then.
  private static func ageMillis(_ record: Record, _ now: Moment) -> UInt64 {
    if let boot = record.bootAt { return now.boot.since(boot) / 1_000_000 }
    let age = now.wall.nanoseconds &- record.at.nanoseconds
    return age < 0 ? 0 : UInt64(age) / 1_000_000
  }

  public var count: Int { entries.count }

  public mutating func look(_ key: Key, digest: UInt64, now: BootTime) -> Answer {
    forget(of: key.uid, now)
    guard let entry = entries[key] else { return .new }
    guard entry.record.digest == digest else { return .conflict }
    return .known(entry.record, pending: entry.pending)
  }

  /// A request has been decided; `ticket` names it until it is stored.
  public mutating func decided(_ record: Record, _ ticket: GuestBook.Ticket, now: BootTime) {
    add(record, pending: ticket, expires: now.adding(milliseconds: Self.keptMillis))
    forget(of: record.key.uid, now)
    // Users who have gone are swept up by those who stay.
    if nextPlace.isMultiple(of: 1_024) { for uid in queues.keys { forget(of: uid, now) } }
    while entries.count > Self.maximumEntries, let most = queues.max(by: { $0.value.count < $1.value.count })?.key {
      guard forgetOldest(of: most) else { break }
    }
  }

  public mutating func stored(_ key: Key) { entries[key]?.pending = nil }

  /// The disk did not take it, and it was taken back: sent again, it is decided anew.
  public mutating func refused(_ key: Key) { entries[key] = nil }

  /// FNV-1a, 64 bits, over the procedure's number and its encoded arguments. It separates requests that one user gave
  /// the same id by mistake; it is no defence, and needs none, since users only ever meet their own ids.
  public static func digest(procedure: UInt32, arguments: [UInt8]) -> UInt64 {
    var sum: UInt64 = 0xcbf2_9ce4_8422_2325
    func take(_ byte: UInt8) { sum = (sum ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    for shift in [24, 16, 8, 0] as [UInt32] { take(UInt8(truncatingIfNeeded: procedure >> shift)) }
    for byte in arguments { take(byte) }
    return sum
  }

  private mutating func add(_ record: Record, pending: GuestBook.Ticket?, expires: BootTime) {
    entries[record.key] = Entry(record: record, pending: pending, expires: expires, place: nextPlace)
    queues[record.key.uid, default: Queue()].order.append((record.key, nextPlace))
    nextPlace += 1
  }

  /// Forgets what is older than ten minutes, and the user's oldest where there are too many; never one that is not stored
  /// yet.
  private mutating func forget(of uid: UInt32, _ now: BootTime) {
    while let queue = queues[uid], queue.count > 0 {
      let (key, place) = queue.order[queue.firstKept]
      if let entry = entries[key], entry.place == place {
        guard entry.expires <= now || queue.count > Self.maximumEntriesOfUser else { return }
      }
      guard forgetOldest(of: uid) else { return }
    }
    queues[uid] = nil
  }

  /// - Returns: false where it is not stored yet.
  private mutating func forgetOldest(of uid: UInt32) -> Bool {
    guard let (key, place) = queues[uid].flatMap({ $0.count > 0 ? $0.order[$0.firstKept] : nil }) else { return false }
    if let entry = entries[key], entry.place == place {
      guard entry.pending == nil else { return false }
      entries[key] = nil
    }
    queues[uid]?.dropFirst()
    return true
  }
}
