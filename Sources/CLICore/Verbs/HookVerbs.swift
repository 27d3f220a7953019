import ArgumentParser
import Guest
import GuestWire
import SpecFile
import WireProtocol
import XDR

struct OnAddVerb: Verb {
  static let page = VerbPage(
    words: ["on", "add"], group: .host,
    abstract: "Have the daemon run a program at events: once for each, whatever crashes",
    discussion: """
      The event comes in the program's environment: LODGE_SEQUENCE, LODGE_TYPE, LODGE_GUEST, LODGE_RUN, LODGE_FROM, \
      LODGE_TO, LODGE_ACTOR, LODGE_MESSAGE, LODGE_NOTICE, LODGE_CAUSE with LODGE_BAD, LODGE_CAUSE_TEXT and LODGE_CODE or \
      LODGE_SIGNAL, and LODGE_LABEL_key for each label. Words after -- are its arguments. A program that fails is tried again --retries times; LODGE_ATTEMPT counts. It never holds up a guest, and it \
      may call lodge.
      """,
    examples: [
      Example("lodge on add page --filter cause=oom --exec /bin/true", "when a guest runs out of memory"),
      Example(
        "lodge on add log --filter guest='web*' --filter type=state --exec /bin/true --timeout 5s",
        "at every change of some guests"),
      Example(
        "lodge on add mail --filter label.env=prod --exec /bin/echo -- an event",
        "at every event of guests with a label; with arguments"),
    ], formats: [.table, .wide, .json, .jsonl, .yaml])

  @Argument(help: ArgumentHelp("A name for the hook.", valueName: "name")) var name: String
  @Option(
    name: .customLong("filter"),
    help: ArgumentHelp("guest=, type=, cause= or label.KEY=. May be repeated.", valueName: "key=value"))
  var filters: [String] = []
  @Option(help: ArgumentHelp("The program, an absolute path on the host.", valueName: "path"), completion: .file())
  var exec: String
  @Option(help: ArgumentHelp("Time it may take.", valueName: "time")) var timeout = "30s"
  @Option(help: ArgumentHelp("How often it is tried again when it fails.", valueName: "number")) var retries: UInt32 = 3
  @Argument(
    parsing: .postTerminator,
    help: ArgumentHelp("After --: arguments of the program.", valueName: "argument"))
  var arguments: [String] = []
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    if arguments.count > Int(Wire.hookArgumentsMax) {
      throw Failure.usage(
        "on add: \(arguments.count) arguments; at most \(Wire.hookArgumentsMax) are passed",
        hint: "a script of your own can pass more")
    }
    guard exec.hasPrefix("/") else {
      throw Failure.usage("--exec: \"\(Visible.text(exec, limit: 80))\" is not an absolute path")
    }
    let filter = try Filter(filters, of: .events).events("--filter")
    let spec = Wire.HookSpec(
      name: name, filter: filter, program: exec, timeoutMillis: try Flags.milliseconds(timeout, "--timeout"),
      retries: retries, arguments: arguments)
    _ = try context.call(Admin.HookAdd.self, spec, "on add \(Visible.text(name, limit: 80))")
    context.tell("\(name): added; it runs \(Visible.text(exec)) at every event from now on that matches")
    if context.format.isForPrograms {
      try context.write([.members(["name": .text(name), "added": .bool(true)])], as: "hooks")
    }
    return .done
  }
}

struct OnListVerb: Verb {
  static let page = VerbPage(
    words: ["on", "ls"], aliases: ["list"], group: .host,
    abstract: "List hooks, how often they ran, and what last went wrong",
    examples: [
      Example("lodge on ls", "all hooks", given: [.hook("page")]),
      Example("lodge on ls -o json", "for programs", given: [.hook("page")]),
      Example("lodge on ls -q", "names only", given: [.hook("page")]),
    ], quiet: .names)

  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let reply = try context.call(Admin.HookList.self, XDRVoid(), "on ls", timeout: try patience.nanoseconds())
    let columns: [Column<Wire.HookStatus>] = [
      Column(
        "NAME", "name", rank: 1, minimum: 12, text: { Visible.text($0.spec.name) }, value: { .text($0.spec.name) }),
      Column(
        "FILTER", "filter", rank: 3, minimum: 16,
        text: {
          Filter.words($0.spec.filter).isEmpty
            ? "every event" : Visible.text(Filter.words($0.spec.filter).joined(separator: " "))
        }, value: { .text(Filter.words($0.spec.filter).joined(separator: " ")) }),
      Column(
        "PROGRAM", "program", rank: 2, minimum: 16, text: { Visible.text($0.spec.program) },
        value: { .text($0.spec.program) }),
      Column(
        "ARGUMENTS", "arguments", isWide: true, rank: 7,
        text: { $0.spec.arguments.isEmpty ? "-" : Visible.text($0.spec.arguments.joined(separator: " ")) },
        value: { .list($0.spec.arguments.map { .text($0) }) }),
      Column("RUNS", "runs", alignment: .right, rank: 5, text: { "\($0.runs)" }, value: { .unsigned($0.runs) }),
      Column(
        "FAILURES", "failures", alignment: .right, color: { $0.failures > 0 ? .red : nil }, text: { "\($0.failures)" },
        value: { .unsigned($0.failures) }),
      Column(
        "DONE UP TO", "position", alignment: .right, rank: 6, text: { "\($0.position)" },
        value: { .unsigned($0.position) }),
      Column(
        "TIMEOUT", "timeout", isWide: true, text: { TimeText.span(nanoseconds: $0.spec.timeoutMillis &* 1_000_000) },
        value: { .decimal(Double($0.spec.timeoutMillis) / 1000) }),
      Column(
        "RETRIES", "retries", isWide: true, text: { "\($0.spec.retries)" },
        value: { .unsigned(UInt64($0.spec.retries)) }),
      Column(
        "LAST ERROR", "lastError", rank: 4, minimum: 16,
        text: { $0.lastError.isEmpty ? "-" : Visible.text($0.lastError) },
        value: { $0.lastError.isEmpty ? .null : .text($0.lastError) }),
    ]
    let listing = Listing<Wire.HookStatus>(
      name: "hooks", columns: columns, json: { hook in .object(columns.map { .init($0.field, $0.value(hook)) }) },
      rowName: \.spec.name)
    try context.show(listing, reply.hooks, whenEmpty: "no hooks; lodge on add makes one")
    return .done
  }
}

struct OnTestVerb: Verb {
  static let page = VerbPage(
    words: ["on", "test"], group: .host, abstract: "Run a hook's program once, for no event, and say how it ended",
    discussion: """
      It runs as for an event, with LODGE_TYPE=hook and LODGE_TEST=1; position and counts of the hook stay as they are. \
      Its output goes to the hook's log.
      """,
    examples: [
      Example("lodge on test page", "does it work?", given: [.hook("page")]),
      Example("lodge on test page --timeout 10s", "wait so long for its end", given: [.hook("page")]),
      Example("lodge on test page -o json", "for programs", given: [.hook("page")]),
    ], formats: [.table, .wide, .json, .jsonl, .yaml])

  @Argument(
    help: ArgumentHelp("Name of a hook.", valueName: "name"),
    completion: .shellCommand("lodge on ls --quiet --timeout 1s 2>/dev/null"))
  var name: String
  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let shown = Visible.text(name, limit: 80)
    let reply = try context.call(
      Admin.HookTest.self, .init(name: name), "on test \(shown)", timeout: try patience.nanoseconds())
    let log = Visible.text(reply.log)
    if context.format.isForPrograms {
      try context.write(
        [
          .members([
            "name": .text(name), "failure": reply.failure.isEmpty ? .null : .text(reply.failure),
            "log": .text(reply.log),
          ])
        ], as: "hooks")
    }
    if !reply.failure.isEmpty {
      throw Failure(
        .failed, code: GuestError.Code.startFailed.word, "on test \(shown): \(Visible.text(reply.failure))",
        hint: "its output is in \(log)")
    }
    context.tell("\(shown): exit 0; its output is in \(log)")
    return .done
  }
}

struct OnRemoveVerb: Verb {
  static let page = VerbPage(
    words: ["on", "rm"], aliases: ["remove", "delete"], group: .host, abstract: "Remove hooks",
    examples: [
      Example("lodge on rm page", "remove one", given: [.hook("page")]),
      Example("lodge on rm page log", "remove two", given: [.hook("page"), .hook("log")]),
      Example("lodge on rm -q page", "and say nothing", given: [.hook("page")]),
    ], formats: [.table, .wide, .json, .jsonl, .yaml])

  @Argument(
    help: ArgumentHelp("Names of hooks.", valueName: "name"),
    completion: .shellCommand("lodge on ls --quiet --timeout 1s 2>/dev/null"))
  var names: [String]
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    var documents: [DataValue] = []
    let statuses = context.forEach(names) { name throws(Failure) in
      _ = try context.call(Admin.HookRemove.self, .init(name: name), "on rm \(Visible.text(name, limit: 80))")
      context.tell("\(Visible.text(name, limit: 80)): removed")
      documents.append(.members(["name": .text(name), "removed": .bool(true)]))
    }
    if context.format.isForPrograms { try context.write(documents, as: "hooks") }
    return .combined(statuses)
  }
}
