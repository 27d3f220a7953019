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

// Carrying out what a lifecycle decided, once it is on the disk.

extension Guests {
  func perform(_ effect: GuestLifecycle.Effect, _ name: GuestName) {
    switch effect {
    case .launch(let run): launch(run, name)
    case .stop(let run, let order): stop(run, order, name)
    case .armTimer(let due): armTimer(due, name)
    case .disarmTimer:
      restartTimers.removeValue(forKey: name)?.cancel()
    case .acknowledge(let run): acknowledge(run, name)
    case .delete(let run): removeFiles(of: name, with: run)
    }
  }

  // MARK: Launch

  /// Spawns the controller of a run while its start is being stored. Before it is told to launch it makes nothing but a
  /// network namespace of its own, and it ends by itself when we do; so a start that is never stored leaves nothing.
  func prepare(_ run: GuestLifecycle.Run, _ name: GuestName) {
    // What is in the folder may be an end that is not stored yet. Then the launch waits for that, and spawns.
    guard storageFault == nil, rescue == nil, book[name]?.unstoredEnds.isEmpty == true,
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
    link.isDiscarded = true
    links[run] = link
    _ = try? link.process?.signal(9)
    try? RunDirectory(runs: environment.paths.runs, guest: name).remove()
  }

  private func launch(_ run: GuestLifecycle.Run, _ name: GuestName) {
    // Overtaken by a stop before there was anything to stop: that effect tells the end.
    guard case .starting(let present)? = book[name]?.current.lifecycle.phase, present.id == run.id
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
    ordered.insert(run.id)
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
    let arguments = ControllerArguments(
      guest: name.value, runDirectoryPath: directory.path, ownNetwork: Self.hasOwnNetwork(run.spec.network),
      usualTasks: UInt64(environment.configuration.usualPids),
      usualMemory: Kernel.memoryBytes / 100 * UInt64(environment.configuration.usualMemoryPercent))
    var plan = SpawnPlan(
      executable: environment.controllerPath, arguments: arguments.words, environment: ProcessEnvironment.forControllers
    )
    plan.descriptors = [
      (theirs.rawValue, arguments.connection), (lock.fd.rawValue, arguments.lock),
      (folder.rawValue, arguments.runDirectory), (2, 2),
    ]
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

  private static func hasOwnNetwork(_ mode: NetworkMode) -> Bool {
    switch mode {
    case .none: true
    case .host: false
    }
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
    guard book[name]?.current.lifecycle.run?.id == run else { return }
    note(name) { lifecycle, _ in lifecycle.degraded(isSilent) }
  }

  private func launchAnswered(_ run: RunID, _ name: GuestName, _ result: Result<Wire.LaunchReply, RPCCallError>) {
    guard let link = links[run] else { return }
    switch result {
    case .success(let reply): launched(run, name, reply)
    case .failure(.remote(let body)):
      let error = GuestError(body)
      link.hasEnded = true
      // Written before it answered; it knows what was ordered meanwhile.
      if let record = try? RunDirectory(runs: environment.paths.runs, guest: name).exitRecord(), record.run == run {
        return ended(record)
      }
      endStart(
        run, name,
        StartFailure(step: error.step ?? "launch", errno: error.errno ?? 0, message: error.message))
    case .failure(let error):
      // Its end is told by the close of the connection; one that does not answer at all is ended here.
      logger.warning("no answer to a launch", metadata: ["guest": "\(name)", "error": "\(error)"])
      noAnswer(error, link)
    }
  }

  /// A launch that was not answered in time is ended; a connection that has closed says by that how it went on.
  func noAnswer(_ error: RPCCallError, _ link: ControllerLink) {
    switch error {
    case .timedOut: destroy(link, because: .launchOverdue)
    case .connectionClosed: break
    case .remote, .cancelled, .invalidArguments, .undecodable: destroy(link)
    }
  }

  func launched(_ run: RunID, _ name: GuestName, _ reply: Wire.LaunchReply) {
    let moment = Moment(wall: Timestamp(nanoseconds: reply.startedAt), boot: now.boot)
    note(name) { lifecycle, _ in
      lifecycle.launched(
        run, .init(initPID: reply.initPid, initStartTime: reply.initStartTime, at: moment))
    }
  }

  /// A start that is known not to have executed init.
  private func endStart(_ run: RunID, _ name: GuestName, _ failure: StartFailure) {
    var facts = EndFacts(
      initExecuted: .no, startFailure: failure, startBoot: environment.boot, endBoot: environment.boot)
    if let present = book[name]?.current.lifecycle.run, present.id == run { facts.orders = present.orders }
    ended(
      ExitRecord(
        guest: name, run: run, boot: environment.boot, facts: facts, startedAt: nil, endedAt: now.wall, lengthNanos: 0))
  }

  // MARK: What a controller says

  func heard(_ event: IncomingEvent, _ name: GuestName, _ run: RunID) {
    do {
      if let record = try ExitRecord(event) {
        guard record.run == run, record.guest == name else {
          return logger.error("an exit event of another run", metadata: ["guest": "\(name)", "run": "\(record.run)"])
        }
        CrashPoint.reach("daemon.exit.received")
        links[run]?.hasEnded = true
        ended(record)
      } else if let gaveUp = try event.decode(Controller.GaveUp.self), gaveUp.run == run.bytes {
        note(name) { lifecycle, _ in lifecycle.orderGivenUp(run, number: gaveUp.order) }
      }
    } catch {
      logger.error("a controller sent what cannot be read", metadata: ["guest": "\(name)", "error": "\(error)"])
    }
  }

  func ended(_ record: ExitRecord) {
    ordered.remove(record.run)
    var record = record
    if let fence = links[record.run]?.lastSeen.endingFence, let run = book[record.guest]?.current.lifecycle.run,
      run.id == record.run
    {
      record.add(run.orders, fence: fence)
    }
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
    lastSeen[run] = link.lastSeen
    settle(link.run, link.guest)
  }

  /// Removes the groups of a run whose controller is gone, and again where a task has not left them yet.
  private func removeGroups(of name: GuestName, _ run: RunID, attempt: Int = 0) {
    guard !fence.remove(name, run), attempt < 12 else { return }
    _ = eventLoop.scheduleTask(in: .milliseconds(min(1 << Int64(attempt), 1000))) {
      self.onLoop { $0.removeGroups(of: name, run, attempt: attempt + 1) }
    }
  }

  /// An end is an end only when nothing of the guest is left.
  func waitUntilFenced(
    _ name: GuestName, _ run: RunID, attempt: Int, _ done: @escaping @Sendable (isolated Guests) -> Void
  ) {
    if fence.isEmpty(name, run) { return done(self) }
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
      if case .signaled = reaped.status, link.fence == nil {
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

  private func stop(_ run: GuestLifecycle.Run, _ order: EndOrder, _ name: GuestName) {
    // One that has ended meanwhile needs no stop, and its folder may be another run's.
    guard book[name]?.current.lifecycle.run?.id == run.id else { return }
    let policy = run.spec.stop
    let deadline = stopDeadline(of: order, policy)
    if prepared[run.id] != nil || links[run.id]?.isDiscarded == true {
      discard(run.id, name)
      return endStart(run.id, name, StartFailure(step: "launch", errno: 0, message: "launch: called off"))
    }
    guard let link = links[run.id] else {
      // Nothing was spawned, or it is gone and its end on the way, or it has not been reached.
      let directory = RunDirectory(runs: environment.paths.runs, guest: name)
      if directory.isHeld() {
        unreachedDeadlines[run.id] = deadline
      } else {
        settle(run.id, name)
      }
      return
    }
    link.stopDeadline = deadline
    if order.isForce {
      if link.isSilent { return destroy(link, because: .orderOverdue(number: order.number)) }
      let sending = UnsafeTransfer(link)
      link.kill(by: order.by, signal: 9, order: order, deadline: .now() + .seconds(2)) { result in
        if case .failure(let error) = result {
          self.onLoop { $0.killFailed(error, sending.value, order) }
        }
      }
    } else {
      link.stop(
        order, signal: order.signal ?? policy.signal, timeoutMillis: order.timeoutMillis ?? policy.timeoutMillis,
        deadline: .now() + .seconds(60))
    }
  }

  /// When an order given now has to have ended the guest, the controller's own deadlines included; nil for never.
  func stopDeadline(of order: EndOrder, _ policy: StopPolicy) -> BootTime? {
    if order.noKill { return nil }
    let patience = (order.timeoutMillis ?? policy.timeoutMillis) + policy.termTimeoutMillis + 5_000
    return now.boot.adding(milliseconds: order.isForce ? 2_000 : patience)
  }

  /// An answer is an answer, also one that the run has ended: its record is on the way.
  private func killFailed(_ error: RPCCallError, _ link: ControllerLink, _ order: EndOrder) {
    if case .remote = error { return }
    destroy(link, because: .orderOverdue(number: order.number))
  }

  /// Kills a guest and its controller without asking the controller.
  ///
  /// The controller goes last: as long as it is there init stays a zombie, and the kernel shows how it ended.
  func destroy(_ link: ControllerLink, because reason: Fence = .controllerDied) {
    guard !link.hasEnded else { return }
    if link.lastSeen.fence == nil { link.lastSeen.look(reason, unreapedStatus(link.run, link.guest)) }
    fence.kill(link.guest, link.run)
    endController(link, attempt: 0)
  }

  private func endController(_ link: ControllerLink, attempt: Int) {
    guard !link.hasEnded, links[link.run] === link else { return }
    guard attempt >= 10 || fence.isEmpty(link.guest, link.run) else {
      let sending = UnsafeTransfer(link)
      _ = eventLoop.scheduleTask(in: .milliseconds(1 << Int64(attempt))) {
        self.onLoop { $0.endController(sending.value, attempt: attempt + 1) }
      }
      return
    }
    link.lastSeen.status = link.lastSeen.status ?? unreapedStatus(link.run, link.guest)
    _ = try? link.process?.signal(9)
  }

  /// How the init of a run ended that its controller has not reaped; nil where that cannot be read.
  func unreapedStatus(_ run: RunID, _ name: GuestName) -> InitStatus? {
    guard let present = book[name]?.current.lifecycle.run, present.id == run, let launched = present.launched,
      let status = LinuxSystem.WaitStatus(ofZombie: launched.initPID, startTime: launched.initStartTime)
    else { return nil }
    switch status {
    case .exited(let code): return InitStatus(.exited(code), .zombie)
    case .signaled(let signal, let core): return InitStatus(.signaled(signal, coreDumped: core), .zombie)
    }
  }

  // MARK: Timers and the end

  private func armTimer(_ due: BootTime, _ name: GuestName) {
    restartTimers[name]?.cancel()
    // The loop's clock stands still while the host is suspended, boot time does not: look again now and then.
    let delay = min(due.since(now.boot) / 1_000_000 + 1, 10_000)
    restartTimers[name] = eventLoop.scheduleTask(in: .milliseconds(Int64(delay))) {
      self.onLoop { manager in
        if due > manager.now.boot { return manager.armTimer(due, name) }
        manager.note(name) { lifecycle, context in lifecycle.timerFired(context) }
      }
    }
  }

  /// The end is stored: the run directory, which would tell it again, can go, and so can what is left of the cgroup,
  /// which was the witness that the run had been executed.
  private func acknowledge(_ run: RunID, _ name: GuestName) {
    CrashPoint.reach("daemon.end.stored")
    // What is stored in a rescue is not stored: the record stays for the daemon that has its database back.
    if rescue != nil { return }
    if links[run] == nil { removeGroups(of: name, run) }
    // A new run may have the folder by now; of that one nothing is stored.
    let hasSuccessor = links.values.contains { $0.guest == name && $0.run != run && !$0.hasEnded }
    if hasSuccessor || prepared.values.contains(where: { $0.guest == name }) { return }
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
    removeGroups(of: link.guest, run)
  }

  func logPath(of name: GuestName) -> String { environment.paths.log(of: name.value) }

  private func removeFiles(of name: GuestName, with run: RunID?) {
    try? RunDirectory(runs: environment.paths.runs, guest: name).remove()
    let base = DaemonPaths.logName(of: name.value)
    guard let entries = try? Files.list(environment.paths.logs) else { return }
    let files = entries.map(\.name).filter { file in
      file == base || (file.hasPrefix(base + ".") && Int(file.dropFirst(base.count + 1)) != nil)
    }
    guard let run else {
      for file in files { try? Files.removeTree(environment.paths.logs + "/" + file) }
      return
    }
    goneLogs.keep(files, of: name, run: run)
  }
}
