internal import AdminProgram
internal import Dispatch
internal import Guest
internal import GuestStore
internal import Layout
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Operations
internal import RPC
internal import RPCNIO
internal import XDR

// The parts of the daemon, in the order in which they open. Each is written by its own `open` and read by later parts and
// its own `close`, one after the other.

/// The folders, the lock that keeps a second daemon away, the event loop and the database.
final class StorePart: DaemonPart, @unchecked Sendable {
  let name = "store"
  let daemon: Daemon
  private(set) var boot = BootID.zero
  private(set) var descriptors = 0
  private(set) var opened: Opened?
  private var locks: [LockFile] = []

  struct Opened {
    let store: GuestStore
    let state: StoredState
    /// Why the database cannot be used; the store is another one then.
    let rescue: StoreError?
    let range: JournalRange
    let group: MultiThreadedEventLoopGroup
  }

  init(_ daemon: Daemon) { self.daemon = daemon }

  /// What it opened, for the parts after it.
  var contents: Opened {
    guard let opened else { preconditionFailure("the store is not open") }
    return opened
  }

  func open() async throws {
    descriptors = OwnProcess.raiseDescriptorLimit()
    try daemon.makeFolders()
    locks = try await daemon.takeLocks()
    guard let boot = BootID(try Kernel.bootID()) else { throw DaemonError("read the boot id: it is no UUID") }
    self.boot = boot
    let (store, state, rescue) = try daemon.openStore(boot)
    opened = Opened(
      store: store, state: state, rescue: rescue, range: try store.journalRange(),
      group: MultiThreadedEventLoopGroup(numberOfThreads: 1))
  }

  func close() async {
    guard let opened else { return }
    await settle(opened.store, opened.group.next())
    try? await opened.group.shutdownGracefully()
    locks = []
  }

  /// Moves the log into the database. It stays beside one that cannot be written, or does not answer within a second, and is
  /// read by the next daemon.
  private func settle(_ store: GuestStore, _ eventLoop: any EventLoop) async {
    let settled = eventLoop.makePromise(of: Void.self)
    DispatchQueue.global().async { settled.completeWith(Result { try store.settle() }) }
    let patience = eventLoop.scheduleTask(in: .seconds(1)) { settled.fail(DaemonError("the disk does not answer")) }
    do { try await settled.futureResult.get() } catch {
      daemon.logger.error("cannot settle the database", metadata: ["error": "\(error)"])
    }
    patience.cancel()
  }
}

/// The guests: recovered when it is open. Closing leaves them running.
final class GuestsPart: DaemonPart, @unchecked Sendable {
  let name = "guests"
  private let store: StorePart
  private(set) var opened: Opened?

  struct Opened {
    let guests: Guests
    let operations: GuestOperations
    /// Kept open for every start.
    let controller: ControllerProgram
    let clients: ClientList
    let limits: ClientLimits
    let hooks: HookRunner
  }

  init(_ store: StorePart) { self.store = store }

  /// What it opened, for the parts after it.
  var contents: Opened {
    guard let opened else { preconditionFailure("the guests are not open") }
    return opened
  }

  func open() async throws {
    let daemon = store.daemon
    let disk = store.contents
    let eventLoop = disk.group.next()
    let controller = ControllerProgram(daemon.controllerPath)
    let guests = Guests(
      environment: .init(
        paths: daemon.paths, configuration: daemon.configuration, controllerPath: controller.path,
        boot: store.boot),
      store: disk.store, state: disk.state, journal: disk.range, eventLoop: eventLoop, logger: daemon.logger,
      rescue: disk.rescue)
    let clients = ClientList()
    let limits = ClientLimits(daemon.configuration.quotas(descriptors: store.descriptors))
    let changes = LogChanges(eventLoop: eventLoop)
    let hooks = HookRunner(manager: guests, paths: daemon.paths, logger: daemon.logger)
    let operations = GuestOperations(
      guests: guests,
      parts: OperationParts(
        clients: clients, logs: LogReader(manager: guests, changes: changes), hooks: hooks,
        host: HostReport(boot: store.boot, cgroupMode: guests.controllers.fence.mode), levels: LogLevels(daemon.level),
        limits: DaemonLimits(descriptors: store.descriptors, clients: limits)))
    await guests.observe(
      published: { sequence in Task { await hooks.wake(sequence) } }, ended: { path in changes.changed(path) })
    if disk.rescue == nil {
      await guests.recover(formerBoot: disk.state.boot)
    } else {
      await guests.lookAfterWhatRuns()
    }
    // A client that comes right after a start learns how guests ended meanwhile, not how they were before.
    await guests.settled()
    opened = Opened(
      guests: guests, operations: operations, controller: controller, clients: clients, limits: limits, hooks: hooks)
  }

  func close() async { await contents.guests.shutDown() }
}

/// The upkeep of the journal: rows beyond its retention go.
final class JournalPart: DaemonPart, @unchecked Sendable {
  let name = "journal"
  private let guests: GuestsPart
  private var upkeep: Task<Void, Never>?

  init(_ guests: GuestsPart) { self.guests = guests }

  func open() async throws {
    let guests = guests.contents.guests
    upkeep = Task { await JournalUpkeep.run(on: guests) }
  }

  func close() async {
    upkeep?.cancel()
    await upkeep?.value
  }
}

/// Programs that run at events.
final class HooksPart: DaemonPart, @unchecked Sendable {
  let name = "hooks"
  private let store: StorePart
  private let guests: GuestsPart

  init(_ store: StorePart, _ guests: GuestsPart) {
    self.store = store
    self.guests = guests
  }

  func open() async throws {
    let newest = await guests.contents.guests.newestEvent
    await guests.contents.hooks.start(store.contents.state.hooks, newest: newest)
  }

  func close() async { await guests.contents.hooks.stop() }
}

/// The sockets, and the programs that they serve.
final class DoorsPart: DaemonPart, @unchecked Sendable {
  let name = "doors"
  private let store: StorePart
  private let guests: GuestsPart
  private var doors: [RPCServer] = []
  /// Paths of sockets that are the daemon's own and go with it. A service manager's stay: it listens on them while the
  /// daemon is away, and clients wait there.
  private var ownSockets: [(path: String, inode: UInt64)] = []
  private var server: ProgramServer?

  init(_ store: StorePart, _ guests: GuestsPart) {
    self.store = store
    self.guests = guests
  }

  /// Every program that is served: a row each.
  private var programs: [any DoorProgram] {
    [
      AdminProgram(guests.contents.operations, version: LodgeVersion.current)
    ]
  }

  func open() async throws {
    do { try await openDoors() } catch {
      await close()
      throw error
    }
  }

  func close() async {
    for door in doors { await door.shutdown(deadline: .now() + .seconds(2)) }
    // One that another daemon has put in its place is that daemon's.
    for socket in ownSockets where (try? Files.status(socket.path))?.inode == socket.inode {
      try? Files.removeTree(socket.path)
    }
  }

  private func openDoors() async throws {
    let daemon = store.daemon
    let configuration = daemon.configuration
    let accessTable = AccessTable(configuration, own: OwnProcess.uid)
    let table = ProgramTable(programs)
    let server = ProgramServer(
      guests: guests.contents.guests, programs: table, clients: guests.contents.clients,
      limits: guests.contents.limits, accessTable: accessTable,
      log: guests.contents.guests.clientLog)
    self.server = server
    let session = ServerSession.Configuration(
      programs: table.served, serverName: "lodged \(LodgeVersion.current)")
    let log = guests.contents.guests.clientLog
    let shared = RPCServer.Configuration(
      session: session, limits: guests.contents.limits,
      right: { peer, readOnly in RPCRight(accessTable.access(of: peer, readOnly: readOnly).ceiling) },
      notice: { notice in log.write(.warning, "\(notice)", user: nil) })

    var passed: [String: OwnedFD] = [:]
    for socket in ServiceManager.takeSockets() { passed[socket.name] = socket.fd }
    func listening(as name: String, at path: String, mode: UInt32, group: UInt32? = nil) throws -> OwnedFD {
      if let socket = passed[name] { return socket }
      let socket = try UnixSocket.listen(at: path, mode: mode, group: group)
      ownSockets.append((path, try Files.status(path).inode))
      return socket
    }
    let eventLoop = guests.contents.guests.eventLoop
    let group = OwnProcess.groupNumber(named: configuration.socketGroup)
    let full = try listening(
      as: "lodge", at: daemon.paths.socket, mode: group == nil ? 0o600 : 0o660, group: group)
    doors.append(
      try await RPCServer.start(
        listening: full, readOnly: false, configuration: shared, delegate: server, on: eventLoop))
    if configuration.readOnlySocket {
      let narrow = try listening(as: "lodge-ro", at: daemon.paths.readOnlySocket, mode: 0o666)
      doors.append(
        try await RPCServer.start(
          listening: narrow, readOnly: true, configuration: shared, delegate: server, on: eventLoop))
    }
  }
}
