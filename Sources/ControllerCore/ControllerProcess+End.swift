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

// Taking the end down, and telling it. First it is written, then told, then the rest is cleared away: whoever dies in
// between, one truthful record is there.

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
    let boot = (try? Kernel.bootID()).flatMap { BootID($0) } ?? .zero
    let limits = run?.spec.limits ?? Limits()
    let cause: EndCause
    var usage = RunUsage(memoryLimitBytes: limits.memoryBytes ?? 0)
    switch end {
    case .startFailed(let failure):
      cause = machine.stopRequest.map { .stopped(by: $0.by, how: .cancelled, status: nil) } ?? .startFailed(failure)
    case .initEnded(let status):
      let used = group?.usage() ?? RunCgroup.Usage()
      usage.memoryPeakBytes = used.memoryPeakBytes
      usage.cpuMicros = used.cpuMicros
      if let endUsage {
        // For a host that counts neither; init's own and what it waited for.
        if usage.cpuMicros == 0 {
          usage.cpuMicros = UInt64(clamping: endUsage.userMicroseconds + endUsage.systemMicroseconds)
        }
        if usage.memoryPeakBytes == 0 { usage.memoryPeakBytes = UInt64(clamping: endUsage.maxResidentKilobytes) << 10 }
      }
      let memory = group?.outOfMemory() ?? RunCgroup.OutOfMemory()
      let limit: Guest.OutOfMemory.Limit =
        switch memory.limit {
        case .own: .own
        case .parent: .parent
        case .host: .host
        }
      cause =
        EndFacts(
          status: status, reboot: machine.reboot, rebootWatched: container?.watchesReboot ?? false,
          stop: machine.stopRequest, oomKills: UInt32(clamping: memory.kills), oomLimit: limit,
          memoryLimitBytes: limits.memoryBytes ?? 0
        ).cause
    }
    return ExitRecord(
      guest: guest, run: id, boot: boot, cause: cause, startedAt: startedAt?.wall, endedAt: endedAt.wall,
      lengthNanos: startedAt.map { endedAt.boot.since($0.boot) } ?? 0, usage: usage, logTail: run?.log.tail ?? [])
  }

  // MARK: Telling

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
          complain("tell the end: \(error)")
        }
      }
    }
    CrashPoint.reach("controller.end.told")
  }

  private func launchError(_ record: ExitRecord) -> RPCErrorBody {
    guard case .startFailed(let failure)? = machine.end, machine.stopRequest == nil else {
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
