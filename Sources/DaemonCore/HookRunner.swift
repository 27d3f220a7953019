internal import Guest
internal import GuestStore
internal import GuestWire
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import Supervision
internal import WireProtocol
internal import XDR

/// Runs programs for events: durable subscribers with a cursor each, outside every decision.
///
/// Each hook runs one program at a time, in the order of the journal, once per event. Each attempt is stored before it is
/// made, and the cursor when a program is done with: a daemon that died while one ran ends what is left of it when it is
/// back, and gives that event to it again, with `LODGE_ATTEMPT` one higher.
/// A hook that fails, hangs or floods holds up nothing but itself.
actor HookRunner {
  private struct Hook {
    var stored: StoredHook
    var spec: Wire.HookSpec
    var filter: EventFilter
    var task: Task<Void, Never>?
    /// As far as the database knows.
    var savedPosition: UInt64
  }

  /// Rows that a hook has passed over without running its program may be looked at again after a restart; its position
  /// is stored after this many of them.
  private static let unsavedRows: UInt64 = 1_000

  private let manager: Guests
  private let program: HookProgram
  private let logger: Logger
  private var hooks: [String: Hook] = [:]
  private var sleeping: [String: CheckedContinuation<Void, Never>] = [:]
  private var newest: UInt64 = 0

  init(manager: Guests, paths: DaemonPaths, logger: Logger) {
    self.manager = manager
    self.logger = logger
    program = HookProgram(paths: paths, fence: RunFence(parent: paths.cgroupParent), eventLoop: manager.eventLoop)
  }

  func start(_ stored: [StoredHook], newest: UInt64) async {
    self.newest = newest
    await program.endLeftovers()
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

  /// What hook programs printed last is for those who may inspect.
  func list(for access: Access) -> Wire.HookListReply {
    Wire.HookListReply(
      hooks: hooks.values.sorted { $0.stored.name < $1.stored.name }.map {
        Wire.HookStatus(
          spec: $0.spec, position: $0.stored.position, runs: $0.stored.runs, failures: $0.stored.failures,
          lastError: access.base >= .inspect ? $0.stored.lastError : "")
      })
  }

  private func run(_ stored: StoredHook, _ spec: Wire.HookSpec) {
    let task = Task { await follow(stored.name) }
    hooks[stored.name] = Hook(
      stored: stored, spec: spec, filter: EventFilter(spec.filter), task: task, savedPosition: stored.position)
  }

  private func wakeAll() {
    let waking = sleeping
    sleeping = [:]
    for continuation in waking.values { continuation.resume() }
  }

  // MARK: One hook

  private func follow(_ name: String) async {
    while !Task.isCancelled, let hook = hooks[name] {
      let position = hook.stored.position
      guard position < newest else {
        await withCheckedContinuation { continuation in
          // Looked at here, and not before only: from this on nothing can happen unseen.
          let isDue = Task.isCancelled || hooks[name].map { $0.stored.position < newest } ?? true
          if isDue { continuation.resume() } else { sleeping[name] = continuation }
        }
        continue
      }
      let rows: [EncodedEntry]
      do { rows = try await manager.reading { try $0.journal(after: position, limit: 200) } } catch {
        // It cannot be said what would be missed: nothing is passed over.
        logger.error("a hook cannot read the journal", metadata: ["hook": "\(name)", "error": "\(error)"])
        try? await Task.sleep(for: .seconds(1))
        continue
      }
      guard !Task.isCancelled, hooks[name] != nil else { return }
      if let first = rows.first, first.entry.sequence > position + 1 {
        await noteGap(name, from: position + 1, to: first.entry.sequence - 1)
      }
      for row in rows where !Task.isCancelled {
        // A hook that hears of hooks would never end.
        guard row.entry.event.kind != .hook, hook.filter.matches(row.entry.event) else { continue }
        await perform(name, row.entry)
      }
      guard !Task.isCancelled, let after = hooks[name] else { return }
      let reached = rows.last?.entry.sequence ?? newest
      hooks[name]?.stored.position = reached
      if reached - after.savedPosition >= Self.unsavedRows { await save(name) }
    }
  }

  /// Retention went over events that this hook has not had.
  private func noteGap(_ name: String, from first: UInt64, to last: UInt64) async {
    let text = "events \(first) to \(last) are no longer kept"
    hooks[name]?.stored.failures += 1
    hooks[name]?.stored.lastError = text
    logger.warning("a hook misses events", metadata: ["hook": "\(name)", "why": "\(text)"])
    await manager.noteHook(name, "hook \(name) misses events: \(text)")
  }

  private func perform(_ name: String, _ entry: JournalEntry) async {
    guard let hook = hooks[name] else { return }
    // One that was begun by an earlier daemon goes on counting, and is not given up for that alone.
    var number = hook.stored.started == entry.sequence ? hook.stored.attempt : 0
    var failure: String?
    for attempt in 1...(UInt64(min(hook.spec.retries, 100)) + 1) where !Task.isCancelled {
      number += 1
      hooks[name]?.stored.runs += 1
      hooks[name]?.stored.started = entry.sequence
      hooks[name]?.stored.attempt = number
      await save(name)
      failure = await program.run(hook.spec, entry, attempt: number)
      guard let text = failure else { break }
      hooks[name]?.stored.failures += 1
      logger.warning("a hook failed", metadata: ["hook": "\(name)", "sequence": "\(entry.sequence)", "why": "\(text)"])
      if attempt <= hook.spec.retries {
        try? await Task.sleep(for: .milliseconds(min(250 << min(attempt, 6), 10_000)))
      }
    }
    guard !Task.isCancelled else { return }
    hooks[name]?.stored.lastError = failure ?? ""
    hooks[name]?.stored.position = entry.sequence
    await save(name)
    if let failure {
      await manager.noteHook(name, "hook \(name) given up for event \(entry.sequence): \(failure)")
    }
  }

  private func save(_ name: String) async {
    guard let hook = hooks[name]?.stored else { return }
    do {
      try await manager.reading { try $0.save(hook) }
      hooks[name]?.savedPosition = hook.position
    } catch {
      logger.error("a hook's position cannot be stored", metadata: ["hook": "\(name)", "error": "\(error)"])
    }
  }
}

extension Guests {
  func noteHook(_ name: String, _ message: String) {
    take(book.note([GuestEvent(.hook, guest: nil, by: .daemon, message: message)], .fact, at: now.wall))
  }
}
