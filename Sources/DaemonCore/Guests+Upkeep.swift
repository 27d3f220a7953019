internal import Guest
internal import GuestStore
internal import Logging
internal import NIOCore
internal import RPCNIO
internal import Supervision

extension Guests {
  nonisolated var cgroupMode: String { fence.mode }

  /// Who else wants to know: of rows on the disk, and of logs that nobody writes any more.
  func observe(published: @escaping @Sendable (UInt64) -> Void, ended: @escaping @Sendable (String) -> Void) {
    self.published = published
    logEnded = ended
  }

  /// Drops old rows of the journal, a little at a time, once a minute.
  func pruneNowAndThen() async {
    while !Task.isCancelled {
      guard (try? await Task.sleep(for: .seconds(60))) != nil else { return }
      let retention = environment.configuration.retention
      let moment = now.wall
      do {
        let store = writer.store
        let uptime = UInt64(now.boot.nanoseconds / 1_000_000_000)
        var pruned: GuestStore.Pruned
        repeat {
          pruned = try await reading { _ in try store.prune(retention, now: moment, uptimeSeconds: uptime) }
          if let rows = pruned.tooOld { noteAged(rows, retention) }
          await Task.yield()
        } while pruned.hasMore && !Task.isCancelled
        let range = try await reading { try $0.journalRange() }
        journal.pruned(oldest: range.oldest)
      } catch {
        logger.error("cannot prune the journal", metadata: ["error": "\(error)"])
      }
    }
  }

  /// Very many rows are too old at once: it may be that the clock was wrong, and the journal itself has to tell.
  private func noteAged(_ rows: ClosedRange<UInt64>, _ retention: Retention) {
    let text =
      "retention dropped events \(rows.lowerBound) to \(rows.upperBound) for their age, and more are older than "
      + "\(retention.ageSeconds / 86_400) days by the present clock"
    logger.notice("\(text)")
    take(book.note([GuestEvent(.daemon, guest: nil, by: .daemon, message: text)], .fact, at: now.wall))
  }

  /// Takes no more requests, stores what is decided, and lets go of the controllers, whose guests run on.
  func shutDown() async {
    isShuttingDown = true
    watchdog?.cancel()
    for timer in restartTimers.values { timer.cancel() }
    let stored = eventLoop.makePromise(of: Void.self)
    take(
      book.note([GuestEvent(.daemon, guest: nil, by: .daemon, message: "stopped")], .request, at: now.wall), stored)
    // A disk that hangs must not keep the daemon: what is not stored by then is found again by the next one.
    let patience = eventLoop.scheduleTask(in: .seconds(2)) {
      stored.fail(GuestError(.timedOut, "store the end of the daemon: the disk does not answer"))
    }
    _ = try? await stored.futureResult.get()
    patience.cancel()
    // Those that are about to go are seen off: their groups would stay with nobody to remove them.
    for _ in 0..<Self.farewellMillis / 20 + 10 where rescue == nil && areControllersLeaving {
      try? await Task.sleep(for: .milliseconds(20))
    }
    if rescue == nil { endLingering() }
    for link in links.values { link.connection.close() }
    fence.removeOwn()
  }
}
