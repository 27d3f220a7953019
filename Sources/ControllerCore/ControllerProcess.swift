import Cgroups
import ConsoleLog
import ContainerRuntime
import Glibc
import Guest
import GuestWire
public import Layout
public import LinuxSystem
import RPC
import RPCSocket
import WireProtocol
import XDR

/// A running controller: one thread, one epoll loop. It performs what `ControllerMachine` decides.
///
/// Files: this one waits and dispatches, `+Calls` answers the daemon, `+Launch` makes the container and hears its
/// reports, `+End` records the end and sends it.
public final class ControllerProcess {
  /// The source of an epoll event. Connections count up from `firstConnection`, so that an event already fetched never
  /// means another connection.
  enum Token {
    static let listener: UInt64 = 0
    static let report: UInt64 = 1
    static let initProcess: UInt64 = 2
    static let reboot: UInt64 = 3
    static let console: UInt64 = 4
    static let memory: UInt64 = 8
    static let firstConnection: UInt64 = 16
  }

  /// The content of LAUNCH.
  struct Run {
    var guest: GuestName
    var id: RunID
    var spec: GuestSpec
    var tree: CgroupTree
    var log: LogWriter
  }

  let arguments: ControllerArguments
  let epoll: Epoll
  var machine = ControllerMachine()
  var connections: [UInt64: SocketServerConnection] = [:]
  var nextToken = Token.firstConnection
  var listener: OwnedFD?
  /// Held until this process ends: its lock says that a controller lives.
  private let lock: OwnedFD
  let runDirectory: OwnedFD

  var run: Run?
  /// Of a LAUNCH that failed before there was a run to speak of.
  var failedRun: (guest: GuestName, id: RunID)?
  var group: RunCgroup?
  var container: Container?
  var consoles: [ConsoleReader] = []
  var rebootWatch: RebootWatch?
  var initStartTime: UInt64 = 0
  var startedAt: Moment?
  var endedAt: Moment?
  var endUsage: ResourceUsage?
  var boot: BootID?
  var memory: MemoryAccount?
  var record: ExitRecord?
  var stuckTasks = ""
  /// Made while there was nothing else to do; handed on at the launch.
  var network: NetworkNamespace?
  var tie: GuestTie?
  var kernelLog: KernelLog?
  var cgroupHost: CgroupHost?
  /// The LAUNCH that waits for its answer.
  var openLaunch: (connection: SocketServerConnection, call: IncomingCall)?
  /// When an unfinished line goes to the log as it is.
  var flushAt: UInt64?
  private var isDone = false
  private var pending: [ControllerMachine.Input] = []
  private var isHandling = false

  /// Takes over the descriptors that the arguments name.
  public init(_ arguments: ControllerArguments) throws(SystemError) {
    self.arguments = arguments
    lock = OwnedFD(adopting: arguments.lock)
    runDirectory = OwnedFD(adopting: arguments.runDirectory)
    let connection = OwnedFD(adopting: arguments.connection)
    for fd in [lock, runDirectory, connection] { try fd.setCloseOnExec(true) }
    epoll = try Epoll()
    try accept(connection)
  }

  /// Serves until the run has ended and everybody knows, or until the daemon goes away before there was a run.
  public func serve() throws(SystemError) {
    CrashPoint.reach("controller.started")
    prepare()
    while !isDone {
      try epoll.wait(nanoseconds: untilNextDeadline) { event in handle(event) }
      timePassed()
    }
    // Ends the process that ties the guest to this one, and waits for it: nothing is left when this returns.
    container = nil
    tie = nil
  }

  /// What a launch needs whatever the guest: done while the daemon writes the start to the disk. Where something cannot be
  /// made the launch tries again, and says why it fails.
  private func prepare() {
    tie = try? GuestTie()
    if arguments.ownNetwork { network = try? NetworkNamespace() }
    kernelLog = KernelLog()
    cgroupHost = try? CgroupHost.detect()
    GuestSpec.prepareSettings()
  }

  static var now: Moment {
    Moment(
      wall: Timestamp(nanoseconds: Clock.wallNanoseconds),
      boot: BootTime(nanoseconds: UInt64(max(Clock.bootNanoseconds, 0))))
  }

  // MARK: Waiting

  private var untilNextDeadline: Int64? {
    var next = machine.deadline?.nanoseconds ?? .max
    if let flushAt { next = min(next, flushAt) }
    if let due = memory?.lookAt { next = min(next, due.nanoseconds) }
    for connection in connections.values { next = min(next, connection.nextDeadline ?? .max) }
    guard next != .max else { return nil }
    let now = Self.now.boot.nanoseconds
    return next > now ? Int64(clamping: next - now) : 0
  }

  private func timePassed() {
    let now = Self.now.boot
    for connection in Array(connections.values) {
      if let due = connection.nextDeadline, due <= now.nanoseconds { connection.timePassed() }
    }
    if let due = flushAt, due <= now.nanoseconds {
      flushAt = nil
      run?.log.flush(last: false)
    }
    if let due = memory?.lookAt, due <= now { memory?.look(at: now) }
    // An end that is there already was not caused by what comes next.
    if machine.isStopping, let due = machine.deadline, due <= now { reapInit() }
    if let due = machine.deadline, due <= now {
      if machine.phase == .recording, runDirectoryIsGone { input(.acknowledged) } else { input(.timePassed) }
    }
  }

  private func handle(_ event: ReadyEvent) {
    switch event.token {
    case Token.listener: acceptAll()
    case Token.report: hearReports()
    case Token.initProcess: reapInit()
    case Token.reboot: hearReboot(event.readiness)
    case Token.memory: memory?.noteEvent(at: Self.now.boot)
    case Token.console..<Token.memory: readConsole(Int(event.token - Token.console))
    default: connections[event.token]?.handle(event.readiness)
    }
  }

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
      let effects = machine.handle(fact, at: Self.now.boot)
      if Trace.isOn(.lifecycle) {
        Trace.write(.lifecycle, "\(arguments.guest): \(before) -> \(machine.phase), on \(fact)")
      }
      for effect in effects { perform(effect) }
    }
  }

  private func perform(_ effect: ControllerMachine.Effect) {
    switch effect {
    case .signalInit(let signal): signalInit(signal)
    case .thaw: group?.thaw()
    case .killAll: killAll()
    case .noteStuck: noteStuck()
    case .tellGaveUp(let order): tellGaveUp(order)
    case .tellLaunched: tellLaunched()
    case .drainConsole: drainConsole()
    case .lookAtGroup: input(.group(isEmpty: group?.isPopulated != true))
    case .writeRecord: writeRecord()
    case .tellEnd: tellEnd()
    case .closeConnections: closeConnections()
    case .removeGroup: removeGroup()
    case .exit: isDone = true
    }
  }

  /// One line for the daemon's log.
  func complain(_ text: String) {
    var line = "lodge-controller: \(arguments.guest): \(text)\n"
    line.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
  }
}
