internal import Guest
internal import GuestStore
internal import GuestWire
internal import Layout
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import RPC
internal import RPCNIO
internal import Supervision
internal import WireProtocol
internal import XDR

// Bringing the stored state and the world together, after a start of the daemon and after a controller was lost. What is
// done about what is found is the table in `Recovery`; here it is looked for and done.
//
// Records are imported in the order in which the runs ended, so that the journal has them in that order.

extension Guests {
  /// The first thing a daemon does. `formerBoot`: the boot in which the state was last stored.
  func recover(formerBoot: BootID?) {
    let hostBooted = formerBoot != environment.boot
    take(
      book.note(
        [
          GuestEvent(
            .daemon, guest: nil, by: .daemon, message: hostBooted ? "started after a boot of the host" : "started")
        ], .fact, at: now.wall))

    goneLogs.takeOver()
    let unknownEnds = tellUnknownEnds()
    var records: [ExitRecord] = []
    var others: [(GuestName, Recovery.Verdict)] = []
    for name in book.names.sorted() {
      guard let guest = book[name] else { continue }
      let directory = RunDirectory(runs: environment.paths.runs, guest: name)
      switch Recovery.verdict(guest.current.lifecycle.phase, observe(name, hostBooted: hostBooted)) {
      case .importRecord: if let record = (try? directory.exitRecord()) ?? nil { records.append(record) }
      case .clear where unknownEnds.contains(directory.path): break
      case .end(.hostReset):
        if let run = guest.current.lifecycle.run { records.append(record(of: run, name, .hostReset, from: formerBoot)) }
      case let verdict: others.append((name, verdict))
      }
    }
    for record in records.sorted(by: { $0.endedAt < $1.endedAt }) { ended(record) }
    removeUnknown(except: unknownEnds)
    for (name, verdict) in others { act(verdict, name) }
    for name in book.names.sorted() { note(name) { $0.daemonStarted(hostBooted: hostBooted, $1) } }
    restoreReserve()
    startWatchdog()
    _ = eventLoop.scheduleTask(in: .milliseconds(Self.farewellMillis)) { self.onLoop { $0.endLingering() } }
  }

  /// What the host has of a guest's present run.
  private func observe(_ name: GuestName, hostBooted: Bool = false) -> Recovery.Found {
    let directory = RunDirectory(runs: environment.paths.runs, guest: name)
    var found = Recovery.Found.Directory.none
    if directory.isHeld() {
      found = .held
    } else if directory.exists {
      do { found = .free(record: try directory.exitRecord()?.run) } catch {
        logger.error("an exit record cannot be read", metadata: ["guest": "\(name)", "error": "\(error)"])
        found = .damaged
      }
    }
    let run = book[name]?.current.lifecycle.run?.id
    return Recovery.Found(
      directory: found, cgroup: run.map { fence.cgroup(of: name, $0) } ?? .absent, hostBooted: hostBooted,
      wasOrdered: run.map { ordered.contains($0) } ?? false, mark: directory.initExecuted)
  }

  /// Looks again at a run to whose controller there is no connection.
  func settle(_ run: RunID, _ name: GuestName) {
    guard let guest = book[name], guest.current.lifecycle.run?.id == run else { return }
    act(Recovery.verdict(guest.current.lifecycle.phase, observe(name)), name)
  }

  private func act(_ verdict: Recovery.Verdict, _ name: GuestName) {
    let directory = RunDirectory(runs: environment.paths.runs, guest: name)
    let run = book[name]?.current.lifecycle.run
    switch verdict {
    case .nothing: break
    case .clear(let killsController):
      if killsController { _ = fence.killController(holding: directory.lockPath) }
      removeLeftover(name, directory, attempt: 0)
    case .ask:
      guard let run else { break }
      if unreachedDeadlines[run.id] == nil { unreachedDeadlines[run.id] = answerDeadline(name) }
      adopt(run, name, directory)
    case .importRecord:
      guard let run, var record = (try? directory.exitRecord()) ?? nil else { break }
      if let because = lastSeen.removeValue(forKey: run.id)?.endingFence { record.add(run.orders, fence: because) }
      let whole = record
      // Its controller may have died before it cleaned up.
      fence.kill(name, run.id)
      waitUntilFenced(name, run.id, attempt: 0) { $0.ended(whole) }
    case .end(let end):
      guard let run else { break }
      switch end {
      case .recordUnreadable: keepDamaged(directory, name)
      case .hostReset, .controllerLost, .controllerUnreachable, .nothingFound, .notExecuted: break
      }
      finish(run, name, end)
    case .launch:
      guard let run else { break }
      logger.notice(
        "a start that was decided is carried out", metadata: ["guest": "\(name)", "run": "\(run.id.short)"])
      perform(.launch(run), name)
    }
  }

  /// A record that cannot be read is kept beside the database: it is all that there is of that end.
  private func keepDamaged(_ directory: RunDirectory, _ name: GuestName) {
    let kept = "\(environment.paths.state)/exit-\(name).damaged-\(Clock.wallNanoseconds / 1_000_000_000)"
    do {
      try Files.copy(directory.recordPath, to: kept)
      logger.error("an exit record is damaged", metadata: ["guest": "\(name)", "kept": "\(kept)"])
    } catch {
      logger.error("cannot keep a damaged exit record", metadata: ["guest": "\(name)", "error": "\(error)"])
    }
  }

  /// Ends a run that nothing tells the end of, once nothing of it is left.
  private func finish(_ run: GuestLifecycle.Run, _ name: GuestName, _ end: Recovery.UntoldEnd) {
    logger.warning("a run without the word of its end", metadata: ["guest": "\(name)", "run": "\(run.id.short)"])
    CrashPoint.reach("daemon.lost.before-fence")
    fence.kill(name, run.id)
    waitUntilFenced(name, run.id, attempt: 0) { manager in
      // With the orders that came meanwhile.
      var present = run
      if let known = manager.book[name]?.current.lifecycle.run, known.id == run.id { present = known }
      manager.ended(manager.record(of: present, name, end))
    }
  }

  /// The facts of an end that no record tells, as far as they were seen.
  ///
  /// - Parameter formerBoot: the boot in which the run began, where the host has booted since.
  private func record(
    of run: GuestLifecycle.Run, _ name: GuestName, _ end: Recovery.UntoldEnd, from formerBoot: BootID? = nil
  ) -> ExitRecord {
    let moment = now
    let boot = environment.boot
    let seen = lastSeen.removeValue(forKey: run.id) ?? LastSeen()
    let wasSilent = book[name]?.current.lifecycle.degraded ?? false
    let length = run.launched.map { moment.boot.since($0.at.boot) } ?? 0
    var facts: EndFacts
    func withoutWord(_ fence: Fence) -> EndFacts {
      EndFacts(
        initExecuted: run.launched == nil ? .notKnown : .yes, status: seen.status, rebootWatched: false, fence: fence,
        startBoot: boot, endBoot: boot)
    }
    switch end {
    case .hostReset:
      facts = EndFacts(
        initExecuted: run.launched == nil ? .notKnown : .yes, rebootWatched: false, startBoot: formerBoot ?? .zero,
        endBoot: boot)
    case .controllerLost: facts = withoutWord(seen.fence ?? .controllerDied)
    case .controllerUnreachable: facts = withoutWord(.controllerUnreachable)
    case .recordUnreadable: facts = withoutWord(.recordUnreadable)
    case .nothingFound: facts = withoutWord(.nothingFound)
    case .notExecuted:
      let failure = StartFailure(
        step: "launch", errno: 0, message: "launch: the controller died before it executed init")
      facts = EndFacts(initExecuted: .no, startFailure: failure, startBoot: boot, endBoot: boot)
    }
    facts.orders = run.orders
    facts.endSeen = Recovery.isEndSeen(
      end, watched: ordered.contains(run.id) && !wasSilent, status: seen.status, hadEnded: seen.hadEnded)
    var record = ExitRecord(
      guest: name, run: run.id, boot: boot, facts: facts, startedAt: run.launched?.at.wall, endedAt: moment.wall,
      lengthNanos: facts.endSeen ? length : 0)
    if let because = seen.endingFence { record.add(run.orders, fence: because) }
    return record
  }

  /// Ends controllers of earlier daemons that should have gone: the lock that they hold is of no run directory any more.
  func endLingering() {
    let lingering = fence.killControllers(holdingNoneOf: heldLocks, except: links.values.compactMap { $0.process?.pid })
    if lingering > 0 { logger.warning("killed controllers of ended runs", metadata: ["processes": "\(lingering)"]) }
  }

  /// Controllers whose run's end is acknowledged, and that are still cleaning up: nobody else removes their groups.
  var areControllersLeaving: Bool {
    if links.values.contains(where: \.isDismissed) { return true }
    return fence.lingering(holdingNoneOf: heldLocks, except: links.values.compactMap { $0.process?.pid }) > 0
  }

  private var heldLocks: [String] {
    ((try? Files.list(environment.paths.runs)) ?? []).compactMap { entry in
      (try? GuestName(entry.name)).map { RunDirectory(runs: environment.paths.runs, guest: $0).lockPath }
    }
  }

  /// Removes the directory of a guest that has no run, once its controller is gone.
  private func removeLeftover(_ name: GuestName, _ directory: RunDirectory, attempt: Int) {
    guard directory.exists, book[name]?.current.lifecycle.run == nil else { return }
    guard directory.isHeld() else {
      try? directory.remove()
      return
    }
    guard attempt < 50 else { return }
    _ = eventLoop.scheduleTask(in: .milliseconds(20)) {
      self.onLoop { $0.removeLeftover(name, directory, attempt: attempt + 1) }
    }
  }

  // MARK: Adoption

  /// How long a controller from before may take to be reached. One whose guest runs may take for ever: it holds the truth
  /// about it.
  private func answerDeadline(_ name: GuestName) -> BootTime? {
    switch book[name]?.current.lifecycle.phase {
    case .starting: now.boot.adding(milliseconds: environment.configuration.launchMillis)
    case .stopping(let run, _): run.orders.current.flatMap { stopDeadline(of: $0, run.spec.stop) }
    case .running, .stopped, .waiting, nil: nil
    }
  }

  private func adopt(_ run: GuestLifecycle.Run, _ name: GuestName, _ directory: RunDirectory, attempt: Int = 0) {
    let handlers = handlers(run.id, name)
    Task { [eventLoop] in
      do {
        let connection = try await RPCClientConnection.connect(
          to: directory.socketPath, on: eventLoop, configuration: Self.controllerSession, handlers: handlers)
        adopt(run, name, connection)
      } catch {
        cannotAdopt(run, name, directory, attempt, error)
      }
    }
  }

  private func cannotAdopt(
    _ run: GuestLifecycle.Run, _ name: GuestName, _ directory: RunDirectory, _ attempt: Int, _ error: any Error
  ) {
    guard let guest = book[name], guest.current.lifecycle.run?.id == run.id else { return }
    let isOverdue = unreachedDeadlines[run.id].map { $0 < now.boot } ?? false
    // It lived a moment ago. Either it has ended since, or it is not listening yet, or it hangs: look again.
    if !directory.isHeld() {
      unreachedDeadlines[run.id] = nil
      if isOverdue { lastSeen[run.id, default: LastSeen()].fence = overdue(guest.current.lifecycle) }
      return settle(run.id, name)
    }
    if let deadline = unreachedDeadlines[run.id], isOverdue {
      if lastSeen[run.id] == nil {
        lastSeen[run.id, default: LastSeen()].look(overdue(guest.current.lifecycle), unreapedStatus(run.id, name))
      }
      fence.kill(name, run.id)
      // The controller goes last: until then the kernel shows how init ended.
      if fence.isEmpty(name, run.id) || now.boot.since(deadline) > 2_000_000_000 {
        if lastSeen[run.id]?.status == nil { lastSeen[run.id]?.status = unreapedStatus(run.id, name) }
        let killed = fence.killController(holding: directory.lockPath)
        logger.warning(
          "killed a controller that could not be reached", metadata: ["guest": "\(name)", "processes": "\(killed)"])
      }
    }
    if attempt == 5 {
      logger.warning("cannot reach a controller", metadata: ["guest": "\(name)", "error": "\(error)"])
      note(name) { lifecycle, _ in lifecycle.degraded(true) }
    }
    _ = eventLoop.scheduleTask(in: .milliseconds(min(20 << Int64(min(attempt, 6)), 1000))) {
      self.onLoop { $0.adopt(run, name, directory, attempt: attempt + 1) }
    }
  }

  /// What was not done in time by a controller that could not be reached.
  private func overdue(_ lifecycle: GuestLifecycle) -> Fence? {
    switch lifecycle.phase {
    case .stopping(let run, _): run.orders.current.map { .orderOverdue(number: $0.number) }
    case .starting: .launchOverdue
    case .running, .stopped, .waiting: nil
    }
  }

  private func adopt(_ run: GuestLifecycle.Run, _ name: GuestName, _ connection: RPCClientConnection) {
    guard book[name]?.current.lifecycle.run?.id == run.id else { return connection.close() }
    let link = ControllerLink(
      guest: name, run: run.id, connection: connection, process: try? ProcessHandle(opening: connection.peer.pid),
      isChild: false)
    links[run.id] = link
    // It listens, which is not to say that it answers.
    link.stopDeadline = unreachedDeadlines.removeValue(forKey: run.id)
    var deadline: NIODeadline?
    if case .starting? = book[name]?.current.lifecycle.phase {
      deadline = .now() + .milliseconds(Int64(environment.configuration.launchMillis))
    }
    connection.controllerStatus(deadline: deadline) { result in
      self.onLoop { $0.adopted(run.id, result) }
    }
  }

  private func adopted(_ run: RunID, _ result: Result<ControllerStatus, RPCCallError>) {
    guard let link = links[run], let phase = book[link.guest]?.current.lifecycle.phase else { return }
    let answer: ControllerStatus
    switch result {
    case .success(let found): answer = found
    case .failure(let error):
      if case .starting = phase { noAnswer(error, link) }
      return
    }
    let status = answer.reply
    link.version = answer.version
    let orders = EndOrders(status.orders)
    let current = book[link.guest]?.current.lifecycle.run?.orders.current
    switch Recovery.adoption(
      phase,
      .init(
        run: RunID(status.run) ?? .zero, phase: .init(status.phase), hasOrder: current.map { answer.has($0) } ?? false))
    {
    case .dismiss:
      logger.notice("a controller that has only to go", metadata: ["guest": "\(link.guest)"])
      return waitUntilGone(link, attempt: 0)
    case .adopt(let order):
      logger.notice("adopted a controller", metadata: ["guest": "\(link.guest)", "phase": "\(status.phase)"])
      if let ended = status.ended, let record = try? ExitRecord(ended) {
        link.hasEnded = true
        return self.ended(record)
      }
      ordered.insert(run)
      if let reply = status.launched { launched(link.run, link.guest, reply) }
      for order in orders.kept where order.givenUp {
        note(link.guest) { lifecycle, _ in lifecycle.orderGivenUp(link.run, number: order.number) }
      }
      if let order, let run = book[link.guest]?.current.lifecycle.run { perform(.stop(run, order), link.guest) }
    }
  }

  /// A former run's controller, which is about to end, or one that was never told to launch, which ends because its daemon
  /// has: what is to be done follows from what it leaves behind.
  private func waitUntilGone(_ link: ControllerLink, attempt: Int64) {
    links[link.run] = nil
    link.hasEnded = true
    link.connection.close()
    let directory = RunDirectory(runs: environment.paths.runs, guest: link.guest)
    guard directory.isHeld() else { return settle(link.run, link.guest) }
    if attempt * 10 == Self.farewellMillis { _ = try? link.process?.signal(9) }
    let sending = UnsafeTransfer(link)
    _ = eventLoop.scheduleTask(in: .milliseconds(10)) {
      self.onLoop { $0.waitUntilGone(sending.value, attempt: attempt + 1) }
    }
  }

  // MARK: Leftovers

  /// Tells the ends of runs that the database does not know, because it is an old copy.
  /// - Returns: their run directories, which go when that is stored.
  private func tellUnknownEnds() -> Set<String> {
    var found: [(record: ExitRecord, path: String)] = []
    for entry in (try? Files.list(environment.paths.runs)) ?? [] where entry.kind == .directory {
      guard let name = try? GuestName(entry.name) else { continue }
      let directory = RunDirectory(runs: environment.paths.runs, guest: name)
      guard let record = (try? directory.exitRecord()) ?? nil,
        book[name]?.current.lifecycle.run?.id != record.run, isUnknown(record, name)
      else { continue }
      found.append((record, directory.path))
    }
    for (record, path) in found.sorted(by: { $0.record.endedAt < $1.record.endedAt }) {
      logger.warning("the end of a run that the database does not know", metadata: ["path": "\(path)"])
      let event = GuestEvent(
        .state, guest: record.guest, run: record.run, from: .running,
        to: book[record.guest]?.current.lifecycle.state ?? .stopped, by: .daemon,
        message: "a run that the database does not know", ended: record)
      let stored = eventLoop.makePromise(of: Void.self)
      stored.futureResult.whenSuccess { try? Files.removeTree(path) }
      take(book.note([event], .fact, at: now.wall), stored)
    }
    return Set(found.map(\.path))
  }

  private func isUnknown(_ record: ExitRecord, _ name: GuestName) -> Bool {
    do {
      if try writer.store.run(record.run) != nil { return false }
      return try !writer.store.journalTells(endOf: record.run, of: name)
    } catch {
      logger.error("cannot look for a run", metadata: ["guest": "\(name)", "error": "\(error)"])
      return true
    }
  }

  /// Cgroups of runs and run directories of guests that nobody knows.
  private func removeUnknown(except kept: Set<String>) {
    fence.removeUnknown(known: RunFence.groupNames(book.all.map(\.current))) { [logger] group in
      logger.warning("removed a cgroup that no run has", metadata: ["cgroup": "\(group)"])
    }
    guard let entries = try? Files.list(environment.paths.runs) else { return }
    for entry in entries where entry.kind == .directory {
      if let name = try? GuestName(entry.name), book[name] != nil { continue }
      let path = environment.paths.runs + "/" + entry.name
      if kept.contains(path) { continue }
      logger.warning("removed a run directory that no guest has", metadata: ["path": "\(path)"])
      if let name = try? GuestName(entry.name) {
        let directory = RunDirectory(runs: environment.paths.runs, guest: name)
        do { _ = try directory.exitRecord() } catch { keepDamaged(directory, name) }
      }
      try? Files.removeTree(path)
    }
  }

  // MARK: Watching controllers

  func startWatchdog() {
    watchdog = eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
      self.onLoop { $0.probe() }
    }
  }

  /// Sees to orders that were not carried out, and asks about tasks that do not end.
  private func probe() {
    let moment = now.boot
    journal.tick(now: now)
    lookForSpace()
    checkDatabase()
    for name in book.names {
      guard let guest = book[name], case .stopping(let run, _) = guest.current.lifecycle.phase,
        let order = run.orders.current,
        let link = links[run.id], !link.hasEnded
      else { continue }
      let isLate = link.stopDeadline.map { $0 < moment } ?? false
      // Asked a second ago, at least, and it has not answered.
      if isLate, link.isSilent || link.isProbing {
        destroyLate(link, for: order)
        continue
      }
      guard !link.isProbing, !link.isSilent else { continue }
      link.isProbing = true
      link.connection.controllerStatus { result in
        self.onLoop { manager in
          guard let link = manager.links[run.id] else { return }
          link.isProbing = false
          guard !link.hasEnded else { return }
          if case .success(let answer) = result {
            let status = answer.reply
            manager.noteStuck(status.stuckTasks, of: name)
            // It did all that can be done.
            if isLate, !status.stuckTasks.isEmpty { link.stopDeadline = manager.now.boot.adding(milliseconds: 5_000) }
            if isLate, status.stuckTasks.isEmpty { manager.destroyLate(link, for: order) }
          } else if isLate {
            manager.destroyLate(link, for: order)
          }
        }
      }
    }
  }

  private func destroyLate(_ link: ControllerLink, for order: EndOrder) {
    logger.warning("a controller did not carry out a stop", metadata: ["guest": "\(link.guest)"])
    link.stopDeadline = nil
    destroy(link, because: .orderOverdue(number: order.number))
  }
}

extension Recovery.Status.Phase {
  fileprivate init(_ wire: Wire.ControllerPhase) {
    switch wire {
    case .idle: self = .idle
    case .launching: self = .launching
    case .running: self = .running
    case .stopping: self = .stopping
    case .ended: self = .ended
    // A newer controller's: it lives, and is asked again when its guest is stopped.
    case .unknown: self = .running
    }
  }
}
