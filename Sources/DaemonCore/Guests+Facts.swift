internal import Guest
internal import GuestStore
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import Supervision

// Facts in: what is found at the start, what controllers report, what a second brings, and the end of the daemon.

extension Guests {
  func heard(_ fact: ControllerFact, _ run: RunID, _ name: GuestName) {
    for consequence in book.consequences(of: fact, run, name, now: .now, boot: environment.boot) {
      switch consequence {
      case .note(let fact): note(fact, of: name)
      case .forget: controllers.forget(run)
      case .report(let tasks): calls.stuck(tasks, of: name, now: Moment.now.boot)
      case .resolve(let adoption): controllers.resolve(run, adoption)
      case .stop(let order): if let run = book.present(run, of: name) { perform(.stop(run, order), name) }
      case .survey(let lifecycle):
        controllers.carryOut(Recovery.verdict(lifecycle.phase, controllers.observe(name, run)), lifecycle)
      case .show(let guest): book.insert(guest)
      }
    }
  }

  // MARK: The start of the daemon

  /// The first thing a daemon does.
  ///
  /// - Parameter formerBoot: the boot in which the state was last stored.
  func recover(formerBoot: BootID?) {
    let survey = RunSurvey(of: book, formerBoot: formerBoot, boot: environment.boot, controllers, storage)
    note(survey.started)
    logs.takeOver()
    for (event, directory) in survey.unknownEnds {
      logger.warning("the end of a run that the database does not know", metadata: ["path": "\(directory)"])
      let stored = eventLoop.makePromise(of: Void.self)
      stored.futureResult.whenSuccess { try? Files.removeTree(directory) }
      note(event, stored: stored)
    }
    for record in survey.plan.ends { note(.ended(record), of: record.guest) }
    controllers.removeUnknown(book.all.map(\.current), except: Set(survey.unknownEnds.map(\.directory)))
    if let notice = controllers.strayNotice { note(GuestEvent(.daemon, guest: nil, by: .daemon, message: notice)) }
    for (name, verdict) in survey.plan.rest.sorted(by: { $0.key < $1.key }) {
      if let lifecycle = book[name]?.current.lifecycle { controllers.carryOut(verdict, lifecycle) }
    }
    for name in book.sortedNames { note(.daemonStarted(hostBooted: survey.hostBooted), of: name) }
    storage.restoreReserve()
    startHeartbeat()
    controllers.after(Controllers.farewellMillis) { $0.endLingering() }
  }

  /// The first thing a daemon does that cannot use its database.
  func lookAfterWhatRuns() {
    controllers.lookAfterWhatRuns()
    startHeartbeat()
  }

  // MARK: Every second

  private func startHeartbeat() {
    heartbeat = eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { [self] _ in
      onLoop { $0.secondPassed() }
    }
  }

  private func secondPassed() {
    journal.tick(now: .now)
    storage.secondPassed(isSettled: book.isSettled)
    for guest in book.all {
      if case .stopping(let run) = guest.current.lifecycle.phase { controllers.secondPassed(run.id) }
    }
  }

  // MARK: The end of the daemon

  /// Takes no more requests, stores what is decided, and lets go of the controllers, whose guests run on.
  func shutDown() async {
    isShuttingDown = true
    heartbeat?.cancel()
    timers.disarmAll()
    controllers.prepareToLetGo()
    let stored = eventLoop.makePromise(of: Void.self)
    note(GuestEvent(.daemon, guest: nil, by: .daemon, message: "stopped"), stored: stored, .request)
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
