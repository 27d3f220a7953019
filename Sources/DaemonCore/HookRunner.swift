internal import Dispatch
internal import Guest
internal import GuestStore
internal import GuestWire
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import WireProtocol
internal import XDR

/// Runs programs for events: durable subscribers with a cursor each, outside every decision.
///
/// Each hook runs one program at a time, in the order of the journal, once per event. Its cursor is stored when a program
/// is done with; a daemon that dies while one runs gives that event to it again, with `LODGE_ATTEMPT` one higher.
/// A hook that fails, hangs or floods holds up nothing but itself.
actor HookRunner {
  private struct Hook {
    var stored: StoredHook
    var spec: Wire.HookSpec
    var filter: EventFilter
    var task: Task<Void, Never>?
  }

  static let defaultTimeoutMillis: UInt64 = 30_000
  private static let waiters = DispatchQueue(label: "lodge.hooks", attributes: .concurrent)

  private let manager: GuestManager
  private let store: GuestStore
  private let paths: DaemonPaths
  private let fence: RunFence
  private let logger: Logger
  private var hooks: [String: Hook] = [:]
  private var sleeping: [String: CheckedContinuation<Void, Never>] = [:]
  private var newest: UInt64 = 0

  init(manager: GuestManager, store: GuestStore, paths: DaemonPaths, logger: Logger) {
    self.manager = manager
    self.store = store
    self.paths = paths
    self.logger = logger
    fence = RunFence(parent: paths.cgroupParent)
  }

  func start(_ stored: [StoredHook], newest: UInt64) {
    self.newest = newest
    for hook in stored {
      do { run(hook, try Wire.HookSpec(xdr: hook.spec)) } catch {
        logger.error("a stored hook cannot be read", metadata: ["hook": "\(hook.name)", "error": "\(error)"])
      }
    }
  }

  func stop() {
    for hook in hooks.values { hook.task?.cancel() }
    wakeAll()
  }

  /// The journal has rows up to this number.
  func wake(_ sequence: UInt64) {
    newest = max(newest, sequence)
    wakeAll()
  }

  func add(_ spec: Wire.HookSpec) async throws {
    let name = try GuestName(spec.name).value
    guard hooks[name] == nil else {
      throw GuestError(.alreadyExists, "add hook \(name): there is one of that name", hint: "lodge on rm \(name)")
    }
    guard hooks.count < Int(Wire.hooksMax) else {
      throw GuestError(.limitReached, "add hook \(name): there are \(Wire.hooksMax) already")
    }
    guard spec.program.hasPrefix("/") else {
      throw GuestError(
        .invalidArgument, "add hook \(name): \(Visible.text(spec.program, limit: 80)) is not an absolute path")
    }
    guard Files.exists(spec.program) else {
      throw GuestError(
        .invalidArgument, "add hook \(name): \(Visible.text(spec.program, limit: 80)): No such file or directory",
        errno: 2)
    }
    let hook = StoredHook(name: name, spec: try spec.xdrEncoded(), position: newest)
    try await manager.reading { try $0.save(hook) }
    run(hook, spec)
  }

  func remove(_ name: String) async throws {
    guard let hook = hooks[name] else {
      throw GuestError(
        .notFound, "remove hook \(Visible.text(name, limit: 80)): there is none of that name", hint: "lodge on ls")
    }
    try await manager.reading { try $0.removeHook(name) }
    hooks[name] = nil
    hook.task?.cancel()
    wakeAll()
  }

  func list() -> Wire.HookListReply {
    Wire.HookListReply(
      hooks: hooks.values.sorted { $0.stored.name < $1.stored.name }.map {
        Wire.HookStatus(
          spec: $0.spec, position: $0.stored.position, runs: $0.stored.runs, failures: $0.stored.failures,
          lastError: $0.stored.lastError)
      })
  }

  private func run(_ stored: StoredHook, _ spec: Wire.HookSpec) {
    let task = Task { await follow(stored.name) }
    hooks[stored.name] = Hook(stored: stored, spec: spec, filter: EventFilter(spec.filter), task: task)
  }

  private func wakeAll() {
    let waking = sleeping
    sleeping = [:]
    for continuation in waking.values { continuation.resume() }
  }

  // MARK: One hook

  private func follow(_ name: String) async {
    while !Task.isCancelled, let hook = hooks[name] {
      guard hook.stored.position < newest else {
        await withCheckedContinuation { sleeping[name] = $0 }
        continue
      }
      let position = hook.stored.position
      guard let rows = try? await manager.reading({ try $0.journal(after: position, limit: 200) }), let last = rows.last
      else {
        hooks[name]?.stored.position = newest
        continue
      }
      for row in rows where !Task.isCancelled {
        // A hook that hears of hooks would never end.
        guard row.entry.event.kind != .hook, hook.filter.matches(row.entry.event) else { continue }
        await perform(name, row.entry)
      }
      guard !Task.isCancelled, hooks[name] != nil else { return }
      hooks[name]?.stored.position = last.entry.sequence
      await save(name)
    }
  }

  private func perform(_ name: String, _ entry: JournalEntry) async {
    guard let hook = hooks[name] else { return }
    var failure: String?
    for attempt in 1...(Int(min(hook.spec.retries, 100)) + 1) where !Task.isCancelled {
      hooks[name]?.stored.runs += 1
      failure = await execute(hook.spec, entry, attempt: attempt)
      guard let text = failure else { break }
      hooks[name]?.stored.failures += 1
      logger.warning("a hook failed", metadata: ["hook": "\(name)", "sequence": "\(entry.sequence)", "why": "\(text)"])
      if attempt <= Int(hook.spec.retries) {
        try? await Task.sleep(for: .milliseconds(min(250 << min(attempt, 6), 10_000)))
      }
    }
    hooks[name]?.stored.lastError = failure ?? ""
    hooks[name]?.stored.position = entry.sequence
    await save(name)
    if let failure {
      await manager.noteHook(name, "hook \(name) given up for event \(entry.sequence): \(failure)")
    }
  }

  private func save(_ name: String) async {
    guard let hook = hooks[name]?.stored else { return }
    do { try await manager.reading { try $0.save(hook) } } catch {
      logger.error("a hook's position cannot be stored", metadata: ["hook": "\(name)", "error": "\(error)"])
    }
  }

  /// Runs the program once. Nil if it ended with code 0, otherwise why not.
  private func execute(_ spec: Wire.HookSpec, _ entry: JournalEntry, attempt: Int) async -> String? {
    let group = "hook-\(spec.name)"
    let process: ProcessHandle
    do {
      let log = try openLog(spec.name)
      var plan = SpawnPlan(
        executable: spec.program, arguments: [spec.program],
        environment: HookEnvironment.variables(entry, attempt: attempt, socket: paths.socket, root: paths.root))
      plan.descriptors = [(log.rawValue, 1), (log.rawValue, 2)]
      plan.newSession = true
      let folder = fence.hookGroup(group)
      plan.cgroup = folder?.rawValue
      process = try plan.run()
    } catch {
      return "\(error)"
    }
    let timeout = spec.timeoutMillis == 0 ? Self.defaultTimeoutMillis : spec.timeoutMillis
    let timedOut = TimedOut()
    let timer = manager.eventLoop.scheduleTask(in: .milliseconds(Int64(clamping: timeout))) { [fence] in
      timedOut.set()
      fence.killHook(group)
      _ = try? process.signal(9)
    }
    let status: LinuxSystem.WaitStatus? = await withCheckedContinuation { continuation in
      Self.waiters.async { continuation.resume(returning: (try? process.wait(blocking: true))?.status) }
    }
    timer.cancel()
    // What it left running in the background goes with it.
    fence.endHook(group)
    if timedOut.isSet { return "it took more than \(timeout) ms and was killed" }
    switch status {
    case .exited(0): return nil
    case .exited(let code): return "exit \(code)"
    case .signaled(let signal, _): return SignalName.name(signal)
    case nil: return "its end could not be seen"
    }
  }

  private func openLog(_ name: String) throws(SystemError) -> OwnedFD {
    let path = paths.logs + "/hook-" + name + ".log"
    if let status = try? Files.status(path), status.size > 1 << 20 { try Files.rename(path, to: path + ".1") }
    return try Files.open(path, flags: Files.appending, mode: 0o640)
  }
}

private final class TimedOut: @unchecked Sendable {
  // Set on the event loop before the process ends because of it, read after it has ended.
  private(set) var isSet = false
  func set() { isSet = true }
}

/// What a hook's program is told: one variable a fact, so that a shell script needs no parser.
enum HookEnvironment {
  static func variables(_ entry: JournalEntry, attempt: Int, socket: String, root: String) -> [String] {
    let event = entry.event
    var variables = [
      ProcessEnvironment.path, "LODGE_CONNECT=unix://" + socket, "LODGE_ATTEMPT=\(attempt)",
      "LODGE_SEQUENCE=\(entry.sequence)", "LODGE_TIME_NANOS=\(entry.time.nanoseconds)", "LODGE_TYPE=\(event.kind)",
      "LODGE_GUEST=\(event.guest?.value ?? "")", "LODGE_RUN=\(event.run?.description ?? "")",
      "LODGE_FROM=\(event.from)",
      "LODGE_TO=\(event.to)", "LODGE_ACTOR=\(event.by.inWords)", "LODGE_MESSAGE=\(event.message)",
    ]
    if root != "/" { variables.append("LODGE_ROOT=" + root) }
    if let cause = event.ended?.cause {
      variables.append("LODGE_CAUSE=\(cause.kind)")
      variables.append("LODGE_CAUSE_TEXT=\(cause.inWords)")
      if case .exited(let code) = cause { variables.append("LODGE_CODE=\(code)") }
      if case .signaled(let signal, _) = cause { variables.append("LODGE_SIGNAL=\(signal)") }
    }
    for label in event.labels where label.key.utf8.allSatisfy({ isNameByte($0) }) {
      variables.append("LODGE_LABEL_\(label.key)=\(label.value)")
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

extension GuestManager {
  func noteHook(_ name: String, _ message: String) {
    enqueue(
      PendingChange(
        change: Change(
          guest: nil, record: .none, events: [GuestEvent(.hook, guest: nil, by: .daemon, message: message)],
          time: now.wall),
        snapshot: nil, effects: [], isRequest: false))
  }
}
