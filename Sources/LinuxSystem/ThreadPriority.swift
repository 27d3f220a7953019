import Glibc

/// The share of the processor of single threads: on Linux a nice value is a thread's own (setpriority(2), C library/kernel
/// differences).
public enum ThreadPriority {
  /// Puts the calling thread so many steps below its process's first thread. Does nothing the second time, and nothing where
  /// the kernel refuses.
  public static func lower(by steps: Int32) {
    errno = 0
    let own = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(getpid()))
    guard own != -1 || errno == 0 else { return }
    _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, min(own + steps, 19))
  }

  /// The nice value of the calling thread; nil where the kernel does not say.
  public static var current: Int32? {
    errno = 0
    let own = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
    return own == -1 && errno != 0 ? nil : own
  }
}
