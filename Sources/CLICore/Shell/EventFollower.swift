import Guest
import GuestWire
import LinuxSystem
import RPC
import RPCSocket
import WireProtocol
import XDR

/// Follows the journal, over as many connections as it takes: it comes back after a daemon's restart where it was.
final class EventFollower {
  enum Item {
    case entry(JournalEntry)
    /// These were dropped by the journal's retention before they could be sent.
    case gap(from: UInt64, to: UInt64)
    /// A part of the state that everything else comes after.
    case snapshot([Wire.GuestSummary], sequence: UInt64, isLast: Bool)
    /// Nothing more is there at this moment: what was written should be seen.
    case pause
    /// `tick` has passed, or a descriptor of `watching` is readable.
    case awake
  }

  /// The daemon says at least this often that it is there; after several times as long without a word it is gone.
  private static let tickMillis: UInt32 = 5000
  private static let silence: Int64 = 30_000_000_000

  private let context: Context
  private let filter: Wire.EventFilter
  private(set) var cursor: EventCursor
  private var wantsSnapshot: Bool
  /// Follows only until then (CLOCK_BOOTTIME).
  var deadline: Int64?
  /// Wakes up at least so often, nanoseconds.
  var tick: UInt64?
  /// Further descriptors that wake it up.
  var watching: [Int32] = []

  init(_ context: Context, filter: Wire.EventFilter, since: Since, snapshot: Bool = false) {
    self.context = context
    self.filter = filter
    cursor = EventCursor(from: since)
    wantsSnapshot = snapshot
  }

  /// Hands out what happens until `body` returns false, or the deadline passes: then false.
  func follow(_ body: (Item) throws(Failure) -> Bool) throws(Failure) -> Bool {
    context.followsOutput = true
    while true {
      var isLost = false
      do throws(Failure) {
        let subscription = try subscribe()
        return try take(subscription, body)
      } catch {
        // Only a connection that was there and went away is waited for.
        guard cursor.position != nil, error.status == .unreachable else { throw error }
        isLost = true
      }
      if isLost {
        try context.awaitDaemon(
          for: Admin.EventsSubscribe.self, "at event \(cursor.position ?? 0), nothing will be missed",
          deadline: deadline)
      }
    }
  }

  private func subscribe() throws(Failure) -> UInt32 {
    let reply = try context.call(
      Admin.EventsSubscribe.self,
      .init(since: cursor.since.wire, snapshot: wantsSnapshot, filter: filter, tickMillis: Self.tickMillis), "events")
    cursor.begins(after: reply.after)
    wantsSnapshot = false
    return reply.subscription
  }

  private func take(_ subscription: UInt32, _ body: (Item) throws(Failure) -> Bool) throws(Failure) -> Bool {
    let client = try context.client(for: Admin.EventsSubscribe.self)
    var heard = Clock.bootNanoseconds
    while true {
      let wakeup: BlockingClient.Wakeup
      if !client.hasEvent, try !body(.pause) { return true }
      do throws(RPCCallError) {
        wakeup = try client.nextEvent(timeout: patience(since: heard), watching: watching)
      } catch {
        throw Failure(error, "events")
      }
      switch wakeup {
      case .event(let event):
        heard = Clock.bootNanoseconds
        guard let message = try decode(event) else { continue }
        if try !take(message, subscription, body) { return true }
      case .timedOut, .readable:
        if let deadline, Clock.bootNanoseconds >= deadline { return false }
        context.console.endIfReaderHasGone()
        if Clock.bootNanoseconds - heard >= Self.silence {
          throw Failure(.unreachable, code: "unavailable", "events: the daemon has said nothing for 30 seconds")
        }
        if try !body(.awake) { return true }
      }
    }
  }

  /// Until the first of: the deadline, the next tick, and the moment from which the daemon counts as gone.
  private func patience(since heard: Int64) -> UInt64 {
    let now = Clock.bootNanoseconds
    let ends = [deadline, heard + Self.silence, tick.map { now + Int64($0) }].compactMap { $0 }
    return UInt64(max(0, (ends.min() ?? now) - now))
  }

  private func decode(_ event: IncomingEvent) throws(Failure) -> AdminMessage? {
    do throws(XDRError) {
      return try AdminMessage(procedure: event.procedure, body: event.body)
    } catch {
      throw Failure(RPCCallError.undecodable(error), "events")
    }
  }

  private func take(
    _ message: AdminMessage, _ subscription: UInt32, _ body: (Item) throws(Failure) -> Bool
  ) throws(Failure) -> Bool {
    switch message {
    case .event(let message) where message.subscription == subscription:
      guard cursor.take(message.event.sequence) else { return true }
      let entry = try telling { () throws(GuestError) in try JournalEntry(message.event) }
      return try body(.entry(entry))
    case .eventGap(let gap) where gap.subscription == subscription:
      cursor.isComplete(upTo: gap.to)
      return try body(.gap(from: gap.from, to: gap.to))
    case .eventTick(let tick) where tick.subscription == subscription:
      cursor.isComplete(upTo: tick.newest)
      return true
    case .eventSnapshot(let snapshot) where snapshot.subscription == subscription:
      return try body(.snapshot(snapshot.guests, sequence: snapshot.sequence, isLast: !snapshot.more))
    default: return true
    }
  }
}
