internal import Guest
internal import GuestStore
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import Supervision

// Facts in: what is found at the start, what controllers report, what a second brings, and the end of the daemon.

extension Guests {
  func heard(_ fact: ControllerFact, _ run: RunID, _ name: GuestName) {
    // Of a guest that is gone nothing will be acknowledged.
    if book[name] == nil { controllers.forget(run) }
    switch fact {
    case .launched(let launched): note(name) { lifecycle, _ in lifecycle.launched(run, launched) }
    case .startFailed(let failure):
      ended(
        Recovery.record(
          ofFailedStart: run, name, failure, orders: present(run, name)?.orders ?? EndOrders(), now: now.wall,
          boot: environment.boot))
    case .ended(var record, let fence):
      if let fence, let present = present(run, name) { record.add(present.orders, fence: fence) }
      ended(record)
    case .endedUntold(let end, let seen):
      // With the orders that came meanwhile.
      guard let present = present(run, name), let lifecycle = book[name]?.current.lifecycle else {
        return controllers.forget(run)
      }
      ended(
        Recovery.record(
          of: present, name, end, seen: seen, wasSilent: lifecycle.degraded, now: now, boot: environment.boot))
    case .givenUp(let order): note(name) { lifecycle, _ in lifecycle.orderGivenUp(run, number: order) }
    case .silent(let isSilent):
      if present(run, name) != nil { note(name) { lifecycle, _ in lifecycle.degraded(isSilent) } }
    case .stuck(let tasks):
      note(name) { lifecycle, _ in lifecycle.stuck(tasks) }
      calls.stuck(tasks, of: name, now: now.boot)
    case .introduced(let status):
      guard let phase = book[name]?.current.lifecycle.phase else { return }
      let adoption = Recovery.adoption(phase, status)
      controllers.resolve(run, adoption)
      guard case .adopt(let orders) = adoption, let present = present(run, name) else { return }
      for order in orders { perform(.stop(present, order), name) }
    case .unwatched:
      guard let lifecycle = book[name]?.current.lifecycle, lifecycle.run?.id == run else {
        return controllers.forget(run)
      }
      controllers.carryOut(Recovery.verdict(lifecycle.phase, controllers.observe(name, run)), lifecycle)
    case .found(let launched): show(run, name, launched)
    }
  }

  private func ended(_ record: ExitRecord) {
    note(record.guest) { lifecycle, context in lifecycle.ended(record, context) }
  }

  // MARK: The start of the daemon

  /// The first thing a daemon does.
  ///
  /// - Parameter formerBoot: the boot in which the state was last stored.
  func recover(formerBoot: BootID?) {
    let survey = RunSurvey(of: book, formerBoot: formerBoot, boot: environment.boot, controllers, storage)
    take(book.note([survey.started], .fact, at: now.wall))
    logs.takeOver()
    for (event, directory) in survey.unknownEnds {
      logger.warning("the end of a run that the database does not know", metadata: ["path": "\(directory)"])
      let stored = eventLoop.makePromise(of: Void.self)
      stored.futureResult.whenSuccess { try? Files.removeTree(directory) }
      take(book.note([event], .fact, at: now.wall), nil, stored)
    }
    for record in survey.plan.ends { ended(record) }
    controllers.removeUnknown(book.all.map(\.current), except: Set(survey.unknownEnds.map(\.directory)))
    for (name, verdict) in survey.plan.rest.sorted(by: { $0.key < $1.key }) {
      if let lifecycle = book[name]?.current.lifecycle { controllers.carryOut(verdict, lifecycle) }
    }
    for name in book.names.sorted() { note(name) { $0.daemonStarted(hostBooted: survey.hostBooted, $1) } }
    storage.restoreReserve()
    startHeartbeat()
    controllers.after(Controllers.farewellMillis) { $0.endLingering() }
  }

  /// The first thing a daemon does that cannot use its database.
  func lookAfterWhatRuns() {
    controllers.lookAfterWhatRuns()
    startHeartbeat()
  }

  /// Shows a guest that runs and is not known.
  private func show(_ run: RunID, _ name: GuestName, _ launched: GuestLifecycle.Launched) {
    guard present(run, name) == nil else { return }
    book.insert(StoredGuest(lifecycle: .found(name, run, launched), createdAt: now.wall))
  }

  // MARK: Every second

  private func startHeartbeat() {
    heartbeat = eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { [self] _ in
      onLoop { $0.secondPassed() }
    }
  }

  private func secondPassed() {
    journal.tick(now: now)
    storage.secondPassed(isSettled: book.isSettled)
    for guest in book.all {
      if case .stopping(let run) = guest.current.lifecycle.phase { controllers.secondPassed(run.id) }
    }
  }

  func pruneNowAndThen() async {
    let retention = environment.configuration.retention
    await storage.pruneNowAndThen(
      retention, tooOld: { noteAged($0, retention) }, pruned: { journal.pruned(oldest: $0.oldest) })
  }

  /// Very many rows are too old at once: it may be that the clock was wrong, and the journal itself has to say so.
  private func noteAged(_ rows: ClosedRange<UInt64>, _ retention: Retention) {
    let text =
      "retention dropped events \(rows.lowerBound) to \(rows.upperBound) for their age, and more are older than "
      + "\(retention.ageSeconds / 86_400) days by the present clock"
    logger.notice("\(text)")
    take(book.note([GuestEvent(.daemon, guest: nil, by: .daemon, message: text)], .fact, at: now.wall))
  }

  // MARK: The end of the daemon

  /// Takes no more requests, stores what is decided, and lets go of the controllers, whose guests run on.
  func shutDown() async {
    isShuttingDown = true
    heartbeat?.cancel()
    timers.disarmAll()
    controllers.prepareToLetGo()
    let stored = eventLoop.makePromise(of: Void.self)
    let stopped = GuestEvent(.daemon, guest: nil, by: .daemon, message: "stopped")
    take(book.note([stopped], .request, at: now.wall), nil, stored)
    // A disk that hangs must not keep the daemon: what is not stored by then is found again by the next one.
    let patience = eventLoop.scheduleTask(in: .seconds(2)) {
      stored.fail(GuestError(.timedOut, "store the end of the daemon: the disk does not answer"))
    }
    _ = try? await stored.futureResult.get()
    patience.cancel()
    if !storage.isRescue { await controllers.seeOff() }
    controllers.letGo()
  }
}
