internal import Guest
internal import GuestStore
internal import Supervision

/// The upkeep of the journal: rows beyond its retention go, a little at a time.
enum JournalUpkeep {
  /// Goes on until its task is cancelled.
  static func run(on guests: isolated Guests) async {
    let retention = guests.environment.configuration.retention
    await guests.storage.pruneNowAndThen(
      retention, tooOld: { guests.note(aged($0, retention)) }, pruned: { guests.journal.pruned(oldest: $0.oldest) })
  }

  /// Very many rows are too old at once: it may be that the clock was wrong, and the journal itself has to say so.
  private static func aged(_ rows: ClosedRange<UInt64>, _ retention: Retention) -> GuestEvent {
    GuestEvent(
      .daemon, guest: nil, by: .daemon,
      message:
        "retention dropped events \(rows.lowerBound) to \(rows.upperBound) for their age, and more are older than "
        + "\(retention.ageSeconds / 86_400) days by the present clock")
  }
}
