internal import Guest
internal import GuestStore
internal import GuestWire
internal import Layout
internal import LinuxSystem
internal import NIOCore
internal import Operations
internal import RPC
internal import RPCNIO
internal import Supervision

extension Guests {
  /// One line of a listing: what is on the disk, and what only this moment knows; as much of it as this caller may see.
  func summary(_ stored: StoredGuest, for access: Access) -> GuestSummary {
    let lifecycle = stored.lifecycle
    let moment = now
    let live = book[lifecycle.name]?.current.lifecycle
    var summary = GuestSummary(name: lifecycle.name, state: lifecycle.state)
    summary.runs = lifecycle.runCount
    summary.restarts = lifecycle.restarts.total
    summary.run = lifecycle.run?.id
    summary.launched = lifecycle.run?.launched.map {
      .init(at: $0.at.wall, upNanos: moment.boot.since($0.at.boot), initPID: $0.initPID)
    }
    summary.last = lifecycle.last.map { access.shown($0) { _ in lifecycle.settings.labels } }
    if case .waiting(let restart) = lifecycle.phase {
      summary.pending = .init(
        at: restart.due.wall, inMillis: restart.due.boot.since(moment.boot) / 1_000_000, attempt: restart.attempt,
        limit: lifecycle.settings.restart.limitCount)
    }
    summary.autostart = lifecycle.settings.autostart
    summary.isDegraded = live?.degraded ?? false
    summary.stuckTasks = live?.stuckTasks ?? ""
    summary.note = lifecycle.note.isEmpty ? lifecycle.foreignWords ?? "" : lifecycle.note
    summary.labels = lifecycle.settings.labels
    return summary
  }

  func summary(of name: GuestName, for access: Access) throws(GuestError) -> GuestSummary {
    // One that is about to be removed is there until that is stored.
    guard let guest = book[name] else { throw GuestBook.notFound(name) }
    return summary(guest.committed ?? guest.current, for: access)
  }

  /// A page of the guests that are on the disk and that this caller may see, in order of names.
  func list(
    after text: String, _ glob: Glob?, _ labels: [Label], limit: Int, for access: Access
  ) -> (guests: [GuestSummary], hasMore: Bool) {
    var page: [GuestSummary] = []
    for name in book.sortedNames(after: text) where glob?.matches(name.value) ?? true {
      guard let stored = book[name]?.committed, access.maySee(stored) else { continue }
      guard labels.allSatisfy({ stored.lifecycle.settings.labels.contains($0) }) else { continue }
      if page.count == limit { return (page, true) }
      page.append(summary(stored, for: access))
    }
    return (page, false)
  }

  func report(of name: GuestName, for access: Access) async throws -> GuestReport {
    let guest = try book.find(name)
    let stored = guest.committed ?? guest.current
    let run = stored.lifecycle.run
    var usage = GuestUsage()
    if let link = link(of: name), run?.launched != nil, !link.state.isSilent {
      usage = (try? await self.usage(link)) ?? usage
    }
    let defined = access.shown(stored.lifecycle.defined, of: name, stored.lifecycle.settings.labels)
    let running = run.map { access.shown($0.spec, of: name, stored.lifecycle.settings.labels) }
    return GuestReport(
      summary: summary(stored, for: access), defined: defined, running: running, createdAt: stored.createdAt,
      runDirectory: controllers.directory(name).path, logPath: environment.paths.log(of: name.value),
      cgroup: run.map { controllers.fence.path(name, $0.id) } ?? "", usage: usage)
  }

  private func usage(_ link: ControllerLink) async throws -> GuestUsage {
    try await withCheckedThrowingContinuation { continuation in
      link.usage(deadline: .now() + .milliseconds(500)) { continuation.resume(with: $0) }
    }
  }

  func signal(_ link: ControllerLink, _ signal: Int32, by actor: Actor) async throws {
    let name = link.guest
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      link.kill(by: actor, signal: signal, order: nil, deadline: .now() + .seconds(5)) { result in
        continuation.resume(
          with: result.mapError { error in
            if case .remote(let body) = error { return GuestError(body) as any Error }
            return GuestError(.unavailable, "signal \(name): its controller does not answer: \(error)")
          })
      }
    }
  }
}
