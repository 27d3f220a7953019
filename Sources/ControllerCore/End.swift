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

extension Run {
  func reapInit(blocking: Bool = false) {
    guard let container, machine.phase == .running else { return }
    // A call of reboot(2) that ended init came before its end did; it may still wait to be read.
    reboots?.hear()
    do throws(SystemError) {
      guard let reaped = try container.initProcess.wait(blocking: blocking) else { return }
      stopWatching()
      ended(reaped)
    } catch {
      log.note("\(error)")
    }
  }

  private func ended(_ reaped: ReapedProcess) {
    let now = Clock.now
    let isSeen = standStill?.wasStopped() != true
    ended = (now, isSeen, reaped.usage)
    resources?.close(at: now.boot, isSeen: isSeen)
    CrashPoint.reach("controller.end.seen")
    let status: Guest.WaitStatus =
      switch reaped.status {
      case .exited(let code): .exited(code)
      case .signaled(let signal, let core): .signaled(signal, coreDumped: core)
      }
    input(.initEnded(status))
  }

  func drainConsole() {
    console?.drain()
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
      log.note("exit record: \(error); it is kept in memory and tried again every second")
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
    guard let assignment, let end = machine.end else { return nil }
    let endedAt = ended?.at ?? Clock.now
    let endBoot = (try? Kernel.bootID()).flatMap { BootID($0) }
    let facts = facts(end, endBoot: endBoot)
    return ExitRecord(
      guest: assignment.guest, run: assignment.id, boot: endBoot ?? .zero, facts: facts,
      startedAt: startedAt?.wall, endedAt: endedAt.wall,
      lengthNanos: facts.endSeen ? startedAt.map { endedAt.boot.since($0.boot) } ?? 0 : 0, usage: usage(end),
      logTail: console?.log.tail ?? [])
  }

  /// The observed facts, each by itself; `EndFacts.headline` makes one reason of them.
  private func facts(_ end: ControllerMachine.End, endBoot: BootID?) -> EndFacts {
    var facts = EndFacts(
      initExecuted: .no, rebootWatched: container?.watchesReboot ?? false, orders: machine.orders,
      startBoot: assignment?.boot, endBoot: endBoot)
    facts.endSeen = ended?.isSeen ?? true
    switch end {
    case .startFailed(let failure): facts.startFailure = failure
    case .initEnded(let status):
      facts.initExecuted = .yes
      facts.status = InitStatus(status)
      facts.reboots = machine.reboots
      facts.memory = resources?.memoryKills(
        status, initPID: container?.initProcess.pid ?? 0, limitBytes: assignment?.spec.limits.memoryBytes)
    }
    return facts
  }

  private func usage(_ end: ControllerMachine.End) -> RunUsage {
    var usage = RunUsage(memoryLimitBytes: assignment?.spec.limits.memoryBytes)
    switch end {
    case .startFailed: break
    case .initEnded:
      let total = resources?.total(initUsage: ended?.usage)
      usage.memoryPeakBytes = total?.memoryPeakBytes
      usage.cpuMicros = total?.cpuMicros
    }
    return usage
  }

  // MARK: Sending

  func sendEnd() {
    guard let record else { return }
    let opened = openLaunch
    openLaunch = nil
    if let (call, connection) = opened { connection.fail(call, Self.launchError(record)) }
    connections.send(Controller.Exit.self, Wire.ExitEvent(record: .init(record)), except: opened?.connection)
    CrashPoint.reach("controller.end.told")
  }

  private static func launchError(_ record: ExitRecord) -> RPCErrorBody {
    guard case .startFailed(let failure) = record.cause else {
      return RPCErrorBody(.cancelled, "start \(record.guest): it was stopped before its init was executed")
    }
    return RPCErrorBody(
      .startFailed, failure.message, errno: failure.errno == 0 ? nil : failure.errno, step: failure.step)
  }

  func closeConnections() {
    connections.closeDelayed()
    if connections.isEmpty { input(.delivered) }
  }

  func removeGroup() {
    if let group = resources?.group, !group.remove() { log.note("cgroup \(group.name) could not be removed") }
    CrashPoint.reach("controller.end.cleaned")
  }
}
