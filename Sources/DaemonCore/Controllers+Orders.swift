internal import Guest
internal import Layout
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import RPCNIO
internal import Supervision

// Orders of the actor: to spawn, to launch, to end, to forget. Each order carries all that it takes.

extension Controllers {
  /// Makes the folder of a run whose start is about to be stored. A daemon that finds a stored start and no folder cannot know
  /// whether the run has ended already.
  ///
  /// - Returns: false where a folder is in the way: that is a former run's, and the launch waits for its end.
  func reserve(_ name: GuestName) -> Bool {
    // What goes wrong here goes wrong once more when the controller is spawned, and is reported then.
    (try? directory(name).make()) ?? true
  }

  /// Spawns the controller of a run while its start is being stored. Before it is ordered to launch it makes nothing but a
  /// network namespace of its own, and it ends by itself when we do; so a start that is never stored leaves nothing.
  func prepare(_ run: GuestLifecycle.Run, _ name: GuestName) {
    do throws(SystemError) { links[run.id] = try spawn(run, name) } catch {
      // The launch tries again, and reports.
    }
  }

  /// The start is stored.
  func launch(_ run: GuestLifecycle.Run, _ name: GuestName) {
    if links[run.id]?.state.isOpen != true {
      do throws(SystemError) { links[run.id] = try spawn(run, name) } catch {
        logger.error("cannot spawn a controller", metadata: ["guest": "\(name)", "error": "\(error)"])
        try? directory(name).remove()
        let failure = StartFailure(
          step: "spawn the controller", errno: error.errno, message: "spawn the controller: \(error)")
        return report(name, run.id, .startFailed(failure))
      }
    }
    input(.launch(run), run.id)
  }

  /// The launch that a controller was spawned for will not come.
  func discard(_ run: RunID) { input(.discarded, run) }

  func stop(_ run: GuestLifecycle.Run, _ order: EndOrder, _ name: GuestName) {
    // Nothing was spawned: what is on the disk decides.
    guard links[run.id] != nil else { return report(name, run.id, .unwatched) }
    input(.stop(order, run.spec.stop, deadline: order.deadline(run.spec.stop, now: .now)), run.id)
  }

  /// Nothing that is known of a run's controller is needed any more.
  func forget(_ run: RunID) {
    guard let link = links[run], link.state.phase == .gone else { return }
    links[run] = nil
  }

  /// Sees to the orders of a run that have not ended it yet. Called once a second.
  func secondPassed(_ run: RunID) { input(.secondPassed(now: now), run) }

  /// The end is stored: the run directory, which would report it again, can go, and so can the rest of the cgroup, which
  /// was the witness that the run had been executed.
  ///
  /// - Parameter folderStays: a start is stored that has not been carried out: an empty folder says so, and a daemon that
  ///   finds none cannot know whether the run has ended already.
  func acknowledge(_ run: RunID, _ name: GuestName, folderStays: Bool) {
    CrashPoint.reach("daemon.end.stored")
    let link = links[run]
    if link?.state.isConnected != true { removeGroups(of: name, run) }
    input(.acknowledged, run)
    // A new run may have the folder by now, with an end that is not stored yet.
    guard !links.values.contains(where: { $0.guest == name && $0.run != run && $0.state.ownsDirectory }) else { return }
    do {
      if folderStays { try directory(name).empty() } else { try directory(name).remove() }
    } catch {
      logger.warning("run directory stays", metadata: ["guest": "\(name)", "error": "\(error)"])
    }
    CrashPoint.reach("daemon.end.acknowledged")
  }

  private func spawn(_ run: GuestLifecycle.Run, _ name: GuestName) throws(SystemError) -> ControllerLink {
    CrashPoint.reach("daemon.launch.before-spawn")
    let directory = directory(name)
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
    // Nor does a signal end it before it ignores them.
    plan.blocksSignals = true
    let cgroup = fence.controllersGroup()
    plan.cgroup = cgroup?.rawValue
    let process = try plan.run()
    let connection = try RPCClientConnection.adopt(
      ours, on: eventLoop, configuration: Self.session, handlers: handlers(run.id, name))
    CrashPoint.reach("daemon.launch.spawned")
    return ControllerLink(
      guest: name, run: run.id, state: .prepared, connection: connection, process: process, isChild: true)
  }

  private static func hasOwnNetwork(_ mode: NetworkMode) -> Bool {
    switch mode {
    case .none: true
    case .host: false
    }
  }
}
