import ArgumentParser
import Guest
import GuestWire
import LinuxSystem
import RPC
import RPCSocket
import WireProtocol

struct RunVerb: Verb {
  static let page = VerbPage(
    words: ["run"], aliases: ["launch"], group: .guests, abstract: "Create a guest, start it, and see it through",
    discussion: """
      Prints the guest's output until its run ends, and exits with its code (128+n for a signal; 127 if the command is \
      not there, 126 if it cannot be executed, 125 if something else went wrong). Ctrl-C leaves it running. Without a \
      name it gets one. --restart never is the default here.
      """,
    examples: [
      Example(
        "lodge run hello --rootfs /srv/trees/web --overlay --rm -- /bin/echo hello",
        "something short, and nothing of it stays", given: [.absent("hello")]),
      Example(
        "lodge run web --rootfs /srv/trees/web --overlay --detach -- /bin/sleep 60", "start it and come back at once",
        given: [.absent("web")]),
      Example(
        "lodge run job -f web.yaml --rm -- /bin/sh -c 'exit 3'", "from a spec file, with another command",
        given: [.absent("job"), .specFile("web.yaml")], exitCode: 3),
    ], formats: [.table, .wide, .json, .jsonl, .yaml, .name])

  @Argument(help: ArgumentHelp("The guest's name; one is made up if it is left out.", valueName: "name")) var name:
    String?
  @Option(name: .customLong("name"), help: .hidden) var nameOption: String?
  @Flag(help: "Remove it when its run has ended.") var rm = false
  @Flag(name: [.short, .long], help: "Do not wait for its end: print its name and come back.") var detach = false
  @Flag(help: "The bytes of the output as they are.") var raw = false
  @OptionGroup var spec: SpecOptions
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    if let name, let nameOption, name != nameOption {
      throw Failure.usage(
        "run: two names: \(Visible.text(name, limit: 60)) and --name \(Visible.text(nameOption, limit: 60))")
    }
    if !detach, let output = context.options.output, output != .table {
      throw Failure.usage(
        "run: -o \(output.rawValue) goes with --detach", hint: "otherwise the output is the guest's, as it is")
    }
    let name = try GuestName(self.name ?? nameOption ?? madeUpName()).value
    var spec = try spec.spec("run \(name)", for: self.name)
    if self.spec.restart == nil, self.spec.file == nil { spec.restart.mode = .never }
    // The daemon removes it with its end, whatever becomes of us; its output is kept until it has been read.
    spec.transient = spec.transient || rm
    context.tell(noticesOf: spec, name)
    let run: RunID
    let started: Wire.GuestSummary
    do throws(Failure) {
      // One request: a command that dies leaves no guest that was never started.
      let reply = try context.call(
        Admin.GuestRun.self, .init(request: context.newRequest, name: name, spec: .init(spec), replace: false),
        "run \(name)")
      run = RunID(reply.run) ?? .zero
      started = reply.guest
    } catch {
      guard error.code == GuestError.Code.alreadyExists.word else { return try startFailed(name, error, context) }
      throw Failure(
        .conflict, code: error.code, "run \(name): a guest of that name exists",
        hint: "lodge start \(name) starts it; run makes a new one")
    }
    if detach {
      if context.format.isForPrograms {
        try context.write([try context.view(started).json], as: "guests")
      } else if !context.options.quiet {
        context.console.line(name)
      }
      return .done
    }
    return try Attachment(context, name: name, run: run, isRaw: raw).follow()
  }

  /// The code a shell would give; nothing is left of a guest that was made for this run.
  private func startFailed(_ name: String, _ failure: Failure, _ context: Context) throws(Failure) -> ExitStatus {
    context.report(failure)
    guard failure.code == GuestError.Code.startFailed.word else { return failure.status }
    let record = try? context.runs(of: name, last: 1, timeout: nil).first
    return ExitStatus(rawValue: record?.ended.cause.exitCode ?? 125)
  }

  private func madeUpName() -> String {
    let bytes = (try? Random.bytes(3)) ?? [0, 0, 0]
    return "run-" + bytes.map { String(Int($0) + 256, radix: 16).dropFirst() }.joined()
  }
}

/// Prints a run's output until it has ended.
final class Attachment {
  private let context: Context
  private let name: String
  private let run: RunID
  private var text = LogText()
  /// Where we are in the log.
  private var cursor: [UInt8] = []

  init(_ context: Context, name: String, run: RunID, isRaw: Bool) {
    self.context = context
    self.name = name
    self.run = run
    text.isRaw = isRaw
    text.hasNotes = false
  }

  func follow() throws -> ExitStatus {
    context.followsOutput = true
    return try context.catchingInterrupts {
      while true {
        let client = try context.client(for: Admin.GuestWait.self)
        do throws(RPCCallError) {
          return try attend(client)
        } catch {
          guard case .connectionClosed = error else { throw Failure(error, "run \(name)") }
          // The run goes on without the daemon, and so does its log.
          try context.awaitDaemon(for: Admin.GuestWait.self, "run \(name)")
        }
      }
    }
  }

  private func attend(_ client: BlockingClient) throws(RPCCallError) -> ExitStatus {
    let end = try client.send(
      Admin.GuestWait.self, .init(name: name, condition: .ended, run: run.bytes, since: 0, timeoutMillis: -1))
    guard try printLog(client) else { return detach() }
    var reply: Wire.GuestEndedReply?
    while reply == nil {
      reply = try client.receive(end, within: 1_000_000_000)
      if reply == nil, context.wasInterrupted { return detach() }
    }
    guard let ended = reply?.ended, let record = try? RunRecord(ended) else { return .failed }
    tell(record)
    return ExitStatus(rawValue: record.ended.cause.exitCode)
  }

  /// False after Ctrl-C.
  private func printLog(_ client: BlockingClient) throws(RPCCallError) -> Bool {
    while true {
      let ticket = try client.send(
        Admin.LogRead.self, .init(name: name, cursor: cursor, tailLines: 0, wait: true))
      var answer: Wire.LogReadReply?
      while answer == nil {
        do throws(RPCCallError) {
          answer = try client.receive(ticket, within: 1_000_000_000)
        } catch {
          // A log that was not asked for during a minute is gone with its guest; its end is known all the same.
          guard case .remote(let body) = error, GuestError(body).code == .notFound else { throw error }
          context.console.errorLine("lodge: \(name): what it printed last is not kept any more")
          return true
        }
        if answer == nil { context.console.endIfReaderHasGone() }
        if answer == nil, context.wasInterrupted { return false }
      }
      guard let reply = answer else { return true }
      cursor = reply.next
      write(text.take(reply.bytes))
      if reply.end, reply.bytes.isEmpty {
        write(text.finish())
        return true
      }
    }
  }

  private func write(_ output: LogText.Output) {
    context.console.write(output.standard)
    context.console.flush()
    context.console.writeError(output.error)
  }

  /// Only where the exit code alone would leave a question.
  private func tell(_ record: RunRecord) {
    let headline = record.ended.headline
    switch headline.cause {
    case .exited, .halt, .powerOff:
      if headline.whileStopping == nil { return }
    case .signaled, .oom, .reboot, .stopped, .startFailed, .controllerLost, .hostReset, .notKnown: break
    }
    if !context.options.quiet { context.console.errorLine("lodge: \(name): \(headline.inWords)") }
  }

  private func detach() -> ExitStatus {
    context.console.errorLine(
      "lodge: \(name) goes on running; lodge logs -f \(name) follows it, lodge stop \(name) stops it")
    return .interrupted
  }
}
