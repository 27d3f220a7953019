import Cgroups
import Glibc
import Guest
import LinuxSystem

/// The kernel's kills in this run when memory ran out: how many, when the last, and whether init was one.
///
/// A kill of a child may be months old when init is ended by something else, so the counter alone says nothing about that
/// end. Two witnesses do: the kernel's log, which names the process, and the moment at which the counter moved.
struct MemoryAccount {
  /// How close to its death a kill counts as the kill of init, where only the counter speaks.
  static let sameMomentMillis: UInt64 = 50
  /// How long after an event of v1 a move of the counter is that event's: the kernel picks its victim meanwhile.
  private static let eventNanos: UInt64 = 1_000_000_000
  /// How far from its death a kill is surely another's.
  static let longBeforeMillis: UInt64 = 2_000

  let watch: MemoryWatch?
  private let log: KernelLog?
  private let group: RunCgroup
  /// By the last look.
  private var kills: UInt64?
  private var lastMoveAt: BootTime?
  private var lastEventAt: BootTime?
  private var endedAt: BootTime?
  /// When to look again, because v1 reports a kill before it happens.
  private(set) var lookAt: BootTime?
  private var looksLeft = 0

  /// - Parameters:
  ///   - group: made a moment ago, with nothing in it yet.
  ///   - log: opened before anything of the run could be killed.
  init(of group: RunCgroup, log: KernelLog?) {
    self.group = group
    watch = group.watchMemory()
    self.log = log
    kills = group.countsMemoryKills ? 0 : nil
  }

  /// The kernel says that the counter has moved, or is about to.
  mutating func noteEvent(at now: BootTime) { look(at: now) }

  mutating func look(at now: BootTime) {
    if watch?.takeEvent() == true {
      lastEventAt = now
      if watch?.isEarly == true { looksLeft = 6 }
    }
    guard let count = group.memoryKills else { return }
    // A move without an event may be of any time since the last look.
    if count > kills ?? 0 { lastMoveAt = lastEventAt.flatMap { now.since($0) < Self.eventNanos ? now : nil } }
    kills = count
    lookAt = looksLeft > 0 ? now.adding(milliseconds: 5 << UInt64(6 - looksLeft)) : nil
    looksLeft = max(looksLeft - 1, 0)
  }

  /// Init has ended: what is killed from now on is none of its end.
  ///
  /// - Parameter isSeen: at this moment; else at one before it, and how long the counter had not moved by then is not known.
  mutating func close(at now: BootTime, isSeen: Bool = true) {
    look(at: now)
    lookAt = nil
    endedAt = isSeen ? now : nil
  }

  /// - Parameter limitBytes: the guest's own.
  func facts(
    _ status: Guest.WaitStatus, initPID: Int32, limitBytes: UInt64?
  ) -> MemoryKills? {
    guard let kills else { return nil }
    // Which limit it was is looked up only where one was reached.
    let reached: Guest.OutOfMemory.Limit =
      switch kills > 0 ? group.outOfMemory().limit : .own {
      case .own: .own
      case .parent: .parent
      case .host: .host
      }
    let before = lastMoveAt.flatMap { move in endedAt.map { $0.since(move) / 1_000_000 } }
    let (known, witness) = Self.initKilled(status, kills: kills, lastMillis: before) {
      log?.oomKill(of: initPID, patienceMillis: 50)
    }
    return MemoryKills(
      kills: UInt32(clamping: kills), initKilled: known, witness: witness, lastKillBeforeEndMillis: before,
      limit: reached, limitBytes: limitBytes)
  }

  /// Decides from the witnesses; the log is asked only where it matters.
  ///
  /// - Parameter lastMillis: from the last move of the counter to the end of init; nil where that was not seen.
  static func initKilled(
    _ status: Guest.WaitStatus, kills: UInt64, lastMillis: UInt64?, _ log: () -> KernelLog.Answer?
  ) -> (Known, MemoryKills.Witness?) {
    // The kernel counts before it kills.
    if kills == 0 { return (.no, .counter) }
    guard case .signaled(SIGKILL, _) = status else { return (.no, .status) }
    switch log() {
    case .killed: return (.yes, .kernelLog)
    case .notNamed: return (.no, .kernelLog)
    case .unreadable, nil:
      guard let lastMillis else { return (.notKnown, nil) }
      if lastMillis <= sameMomentMillis { return (.yes, .counter) }
      return lastMillis >= longBeforeMillis ? (.no, .counter) : (.notKnown, nil)
    }
  }
}
