public import Guest
public import Supervision

// What listings and answers say of guests, from the book alone.

extension GuestSummary {
  /// The guest as it is on the disk, and what only this moment knows of it; as much of it as this caller may see.
  ///
  /// - Parameter live: the guest with everything decided so far; nil if it is known from its history only.
  public init(_ stored: StoredGuest, live: GuestLifecycle?, at moment: Moment, for access: Access) {
    let lifecycle = stored.lifecycle
    let settings = lifecycle.settings
    self.init(name: lifecycle.name, state: lifecycle.state)
    runs = lifecycle.runCount
    restarts = lifecycle.restarts.total
    run = lifecycle.run?.id
    launched = lifecycle.run?.launched.map {
      .init(at: $0.at.wall, upNanos: moment.boot.since($0.at.boot), initPID: $0.initPID)
    }
    last = lifecycle.last.map { access.shown($0) { _ in settings.labels } }
    switch lifecycle.phase {
    case .waiting(let restart):
      pending = .init(
        at: restart.due.wall, inMillis: restart.due.boot.since(moment.boot) / 1_000_000, attempt: restart.attempt,
        limit: settings.restart.limitCount)
    case .stopped, .starting, .running, .stopping: break
    }
    autostart = settings.autostart
    isDegraded = live?.degraded ?? false
    stuckTasks = live?.stuckTasks ?? ""
    note = lifecycle.note.isEmpty ? lifecycle.foreignWords ?? "" : lifecycle.note
    labels = settings.labels
  }

  /// A guest that was removed, by its last run.
  public init(removed name: GuestName, last: RunRecord, at moment: Moment, for access: Access) {
    let lifecycle = GuestLifecycle(
      name: name, defined: GuestSpec(rootfs: Rootfs(path: "/"), command: []), phase: .stopped, runCount: last.number,
      restarts: RestartHistory(), last: last, desired: false, note: "removed")
    self.init(StoredGuest(lifecycle: lifecycle, createdAt: last.ended.endedAt), live: nil, at: moment, for: access)
  }
}

extension GuestBook {
  /// - Throws: `notFound`. One that is about to be removed is there until that is stored.
  public func summary(
    of name: GuestName, at moment: Moment, for access: Access
  ) throws(GuestError) -> GuestSummary {
    guard let entry = self[name] else { throw GuestBook.notFound(name) }
    return GuestSummary(
      entry.committed ?? entry.current, live: entry.current.lifecycle, at: moment, for: access)
  }

  /// A page of the guests that are on the disk and that this caller may see, in order of names.
  ///
  /// - Parameters:
  ///   - text: names that sort after it.
  ///   - glob: nil for all names.
  ///   - labels: a guest of the page has all of them.
  public func page(
    after text: String, matching glob: Glob?, labels: [Label], limit: Int, at moment: Moment, for access: Access
  ) -> (guests: [GuestSummary], hasMore: Bool) {
    var page: [GuestSummary] = []
    for name in sortedNames(after: text) where glob?.matches(name.value) ?? true {
      guard let entry = self[name], let stored = entry.committed, access.maySee(stored) else { continue }
      if !labels.isEmpty {
        let present = stored.lifecycle.settings.labels
        guard labels.allSatisfy(present.contains) else { continue }
      }
      if page.count == limit { return (page, true) }
      page.append(GuestSummary(stored, live: entry.current.lifecycle, at: moment, for: access))
    }
    return (page, false)
  }
}
