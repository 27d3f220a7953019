/// The answer to a question that cannot always be answered.
public enum Known: Sendable, Hashable, CaseIterable { case yes, no, notKnown }

/// The guest's request to reboot(2).
public enum RebootCommand: Sendable, Hashable, CaseIterable {
  case restart, halt, powerOff
}

/// Init's status, and how it is known.
public struct InitStatus: Sendable, Hashable {
  public enum Witness: Sendable, Hashable, CaseIterable {
    /// The controller reaped it: wait(2).
    case reaped
    /// Its controller did not answer; the kernel shows the status of the zombie: field 52 of `/proc/PID/stat`.
    case zombie
  }

  public var value: WaitStatus
  public var witness: Witness

  public init(_ value: WaitStatus, _ witness: Witness = .reaped) {
    self.value = value
    self.witness = witness
  }
}

/// The kernel's kills in this run when memory ran out.
public struct MemoryKills: Sendable, Hashable {
  /// How it is known whether init was one of them.
  public enum Witness: Sendable, Hashable, CaseIterable {
    /// The kernel's log names the process it killed, or does not name init in all of the time in question.
    case kernelLog
    /// The group's counter: it had not moved at all, or it moved at that very death and not before.
    case counter
    /// Init ended otherwise than by SIGKILL.
    case status
  }

  /// Processes of the guest, by the counter of its own memory cgroup.
  public var kills: UInt32
  /// Init was one of them.
  public var initKilled: Known
  /// Nil where `initKilled` is not known.
  public var witness: Witness?
  /// How long before the end of init the counter was last seen to move; nil where that was not seen.
  public var lastKillBeforeEndMillis: UInt64?
  /// The limit that was reached; only meaningful with kills.
  public var limit: OutOfMemory.Limit
  /// The guest's own limit; nil without one.
  public var limitBytes: UInt64?

  /// The limit that was reached, where it was the guest's own.
  var reachedLimitBytes: UInt64? {
    switch limit {
    case .own: limitBytes
    case .parent, .host: nil
    }
  }

  public init(
    kills: UInt32, initKilled: Known, witness: Witness?, lastKillBeforeEndMillis: UInt64? = nil,
    limit: OutOfMemory.Limit = .own, limitBytes: UInt64? = nil
  ) {
    self.kills = kills
    self.initKilled = initKilled
    self.witness = witness
    self.lastKillBeforeEndMillis = lastKillBeforeEndMillis
    self.limit = limit
    self.limitBytes = limitBytes
  }
}

/// Why the daemon recorded an end without the word of its controller. Whatever was left of the guest was killed.
public enum Fence: Sendable, Hashable {
  /// The controller died and left no record.
  case controllerDied
  /// The controller did not carry out this order in time.
  case orderOverdue(number: UInt32)
  /// The controller did not answer the launch in time.
  case launchOverdue
  /// The guest ran, but its run directory was gone, and with it the way to its controller.
  case controllerUnreachable
  /// The controller left a record that is damaged.
  case recordUnreadable
  /// Neither a controller, nor a record, nor a process of the guest.
  case nothingFound
}

/// The known facts about the end of one run: each was observed, none is inferred. `headline` makes one reason of them.
public struct EndFacts: Sendable, Hashable {
  /// False for an end that was recorded in format 1, which had the cause only.
  public var areRecorded = true
  /// Whether init was executed.
  public var initExecuted: Known
  /// Nil where it was not observed.
  public var status: InitStatus?
  /// The controller's report that it could not execute init.
  public var startFailure: StartFailure?
  /// Calls of reboot(2) that the kernel took, each command once, in the order of their first call.
  public var reboots: [RebootCommand]
  /// False where reboot(2) cannot be watched: then the wait status alone must do.
  public var rebootWatched: Bool
  /// Nil where it is not known, or not counted.
  public var memory: MemoryKills?
  public var orders: EndOrders
  /// Nil for a run whose controller recorded the end.
  public var fence: Fence?
  /// The boots in which the run began and in which its end was recorded; nil where that is not known.
  public var startBoot: BootID?
  public var endBoot: BootID?
  /// False where the run ended at some time before it was found to have ended: the time of the record is that of the
  /// finding, and there is no length.
  public var endSeen = true

  public init(
    initExecuted: Known, status: InitStatus? = nil, startFailure: StartFailure? = nil, reboots: [RebootCommand] = [],
    rebootWatched: Bool = true, memory: MemoryKills? = nil, orders: EndOrders = EndOrders(), fence: Fence? = nil,
    startBoot: BootID? = nil, endBoot: BootID? = nil
  ) {
    self.initExecuted = initExecuted
    self.status = status
    self.startFailure = startFailure
    self.reboots = reboots
    self.rebootWatched = rebootWatched
    self.memory = memory
    self.orders = orders
    self.fence = fence
    self.startBoot = startBoot
    self.endBoot = endBoot
  }

  /// An exit with 137 within this time after a kill for memory counts as a shell's report of that kill.
  static let passedOnMillis: UInt64 = 250
}

// MARK: The headline

extension EndFacts {
  /// The one reason, and no more than the facts say. The order of the questions matters: facts of the kernel come
  /// before orders, because an order that was under way does not explain a crash.
  public var headline: EndHeadline {
    let cause = cause
    switch cause {
    case .stopped, .hostReset: return EndHeadline(cause)
    case .exited, .signaled, .oom, .reboot, .halt, .powerOff, .startFailed, .controllerLost, .notKnown:
      return EndHeadline(cause, whileStopping: orderAtWork)
    }
  }

  /// The oldest order for which something was done, and that was not given up.
  private var orderAtWork: EndOrder? { orders.kept.first(where: \.isAtWork) }

  private var cause: EndCause {
    if let startBoot, let endBoot, startBoot != endBoot { return .hostReset }
    if let failure = startFailure, initExecuted == .no { return failed(failure) }
    guard let status else { return unseen }
    switch status.value {
    case .exited(let code): return exited(code, status.value)
    case .signaled(WaitStatus.kill, let coreDumped): return killed(status.value, coreDumped: coreDumped)
    case .signaled(let signal, let coreDumped):
      if let own = ownDoing(signal) { return own }
      if let order = orders.kept.first(where: { $0.isAtWork && $0.signalsSent.contains(signal) }) {
        return .stopped(by: order.by, how: .polite, status: status.value)
      }
      return .signaled(signal, coreDumped: coreDumped)
    }
  }

  /// A start that was called off fails because of that; one that failed by an error of its own has its own reason.
  private func failed(_ failure: StartFailure) -> EndCause {
    if failure.errno == 0, let order = orders.current {
      return .stopped(by: order.by, how: .cancelled, status: nil)
    }
    return .startFailed(failure)
  }

  /// The end of init was not observed.
  private var unseen: EndCause {
    switch fence {
    case .orderOverdue(let number):
      guard initExecuted == .no, let order = orders.kept.first(where: { $0.number == number }) else { return .notKnown }
      return .stopped(by: order.by, how: .cancelled, status: nil)
    case .recordUnreadable, .nothingFound: return .notKnown
    case .controllerDied, .launchOverdue, .controllerUnreachable, nil:
      guard initExecuted == .no else { return .controllerLost }
      return failed(StartFailure(step: "launch", errno: 0, message: "launch: the controller died"))
    }
  }

  private func exited(_ code: Int32, _ status: WaitStatus) -> EndCause {
    // Shells report the death of a child as 128 plus its signal. That holds only at the very moment of a kill: 137 alone,
    // or a kill of long ago, proves nothing.
    if code == 128 + WaitStatus.kill, let memory, memory.kills > 0, let before = memory.lastKillBeforeEndMillis,
      before <= Self.passedOnMillis
    {
      return outOfMemory(.child, memory, status)
    }
    if let order = politeOrder { return .stopped(by: order.by, how: .polite, status: status) }
    return .exited(code: code)
  }

  private func killed(_ status: WaitStatus, coreDumped: Bool) -> EndCause {
    if let memory, memory.initKilled == .yes { return outOfMemory(.initProcess, memory, status) }
    // The oldest order whose force was used names the actor, not an earlier order without force.
    if let order = orders.kept.first(where: \.killSent) {
      return .stopped(by: order.by, how: .forced, status: status)
    }
    switch fence {
    case .controllerDied, .launchOverdue, .controllerUnreachable: return .controllerLost
    case .orderOverdue, .recordUnreadable, .nothingFound, nil: return .signaled(WaitStatus.kill, coreDumped: coreDumped)
    }
  }

  /// The init of a PID namespace is ended by SIGHUP when the guest asks for a restart, and by SIGINT for halt and power
  /// off alike (reboot(2), pid_namespaces(7)): the watched call has the rest.
  private func ownDoing(_ signal: Int32) -> EndCause? {
    let own: EndCause
    if signal == WaitStatus.hangUp {
      guard !rebootWatched || reboots.contains(.restart) else { return nil }
      return .reboot
    }
    guard signal == WaitStatus.interrupt else { return nil }
    switch reboots.first(where: { $0 != .restart }) {
    case .halt: own = .halt
    case .powerOff: own = .powerOff
    case .restart, nil:
      guard !rebootWatched else { return nil }
      own = .powerOff
    }
    // Asked to stop, it shut itself down, as systems with an init of their own do.
    if let order = politeOrder, let status { return .stopped(by: order.by, how: .polite, status: status.value) }
    return own
  }

  /// The oldest order at work that sent a polite signal.
  private var politeOrder: EndOrder? { orders.kept.first { $0.isAtWork && !$0.signalsSent.isEmpty } }

  private func outOfMemory(_ victim: OutOfMemory.Victim, _ memory: MemoryKills, _ status: WaitStatus) -> EndCause {
    .oom(
      OutOfMemory(
        victim: victim, limit: memory.limit, limitBytes: memory.reachedLimitBytes ?? 0,
        kills: memory.kills, status: status))
  }
}

// MARK: Former records

extension EndFacts {
  /// The facts of a record of format 1 beside its cause. The cause is kept as it is; that format did not record which
  /// orders were given, who ordered the force, and what the memory counter meant.
  public init(formerly cause: EndCause) {
    self.init(initExecuted: .yes)
    areRecorded = false
    switch cause {
    case .exited(let code): status = InitStatus(.exited(code))
    case .signaled(let signal, let coreDumped): status = InitStatus(.signaled(signal, coreDumped: coreDumped))
    case .oom(let oom):
      status = InitStatus(oom.status)
      memory = MemoryKills(
        kills: oom.kills, initKilled: .notKnown, witness: nil, limit: oom.limit,
        limitBytes: oom.limitBytes == 0 ? nil : oom.limitBytes)
    case .reboot: reboots = [.restart]
    case .halt: reboots = [.halt]
    case .powerOff: reboots = [.powerOff]
    case .stopped(_, let how, let ended):
      status = ended.map { InitStatus($0) }
      if how == .cancelled { initExecuted = .no }
    case .startFailed(let failure):
      startFailure = failure
      // Format 1 recorded this also where the truth was not known.
      initExecuted = .notKnown
    case .controllerLost:
      initExecuted = .notKnown
      fence = .controllerDied
    case .hostReset:
      initExecuted = .notKnown
      endSeen = false
    case .notKnown: initExecuted = .notKnown
    }
  }
}
