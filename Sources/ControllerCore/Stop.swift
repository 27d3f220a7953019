import Cgroups
import ContainerRuntime
import Glibc
import Guest
import LinuxSystem
import WireProtocol

// What `ControllerMachine` decides about the guest's processes.

extension Run {
  /// Sends a polite signal once init hears it, and not before: the kernel would drop it (see `SignalHandlers`), so nothing
  /// is lost, and the order is given once. That matters where it is not idempotent: a second SIGTERM makes many programs
  /// give up what they were saving.
  func signalInit(_ signal: Int32) {
    guard let process = container?.initProcess else { return }
    let hears = SignalHandlers.of(pid: process.pid).contains(signal)
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

/// Which signals reach a process that is the init of a PID namespace: those it has a handler for, those it blocks, which
/// wait until it takes them (signalfd: systemd), and those it is waiting for at the moment (sigwait: tini), which the kernel
/// shows neither as blocked nor as caught. It drops all others (sig_task_ignored in kernel/signal.c; pid_namespaces(7)).
enum SignalHandlers {
  static func of(pid: Int32) -> SignalSet {
    let handled = parse((try? Files.read("/proc/\(pid)/status")) ?? [])
    guard let place = waitedSet(in: (try? Files.readText("/proc/\(pid)/syscall")) ?? ""),
      let bytes = try? Files.read("/proc/\(pid)/mem", from: place, limit: 8), bytes.count == 8
    else { return handled }
    // The kernel's own set: 64 bits in the host's order of bytes.
    return SignalSet(bits: handled.bits | bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
  }

  /// Lines such as `SigCgt: 0000000180004a02`; proc_pid_status(5).
  static func parse(_ status: [UInt8]) -> SignalSet {
    var bits: UInt64 = 0
    for line in status.split(separator: UInt8(ascii: "\n"))
    where line.starts(with: "SigCgt:".utf8) || line.starts(with: "SigBlk:".utf8) {
      let digits = String(decoding: line.dropFirst(7), as: UTF8.self).drop { $0 == "\t" || $0 == " " }
      bits |= UInt64(digits, radix: 16) ?? 0
    }
    return SignalSet(bits: bits)
  }

  /// The address of the set that a task waits for in rt_sigtimedwait(2), by a line such as `128 0x7ffd5c 0x0 ...`: the number
  /// of the system call, and its arguments (proc_pid_syscall(5)). Nil where it is in no such call.
  static func waitedSet(in line: String) -> UInt64? {
    let fields = line.split(separator: " ", maxSplits: 2)
    guard fields.count > 1, Int(fields[0]) == Signals.waitCall, fields[1].hasPrefix("0x") else { return nil }
    return UInt64(fields[1].dropFirst(2), radix: 16)
  }
}
