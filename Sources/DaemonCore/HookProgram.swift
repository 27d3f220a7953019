internal import ConsoleLog
internal import Dispatch
internal import Guest
internal import Layout
internal import LinuxSystem
internal import NIOCore
internal import Synchronization

/// Runs a hook's program once, in a cgroup of its own, and keeps what it says.
struct HookProgram: Sendable {
  private static let prefix = "hook-"
  static let defaultTimeoutMillis: UInt64 = 30_000
  /// Of one run's output; the rest is counted and dropped.
  static let outputLimit = 64 << 10
  /// The log is put aside when it has this size; one older log is kept.
  static let logLimit: UInt64 = 1 << 20
  private static let waiters = DispatchQueue(label: "lodge.hooks", attributes: .concurrent)

  let paths: DaemonPaths
  let fence: RunFence
  let eventLoop: any EventLoop
  private let counter = RunCounter()

  init(paths: DaemonPaths, fence: RunFence, eventLoop: any EventLoop) {
    self.paths = paths
    self.fence = fence
    self.eventLoop = eventLoop
  }

  /// Runs the program to its end, or to its timeout; a task that is cancelled kills it, with all it has started. Nil if it
  /// ended with code 0, otherwise why not.
  @concurrent func run(_ spec: HookSpec, _ entry: JournalEntry, attempt: UInt64, isTest: Bool = false) async -> String?
  {
    let group = "\(Self.prefix)\(spec.name)+\(counter.next())"
    let process: ProcessHandle
    let output: OwnedFD
    let log: OwnedFD
    do {
      log = try openLog(spec.name)
      let ends = try Pipe.make()
      output = ends.reading
      let nothing = try Files.open("/dev/null", flags: Files.reading)
      var plan = SpawnPlan(
        executable: spec.program, arguments: [spec.program] + spec.arguments,
        environment: HookEnvironment.variables(entry, attempt: attempt, socket: paths.socket, root: paths.root)
          + (isTest ? ["LODGE_TEST=1"] : []))
      plan.descriptors = [(nothing.rawValue, 0), (ends.writing.rawValue, 1), (ends.writing.rawValue, 2)]
      plan.newSession = true
      plan.workingDirectory = "/"
      // What a shell or a service manager had set for the daemon, and what the daemon needs for its clients, is not passed on.
      plan.umask = 0o022
      plan.descriptorLimit = 1_024
      let folder = fence.hookGroup(group)
      plan.cgroup = folder?.rawValue
      let subject = isTest ? "a test" : "event \(entry.sequence), attempt \(attempt)"
      note("\(spec.program) begins for \(subject)", in: log)
      process = try plan.run()
    } catch {
      await end(group)
      return "\(error)"
    }
    let timeout = spec.timeoutMillis == 0 ? Self.defaultTimeoutMillis : spec.timeoutMillis
    let deadline = NIODeadline.now() + .milliseconds(Int64(clamping: timeout))
    let timedOut = TimedOut()
    let timer = eventLoop.scheduleTask(deadline: deadline) { [fence] in
      timedOut.set()
      fence.killHook(group)
      _ = try? process.signal(9)
    }
    let status: LinuxSystem.WaitStatus? = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        Self.waiters.async {
          Self.copy(output, to: log, until: process)
          continuation.resume(returning: (try? process.wait(blocking: true))?.status)
        }
      }
    } onCancel: { [fence] in
      fence.killHook(group)
      _ = try? process.signal(9)
    }
    timer.cancel()
    let failure = timedOut.isSet ? "it took more than \(timeout) ms and was killed" : Self.failure(status)
    note(failure ?? "exit 0", in: log)
    // Its programs in the background end with it.
    await end(group)
    return failure
  }

  /// Nil for a program that ended with code 0.
  private static func failure(_ status: LinuxSystem.WaitStatus?) -> String? {
    switch status {
    case .exited(0): nil
    case .exited(let code): "exit \(code)"
    case .signaled(let signal, _): SignalName.name(signal)
    case nil: "its end could not be seen"
    }
  }

  /// A line of the log in the form of a console log's, so that output can be told from it.
  private func note(_ text: String, in log: OwnedFD) {
    LogNote.line(text, time: Clock.wallNanoseconds).withUnsafeBytes {
      try? Files.write($0, to: log.rawValue, named: "the log of a hook")
    }
  }

  /// Ends what an earlier daemon left of programs of hooks.
  @concurrent func endLeftovers() async {
    for group in fence.hookGroups(Self.prefix) { await end(group) }
  }

  /// Ends what is in a group and removes it. What cannot be killed keeps it, and is left to the next daemon.
  @concurrent private func end(_ group: String) async {
    fence.killHook(group)
    for attempt in 0..<10 {
      if fence.removeHook(group) { return }
      // No sleep of the task, which ends at once when that was cancelled.
      try? await eventLoop.scheduleTask(in: .milliseconds(1 << attempt)) {}.futureResult.get()
    }
  }

  /// Refuses a program that could not be run: what is found here may change, and is looked at again at each run.
  static func check(_ program: String, _ intent: String) throws(GuestError) {
    let shown = Visible.text(program, limit: 80)
    guard program.hasPrefix("/") else {
      throw GuestError(.invalidArgument, "\(intent): \(shown) is not an absolute path")
    }
    let isExecutable: Bool
    do throws(SystemError) { isExecutable = try Files.isExecutable(program) } catch {
      throw GuestError(.invalidArgument, "\(intent): \(shown): \(error.reason)", errno: error.errno)
    }
    guard isExecutable else {
      throw GuestError(
        .invalidArgument, "\(intent): \(shown): it is not an executable file", hint: "chmod +x \(shown)", errno: 13)
    }
  }

  private func openLog(_ name: String) throws(SystemError) -> OwnedFD {
    let path = paths.log(ofHook: name)
    try Files.makeDirectories(paths.hookLogs, mode: 0o750)
    if let status = try? Files.status(path), status.size > Self.logLimit { try Files.rename(path, to: path + ".1") }
    return try Files.open(path, flags: Files.appending, mode: 0o640)
  }

  /// Copies what is said until the process ends or nobody can say more. What its children say after that is not waited
  /// for.
  private static func copy(_ output: OwnedFD, to log: OwnedFD, until process: ProcessHandle) {
    var kept = 0
    var dropped = 0
    withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 16) { chunk in
      var items = [Poll.Item(output.rawValue, .readable), Poll.Item(process.fd.rawValue, .readable)]
      loop: while (try? Poll.wait(for: &items, nanoseconds: nil)) != nil {
        let hasEnded = !items[1].found.isEmpty
        while true {
          // One that has ended and whose children flood on is not listened to for ever.
          if hasEnded, kept + dropped > 2 * outputLimit { break loop }
          guard let count = try? Pipe.read(from: output, into: chunk) else { break }
          if count == 0 { break loop }
          let fits = min(count, outputLimit - kept)
          try? Files.write(
            UnsafeRawBufferPointer(rebasing: chunk[..<fits]), to: log.rawValue, named: "the log of a hook")
          kept += fits
          dropped += count - fits
        }
        if hasEnded { break }
      }
    }
    if dropped > 0 {
      var text = "[\(dropped) more bytes of output are not kept]\n"
      text.withUTF8 { try? Files.write(UnsafeRawBufferPointer($0), to: log.rawValue, named: "the log of a hook") }
    }
  }
}

/// Numbers the runs of this daemon; with its pid they are nobody else's.
private final class RunCounter: Sendable {
  private let number = Atomic<UInt64>(0)

  func next() -> String {
    "\(OwnProcess.pid).\(number.wrappingAdd(1, ordering: .relaxed).newValue)"
  }
}

private final class TimedOut: @unchecked Sendable {
  // Set on the event loop before the process ends because of it, read after it has ended.
  private(set) var isSet = false
  func set() { isSet = true }
}

/// The environment of a hook's program: one variable a fact, so that a shell script needs no parser.
enum HookEnvironment {
  static func variables(_ entry: JournalEntry, attempt: UInt64, socket: String, root: String) -> [String] {
    let event = entry.event
    var variables = [
      ProcessEnvironment.path, "\(EnvironmentName.connect)=unix://\(socket)", HookVariable.attempt.set(attempt),
      HookVariable.sequence.set(entry.sequence), HookVariable.time.set(entry.time.nanoseconds),
      HookVariable.type.set("\(event.kind)"), HookVariable.guest.set(event.guest?.value ?? ""),
      HookVariable.run.set(event.run?.description ?? ""), HookVariable.from.set("\(event.from)"),
      HookVariable.to.set("\(event.to)"), HookVariable.actor.set(event.by.inWords),
      HookVariable.message.set(event.message),
    ]
    if root != DaemonPaths.system.root { variables.append("\(EnvironmentName.root)=\(root)") }
    if let notice = event.notice { variables.append("LODGE_NOTICE=\(notice.word)") }
    if let headline = event.ended?.headline {
      let cause = headline.cause
      variables += [
        HookVariable.cause.set("\(cause.kind)"), HookVariable.causeText.set(headline.inWords),
        HookVariable.bad.set(headline.isBad),
      ]
      if case .exited(let code) = cause { variables.append(HookVariable.code.set(code)) }
      if case .signaled(let signal, _) = cause { variables.append(HookVariable.signal.set(signal)) }
    }
    for label in event.labels where label.key.utf8.allSatisfy({ isNameByte($0) }) {
      variables.append(HookVariable.label(label.key, label.value))
    }
    return variables
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
