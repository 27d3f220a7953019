internal import Guest
internal import GuestStore
internal import GuestWire
internal import Layout
internal import LinuxSystem
internal import Logging

/// Passes on what is on the disk: to subscribers, to hooks, to readers of logs and to the daemon's own log. Touched on the
/// event loop only.
final class Announcer {
  private let journal: Journal
  private let paths: DaemonPaths
  private let logger: Logger
  /// Called with the number of the newest row.
  var published: @Sendable (UInt64) -> Void = { _ in }
  /// Called with the path of a log that is no longer written.
  var logEnded: @Sendable (String) -> Void = { _ in }

  init(journal: Journal, paths: DaemonPaths, logger: Logger) {
    self.journal = journal
    self.paths = paths
    self.logger = logger
  }

  /// The rows of one change.
  func publish(_ rows: [EncodedEntry], _ name: GuestName?, _ ended: RunRecord?) {
    journal.publish(rows)
    if let last = rows.last { published(last.entry.sequence) }
    if let name, ended != nil { logEnded(paths.log(of: name.value)) }
    for row in rows { logger.note(row.entry) }
  }
}

extension Logger {
  /// One line for each row of the journal, but those about hooks, which the hooks log themselves.
  fileprivate func note(_ entry: JournalEntry) {
    let event = entry.event
    guard event.kind != .hook else { return }
    if Trace.isOn(.lifecycle), event.kind == .state, let guest = event.guest {
      Trace.write(
        .lifecycle, "\(guest): \(event.from) -> \(event.to), by \(event.by.inWords), event \(entry.sequence)")
    }
    var metadata: Logger.Metadata = ["sequence": "\(entry.sequence)", "by": "\(event.by.inWords)"]
    if let guest = event.guest { metadata["guest"] = "\(guest)" }
    if let run = event.run { metadata["run"] = "\(run.short)" }
    if event.kind == .state { metadata["state"] = "\(event.from) -> \(event.to)" }
    if let ended = event.ended { metadata["cause"] = "\(ended.headline.inWords)" }
    if let order = event.order { metadata["order"] = "\(order.verb.word)" }
    if !event.message.isEmpty { metadata["message"] = "\(event.message)" }
    info("\(event.kind)", metadata: metadata)
  }
}
