import CLinuxSystem
import Glibc
public import LinuxSystem

/// Sees when the kernel kills a process of a run to get memory back, so that it is known whether that happened at the
/// death of init or long before.
public final class MemoryWatch {
  /// The descriptor to wait on; ready when the counter may have moved.
  public var rawValue: Int32 { event?.rawValue ?? file.rawValue }
  public var interest: Readiness { event == nil ? .priority : .readable }
  /// On v1 the event comes before the kill: look again a little later.
  public var isEarly: Bool { event != nil }

  private let file: OwnedFD
  /// Of v1.
  private let event: OwnedFD?

  /// - Parameters:
  ///   - folder: of the memory cgroup.
  ///   - legacy: v1, which signals an eventfd (Documentation/admin-guide/cgroup-v1/memory.rst, section 10). v2 signals
  ///     POLLPRI on `memory.events` (cgroup-v2.rst).
  init?(folder: String, legacy: Bool) {
    do throws(SystemError) {
      file = try Files.open(folder + (legacy ? "/memory.oom_control" : "/memory.events"), flags: O_RDONLY)
      guard legacy else {
        event = nil
        _ = takeEvent()
        return
      }
      let event = OwnedFD(adopting: try check("eventfd") { ls_eventfd() })
      try Files.writeControl("\(event.rawValue) \(file.rawValue)", to: folder + "/cgroup.event_control")
      self.event = event
    } catch {
      return nil
    }
  }

  /// Takes the event back; false where there was none. v2 needs no event: its counter never moves without one.
  public func takeEvent() -> Bool {
    if let event {
      var count: UInt64 = 0
      return read(event.rawValue, &count, 8) == 8
    }
    // The file's own reading position has to be at its start for a fresh look, and that look arms the next event.
    guard lseek(file.rawValue, 0, SEEK_SET) == 0 else { return false }
    return (try? Files.read(file, named: "memory.events")) != nil
  }
}

extension RunCgroup {
  /// Nil where this host does not count memory for the run, or reports no changes.
  public func watchMemory() -> MemoryWatch? {
    memory.flatMap { MemoryWatch(folder: $0.folder, legacy: $0.legacy) }
  }

  /// Whether the host counts the processes of it that the kernel kills for memory.
  public var countsMemoryKills: Bool {
    guard let memory else { return false }
    return Files.exists(memory.folder + (memory.legacy ? "/memory.oom_control" : "/memory.events"))
  }

  /// Processes of it that the kernel killed for memory so far; nil where nothing counts them.
  public var memoryKills: UInt64? { countsMemoryKills ? outOfMemory().kills : nil }
}
