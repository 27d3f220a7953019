internal import Guest
internal import GuestStore
internal import Layout
internal import LinuxSystem
internal import Logging
internal import Supervision

// A daemon whose database is damaged, newer than the program, or on a disk that does not give or take it: it says so at every
// turn, keeps the file, leaves guests running and can stop them, and acknowledges nothing. Their controllers' records stay in the run directories, where the
// daemon that has its database back finds them.

extension Daemon {
  /// The database; or, when it cannot be used, an empty one in memory and the reason.
  func openStore(_ boot: BootID) throws -> (GuestStore, StoredState, StoreError?) {
    do throws(StoreError) {
      let store = try openDatabase(boot)
      let state = try store.load()
      // A new database beside guests that run is not this host's: what is in it must not decide about them.
      if state.guests.isEmpty, try store.journalRange().newest == 0, guestsRun {
        throw StoreError.damaged(path: paths.database, reason: "it is empty, and guests run")
      }
      let strangers = runsUnknown(to: state)
      guard strangers.isEmpty else { throw StoreError.stale(path: paths.database, runs: strangers) }
      if let lost = guestsLost(to: state, newest: try store.journalRange().newest) {
        throw StoreError.damaged(path: paths.database, reason: lost)
      }
      // Copies that were kept because of an earlier damage are of no use any more.
      for suffix in ["", "-wal", "-shm"] {
        try? Files.removeTree(paths.copy + suffix)
        try? Files.removeTree(rescuePath + suffix)
      }
      return (store, state, nil)
    } catch {
      switch error {
      case .damaged, .newer, .stale, .full, .failed, .unreadable: break
      // It is given back, and a daemon that is started again a moment later has all of it.
      case .busy: throw DaemonError("start: \(error)")
      }
      var kept = paths.database
      if case .damaged = error {
        kept = keepDamaged() ?? paths.database
      }
      logger.critical(
        "the database cannot be used: guests run on and can be stopped, nothing can be started or changed",
        metadata: ["error": "\(error)", "kept": "\(kept)"])
      let (store, known) = try openRescue(boot)
      let names = Set(known.map(\.lifecycle.name))
      try show(known + knownGuests(error).filter { !names.contains($0.lifecycle.name) }, in: store)
      return (store, try store.load(), error)
    }
  }

  /// Why the database is not the one whose guests an earlier daemon wrote down when it lost it; nil where it is, by its
  /// journal or by its guests.
  private func guestsLost(to state: StoredState, newest: UInt64) -> String? {
    guard Files.exists(paths.copy) else { return nil }
    if let kept = GuestStore.keptSequence(path: paths.copy), newest >= kept { return nil }
    let known = Set(state.guests.map(\.lifecycle.name))
    let lost = GuestStore.salvage(path: paths.copy).guests.map(\.lifecycle.name.value)
      .filter { name in !known.contains { $0.value == name } }.sorted()
    guard !lost.isEmpty else { return nil }
    return
      "it does not know \(lost.prefix(5).joined(separator: ", "))\(lost.count > 5 ? " and \(lost.count - 5) more" : ""), "
      + "which \(paths.copy) has: put the right database back, or move that file away to go on without them"
  }

  private var rescuePath: String { paths.runtime + "/rescue.db" }

  /// The store of a rescue, with what an earlier daemon in the same distress has learnt since.
  private func openRescue(_ boot: BootID) throws -> (GuestStore, [StoredGuest]) {
    do {
      let store = try GuestStore(path: rescuePath, boot: boot)
      return (store, try store.load().guests)
    } catch {
      for suffix in ["", "-wal", "-shm"] { try? Files.removeTree(rescuePath + suffix) }
      return (try GuestStore(path: rescuePath, boot: boot), [])
    }
  }

  /// A copy of the damaged database, one for each state of it: a daemon that is started again and again makes no more.
  private func keepDamaged() -> String? {
    guard let modified = GuestStore.modified(path: paths.database) else { return nil }
    let copy = "\(paths.database).damaged-\(modified)"
    if !Files.exists(copy) { try? Files.copy(paths.database, to: copy) }
    return copy
  }

  /// A disk that is full gets the room that was kept for this.
  private func openDatabase(_ boot: BootID) throws(StoreError) -> GuestStore {
    do { return try GuestStore(path: paths.database, boot: boot) } catch  where error.isFull {
      try? Files.removeTree(paths.reserve)
      return try GuestStore(path: paths.database, boot: boot)
    }
  }

  /// The guests that can be shown while their database cannot be used: as the last daemon knew them, or as they can still be
  /// read.
  private func knownGuests(_ error: StoreError) -> [StoredGuest] {
    switch error {
    case .damaged, .full, .failed: break
    case .newer, .stale, .busy, .unreadable: return []
    }
    if Files.exists(paths.copy) {
      let kept = GuestStore.salvage(path: paths.copy).guests
      if !kept.isEmpty { return kept }
    }
    let (guests, expected) = GuestStore.salvage(path: paths.database)
    logger.warning(
      "guests that can still be read from the database",
      metadata: ["guests": "\(guests.count)", "of": "\(expected.map { "\($0)" } ?? "unknown")"])
    return guests
  }

  /// As stopped where no controller lives, since nothing is known of what became of their runs.
  private func show(_ guests: [StoredGuest], in store: GuestStore) throws {
    let changes = guests.map { guest in
      var lifecycle = guest.lifecycle
      if lifecycle.state != .stopped, !hasController(lifecycle.name.value) {
        lifecycle = GuestLifecycle(
          name: lifecycle.name, defined: lifecycle.defined, phase: .stopped, runCount: lifecycle.runCount,
          restarts: lifecycle.restarts, last: lifecycle.last, desired: false,
          note: "it was \(lifecycle.state); what became of it is known when the database can be used again")
      }
      return Change(
        guest: lifecycle.name, record: .save(StoredGuest(lifecycle: lifecycle, createdAt: guest.createdAt)),
        events: [], time: guest.createdAt)
    }
    if !changes.isEmpty { _ = try store.commit(changes, retention: Retention()) }
  }

  /// Whether any controller lives.
  private var guestsRun: Bool {
    ((try? Files.list(paths.runs)) ?? []).contains { hasController($0.name) }
  }

  private func hasController(_ guest: String) -> Bool {
    guard let name = try? GuestName(guest) else { return false }
    return RunDirectory(runs: paths.runs, guest: name).isHeld()
  }

  /// Runs with processes and a controller, each as guest.run: since a run is stored before anything of it runs, the
  /// database that does not know one is not the one that was here.
  private func runsUnknown(to state: StoredState) -> [String] {
    let known = RunFence.groupNames(state.guests)
    return RunFence(parent: paths.cgroupParent).populatedGroups.filter { group in
      guard !known.contains(group), let dot = group.lastIndex(of: ".") else { return false }
      return hasController(String(group[..<dot]))
    }
  }
}
