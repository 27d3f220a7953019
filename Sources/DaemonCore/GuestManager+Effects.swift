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

// Carrying out what a lifecycle decided, once it is on the disk.

extension GuestManager {
  func perform(_ effect: GuestLifecycle.Effect, _ name: GuestName) {
    switch effect {
    case .launch(let run): launch(run, name)
    case .stop(let run, let order): stop(run, order, name)
    case .armTimer(let due): armTimer(due, name)
    case .disarmTimer:
      guests[name]?.restartTimer?.cancel()
      guests[name]?.restartTimer = nil
    case .acknowledge(let run): acknowledge(run, name)
    case .delete: removeFiles(of: name)
    }
  }

  // MARK: Launch

  /// Spawns the controller of a run while its start is being stored. Before it is told to launch it makes nothing but a
  /// network namespace of its own, and it ends by itself when we do; so a start that is never stored leaves nothing.
  func prepare(_ run: GuestLifecycle.Run, _ name: GuestName) {
    // What is in the folder may be an end that is not stored yet. Then the launch waits for that, and spawns.
    guard storageFault == nil, rescue == nil, guests[name]?.unstoredEnds.isEmpty == true,
      !RunDirectory(runs: environment.paths.runs, guest: name).exists
    else { return }
    do throws(SystemError) { prepared[run.id] = try spawnController(run, name) } catch {
      // The launch tries again, and tells.
      try? RunDirectory(runs: environment.paths.runs, guest: name).remove()
    }
  }

  /// Ends a controller whose start came to nothing before it was told of it.
  func discard(_ run: RunID, _ name: GuestName) {
    guard let link = prepared.removeValue(forKey: run) else { return }
    link.hasEnded = true
    links[run] = link
    _ = try? link.process?.signal(9)
    try? RunDirectory(runs: environment.paths.runs, guest: name).remove()
  }

  private func launch(_ run: GuestLifecycle.Run, _ name: GuestName) {
    // Overtaken by a stop before there was anything to stop: that effect tells the end.
    guard case .starting(let present)? = guests[name]?.current.lifecycle.phase, present.id == run.id
    else { return discard(run.id, name) }
    let link: ControllerLink
    do throws(SystemError) {
      if let prepared = prepared.removeValue(forKey: run.id) {
        link = prepared
      } else {
        link = try spawnController(run, name)
      }
      links[run.id] = link
    } catch {
      logger.error("cannot spawn a controller", metadata: ["guest": "\(name)", "error": "\(error)"])
      try? RunDirectory(runs: environment.paths.runs, guest: name).remove()
      return endStart(
        run.id, name,
        StartFailure(step: "spawn the controller", errno: error.errno, message: "spawn the controller: \(error)"))
    }
    let args = Wire.LaunchArgs(
      guest: name.value, run: run.id.bytes, spec: .init(run.spec),
      cgroupParent: environment.paths.cgroupParent, logPath: logPath(of: name))
    let deadline = NIODeadline.now() + .milliseconds(Int64(environment.configuration.launchMillis))
    link.connection.call(Controller.Launch.self, args, deadline: deadline) { result in
      self.onLoop { $0.launchAnswered(run.id, name, result) }
    }
  }

  private func spawnController(_ run: GuestLifecycle.Run, _ name: GuestName) throws(SystemError) -> ControllerLink {
    CrashPoint.reach("daemon.launch.before-spawn")
    let directory = RunDirectory(runs: environment.paths.runs, guest: name)
    let (folder, lock) = try directory.create()
    let (ours, theirs) = try UnixSocket.pair()
    var plan = SpawnPlan(
      executable: environment.controllerPath,
      arguments: [
        "lodge-controller", "--guest", name.value, "--fd", "3", "--lock-fd", "4", "--run-dir-fd", "5", "--run-dir",
        directory.path,
      ] + (run.spec.network == .host ? [] : ["--network", "own"]),
      environment: ProcessEnvironment.forControllers)
    plan.descriptors = [(theirs.rawValue, 3), (lock.fd.rawValue, 4), (folder.rawValue, 5), (2, 2)]
    // Outside our process group and session, and outside our unit's cgroup: what ends us must not end guests.
    plan.newSession = true
    let cgroup = fence.controllersGroup()
    plan.cgroup = cgroup?.rawValue
    let process = try plan.run()
    let connection = try RPCClientConnection.adopt(
      ours, on: eventLoop, configuration: Self.controllerSession, handlers: handlers(run.id, name))
    CrashPoint.reach("daemon.launch.spawned")
    return ControllerLink(guest: name, run: run.id, connection: connection, process: process, isChild: true)
  }

  /// A silent controller is told of, never cut off: it holds the truth about its guest.
  static let controllerSession: ClientSession.Configuration = {
    var configuration = ClientSession.Configuration()
    configuration.keepalive = KeepaliveSettings(interval: 2_000_000_000, count: 1, closes: false)
    return configuration
  }()

  func handlers(_ run: RunID, _ name: GuestName) -> RPCClientConnection.Handlers {
    RPCClientConnection.Handlers(
      event: { event in self.onLoop { $0.heard(event, name, run) } },
      silence: { isSilent in self.onLoop { $0.silence(isSilent, name, run) } },
      close: { _ in self.onLoop { $0.closed(run) } })
  }

  private func silence(_ isSilent: Bool, _ name: GuestName, _ run: RunID) {
    links[run]?.isSilent = isSilent
    guard guests[name]?.current.lifecycle.run?.id == run else { return }
    note(name) { lifecycle, _ in lifecycle.degraded(isSilent) }
  }

  private func launchAnswered(_ run: RunID, _ name: GuestName, _ result: Result<Wire.LaunchReply, RPCCallError>) {
    guard let link = links[run] else { return }
    link.isLaunched = true
    switch result {
    case .success(let reply): launched(run, name, reply)
    case .failure(.remote(let body)):
      let error = GuestError(body)
      link.hasEnded = true
      endStart(
        run, name,
        StartFailure(step: error.step ?? "launch", errno: error.errno ?? 0, message: error.message), link: link)
    case .failure(let error):
      // Its end is told by the close of the connection; one that does not answer at all is ended here.
      logger.warning("no answer to a launch", metadata: ["guest": "\(name)", "error": "\(error)"])
      link.isLaunched = false
      destroy(link)
    }
  }

  func launched(_ run: RunID, _ name: GuestName, _ reply: Wire.LaunchReply) {
    let moment = Moment(wall: Timestamp(nanoseconds: reply.startedAt), boot: now.boot)
    note(name) { lifecycle, _ in
      lifecycle.launched(
        run, .init(initPID: reply.initPid, initStartTime: reply.initStartTime, at: moment))
    }
  }

  private func endStart(_ run: RunID, _ name: GuestName, _ failure: StartFailure, link: ControllerLink? = nil) {
    let moment = now
    var cause = EndCause.startFailed(failure)
    // A start that was called off fails because it was called off.
    if case .stopping(let present, let order, _)? = guests[name]?.current.lifecycle.phase, present.id == run {
      cause = .stopped(by: order.by, how: .cancelled, status: nil)
    }
    ended(
      ExitRecord(
        guest: name, run: run, boot: environment.boot, cause: cause, startedAt: nil, endedAt: moment.wall,
        lengthNanos: 0))
  }

  // MARK: What a controller says

  func heard(_ event: IncomingEvent, _ name: GuestName, _ run: RunID) {
    do {
      if let exit = try event.decode(Controller.Exit.self) {
        let record = try ExitRecord(exit.record)
        guard record.run == run, record.guest == name else {
          return logger.error("an exit event of another run", metadata: ["guest": "\(name)", "run": "\(record.run)"])
        }
        CrashPoint.reach("daemon.exit.received")
        links[run]?.hasEnded = true
        ended(record)
      }
    } catch {
      logger.error("a controller sent what cannot be read", metadata: ["guest": "\(name)", "error": "\(error)"])
    }
  }

  func ended(_ record: ExitRecord) {
    note(record.guest) { lifecycle, context in lifecycle.ended(record, context) }
  }

  /// A controller's connection is at its end: everything it sent has been heard by now.
  func closed(_ run: RunID) {
    if let link = prepared.removeValue(forKey: run) {
      // It died before it was of any use: the launch spawns another one.
      reap(link)
      try? RunDirectory(runs: environment.paths.runs, guest: link.guest).remove()
      return
    }
    guard let link = links.removeValue(forKey: run) else { return }
    reap(link)
    guard !link.hasEnded, !isShuttingDown else { return }
    link.hasEnded = true
    settle(link.run, link.guest, wasLaunched: link.isLaunched, killedFor: link.killedFor)
  }

  /// Finds out how a run ended whose controller is gone: by the record it left, or else by nobody's word. Then the guest
  /// is fenced, so that nothing runs on unknown.
  func settle(_ run: RunID, _ name: GuestName, wasLaunched: Bool, killedFor: GuestLifecycle.StopOrder?) {
    do {
      if let record = try RunDirectory(runs: environment.paths.runs, guest: name).exitRecord(), record.run == run {
        // It may have died before it cleaned up.
        fence.kill(name, run)
        return waitUntilFenced(name, run, attempt: 0) { $0.ended(record) }
      }
    } catch {
      logger.error("exit record cannot be read", metadata: ["guest": "\(name)", "error": "\(error)"])
    }
    logger.warning("controller lost", metadata: ["guest": "\(name)", "run": "\(run)"])
    CrashPoint.reach("daemon.lost.before-fence")
    fence.kill(name, run)
    waitUntilFenced(name, run, attempt: 0) { manager in
      let moment = manager.now
      let launched = manager.guests[name]?.current.lifecycle.run?.launched
      let cause: EndCause =
        if let order = killedFor {
          wasLaunched || launched != nil
            ? .stopped(by: order.by, how: .forced, status: .signaled(9, coreDumped: false))
            : .stopped(by: order.by, how: .cancelled, status: nil)
        } else if wasLaunched || launched != nil {
          .controllerLost
        } else {
          .startFailed(StartFailure(step: "launch", errno: 0, message: "launch: the controller died"))
        }
      manager.ended(
        ExitRecord(
          guest: name, run: run, boot: manager.environment.boot, cause: cause, startedAt: launched?.at.wall,
          endedAt: moment.wall, lengthNanos: launched.map { moment.boot.since($0.at.boot) } ?? 0))
    }
  }

  /// An end is an end only when nothing of the guest is left.
  private func waitUntilFenced(
    _ name: GuestName, _ run: RunID, attempt: Int, _ done: @escaping @Sendable (isolated GuestManager) -> Void
  ) {
    if fence.isEmpty(name, run) {
      fence.remove(name, run)
      return done(self)
    }
    if attempt >= 12 {
      let tasks = fence.tasks(name, run)
      if attempt == 12 {
        logger.error("a killed guest does not end", metadata: ["guest": "\(name)", "tasks": "\(tasks)"])
      }
      noteStuck(tasks, of: name)
    }
    let delay = TimeAmount.milliseconds(min(1 << Int64(min(attempt, 10)), 1000))
    _ = eventLoop.scheduleTask(in: delay) {
      self.onLoop { $0.waitUntilFenced(name, run, attempt: attempt + 1, done) }
    }
  }

  private func reap(_ link: ControllerLink, attempt: Int = 0) {
    guard link.isChild, let process = link.process else { return }
    if let reaped = try? process.wait(), reaped.pid != 0 {
      if case .signaled = reaped.status, link.killedFor == nil {
        logger.warning("a controller was killed", metadata: ["guest": "\(link.guest)", "status": "\(reaped.status)"])
      }
      return
    }
    guard attempt < 20 else { return }
    let sending = UnsafeTransfer(link)
    _ = eventLoop.scheduleTask(in: .milliseconds(min(1 << Int64(attempt), 500))) {
      self.onLoop { $0.reap(sending.value, attempt: attempt + 1) }
    }
  }

  // MARK: Stop

  private func stop(_ run: GuestLifecycle.Run, _ order: GuestLifecycle.StopOrder, _ name: GuestName) {
    // One that has ended meanwhile needs no stop, and its folder may be another run's.
    guard guests[name]?.current.lifecycle.run?.id == run.id else { return }
    let policy = run.spec.stop
    let deadline = stopDeadline(of: order, policy)
    guard let link = links[run.id] else {
      // Nothing was spawned, or it is gone and its end on the way, or it has not been reached.
      let directory = RunDirectory(runs: environment.paths.runs, guest: name)
      if directory.isHeld() {
        unreachedDeadlines[run.id] = deadline
      } else if !directory.exists {
        endStart(run.id, name, StartFailure(step: "launch", errno: 0, message: "launch: called off"))
      }
      return
    }
    link.stopDeadline = deadline
    if order.force {
      if link.isSilent { return destroy(link, for: order) }
      let sending = UnsafeTransfer(link)
      link.connection.call(
        Controller.Kill.self, .init(by: .init(order.by), signal: 9), deadline: .now() + .seconds(2)
      ) { result in
        if case .failure = result { self.onLoop { $0.destroy(sending.value, for: order) } }
      }
    } else {
      link.connection.call(
        Controller.Stop.self,
        .init(
          by: .init(order.by), signal: order.signal ?? policy.signal,
          timeoutMillis: order.timeoutMillis ?? policy.timeoutMillis,
          noKill: order.noKill), deadline: .now() + .seconds(60)
      ) { _ in }
    }
  }

  /// When an order given now has to have ended the guest, the controller's own deadlines included; nil for never.
  func stopDeadline(of order: GuestLifecycle.StopOrder, _ policy: StopPolicy) -> BootTime? {
    if order.noKill { return nil }
    let patience = (order.timeoutMillis ?? policy.timeoutMillis) + policy.termTimeoutMillis + 5_000
    return now.boot.adding(milliseconds: order.force ? 2_000 : patience)
  }

  /// Kills a guest and its controller without asking the controller.
  func destroy(_ link: ControllerLink, for order: GuestLifecycle.StopOrder? = nil) {
    guard !link.hasEnded else { return }
    link.killedFor = link.killedFor ?? order
    fence.kill(link.guest, link.run)
    _ = try? link.process?.signal(9)
  }

  // MARK: Timers and the end

  private func armTimer(_ due: BootTime, _ name: GuestName) {
    guests[name]?.restartTimer?.cancel()
    // The loop's clock stands still while the host is suspended, boot time does not: look again now and then.
    let delay = min(due.since(now.boot) / 1_000_000 + 1, 10_000)
    guests[name]?.restartTimer = eventLoop.scheduleTask(in: .milliseconds(Int64(delay))) {
      self.onLoop { manager in
        if due > manager.now.boot { return manager.armTimer(due, name) }
        manager.note(name) { lifecycle, context in lifecycle.timerFired(context) }
      }
    }
  }

  /// The end is stored: the run directory, which would tell it again, can go.
  private func acknowledge(_ run: RunID, _ name: GuestName) {
    CrashPoint.reach("daemon.end.stored")
    // What is stored in a rescue is not stored: the record stays for the daemon that has its database back.
    if rescue != nil { return }
    // A new run may have the folder by now; of that one nothing is stored.
    if let present = guests[name]?.current.lifecycle.run?.id, present != run,
      links[present] != nil || prepared[present] != nil
    {
      return
    }
    do { try RunDirectory(runs: environment.paths.runs, guest: name).remove() } catch {
      logger.warning("run directory stays", metadata: ["guest": "\(name)", "error": "\(error)"])
    }
    CrashPoint.reach("daemon.end.acknowledged")
    guard let link = links[run] else { return }
    link.isDismissed = true
    _ = eventLoop.scheduleTask(in: .milliseconds(Self.farewellMillis)) { self.onLoop { $0.bury(run) } }
  }

  /// How long a controller may take to go once its end is stored.
  static let farewellMillis: Int64 = 2_000

  /// Ends a controller that should have gone by itself.
  private func bury(_ run: RunID) {
    guard let link = links[run], link.isDismissed else { return }
    logger.warning("killed a controller that did not go after its end", metadata: ["guest": "\(link.guest)"])
    _ = try? link.process?.signal(9)
    fence.kill(link.guest, run)
    fence.remove(link.guest, run)
  }

  func logPath(of name: GuestName) -> String { environment.paths.logs + "/" + name.value + ".log" }

  private func removeFiles(of name: GuestName) {
    try? RunDirectory(runs: environment.paths.runs, guest: name).remove()
    let base = name.value + ".log"
    guard let entries = try? Files.list(environment.paths.logs) else { return }
    for entry in entries
    where entry.name == base || (entry.name.hasPrefix(base + ".") && Int(entry.name.dropFirst(base.count + 1)) != nil) {
      try? Files.removeTree(environment.paths.logs + "/" + entry.name)
    }
  }
}
