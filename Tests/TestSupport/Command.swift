import Dispatch
import Glibc
import LinuxSystem

/// How a program that was run to its end ended, and what it printed.
public struct CommandResult: Sendable, CustomStringConvertible {
  public var command: [String]
  /// The exit code, or 128 + the signal's number.
  public var code: Int32
  public var output: String
  public var errors: String

  public var lines: [Substring] { output.split(separator: "\n") }

  public var description: String {
    "`\(command.joined(separator: " "))` ended with \(code)\n\(output)\(errors)"
  }
}

/// A program that should have succeeded.
public struct CommandFailure: Error, CustomStringConvertible {
  public var result: CommandResult
  public init(_ result: CommandResult) { self.result = result }
  public var description: String { result.description }
}

/// A program to run to its end, or to its deadline.
public struct Command: Sendable {
  public var program: String
  public var environment: [String: String]
  public var workingDirectory: String?

  public init(_ program: String, environment: [String: String] = [:], workingDirectory: String? = nil) {
    self.program = program
    self.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"]
      .merging(environment) { _, new in new }
    self.workingDirectory = workingDirectory
  }

  /// Blocks its thread; see `callAsFunction` for tests that are async. Past the deadline the program is killed, and
  /// ends with 137.
  public func run(_ arguments: String..., deadline seconds: Double = 60) throws -> CommandResult {
    try run(arguments: arguments, deadline: seconds)
  }

  public func run(arguments: [String], input: String = "", deadline seconds: Double = 60) throws -> CommandResult {
    // Files rather than pipes: no reader has to drain them while the program runs.
    let (standardInput, output, errors) = (try unnamedFile(), try unnamedFile(), try unnamedFile())
    try Array(input.utf8).withUnsafeBytes { try Files.write($0, to: standardInput.rawValue, named: "input") }
    lseek(standardInput.rawValue, 0, SEEK_SET)
    var plan = SpawnPlan(
      executable: program, arguments: [program] + arguments, environment: environment.map { "\($0)=\($1)" })
    plan.descriptors = [(standardInput.rawValue, 0), (output.rawValue, 1), (errors.rawValue, 2)]
    plan.workingDirectory = workingDirectory
    let process = try plan.run()
    if !waitUntilReadable(process.fd.rawValue, seconds: seconds) { try process.signal(SIGKILL) }
    let reaped = try process.wait(blocking: true)
    let code: Int32 =
      switch reaped?.status {
      case .exited(let code): code
      case .signaled(let signal, _): 128 + signal
      case nil: -1
      }
    return CommandResult(
      command: [program] + arguments, code: code, output: try text(of: output), errors: try text(of: errors))
  }

  /// Runs the program without holding up a thread that other tests need.
  public func callAsFunction(
    _ arguments: [String], input: String = "", deadline seconds: Double = 60
  ) async throws -> CommandResult {
    try await offThread { try run(arguments: arguments, input: input, deadline: seconds) }
  }

  private func unnamedFile() throws -> OwnedFD { try Files.open("/tmp", flags: O_RDWR | 0o20_200_000, mode: 0o600) }

  private func text(of file: OwnedFD) throws -> String {
    lseek(file.rawValue, 0, SEEK_SET)
    return String(decoding: try Files.read(file, named: "output"), as: UTF8.self)
  }
}

/// Runs blocking work on a thread that may block.
public func offThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    DispatchQueue.global().async { continuation.resume(with: Result { try work() }) }
  }
}

/// Waits until a descriptor is readable (a pidfd: its process has ended); false when the time is up first.
public func waitUntilReadable(_ fd: Int32, seconds: Double) -> Bool {
  let end = Clock.bootNanoseconds + Int64(seconds * 1e9)
  while true {
    let left = max(0, end - Clock.bootNanoseconds)
    var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
    let ready = poll(&entry, 1, Int32(clamping: left / 1_000_000 + (left > 0 ? 1 : 0)))
    if ready > 0 { return true }
    if ready == 0, left == 0 { return false }
  }
}

/// An event that did not come, or not in time.
public struct TooLate: Error, CustomStringConvertible {
  public var description: String
  public init(description: String) { self.description = description }
}

/// Bounds a wait for a notification, an event or a reply. Never a substitute for one.
public func within<Value: Sendable>(
  seconds: Double, _ what: String, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  try await withThrowingTaskGroup(of: Value.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: .seconds(seconds))
      throw TooLate(description: "\(what): not within \(seconds) s")
    }
    defer { group.cancelAll() }
    return try await group.next()!
  }
}
