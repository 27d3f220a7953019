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
  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let name = try GuestName(name).value
    let spec = try spec.spec("\(replace ? "change" : "create") \(name)")
    let reply = try context.call(
      Admin.GuestCreate.self,
      .init(request: context.newRequest, name: name, spec: .init(spec), replace: replace), "create \(name)",
      timeout: try patience.nanoseconds())
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
    return try action.run(on: try context.names(selection, all: all), in: context)
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
  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let number = try Flags.value(GuestSpecFile.signal, signal, "--signal")
    let names = try context.names(selection, all: everything.all, consent: everything.yes, destroying: "kill")
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
  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let names = try context.names(selection, all: everything.all, consent: everything.yes, destroying: "rm")
    var action = Action<Admin.GuestRemove>(
      verb: "rm",
      arguments: { .init(request: context.newRequest, name: $0, force: force) },
      status: { "\($0): being removed, \(TimeText.wholeSeconds($1))" },
      follow: { "it goes on being removed: lodge ls \($0)" },
      outcome: { name, _ in
        Outcome(line: "\(name): removed", json: .members(["name": .text(name), "removed": .bool(true)]))
      })
    action.timeout = try patience.nanoseconds()
    return try action.run(on: names, in: context)
  }
}

/// For verbs after which something is gone.
struct ConsentOptions: ParsableArguments {
  @Flag(help: "All guests.") var all = false
  @Flag(name: [.short, .long], help: "Do not ask about --all.") var yes = false
}
