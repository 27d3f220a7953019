import Glibc
import Guest
import Layout
import LinuxSystem
import RPC
import RPCSocket
import SpecFile
import WireProtocol
import XDR

/// The surroundings of a verb: where results go, and the connection to the daemon, made when it is first needed.
final class Context {
  let options: GlobalOptions
  /// Whether to use the read-only socket.
  let isReadOnly: Bool
  let console: Console
  let environment: [String: String]
  /// Of standard output.
  let style: Style
  private var connection: BlockingClient?
  /// Whether there was a connection once: then it is worth waiting for another.
  private(set) var hasBeenConnected = false
  /// While Ctrl-C ends a wait instead of the program.
  private var signals: SignalFD?
  /// Output goes on as it comes: then a reader of it that goes away ends the program at once.
  var followsOutput = false { didSet { connection?.interrupts = interrupts } }

  /// Descriptors that end any wait when they are ready.
  private var interrupts: [Int32] {
    (signals.map { [$0.rawValue] } ?? []) + (followsOutput && console.outputIsPipe ? [1] : [])
  }

  /// `--format`; takes the place of a format.
  private(set) var template: Template?

  init(_ options: GlobalOptions, isReadOnly: Bool, console: Console, environment: [String: String]) {
    self.options = options
    self.isReadOnly = isReadOnly
    self.console = console
    self.environment = environment
    style = Style.decide(choice: options.color, environment: environment, isTerminal: console.outputIsTerminal)
  }

  var format: OutputFormat { options.output ?? (template == nil ? .table : .jsonl) }

  /// Refuses what the verb cannot honour, before it does anything.
  func check(_ page: VerbPage) throws(Failure) {
    if let output = options.output, !page.formats.contains(output) {
      throw .usage(
        "\(page.name): there is no -o \(output.rawValue)",
        hint: page.formats.isEmpty
          ? "what it prints has one form" : "it has \(page.formats.map(\.rawValue).joined(separator: ", "))")
    }
    if options.quiet, page.quiet == .refused {
      throw .usage("\(page.name): there is no -q", hint: "nothing would be left of what it prints")
    }
    guard let text = options.template else { return }
    if options.output != nil || options.quiet {
      throw .usage("--format is a format of its own; without -o and -q")
    }
    guard page.formats.contains(.jsonl) else {
      throw .usage("\(page.name): there is no --format", hint: "what it prints has one form")
    }
    template = try Template(text)
  }

  /// A line of JSON, or what `--format` makes of it.
  func line(_ value: DataValue) throws(Failure) {
    if let template { console.line(try template.line(value)) } else { console.line(value.versioned.json) }
  }
  var now: Timestamp { Timestamp(nanoseconds: Clock.wallNanoseconds) }

  /// The size and style of standard output; asked again after a resize.
  var screen: Screen {
    guard console.outputIsTerminal else { return Screen(width: nil, height: nil, style: style, zone: .utc) }
    let size = Terminal.size(of: 1, environment: environment)
    return Screen(
      width: size.width, height: size.height, style: style, zone: zone,
      ellipsis: Terminal.showsUnicode(environment: environment) ? "…" : "...")
  }

  /// Of times that are typed, and that a terminal shows.
  var zone: Zone { options.utc ? .utc : Terminal.zone(at: now) }

  /// Of standard error.
  var errorStyle: Style {
    Style.decide(choice: options.color, environment: environment, isTerminal: console.errorIsTerminal)
  }

  func report(_ failure: Failure) {
    console.errorLine(failure.text(format: format, style: errorStyle))
  }

  /// A line for people after something was done; nothing with `-q`, and nothing for programs.
  func tell(_ line: @autoclosure () -> String) {
    if !options.quiet, !format.isForPrograms { console.line(line()) }
  }

  /// On standard error: allowed, and worth knowing.
  func tell(noticesOf spec: GuestSpec, _ name: String) {
    if options.quiet { return }
    for notice in spec.notices { console.errorLine("note: \(name): \(notice)") }
  }

  // MARK: The daemon

  /// A call whose reply comes at once.
  func call<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args, _ intent: String, timeout: UInt64? = nil
  ) throws(Failure) -> Procedure.Reply {
    let client = try client(for: procedure)
    let begin = Clock.bootNanoseconds
    defer { console.clearStatus() }
    do throws(RPCCallError) {
      let ticket = try client.send(procedure, args, timeout: timeout)
      while true {
        if let reply = try client.receive(ticket, within: 500_000_000) { return reply }
        if followsOutput { console.endIfReaderHasGone() }
        if wasInterrupted { throw RPCCallError.cancelled }
        let waited = UInt64(max(0, Clock.bootNanoseconds - begin))
        // Of what lasts by its nature nothing is said: a log that is followed, a guest that is to come back.
        if !isLasting(procedure) {
          console.status("waiting for the daemon, \(TimeText.wholeSeconds(waited))")
        }
      }
    } catch {
      throw Failure(error, intent, isLook: Procedure.allowedReadOnly)
    }
  }

  private func isLasting<Procedure: RPCProcedure>(_ procedure: Procedure.Type) -> Bool {
    Procedure.number == Admin.LogRead.number || Procedure.number == Admin.GuestWait.number
  }

  /// The connection. A procedure that only looks may go over the read-only socket where the other is not permitted.
  func client<Procedure: RPCProcedure>(for procedure: Procedure.Type) throws(Failure) -> BlockingClient {
    if let connection { return connection }
    let client = try connect(readOnlyWillDo: Procedure.allowedReadOnly)
    // A name for `lodge daemon clients`; the answer is not waited for.
    _ = try? client.send(Admin.Hello.self, .init(client: "lodge \(LodgeVersion.current)"))
    client.interrupts = interrupts
    connection = client
    hasBeenConnected = true
    return client
  }

  /// Closes the connection; the next call makes another.
  func disconnect() {
    connection?.close()
    connection = nil
  }

  /// Runs `body` with Ctrl-C ending its waits: they return early, and `wasInterrupted` says why.
  func catchingInterrupts<Result>(_ body: () throws -> Result) rethrows -> Result {
    signals = try? SignalFD([SIGINT])
    connection?.interrupts = interrupts
    defer {
      if signals != nil { try? Signals.unblock([SIGINT]) }
      signals = nil
      connection?.interrupts = interrupts
    }
    return try body()
  }

  /// Whether there was a Ctrl-C since it was last asked.
  var wasInterrupted: Bool { (try? signals?.next()) != nil }

  /// After the connection was lost: tries until the daemon is there again.
  ///
  /// - Parameters:
  ///   - state: for the message, for example `events: at number 194`.
  ///   - deadline: gives up then (CLOCK_BOOTTIME).
  func awaitDaemon<Procedure: RPCProcedure>(
    for procedure: Procedure.Type, _ state: String, deadline: Int64? = nil
  ) throws(Failure) {
    console.errorLine("lodge: the daemon has gone (\(state)); waiting for it")
    var pause: UInt32 = 50_000
    while true {
      disconnect()
      do throws(Failure) {
        _ = try client(for: procedure)
        break
      } catch {
        guard error.status == .unreachable else { throw error }
        if let deadline, Clock.bootNanoseconds >= deadline { throw error }
      }
      if wasInterrupted { throw Failure(.interrupted, code: "cancelled", "no longer waiting for the daemon") }
      if followsOutput { console.endIfReaderHasGone() }
      usleep(pause)
      pause = min(pause * 2, 1_000_000)
    }
    console.errorLine("lodge: the daemon is back")
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
      throw Failure(error, isSystem: path.hasPrefix(DaemonPaths.system.runtime + "/"))
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
        .unreachable, code: "unavailable", "the daemon cannot be reached: \(path): nothing listens there any more",
        hint: start)
    case .denied:
      self.init(
        .denied, code: "denied", "the daemon's socket is not open to you: \(path): permission denied",
        hint: "join group lodge (usermod -aG lodge USER, then log in again), or be root")
    case .timedOut:
      self.init(
        .unreachable, code: "unavailable", "the daemon listens at \(path) but does not answer",
        hint: "systemctl status lodged")
    case .failed(_, _, let reason):
      self.init(.unreachable, code: "unavailable", "the daemon cannot be reached: \(path): \(reason)")
    }
  }
}
