internal import Guest
internal import GuestStore
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import Operations
internal import Supervision

/// The selection of one subscriber, and its rights.
struct EventInterest: JournalInterest {
  let filter: EventFilter
  let access: Access

  func wants(_ row: EncodedEntry) -> Bool { filter.matches(row.entry.event) && access.maySee(row.entry.event) }

  func covers(_ guest: StoredGuest) -> Bool {
    access.maySee(guest) && filter.covers(guest.lifecycle.name, guest.lifecycle.settings.labels)
  }
}

/// Sends the journal to its subscribers: `JournalFeed` decides what each gets, this reads the disk and writes to
/// connections. Used in the isolation of the guests' actor only.
final class Journal: @unchecked Sendable {
  typealias Feed = JournalFeed<EventInterest>

  private struct Subscriber {
    let scope: any CallerScope
    let access: Access
    /// Gives its place in the quotas back.
    let release: @Sendable () -> Void
    /// It goes on in a later turn of the event loop.
    var isResuming = false
  }

  private let store: GuestStore
  private let eventLoop: any EventLoop
  private let log: ClientLog
  private var feed: Feed
  private var subscribers: [Feed.ID: Subscriber] = [:]
  private var present: @Sendable (GuestName) -> StoredGuest? = { _ in nil }
  private var summary: @Sendable (StoredGuest, Access) -> GuestSummary = { guest, _ in
    GuestSummary(name: guest.lifecycle.name, state: guest.lifecycle.state)
  }

  init(store: GuestStore, range: JournalRange, eventLoop: any EventLoop, log: ClientLog) {
    self.store = store
    self.eventLoop = eventLoop
    self.log = log
    feed = Feed(oldest: range.oldest, newest: range.newest)
  }

  /// Where snapshots come from.
  ///
  /// - Parameters:
  ///   - present: a guest as it is on the disk.
  ///   - summary: a guest as a caller may see it.
  func showGuests(
    present: @escaping @Sendable (GuestName) -> StoredGuest?,
    summary: @escaping @Sendable (StoredGuest, Access) -> GuestSummary
  ) {
    self.present = present
    self.summary = summary
  }

  var count: Int { feed.count }
  var range: JournalRange { JournalRange(oldest: feed.oldest, newest: feed.newest) }

  /// Rows that are on the disk now.
  func publish(_ rows: [EncodedEntry]) {
    guard !rows.isEmpty else { return }
    feed.publish(rows)
    for id in subscribers.keys { pump(id) }
  }

  func pruned(oldest: UInt64) { feed.pruned(oldest: oldest) }

  /// Whether `guestsChange` has to be called.
  var isTakingSnapshots: Bool { feed.isTakingSnapshots }

  /// A batch was stored, and these are its guests as they were before it.
  func guestsChange(_ former: [(name: GuestName, state: StoredGuest?)]) {
    for id in feed.guestsChange(former) {
      subscribers[id]?.scope.close(reason: "it does not read its snapshot while guests change")
    }
  }

  /// Adds a subscription, which ends with its connection and gets nothing before `activate`.
  ///
  /// - Parameter snapshot: the names of all guests in ascending order, if their states are to come first.
  /// - Throws: where the connection has ended already, or its user has as many subscriptions as one user may have.
  func subscribe(
    _ scope: any CallerScope, _ interest: EventInterest, after position: UInt64, snapshot: [GuestName]?,
    tickMillis: UInt32
  ) throws(GuestError) -> Feed.ID {
    let id = feed.add(
      interest, after: position, snapshot: snapshot, user: scope.user, connection: scope.id,
      tickNanos: UInt64(tickMillis == 0 ? 5_000 : max(tickMillis, 10)) * 1_000_000)
    let journal = UnsafeTransfer(self)
    do throws(GuestError) {
      let release = try scope.registerSubscription { [eventLoop] in
        // A connection ends on the event loop, where the actor is at home.
        eventLoop.assertInEventLoop()
        journal.value.forget(id)
      }
      subscribers[id] = Subscriber(scope: scope, access: interest.access, release: release)
    } catch {
      _ = feed.remove(id, of: scope.id)
      throw error
    }
    return id
  }

  /// - Returns: false if this connection has no such subscription.
  func unsubscribe(_ id: Feed.ID, of connection: UInt64) -> Bool {
    guard let subscriber = subscribers[id], subscriber.scope.id == connection else { return false }
    forget(id)
    subscriber.release()
    return true
  }

  private func forget(_ id: Feed.ID) {
    guard let subscriber = subscribers.removeValue(forKey: id) else { return }
    _ = feed.remove(id, of: subscriber.scope.id)
  }

  /// The reply to a subscription is on the wire: now its events may follow.
  func activate(_ id: Feed.ID) {
    feed.activate(id)
    pump(id)
  }

  /// A connection takes more.
  func pumpAll(of connection: UInt64) {
    for (id, subscriber) in subscribers where subscriber.scope.id == connection { pump(id) }
  }

  /// Reports the newest number to subscribers that have everything.
  func tick(now: Moment) {
    for id in feed.ticksDue(at: now.boot.nanoseconds) {
      guard let scope = subscribers[id]?.scope, scope.hasRoom else { continue }
      feed.ticked(id, at: now.boot.nanoseconds)
      scope.send(.tick(newest: feed.newest, at: now.wall), to: id.number)
    }
  }

  /// Sends until the connection is full, the subscriber has everything, or a part of its snapshot is sent.
  private func pump(_ id: Feed.ID) {
    while let subscriber = subscribers[id], !subscriber.isResuming {
      guard let piece = feed.next(for: id, hasRoom: subscriber.scope.hasRoom, present: present) else {
        return readDisk()
      }
      switch piece {
      case .guests(let part):
        let guests = part.guests.map { summary($0, subscriber.access) }
        if !guests.isEmpty || part.isLast {
          subscriber.scope.send(.guests(guests, sequence: part.sequence, isLast: part.isLast), to: id.number)
        }
        // A part takes about a millisecond. Others have their turn before the next.
        return resumeLater(id)
      case .row(let row): subscriber.scope.send(.row(encoded: row.bytes), to: id.number)
      case .gap(let range): subscriber.scope.send(.gap(range), to: id.number)
      }
    }
  }

  private func resumeLater(_ id: Feed.ID) {
    subscribers[id]?.isResuming = true
    let journal = UnsafeTransfer(self)
    _ = eventLoop.scheduleTask(in: .microseconds(20)) {
      journal.value.subscribers[id]?.isResuming = false
      journal.value.pump(id)
    }
  }

  // MARK: The disk

  private var isReading = false

  private func readDisk() {
    guard !isReading, let read = feed.nextRead() else { return }
    isReading = true
    let journal = UnsafeTransfer(self)
    ReaderThreads.shared.perform { [store, eventLoop] in
      let result = Result { () throws(StoreError) in try store.journal(after: read.after, limit: read.limit) }
      eventLoop.execute { journal.value.haveRead(read, result) }
    }
  }

  private func haveRead(_ read: Feed.Read, _ result: Result<JournalRows, StoreError>) {
    isReading = false
    switch result {
    case .success(let found):
      if feed.haveRead(read, found.rows, isWhole: found.isWhole) { pump(read.subscription) }
    case .failure(let error):
      log.write(
        .error, "cannot read the journal for a subscriber", user: subscribers[read.subscription]?.scope.user,
        ["error": "\(error)"])
      if feed.readFailed(read) {
        subscribers[read.subscription]?.scope.close(reason: "the journal cannot be read: \(error)")
      }
    }
    readDisk()
  }
}
