import Glibc
public import LinuxSystem
import Synchronization

/// A real lodged on a scratch folder, with the means to hurt it.
public final class TestDaemon: Sendable {
  public let scratch: ScratchFolder
  /// Folder of the programs under test: beside the test bundle, or `LODGE_TEST_BIN`.
  public static let programs: String = {
    if let path = getenv("LODGE_TEST_BIN") { return String(cString: path) }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = readlink("/proc/self/exe", &buffer, buffer.count)
    let path = String(decoding: buffer.prefix(max(0, length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    return Files.parent(of: path)
  }()

  private let process: Mutex<ProcessHandle?>

  public init(scratch: ScratchFolder) {
    self.scratch = scratch
    process = Mutex(nil)
  }

  public var root: String { scratch.path }
  public var socketPath: String { "\(root)/run/lodge.sock" }
  public var readOnlySocketPath: String { "\(root)/run/lodge-ro.sock" }
  public var logPath: String { "\(root)/lodged.log" }
  public var log: String { Files.textOrEmpty(logPath) }
  /// Nil when it does not run.
  public var pid: Int32? { process.withLock { $0?.pid } }

  // MARK: - Life

  /// Starts it; returns when it says that it is ready.
  ///
  /// - Parameter prelude: shell commands to run before it in a mount namespace of its own, for example a small disk
  ///   mounted at `$ROOT/lib`.
  /// - Parameter sockets: passed to it as a service manager does, by name and descriptor (sd_listen_fds(3)).
  public func start(
    environment: [String: String] = [:], arguments: [String] = [], prelude: String? = nil,
    sockets: [(name: String, descriptor: Int32)] = []
  ) async throws {
    try await offThread { [self] in
      try startAndWait(environment: environment, arguments: arguments, prelude: prelude, sockets: sockets)
    }
  }

  private func startAndWait(
    environment: [String: String], arguments: [String], prelude: String?, sockets: [(name: String, descriptor: Int32)]
  ) throws {
    let notify = try NotifySocket(at: "\(root)/notify.sock")
    let log = try Files.open(logPath, flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o644)
    let program = "\(Self.programs)/lodged"
    var command = [program, "--root", root] + arguments
    if let prelude {
      // Each program replaces the one before it: the pid that we hold is lodged's in the end.
      command =
        ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-ec", prelude + "\nexec \"$@\"", "sh"]
        + command
    }
    var environment = environment
    if !sockets.isEmpty {
      command = ["/bin/sh", "-ec", "export LISTEN_PID=$$\nexec \"$@\"", "sh"] + command
      environment["LISTEN_FDS"] = "\(sockets.count)"
      environment["LISTEN_FDNAMES"] = sockets.map(\.name).joined(separator: ":")
    }
    var plan = SpawnPlan(
      executable: command[0], arguments: command,
      environment: [
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET": notify.path, "LODGE_TEST_TAG": scratch.tag,
        "ROOT": root,
      ].merging(environment) { _, new in new }.map { "\($0)=\($1)" })
    plan.descriptors =
      [(log.rawValue, 1), (log.rawValue, 2)] + zip(sockets, Int32(3)...).map { ($0.descriptor, $1) }
    plan.newSession = true
    let handle = try plan.run()
    process.withLock { $0 = handle }
    var entries = [
      pollfd(fd: notify.fd.rawValue, events: Int16(POLLIN), revents: 0),
      pollfd(fd: handle.fd.rawValue, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      guard poll(&entries, 2, 30_000) > 0 else {
        throw TooLate(description: "lodged did not say that it is ready; \(logPath):\n\(self.log)")
      }
      if entries[0].revents != 0, notify.receive().split(separator: "\n").contains("READY=1") { return }
      if entries[1].revents != 0 {
        let status = try reap()
        throw DaemonEnded(status: status, log: self.log)
      }
    }
  }

  /// kill -9; returns when it is gone.
  public func kill() async throws {
    try signal(SIGKILL)
    _ = try await ended()
  }

  /// Asks it to end, as systemd does; returns how it did.
  @discardableResult
  public func terminate() async throws -> WaitStatus {
    try signal(SIGTERM)
    return try await ended()
  }

  /// How it ended by itself.
  public func ended(within seconds: Double = 30) async throws -> WaitStatus {
    try await offThread { [self] in
      guard let fd = process.withLock({ $0?.fd }) else { throw TooLate(description: "lodged does not run") }
      guard waitUntilReadable(fd.rawValue, seconds: seconds) else {
        throw TooLate(description: "lodged did not end within \(seconds) s; \(logPath):\n\(log)")
      }
      return try reap()
    }
  }

  /// SIGSTOP; takes effect before this returns.
  public func pause() throws { try signal(SIGSTOP) }
  public func resume() throws { try signal(SIGCONT) }

  public func signal(_ number: Int32) throws {
    guard let handle = process.withLock({ $0 }) else { throw TooLate(description: "lodged does not run") }
    try handle.signal(number)
  }

  private func reap() throws -> WaitStatus {
    let handle = process.withLock { process in
      defer { process = nil }
      return process
    }
    guard let reaped = try handle?.wait(blocking: true) else { throw TooLate(description: "lodged does not run") }
    return reaped.status
  }

  // MARK: - Looking inside

  /// The kind of each of its descriptors, without numbers of sockets and the like, so that two lists compare.
  public var descriptors: [String] {
    guard let pid else { return [] }
    return Files.names(in: "/proc/\(pid)/fd").compactMap { number in
      var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
      let length = readlink("/proc/\(pid)/fd/\(number)", &buffer, buffer.count)
      guard length > 0 else { return nil }
      let target = String(decoding: buffer.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
      return target.split(separator: ":").first.map(String.init)
    }.sorted()
  }

  /// `descriptors`, once they are these again or two seconds have gone: it closes a connection some time after its
  /// client has, without a notification.
  public func descriptors(onceBackTo former: [String]) async throws -> [String] {
    for _ in 0..<40 where descriptors != former { try await Task.sleep(for: .milliseconds(50)) }
    return descriptors
  }

  /// kB from /proc/<pid>/smaps_rollup, for example `Pss` or `Private_Dirty`; proc(5).
  public func memory(_ field: String) -> Int {
    guard let pid else { return 0 }
    return ProcessFacts.memory(field, of: pid)
  }

  /// The lodge command, pointed at this daemon.
  public var cli: Command { Command("\(Self.programs)/lodge", environment: ["LODGE_ROOT": root]) }

  /// Runs `lodge` with these arguments, whatever comes of it.
  public func lodge(
    _ arguments: String..., input: String = "", deadline seconds: Double = 60
  ) async throws -> CommandResult {
    try await cli(arguments, input: input, deadline: seconds)
  }

  /// Runs `lodge`, which has to succeed.
  @discardableResult
  public func succeed(_ arguments: String..., deadline seconds: Double = 60) async throws -> CommandResult {
    let result = try await cli(arguments, deadline: seconds)
    guard result.code == 0 else { throw CommandFailure(result) }
    return result
  }
}

/// lodged ended where it should have gone on.
public struct DaemonEnded: Error, CustomStringConvertible {
  public var status: WaitStatus
  public var log: String
  public var description: String { "lodged ended by itself: \(status)\n\(log)" }
}

/// Facts about one process; proc(5).
public enum ProcessFacts {
  public static func memory(_ field: String, of pid: Int32) -> Int {
    for line in Files.textOrEmpty("/proc/\(pid)/smaps_rollup").split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count > 1, words[0] == field + ":" { return Int(words[1]) ?? 0 }
    }
    return 0
  }

  public static func parent(of pid: Int32) -> Int32? { try? ProcessStat(of: pid).parent }
  public static func isAlive(_ pid: Int32) -> Bool {
    guard let stat = try? ProcessStat(of: pid) else { return false }
    return stat.state != UInt8(ascii: "Z")
  }
}
