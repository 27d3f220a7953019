import Cgroups
import ConsoleLog
import ContainerRuntime
import Glibc
import Guest
import GuestWire
import LinuxSystem
import RPC
import RPCSocket
import WireProtocol
import XDR

// Recording the end, and sending it. First it is written, then sent, then the rest is cleared away: after a death in
// between, one true record is there.

extension ControllerProcess {
  func reapInit(blocking: Bool = false) {
    guard let container, machine.phase == .running else { return }
    // A call of reboot(2) that ended init came before its end did; it may still wait to be read.
    hearReboot([])
    do throws(SystemError) {
      guard let reaped = try container.initProcess.wait(blocking: blocking) else { return }
      try epoll.remove(container.initProcess.fd.rawValue)
      ended(reaped)
    } catch {
      complain("\(error)")
    }
  }

  private func ended(_ reaped: ReapedProcess) {
    endedAt = Self.now
    endUsage = reaped.usage
    memory?.close(at: Self.now.boot)
    CrashPoint.reach("controller.end.seen")
    let status: Guest.WaitStatus =
      switch reaped.status {
      case .exited(let code): .exited(code)
      case .signaled(let signal, let core): .signaled(signal, coreDumped: core)
      }
    input(.initEnded(status))
  }

  /// To the last byte: everybody who could write is dead, and what they wrote is in the kernel's hands.
  func drainConsole() {
    guard let run else { return }
    for console in consoles {
      console.drain(into: run.log)
      try? epoll.remove(console.descriptor)
    }
    run.log.flush(last: true)
    flushAt = nil
    CrashPoint.reach("controller.end.drained")
  }

  // MARK: The record

  func writeRecord() {
    if record == nil { record = makeRecord() }
    guard let record else { return input(.recordRefused) }
    do {
      let bytes = try ExitRecordFile.encode(record)
      if CrashPoint.reach("controller.end.before-record") {
        throw SystemError("write", on: ExitRecordFile.name, errno: ENOSPC)
      }
      try Files.writeAtomically(bytes, to: ExitRecordFile.name, at: runDirectory.rawValue)
    } catch {
      if runDirectoryIsGone { return input(.acknowledged) }
      complain("exit record: \(error); it is kept in memory and tried again every second")
      return input(.recordRefused)
    }
    CrashPoint.reach("controller.end.recorded")
    input(.recordWritten)
  }

  /// The daemon removes the directory once it has the end in its database.
  var runDirectoryIsGone: Bool {
    var info = stat()
    return fstat(runDirectory.rawValue, &info) == 0 && info.st_nlink == 0
  }

  private func makeRecord() -> ExitRecord? {
    guard let (guest, id) = run.map({ ($0.guest, $0.id) }) ?? failedRun, let end = machine.end else { return nil }
    let endedAt = endedAt ?? Self.now
    let recordBoot = (try? Kernel.bootID()).flatMap { BootID($0) }
    let facts = facts(end, endBoot: recordBoot)
    return ExitRecord(
      guest: guest, run: id, boot: recordBoot ?? .zero, facts: facts, startedAt: startedAt?.wall,
      endedAt: endedAt.wall, lengthNanos: startedAt.map { endedAt.boot.since($0.boot) } ?? 0, usage: usage(end),
      logTail: run?.log.tail ?? [])
  }

  /// The observed facts, each by itself; `EndFacts.headline` makes one reason of them.
  private func facts(_ end: ControllerMachine.End, endBoot: BootID?) -> EndFacts {
    var facts = EndFacts(
      initExecuted: .no, rebootWatched: container?.watchesReboot ?? false, orders: machine.orders, startBoot: boot,
      endBoot: endBoot)
    switch end {
    case .startFailed(let failure): facts.startFailure = failure
    case .initEnded(let status):
      facts.initExecuted = .yes
      facts.status = InitStatus(status)
      facts.reboots = machine.reboots
      facts.memory = memory?.facts(
        status, initPID: container?.initProcess.pid ?? 0, limitBytes: run?.spec.limits.memoryBytes)
    }
    return facts
  }

  private func usage(_ end: ControllerMachine.End) -> RunUsage {
    var usage = RunUsage(memoryLimitBytes: run?.spec.limits.memoryBytes)
    switch end {
    case .startFailed: break
    case .initEnded:
      // Nothing that has run took no memory and no time: 0 is what a host says that counts neither.
      func counted(_ figure: UInt64?) -> UInt64? { figure.flatMap { $0 > 0 ? $0 : nil } }
      let used = group?.usage()
      usage.memoryPeakBytes = counted(used?.memoryPeakBytes)
      usage.cpuMicros = counted(used?.cpuMicros)
      guard let endUsage else { break }
      // Then init's own, and that of those it waited for.
      if usage.cpuMicros == nil {
        usage.cpuMicros = UInt64(clamping: endUsage.userMicroseconds + endUsage.systemMicroseconds)
      }
      if usage.memoryPeakBytes == nil {
        usage.memoryPeakBytes = counted(UInt64(clamping: endUsage.maxResidentKilobytes) << 10)
      }
    }
    return usage
  }

  // MARK: Sending

  func tellEnd() {
    guard let record else { return }
    let failed = openLaunch
    openLaunch = nil
    let event = Wire.ExitEvent(record: .init(record))
    for connection in Array(connections.values) {
      if let failed, failed.connection === connection {
        connection.fail(failed.call, launchError(record))
      } else {
        do throws(XDRError) { try connection.send(Controller.Exit.self, event) } catch {
          complain("send the end: \(error)")
        }
      }
    }
    CrashPoint.reach("controller.end.told")
  }

  private func launchError(_ record: ExitRecord) -> RPCErrorBody {
    guard case .startFailed(let failure) = record.cause else {
      return RPCErrorBody(.cancelled, "start \(record.guest): it was stopped before its init was executed")
    }
    return RPCErrorBody(
      .startFailed, failure.message, errno: failure.errno == 0 ? nil : failure.errno, step: failure.step)
  }

  func removeGroup() {
    if group?.remove() == false { complain("cgroup \(group?.name ?? "") could not be removed") }
    CrashPoint.reach("controller.end.cleaned")
  }
}
