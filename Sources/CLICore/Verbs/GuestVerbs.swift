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
    ], formats: [.table, .wide, .json, .jsonl, .yaml, .name])

  @Argument(help: ArgumentHelp("The guest's name: letters, digits, '.', '_' and '-'.", valueName: "name"))
  var name: String
  @Flag(help: "Change the guest of that name instead; it must exist.")
  var replace = false
  @Flag(help: "Only check the spec, without a daemon; nothing is defined.")
  var check = false
  @OptionGroup var spec: SpecOptions
  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let name = try GuestName(name).value
    let spec = try spec.spec("\(replace ? "change" : "create") \(name)", for: name)
    context.tell(noticesOf: spec, name)
    if check {
      context.tell("\(name): the spec is well")
      if context.format.isForPrograms {
        try context.write([.members(["name": .text(name), "spec": GuestSpecFile.value(spec)])], as: "guests")
      }
      return .done
    }
    let reply = try context.call(
      Admin.GuestCreate.self,
      .init(request: context.newRequest, name: name, spec: .init(spec), replace: replace), "create \(name)",
      timeout: try patience.nanoseconds())
    context.tell(
      replace
        ? "\(name): changed" + (reply.atNextStart ? "; it runs, and what changed takes effect at its next start" : "")
        : "\(name): created")
    if context.format.isForPrograms { try context.write([try context.view(reply.guest).json], as: "guests") }
    if context.format == .name { context.console.line(name) }
    return .done
  }
}

struct StartVerb: Verb {
  static let page = VerbPage(
    words: ["start"], group: .guests, abstract: "Start guests",
    discussion: """
      Returns when the command of each has been executed; a start that fails names the step and leaves nothing behind. \
      Of several guests, by --all, a pattern or --filter, it takes those that do not run; one that runs already is a note \
      and no error.
      """,
    examples: [
      Example("lodge start web", "start one", given: [.stopped("web")]),
      Example("lodge start web db", "start two, side by side", given: [.stopped("web"), .stopped("db")]),
      Example("lodge start --filter label.env=prod", "start all with this label", given: [.stopped("web")]),
    ], formats: [.table, .wide, .json, .jsonl, .yaml, .name])

  @OptionGroup var selection: SelectionOptions
  @Flag(name: [.short, .long], help: "All guests.") var all = false
  @OptionGroup var strictness: StrictOption
  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    var action = Action<Admin.GuestStart>(
      verb: "start",
      arguments: { .init(request: context.newRequest, name: $0) },
      status: { "\($0): starting, \(TimeText.wholeSeconds($1))" },
      follow: { "it goes on starting: lodge show \($0)" },
      outcome: { context.started($0, $1) })
    action.timeout = try patience.nanoseconds()
    action.isIdempotent = true
    if !strictness.strict { (action.isDone, action.doneWords) = ([.starting, .running], "already running") }
    let choice = Choice(verb: "start", states: [.stopped, .waiting], hasAll: true)
    return try action.run(on: try context.select(selection, choice, all: all), in: context)
  }
}

struct KillVerb: Verb {
  static let page = VerbPage(
    words: ["kill"], aliases: ["terminate"], group: .guests, abstract: "End guests at once, or send a signal",
    discussion: """
      Without --signal everything in the guest is killed, and no restart policy starts it again. Another signal is sent \
      to its init only. kill -9 and kill -HUP are understood, too.
      """,
    examples: [
      Example("lodge kill web", "end it at once", given: [.running("web")]),
      Example("lodge kill web --signal HUP", "have it read its configuration again", given: [.running("web")]),
      Example("lodge kill --all --yes", "end every guest without being asked", given: [.running("web")]),
    ], isEnding: true, formats: [.table, .wide, .json, .jsonl, .yaml, .name])

  @OptionGroup var selection: SelectionOptions
  @Option(
    name: [.short, .long], help: ArgumentHelp("KILL ends the whole guest; others go to its init.", valueName: "signal"))
  var signal = "KILL"
  @OptionGroup var everything: ConsentOptions
  @OptionGroup var strictness: StrictOption
  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let number = try Flags.value(GuestSpecFile.signal, signal, "--signal")
    // A signal is for an init that is there.
    let states = number == 9 ? GuestState.present : [.running]
    let chosen = try context.select(
      selection, Choice(verb: "kill", states: states, isEnding: true, hasAll: true), all: everything.all,
      consent: everything.yes)
    var action = Action<Admin.GuestKill>(
      verb: "kill",
      arguments: { .init(request: context.newRequest, name: $0, signal: number) },
      status: { "\($0): killed, \(TimeText.wholeSeconds($1)) ago; waiting for its end" },
      follow: { "it is being killed: lodge wait \($0) --for stopped" },
      outcome: { name, reply in
        if reply.ended != nil { return context.ended(name, reply, verb: "killed") }
        return Outcome(
          line: number == 9
            ? "\(name): its restart was called off" : "\(name): sent \(SignalName.name(number)) to its init",
          json: context.json(reply.guest))
      })
    action.timeout = try patience.nanoseconds()
    action.isIdempotent = true
    if number == 9, !strictness.strict { (action.isDone, action.doneWords) = ([.stopped], "already stopped") }
    return try action.run(on: chosen, in: context)
  }
}

struct RemoveVerb: Verb {
  static let page = VerbPage(
    words: ["rm"], aliases: ["delete", "undefine", "remove"], group: .guests,
    abstract: "Remove stopped guests",
    discussion: """
      Their root filesystems are left alone. Their events and runs stay in the journal. Of several guests, by --all, a \
      pattern or --filter, it takes those that are stopped, with --force all.
      """,
    examples: [
      Example("lodge rm web", "remove one", given: [.stopped("web")]),
      Example("lodge rm --force web", "kill it first if it runs", given: [.running("web")]),
      Example("lodge rm --all --yes", "remove all, without being asked", given: [.stopped("web")]),
    ], isEnding: true, formats: [.table, .wide, .json, .jsonl, .yaml, .name])

  @OptionGroup var selection: SelectionOptions
  @Flag(name: [.short, .long], help: "Kill them first if they run.") var force = false
  @OptionGroup var everything: ConsentOptions
  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let states: Set<GuestState> = force ? Set(GuestState.allCases) : [.stopped, .waiting]
    let chosen = try context.select(
      selection, Choice(verb: "rm", states: states, isEnding: true, hasAll: true), all: everything.all,
      consent: everything.yes)
    var action = Action<Admin.GuestRemove>(
      verb: "rm",
      arguments: { .init(request: context.newRequest, name: $0, force: force) },
      status: { "\($0): being removed, \(TimeText.wholeSeconds($1))" },
      follow: { "it goes on being removed: lodge ls \($0)" },
      outcome: { name, _ in
        Outcome(line: "\(name): removed", json: .members(["name": .text(name), "removed": .bool(true)]))
      })
    action.timeout = try patience.nanoseconds()
    action.isIdempotent = true
    return try action.run(on: chosen, in: context)
  }
}

/// For verbs after which something is gone.
struct ConsentOptions: ParsableArguments {
  @Flag(name: [.short, .long], help: "All guests.") var all = false
  @Flag(name: [.short, .long], help: "Do not ask about --all.") var yes = false
}
