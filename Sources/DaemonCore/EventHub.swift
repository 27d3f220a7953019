internal import DequeModule
internal import Dispatch
internal import Guest
internal import GuestStore
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import RPC
internal import RPCNIO
internal import WireProtocol
internal import XDR

/// The journal's newest rows in memory, and everybody who follows it.
///
/// A subscription is a cursor, not a queue: a number per subscriber. Each gets rows as fast as it reads them, from memory
/// or from the disk. One that has stopped reading costs its cursor and what its socket holds. Touched by the manager only.
final class EventHub {
  /// A cursor, and how far it may run.
  final class Subscription {
    let id: UInt32
    let connection: RPCServerConnection
    let access: Access
    let filter: EventFilter
    /// Everything up to this number was sent or did not match.
    var position: UInt64
    let tickNanos: UInt64
    var lastSent: UInt64 = 0
    /// Rows are on their way from the disk.
    var isReading = false
    /// Its reply is on the wire; nothing may come before that.
    var isActive = false
    /// The state of all guests at `position`, to be sent first.
    var snapshot: [Wire.GuestSummary]?
    /// Its place in the scope of its connection.
    var registration: ConnectionScope.Registration?

    init(
      id: UInt32, connection: RPCServerConnection, access: Access, filter: EventFilter, position: UInt64,
      tickNanos: UInt64
    ) {
      self.id = id
      self.connection = connection
      self.access = access
      self.filter = filter
      self.position = position
      self.tickNanos = tickNanos
    }
  }

  private static let recentRows = 4096
  private static let recentBytes = 4 << 20
  private static let readers = DispatchQueue(label: "lodge.journal", qos: .userInitiated)

  private let store: GuestStore
  private let eventLoop: any EventLoop
  private let logger: Logger
  private var recent: Deque<EncodedEntry> = []
  private var recentSize = 0
  private var subscriptions: [UInt32: Subscription] = [:]
  private var nextID: UInt32 = 1
  /// Subscriptions that need rows from the disk.
  private var waiting = FairQueue<UnsafeTransfer<Subscription>>()
  private var isReadingDisk = false
  private(set) var range: JournalRange

  init(store: GuestStore, journal: JournalRange, eventLoop: any EventLoop, logger: Logger) {
    self.store = store
    self.eventLoop = eventLoop
    self.logger = logger
    range = journal
  }

  var count: Int { subscriptions.count }

  /// Rows that are on the disk now.
  func publish(_ entries: [EncodedEntry]) {
    guard let last = entries.last else { return }
    if range.oldest == 0, let first = entries.first { range.oldest = first.entry.sequence }
    range.newest = last.entry.sequence
    for entry in entries {
      recent.append(entry)
      recentSize += entry.bytes.count
    }
    while recent.count > Self.recentRows || recentSize > Self.recentBytes, let oldest = recent.popFirst() {
      recentSize -= oldest.bytes.count
    }
    for subscription in subscriptions.values { pump(subscription) }
  }

  func noteOldest(_ sequence: UInt64) { range.oldest = sequence }

  /// Adds a subscription that ends with its connection. Throws where the connection has ended already, or its user has
  /// as many as one user may have.
  func add(
    on connection: RPCServerConnection, access: Access, filter: EventFilter, after position: UInt64, tickMillis: UInt32
  ) throws(RPCErrorBody) -> Subscription {
    let subscription = Subscription(
      id: nextID, connection: connection, access: access, filter: filter, position: position,
      tickNanos: UInt64(tickMillis == 0 ? 5_000 : max(tickMillis, 10)) * 1_000_000)
    nextID &+= 1
    let hub = UnsafeTransfer(self)
    subscription.registration = try connection.scope.register(.subscriptions) { [id = subscription.id, eventLoop] in
      // A connection ends on the event loop, which is the hub's.
      eventLoop.assertInEventLoop()
      hub.value.subscriptions[id] = nil
    }
    subscriptions[subscription.id] = subscription
    return subscription
  }

  /// False if there is no such subscription on that connection.
  func remove(_ id: UInt32, of connection: UInt64) -> Bool {
    guard let subscription = subscriptions[id], subscription.connection.id == connection else { return false }
    subscriptions[id] = nil
    if let registration = subscription.registration { subscription.connection.scope.release(registration) }
    return true
  }

  /// There is room again in this connection.
  func pumpAll(of connection: UInt64) {
    for subscription in subscriptions.values where subscription.connection.id == connection { pump(subscription) }
  }

  /// The replies to this connection's subscriptions are on the wire: now their events may follow.
  func activate(of connection: UInt64) {
    for subscription in subscriptions.values where subscription.connection.id == connection && !subscription.isActive {
      subscription.isActive = true
      if let guests = subscription.snapshot {
        subscription.snapshot = nil
        send(guests, to: subscription)
      }
      pump(subscription)
    }
  }

  private func send(_ guests: [Wire.GuestSummary], to subscription: Subscription) {
    var rest = guests[...]
    repeat {
      let part = rest.prefix(Int(Wire.listPageMax))
      rest = rest.dropFirst(part.count)
      send(
        Admin.EventSnapshot.self,
        .init(subscription: subscription.id, sequence: subscription.position, guests: Array(part), more: !rest.isEmpty),
        to: subscription)
    } while !rest.isEmpty
  }

  private func send<Event: RPCEvent>(_ event: Event.Type, _ body: Event.Body, to subscription: Subscription) {
    do { try subscription.connection.send(event, body) } catch {
      logger.error(
        "an event breaks a bound of the protocol", metadata: ["event": "\(Event.name)", "error": "\(error)"])
    }
  }

  /// Sends until the connection is full or the subscriber has everything.
  func pump(_ subscription: Subscription) {
    while subscription.isActive, subscription.position < range.newest, subscription.connection.isWritable,
      !subscription.isReading
    {
      guard let first = recent.first?.entry.sequence, subscription.position + 1 >= first else {
        return readFromDisk(subscription)
      }
      var index = Int(subscription.position + 1 - first)
      while index < recent.count, subscription.connection.isWritable {
        deliver(recent[index], to: subscription)
        index += 1
      }
    }
  }

  /// Tells subscribers that have everything what the newest number is.
  func tick(now: Moment) {
    for subscription in subscriptions.values {
      guard subscription.isActive, subscription.position == range.newest, subscription.connection.isWritable,
        now.boot.nanoseconds >= subscription.lastSent + subscription.tickNanos
      else { continue }
      subscription.lastSent = now.boot.nanoseconds
      send(
        Admin.EventTick.self, .init(subscription: subscription.id, newest: range.newest, time: now.wall.nanoseconds),
        to: subscription)
    }
  }

  private func deliver(_ row: EncodedEntry, to subscription: Subscription) {
    subscription.position = row.entry.sequence
    guard subscription.filter.matches(row.entry.event), subscription.access.maySee(row.entry.event) else { return }
    // event_message is the subscription's number and the row as it is stored.
    var payload = XDRWriter(capacity: 4 + row.bytes.count)
    payload.writeUInt32(subscription.id)
    payload.writeRaw(row.bytes)
    subscription.connection.send(EncodedFrame.event(Admin.Event.self, payload: payload.finish()))
  }

  /// One subscriber at a time, in turn by user.
  private func readFromDisk(_ subscription: Subscription) {
    subscription.isReading = true
    let connection = subscription.connection
    waiting.append(UnsafeTransfer(subscription), user: connection.peer.uid, connection: connection.id)
    readNext()
  }

  private func readNext() {
    guard !isReadingDisk, let subscription = waiting.next(where: { _ in true })?.value else { return }
    // Its connection may have ended while it waited.
    guard subscriptions[subscription.id] === subscription else { return readNext() }
    isReadingDisk = true
    let sending = UnsafeTransfer((self, subscription))
    let position = subscription.position
    Self.readers.async { [store, eventLoop] in
      let result = Result { () throws(StoreError) in try store.journal(after: position, limit: 500) }
      eventLoop.execute {
        let (hub, subscription) = sending.value
        hub.isReadingDisk = false
        hub.haveRead(result, for: subscription)
        hub.readNext()
      }
    }
  }

  private func haveRead(_ result: Result<[EncodedEntry], StoreError>, for subscription: Subscription) {
    subscription.isReading = false
    guard subscriptions[subscription.id] === subscription else { return }
    switch result {
    case .failure(let error):
      logger.error("cannot read the journal for a subscriber", metadata: ["error": "\(error)"])
      subscription.connection.close(reason: "the journal cannot be read: \(error)")
    case .success(let rows):
      guard let first = rows.first?.entry.sequence else {
        // Pruned to the end while we looked.
        sendGap(to: subscription, upTo: range.newest)
        return pump(subscription)
      }
      if first > subscription.position + 1 { sendGap(to: subscription, upTo: first - 1) }
      // What does not fit any more is read again when there is room: a cursor needs no queue.
      for row in rows where subscription.connection.isWritable { deliver(row, to: subscription) }
      pump(subscription)
    }
  }

  private func sendGap(to subscription: Subscription, upTo last: UInt64) {
    guard last > subscription.position else { return }
    send(
      Admin.EventGap.self, .init(subscription: subscription.id, from: subscription.position + 1, to: last),
      to: subscription)
    subscription.position = last
  }
}
