import CLinuxSystem
import Glibc

/// How a process ended.
public enum WaitStatus: Equatable, Sendable {
  case exited(code: Int32)
  case signaled(signal: Int32, core: Bool)
}

/// Resources that a process and those it waited for have used; getrusage(2).
public struct ResourceUsage: Equatable, Sendable {
  public var userMicroseconds: Int64
  public var systemMicroseconds: Int64
  /// The largest resident size, in kB, of the largest process.
  public var maxResidentKilobytes: Int64
}

/// One reaped child.
public struct ReapedProcess: Equatable, Sendable {
  public var pid: Int32
  public var status: WaitStatus
  public var usage: ResourceUsage

  init(_ result: ls_wait_result) {
    pid = result.pid
    status =
      result.code == Int32(CLD_EXITED)
      ? .exited(code: result.status)
      : .signaled(signal: result.status, core: result.code == Int32(CLD_DUMPED))
    usage = ResourceUsage(
      userMicroseconds: result.user_microseconds, systemMicroseconds: result.system_microseconds,
      maxResidentKilobytes: result.max_rss_kb)
  }
}

/// One process and no other: a pidfd, which never means a process that got the number later; pidfd_open(2).
public final class ProcessHandle: Sendable {
  public let pid: Int32
  /// Readable once the process has ended.
  public let fd: OwnedFD

  /// Takes over a pidfd from clone3(2).
  public init(pid: Int32, adopting fd: OwnedFD) {
    self.pid = pid
    self.fd = fd
  }

  /// Opens a process by number: only sound for an unreaped child, or when checked against `startTime` afterwards.
  public init(opening pid: Int32) throws(SystemError) {
    self.pid = pid
    fd = OwnedFD(adopting: try check("pidfd_open", on: "pid \(pid)") { ls_pidfd_open(pid) })
  }

  /// Opens a process by number and makes sure that it is the one that started then, so a reused number is refused.
  ///
  /// - Returns: nil when that process is gone.
  public static func open(pid: Int32, startTime: UInt64) throws(SystemError) -> ProcessHandle? {
    do {
      let handle = try ProcessHandle(opening: pid)
      guard try ProcessStat(of: pid).startTime == startTime else { return nil }
      return handle
    } catch {
      if error.errno == ESRCH || error.errno == ENOENT { return nil }
      throw error
    }
  }

  /// Those of `pids` that are as wished.
  public static func all(of pids: [Int32], where isWanted: (ProcessHandle) -> Bool) -> [ProcessHandle] {
    pids.compactMap { try? ProcessHandle(opening: $0) }.filter(isWanted)
  }

  /// Whether it has one of these files open, whatever their names are by now. Compares device and inode of the files
  /// behind /proc/<pid>/fd, which a process cannot forge. Needs ptrace rights over it (proc_pid_fd(5)).
  ///
  /// If the process has gone and its number was given to another, that one is examined, and a signal to this handle has
  /// no receiver.
  public func holds(anyOf paths: [String]) -> Bool {
    let files = paths.compactMap(FileIdentity.init(of:))
    let folder = "/proc/\(pid)/fd"
    return ((try? Files.list(folder)) ?? []).contains { entry in
      FileIdentity(of: "\(folder)/\(entry.name)").map(files.contains) ?? false
    }
  }

  /// Sends a signal; false when the process is gone.
  @discardableResult
  public func signal(_ signal: Int32) throws(SystemError) -> Bool {
    if ls_pidfd_send_signal(fd.rawValue, signal) == 0 { return true }
    if errno == ESRCH { return false }
    throw .last("send signal \(signal) to", on: "pid \(pid)")
  }

  /// Reaps the process, which has to be our child; nil when it has not ended and `blocking` is false.
  public func wait(blocking: Bool = false) throws(SystemError) -> ReapedProcess? {
    var result = ls_wait_result()
    try check("wait for", on: "pid \(pid)") {
      ls_waitid_pidfd(fd.rawValue, blocking ? 0 : WNOHANG, &result)
    }
    return result.pid == 0 ? nil : ReapedProcess(result)
  }

  /// A copy of one of the process's descriptors; needs ptrace rights over it; pidfd_getfd(2).
  public func copyDescriptor(_ number: Int32) throws(SystemError) -> OwnedFD {
    OwnedFD(
      adopting: try check("copy descriptor \(number) of", on: "pid \(pid)") {
        ls_pidfd_getfd(fd.rawValue, number)
      })
  }

  /// Reaps any one child that has ended, nil when there is none. One SIGCHLD may stand for many: call until nil.
  public static func reapAny() throws(SystemError) -> ReapedProcess? {
    var result = ls_wait_result()
    while ls_waitid_any(&result) == -1 {
      if errno == EINTR { continue }
      if errno == ECHILD { return nil }
      throw .last("wait for", on: "any child")
    }
    return result.pid == 0 ? nil : ReapedProcess(result)
  }
}

/// prctl(2) settings of the calling process.
public enum ProcessControl {
  /// The name in ps and /proc/<pid>/comm; at most 15 bytes are kept.
  public static func setName(_ name: String) throws(SystemError) {
    try check("set process name") {
      name.withCString { ls_prctl(Int32(LS_PR_SET_NAME), UInt(bitPattern: $0), 0, 0, 0) }
    }
  }

  /// Orphaned descendants become children of this process.
  public static func becomeSubreaper() throws(SystemError) {
    try check("become subreaper") { ls_prctl(Int32(LS_PR_SET_CHILD_SUBREAPER), 1, 0, 0, 0) }
  }

  /// Off: no core dumps, no ptrace, and /proc/<pid> belongs to root (CVE-2019-5736).
  public static func setDumpable(_ on: Bool) throws(SystemError) {
    try check("set dumpable") { ls_prctl(Int32(LS_PR_SET_DUMPABLE), on ? 1 : 0, 0, 0, 0) }
  }

  /// Gives back memory that a busy moment needed and the quiet one after it does not: free heap, and unused stack.
  public static func trimMemory() { ls_trim_memory() }

  /// The signal this process gets when the thread that made it ends.
  public static func setParentDeathSignal(_ signal: Int32) throws(SystemError) {
    try check("set parent death signal") { ls_prctl(Int32(LS_PR_SET_PDEATHSIG), UInt(signal), 0, 0, 0) }
  }
}

/// Which file a path leads to.
private struct FileIdentity: Equatable {
  var device: UInt64
  var inode: UInt64

  init?(of path: String) {
    var info = stat()
    guard stat(path, &info) == 0 else { return nil }
    (device, inode) = (UInt64(info.st_dev), UInt64(info.st_ino))
  }
}
