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
internal import XDR

/// Every controller of this daemon: spawned, found, called, reaped and, where it comes to that, killed.
///
/// It decides nothing: `ControllerState` decides about each controller, and here its effects are carried out. What the
/// actor has to know is reported as facts. Runs on the event loop.
final class Controllers: @unchecked Sendable {
  let environment: Guests.Environment
  let eventLoop: any EventLoop
  let logger: Logger
  let fence: RunFence
  /// Hears every fact, on the event loop. Set once, before the first controller.
  var report: @Sendable (GuestName, RunID, ControllerFact) -> Void = { _, _, _ in }

  var links: [RunID: ControllerLink] = [:]
  /// Runs of an earlier daemon whose folders were missing when this one came. Set once, before they are looked at.
  var inherited: Set<RunID> = []
  /// Guests that run under controllers of their own and are not this daemon's, as it found them when it came.
  var leftAlone: [StrayGroup] = []
  /// The daemon ends: connections close, and that is no news of any run.
  private var isLettingGo = false

  init(environment: Guests.Environment, eventLoop: any EventLoop, logger: Logger) {
    self.environment = environment
    self.eventLoop = eventLoop
    self.logger = logger
    fence = RunFence(parent: environment.paths.cgroupParent, logger: logger)
  }

  /// To the controller of a run; nil where there is no connection to one.
  subscript(run: RunID) -> ControllerLink? {
    guard let link = links[run], link.state.isConnected else { return nil }
    return link
  }

  var now: BootTime { BootTime(nanoseconds: UInt64(Clock.bootNanoseconds)) }

  func directory(_ name: GuestName) -> RunDirectory { RunDirectory(runs: environment.paths.runs, guest: name) }

  /// A silent controller is reported, never cut off: it holds the truth about its guest.
  static let session: ClientSession.Configuration = {
    var configuration = ClientSession.Configuration()
    configuration.keepalive = KeepaliveSettings(interval: 2_000_000_000, count: 1, closes: false)
    return configuration
  }()

  // MARK: Inputs

  func input(_ input: ControllerState.Input, _ run: RunID) {
    guard let link = links[run] else { return }
    let effects = link.state.input(input)
    if link.state.isForgettable { links[run] = nil }
    for effect in effects { perform(effect, link) }
  }

  private func perform(_ effect: ControllerState.Effect, _ link: ControllerLink) {
    let (name, run) = (link.guest, link.run)
    switch effect {
    case .callLaunch(let start): callLaunch(start, link)
    case .callStop(let order, let policy):
      link.stop(
        order, signal: order.signal ?? policy.signal, timeoutMillis: order.timeoutMillis ?? policy.timeoutMillis,
        deadline: .now() + .seconds(60))
    case .callKill(let order): callKill(order, link)
    case .askForTasks: askForTasks(link)
    case .askWhatItRuns(let isUrgent): askWhatItRuns(link, isUrgent: isUrgent)
    case .askAboutLaunch: askAboutLaunch(link)
    case .readStatus: input(.statusRead(unreapedStatus(link)), run)
    case .destroy:
      fence.kill(name, run)
      killWhenEmpty(run)
    case .killGuest: fence.kill(name, run)
    case .killUnreached: killUnreached(link)
    case .drop:
      _ = try? link.process?.signal(9)
      try? directory(name).remove()
    case .awaitRelease: awaitRelease(link)
    case .retry(let millis): after(millis) { $0.reach(run) }
    case .reap: reap(link)
    case .look: if !isLettingGo { report(name, run, .unwatched) }
    case .sayFarewell: after(Self.farewellMillis) { $0.input(.farewellOver, run) }
    case .bury: bury(link)
    case .reportLaunched(let launched): report(name, run, .launched(launched))
    case .reportStartFailed(let failure): report(name, run, .startFailed(failure))
    case .reportEnd(let record, let fence): report(name, run, .ended(record, fence: fence))
    case .reportGivenUp(let order): report(name, run, .givenUp(order: order))
    case .reportSilence(let isSilent): report(name, run, .silent(isSilent))
    case .reportStuck(let tasks): report(name, run, .stuck(tasks))
    case .reportLate: logger.warning("a controller did not carry out a stop", metadata: ["guest": "\(name)"])
    case .reportUnreached: logger.warning("cannot reach a controller", metadata: ["guest": "\(name)"])
    }
  }

  func after(_ millis: Int64, _ body: @escaping @Sendable (Controllers) -> Void) {
    _ = eventLoop.scheduleTask(in: .milliseconds(millis)) { [self] in body(self) }
  }

  // MARK: Calls

  private func callLaunch(_ start: GuestLifecycle.Run, _ link: ControllerLink) {
    let (name, run) = (link.guest, link.run)
    let args = Wire.LaunchArgs(
      guest: name.value, run: run.bytes, spec: .init(start.spec), cgroupParent: environment.paths.cgroupParent,
      logPath: environment.paths.log(of: name.value))
    let deadline = NIODeadline.now() + .milliseconds(Int64(environment.configuration.launchMillis))
    link.connection?.call(Controller.Launch.self, args, deadline: deadline) { [self] result in
      switch result {
      case .success(let reply): input(.launched(.init(reply)), run)
      case .failure(.remote(let body)):
        // Written before it answered; it knows what was ordered meanwhile.
        if let record = record(of: name), record.run == run {
          return input(.endHeard(record), run)
        }
        let error = GuestError(body)
        input(
          .startFailed(StartFailure(step: error.step ?? "launch", errno: error.errno ?? 0, message: error.message)), run
        )
      case .failure(let error):
        logger.warning("no answer to a launch", metadata: ["guest": "\(name)", "error": "\(error)"])
        noAnswer(error, run)
      }
    }
  }

  /// A launch that was not answered in time is ended; a connection that has closed says by that how it went on.
  func noAnswer(_ error: RPCCallError, _ run: RunID) {
    switch error {
    case .timedOut: input(.launchOverdue, run)
    case .connectionClosed: break
    case .remote, .cancelled, .invalidArguments, .undecodable: input(.unintelligible, run)
    }
  }

  /// An answer that came late is lost with its call, and the controller still knows it.
  private func askAboutLaunch(_ link: ControllerLink) {
    let run = link.run
    link.connection?.controllerStatus(deadline: .now() + .seconds(2)) { [self] result in
      switch result {
      case .success(let answer):
        if let launched = answer.reply.launched { input(.launched(.init(launched)), run) }
        if let ended = answer.reply.ended, let record = try? ExitRecord(ended) { input(.endHeard(record), run) }
        input(.launchOverdue, run)
      case .failure(let error): noAnswer(error, run)
      }
    }
  }

  private func callKill(_ order: EndOrder, _ link: ControllerLink) {
    let run = link.run
    link.kill(by: order.by, signal: 9, order: order, deadline: .now() + .seconds(2)) { [self] result in
      switch result {
      // An answer is an answer, also one that the run has ended: its record is on the way.
      case .success, .failure(.remote): break
      case .failure: input(.killUnanswered(order: order.number), run)
      }
    }
  }

  private func askForTasks(_ link: ControllerLink) {
    let run = link.run
    link.connection?.controllerStatus { [self] result in
      let tasks = try? result.get().reply.stuckTasks
      input(.answered(stuckTasks: tasks, now: now), run)
    }
  }

  // MARK: What a controller says

  func handlers(_ run: RunID, _ name: GuestName) -> RPCClientConnection.Handlers {
    RPCClientConnection.Handlers(
      event: { [self] event in heard(event, name, run) },
      silence: { [self] isSilent in input(.silence(isSilent), run) },
      close: { [self] _ in input(.closed, run) })
  }

  func heard(_ event: IncomingEvent, _ name: GuestName, _ run: RunID) {
    do {
      if let record = try ExitRecord(event) {
        guard record.run == run, record.guest == name else {
          return logger.error("an exit event of another run", metadata: ["guest": "\(name)", "run": "\(record.run)"])
        }
        CrashPoint.reach("daemon.exit.received")
        input(.endHeard(record), run)
      } else if let gaveUp = try event.decode(Controller.GaveUp.self), gaveUp.run == run.bytes {
        input(.gaveUp(order: gaveUp.order), run)
      }
    } catch {
      logger.error("a controller sent what cannot be read", metadata: ["guest": "\(name)", "error": "\(error)"])
    }
  }

  // MARK: Killing and burying

  /// Kills a controller whose guest was killed, and goes last: as long as it is there init stays a zombie, and the kernel
  /// shows how it ended.
  private func killWhenEmpty(_ run: RunID, attempt: Int = 0) {
    guard let link = links[run], link.state.isOpen else { return }
    guard attempt >= 10 || fence.isEmpty(link.guest, run) else {
      return after(1 << Int64(attempt)) { $0.killWhenEmpty(run, attempt: attempt + 1) }
    }
    input(.statusRead(unreapedStatus(link)), run)
    _ = try? link.process?.signal(9)
  }

  private func killUnreached(_ link: ControllerLink) {
    input(.statusRead(unreapedStatus(link)), link.run)
    let killed = fence.killController(holding: directory(link.guest).lockPath)
    logger.warning(
      "killed a controller that could not be reached", metadata: ["guest": "\(link.guest)", "processes": "\(killed)"])
  }

  /// How the init of a run ended that its controller has not reaped; nil where that cannot be read.
  private func unreapedStatus(_ link: ControllerLink) -> InitStatus? {
    guard let launched = link.state.launched,
      let status = LinuxSystem.WaitStatus(ofZombie: launched.initPID, startTime: launched.initStartTime)
    else { return nil }
    switch status {
    case .exited(let code): return InitStatus(.exited(code), .zombie)
    case .signaled(let signal, let core): return InitStatus(.signaled(signal, coreDumped: core), .zombie)
    }
  }

  private func reap(_ link: ControllerLink, attempt: Int = 0) {
    guard link.isChild, let process = link.process else { return }
    if let reaped = try? process.wait(), reaped.pid != 0 {
      switch reaped.status {
      case .signaled where link.state.lastSeen.fence == nil:
        logger.warning("a controller was killed", metadata: ["guest": "\(link.guest)", "status": "\(reaped.status)"])
      case .signaled, .exited: break
      }
      return
    }
    guard attempt < 20 else { return }
    after(min(1 << Int64(attempt), 500)) { $0.reap(link, attempt: attempt + 1) }
  }

  /// How long a controller may take to go once its end is stored.
  static let farewellMillis: Int64 = 2_000

  /// Ends a controller that should have gone by itself.
  private func bury(_ link: ControllerLink) {
    logger.warning("killed a controller that did not go after its end", metadata: ["guest": "\(link.guest)"])
    _ = try? link.process?.signal(9)
    fence.kill(link.guest, link.run)
    removeGroups(of: link.guest, link.run)
  }

  /// Removes the groups of a run whose controller is gone, and again where a task has not left them yet.
  func removeGroups(of name: GuestName, _ run: RunID, attempt: Int = 0) {
    guard !fence.remove(name, run), attempt < 12 else { return }
    after(min(1 << Int64(attempt), 1_000)) { $0.removeGroups(of: name, run, attempt: attempt + 1) }
  }

  // MARK: The end of the daemon

  /// From now on the end of a connection is no news.
  func prepareToLetGo() { isLettingGo = true }

  /// Closes every connection; the guests run on.
  func letGo() {
    for link in links.values { link.connection?.close() }
    fence.removeOwn()
  }
}

extension GuestLifecycle.Launched {
  /// A launch that is heard of at this moment: by its answer, or by a daemon that was not there.
  init(_ reply: Wire.LaunchReply) {
    self.init(
      initPID: reply.initPid, initStartTime: reply.initStartTime,
      startedAt: Timestamp(nanoseconds: reply.startedAt),
      madeAt: BootTime(nanoseconds: ProcessStat.nanoseconds(ofStartTime: reply.initStartTime)), now: .now)
  }
}
