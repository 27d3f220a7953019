import Cgroups
import ConsoleLog
import ContainerRuntime
import Glibc
import Guest
import GuestWire
import Layout
import LinuxSystem
import RPC
import RPCSocket
import WireProtocol

// Making the container and hearing its reports.

/// The parts that a launch needs whatever the guest: made while the daemon writes the start to the disk. Where one cannot be
/// made the launch tries again, and says why it fails.
struct Preparations {
  var tie: GuestTie?
  var network: NetworkNamespace?
  var kernelLog: KernelLog?
  var cgroupHost: CgroupHost?

  /// - Parameter network: make a network namespace, too.
  mutating func make(network own: Bool) {
    tie = try? GuestTie()
    if own { network = try? NetworkNamespace() }
    kernelLog = KernelLog()
    cgroupHost = try? CgroupHost.detect()
    GuestSpec.prepareSettings()
  }
}

extension Run {
  func launch(
    _ args: Wire.LaunchArgs, _ call: IncomingCall, _ connection: SocketServerConnection
  ) throws(RPCErrorBody) {
    guard machine.phase == .idle else {
      throw RPCErrorBody(
        .wrongState, "launch \(args.guest): this controller has launched \(assignment?.guest.value ?? "") already")
    }
    CrashPoint.reach("controller.launch.received")
    let assignment = try Self.assignment(args)
    self.assignment = assignment
    openLaunch = (call, connection)
    input(.launch)
    do throws(ContainerError) {
      let log = try LogWriter(
        path: args.logPath, maximumBytes: assignment.spec.log.maximumBytes, files: Int(assignment.spec.log.files),
        isTerminal: ContainerSpec.isTerminal(assignment.spec.console))
      let console = GuestConsole(log, reactor)
      self.console = console
      let host = if let made = preparations.cgroupHost { made } else { try CgroupHost.detect() }
      log.note("run \(assignment.id) started")
      try start(assignment, in: CgroupTree(host: host, parent: args.cgroupParent), console)
    } catch {
      launchFailed(error)
    }
    // While the child is at work.
    connections.listen(at: RunPaths(path: arguments.runDirectoryPath).socket)
  }

  private static func assignment(_ args: Wire.LaunchArgs) throws(RPCErrorBody) -> Assignment {
    guard let id = RunID(args.run) else { throw RPCErrorBody(.invalidArgument, "launch: the run id is not 16 bytes") }
    do throws(GuestError) {
      return Assignment(
        guest: try GuestName(args.guest), id: id, spec: try GuestSpec(args.spec),
        boot: (try? Kernel.bootID()).flatMap { BootID($0) })
    } catch {
      throw RPCErrorBody(.invalidArgument, "launch: \(error)")
    }
  }

  private func start(
    _ assignment: Assignment, in tree: CgroupTree, _ console: GuestConsole
  ) throws(ContainerError) {
    let spec = assignment.spec
    let group = try RunCgroup.create(
      in: tree, name: CgroupNames.run(assignment.guest.value, assignment.id.short),
      limits: CgroupLimits(spec.limits, usual: .init(memoryBytes: arguments.usualMemory, pids: arguments.usualTasks)),
      runID: assignment.id.bytes)
    resources = Resources(of: group, preparations.kernelLog, reactor)
    CrashPoint.reach("controller.launch.grouped")
    #if LODGE_CRASHPOINTS
      let crash = CrashPoint.setup()
    #else
      let crash: (step: String, action: SetupStep.Action)? = nil
    #endif
    // Without it nothing is known of a start in which this process dies, and the start is none the worse.
    let mark = try? ExecutionMark(in: runDirectory.rawValue)
    let container = try Container(
      starting: ContainerSpec(spec, named: assignment.guest), in: group, tie: preparations.tie,
      network: preparations.network, mark: mark, crash: crash)
    // The guest's alone from here on.
    preparations.network = nil
    preparations.tie = nil
    self.container = container
    CrashPoint.reach("controller.launch.cloned")
    do throws(SystemError) {
      initStartTime = try ProcessStat(of: container.initProcess.pid).startTime
      watched = try reactor.watch(container.reportFD) { [unowned self] _ in hearReports() }
      for (index, pipe) in container.streams.enumerated() {
        try console.attach(ConsoleReader(pipe: pipe, stream: index == 0 ? .output : .error))
      }
    } catch {
      stopWatching()
      killAll()
      _ = try? container.initProcess.wait(blocking: true)
      throw ContainerError(error)
    }
  }

  /// Nothing is left: the child, if there was one, has been reaped.
  private func launchFailed(_ error: ContainerError) {
    ended = (Clock.now, true, nil)
    input(.launchFailed(StartFailure(step: error.step, errno: error.errno, message: error.description)))
  }

  func stopWatching() {
    if let watched { reactor.remove(watched) }
    watched = nil
  }

  // MARK: Reports

  private func hearReports() {
    guard let container, let console, machine.phase == .launching else { return }
    var isReported = false
    do throws(ContainerError) {
      while let report = try container.receive() {
        switch report {
        case .terminal(let fd):
          let reader = try ConsoleReader(terminal: fd)
          try during("open console") { () throws(SystemError) in try console.attach(reader) }
        case .listener(let listener):
          reboots = Reboots(listener, reactor, log) { [unowned self] in input(.rebootNoted($0)) }
        case .crash: Glibc.kill(getpid(), SIGKILL)
        case .executed: return launched(container)
        case .failed(let error):
          isReported = true
          throw error
        }
      }
    } catch {
      // A child that was killed leaves a broken connection, which is no error of the step that finds it broken.
      let isBroken = !isReported && (error.errno == ECONNRESET || error.errno == EPIPE)
      stopWatching()
      // Its work is over, wherever it was; the child of a failed step ends by itself.
      killAll()
      _ = try? container.initProcess.wait(blocking: true)
      launchFailed(
        isBroken ? ContainerError(step: "launch", errno: 0, reason: "the child ended before it executed init") : error)
    }
  }

  private func launched(_ container: Container) {
    startedAt = Clock.now
    stopWatching()
    CrashPoint.reach("controller.launch.executed")
    input(.launched)
    // Only now: until init is executed its end is a failed start, which the report covers.
    do throws(SystemError) {
      watched = try reactor.watch(container.initProcess.fd.rawValue) { [unowned self] _ in reapInit() }
    } catch {
      log.note("\(error)")
      killAll()
      reapInit(blocking: true)
    }
    // From here on it waits, perhaps for months, and there is one of it for each guest.
    ProcessControl.trimMemory()
  }

  var launchReply: Wire.LaunchReply {
    Wire.LaunchReply(
      initPid: container?.initProcess.pid ?? 0, initStartTime: initStartTime,
      startedAt: startedAt?.wall.nanoseconds ?? 0)
  }

  func sendLaunched() {
    guard let id = assignment?.id else { return }
    let opened = openLaunch
    openLaunch = nil
    if let (call, connection) = opened { connection.reply(call, Controller.Launch.self, launchReply) }
    connections.send(
      Controller.Init.self, Wire.InitEvent(run: id.bytes, launched: launchReply), except: opened?.connection)
    CrashPoint.reach("controller.launch.told")
  }
}
