import Glibc
public import Layout
import LinuxSystem

/// The program: `main` in C calls it, see there.
///
/// - Returns: the exit status. 64: wrong arguments.
@_cdecl("lodge_controller_main")
public func controllerMain(
  _ count: Int32, _ values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> Int32 {
  StandardStreams.open(.null)
  guard let arguments = ControllerArguments((0..<Int(count)).compactMap { values[$0].map { String(cString: $0) } })
  else {
    _ = (ControllerArguments.usage + "\n").withCString { write(2, $0, strlen($0)) }
    return 64
  }
  return runController(arguments)
}

/// Runs a controller to its end in the calling thread, which has to be the process's only one: the guest's init dies with
/// the thread that made it (PR_SET_PDEATHSIG, prctl(2)).
///
/// - Returns: the exit status. 0: the end of the run is on record, or there was no run.
public func runController(_ arguments: ControllerArguments) -> Int32 {
  do throws(SystemError) {
    // No signal ends a guest's controller, and with it the guest, but those that nothing can keep off, and a fault of its own.
    // The daemon has it begin with all of them blocked, so there is no moment before this.
    try Signals.ignoreAll()
    try Signals.unblock(.all)
    // No guest's setup runs with this process's memory or /proc open to others (CVE-2019-5736).
    try ProcessControl.setDumpable(false)
    // Executed by a descriptor, it would be called by that one's number.
    try ProcessControl.setName("lodge-controller")
    // Neither does a limit that some shell had set for the daemon: what it forbids fails, is counted, and the guest runs on.
    ProcessLimits.raise()
    try check("chdir", on: "/") { chdir("/") }
    umask(0o022)
    // The host's want of memory is not solved by killing the one who has to report it. Needs CAP_SYS_RESOURCE; without
    // it the daemon's own value is kept.
    try? Files.writeControl("-900", to: "/proc/self/oom_score_adj")
    try serve(arguments)
    return 0
  } catch {
    ControllerLog(guest: arguments.guest).note("\(error)")
    return 70
  }
}

/// Takes over the descriptors that the arguments name.
private func serve(_ arguments: ControllerArguments) throws(SystemError) {
  // Held until this process ends: its lock says that a controller lives.
  let lock = OwnedFD(adopting: arguments.lock)
  let runDirectory = OwnedFD(adopting: arguments.runDirectory)
  let connection = OwnedFD(adopting: arguments.connection)
  for descriptor in [lock, runDirectory, connection] { try descriptor.setCloseOnExec(true) }
  let run = try Run(arguments, connection: connection, runDirectory: runDirectory, on: try Reactor())
  CrashPoint.reach("controller.started")
  try run.serve()
  withExtendedLifetime(lock) {}
}
