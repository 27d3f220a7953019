internal import Glibc
internal import LinuxSystem

/// The controller's program as it was when the daemon started.
///
/// An upgrade replaces the file under a running daemon, and a daemon speaks its own release's protocol to what it spawns:
/// so it keeps the file open, and executes that. Where it cannot be opened, each start says so.
final class ControllerProgram: Sendable {
  /// To be executed by children of this process, while this value lives.
  let path: String
  private let file: OwnedFD?

  init(_ path: String) {
    file = try? Files.open(path, flags: O_RDONLY)
    // By the daemon's number and not by `self`: the child closes what it does not hand on before it executes.
    self.path = file.map { "/proc/\(OwnProcess.pid)/fd/\($0.rawValue)" } ?? path
  }
}
