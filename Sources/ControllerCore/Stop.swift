import Cgroups
import ContainerRuntime
import Glibc
import Guest
import LinuxSystem
import WireProtocol

// What `ControllerMachine` decides about the guest's processes.

extension Run {
  /// Sends a polite signal once init hears it, and not before: the kernel would drop it (see `Hearing`), so nothing
  /// is lost, and the order is given once. That matters where it is not idempotent: a second SIGTERM makes many programs
  /// give up what they were saving.
  func signalInit(_ signal: Int32) {
    guard let process = container?.initProcess else { return }
    let hears = hearing.hears(signal, SignalHandlers.of(pid: process.pid))
    if hears {
      do throws(SystemError) { try process.signal(signal) } catch { log.note("\(error)") }
    }
    input(.signalHeard(hears))
  }

  func killAll() {
    do throws(ContainerError) {
      try resources?.group.kill()
    } catch {
      log.note("\(error)")
      // Init's end takes its PID namespace along.
      _ = try? container?.initProcess.signal(SIGKILL)
    }
  }

  /// For STATUS: names of processes that a kill has not ended.
  func noteStuck() {
    let tasks = resources?.group.describeProcesses() ?? ""
    // The wire's bound, kept by whole bytes: names of processes may be anything.
    stuckTasks = tasks.utf8.count <= 1024 ? tasks : String(decoding: tasks.utf8.prefix(1000), as: UTF8.self)
    if !tasks.isEmpty { log.note("killed, but not ended: \(tasks)") }
  }

  func sendGaveUp(_ order: UInt32) {
    guard let id = assignment?.id else { return }
    connections.send(Controller.GaveUp.self, Wire.GaveUpEvent(run: id.bytes, order: order))
  }
}

/// Whether init hears a signal, by looks at it one after the other.
///
/// One that is blocked and has no handler is heard by an init that takes its signals by signalfd, such as systemd; it has
/// them blocked for good. But every fork(2) of the C library blocks all signals for a moment, and then the kernel drops
/// what init has no handler for. So a look counts when the one before it has seen the same.
struct Hearing {
  private var seenBlocked: Int32?

  mutating func hears(_ signal: Int32, _ handlers: SignalHandlers) -> Bool {
    if handlers.handled.contains(signal) { return true }
    let wasBlocked = seenBlocked == signal
    seenBlocked = handlers.blocked.contains(signal) ? signal : nil
    return wasBlocked && seenBlocked != nil
  }
}

/// Which signals reach a process that is the init of a PID namespace. The kernel drops all others (sig_task_ignored in
/// kernel/signal.c; pid_namespaces(7)).
struct SignalHandlers: Equatable {
  /// Those that it has a handler for, and those it is waiting for at the moment (sigwait: tini), which the kernel shows neither
  /// as blocked nor as caught.
  var handled = SignalSet.none
  /// They wait until it takes them, or until it unblocks them.
  var blocked = SignalSet.none

  static func of(pid: Int32) -> SignalHandlers {
    var found = parse((try? Files.read("/proc/\(pid)/status")) ?? [])
    guard let place = waitedSet(in: (try? Files.readText("/proc/\(pid)/syscall")) ?? ""),
      let bytes = try? Files.read("/proc/\(pid)/mem", from: place, limit: 8), bytes.count == 8
    else { return found }
    // The kernel's own set: 64 bits in the host's order of bytes.
    found.handled.bits |= bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
    return found
  }

  /// Lines such as `SigCgt: 0000000180004a02`; proc_pid_status(5).
  static func parse(_ status: [UInt8]) -> SignalHandlers {
    var found = SignalHandlers()
    for line in status.split(separator: UInt8(ascii: "\n")) {
      if line.starts(with: "SigCgt:".utf8) { found.handled.bits = bits(line) }
      if line.starts(with: "SigBlk:".utf8) { found.blocked.bits = bits(line) }
    }
    return found
  }

  private static func bits(_ line: ArraySlice<UInt8>) -> UInt64 {
    UInt64(String(decoding: line.dropFirst(7), as: UTF8.self).drop { $0 == "\t" || $0 == " " }, radix: 16) ?? 0
  }

  /// The address of the set that a task waits for in rt_sigtimedwait(2), by a line such as `128 0x7ffd5c 0x0 ...`: the number
  /// of the system call, and its arguments (proc_pid_syscall(5)). Nil where it is in no such call.
  static func waitedSet(in line: String) -> UInt64? {
    let fields = line.split(separator: " ", maxSplits: 2)
    guard fields.count > 1, Int(fields[0]) == Signals.waitCall, fields[1].hasPrefix("0x") else { return nil }
    return UInt64(fields[1].dropFirst(2), radix: 16)
  }
}
