public import Guest

// A run without a connection to its controller: the findings, and the verdict on them. Asked when a daemon
// starts, when a controller's connection ends without the word of an end, and again after each thing done about it.
//
//   directory            run was launched?   cgroup of the run   do
//   held                 -                   -                   ask whose it is; adopt, or wait until it is free
//   record of the run    -                   -                   import the record
//   free or none         host has booted     -                   hostReset
//   record is damaged    -                   -                   not known; the file is kept
//   free                 launched            -                   lost: fence, then controllerLost
//   none                 launched            populated           unreachable: the same, by another name
//   none                 launched            absent or empty     nothing found: not known
//   free or none         no                  there               the same, unless a mark says that init was not executed
//   free or none         no, stop ordered    absent              not executed: the start is called off
//   free or none         no                  absent              launch, if this daemon has not yet; else not executed
//   none, and the run    no                  absent              nothing found: not known
//   is an earlier daemon's
//
// The folder of a run is there before its start is stored, or the folder of the run before it still is. So a stored start
// without one has lost it, and with it what may have been an end.
//
// Where this daemon had the connection to the controller, it saw it end: then it died, whatever its directory is like.
//
// The cgroup is the witness of an execution: it is made before init is cloned, and a daemon removes it only after the
// end of its run is stored. Where it is there, the mark in the run directory knows more.

/// The table above, as a function of what is found.
public enum Recovery {
  public struct Found: Sendable, Hashable {
    public enum Directory: Sendable, Hashable {
      case none
      /// A process holds its lock: a controller lives, of this run or of a former one.
      case held
      /// No controller. `record`: the run whose exit record is in it.
      case free(record: RunID?)
      /// No controller, and an exit record that cannot be read.
      case damaged
    }

    public enum Cgroup: Sendable, Hashable, CaseIterable {
      case absent
      case empty
      case populated
    }

    public var directory: Directory
    public var cgroup: Cgroup
    /// Since the state was stored.
    public var hostBooted: Bool
    /// This daemon has ordered a controller of the run to launch.
    public var wasOrdered: Bool
    /// An earlier daemon has stored the run, and may have ordered that; and its folder was missing when this one came.
    public var isInherited: Bool
    /// Whether init was executed, by the mark that the controller left.
    public var mark: Known

    public init(
      directory: Directory, cgroup: Cgroup, hostBooted: Bool, wasOrdered: Bool, isInherited: Bool = false,
      mark: Known = .notKnown
    ) {
      self.isInherited = isInherited
      self.mark = mark
      self.directory = directory
      self.cgroup = cgroup
      self.hostBooted = hostBooted
      self.wasOrdered = wasOrdered
    }
  }

  /// An end without a record.
  public enum UntoldEnd: Sendable, Hashable {
    case hostReset
    /// Its controller died without a word, and init was executed or may have been. Whatever is left is killed first.
    case controllerLost
    /// The guest runs, and the way to its controller is gone. It is killed first.
    case controllerUnreachable
    /// There is a record of the end, and it is damaged.
    case recordUnreadable
    /// Neither a controller, nor a record, nor a process of the guest: nothing is known but that it has ended.
    case nothingFound
    /// It is known that init was not executed: the controller died before that, or the start was called off.
    case notExecuted
  }

  public enum Verdict: Sendable, Hashable {
    /// Nothing is left, and nothing is to be done.
    case nothing
    /// The guest has no run: the end in the directory is stored, or its start never was.
    case clear(killsController: Bool)
    case ask
    case importRecord
    case end(UntoldEnd)
    /// The start was decided and stored, and nothing of it has been done.
    case launch
  }

  public static func verdict(_ phase: GuestLifecycle.Phase, _ found: Found) -> Verdict {
    switch phase {
    case .stopped, .waiting:
      switch found.directory {
      case .none: .nothing
      case .held: .clear(killsController: true)
      case .free, .damaged: .clear(killsController: false)
      }
    case .starting(let run), .running(let run): verdict(run, isWanted: true, found)
    case .stopping(let run): verdict(run, isWanted: false, found)
    }
  }

  private static func verdict(_ run: GuestLifecycle.Run, isWanted: Bool, _ found: Found) -> Verdict {
    switch found.directory {
    case .held: return .ask
    case .free(let record): if record == run.id { return .importRecord }
    case .damaged, .none: break
    }
    if found.hostBooted { return .end(.hostReset) }
    if found.directory == .damaged { return .end(.recordUnreadable) }
    if run.launched != nil { return .end(lost(found)) }
    switch found.cgroup {
    case .empty, .populated:
      switch found.mark {
      case .no: return .end(.notExecuted)
      case .yes, .notKnown: return .end(lost(found))
      }
    case .absent: break
    }
    // Nothing but its folder can say of a run of an earlier daemon that it was not executed.
    if found.isInherited, found.directory == .none { return .end(.nothingFound) }
    return isWanted && !found.wasOrdered ? .launch : .end(.notExecuted)
  }

  /// The fate of a controller that left no record: only where its lock is free, or its connection was seen to end,
  /// has it died.
  private static func lost(_ found: Found) -> UntoldEnd {
    if found.wasOrdered { return .controllerLost }
    switch found.directory {
    case .free, .held: return .controllerLost
    case .damaged: return .recordUnreadable
    case .none:
      switch found.cgroup {
      case .populated: return .controllerUnreachable
      case .empty, .absent: return .nothingFound
      }
    }
  }

  /// Whether the moment at which such an end is recorded is the moment of the end.
  ///
  /// - Parameters:
  ///   - watched: this daemon had a connection to the controller, and it answered to the last.
  ///   - status: of init, as the kernel showed it before its controller was killed.
  ///   - hadEnded: init had ended before anything was killed.
  public static func isEndSeen(_ end: UntoldEnd, watched: Bool, status: InitStatus?, hadEnded: Bool) -> Bool {
    switch end {
    case .hostReset, .recordUnreadable, .nothingFound: return false
    case .controllerUnreachable: return !hadEnded
    case .controllerLost, .notExecuted:
      // The kill that ended it was this daemon's.
      if !hadEnded, case .signaled(WaitStatus.kill, _)? = status?.value { return true }
      return watched && !hadEnded
    }
  }

  /// One guest as a daemon that starts finds it.
  public struct Survey: Sendable, Hashable {
    public var lifecycle: GuestLifecycle
    public var found: Found
    /// The exit record in the directory.
    public var record: ExitRecord?
    /// That record is of a run which the database does not know: its directory stays until that is stored.
    public var isUnknown: Bool

    public init(_ lifecycle: GuestLifecycle, _ found: Found, record: ExitRecord? = nil, isUnknown: Bool = false) {
      self.lifecycle = lifecycle
      self.found = found
      self.record = record
      self.isUnknown = isUnknown
    }
  }

  /// The first things that a daemon does after its start.
  public struct Plan: Sendable, Hashable {
    /// Ends to be stored, in the order in which the runs ended: so the journal has them in that order.
    public var ends: [ExitRecord] = []
    /// The verdicts on the other guests.
    public var rest: [GuestName: Verdict] = [:]
  }

  /// - Parameter formerBoot: the boot in which the state was last stored; nil if that is not known.
  public static func plan(_ surveys: [Survey], now: Moment, boot: BootID, formerBoot: BootID?) -> Plan {
    var plan = Plan()
    for survey in surveys {
      let lifecycle = survey.lifecycle
      switch verdict(lifecycle.phase, survey.found) {
      case .nothing: break
      case .importRecord: if let record = survey.record { plan.ends.append(record) }
      case .end(.hostReset):
        guard let run = lifecycle.run else { break }
        plan.ends.append(
          record(of: run, lifecycle.name, .hostReset, now: now, boot: boot, formerBoot: formerBoot))
      case .clear where survey.isUnknown: break
      case .clear(let killsController): plan.rest[lifecycle.name] = .clear(killsController: killsController)
      case .ask: plan.rest[lifecycle.name] = .ask
      case .end(let end): plan.rest[lifecycle.name] = .end(end)
      case .launch: plan.rest[lifecycle.name] = .launch
      }
    }
    plan.ends.sort { $0.endedAt < $1.endedAt }
    return plan
  }

  /// The facts of an end without a record, as far as they were seen.
  ///
  /// - Parameter seen: of the run's controller, until it was gone.
  /// - Parameter wasSilent: it had stopped answering before.
  /// - Parameter formerBoot: the boot in which the run began, where the host has booted since.
  public static func record(
    of run: GuestLifecycle.Run, _ name: GuestName, _ end: UntoldEnd, seen: LastSeen = LastSeen(),
    wasSilent: Bool = false, now: Moment, boot: BootID, formerBoot: BootID? = nil
  ) -> ExitRecord {
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
    facts.endSeen = isEndSeen(
      end, watched: seen.wasOrdered && !wasSilent, status: seen.status, hadEnded: seen.hadEnded)
    let length = run.launched.map { now.boot.since($0.at.boot) } ?? 0
    var record = ExitRecord(
      guest: name, run: run.id, boot: boot, facts: facts, startedAt: run.launched?.at.wall, endedAt: now.wall,
      lengthNanos: facts.endSeen ? length : 0)
    if let fence = seen.endingFence { record.add(run.orders, fence: fence) }
    return record
  }

  /// The end of a run that the database does not know, because it is an old copy. Of the guest it changes nothing.
  public static func event(ofUnknown record: ExitRecord, in state: GuestState) -> GuestEvent {
    GuestEvent(
      .state, guest: record.guest, run: record.run, from: .running, to: state, by: .daemon,
      message: "a run that the database does not know", ended: record)
  }

  /// The end of a start that is known not to have executed init.
  public static func record(
    ofFailedStart run: RunID, _ name: GuestName, _ failure: StartFailure, orders: EndOrders, now: Timestamp,
    boot: BootID
  ) -> ExitRecord {
    var facts = EndFacts(initExecuted: .no, startFailure: failure, startBoot: boot, endBoot: boot)
    facts.orders = orders
    return ExitRecord(
      guest: name, run: run, boot: boot, facts: facts, startedAt: nil, endedAt: now, lengthNanos: 0)
  }

  /// A controller's account of itself.
  public struct Status: Sendable, Hashable {
    public enum Phase: Sendable, Hashable, CaseIterable {
      case idle
      case launching
      case running
      case stopping
      case ended
    }

    public var run: RunID
    public var phase: Phase
    /// The numbers of the orders that have reached it. Nil for a former version, which does not number them: it has the
    /// present one if it is stopping.
    public var orders: Set<UInt32>?

    public init(run: RunID, phase: Phase, orders: Set<UInt32>? = []) {
      self.run = run
      self.phase = phase
      self.orders = orders
    }

    fileprivate func has(_ order: EndOrder) -> Bool {
      if let orders { return orders.contains(order.number) }
      switch phase {
      case .stopping: return true
      case .idle, .launching, .running, .ended: return false
      }
    }
  }

  public enum Adoption: Sendable, Hashable {
    /// It is the run's controller. `orders`: all that stand and have not reached it, or begin with force.
    case adopt(orders: [EndOrder])
    /// It is a former run's, which has only to go; or it was spawned and has not been ordered to launch. Ended, and then the
    /// table is asked again.
    case dismiss
  }

  public static func adoption(_ phase: GuestLifecycle.Phase, _ status: Status) -> Adoption {
    switch phase {
    case .stopped, .waiting: return .dismiss
    case .starting(let run), .running(let run), .stopping(let run): return adoption(run, status)
    }
  }

  private static func adoption(_ run: GuestLifecycle.Run, _ status: Status) -> Adoption {
    guard status.run == run.id else { return .dismiss }
    switch status.phase {
    case .idle: return .dismiss
    case .ended: return .adopt(orders: [])
    case .launching, .running, .stopping: break
    }
    // It keeps the time of an order that it has.
    return .adopt(orders: run.orders.standing.filter { $0.isForce || !status.has($0) })
  }
}

extension GuestLifecycle {
  /// A guest that is found running, where nothing else is known of it: what was defined is in a database that cannot be
  /// used. It is not started again.
  public static func found(_ name: GuestName, _ run: RunID, _ launched: Launched) -> GuestLifecycle {
    var spec = GuestSpec(rootfs: Rootfs(path: "/"), command: ["/unknown"])
    spec.restart.mode = .never
    return GuestLifecycle(
      name: name, defined: spec,
      phase: .running(.init(id: run, number: 1, startedBy: .daemon, spec: spec, launched: launched)), runCount: 1,
      restarts: RestartHistory(), last: nil, desired: true,
      note: "found running; what else is known of it is in the database that cannot be used")
  }
}
