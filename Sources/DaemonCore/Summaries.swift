internal import Guest
internal import GuestStore
internal import GuestWire
internal import Layout
internal import LinuxSystem
internal import NIOCore
internal import RPC
internal import RPCNIO
internal import Supervision
internal import WireProtocol
internal import XDR

func wallNow() -> Int64 { Clock.wallNanoseconds }

extension Guests {
  /// One line of a listing: what is on the disk, and what only this moment knows; as much of it as this caller may see.
  func summary(_ stored: StoredGuest, for access: Access) -> Wire.GuestSummary {
    let lifecycle = stored.lifecycle
    let run = lifecycle.run
    let moment = now
    var pending: GuestLifecycle.PendingRestart?
    if case .waiting(let restart) = lifecycle.phase { pending = restart }
    let live = book[lifecycle.name]?.current.lifecycle
    return Wire.GuestSummary(
      name: lifecycle.name.value, state: .init(lifecycle.state), runs: lifecycle.runCount,
      restarts: lifecycle.restarts.total, run: run?.id.bytes, startedAt: run?.launched?.at.wall.nanoseconds ?? 0,
      upNanos: run?.launched.map { moment.boot.since($0.at.boot) } ?? 0, initPid: run?.launched?.initPID ?? 0,
      last: lifecycle.last.map { .init(access.shown($0, of: lifecycle.name, lifecycle.settings.labels)) },
      restartAt: pending?.due.wall.nanoseconds ?? 0,
      restartInMillis: pending.map { $0.due.boot.since(moment.boot) / 1_000_000 } ?? 0,
      restartAttempt: pending?.attempt ?? 0, restartLimit: pending == nil ? 0 : lifecycle.settings.restart.limitCount,
      autostart: lifecycle.settings.autostart, degraded: live?.degraded ?? false, stuckTasks: live?.stuckTasks ?? "",
      note: lifecycle.note, labels: lifecycle.settings.labels.map { .init($0) })
  }

  func summary(of name: GuestName, for access: Access) throws(GuestError) -> Wire.GuestSummary {
    // One that is about to be removed is there until that is stored.
    guard let guest = book[name] else { throw GuestBook.notFound(name) }
    return summary(guest.committed ?? guest.current, for: access)
  }

  func list(_ args: Wire.GuestListArgs, for access: Access) -> Wire.GuestListReply {
    let glob = args.pattern.isEmpty ? nil : Glob(args.pattern)
    let labels = args.labels.map { Label($0) }
    let limit = args.limit == 0 ? Int(Wire.listPageMax) : min(Int(args.limit), Int(Wire.listPageMax))
    var page: [Wire.GuestSummary] = []
    var more = false
    for name in book.sortedNames(after: args.after) where glob?.matches(name.value) ?? true {
      guard let stored = book[name]?.committed, access.maySee(stored) else { continue }
      guard labels.allSatisfy({ stored.lifecycle.settings.labels.contains($0) }) else { continue }
      if page.count == limit {
        more = true
        break
      }
      page.append(summary(stored, for: access))
    }
    return Wire.GuestListReply(guests: page, more: more, sequence: journal.range.newest)
  }

  func details(of name: GuestName, for access: Access) async throws -> Wire.GuestDetails {
    let guest = try book.find(name)
    let stored = guest.committed ?? guest.current
    let run = stored.lifecycle.run
    var usage = GuestUsage()
    if let link = link(of: name), run?.launched != nil, !link.state.isSilent {
      usage = (try? await self.usage(link)) ?? usage
    }
    let defined = access.shown(stored.lifecycle.defined, of: name, stored.lifecycle.settings.labels)
    let running = run.map { access.shown($0.spec, of: name, stored.lifecycle.settings.labels) }
    return Wire.GuestDetails(
      summary: summary(stored, for: access), defined: .init(defined), running: running.map { .init($0) },
      createdAt: stored.createdAt.nanoseconds,
      runDirectory: controllers.directory(name).path, logPath: environment.paths.log(of: name.value),
      cgroup: run.map { controllers.fence.path(name, $0.id) } ?? "", usage: usage.measures)
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
