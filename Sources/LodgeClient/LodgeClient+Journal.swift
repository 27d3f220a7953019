public import Guest
import GuestWire
import WireProtocol

/// A part of the journal, in order.
public struct JournalPage: Sendable, Hashable {
  public var entries: [JournalEntry]
  /// The next page begins after this number.
  public var next: UInt64
  /// Whether the journal has rows beyond `next`.
  public var hasMore: Bool
  /// Numbers within this page that retention has removed before they were read.
  public var lost: ClosedRange<UInt64>?
}

extension LodgeClient {
  /// Reads a part of the journal without following it.
  ///
  /// - Parameters:
  ///   - start: `.snapshot` reads like `.now`: an empty page with the newest number.
  ///   - limit: entries of one page at most; the daemon gives at most 128.
  /// - Throws: `GuestError` with code `invalidArgument` for a number beyond the newest one.
  public func journal(
    since start: EventStart, _ selection: EventSelection = .all, limit: Int = 200
  ) async throws(GuestError) -> JournalPage {
    let reply = try await call(
      Admin.EventsRead.self,
      .init(since: start.wire, filter: selection.wire, limit: UInt32(clamping: max(limit, 1))))
    var entries: [JournalEntry] = []
    for event in reply.events { entries.append(try JournalEntry(event)) }
    let isLost = reply.lostFrom > 0 && reply.lostFrom <= reply.lostTo
    return JournalPage(
      entries: entries, next: reply.next, hasMore: reply.more, lost: isLost ? reply.lostFrom...reply.lostTo : nil)
  }

  /// The journal from this moment on: the place is fixed before this returns, so an event of whatever is done next is
  /// among those that an iteration gives, however late it begins.
  public func subscribe(_ selection: EventSelection = .all) async throws(GuestError) -> LodgeEvents {
    events(since: .sequence(try await daemon().journalNewest), selection)
  }
}

extension EventStart {
  var wire: Wire.EventSince {
    switch self {
    case .now, .snapshot: .now
    case .sequence(let sequence): .sequence(sequence)
    case .time(let time): .time(time.nanoseconds)
    case .boot: .boot
    }
  }
}
