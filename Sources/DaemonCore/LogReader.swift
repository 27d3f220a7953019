internal import ConsoleLog
internal import Guest
internal import GuestStore
internal import Layout
internal import LinuxSystem
internal import NIOCore
internal import Operations
internal import Supervision

/// Reads console logs for clients, across rotation, without keeping anything for them: where a reader is, is in its cursor.
///
/// The controller renames a full file and begins a new one; see `LogFiles` for how the two go together.
actor LogReader {
  static let waitMillis: Int64 = 20_000
  /// No program of the wire carries more in one message.
  static let pieceBytes = 64 << 10
  private let manager: Guests
  private let changes: LogChanges

  init(manager: Guests, changes: LogChanges) {
    self.manager = manager
    self.changes = changes
  }

  func read(_ query: LogQuery, _ name: GuestName) async throws -> LogExcerpt {
    // Its client may have gone while it waited for its turn here: then no file is opened and no watch made for it.
    try Task.checkCancellation()
    let (path, isLive) = try await Self.state(of: name, in: manager)
    try Task.checkCancellation()
    let reply = try look(query, path, isLive: isLive)
    guard query.waits, reply.bytes.isEmpty, isLive else { return reply }
    let watch = try await changes.watch(path)
    defer { watch.end() }
    let deadline = NIODeadline.now() + .milliseconds(Self.waitMillis)
    while true {
      let seen = watch.count
      // Its state first: what was written before it ended is then surely read.
      // Its place may have changed with it, when the guest goes with its end.
      let (path, isLive) = (try? await Self.state(of: name, in: manager)) ?? (path, false)
      let reply = try look(query, path, isLive: isLive)
      guard reply.bytes.isEmpty, isLive, NIODeadline.now() < deadline else { return reply }
      // Its client has gone: nothing is read for it any more.
      try Task.checkCancellation()
      await watch.wait(after: seen, until: deadline, on: manager.eventLoop)
    }
  }

  private func look(_ query: LogQuery, _ path: String, isLive: Bool) throws -> LogExcerpt {
    let piece = try LogFiles(opening: path).piece(
      after: LogCursor(query.cursor), tailLines: query.tailLines, limit: Self.pieceBytes, isLive: isLive)
    return LogExcerpt(
      bytes: piece.bytes, next: piece.next?.bytes ?? query.cursor, isEnd: piece.bytes.isEmpty && !isLive,
      hasLost: piece.hasLost)
  }
}

extension LogReader {
  /// Where a guest's log is, and whether more can come.
  private static func state(of name: GuestName, in guests: isolated Guests) throws -> (path: String, isLive: Bool) {
    guard let guest = guests.book[name] else {
      if let path = guests.logs.path(of: name) { return (path, false) }
      throw GuestBook.notFound(name)
    }
    return (
      guests.environment.paths.log(of: name.value),
      guest.current.lifecycle.run != nil || guest.committed?.lifecycle.run != nil
    )
  }
}
