internal import Guest
internal import GuestStore
internal import NIOCore

/// One guest in the daemon's memory. Touched by its manager only.
struct ManagedGuest {
  /// With everything decided so far, stored or not: what decisions are made on.
  var current: StoredGuest
  /// As it is on the disk: what people are shown. Nil until its creation is stored.
  var committed: StoredGuest?
  /// Its removal is decided; nobody may ask anything of it any more.
  var isLeaving = false
  /// Ends that are decided and not on the disk yet, oldest first.
  var unstoredEnds: [RunRecord] = []
  var restartTimer: Scheduled<Void>?
  var waiters: [Waiter] = []
  /// Since when its `stuckTasks` are not empty.
  var stuckSince: BootTime?

  var name: GuestName { current.lifecycle.name }

  init(_ stored: StoredGuest, isStored: Bool) {
    current = stored
    committed = isStored ? stored : nil
  }
}

/// Somebody who waits for something to be true of a guest, on the disk.
struct Waiter {
  enum Condition {
    /// Init of this run was executed, or the run has ended.
    case outcome(RunID)
    case ended(RunID)
    case running
    /// Nothing runs and no restart is pending.
    case stopped
  }

  /// What was found true.
  enum Result: Sendable {
    case holds
    case ended(RunRecord)
    /// The guest was removed, or it has had other runs since the one that was meant: the store knows more.
    case gone
    /// It was killed, and these tasks do not end: nobody can say when it will.
    case stuck(String)
  }

  var id: UInt64
  var condition: Condition
  /// The connection it is for: gives up when that closes.
  var connection: UInt64?
  /// Whoever wanted it to end is told when a kill does not end it.
  var hearsOfStuckTasks: Bool
  var resume: (Swift.Result<Result, GuestError>) -> Void
}
