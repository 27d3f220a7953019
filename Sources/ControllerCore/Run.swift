import Cgroups
import ContainerRuntime
import Glibc
import Guest
import GuestWire
import Layout
import LinuxSystem
import RPC
import RPCSocket
import WireProtocol
import XDR

/// One run, from the spawn of its controller to the delivery of its end: performs what `ControllerMachine` decides.
///
/// Here are the run's state and the effects by name. A file each: `Orders` are the calls of the daemon, `Launch` makes the
/// container and hears its reports, `Stop` acts on its processes, `Reboots` notes its calls of reboot(2), `Console` takes its output to
/// the log, `Resources` counts, `End` records the end and sends it.
final class Run {
  /// The content of LAUNCH.
  struct Assignment {
    var guest: GuestName
    var id: RunID
    var spec: GuestSpec
    /// In which it was launched.
    var boot: BootID?
  }

  let arguments: ControllerArguments
  let runDirectory: OwnedFD
  let reactor: Reactor
  let connections: DaemonConnections
  let log: ControllerLog

  private(set) var machine = ControllerMachine()
  private(set) var isDone = false
  private var pending: [ControllerMachine.Input] = []
  private var isHandling = false

  /// Made while there was nothing else to do; handed on at the launch.
  var preparations = Preparations()
  var assignment: Assignment?
  /// The LAUNCH that waits for its answer.
  var openLaunch: (call: IncomingCall, connection: SocketServerConnection)?
  var container: Container?
  var console: GuestConsole?
  var resources: Resources?
  var reboots: Reboots?
  private(set) var standStill: StandStill?
  /// Of the child's report while it is at work, then of init's end.
  var watched: Reactor.Source?
  var initStartTime: UInt64 = 0
  var startedAt: Moment?
  /// When init was seen or found to have ended, or the launch failed, and what init and its children had used.
  var ended: (at: Moment, isSeen: Bool, usage: ResourceUsage?)?
  var record: ExitRecord?
  var hearing = Hearing()
  var stuckTasks = ""

  /// - Parameters:
  ///   - connection: that of the daemon which made this process.
  ///   - runDirectory: where the record goes.
  init(
    _ arguments: ControllerArguments, connection: OwnedFD, runDirectory: OwnedFD, on reactor: Reactor
  ) throws(SystemError) {
    self.arguments = arguments
    self.runDirectory = runDirectory
    self.reactor = reactor
    log = ControllerLog(guest: arguments.guest)
    connections = DaemonConnections(reactor, log)
    connections.onCall = { [unowned self] in answer($0, on: $1) }
    connections.onClosed = { [unowned self] in closed($0) }
    reactor.addTimer(due: { [unowned self] in machine.deadline }, fire: { [unowned self] in timePassed() })
    // An end during a stop is older than all that waits to be heard.
    standStill = try StandStill(reactor) { [unowned self] in reapInit() }
    try connections.accept(connection)
  }

  /// Returns when the run has ended and all know, or when the daemon goes away before there was a run.
  func serve() throws(SystemError) {
    preparations.make(network: arguments.ownNetwork)
    while !isDone { try reactor.turn() }
    // Ends the process that ties the guest to this one, and waits for it: nothing is left when this returns.
    container = nil
    preparations = Preparations()
  }

  private func closed(_ connection: SocketServerConnection) {
    if openLaunch?.connection === connection { openLaunch = nil }
    guard connections.isEmpty else { return }
    input(machine.phase == .delivering ? .delivered : .daemonGone)
  }

  private func timePassed() {
    // An end that is there already was not caused by what comes next.
    if machine.isStopping { reapInit() }
    guard let due = machine.deadline, due <= Clock.now.boot else { return }
    input(machine.phase == .recording && runDirectoryIsGone ? .acknowledged : .timePassed)
  }

  // MARK: The machine

  /// Gives the machine a fact and does what it decides. Facts that come up while effects are carried out wait, so that
  /// effects are never nested.
  func input(_ input: ControllerMachine.Input) {
    pending.append(input)
    guard !isHandling else { return }
    isHandling = true
    defer { isHandling = false }
    while !pending.isEmpty {
      let fact = pending.removeFirst()
      let before = machine.phase
      let effects = machine.handle(fact, at: Clock.now.boot)
      if Trace.isOn(.lifecycle) {
        Trace.write(.lifecycle, "\(arguments.guest): \(before) -> \(machine.phase), on \(fact)")
      }
      for effect in effects { perform(effect) }
    }
  }

  private func perform(_ effect: ControllerMachine.Effect) {
    switch effect {
    case .signalInit(let signal): signalInit(signal)
    case .thaw: resources?.group.thaw()
    case .killAll: killAll()
    case .noteStuck: noteStuck()
    case .tellGaveUp(let order): sendGaveUp(order)
    case .tellLaunched: sendLaunched()
    case .drainConsole: drainConsole()
    case .lookAtGroup: input(.group(isEmpty: resources?.group.isPopulated != true))
    case .writeRecord: writeRecord()
    case .tellEnd: sendEnd()
    case .closeConnections: closeConnections()
    case .removeGroup: removeGroup()
    case .exit: isDone = true
    }
  }
}
