import Cgroups
import Guest
import GuestWire
import LinuxSystem
import WireProtocol

/// The run's cgroup as its account: use so far, and the kernel's kills for want of memory.
final class Resources {
  let group: RunCgroup
  private var memory: MemoryAccount
  private let reactor: Reactor
  private var source: Reactor.Source?

  /// - Parameters:
  ///   - group: made a moment ago, with nothing in it yet.
  ///   - kernelLog: opened before anything of the run could be killed.
  init(of group: RunCgroup, _ kernelLog: KernelLog?, _ reactor: Reactor) {
    self.group = group
    self.reactor = reactor
    memory = MemoryAccount(of: group, log: kernelLog)
    if let watch = memory.watch {
      source = try? reactor.watch(watch.rawValue, for: watch.interest) { [unowned self] _ in
        memory.noteEvent(at: Clock.now.boot)
      }
    }
    reactor.addTimer(
      due: { [unowned self] in memory.lookAt }, fire: { [unowned self] in memory.look(at: Clock.now.boot) })
  }

  /// Init has ended: its end is none of what is killed from now on.
  ///
  /// - Parameter isSeen: at this moment; else at one before it.
  func close(at now: BootTime, isSeen: Bool) {
    memory.close(at: now, isSeen: isSeen)
    if let source { reactor.remove(source) }
    source = nil
  }

  func memoryKills(_ status: Guest.WaitStatus, initPID: Int32, limitBytes: UInt64?) -> MemoryKills? {
    memory.facts(status, initPID: initPID, limitBytes: limitBytes)
  }

  var measures: Wire.ResourcesReply {
    let used = group.usage()
    return Wire.ResourcesReply(
      usage: GuestUsage(
        memoryBytes: used.memoryBytes, memoryPeakBytes: used.memoryPeakBytes, cpuMicros: used.cpuMicros,
        tasks: used.tasks
      ).measures)
  }

  /// Of the whole run, by the group where the host counts; else by init and those it waited for.
  func total(initUsage: ResourceUsage?) -> (memoryPeakBytes: UInt64?, cpuMicros: UInt64?) {
    // Nothing that has run took no memory and no time: 0 is what a host says that counts neither.
    func counted(_ figure: UInt64?) -> UInt64? { figure.flatMap { $0 > 0 ? $0 : nil } }
    let used = group.usage()
    return (
      counted(used.memoryPeakBytes) ?? counted(initUsage.map { UInt64(clamping: $0.maxResidentKilobytes) << 10 }),
      counted(used.cpuMicros) ?? initUsage.map { UInt64(clamping: $0.userMicroseconds + $0.systemMicroseconds) }
    )
  }
}
