internal import Guest
internal import GuestStore
public import Layout
internal import LinuxSystem
public import Logging
public import ServiceLifecycle

/// The whole daemon: opens what it needs in order, serves until it is told to end, closes in reverse.
///
/// Ending it leaves guests running; the next one adopts them.
public struct Daemon: Service {
  let paths: DaemonPaths
  let configuration: DaemonConfiguration
  let controllerPath: String
  let logger: Logger
  let level: LevelBox

  public init(
    paths: DaemonPaths, configuration: DaemonConfiguration, controllerPath: String, logger: Logger, level: LevelBox
  ) {
    self.paths = paths
    self.configuration = configuration
    self.controllerPath = controllerPath
    self.logger = logger
    self.level = level
  }

  public func run() async throws {
    let store = StorePart(self)
    let guests = GuestsPart(store)
    let journal = JournalPart(guests)
    let hooks = HooksPart(store, guests)
    let doors = DoorsPart(store, guests)
    // Closed in reverse: doors first, records last.
    try await PartList([store, guests, journal, hooks, doors], logger: logger).run {
      let count = store.contents.state.guests.count
      logger.notice(
        "ready",
        metadata: ["version": "\(LodgeVersion.current)", "guests": "\(count)", "socket": "\(paths.socket)"])
      ServiceManager.notify("READY=1\nSTATUS=\(count) guests")
      try await gracefulShutdown()
      logger.notice("ending; guests run on")
      ServiceManager.notify("STOPPING=1")
    }
  }

  func makeFolders() throws {
    try Files.makeDirectories(paths.runtime, mode: 0o755)
    try Files.makeDirectories(paths.runs, mode: 0o700)
    try Files.makeDirectories(paths.state, mode: 0o700)
    try Files.makeDirectories(paths.logs, mode: 0o750)
  }

  /// The lock file says who is here. The lock on the folder of the database holds although the file is removed, by a cleaner
  /// of /run for example.
  ///
  /// A daemon that was killed while it spawned something holds its locks a moment longer: its child has copies of them until
  /// it has executed its program. So they are asked for again, for a second.
  func takeLocks() async throws -> [LockFile] {
    let end = Clock.bootNanoseconds + 1_000_000_000
    repeat {
      if let file = try LockFile.acquire(at: paths.lock), let folder = try LockFile.acquire(folder: paths.state) {
        return [file, folder]
      }
      try await Task.sleep(for: .milliseconds(10))
    } while Clock.bootNanoseconds < end
    let holder = LockFile.holder(at: paths.lock) ?? LockFile.holder(at: paths.state)
    throw DaemonError(
      "start on \(paths.root): \(holder.map { "process \($0)" } ?? "another process") is running there already",
      hint: "lodge daemon status; a second instance needs a folder of its own: --root DIR", status: 6)
  }
}

/// Why the daemon does not start, in words.
public struct DaemonError: Error, CustomStringConvertible {
  public var description: String
  public var hint: String?
  /// Exit status: 6 where another daemon holds the folder, otherwise 1.
  public var status: Int32

  public init(_ description: String, hint: String? = nil, status: Int32 = 1) {
    self.status = status
    self.description = description
    self.hint = hint
  }
}
