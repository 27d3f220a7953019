internal import Guest
internal import LinuxSystem
internal import RPCNIO

/// The daemon's end of one controller: its connection and its process. Touched by the manager only.
final class ControllerLink {
  let guest: GuestName
  let run: RunID
  let connection: RPCClientConnection
  /// Signals only ever go through this: a pid may by now be somebody else's (pidfd_open(2)).
  let process: ProcessHandle?
  /// Found out by its first answer; what this daemon spawns is of its own release.
  var version = ControllerVersion.current
  /// Ours to reap; false for one that an earlier daemon spawned.
  let isChild: Bool
  /// The end of the run is known; what remains is the controller's own.
  var hasEnded = false
  /// Its end is stored, and it has been told so: it has nothing left to do but to go.
  var isDismissed = false
  /// It gives no sign of life.
  var isSilent = false
  /// Asked about tasks that do not end, and not answered yet.
  var isProbing = false
  /// When the order to stop should have ended it at the latest, the controller's own deadlines included.
  var stopDeadline: BootTime?
  /// Why the daemon killed the guest without it.
  var fence: Fence?
  /// How init ended, read before a controller that did not answer was killed.
  var initStatus: InitStatus?

  init(guest: GuestName, run: RunID, connection: RPCClientConnection, process: ProcessHandle?, isChild: Bool) {
    self.guest = guest
    self.run = run
    self.connection = connection
    self.process = process
    self.isChild = isChild
  }
}
