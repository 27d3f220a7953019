import Glibc

extension Kernel {
  public static var onlineProcessors: Int { max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1) }

  /// Memory in all.
  public static var memoryBytes: UInt64 {
    UInt64(max(sysconf(Int32(_SC_PHYS_PAGES)), 0)) * UInt64(max(sysconf(Int32(_SC_PAGESIZE)), 0))
  }
}

/// Limits and identity of this process.
public enum OwnProcess {
  public static var pid: Int32 { getpid() }
  public static var uid: UInt32 { geteuid() }

  /// Raises the limit of open files as far as it goes, and says how far (getrlimit(2), RLIMIT_NOFILE).
  public static func raiseDescriptorLimit() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    if limit.rlim_cur < limit.rlim_max {
      limit.rlim_cur = limit.rlim_max
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
    return Int(clamping: limit.rlim_cur)
  }

  /// The executable's own path (/proc/self/exe, proc(5)).
  public static var executable: String? {
    let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: 4096)
    defer { buffer.deallocate() }
    let length = readlink("/proc/self/exe", buffer, 4095)
    guard length > 0 else { return nil }
    buffer[length] = 0
    return String(cString: buffer)
  }

  /// The number of the group of that name in /etc/group; nil if there is none.
  public static func groupNumber(named name: String) -> UInt32? { number(named: name, in: "/etc/group") }

  /// The number of the user of that name in /etc/passwd; nil if there is none.
  public static func userNumber(named name: String) -> UInt32? { number(named: name, in: "/etc/passwd") }

  private static func number(named name: String, in file: String) -> UInt32? {
    guard let text = try? Files.readText(file) else { return nil }
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      if fields.count >= 3, fields[0] == name { return UInt32(fields[2]) }
    }
    return nil
  }
}

extension OwnProcess {
  public static var workingDirectory: String {
    guard let path = getcwd(nil, 0) else { return "/" }
    defer { free(path) }
    return String(cString: path)
  }

  /// A variable of our environment.
  public static func variable(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    return String(cString: value)
  }

  /// Ends this process as `kill -9` would: for the tests' crash points.
  public static func die() { kill(getpid(), SIGKILL) }

  /// Stops this thread for so long: for the tests' crash points.
  public static func pause(milliseconds: UInt32) { usleep(milliseconds * 1000) }

  /// The present time for a log line, UTC: `2026-11-21T10:02:11.482Z`.
  public static func clockText() -> String {
    let nanoseconds = Clock.wallNanoseconds
    var seconds = time_t(nanoseconds / 1_000_000_000)
    var fields = tm()
    gmtime_r(&seconds, &fields)
    func digits(_ number: Int32, _ width: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(width - text.count, 0)) + text
    }
    return digits(fields.tm_year + 1900, 4) + "-" + digits(fields.tm_mon + 1, 2) + "-" + digits(fields.tm_mday, 2) + "T"
      + digits(fields.tm_hour, 2) + ":" + digits(fields.tm_min, 2) + ":" + digits(fields.tm_sec, 2) + "."
      + digits(Int32(nanoseconds % 1_000_000_000 / 1_000_000), 3) + "Z"
  }

  /// One write to standard error, so that lines of several threads do not mix. A full or closed pipe loses the line.
  public static func writeError(_ text: String) {
    let bytes = Array(text.utf8)
    _ = write(2, bytes, bytes.count)
  }
}
