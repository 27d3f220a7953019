import CLinuxSystem
import Glibc

/// Reads the kernel's log from now on, for the processes that it kills to get memory back: /dev/kmsg
/// (Documentation/ABI/testing/dev-kmsg). Costs a descriptor and about 4 kB of kernel memory.
public final class KernelLog {
  /// The result for one process.
  public enum Answer: Equatable, Sendable {
    /// The kernel says that it killed it.
    case killed
    /// It does not name it, and nothing of the time in question is missing.
    case notNamed
    /// Something is missing, or cannot be read.
    case unreadable
  }

  private let file: OwnedFD

  /// Nil where the log cannot be read, or counts processes otherwise than this process does: in any other PID namespace
  /// than the initial one the kernel's numbers are not ours.
  public init?() {
    var info = stat()
    // PROC_PID_INIT_INO in include/linux/proc_ns.h.
    guard stat("/proc/self/ns/pid", &info) == 0, info.st_ino == 0xefff_fffc,
      let file = try? Files.open("/dev/kmsg", flags: O_RDONLY | O_NONBLOCK), lseek(file.rawValue, 0, SEEK_END) >= 0
    else { return nil }
    self.file = file
  }

  /// Looks for the line that the kernel writes about each process that it kills for memory (`__oom_kill_process` in
  /// mm/oom_kill.c), from where the last look ended. The line may come a moment after the death: waits up to
  /// `patienceMillis` for it.
  public func oomKill(of pid: Int32, patienceMillis: Int32) -> Answer {
    var isWhole = true
    var span: (oldest: UInt64, newest: UInt64)?
    // The log may never be at rest.
    var waits = 0
    return withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 16) { room in
      while true {
        let got = read(file.rawValue, room.baseAddress!, room.count)
        if got >= 0 {
          guard let record = Record(room[..<got]) else { continue }
          if record.oomVictim == pid { return .killed }
          span = (span?.oldest ?? record.time, record.time)
          continue
        }
        switch errno {
        case EINTR, EINVAL: continue
        case EPIPE:
          // Records were overwritten before they were read. What is left must reach back a while before the death.
          isWhole = false
          span = nil
        case EAGAIN:
          var wait = pollfd(fd: file.rawValue, events: Int16(POLLIN), revents: 0)
          waits += 1
          if waits < 10, poll(&wait, 1, patienceMillis) == 1 { continue }
          if isWhole { return .notNamed }
          return span.map { $0.newest - $0.oldest > 2_000_000 } ?? false ? .notNamed : .unreadable
        default: return .unreadable
        }
      }
    }
  }

  /// One record: `priority,sequence,microseconds,flags;text`.
  struct Record {
    var time: UInt64
    /// The process that the kernel says it has killed for memory.
    var oomVictim: Int32?

    init?(_ bytes: some Collection<UInt8>) {
      guard let end = bytes.firstIndex(of: UInt8(ascii: ";")) else { return nil }
      let fields = bytes[..<end].split(separator: UInt8(ascii: ","))
      guard fields.count >= 3, let priority = UInt32(decimal: fields[0]), let time = UInt64(decimal: fields[2]) else {
        return nil
      }
      self.time = time
      // Facility 0 is the kernel; what others write into /dev/kmsg never gets it.
      guard priority >> 3 == 0 else { return }
      oomVictim = Self.victim(bytes[end...].dropFirst().prefix { $0 != UInt8(ascii: "\n") })
    }

    /// `Memory cgroup out of memory: Killed process 812 (tail) total-vm:...`. Matched from its first word on: process
    /// names, which any process chooses for itself, come later in every line.
    private static func victim(_ text: some Collection<UInt8>) -> Int32? {
      var text = Array(text)[...]
      func drop(_ word: String) -> Bool {
        guard text.starts(with: word.utf8) else { return false }
        text = text.dropFirst(word.utf8.count)
        return true
      }
      guard
        drop("Memory cgroup out of memory: ") || drop("Out of memory: ")
          || drop("Out of memory (oom_kill_allocating_task): "), drop("Killed process ")
      else { return nil }
      return Int32(decimal: text.prefix { (48...57).contains($0) })
    }
  }
}
