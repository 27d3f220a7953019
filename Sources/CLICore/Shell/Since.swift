import Guest
import WireProtocol

/// `--since`: from where the journal or a log is read.
enum Since: Equatable {
  case now
  case boot
  /// After this event.
  case sequence(UInt64)
  case time(Timestamp)

  /// Reads `4711`, `boot`, `now`, `-1h` (so long ago), or a time.
  ///
  /// - Parameter zone: of a time that names none.
  init(_ text: String, now: Timestamp, zone: Zone) throws(Failure) {
    switch text {
    case "now": self = .now
    case "boot": self = .boot
    case _ where text.hasPrefix("-"):
      let millis = try Flags.milliseconds(String(text.dropFirst()), "--since")
      self = .time(Timestamp(nanoseconds: now.nanoseconds - Int64(clamping: millis) * 1_000_000))
    default:
      if let sequence = UInt64(text) {
        self = .sequence(sequence)
      } else if let time = TimeText.parse(text, now: now, zone: zone) {
        self = .time(time)
      } else {
        throw .usage(
          "--since: expected an event's number, a time (2026-11-21T10:00, 10:00, yesterday), a length (-1h), boot or now, "
            + "found \"\(Visible.text(text, limit: 60))\"")
      }
    }
  }

  var wire: Wire.EventSince {
    switch self {
    case .now: .now
    case .boot: .boot
    case .sequence(let sequence): .sequence(sequence)
    case .time(let time): .time(time.nanoseconds)
    }
  }
}

/// Where a reader of the journal is: what makes it miss nothing and repeat nothing, whatever happens to its connection.
struct EventCursor {
  let start: Since
  /// Everything up to this number was dealt with. Nil until the daemon said where `start` is.
  private(set) var position: UInt64?

  init(from start: Since) {
    self.start = start
  }

  /// Where to go on, at first and after every reconnection.
  var since: Since { position.map { .sequence($0) } ?? start }

  /// The daemon answered that events after this number follow.
  mutating func begins(after sequence: UInt64) {
    position = max(position ?? 0, sequence)
  }

  /// Whether this event is new; events come in order.
  mutating func take(_ sequence: UInt64) -> Bool {
    if let position, sequence <= position { return false }
    position = sequence
    return true
  }

  /// Everything up to this number was sent: what did not come was not asked for.
  mutating func isComplete(upTo sequence: UInt64) {
    position = max(position ?? 0, sequence)
  }
}
