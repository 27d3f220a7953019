import ContainerRuntime
import Glibc
import Guest
import GuestWire
import LinuxSystem
import RPC
import RPCSocket
import WireProtocol
import XDR

// Calls of the daemon.

extension Run {
  func answer(_ call: IncomingCall, on connection: SocketServerConnection) {
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
      case Controller.Resources.number:
        connection.reply(call, Controller.Resources.self, resources?.measures ?? Wire.ResourcesReply(usage: []))
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
      guest: assignment?.guest.value ?? "", run: (assignment?.id ?? .zero).bytes, phase: phase, controllerPid: getpid(),
      launched: startedAt == nil ? nil : launchReply, ended: phase == .ended ? record.map { .init($0) } : nil,
      orders: .init(machine.orders), stuckTasks: stuckTasks)
  }

  private func stop(_ args: Wire.ControllerStopArgs) throws(RPCErrorBody) {
    let spec = try runningGuest("stop").spec
    CrashPoint.reach("controller.stop.begun")
    let order = ControllerMachine.StopOrder(
      EndOrder(args.order), signal: args.signal == 0 ? spec.stop.signal : args.signal,
      timeoutMillis: args.timeoutMillis, termTimeoutMillis: spec.stop.termTimeoutMillis)
    // This process may have stood still since it was sent.
    input(order.isOver(at: Clock.now.wall, spec.stop) ? .overdue(order.order) : .stop(order))
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

  private func runningGuest(_ verb: String) throws(RPCErrorBody) -> Assignment {
    // An end that is there already was not caused by what is asked for now.
    reapInit()
    guard let assignment else { throw RPCErrorBody(.wrongState, "\(verb): nothing was launched") }
    guard machine.phase == .launching || machine.phase == .running else {
      throw RPCErrorBody(.wrongState, "\(verb) \(assignment.guest): it has ended")
    }
    return assignment
  }
}
