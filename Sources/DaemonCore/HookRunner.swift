internal import Guest
internal import GuestStore
internal import GuestWire
internal import Layout
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import Operations
internal import Supervision
internal import WireProtocol
internal import XDR

/// Runs programs for events: durable subscribers, outside every decision about guests.
///
/// `HookCursor` decides what each hook does next, this does it: one program at a time for each hook, in the order of the
/// journal. A hook that fails, hangs or floods holds up nothing but itself. A program that still runs when the daemon dies
/// is ended by the next one, which gives its event to the hook again.
actor HookRunner {
  /// Its properties are the runner's.
  private final class Hook: @unchecked Sendable {
    let name: String
    let spec: HookSpec
    /// As it is stored.
    let encodedSpec: [UInt8]
    var cursor: HookCursor<EncodedEntry>
    /// Resumed when it has something to do.
    var sleep: CheckedContinuation<Void, Never>?
    /// Its row is being written or removed. Others wait, so that a write does not bring a removed row back.
    var isStoring = false
    var waiting: [CheckedContinuation<Void, Never>] = []
    var task: Task<Void, Never>?

    init(_ stored: StoredHook, newest: UInt64) throws {
      let spec = try HookSpec(Wire.HookSpec(xdr: stored.spec))
      let filter = spec.filter
      name = stored.name
      encodedSpec = stored.spec
      self.spec = spec
      cursor = HookCursor(stored.record, newest: newest, retries: spec.retries) { row in
        // A hook that hears of hooks would never end.
        row.entry.event.kind != .hook && filter.matches(row.entry.event)
      }
    }

    func wake() {
      sleep?.resume()
      sleep = nil
    }
  }

  private let manager: Guests
  private let program: HookProgram
  private let logger: Logger
  private var hooks: [String: Hook] = [:]
  private var newest: UInt64 = 0

  init(manager: Guests, paths: DaemonPaths, logger: Logger) {
    self.manager = manager
    self.logger = logger
    program = HookProgram(paths: paths, fence: RunFence(parent: paths.cgroupParent), eventLoop: manager.eventLoop)
  }

  /// Begins with the hooks of the database. `wake` may have come before.
  ///
  /// - Parameter newest: the newest row of the journal by now, those of the recovery included.
  func start(_ stored: [StoredHook], newest: UInt64) async {
    self.newest = max(self.newest, newest)
    await program.endLeftovers()
    for hook in stored {
      do {
        let hook = try Hook(hook, newest: self.newest)
        hooks[hook.name] = hook
        begin(hook)
      } catch {
        logger.error("a stored hook cannot be read", metadata: ["hook": "\(hook.name)", "error": "\(error)"])
      }
    }
  }

  /// The daemon ends. Programs that run go on; the next daemon ends them and gives their events again.
  func stop() {
    for hook in hooks.values { end(hook) }
  }

  /// The journal has rows up to this number.
  func wake(_ sequence: UInt64) {
    newest = max(newest, sequence)
    for hook in hooks.values where hook.cursor.reached(newest) { hook.wake() }
  }

  func add(_ spec: HookSpec) async throws {
    let name = try Self.checked(spec.name)
    guard hooks[name] == nil else {
      throw GuestError(.alreadyExists, "add hook \(name): there is one of that name", hint: "lodge on rm \(name)")
    }
    guard hooks.count < Int(Wire.hooksMax) else {
      throw GuestError(.limitReached, "add hook \(name): there are \(Wire.hooksMax) hooks, as many as are allowed")
    }
    try HookProgram.check(spec.program, "add hook \(name)")
    let stored = StoredHook(name: name, spec: try Wire.HookSpec(spec).xdrEncoded(), position: newest)
    let hook = try Hook(stored, newest: newest)
    // Its name is taken while it is being stored.
    hooks[name] = hook
    do { try await exclusively(hook) { try await manager.storage.read { try $0.save(stored) } } } catch {
      if hooks[name] === hook { hooks[name] = nil }
      throw error
    }
    // It may be removed already.
    if hooks[name] === hook { begin(hook) }
  }

  /// Runs the program of a hook once, for no event of the journal. The hook's position and counts stay as they are.
  func test(_ name: String, at time: Timestamp) async throws -> HookTrial {
    guard let hook = hooks[name] else {
      throw GuestError(
        .notFound, "test hook \(Visible.text(name, limit: 80)): there is none of that name", hint: "lodge on ls")
    }
    let spec = hook.spec
    try HookProgram.check(spec.program, "test hook \(name)")
    let event = GuestEvent(.hook, guest: nil, by: .daemon, message: "a test of hook \(name)")
    let entry = JournalEntry(sequence: newest, time: time, boot: .zero, event: event)
    let failure = await program.run(spec, entry, attempt: 1, isTest: true)
    return HookTrial(failure: failure, log: program.paths.log(ofHook: name))
  }

  /// A hook's name has the rules of a guest's, and words of its own.
  private static func checked(_ name: String) throws(GuestError) -> String {
    do throws(GuestError) { return try GuestName(name).value } catch {
      throw GuestError(.invalidArgument, error.message.replacingPrefix("guest name", with: "hook name"))
    }
  }

  /// Removes a hook and kills its program if that runs.
  func remove(_ name: String) async throws {
    guard let hook = hooks[name] else {
      throw GuestError(
        .notFound, "remove hook \(Visible.text(name, limit: 80)): there is none of that name", hint: "lodge on ls")
    }
    try await exclusively(hook) {
      // Another removal may have been first.
      guard hooks[name] === hook else { return }
      try await manager.storage.read { try $0.removeHook(name) }
      hooks[name] = nil
      end(hook)
      hook.task?.cancel()
    }
  }

  /// Arguments and errors of programs are for callers with the right to inspect.
  func list(for access: Access) -> [HookReport] {
    hooks.values.sorted { $0.name < $1.name }.map {
      let record = $0.cursor.record
      var spec = $0.spec
      if access.base < .inspect { spec.arguments = [] }
      return HookReport(
        hook: spec, position: record.position, runs: record.runs, failures: record.failures,
        lastError: access.base >= .inspect ? record.lastError : "")
    }
  }

  private func begin(_ hook: Hook) {
    hook.task = Task { await follow(hook) }
  }

  private func end(_ hook: Hook) {
    hook.cursor.finish()
    hook.wake()
  }

  // MARK: One hook

  private func follow(_ hook: Hook) async {
    while true {
      switch hook.cursor.next() {
      case .finished: return
      case .sleep: await sleep(hook)
      case .read(let after, let limit, _): await read(hook, after: after, limit: limit)
      case .store(let record): await store(hook, record)
      case .run(let row, let attempt): await run(hook, row.entry, attempt)
      // A hook that ends does not wait.
      case .pause(let millis): try? await Task.sleep(for: .milliseconds(millis))
      case .note(let text):
        logger.warning("a hook misses or gives up an event", metadata: ["hook": "\(hook.name)", "why": "\(text)"])
        await manager.note(GuestEvent(.hook, guest: nil, by: .daemon, message: "hook \(hook.name) \(text)"))
      }
    }
  }

  private func sleep(_ hook: Hook) async {
    await withCheckedContinuation { continuation in
      // Checked last, so no row that came meanwhile is missed.
      if hook.cursor.reached(newest) || hook.cursor.isFinished {
        continuation.resume()
      } else {
        hook.sleep = continuation
      }
    }
  }

  private func read(_ hook: Hook, after position: UInt64, limit: Int) async {
    do {
      hook.cursor.haveRead(try await manager.storage.read { try $0.journal(after: position, limit: limit).rows })
    } catch {
      logger.error("a hook cannot read the journal", metadata: ["hook": "\(hook.name)", "error": "\(error)"])
      hook.cursor.readFailed()
    }
  }

  private func run(_ hook: Hook, _ entry: JournalEntry, _ attempt: UInt64) async {
    let failure = await program.run(hook.spec, entry, attempt: attempt)
    if let failure {
      logger.warning(
        "a hook failed", metadata: ["hook": "\(hook.name)", "sequence": "\(entry.sequence)", "why": "\(failure)"])
    }
    hook.cursor.ended(failure: failure)
  }

  private func store(_ hook: Hook, _ record: HookCursor<EncodedEntry>.Record) async {
    let stored = StoredHook(name: hook.name, spec: hook.encodedSpec, record)
    do {
      try await exclusively(hook) {
        guard hooks[hook.name] === hook else { return }
        try await manager.storage.read { try $0.save(stored) }
      }
      hook.cursor.stored(true)
    } catch {
      logger.error("a hook's position cannot be stored", metadata: ["hook": "\(hook.name)", "error": "\(error)"])
      hook.cursor.stored(false)
    }
  }

  /// Runs `body` while nothing else writes or removes the row of this hook.
  private func exclusively(_ hook: Hook, _ body: () async throws -> Void) async throws {
    while hook.isStoring { await withCheckedContinuation { hook.waiting.append($0) } }
    hook.isStoring = true
    defer {
      hook.isStoring = false
      let waiting = hook.waiting
      hook.waiting = []
      for continuation in waiting { continuation.resume() }
    }
    try await body()
  }
}

extension StoredHook {
  fileprivate init(name: String, spec: [UInt8], _ record: HookCursor<EncodedEntry>.Record) {
    self.init(
      name: name, spec: spec, position: record.position, runs: record.runs, failures: record.failures,
      lastError: record.lastError, started: record.started, attempt: record.attempt)
  }

  fileprivate var record: HookCursor<EncodedEntry>.Record {
    .init(
      position: position, runs: runs, failures: failures, lastError: lastError, started: started, attempt: attempt)
  }
}

extension String {
  fileprivate func replacingPrefix(_ prefix: String, with other: String) -> String {
    hasPrefix(prefix) ? other + dropFirst(prefix.count) : self
  }
}
