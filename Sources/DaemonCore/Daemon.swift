internal import Dispatch
internal import Guest
internal import GuestStore
public import Layout
internal import LinuxSystem
public import Logging
internal import NIOCore
internal import NIOPosix
internal import RPC
internal import RPCNIO
public import ServiceLifecycle
internal import WireProtocol
internal import XDR

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
    let descriptors = OwnProcess.raiseDescriptorLimit()
    try makeFolders()
    let lock = try await takeLock()
    defer { withExtendedLifetime(lock) {} }
    guard let boot = BootID(try Kernel.bootID()) else { throw DaemonError("read the boot id: it is no UUID") }

    let controller = ControllerProgram(controllerPath)
    defer { withExtendedLifetime(controller) {} }
    let (store, state, rescue) = try openStore(boot)
    let range = try store.journalRange()

    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let eventLoop = group.next()
    let manager = Guests(
      environment: .init(paths: paths, configuration: configuration, controllerPath: controller.path, boot: boot),
      store: store, state: state, journal: range, eventLoop: eventLoop, logger: logger, rescue: rescue)
    let clients = ClientList()
    let limits = ClientLimits(configuration.quotas(descriptors: descriptors))
    let changes = LogChanges(eventLoop: eventLoop)
    let hooks = HookRunner(manager: manager, paths: paths, logger: logger)
    await manager.install(
      AdminServices(
        clients: clients, logs: LogReader(manager: manager, changes: changes), hooks: hooks,
        host: HostReport(boot: boot, cgroupMode: manager.cgroupMode), levels: LogLevels(level),
        limits: DaemonLimits(descriptors: descriptors, clients: limits)))
    let accessTable = AccessTable(configuration, own: OwnProcess.uid)
    let server = AdminServer(
      manager: manager, clients: clients, limits: limits, accessTable: accessTable, logger: logger)

    await manager.observe(
      published: { sequence in Task { await hooks.wake(sequence) } }, ended: { path in changes.changed(path) })
    if rescue == nil { await manager.recover(formerBoot: state.boot) } else { await manager.lookAfterWhatRuns() }
    // Who comes right after a start learns how guests ended meanwhile, not how they were before.
    await manager.settled()
    await hooks.start(state.hooks, newest: manager.newestEvent)

    let (doors, ownSockets) = try await open(server, limits, eventLoop)
    logger.notice(
      "ready",
      metadata: ["version": "\(LodgeVersion.current)", "guests": "\(state.guests.count)", "socket": "\(paths.socket)"])
    ServiceManager.notify("READY=1\nSTATUS=\(state.guests.count) guests")

    let upkeep = Task { await manager.pruneNowAndThen() }
    try await gracefulShutdown()

    logger.notice("ending; guests run on")
    ServiceManager.notify("STOPPING=1")
    upkeep.cancel()
    await upkeep.value
    await hooks.stop()
    for door in doors { await door.shutdown(deadline: .now() + .seconds(2)) }
    await manager.shutDown()
    await settle(store, eventLoop)
    for path in ownSockets { try? Files.removeTree(path) }
    try await group.shutdownGracefully()
  }

  /// Moves the log into the database. It stays beside one that cannot be written, or does not answer within a second, and is
  /// read by the next daemon.
  private func settle(_ store: GuestStore, _ eventLoop: any EventLoop) async {
    let settled = eventLoop.makePromise(of: Void.self)
    DispatchQueue.global().async { settled.completeWith(Result { try store.settle() }) }
    let patience = eventLoop.scheduleTask(in: .seconds(1)) { settled.fail(DaemonError("the disk does not answer")) }
    do { try await settled.futureResult.get() } catch {
      logger.error("cannot settle the database", metadata: ["error": "\(error)"])
    }
    patience.cancel()
  }

  private func makeFolders() throws {
    try Files.makeDirectories(paths.runtime, mode: 0o755)
    try Files.makeDirectories(paths.runs, mode: 0o700)
    try Files.makeDirectories(paths.state, mode: 0o700)
    try Files.makeDirectories(paths.logs, mode: 0o750)
  }

  /// A daemon that was killed while it spawned something holds the lock a moment longer: its child has a copy of it until
  /// it has executed its program. So it is asked for again, for a second.
  private func takeLock() async throws -> LockFile {
    let end = Clock.bootNanoseconds + 1_000_000_000
    repeat {
      if let lock = try LockFile.acquire(at: paths.lock) { return lock }
      try await Task.sleep(for: .milliseconds(10))
    } while Clock.bootNanoseconds < end
    let holder = LockFile.holder(at: paths.lock).map { "process \($0)" } ?? "another process"
    throw DaemonError(
      "start on \(paths.root): \(holder) is running there already",
      hint: "lodge daemon status; a second instance needs a folder of its own: --root DIR", status: 6)
  }

  /// The sockets that were passed to us, or our own; and the paths of our own, which go with us. A service manager's
  /// stay: it listens on them while we are away, and clients wait there.
  private func open(
    _ server: AdminServer, _ limits: ClientLimits, _ eventLoop: any EventLoop
  ) async throws -> (doors: [RPCServer], ownSockets: [String]) {
    var session = ServerSession.Configuration(
      programs: [ServedProgram(Admin.self, features: AdminServices.features)],
      serverName: "lodged \(LodgeVersion.current)")
    session.trace = nil
    let log = logger
    let accessTable = server.accessTable
    let shared = RPCServer.Configuration(
      session: session, limits: limits,
      right: { peer, readOnly in accessTable.access(of: peer, readOnly: readOnly).ceiling },
      notice: { log.warning("\($0)") })

    var passed: [String: OwnedFD] = [:]
    for socket in ServiceManager.takeSockets() { passed[socket.name] = socket.fd }
    let group = OwnProcess.groupNumber(named: configuration.socketGroup)
    var doors: [RPCServer] = []
    var ownSockets: [String] = []
    func listening(as name: String, at path: String, mode: UInt32, group: UInt32? = nil) throws -> OwnedFD {
      if let socket = passed[name] { return socket }
      let socket = try UnixSocket.listen(at: path, mode: mode, group: group)
      ownSockets.append(path)
      return socket
    }
    let full = try listening(as: "lodge", at: paths.socket, mode: group == nil ? 0o600 : 0o660, group: group)
    doors.append(
      try await RPCServer.start(
        listening: full, readOnly: false, configuration: shared, delegate: server, on: eventLoop))
    if configuration.readOnlySocket {
      let narrow = try listening(as: "lodge-ro", at: paths.readOnlySocket, mode: 0o666)
      doors.append(
        try await RPCServer.start(
          listening: narrow, readOnly: true, configuration: shared, delegate: server, on: eventLoop))
    }
    return (doors, ownSockets)
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
