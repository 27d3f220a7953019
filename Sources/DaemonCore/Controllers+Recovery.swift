internal import Guest
internal import GuestWire
internal import Layout
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import RPC
internal import RPCNIO
internal import Supervision
internal import WireProtocol

// Runs to whose controllers there is no connection: what is on the disk of them, and what is done about it. `Recovery` has
// the table; here it is looked for and done.

extension Controllers {
  // MARK: What is found

  /// The state of a guest's run on the host.
  func observe(_ name: GuestName, _ run: RunID?, hostBooted: Bool = false) -> Recovery.Found {
    let directory = directory(name)
    var found = Recovery.Found.Directory.none
    if directory.isHeld() {
      found = .held
    } else if directory.exists {
      do { found = .free(record: try directory.exitRecord()?.run) } catch {
        logger.error("an exit record cannot be read", metadata: ["guest": "\(name)", "error": "\(error)"])
        found = .damaged
      }
    }
    return Recovery.Found(
      directory: found, cgroup: run.map { fence.cgroup(of: name, $0) } ?? .absent, hostBooted: hostBooted,
      wasOrdered: run.flatMap { links[$0]?.state.lastSeen.wasOrdered } ?? false,
      isInherited: run.map(inherited.contains) ?? false, mark: directory.initExecuted)
  }

  /// The run directories that there are, by guest; those that no guest can have are without a name.
  var directories: [(name: GuestName?, path: String)] {
    ((try? Files.list(environment.paths.runs)) ?? []).filter { $0.kind == .directory }.map {
      (try? GuestName($0.name), environment.paths.runs + "/" + $0.name)
    }
  }

  /// The exit record in a guest's run directory.
  func record(of name: GuestName) -> ExitRecord? { (try? directory(name).exitRecord()) ?? nil }

  /// Every exit record that there is, with its directory; in the order in which the runs ended.
  var recordsOnDisk: [(name: GuestName, record: ExitRecord, path: String)] {
    directories.compactMap { name, path in
      guard let name, let record = record(of: name) else { return nil }
      return (name, record, path)
    }
    .sorted { $0.record.endedAt < $1.record.endedAt }
  }

  // MARK: What is done

  /// Does what the table says about a guest, as it is now.
  func carryOut(_ verdict: Recovery.Verdict, _ lifecycle: GuestLifecycle) {
    let name = lifecycle.name
    switch (verdict, lifecycle.run) {
    case (.clear(let killsController), _): clear(name, killsController: killsController)
    case (.ask, let run?):
      reach(run, name, due: lifecycle.phase.due(now: .now, launchMillis: environment.configuration.launchMillis))
    case (.importRecord, let run?): importRecord(of: run.id, name)
    case (.end(let end), let run?):
      switch end {
      case .recordUnreadable: keepDamaged(name)
      case .hostReset, .controllerLost, .controllerUnreachable, .nothingFound, .notExecuted: break
      }
      finish(run.id, name, end)
    case (.launch, let run?):
      logger.notice(
        "a start that was decided is carried out", metadata: ["guest": "\(name)", "run": "\(run.id.short)"])
      launch(run, name)
    case (.nothing, _), (.ask, nil), (.importRecord, nil), (.end, nil), (.launch, nil): break
    }
  }

  /// Removes what a guest without a run has left, once its controller is gone.
  private func clear(_ name: GuestName, killsController: Bool) {
    if killsController { _ = fence.killController(holding: directory(name).lockPath) }
    removeLeftover(name, attempt: 0)
  }

  private func removeLeftover(_ name: GuestName, attempt: Int) {
    let directory = directory(name)
    guard directory.exists, !links.values.contains(where: { $0.guest == name }) else { return }
    guard directory.isHeld() else {
      try? directory.remove()
      return
    }
    guard attempt < 50 else { return }
    after(20) { $0.removeLeftover(name, attempt: attempt + 1) }
  }

  /// Reports the end that is on the disk, once nothing of the run is left: its controller may have died before it cleaned
  /// up.
  private func importRecord(of run: RunID, _ name: GuestName) {
    guard let record = record(of: name) else { return }
    fence.kill(name, run)
    whenEmpty(name, run) { $0.report(name, run, .ended(record, fence: $0.links[run]?.state.lastSeen.endingFence)) }
  }

  /// A record that cannot be read is kept beside the database: it is all that there is of that end.
  private func keepDamaged(_ name: GuestName) {
    let kept = "\(environment.paths.state)/exit-\(name).damaged-\(Clock.wallNanoseconds / 1_000_000_000)"
    do {
      try Files.copy(directory(name).recordPath, to: kept)
      logger.error("an exit record is damaged", metadata: ["guest": "\(name)", "kept": "\(kept)"])
    } catch {
      logger.error("cannot keep a damaged exit record", metadata: ["guest": "\(name)", "error": "\(error)"])
    }
  }

  /// Ends a run whose end no record has, and reports that once nothing of it is left.
  private func finish(_ run: RunID, _ name: GuestName, _ end: Recovery.UntoldEnd) {
    logger.warning("a run without the word of its end", metadata: ["guest": "\(name)", "run": "\(run.short)"])
    CrashPoint.reach("daemon.lost.before-fence")
    fence.kill(name, run)
    whenEmpty(name, run) { controllers in
      controllers.report(name, run, .endedUntold(end, controllers.links[run]?.state.lastSeen ?? LastSeen()))
    }
  }

  /// An end is an end only when nothing of the guest is left.
  private func whenEmpty(
    _ name: GuestName, _ run: RunID, attempt: Int = 0, _ done: @escaping @Sendable (Controllers) -> Void
  ) {
    if fence.isEmpty(name, run) { return done(self) }
    if attempt >= 12 {
      let tasks = fence.tasks(name, run)
      if attempt == 12 {
        logger.error("a killed guest does not end", metadata: ["guest": "\(name)", "tasks": "\(tasks)"])
      }
      report(name, run, .stuck(tasks))
    }
    after(min(1 << Int64(min(attempt, 10)), 1_000)) { $0.whenEmpty(name, run, attempt: attempt + 1, done) }
  }

  // MARK: Controllers from before this daemon

  /// Connects to the controller that holds a guest's lock, and asks it what it runs.
  ///
  /// - Parameter due: by when it has to be reached and do what it is to do.
  private func reach(_ run: GuestLifecycle.Run, _ name: GuestName, due: ControllerState.Due?) {
    switch links[run.id]?.state.phase {
    case nil:
      links[run.id] = ControllerLink(
        guest: name, run: run.id, state: .found(run.launched, due: due), isChild: false)
    case .gone: input(.foundHeld(due), run.id)
    // It is being reached, or there is a connection to it.
    case .unreached, .prepared, .discarded, .launching, .launched, .ended, .dismissed, .leaving: return
    }
    reach(run.id)
  }

  func reach(_ run: RunID) {
    guard let link = links[run], link.state.phase == .unreached else { return }
    let name = link.guest
    Task { [self] in
      let result: Result<RPCClientConnection, RPCConnectError>
      do throws(RPCConnectError) {
        result = .success(
          try await RPCClientConnection.connect(
            to: directory(name).socketPath, on: eventLoop, configuration: Self.session, handlers: handlers(run, name)))
      } catch {
        result = .failure(error)
      }
      eventLoop.execute { [self] in reached(run, name, result) }
    }
  }

  private func reached(_ run: RunID, _ name: GuestName, _ result: Result<RPCClientConnection, RPCConnectError>) {
    switch result {
    case .success(let connection):
      guard let link = links[run], link.state.phase == .unreached else { return connection.close() }
      link.connection = connection
      link.process = try? ProcessHandle(opening: connection.peer.pid)
      input(.connected, run)
    case .failure:
      input(
        .notReached(isHeld: directory(name).isHeld(), isEmpty: fence.isEmpty(name, run), now: now), run)
    }
  }

  func askWhatItRuns(_ link: ControllerLink, isUrgent: Bool) {
    let run = link.run
    let deadline: NIODeadline? =
      isUrgent ? .now() + .milliseconds(Int64(environment.configuration.launchMillis)) : nil
    link.connection?.controllerStatus(deadline: deadline) { [self] result in
      guard let link = links[run] else { return }
      switch result {
      case .success(let answer):
        link.version = answer.version
        link.introduction = answer
        report(link.guest, run, .introduced(answer.introduction))
      // It may have closed before the connection was noted here.
      case .failure(.connectionClosed): eventLoop.execute { [self] in input(.closed, run) }
      case .failure(let error): if isUrgent { noAnswer(error, run) }
      }
    }
  }

  /// The answer to an introduction.
  func resolve(_ run: RunID, _ adoption: Recovery.Adoption) {
    guard let link = links[run], let reply = link.introduction?.reply else { return }
    link.introduction = nil
    switch adoption {
    case .dismiss:
      logger.notice("a controller that has only to go", metadata: ["guest": "\(link.guest)"])
      input(.isStranger, run)
    case .adopt:
      logger.notice("adopted a controller", metadata: ["guest": "\(link.guest)", "phase": "\(reply.phase)"])
      if let ended = reply.ended, let record = try? ExitRecord(ended) { return input(.endHeard(record), run) }
      input(.adopted, run)
      if let launched = reply.launched { input(.launched(.init(launched)), run) }
      for order in EndOrders(reply.orders).kept where order.givenUp { input(.gaveUp(order: order.number), run) }
    }
  }

  /// A former run's controller, which is about to end, or one that was never ordered to launch, which ends because its
  /// daemon has: what is to be done follows from what it leaves behind.
  func awaitRelease(_ link: ControllerLink) {
    link.connection?.close()
    awaitRelease(link, attempt: 0)
  }

  private func awaitRelease(_ link: ControllerLink, attempt: Int64) {
    guard directory(link.guest).isHeld() else { return input(.released, link.run) }
    if attempt * 10 == Self.farewellMillis { _ = try? link.process?.signal(9) }
    after(10) { $0.awaitRelease(link, attempt: attempt + 1) }
  }

  // MARK: Leftovers

  /// Ends controllers of earlier daemons that should have gone: the lock that they hold is of no run directory any more.
  func endLingering() {
    let lingering = fence.killControllers(holdingNoneOf: heldLocks, except: knownProcesses)
    if lingering > 0 { logger.warning("killed controllers of ended runs", metadata: ["processes": "\(lingering)"]) }
  }

  /// Waits for controllers whose run's end is stored and that are still cleaning up: nothing else removes their groups.
  func seeOff(isolation: isolated (any _Concurrency.Actor)? = #isolation) async {
    for _ in 0..<Self.farewellMillis / 20 + 10 where areLeaving {
      try? await Task.sleep(for: .milliseconds(20))
    }
    endLingering()
  }

  private var areLeaving: Bool {
    if links.values.contains(where: { $0.state.phase == .dismissed }) { return true }
    return fence.lingering(holdingNoneOf: heldLocks, except: knownProcesses) > 0
  }

  private var knownProcesses: [Int32] {
    links.values.compactMap { $0.process?.pid } + leftAlone.compactMap { $0.controller?.pid }
  }

  private var heldLocks: [String] { directories.compactMap { $0.name.map { directory($0).lockPath } } }

  /// Removes the cgroups of runs and the run directories of guests that are not known; guests that run under controllers
  /// of their own are left alone.
  ///
  /// - Parameter kept: directories whose ends are not stored yet.
  func removeUnknown(_ guests: [StoredGuest], except kept: Set<String>) {
    for stray in fence.strays(known: RunFence.groupNames(guests)) {
      switch stray.verdict {
      case .remove:
        logger.warning("removed a cgroup that no run has", metadata: ["cgroup": "\(stray.name)"])
        fence.remove(stray)
      case .end:
        logger.warning(
          "killed processes without a controller, in a cgroup that no run has", metadata: ["cgroup": "\(stray.name)"])
        fence.end(stray)
      case .leave: leftAlone.append(stray)
      }
    }
    if let strayNotice { logger.error("\(strayNotice)") }
    let names = Set(guests.map(\.lifecycle.name))
    for (name, path) in directories where !kept.contains(path) && !(name.map(names.contains) ?? false) {
      logger.warning("removed a run directory that no guest has", metadata: ["path": "\(path)"])
      if let name { do { _ = try directory(name).exitRecord() } catch { keepDamaged(name) } }
      try? Files.removeTree(path)
    }
  }

  /// About guests that run here and are not this daemon's, for as long as they do; nil where there are none.
  var strayNotice: String? { StrayGroup.notice(of: fence.lookAgain(at: leftAlone)) }

  // MARK: A daemon without its database

  /// Finds guests by the controllers that live, and asks those what they run.
  func lookAfterWhatRuns() {
    for case (let name?, _) in directories where directory(name).isHeld() {
      Task { [self] in
        do { try await lookAfter(name) } catch {
          logger.error("cannot reach a controller", metadata: ["guest": "\(name)", "error": "\(error)"])
        }
      }
    }
  }

  private func lookAfter(_ name: GuestName) async throws {
    let box = RunBox()
    let connection = try await RPCClientConnection.connect(
      to: directory(name).socketPath, on: eventLoop, configuration: Self.session,
      handlers: .init(
        event: { [self] event in if let run = box.run { heard(event, name, run) } },
        silence: { [self] isSilent in if let run = box.run { input(.silence(isSilent), run) } },
        close: { [self] _ in if let run = box.run { input(.closed, run) } }))
    connection.controllerStatus(deadline: .now() + .seconds(5)) { [self] result in
      switch result {
      case .failure(let error):
        logger.error("a controller does not answer", metadata: ["guest": "\(name)", "error": "\(error)"])
      case .success(let answer):
        guard let run = RunID(answer.reply.run), let reply = answer.reply.launched else { return connection.close() }
        box.run = run
        let launched = GuestLifecycle.Launched(reply)
        let link = ControllerLink(
          guest: name, run: run, state: .adopted(launched), connection: connection,
          process: try? ProcessHandle(opening: connection.peer.pid), isChild: false)
        link.version = answer.version
        links[run] = link
        report(name, run, .found(launched))
      }
    }
  }
}

/// The run that a connection turned out to belong to. Touched on the event loop only.
private final class RunBox: @unchecked Sendable {
  var run: RunID?
}
