internal import Guest
internal import Supervision

/// News of one run, from its controller or for lack of one. Facts are reported in the order in which they came to be.
enum ControllerFact {
  /// Init has been executed.
  case launched(GuestLifecycle.Launched)
  /// Init was not executed, and nothing of the start is left.
  case startFailed(StartFailure)
  /// The run has ended. `fence`: why the daemon killed the guest without its controller, if that can have ended it.
  case ended(ExitRecord, fence: Fence?)
  /// No record says how the run ended, and nothing of it is left.
  case endedUntold(Recovery.UntoldEnd, LastSeen)
  /// An order without force has come to its end, and the guest runs on.
  case givenUp(order: UInt32)
  case silent(Bool)
  /// Tasks that a kill does not end; empty when they are gone.
  case stuck(String)
  /// A controller from before this daemon has said what it runs: to be answered by `resolve`.
  case introduced(Recovery.Status)
  /// There is no connection to its controller any more, and no word of its end: to be answered by `look`.
  case unwatched
  /// A guest runs that no database knows.
  case found(GuestLifecycle.Launched)
}
