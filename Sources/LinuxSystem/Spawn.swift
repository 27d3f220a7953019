import CLinuxSystem
import Glibc

/// A program to run as a child of its own: nothing of the caller reaches it but what is said here.
///
/// Its signal mask is empty unless `blocksSignals`, every disposition the default, and every descriptor not named closed
/// (0 to 2 not named are /dev/null).
public struct SpawnPlan: Sendable {
  /// Path of the program; not searched for in PATH.
  public var executable: String
  /// From argv[0] on.
  public var arguments: [String]
  /// `NAME=value` each.
  public var environment: [String]
  /// Which of our descriptors the child gets under which number.
  public var descriptors: [(source: Int32, target: Int32)] = []
  /// Start a session: no terminal's or process group's signals reach it.
  public var newSession = false
  /// Begin with all signals blocked: none ends the program before it has decided which ones may, and unblocks them.
  public var blocksSignals = false
  public var workingDirectory: String?
  /// A cgroup v2 directory to be born in: no migration, no moment in the caller's.
  public var cgroup: Int32?
  /// The mode bits that its files do not get (umask(2)); nil leaves it ours.
  public var umask: UInt32?
  /// Open files it may have, as far as our hard limit goes: it may raise that to the hard limit (getrlimit(2)). Nil leaves it
  /// ours.
  public var descriptorLimit: UInt64?

  public init(executable: String, arguments: [String], environment: [String]) {
    self.executable = executable
    self.arguments = arguments
    self.environment = environment
  }

  /// Runs the program; when this returns it has been executed. Costs the same from a process of any size.
  public func run() throws(SystemError) -> ProcessHandle {
    let mappings = descriptors.sorted { $0.target < $1.target }
      .map { ls_fd_mapping(source: $0.source, target: $0.target) }
    let argv = CStringArray(arguments)
    let envp = CStringArray(environment)
    var scratch = [Int32](repeating: -1, count: max(mappings.count, 1))
    var plan = ls_spawn_plan()
    plan.fd_count = Int32(mappings.count)
    plan.new_session = newSession ? 1 : 0
    plan.signals_blocked = blocksSignals ? 1 : 0
    plan.cgroup_fd = cgroup ?? -1
    plan.umask = umask.map { Int32($0 & 0o777) } ?? -1
    plan.descriptors = descriptorLimit ?? 0
    var pidFD: Int32 = -1
    let pid = executable.withCString { path in
      withOptionalCString(workingDirectory) { directory in
        mappings.withUnsafeBufferPointer { mappings in
          scratch.withUnsafeMutableBufferPointer { scratch in
            plan.path = path
            plan.argv = UnsafePointer(argv.pointer)
            plan.envp = UnsafePointer(envp.pointer)
            plan.directory = directory
            plan.fds = mappings.baseAddress
            plan.scratch = scratch.baseAddress
            return ls_spawn(&plan, &pidFD)
          }
        }
      }
    }
    guard pid > 0 else {
      switch ls_spawn_stage(UInt32(plan.failed_stage)) {
      case LS_SPAWN_CLONE: throw SystemError("clone3", on: executable, errno: plan.failed_errno)
      case LS_SPAWN_DESCRIPTORS: throw SystemError("hand descriptors to", on: executable, errno: plan.failed_errno)
      case LS_SPAWN_SESSION: throw SystemError("setsid for", on: executable, errno: plan.failed_errno)
      case LS_SPAWN_DIRECTORY: throw SystemError("chdir", on: workingDirectory ?? "", errno: plan.failed_errno)
      default: throw SystemError("execute", on: executable, errno: plan.failed_errno)
      }
    }
    return ProcessHandle(pid: pid, adopting: OwnedFD(adopting: pidFD))
  }
}

/// Strings as a NULL-terminated array of C strings, as execve(2) wants them; alive as long as this object.
public final class CStringArray {
  public let pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  public init(_ strings: [String]) {
    count = strings.count
    pointer = .allocate(capacity: count + 1)
    for (index, string) in strings.enumerated() { pointer[index] = strdup(string) }
    pointer[count] = nil
  }

  deinit {
    for index in 0..<count { free(pointer[index]) }
    pointer.deallocate()
  }
}

private func withOptionalCString<R>(_ string: String?, _ body: (UnsafePointer<CChar>?) -> R) -> R {
  guard let string else { return body(nil) }
  return string.withCString { body($0) }
}
