public import Guest
import GuestWire
import WireProtocol

/// Where to begin reading the journal.
public enum EventStart: Sendable, Hashable {
  /// With what happens from now on.
  case now
  /// After this number: where a reader that kept its place goes on.
  case sequence(UInt64)
  case time(Timestamp)
  /// The host's present boot.
  case boot
  /// With the state of all guests, then everything that happens after it.
  case snapshot
}

/// Which events to get. The daemon sends no others.
public struct EventSelection: Sendable, Hashable {
  /// glob(7); empty for all, the daemon's own events included.
  public var guests: String
  /// A kind of end; its raw value is `EndCause.kind`.
  public enum Cause: String, Sendable, Hashable, CaseIterable {
    case exited, signaled, oom, reboot, halt, powerOff, stopped, startFailed, controllerLost, hostReset, notKnown
  }

  /// Empty for all.
  public var kinds: Set<GuestEvent.Kind>
  /// Of the end of a run. Empty for all; with any, events that are no ends are left out.
  public var causes: Set<Cause>
  /// All of which the guest must carry.
  public var labels: [Label]

  public static let all = EventSelection()

  public init(
    guests: String = "", kinds: Set<GuestEvent.Kind> = [], causes: Set<Cause> = [], labels: [Label] = []
  ) {
    self.guests = guests
    self.kinds = kinds
    self.causes = causes
    self.labels = labels
  }

  var wire: Wire.EventFilter {
    Wire.EventFilter(
      EventFilter(
        guests: guests, kinds: kinds.isEmpty ? nil : kinds,
        causes: causes.isEmpty ? nil : Set(causes.map(\.rawValue)), labels: labels))
  }

  /// Kinds and causes that a newer daemon invented are left out.
  init(_ wire: Wire.EventFilter) {
    let filter = EventFilter(wire)
    self.init(
      guests: filter.guests, kinds: filter.kinds ?? [], causes: Set((filter.causes ?? []).compactMap(Cause.init)),
      labels: filter.labels)
  }
}

/// An item that a reader of the journal gets.
public enum LodgeEvent: Sendable, Hashable {
  /// Something happened. Numbers rise from one event to the next; none comes twice.
  case event(JournalEntry)
  /// These numbers are gone: the journal's retention has passed this reader by.
  case gap(ClosedRange<UInt64>)
  /// Everything up to this number has been given out, so a reader that has seen it is complete to there.
  case tick(newest: UInt64, at: Timestamp)
  /// The state of all guests when this number was the newest.
  case snapshot([GuestStatus], sequence: UInt64)
}

extension LodgeClient {
  /// The journal, from some point on, without end.
  ///
  /// It survives the loss of its connection and restarts of the daemon: it connects again and goes on after the last
  /// number it has given out, so that no event is lost and none comes twice. Where the daemon no longer has an event
  /// it says so with a `gap`. It keeps no more than a few hundred events for a slow reader; the rest stays in the
  /// daemon's journal. It throws when the daemon cannot be reached at first, or refuses.
  ///
  /// Each iteration has a connection of its own, closed when the iteration ends.
  public func events(since start: EventStart = .now, _ selection: EventSelection = .all) -> LodgeEvents {
    LodgeEvents(options: options, start: start, selection: selection)
  }
}

/// The journal as a sequence; see `LodgeClient.events`.
public struct LodgeEvents: AsyncSequence, Sendable {
  public typealias Element = LodgeEvent
  public typealias Failure = GuestError

  let options: LodgeClient.Options
  let start: EventStart
  let selection: EventSelection

  public func makeAsyncIterator() -> Iterator {
    Iterator(EventFeed(options: options, start: start, selection: selection))
  }

  public struct Iterator: AsyncIteratorProtocol {
    /// Ends the feed when the iteration does.
    private final class Owner {
      let feed: EventFeed
      init(_ feed: EventFeed) { self.feed = feed }
      deinit { feed.end() }
    }

    private let owner: Owner

    init(_ feed: EventFeed) {
      owner = Owner(feed)
    }

    public mutating func next() async throws(GuestError) -> LodgeEvent? { try await owner.feed.next() }

    public mutating func next(
      isolation actor: isolated (any _Concurrency.Actor)?
    ) async throws(GuestError) -> LodgeEvent? {
      try await owner.feed.next()
    }
  }
}
