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

// Calls and events of the daemon: the inherited connection, and those of a daemon that was restarted.

extension ControllerProcess {
  private static let configuration: ServerSession.Configuration = {
    var configuration = ServerSession.Configuration(
      programs: [ServedProgram(Controller.self)], serverName: "lodge-controller")
    // The daemon may be stopped or gone and come back; nothing here depends on its being quick.
    configuration.keepalive = nil
    return configuration
  }()

  func accept(_ socket: OwnedFD) throws(SystemError) {
    let token = nextToken
    nextToken += 1
    let connection = try SocketServerConnection(
      socket, epoll: epoll, token: token, configuration: Self.configuration, right: .admin)
    connection.onEvent = { [unowned self] connection, event in
      switch event {
      case .call(let call): answer(call, on: connection)
      case .closed(let reason): closed(token, reason)
      case .stream, .hello, .silent, .heardAgain: break
      }
    }
    connections[token] = connection
  }

  /// Only the daemon's user: the directory keeps others out already, and the kernel identifies the peer.
  func acceptAll() {
    guard let listener else { return }
    do throws(SystemError) {
      while let socket = try UnixSocket.accept(on: listener.rawValue) {
        let peer = try PeerCredentials(of: socket.rawValue)
        guard peer.uid == geteuid() else {
          complain("refused a connection of uid \(peer.uid), pid \(peer.pid)")
          continue
        }
        try accept(socket)
      }
    } catch {
      complain("\(error)")
    }
  }

  /// Lets a restarted daemon find this process. Without it we go on: the end is recorded on the disk in any case.
  func startListening() {
    let path = RunPaths(path: arguments.runDirectoryPath).socket
    do throws(SystemError) {
      let socket = try UnixSocket.listen(at: path, mode: 0o700)
      try epoll.add(socket.rawValue, .readable, token: Token.listener)
      listener = socket
    } catch {
      complain("a restarted daemon will not find this controller: \(error)")
    }
  }

  private func closed(_ token: UInt64, _ reason: CloseReason) {
    guard let connection = connections.removeValue(forKey: token) else { return }
    if openLaunch?.connection === connection { openLaunch = nil }
    if !reason.isOrderly { complain("connection closed: \(reason)") }
    guard connections.isEmpty else { return }
    input(machine.phase == .delivering ? .delivered : .daemonGone)
  }

  /// Each connection is closed when its peer has read everything; the record on disk covers those that never do.
  func closeConnections() {
    listener = nil
    let deadline = SocketServerConnection.now + 2_000_000_000
    for connection in Array(connections.values) { connection.closeDelayed(deadline: deadline) }
    if connections.isEmpty { input(.delivered) }
  }

  // MARK: Calls

  private func answer(_ call: IncomingCall, on connection: SocketServerConnection) {
    do throws(RPCErrorBody) {
      switch call.procedure.number {
      case Controller.Launch.number: try launch(try call.decode(Controller.Launch.self), call, connection)
      case Controller.Status.number: connection.reply(call, Controller.Status.self, status())
      case Controller.Stop.number:
        try stop(try call.decode(Controller.Stop.self))
        connection.reply(call, Controller.Stop.self, XDRVoid())
      case Controller.Kill.number:
        try kill(try call.decode(Controller.Kill.self))
        connection.reply(call, Controller.Kill.self, XDRVoid())
      case Controller.Resources.number: connection.reply(call, Controller.Resources.self, resources())
      default: throw RPCErrorBody(.notSupported, "\(call.procedure.name): not known to this controller")
      }
    } catch {
      connection.fail(call, error)
    }
  }

  private func status() -> Wire.StatusReply {
    let phase: Wire.ControllerPhase =
      switch machine.phase {
      case .idle: .idle
      case .launching: .launching
      case .running: machine.isStopping ? .stopping : .running
      case .emptying: .stopping
      case .recording, .delivering, .done: .ended
      }
    return Wire.StatusReply(
      guest: run?.guest.value ?? "", run: (run?.id ?? .zero).bytes, phase: phase, controllerPid: getpid(),
      launched: startedAt == nil ? nil : launchReply, ended: phase == .ended ? record.map { .init($0) } : nil,
      orders: .init(machine.orders), stuckTasks: stuckTasks)
  }

  private func stop(_ args: Wire.ControllerStopArgs) throws(RPCErrorBody) {
    let run = try runningGuest("stop")
    CrashPoint.reach("controller.stop.begun")
    let order = ControllerMachine.StopOrder(
      EndOrder(args.order), signal: args.signal == 0 ? run.spec.stop.signal : args.signal,
      timeoutMillis: args.timeoutMillis, termTimeoutMillis: run.spec.stop.termTimeoutMillis)
    // This process may have stood still since it was sent.
    input(order.isOver(at: Self.now.wall, run.spec.stop) ? .overdue(order.order) : .stop(order))
  }

  private func kill(_ args: Wire.ControllerKillArgs) throws(RPCErrorBody) {
    _ = try runningGuest("kill")
    guard (1...64).contains(args.signal) else {
      throw RPCErrorBody(.invalidArgument, "kill: \(args.signal) is no signal; 1 to 64 are")
    }
    if args.signal == SIGKILL {
      return input(.kill(args.order.map { EndOrder($0) } ?? EndOrder(.kill, by: Actor(args.by))))
    }
    do throws(SystemError) {
      try container?.initProcess.signal(args.signal)
    } catch {
      throw RPCErrorBody(.internal, "kill: \(error)", errno: error.errno)
    }
  }

  private func runningGuest(_ verb: String) throws(RPCErrorBody) -> Run {
    // An end that is there already was not caused by what is asked for now.
    reapInit()
    guard let run else { throw RPCErrorBody(.wrongState, "\(verb): nothing was launched") }
    guard machine.phase == .launching || machine.phase == .running else {
      throw RPCErrorBody(.wrongState, "\(verb) \(run.guest): it has ended")
    }
    return run
  }

  private func resources() -> Wire.ResourcesReply {
    let used = group?.usage() ?? RunCgroup.Usage()
    return Wire.ResourcesReply(
      usage: GuestUsage(
        memoryBytes: used.memoryBytes, memoryPeakBytes: used.memoryPeakBytes, cpuMicros: used.cpuMicros,
        tasks: used.tasks
      ).measures)
  }

  // MARK: Signals

  /// Sends a polite signal once init hears it, and not before: the kernel would drop it (see `SignalHandlers`), so nothing
  /// is lost, and the order is given once. That matters where it is not idempotent: a second SIGTERM makes many programs
  /// give up what they were saving.
  func signalInit(_ signal: Int32) {
    guard let process = container?.initProcess else { return }
    let hears = SignalHandlers.of(pid: process.pid).contains(signal)
    if hears {
      do throws(SystemError) { try process.signal(signal) } catch { complain("\(error)") }
    }
    input(.signalHeard(hears))
  }

  func killAll() {
    do throws(ContainerError) {
      try group?.kill()
    } catch {
      complain("\(error)")
      // Init's end takes its PID namespace along.
      _ = try? container?.initProcess.signal(SIGKILL)
    }
  }

  func tellGaveUp(_ order: UInt32) {
    guard let run else { return }
    for connection in Array(connections.values) {
      _ = try? connection.send(Controller.GaveUp.self, Wire.GaveUpEvent(run: run.id.bytes, order: order))
    }
  }

  func noteStuck() {
    let tasks = group?.describeProcesses() ?? ""
    // The wire's bound, kept by whole bytes: names of processes may be anything.
    stuckTasks = tasks.utf8.count <= 1024 ? tasks : String(decoding: tasks.utf8.prefix(1000), as: UTF8.self)
    if !tasks.isEmpty { complain("killed, but not ended: \(tasks)") }
  }
}

/// Which signals reach a process that is the init of a PID namespace: those it has a handler for, those it blocks, which
/// wait until it takes them (signalfd: systemd), and those it is waiting for at the moment (sigwait: tini), which the kernel
/// shows neither as blocked nor as caught. It drops all others (sig_task_ignored in kernel/signal.c; pid_namespaces(7)).
enum SignalHandlers {
  static func of(pid: Int32) -> SignalSet {
    let handled = parse((try? Files.read("/proc/\(pid)/status")) ?? [])
    guard let place = waitedSet(in: (try? Files.readText("/proc/\(pid)/syscall")) ?? ""),
      let bytes = try? Files.read("/proc/\(pid)/mem", from: place, limit: 8), bytes.count == 8
    else { return handled }
    // The kernel's own set: 64 bits in the host's order of bytes.
    return SignalSet(bits: handled.bits | bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
  }

  /// Lines such as `SigCgt: 0000000180004a02`; proc_pid_status(5).
  static func parse(_ status: [UInt8]) -> SignalSet {
    var bits: UInt64 = 0
    for line in status.split(separator: UInt8(ascii: "\n"))
    where line.starts(with: "SigCgt:".utf8) || line.starts(with: "SigBlk:".utf8) {
      let digits = String(decoding: line.dropFirst(7), as: UTF8.self).drop { $0 == "\t" || $0 == " " }
      bits |= UInt64(digits, radix: 16) ?? 0
    }
    return SignalSet(bits: bits)
  }

  /// The address of the set that a task waits for in rt_sigtimedwait(2), by a line such as `128 0x7ffd5c 0x0 ...`: the number
  /// of the system call, and its arguments (proc_pid_syscall(5)). Nil where it is in no such call.
  static func waitedSet(in line: String) -> UInt64? {
    let fields = line.split(separator: " ", maxSplits: 2)
    guard fields.count > 1, Int(fields[0]) == Signals.waitCall, fields[1].hasPrefix("0x") else { return nil }
    return UInt64(fields[1].dropFirst(2), radix: 16)
  }
}
