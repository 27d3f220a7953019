/// How init itself ended, as wait(2) tells it.
public enum WaitStatus: Sendable, Hashable {
  case exited(Int32)
  case signaled(Int32, coreDumped: Bool)
}

/// Who asked for something.
public enum Actor: Sendable, Hashable {
  /// The guest itself.
  case guest
  /// A person or a script over the admin socket, as the kernel vouches for it (SO_PEERCRED, unix(7)).
  case user(uid: UInt32, pid: Int32)
  /// The guest's restart policy, or autostart.
  case policy
  /// The daemon, putting something right.
  case daemon
}

/// What a stop needed.
public enum StopMethod: Sendable, Hashable, CaseIterable {
  /// The guest ended on the signal it was sent.
  case polite
  /// It had to be killed, or that was what was asked for.
  case forced
  /// It was stopped before its init was executed.
  case cancelled
}

/// Why a start failed, with nothing left behind.
public struct StartFailure: Sendable, Hashable {
  /// What was being done, for example `mount /proc`.
  public var step: String
  /// errno(3), or 0.
  public var errno: Int32
  /// The whole sentence.
  public var message: String

  public init(step: String, errno: Int32, message: String) {
    self.step = step
    self.errno = errno
    self.message = message
  }
}

/// An end for want of memory.
public struct OutOfMemory: Sendable, Hashable {
  public enum Victim: Sendable, Hashable, CaseIterable { case initProcess, child }
  public enum Limit: Sendable, Hashable, CaseIterable {
    /// The guest's own.
    case own
    /// A cgroup's above it.
    case parent
    /// The host had no memory left.
    case host
  }

  public var victim: Victim
  public var limit: Limit
  /// 0 where it is not known.
  public var limitBytes: UInt64
  /// Processes of the guest that the kernel killed for want of memory.
  public var kills: UInt32
  public var status: WaitStatus

  public init(victim: Victim, limit: Limit, limitBytes: UInt64, kills: UInt32, status: WaitStatus) {
    self.victim = victim
    self.limit = limit
    self.limitBytes = limitBytes
    self.kills = kills
    self.status = status
  }
}

/// The one truthful reason why a run ended.
public enum EndCause: Sendable, Hashable {
  case exited(code: Int32)
  /// A signal that nobody asked Lodge for.
  case signaled(Int32, coreDumped: Bool)
  case oom(OutOfMemory)
  /// The guest called reboot(2) with RESTART.
  case reboot
  /// ... with HALT.
  case halt
  /// ... with POWER_OFF.
  case powerOff
  /// An administrator asked. No status where init was never executed.
  case stopped(by: Actor, how: StopMethod, status: WaitStatus?)
  case startFailed(StartFailure)
  /// The controller died and left no record; the guest was fenced.
  case controllerLost
  /// The host went down with the guest in it.
  case hostReset

  /// True for an end that the restart mode `onFailure` answers.
  public var isFailure: Bool {
    switch self {
    case .exited(let code): code != 0
    case .signaled, .oom, .startFailed, .controllerLost, .hostReset: true
    case .reboot, .halt, .powerOff, .stopped: false
    }
  }
}

/// What a guest asked of reboot(2).
public enum RebootCommand: Sendable, Hashable, CaseIterable {
  case restart, halt, powerOff
}

/// What the controller knows when init has ended; `cause` makes one truth of it.
public struct EndFacts: Sendable, Hashable {
  public struct StopRequest: Sendable, Hashable {
    public var by: Actor
    /// The kill that leaves no choice was sent before init ended.
    public var killed: Bool
    /// At least one polite signal was sent before init ended.
    public var signaled: Bool

    public init(by: Actor, killed: Bool, signaled: Bool) {
      self.by = by
      self.killed = killed
      self.signaled = signaled
    }
  }

  public var status: WaitStatus
  /// The last reboot(2) that init's namespace saw, if the kernel told us.
  public var reboot: RebootCommand?
  /// False where reboot(2) cannot be watched: then the wait status alone must tell.
  public var rebootWatched: Bool
  public var stop: StopRequest?
  /// Processes killed for want of memory during this run, by the guest's own memory cgroup's counter.
  public var oomKills: UInt32
  /// The guest's own limit was reached (otherwise it was one above it, or the host's).
  public var oomLimit: OutOfMemory.Limit
  public var memoryLimitBytes: UInt64

  public init(
    status: WaitStatus, reboot: RebootCommand? = nil, rebootWatched: Bool = true, stop: StopRequest? = nil,
    oomKills: UInt32 = 0, oomLimit: OutOfMemory.Limit = .own, memoryLimitBytes: UInt64 = 0
  ) {
    self.status = status
    self.reboot = reboot
    self.rebootWatched = rebootWatched
    self.stop = stop
    self.oomKills = oomKills
    self.oomLimit = oomLimit
    self.memoryLimitBytes = memoryLimitBytes
  }

  private static let hangUp: Int32 = 1
  private static let interrupt: Int32 = 2
  private static let kill: Int32 = 9

  /// The order matters. What an administrator asked for explains the end, however the guest then went. The init of a
  /// PID namespace is ended by SIGHUP when it asked for a restart and by SIGINT for halt and power off
  /// (reboot(2), pid_namespaces(7)), so only the watched call tells those from a signal sent from outside, and halt from power off.
  public var cause: EndCause {
    if let stop, stop.killed || stop.signaled {
      // A guest that goes down by halt or power off because it was asked to has stopped politely.
      return .stopped(by: stop.by, how: stop.killed && isKill ? .forced : .polite, status: status)
    }
    switch status {
    case .signaled(Self.hangUp, _) where !rebootWatched || reboot == .restart: return .reboot
    case .signaled(Self.interrupt, _) where rebootWatched && reboot == .halt: return .halt
    case .signaled(Self.interrupt, _) where !rebootWatched || reboot == .powerOff: return .powerOff
    case .signaled(Self.kill, _) where oomKills > 0: return outOfMemory(.initProcess)
    // Init ended by itself after the kernel took one of its children: 128 + 9 is how shells pass that on.
    case .exited(128 + Self.kill) where oomKills > 0: return outOfMemory(.child)
    case .signaled(let signal, let coreDumped): return .signaled(signal, coreDumped: coreDumped)
    case .exited(let code): return .exited(code: code)
    }
  }

  private var isKill: Bool {
    if case .signaled(Self.kill, _) = status { true } else { false }
  }

  private func outOfMemory(_ victim: OutOfMemory.Victim) -> EndCause {
    .oom(
      OutOfMemory(
        victim: victim, limit: oomLimit, limitBytes: oomLimit == .own ? memoryLimitBytes : 0, kills: oomKills,
        status: status))
  }
}
