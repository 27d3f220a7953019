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
import XDR

// Making the container and hearing its reports.

extension ControllerProcess {
  func launch(
    _ args: Wire.LaunchArgs, _ call: IncomingCall, _ connection: SocketServerConnection
  ) throws(RPCErrorBody) {
    guard machine.phase == .idle else {
      throw RPCErrorBody(
        .wrongState, "launch \(args.guest): this controller has launched \(run?.guest.value ?? "") already")
    }
    CrashPoint.reach("controller.launch.received")
    let guest: GuestName
    let spec: GuestSpec
    do throws(GuestError) {
      guest = try GuestName(args.guest)
      spec = try GuestSpec(args.spec)
    } catch {
      throw RPCErrorBody(.invalidArgument, "launch: \(error)")
    }
    guard let id = RunID(args.run) else { throw RPCErrorBody(.invalidArgument, "launch: the run id is not 16 bytes") }
    openLaunch = (connection, call)
    boot = (try? Kernel.bootID()).flatMap { BootID($0) }
    input(.launch)
    do throws(ContainerError) {
      let log = try LogWriter(
        path: args.logPath, maximumBytes: spec.log.maximumBytes, files: Int(spec.log.files))
      let host = if let cgroupHost { cgroupHost } else { try CgroupHost.detect() }
      let tree = CgroupTree(host: host, parent: args.cgroupParent)
      run = Run(guest: guest, id: id, spec: spec, tree: tree, log: log)
      log.note("run \(id) started")
      try start(guest, id, spec, tree)
    } catch {
      if run == nil { failedRun = (guest, id) }
      launchFailed(error)
    }
    // While the child is at work.
    startListening()
  }

  private func start(
    _ guest: GuestName, _ id: RunID, _ spec: GuestSpec, _ tree: CgroupTree
  ) throws(ContainerError) {
    let group = try RunCgroup.create(
      in: tree, name: CgroupNames.run(guest.value, id.short),
      limits: CgroupLimits(spec.limits, usual: .init(memoryBytes: arguments.usualMemory, pids: arguments.usualTasks)),
      runID: id.bytes)
    self.group = group
    memory = MemoryAccount(of: group, log: kernelLog)
    if let watch = memory?.watch { try? epoll.add(watch.rawValue, watch.interest, token: Token.memory) }
    CrashPoint.reach("controller.launch.grouped")
    #if LODGE_CRASHPOINTS
      let crash = CrashPoint.setup()
    #else
      let crash: (step: String, action: SetupStep.Action)? = nil
    #endif
    // Without it nothing is known of a start in which this process dies, and the start is none the worse.
    let mark = try? ExecutionMark(in: runDirectory.rawValue)
    let container = try Container(
      starting: ContainerSpec(spec, named: guest), in: group, tie: tie, network: network, mark: mark, crash: crash)
    // The guest's alone from here on.
    network = nil
    tie = nil
    self.container = container
    CrashPoint.reach("controller.launch.cloned")
    do throws(SystemError) {
      initStartTime = try ProcessStat(of: container.initProcess.pid).startTime
      try epoll.add(container.reportFD, .readable, token: Token.report)
      for (index, pipe) in container.streams.enumerated() {
        watch(ConsoleReader(pipe: pipe, stream: index == 0 ? .output : .error))
      }
    } catch {
      killAll()
      _ = try? container.initProcess.wait(blocking: true)
      throw ContainerError(error)
    }
  }

  /// Nothing is left: the child, if there was one, has been reaped.
  private func launchFailed(_ error: ContainerError) {
    endedAt = Self.now
    input(
      .launchFailed(
        StartFailure(step: error.step, errno: error.errno, message: error.description)))
  }

  // MARK: Reports

  func hearReports() {
    guard let container, machine.phase == .launching else { return }
    var isReported = false
    do throws(ContainerError) {
      while let report = try container.receive() {
        switch report {
        case .terminal(let fd): watch(try ConsoleReader(terminal: fd))
        case .listener(let listener):
          rebootWatch = listener
          try? epoll.add(listener.rawValue, .readable, token: Token.reboot)
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
      try? epoll.remove(container.reportFD)
      // Whatever it was doing, it is over; the child of a failed step ends by itself.
      killAll()
      _ = try? container.initProcess.wait(blocking: true)
      launchFailed(
        isBroken ? ContainerError(step: "launch", errno: 0, reason: "the child ended before it executed init") : error)
    }
  }

  private func launched(_ container: Container) {
    startedAt = Self.now
    try? epoll.remove(container.reportFD)
    CrashPoint.reach("controller.launch.executed")
    input(.launched)
    // Only now: until init is executed its end is a failed start, which the report covers.
    do throws(SystemError) {
      try epoll.add(container.initProcess.fd.rawValue, .readable, token: Token.initProcess)
    } catch {
      complain("\(error)")
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

  func tellLaunched() {
    guard let run else { return }
    if let (connection, call) = openLaunch { connection.reply(call, Controller.Launch.self, launchReply) }
    for connection in Array(connections.values) where connection !== openLaunch?.connection {
      _ = try? connection.send(Controller.Init.self, Wire.InitEvent(run: run.id.bytes, launched: launchReply))
    }
    openLaunch = nil
    CrashPoint.reach("controller.launch.told")
  }

  func hearReboot(_ readiness: Readiness) {
    guard let watch = rebootWatch else { return }
    do throws(ContainerError) {
      while let command = try watch.next() {
        let noted: RebootCommand =
          switch command {
          case .restart: .restart
          case .halt: .halt
          case .powerOff: .powerOff
          }
        input(.rebootNoted(noted))
      }
    } catch {
      complain("\(error)")
    }
    // The last process with the filter is gone, and so is what there was to hear.
    if readiness.contains(.hangup) {
      try? epoll.remove(watch.rawValue)
      rebootWatch = nil
    }
  }

  // MARK: Console

  private func watch(_ console: ConsoleReader) {
    try? epoll.add(console.descriptor, .readable, token: Token.console + UInt64(consoles.count))
    consoles.append(console)
  }

  func readConsole(_ index: Int) {
    guard consoles.indices.contains(index), let run, consoles[index].isOpen else { return }
    consoles[index].read(into: run.log)
    if !consoles[index].isOpen { try? epoll.remove(consoles[index].descriptor) }
    // A prompt is a line without end; a follower of the log sees it half a second later.
    flushAt = run.log.hasPending ? flushAt ?? Self.now.boot.nanoseconds + 500_000_000 : nil
  }
}
