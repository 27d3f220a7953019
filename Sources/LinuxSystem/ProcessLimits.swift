import CLinuxSystem
import Glibc

/// Resource limits of the calling process; setrlimit(2).
public enum ProcessLimits {
  /// Frees this process of limits that it inherited: the soft ones of processor time, file size and memory become the hard
  /// ones, and the hard ones none where that is allowed (CAP_SYS_RESOURCE). A limit that still binds is an error of the call that
  /// it stops, and not the end of the process: their signals are ignored.
  public static func raise() {
    for signal in [SIGXFSZ, SIGXCPU] { ls_ignore_signal(signal) }
    for name in [RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_AS] {
      let resource = __rlimit_resource_t(name.rawValue)
      var limit = rlimit(rlim_cur: .max, rlim_max: .max)
      if setrlimit(resource, &limit) == 0 { continue }
      guard getrlimit(resource, &limit) == 0 else { continue }
      limit.rlim_cur = limit.rlim_max
      setrlimit(resource, &limit)
    }
  }

  /// Signals that may be queued for the user of this process: the hard limit, UInt64.max for none; nil where the kernel does not
  /// say (getrlimit(2), RLIMIT_SIGPENDING).
  public static var pendingSignals: UInt64? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(__RLIMIT_SIGPENDING.rawValue), &limit) == 0 else { return nil }
    return UInt64(limit.rlim_max)
  }

  /// Decides the mode of files that are made without one: nothing for others to write to, whatever shell or service manager
  /// this process was started by (umask(2)).
  public static func setFileMask() { umask(0o022) }

  /// Lets another process write no file beyond so many bytes; prlimit(2).
  public static func limitFileSize(of pid: Int32, to bytes: UInt64) throws(SystemError) {
    try check("limit file size", on: "pid \(pid)") { ls_limit(pid, Int32(RLIMIT_FSIZE.rawValue), bytes, bytes) }
  }
}
