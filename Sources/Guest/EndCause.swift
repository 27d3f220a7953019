/// How init itself ended, as wait(2) reports it.
public enum WaitStatus: Sendable, Hashable {
  case exited(Int32)
  case signaled(Int32, coreDumped: Bool)

  static let hangUp: Int32 = 1
  static let interrupt: Int32 = 2
  public static let kill: Int32 = 9
  static let resume: Int32 = 18
  static let stop: Int32 = 19
}

/// The origin of a request.
public enum Actor: Sendable, Hashable {
  /// The guest itself.
  case guest
  /// A person or a script over the admin socket, as the kernel vouches for it (SO_PEERCRED, unix(7)).
  case user(uid: UInt32, pid: Int32)
  /// The guest's restart policy, or autostart.
  case policy
  /// The daemon, correcting a state.
  case daemon
}

/// How an ordered end came about.
public enum StopMethod: Sendable, Hashable, CaseIterable {
  /// The guest exited, shut itself down (halt or power off), or ended by the very signal that it was sent.
  case polite
  /// SIGKILL ended it, and an order had it sent.
  case forced
  /// Its init was never executed, because the start was called off.
  case cancelled
}

/// Why a start failed, with nothing left behind.
public struct StartFailure: Sendable, Hashable {
  /// The step that failed, for example `mount /proc`.
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

/// An end because the kernel killed a process to get memory back.
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
  /// Processes of the guest that the kernel killed for memory during the whole run.
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

/// The one reason why a run ended, as far as the facts go.
public enum EndCause: Sendable, Hashable {
  case exited(code: Int32)
  /// A signal that no order of Lodge's sent.
  case signaled(Int32, coreDumped: Bool)
  case oom(OutOfMemory)
  /// The guest called reboot(2) with RESTART.
  case reboot
  /// ... with HALT.
  case halt
  /// ... with POWER_OFF.
  case powerOff
  /// An administrator ordered it. No status where init was never executed.
  case stopped(by: Actor, how: StopMethod, status: WaitStatus?)
  case startFailed(StartFailure)
  /// The controller died and left no record; the guest was fenced.
  case controllerLost
  /// The host went down with the guest in it.
  case hostReset
  /// It was killed without its controller, because an order had not been carried out, and how its init ended was not
  /// seen: it may have ended by itself before.
  case notKnown

  /// Whether it deserves an administrator's attention. The one definition: the restart mode `onFailure` answers these
  /// ends, screens show them in red, filters and JSON call them bad.
  public var isBad: Bool {
    switch self {
    case .exited(let code): code != 0
    case .signaled, .oom, .startFailed, .controllerLost, .hostReset, .notKnown: true
    case .reboot, .halt, .powerOff, .stopped: false
    }
  }
}

/// The first line of a record: the cause, and whether it came while an order to end the run was at work and something
/// else happened. A pure function of the facts makes it (`EndFacts.headline`).
public struct EndHeadline: Sendable, Hashable {
  public var cause: EndCause
  /// The order that was at work when something else ended the run; nil for an end that was ordered, and for one that no
  /// order had to do with.
  public var whileStopping: EndOrder?

  public init(_ cause: EndCause, whileStopping: EndOrder? = nil) {
    self.cause = cause
    self.whileStopping = whileStopping
  }

  /// See `EndCause.isBad`.
  public var isBad: Bool { cause.isBad }
}
