import Glibc
import Guest
import LinuxSystem
import RPC
import RPCSocket
import WireProtocol
import XDR

/// What a verb works with: where results go, and the connection to the daemon, made when it is first needed.
final class Context {
  let options: GlobalOptions
  /// Whether to use the read-only socket.
  let isReadOnly: Bool
  let console: Console
  let environment: [String: String]
  /// Of standard output.
  let style: Style
  private var connection: BlockingClient?

  init(_ options: GlobalOptions, isReadOnly: Bool, console: Console, environment: [String: String]) {
    self.options = options
    self.isReadOnly = isReadOnly
    self.console = console
    self.environment = environment
    style = Style.decide(choice: options.color, environment: environment, isTerminal: console.outputIsTerminal)
  }

  var format: OutputFormat { options.output ?? .table }
  var now: Timestamp { Timestamp(nanoseconds: Clock.wallNanoseconds) }

  /// Of standard error.
  var errorStyle: Style {
    Style.decide(choice: options.color, environment: environment, isTerminal: console.errorIsTerminal)
  }

  func report(_ failure: Failure) {
    console.errorLine(failure.text(format: format, style: errorStyle))
  }

  /// What people are told after something was done; nothing with `-q`, and nothing to programs.
  func tell(_ line: @autoclosure () -> String) {
    if !options.quiet, !format.isForPrograms { console.line(line()) }
  }

  // MARK: The daemon

  /// A call whose reply comes at once.
  func call<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args, _ intent: String, timeout: UInt64? = nil
  ) throws(Failure) -> Procedure.Reply {
    let client = try client(for: procedure)
    do throws(RPCCallError) {
      return try client.call(procedure, args, timeout: timeout)
    } catch {
      throw Failure(error, intent)
    }
  }

  /// The connection. A procedure that only looks may go over the read-only socket where the other is not permitted.
  func client<Procedure: RPCProcedure>(for procedure: Procedure.Type) throws(Failure) -> BlockingClient {
    if let connection { return connection }
    let client = try connect(readOnlyWillDo: Procedure.allowedReadOnly)
    // Who we are, for `lodge daemon clients`; nobody waits for the answer.
    _ = try? client.send(Admin.Hello.self, .init(client: "lodge \(LodgeVersion.current)"))
    connection = client
    return client
  }

  /// Closes the connection; the next call makes another.
  func disconnect() {
    connection?.close()
    connection = nil
  }

  private func connect(readOnlyWillDo: Bool) throws(Failure) -> BlockingClient {
    let endpoint = try Endpoint.find(option: options.connect, environment: environment)
    let readOnly = endpoint.readOnlySocket
    let path = isReadOnly ? readOnly ?? endpoint.socket : endpoint.socket
    do throws(RPCConnectError) {
      return try BlockingClient.connect(to: path)
    } catch {
      if case .denied = error, readOnlyWillDo, let readOnly, readOnly != path,
        let client = try? BlockingClient.connect(to: readOnly)
      {
        return client
      }
      throw Failure(error, isSystem: path.hasPrefix(Endpoint.systemFolder + "/"))
    }
  }
}

extension Failure {
  /// - Parameter isSystem: whether it is the system's own daemon that cannot be reached.
  init(_ error: RPCConnectError, isSystem: Bool) {
    let path = Visible.text(error.path)
    let start =
      isSystem
      ? "systemctl start lodged, or for a daemon of another folder: export LODGE_ROOT=DIR"
      : "start it with: lodged --root DIR, and point lodge at it with LODGE_ROOT=DIR or -c unix://PATH"
    switch error {
    case .noSocket:
      self.init(
        .unreachable, code: "unavailable", "the daemon cannot be reached: \(path): no such socket", hint: start)
    case .refused:
      self.init(
        .unreachable, code: "unavailable", "the daemon cannot be reached: \(path): nobody listens there any more",
        hint: start)
    case .denied:
      self.init(
        .denied, code: "denied", "the daemon's socket is not open to you: \(path): permission denied",
        hint: "join its group (usermod -aG lodge USER, then log in again), or be root")
    case .timedOut:
      self.init(
        .unreachable, code: "unavailable", "the daemon listens at \(path) but does not answer",
        hint: "systemctl status lodged")
    case .failed(_, _, let reason):
      self.init(.unreachable, code: "unavailable", "the daemon cannot be reached: \(path): \(reason)")
    }
  }
}
