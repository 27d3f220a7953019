import ArgumentParser
import Guest
import GuestWire
import SpecFile
import WireProtocol

struct CreateVerb: Verb {
  static let page = VerbPage(
    words: ["create"], aliases: ["define"], group: .guests,
    abstract: "Define a guest, from a spec file, flags, or both",
    discussion: """
      Nothing is started. Flags win over the file. A guest that exists is changed with --replace; what changes while \
      it runs takes effect at its next start. lodge help spec lists every key of a spec file.
      """,
    examples: [
      Example(
        "lodge create web --rootfs /srv/trees/web --overlay --memory 512M -- /bin/httpd -f", "from flags alone",
        given: [.absent("web")]),
      Example(
        "lodge create web -f web.yaml --label env=prod", "from a spec file, with a label more",
        given: [.absent("web"), .specFile("web.yaml")]),
      Example(
        "lodge create web --replace -f web.yaml", "change a guest", given: [.stopped("web"), .specFile("web.yaml")]),
    ])

  @Argument(help: ArgumentHelp("The guest's name: letters, digits, '.', '_' and '-'.", valueName: "name"))
  var name: String
  @Flag(help: "Change the guest of that name instead; it must exist.")
  var replace = false
  @OptionGroup var spec: SpecOptions
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let name = try GuestName(name).value
    let spec = try spec.spec("\(replace ? "change" : "create") \(name)")
    let reply = try context.call(
      Admin.GuestCreate.self,
      .init(request: context.newRequest, name: name, spec: .init(spec), replace: replace), "create \(name)")
    context.tell(
      replace
        ? "\(name): changed" + (reply.atNextStart ? "; it runs, and what changed takes effect at its next start" : "")
        : "\(name): created")
    if context.format.isForPrograms { context.write([try context.view(reply.guest).json], as: "guests") }
    if context.format == .name { context.console.line(name) }
    return .done
  }
}

struct StartVerb: Verb {
  static let page = VerbPage(
    words: ["start"], group: .guests, abstract: "Start guests",
    discussion:
      "Returns when the command of each has been executed; a start that fails names the step and leaves nothing behind.",
    examples: [
      Example("lodge start web", "start one", given: [.stopped("web")]),
      Example("lodge start web db", "start two, side by side", given: [.stopped("web"), .stopped("db")]),
      Example("lodge start --filter env=prod", "start all with this label", given: [.stopped("web")]),
    ])

  @OptionGroup var selection: SelectionOptions
  @Flag(help: "All guests.") var all = false
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let action = Action<Admin.GuestStart>(
      verb: "start",
      arguments: { .init(request: context.newRequest, name: $0) },
      status: { "\($0): starting, \(TimeText.span(nanoseconds: $1))" },
      follow: { "it goes on starting: lodge show \($0)" },
      outcome: { context.started($0, $1) })
    return try action.run(on: try context.names(selection, all: all), in: context)
  }
}

struct StopVerb: Verb {
  static let page = VerbPage(
    words: ["stop"], aliases: ["shutdown", "poweroff"], group: .guests,
    abstract: "Stop guests politely, by force at the deadline",
    discussion: """
      First the guest's own signal (SIGTERM unless its spec says otherwise), after the timeout SIGTERM, then SIGKILL for \
      all of it. Returns when it has ended, and says which it took. No restart policy starts it again.
      """,
    examples: [
      Example("lodge stop web", "stop one", given: [.running("web")]),
      Example("lodge stop web --timeout 30s", "give it half a minute", given: [.running("web")]),
      Example("lodge stop 'w*' --signal INT", "stop all that match, with another signal", given: [.running("web")]),
    ])

  @OptionGroup var selection: SelectionOptions
  @OptionGroup var how: StopOptions
  @OptionGroup var everything: ConsentOptions
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let order = try how.order()
    let names = try context.names(selection, all: everything.all, consent: everything.yes, destroying: "stop")
    let progress = StopProgress(context, order)
    let action = Action<Admin.GuestStop>(
      verb: "stop",
      arguments: { order.arguments($0, context.newRequest) },
      status: { progress.text($0, elapsed: $1) },
      follow: { "it goes on stopping: lodge wait \($0) --for stopped" },
      outcome: { context.ended($0, $1, verb: "stopped") })
    return try action.run(on: names, in: context)
  }
}

struct RestartVerb: Verb {
  static let page = VerbPage(
    words: ["restart"], aliases: ["reboot"], group: .guests, abstract: "Stop guests that run, then start them",
    examples: [
      Example("lodge restart web", "restart one", given: [.running("web")]),
      Example("lodge restart web --timeout 1s", "force it after a second", given: [.running("web")]),
      Example("lodge restart --all --yes", "restart every guest without being asked", given: [.running("web")]),
    ])

  @OptionGroup var selection: SelectionOptions
  @OptionGroup var how: StopOptions
  @OptionGroup var everything: ConsentOptions
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let order = try how.order()
    let names = try context.names(selection, all: everything.all, consent: everything.yes, destroying: "restart")
    let progress = StopProgress(context, order)
    let action = Action<Admin.GuestRestart>(
      verb: "restart",
      arguments: { order.arguments($0, context.newRequest) },
      status: { progress.text($0, elapsed: $1) },
      follow: { "it goes on restarting: lodge show \($0)" },
      outcome: { context.started($0, $1) })
    return try action.run(on: names, in: context)
  }
}

struct KillVerb: Verb {
  static let page = VerbPage(
    words: ["kill"], aliases: ["terminate"], group: .guests, abstract: "End guests at once, or send a signal",
    discussion: """
      Without --signal everything in the guest is killed, and no restart policy starts it again. Another signal is sent \
      to its init only.
      """,
    examples: [
      Example("lodge kill web", "end it at once", given: [.running("web")]),
      Example("lodge kill web --signal HUP", "have it read its configuration again", given: [.running("web")]),
      Example("lodge kill --all --yes", "end every guest without being asked", given: [.running("web")]),
    ])

  @OptionGroup var selection: SelectionOptions
  @Option(
    name: [.short, .long], help: ArgumentHelp("KILL ends the whole guest; others go to its init.", valueName: "signal"))
  var signal = "KILL"
  @OptionGroup var everything: ConsentOptions
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let number = try Flags.value(GuestSpecFile.signal, signal, "--signal")
    let names = try context.names(selection, all: everything.all, consent: everything.yes, destroying: "kill")
    let action = Action<Admin.GuestKill>(
      verb: "kill",
      arguments: { .init(request: context.newRequest, name: $0, signal: number) },
      status: { "\($0): killed, \(TimeText.span(nanoseconds: $1)) ago; waiting for its end" },
      follow: { "it is being killed: lodge wait \($0) --for stopped" },
      outcome: { name, reply in
        if reply.ended != nil { return context.ended(name, reply, verb: "killed") }
        return Outcome(
          line: number == 9
            ? "\(name): its restart was called off" : "\(name): sent \(SignalName.name(number)) to its init",
          json: context.json(reply.guest))
      })
    return try action.run(on: names, in: context)
  }
}

struct RemoveVerb: Verb {
  static let page = VerbPage(
    words: ["rm"], aliases: ["delete", "undefine", "remove"], group: .guests,
    abstract: "Forget guests that do not run",
    discussion: "Their root filesystems are left alone. Their events and runs stay in the journal.",
    examples: [
      Example("lodge rm web", "forget one", given: [.stopped("web")]),
      Example("lodge rm --force web", "kill it first if it runs", given: [.running("web")]),
      Example("lodge rm --all --yes", "forget all, without being asked", given: [.stopped("web")]),
    ])

  @OptionGroup var selection: SelectionOptions
  @Flag(name: [.short, .long], help: "Kill them first if they run.") var force = false
  @OptionGroup var everything: ConsentOptions
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let names = try context.names(selection, all: everything.all, consent: everything.yes, destroying: "rm")
    let action = Action<Admin.GuestRemove>(
      verb: "rm",
      arguments: { .init(request: context.newRequest, name: $0, force: force) },
      status: { "\($0): being removed, \(TimeText.span(nanoseconds: $1))" },
      follow: { "it goes on being removed: lodge ls \($0)" },
      outcome: { name, _ in
        Outcome(line: "\(name): removed", json: .members(["name": .text(name), "removed": .bool(true)]))
      })
    return try action.run(on: names, in: context)
  }
}

/// For verbs after which something is gone.
struct ConsentOptions: ParsableArguments {
  @Flag(help: "All guests.") var all = false
  @Flag(name: [.short, .long], help: "Do not ask about --all.") var yes = false
}

struct StopOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Time the polite signal has to work; its spec's if not given.", valueName: "time"))
  var timeout: String?
  @Option(name: [.short, .long], help: ArgumentHelp("Polite signal; its spec's if not given.", valueName: "signal"))
  var signal: String?
  @Flag(name: .customLong("no-kill"), help: "Never go on to SIGKILL; fail at the deadline instead.")
  var noKill = false

  func order() throws(Failure) -> StopOrder {
    StopOrder(
      signal: try signal.map { text throws(Failure) in try Flags.value(GuestSpecFile.signal, text, "--signal") },
      timeoutMillis: try timeout.map { text throws(Failure) in try Flags.milliseconds(text, "--timeout") },
      noKill: noKill)
  }
}

struct StopOrder {
  /// Nil takes the spec's, as does the time.
  var signal: Int32?
  var timeoutMillis: UInt64?
  var noKill: Bool

  func arguments(_ name: String, _ request: [UInt8]?) -> Wire.GuestStopArgs {
    .init(
      request: request, name: name, signal: signal ?? 0, timeoutMillis: timeoutMillis.map { Int64(clamping: $0) } ?? -1,
      noKill: noKill)
  }
}

extension Context {
  func json(_ summary: Wire.GuestSummary) -> DataValue {
    (try? GuestView(summary).json) ?? .members(["name": .text(summary.name)])
  }

  func started(_ name: String, _ reply: Wire.GuestStartReply) -> Outcome {
    let state = GuestState(reply.guest.state)?.word ?? "running"
    // It may have ended already when the reply was made.
    let text = state == "running" ? "running" : "started, and \(state) by now"
    let pid = reply.guest.initPid > 0 ? ", init \(reply.guest.initPid)" : ""
    return Outcome(line: "\(name): \(text) (run \(reply.guest.runs)\(pid))", json: json(reply.guest))
  }

  func ended(_ name: String, _ reply: Wire.GuestEndedReply, verb: String) -> Outcome {
    guard let wire = reply.ended, let record = try? RunRecord(wire) else {
      return Outcome(line: "\(name): \(verb); its restart was called off", json: json(reply.guest))
    }
    let length = TimeText.span(nanoseconds: record.ended.lengthNanos)
    let how =
      switch record.ended.cause {
      case .stopped(_, .polite, let status): "stopped politely (\(status?.short ?? "gone"))"
      case .stopped(_, .forced, _): verb == "killed" ? "killed" : "stopped by force: it did not go in time"
      case .stopped(_, .cancelled, _): "its start was called off"
      default: "had ended by itself: \(record.ended.cause.inWords)"
      }
    return Outcome(line: "\(name): \(how); it had run for \(length)", json: json(reply.guest))
  }
}
