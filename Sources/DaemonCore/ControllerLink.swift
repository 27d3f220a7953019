internal import Guest
internal import LinuxSystem
internal import RPCNIO

/// What the daemon saw of a run whose controller did not answer.
struct LastSeen: Sendable {
  /// Why it killed the guest without the controller.
  var fence: Fence?
  /// How init ended, read before the controller was killed: until then init is a zombie (field 52 of `/proc/PID/stat`).
  var status: InitStatus?
  /// Init had ended before anything was killed: then no order ended it, and when it ended is not known.
  var hadEnded = false

  /// Before the guest is killed for that reason. `status`: of an init that is a zombie already.
  mutating func look(_ reason: Fence?, _ status: InitStatus?) {
    fence = reason
    self.status = status
    hadEnded = status != nil
  }

  /// The reason counts as what ended init only where init was there to be ended.
  var endingFence: Fence? { hadEnded ? nil : fence }
}

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
  /// Its start was called off before it was asked to launch: there is nothing to stop.
  var isDiscarded = false
  /// It gives no sign of life.
  var isSilent = false
  /// Asked about tasks that do not end, and not answered yet.
  var isProbing = false
  /// When the order to stop should have ended it at the latest, the controller's own deadlines included.
  var stopDeadline: BootTime?
  var lastSeen = LastSeen()

  /// Why the daemon killed the guest without it.
  var fence: Fence? { lastSeen.fence }

  init(guest: GuestName, run: RunID, connection: RPCClientConnection, process: ProcessHandle?, isChild: Bool) {
    self.guest = guest
    self.run = run
    self.connection = connection
    self.process = process
    self.isChild = isChild
  }
}
