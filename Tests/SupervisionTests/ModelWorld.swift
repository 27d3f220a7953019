import Guest
import Supervision

/// The world outside the daemon, for one guest: a host with controllers, folders and cgroups, and a disk that can
/// refuse.
struct ModelWorld {
  struct Controller {
    enum Phase { case idle, launching, running }
    var phase: Phase
    /// Its cgroup has been made, and so init may have been executed.
    var hasCgroup = false
    /// Those that have reached it.
    var orders = EndOrders()
  }

  /// The run directory: there is one a guest.
  struct Directory {
    /// The run whose controller made it, or holds it.
    var run: RunID
    var isHeld: Bool
    var record: ExitRecord?
  }

  struct Disk {
    var guest: StoredGuest?
    var requests: [RequestLedger.Record] = []
    var ended: [RunID: ExitRecord] = [:]
    var begun: [RunID] = []
    var launched: Set<RunID> = []
    /// State as the events alone give it.
    var replayed = GuestState.stopped
    /// A stop is stored: no start by policy until a user asks for one.
    var mustStay = false
    /// The present run's orders as the events alone give them, and those of all runs that were given up.
    var orders: [UInt32: EndOrder] = [:]
    var givenUp: [(run: RunID, order: EndOrder)] = []
    /// Runs that each request began.
    var runsOfRequests: [RequestLedger.Key: [RunID]] = [:]
    var refuses = false
    /// The boot in which all that is decided was stored last.
    var boot: RunID?
  }

  var disk: Disk
  var controllers: [RunID: Controller] = [:]
  var directory: Directory?
  var cgroups: Set<RunID> = []
  /// Runs whose init was executed, in fact.
  var executed: Set<RunID> = []
  /// Runs whose controller was killed by a stranger, and those that were killed by a boot of the host.
  var lost: Set<RunID> = []
  var reset: Set<RunID> = []
  /// Runs whose directory a cleaner has removed.
  var vanished: Set<RunID> = []
  var wall: Int64 = 1_800_000_000_000_000_000
  var boot: UInt64 = 1_000_000_000
  var bootID = RunID([UInt8](repeating: 1, count: 16))!

  var now: Moment { Moment(wall: Timestamp(nanoseconds: wall), boot: BootTime(nanoseconds: boot)) }

  init(_ guest: StoredGuest) {
    disk = Disk(guest: guest)
    disk.boot = bootID
  }

  // MARK: The host

  /// The controller of the run is spawned and takes over the directory. One guest never runs twice.
  mutating func spawn(_ run: RunID) throws {
    if let directory, directory.isHeld {
      throw Violation(text: "\(run.short) spawned while \(directory.run.short) lives")
    }
    guard controllers.isEmpty else {
      throw Violation(text: "\(run.short) spawned beside \(controllers.keys.map(\.short))")
    }
    controllers[run] = Controller(phase: .idle)
    directory = Directory(run: run, isHeld: true)
  }

  mutating func makeCgroup(_ run: RunID) {
    guard controllers[run]?.phase == .launching else { return }
    controllers[run]?.hasCgroup = true
    cgroups.insert(run)
  }

  /// The controller takes an order, once; the polite signal is sent once for all of them.
  mutating func give(_ order: EndOrder, to run: RunID) {
    guard let orders = controllers[run]?.orders, !orders.kept.contains(where: { $0.number == order.number }) else {
      return
    }
    var order = order
    // By its own clock, from when it heard it.
    (order.at, order.atBoot) = (now.wall, now.boot)
    if !order.isForce { order.note(sent: 15) }
    controllers[run]?.orders.take(order)
  }

  mutating func execute(_ run: RunID) throws {
    makeCgroup(run)
    guard executed.insert(run).inserted else { throw Violation(text: "run \(run.short) was executed twice") }
    controllers[run]?.phase = .running
  }

  /// The controller's own end: the record is written, then the cgroup goes, then the controller.
  mutating func end(_ run: RunID, _ cause: EndCause, length: UInt64) -> ExitRecord? {
    guard controllers.removeValue(forKey: run) != nil else { return nil }
    let record = ExitRecord(
      guest: GuestBookTests.web, run: run, boot: bootID, cause: cause, startedAt: nil, endedAt: now.wall,
      lengthNanos: length)
    cgroups.remove(run)
    if directory?.run == run {
      directory?.isHeld = false
      directory?.record = record
    }
    return record
  }

  /// A stranger kills the controller; init dies with it.
  mutating func kill(_ run: RunID) {
    guard controllers.removeValue(forKey: run) != nil else { return }
    lost.insert(run)
    if directory?.run == run { directory?.isHeld = false }
  }

  /// The daemon has died: a controller that got no LAUNCH ends, the others go on.
  mutating func loseDaemon() {
    for (run, controller) in controllers where controller.phase == .idle {
      controllers[run] = nil
      if directory?.run == run { directory?.isHeld = false }
    }
  }

  mutating func removeDirectory() {
    guard let directory, !directory.isHeld else { return }
    vanished.insert(directory.run)
    if let run = disk.guest?.lifecycle.run?.id { vanished.insert(run) }
    self.directory = nil
  }

  mutating func bootAgain() {
    reset.formUnion(controllers.keys)
    if let run = disk.guest?.lifecycle.run?.id { reset.insert(run) }
    controllers = [:]
    directory = nil
    cgroups = []
    boot = 1_000_000
    bootID = RunID(bootID.bytes.map { $0 &+ 1 })!
  }

  // MARK: The disk

  mutating func store(_ changes: [Change]) throws { for change in changes { try store(change) } }

  private mutating func store(_ change: Change) throws {
    if let request = change.request {
      disk.requests.append(request)
      switch request.sequel {
      case .started, .restarted: disk.mustStay = false
      case .stopped, .removed: disk.mustStay = true
      case .defined, .signaled: break
      }
    }
    for event in change.events where event.guest != nil { try store(event, change) }
    switch change.record {
    case .save(let guest):
      disk.guest = guest
      if let run = guest.lifecycle.run, run.launched != nil { disk.launched.insert(run.id) }
    case .delete: disk.guest = nil
    case .none: break
    }
    if let guest = disk.guest {
      guard guest.lifecycle.state == disk.replayed else {
        throw Violation(text: "state \(guest.lifecycle.state), but the journal says \(disk.replayed)")
      }
      let open = disk.begun.count - disk.ended.count
      guard open == (guest.lifecycle.run == nil ? 0 : 1) else { throw Violation(text: "\(open) runs open") }
    }
  }

  private mutating func store(_ event: GuestEvent, _ change: Change) throws {
    guard event.from == disk.replayed else {
      throw Violation(text: "event \(event.kind) from \(event.from), but the journal says \(disk.replayed)")
    }
    switch event.kind {
    case .state:
      if event.from == event.to { throw Violation(text: "a transition to the same state") }
      let stands = disk.orders.values.contains { !$0.givenUp }
      if event.to == .running, stands { throw Violation(text: "running, and an order stands") }
      if event.to == .stopping, !stands { throw Violation(text: "stopping, and no order stands") }
      disk.replayed = event.to
    case .order: try store(order: event)
    case .created, .changed, .notice, .daemon, .hook:
      if event.from != event.to { throw Violation(text: "\(event.kind) changes the state") }
    case .removed: break
    }
    if event.kind == .state, event.to == .starting, let run = event.run {
      disk.orders = [:]
      if disk.begun.contains(run) { throw Violation(text: "run \(run.short) began twice") }
      disk.begun.append(run)
      if event.message == "autostart" { disk.mustStay = false }
      if disk.mustStay { throw Violation(text: "a restart after a stop that was stored") }
      if let request = change.request { disk.runsOfRequests[request.key, default: []].append(run) }
    }
    if let ended = event.ended {
      if disk.ended.updateValue(ended, forKey: ended.run) != nil {
        throw Violation(text: "run \(ended.run.short) ended twice")
      }
      try check(ended)
    }
  }

  /// An order is given once and given up at most once, and what follows the end is said by those that stand.
  private mutating func store(order event: GuestEvent) throws {
    guard let order = event.order, let run = event.run else { throw Violation(text: "an order event without order") }
    if event.from != event.to { throw Violation(text: "an order changes the state") }
    if order.givenUp {
      guard let former = disk.orders[order.number], !former.givenUp, former.noKill else {
        throw Violation(text: "order \(order.number) is given up twice, or has no end to come to")
      }
      disk.givenUp.append((run, order))
    } else if disk.orders[order.number] != nil {
      throw Violation(text: "order \(order.number) is given twice")
    }
    disk.orders[order.number] = order
    let standing = disk.orders.values.filter { !$0.givenUp }
    switch standing.max(by: { $0.number < $1.number })?.verb {
    case .stop, .kill, .shutdown, .remove: disk.mustStay = true
    case .restart: disk.mustStay = standing.contains { $0.verb == .remove }
    case nil: disk.mustStay = false
    }
  }

  /// What is stored of an end against what was.
  private func check(_ ended: ExitRecord) throws {
    let run = ended.run
    switch ended.cause {
    case .stopped(let actor, .polite, _), .stopped(let actor, .forced, _):
      if let order = disk.givenUp.first(where: { $0.run == run && $0.order.by == actor })?.order {
        throw Violation(text: "order \(order.number) was given up, and is said to have ended \(run.short)")
      }
    case .startFailed where executed.contains(run):
      throw Violation(text: "run \(run.short) was executed, and is told never to have been")
    case .stopped(_, .cancelled, _) where executed.contains(run):
      throw Violation(text: "run \(run.short) was executed, and is told to have been cancelled")
    case .startFailed(let failure) where failure.step == "launch" && !lost.contains(run):
      throw Violation(text: "run \(run.short) failed, though its controller did not die")
    case .controllerLost where !lost.contains(run):
      throw Violation(text: "the controller of \(run.short) did not die")
    // A run that began after the boot, and before that was noted, cannot be told from one of before.
    case .hostReset where !reset.contains(run) && disk.boot == bootID:
      throw Violation(text: "the host did not boot in \(run.short)")
    // Directories and records stay where they are, but for a cleaner.
    case .notKnown where executed.contains(run) && !vanished.contains(run):
      throw Violation(text: "run \(run.short) left what was not found")
    default: break
    }
  }
}

struct Violation: Error { var text: String }
