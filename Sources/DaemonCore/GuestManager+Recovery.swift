internal import Guest
internal import GuestStore
internal import GuestWire
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import RPC
internal import RPCNIO
internal import WireProtocol
internal import XDR

// What a daemon does first: finds out what happened while there was none.
//
//   run directory, lock held          the controller lives      -> connect, ask, adopt
//   run directory, lock free, record  it wrote the end down     -> import it
//   run directory, lock free          it died without a word    -> fence, controllerLost
//   no run directory                  host reset, or the end was stored already, or nothing was spawned
//
// Records are imported in the order in which the runs ended, so that the journal tells them so.

extension GuestManager {
  /// Brings the stored state and the world together. `formerBoot`: the boot in which the state was last stored.
  func recover(formerBoot: BootID?) {
    let hostBooted = formerBoot != environment.boot
    enqueue(
      PendingChange(
        change: Change(
          guest: nil, record: .none,
          events: [
            GuestEvent(
              .daemon, guest: nil, by: .daemon, message: hostBooted ? "started after a boot of the host" : "started")
          ],
          time: now.wall),
        snapshot: nil, effects: [], isRequest: false))

    let unknownEnds = tellUnknownEnds()
    var records: [ExitRecord] = []
    var lost: [(RunID, GuestName, wasLaunched: Bool)] = []
    for (name, guest) in guests.sorted(by: { $0.key < $1.key }) {
      let directory = RunDirectory(runs: environment.paths.runs, guest: name)
      guard let run = guest.current.lifecycle.run else {
        // Its end is stored, or its start was not; a death came between that and what follows.
        if unknownEnds.contains(directory.path) { continue }
        if directory.isHeld() { _ = fence.killController(holding: directory.lockPath) }
        removeLeftover(name, directory, attempt: 0)
        continue
      }
      let wasLaunched = run.launched != nil
      if directory.isHeld() {
        unreachedDeadlines[run.id] = answerDeadline(guest.current)
        adopt(run, name, directory)
      } else if let record = (try? directory.exitRecord()) ?? nil, record.run == run.id {
        records.append(record)
      } else if hostBooted {
        records.append(hostReset(run, name, from: formerBoot))
      } else if directory.exists || wasLaunched || !fence.isEmpty(name, run.id) {
        lost.append((run.id, name, wasLaunched))
      } else {
        records.append(neverSpawned(run, name))
      }
    }
    for record in records.sorted(by: { $0.endedAt < $1.endedAt }) { ended(record) }
    removeUnknown(except: unknownEnds)
    for (run, name, wasLaunched) in lost { settle(run, name, wasLaunched: wasLaunched) }
    for name in guests.keys.sorted() { note(name) { $0.daemonStarted(hostBooted: hostBooted, $1) } }
    writer.perform { [logger] store in
      do { try store.noteBoot() } catch { logger.error("cannot note the boot", metadata: ["error": "\(error)"]) }
    }
    restoreReserve()
    startWatchdog()
    _ = eventLoop.scheduleTask(in: .milliseconds(Self.farewellMillis)) { self.onLoop { $0.endLingering() } }
  }

  /// Ends controllers of earlier daemons that should have gone: the lock that they hold is of no run directory any more.
  func endLingering() {
    let locks = ((try? Files.list(environment.paths.runs)) ?? []).compactMap { entry in
      (try? GuestName(entry.name)).map { RunDirectory(runs: environment.paths.runs, guest: $0).lockPath }
    }
    let ours = links.values.compactMap { $0.process?.pid }
    let lingering = fence.killControllers(holdingNoneOf: locks, except: ours)
    if lingering > 0 { logger.warning("killed controllers of ended runs", metadata: ["processes": "\(lingering)"]) }
  }

  /// Removes the directory of a guest that has no run, once its controller is gone.
  private func removeLeftover(_ name: GuestName, _ directory: RunDirectory, attempt: Int) {
    guard directory.exists, guests[name]?.current.lifecycle.run == nil else { return }
    guard directory.isHeld() else {
      try? directory.remove()
      return
    }
    guard attempt < 50 else { return }
    _ = eventLoop.scheduleTask(in: .milliseconds(20)) {
      self.onLoop { $0.removeLeftover(name, directory, attempt: attempt + 1) }
    }
  }

  private func hostReset(_ run: GuestLifecycle.Run, _ name: GuestName, from formerBoot: BootID?) -> ExitRecord {
    ExitRecord(
      guest: name, run: run.id, boot: environment.boot,
      facts: EndFacts(
        initExecuted: run.launched == nil ? .notKnown : .yes, rebootWatched: false, orders: run.orders,
        startBoot: formerBoot ?? .zero, endBoot: environment.boot),
      startedAt: run.launched?.at.wall, endedAt: now.wall, lengthNanos: 0)
  }

  private func neverSpawned(_ run: GuestLifecycle.Run, _ name: GuestName) -> ExitRecord {
    let failure = StartFailure(
      step: "spawn the controller", errno: 0, message: "spawn the controller: the daemon ended before it could")
    return ExitRecord(
      guest: name, run: run.id, boot: environment.boot,
      facts: EndFacts(
        initExecuted: .no, startFailure: failure, orders: run.orders, startBoot: environment.boot,
        endBoot: environment.boot),
      startedAt: nil, endedAt: now.wall, lengthNanos: 0)
  }

  // MARK: Adoption

  /// How long a controller from before may take to be reached. One whose guest runs may take for ever: it holds the truth
  /// about it.
  private func answerDeadline(_ guest: StoredGuest) -> BootTime? {
    switch guest.lifecycle.phase {
    case .starting: now.boot.adding(milliseconds: environment.configuration.launchMillis)
    case .stopping(let run, _): run.orders.current.flatMap { stopDeadline(of: $0, run.spec.stop) }
    case .running, .stopped, .waiting: nil
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
    guard let guest = guests[name], guest.current.lifecycle.run?.id == run.id else { return }
    // It lived a moment ago. Either it has ended since, or it is not listening yet, or it hangs: look again.
    if !directory.isHeld() {
      let isOverdue = unreachedDeadlines.removeValue(forKey: run.id).map { $0 < now.boot } ?? false
      return settle(
        run.id, name, wasLaunched: run.launched != nil, fence: isOverdue ? overdue(guest.current.lifecycle) : nil,
        status: unreachedStatuses.removeValue(forKey: run.id))
    }
    if let deadline = unreachedDeadlines[run.id], deadline < now.boot {
      fence.kill(name, run.id)
      // The controller goes last: until then the kernel shows how init ended.
      if fence.isEmpty(name, run.id) || now.boot.since(deadline) > 2_000_000_000 {
        unreachedStatuses[run.id] = unreapedStatus(run.id, name)
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
    guard guests[name]?.current.lifecycle.run?.id == run.id else { return connection.close() }
    let link = ControllerLink(
      guest: name, run: run.id, connection: connection, process: try? ProcessHandle(opening: connection.peer.pid),
      isChild: false)
    link.isLaunched = run.launched != nil
    links[run.id] = link
    // It listens, which is not to say that it answers.
    link.stopDeadline = unreachedDeadlines.removeValue(forKey: run.id)
    var deadline: NIODeadline?
    if case .starting? = guests[name]?.current.lifecycle.phase {
      deadline = .now() + .milliseconds(Int64(environment.configuration.launchMillis))
    }
    connection.controllerStatus(deadline: deadline) { result in
      self.onLoop { $0.adopted(run.id, result) }
    }
  }

  private func adopted(_ run: RunID, _ result: Result<ControllerStatus, RPCCallError>) {
    guard let link = links[run] else { return }
    guard case .success(let answer) = result else {
      if case .starting? = guests[link.guest]?.current.lifecycle.phase { destroy(link, because: .launchOverdue) }
      return
    }
    let status = answer.reply
    link.version = answer.version
    guard status.run == link.run.bytes else {
      logger.error("a controller of another run", metadata: ["guest": "\(link.guest)"])
      return destroy(link)
    }
    logger.notice("adopted a controller", metadata: ["guest": "\(link.guest)", "phase": "\(status.phase)"])
    if let ended = status.ended, let record = try? ExitRecord(ended) {
      link.hasEnded = true
      return self.ended(record)
    }
    if let reply = status.launched {
      link.isLaunched = true
      launched(link.run, link.guest, reply)
    } else if status.phase == .idle {
      // Spawned, but told nothing: the daemon died just then.
      return destroy(link)
    }
    let orders = EndOrders(status.orders)
    for order in orders.kept where order.givenUp {
      note(link.guest) { lifecycle, _ in lifecycle.orderGivenUp(link.run, number: order.number) }
    }
    if case .stopping(let run, _)? = guests[link.guest]?.current.lifecycle.phase, let order = run.orders.current {
      // The controller keeps the deadline of an order it has; it takes over one it never got.
      if order.isForce || !answer.has(order) {
        perform(.stop(run, order), link.guest)
      }
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
        guests[name]?.current.lifecycle.run?.id != record.run, isUnknown(record, name)
      else { continue }
      found.append((record, directory.path))
    }
    for (record, path) in found.sorted(by: { $0.record.endedAt < $1.record.endedAt }) {
      logger.warning("the end of a run that the database does not know", metadata: ["path": "\(path)"])
      let event = GuestEvent(
        .state, guest: record.guest, run: record.run, from: .running,
        to: guests[record.guest]?.current.lifecycle.state ?? .stopped, by: .daemon,
        message: "a run that the database does not know", ended: record)
      enqueue(
        PendingChange(
          change: Change(guest: nil, record: .none, events: [event], time: now.wall), snapshot: nil, effects: [],
          isRequest: false, done: { if case .success = $0 { try? Files.removeTree(path) } }))
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
    fence.removeUnknown(known: RunFence.groupNames(guests.values.map(\.current))) { [logger] group in
      logger.warning("removed a cgroup that no run has", metadata: ["cgroup": "\(group)"])
    }
    guard let entries = try? Files.list(environment.paths.runs) else { return }
    for entry in entries where entry.kind == .directory {
      if let name = try? GuestName(entry.name), guests[name] != nil { continue }
      let path = environment.paths.runs + "/" + entry.name
      if kept.contains(path) { continue }
      logger.warning("removed a run directory that no guest has", metadata: ["path": "\(path)"])
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
    hub.tick(now: now)
    lookForSpace()
    for (name, guest) in guests {
      guard case .stopping(let run, _) = guest.current.lifecycle.phase, let order = run.orders.current,
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
