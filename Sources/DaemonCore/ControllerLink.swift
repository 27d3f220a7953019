internal import Guest
internal import LinuxSystem
internal import RPCNIO
internal import Supervision

/// The daemon's end of one controller: its connection, its process, and what is known of it. Touched on the event loop
/// only, by `Controllers`.
final class ControllerLink: @unchecked Sendable {
  let guest: GuestName
  let run: RunID
  /// The value that decides about it.
  var state: ControllerState
  /// Nil until it has been reached.
  var connection: RPCClientConnection?
  /// Signals only ever go through this: a pid may by now be another process's (pidfd_open(2)).
  var process: ProcessHandle?
  /// Found out by its first answer; what this daemon spawns is of its own release.
  var version = ControllerVersion.current
  /// Ours to reap; false for one that an earlier daemon spawned.
  let isChild: Bool
  /// Its account of itself, until it is decided whether it is the run's controller.
  var introduction: ControllerStatus?

  init(
    guest: GuestName, run: RunID, state: ControllerState, connection: RPCClientConnection? = nil,
    process: ProcessHandle? = nil, isChild: Bool
  ) {
    self.guest = guest
    self.run = run
    self.state = state
    self.connection = connection
    self.process = process
    self.isChild = isChild
  }
}
