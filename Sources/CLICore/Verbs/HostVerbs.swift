import ArgumentParser
import Guest
import GuestWire
import SpecFile
import WireProtocol
import XDR

struct HostVerb: Verb {
  static let page = VerbPage(
    words: ["host"], group: .host, abstract: "Show the host, and what guests can be given on it",
    discussion: "What the host lacks is named with the reason and the fix.",
    examples: [
      Example("lodge host", "for people"),
      Example("lodge host -o json", "for programs"),
      Example("lodge host -o csv", "the features, one a line"),
    ])

  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let host = try context.call(Admin.HostInfo.self, XDRVoid(), "host", timeout: try patience.nanoseconds())
    let features = Listing<Wire.HostFeature>(
      name: "features",
      columns: [
        Column("FEATURE", "name", text: { Visible.text($0.name) }, value: { .text($0.name) }),
        Column("AVAILABLE", "available", text: { $0.available ? "yes" : "no" }, value: { .bool($0.available) }),
        Column(
          "REASON", "reason", text: { $0.reason.isEmpty ? "-" : Visible.text($0.reason) }, value: { .text($0.reason) }),
      ],
      json: { .members(["name": .text($0.name), "available": .bool($0.available), "reason": .text($0.reason)]) },
      rowName: \.name)
    if context.format == .csv || context.format == .name {
      context.console.write(features.text(host.features, format: context.format))
    } else if context.format.isForPrograms {
      context.write([
        .init("hostname", .text(host.hostname)), .init("kernel", .text(host.kernel)),
        .init("architecture", .text(host.architecture)), .init("cpus", .unsigned(UInt64(host.cpus))),
        .init("memory", .unsigned(host.memoryBytes)), .init("boot", .text(BootID(host.boot)?.description ?? "")),
        .init("cgroupMode", .text(host.cgroupMode)), .init("features", .list(host.features.map(features.json))),
      ])
    } else {
      let lines = TextTable.pairs([
        ("Host", Visible.text(host.hostname)),
        ("Kernel", "\(Visible.text(host.kernel)), \(Visible.text(host.architecture))"),
        ("CPUs", "\(host.cpus)"), ("Memory", SizeText.approximate(host.memoryBytes)),
        ("Cgroups", Visible.text(host.cgroupMode)), ("Boot", BootID(host.boot)?.description ?? ""),
      ])
      context.console.write(lines.map { $0 + "\n" }.joined() + "\n" + features.text(host.features, format: .table))
    }
    return .done
  }
}

struct DaemonStatusVerb: Verb {
  static let page = VerbPage(
    words: ["daemon", "status"], group: .host, abstract: "Show the daemon: version, guests, journal, health",
    examples: [
      Example("lodge daemon status", "for people"),
      Example("lodge daemon status -o json", "for programs"),
      Example("lodge daemon status -q", "only by the exit code: is it there?"),
    ])

  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let status = try context.call(
      Admin.DaemonStatus.self, XDRVoid(), "daemon status", timeout: try patience.nanoseconds())
    if context.options.quiet { return .done }
    let startedAt = Timestamp(nanoseconds: status.startedAt)
    if context.format.isForPrograms {
      context.write([
        .init("version", .text(status.version)), .init("pid", .integer(Int64(status.pid))),
        .init("startedAt", .time(startedAt)), .init("root", .text(status.root)),
        .init("database", .text(status.database)),
        .init("storage", status.storage.isEmpty ? .null : .text(status.storage)),
        .init("guests", .unsigned(UInt64(status.guests))), .init("running", .unsigned(UInt64(status.running))),
        .init("connections", .unsigned(UInt64(status.connections))),
        .init("subscriptions", .unsigned(UInt64(status.subscriptions))),
        .init("journalOldest", .unsigned(status.journalOldest)),
        .init("journalNewest", .unsigned(status.journalNewest)),
        .init("journalBytes", .unsigned(status.journalBytes)), .init("logLevel", .text(status.logLevel)),
      ])
      return .done
    }
    let events = status.journalNewest >= status.journalOldest ? status.journalNewest - status.journalOldest + 1 : 0
    let lines = TextTable.pairs([
      ("Daemon", "lodged \(Visible.text(status.version)), process \(status.pid)"),
      ("Since", "\(TimeText.dateAndClock(startedAt)) UTC (\(TimeText.ago(startedAt, now: context.now)))"),
      ("Root", Visible.text(status.root)),
      ("Guests", "\(status.guests), of which \(status.running) run"),
      ("Storage", status.storage.isEmpty ? "well" : context.style(.red, Visible.text(status.storage))),
      ("Database", Visible.text(status.database)),
      (
        "Journal",
        "\(status.journalOldest) to \(status.journalNewest), \(events) events, \(SizeText.approximate(status.journalBytes))"
      ),
      ("Connections", "\(status.connections), \(status.subscriptions) subscriptions"),
      ("Log level", Visible.text(status.logLevel)),
    ])
    context.console.write(lines.map { $0 + "\n" }.joined())
    return .done
  }
}

struct DaemonClientsVerb: Verb {
  static let page = VerbPage(
    words: ["daemon", "clients"], group: .host, abstract: "List who is connected to the daemon",
    examples: [
      Example("lodge daemon clients", "for people"),
      Example("lodge daemon clients -o json", "for programs"),
      Example("lodge daemon clients -o csv", "one a line"),
    ])

  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let reply = try context.call(
      Admin.DaemonClients.self, XDRVoid(), "daemon clients", timeout: try patience.nanoseconds())
    let now = context.now
    func number(_ title: String, _ field: String, isWide: Bool = false, _ value: @escaping (Wire.ClientInfo) -> UInt64)
      -> Column<Wire.ClientInfo>
    {
      Column(title, field, isWide: isWide, alignment: .right, text: { "\(value($0))" }, value: { .unsigned(value($0)) })
    }
    let columns: [Column<Wire.ClientInfo>] = [
      number("ID", "id") { $0.id },
      Column("NAME", "name", text: { $0.name.isEmpty ? "-" : Visible.text($0.name) }, value: { .text($0.name) }),
      number("UID", "uid") { UInt64($0.uid) },
      Column("PID", "pid", alignment: .right, text: { "\($0.pid)" }, value: { .integer(Int64($0.pid)) }),
      Column("SOCKET", "readOnly", text: { $0.readOnly ? "read-only" : "full" }, value: { .bool($0.readOnly) }),
      Column(
        "SINCE", "since", text: { TimeText.ago(Timestamp(nanoseconds: $0.since), now: now) },
        value: { .time(Timestamp(nanoseconds: $0.since)) }),
      number("CALLS", "calls") { $0.calls },
      number("SUBSCRIPTIONS", "subscriptions") { UInt64($0.subscriptions) },
      number("IN", "bytesIn", isWide: true) { $0.bytesIn },
      number("OUT", "bytesOut", isWide: true) { $0.bytesOut },
      number("QUEUED", "queuedBytes") { $0.queuedBytes },
    ]
    let listing = Listing<Wire.ClientInfo>(
      name: "clients", columns: columns,
      json: { client in .object(columns.map { .init($0.field, $0.value(client)) }) }, rowName: { "\($0.id)" })
    context.console.write(listing.text(reply.clients, format: context.options.quiet ? .name : context.format))
    return .done
  }
}

struct DaemonLimitsVerb: Verb {
  static let page = VerbPage(
    words: ["daemon", "limits"], group: .host, abstract: "List the daemon's limits and how far they are used",
    examples: [
      Example("lodge daemon limits", "for people"),
      Example("lodge daemon limits -o json", "for programs"),
      Example("lodge daemon limits -o csv", "one a line"),
    ])

  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let reply = try context.call(
      Admin.DaemonLimits.self, XDRVoid(), "daemon limits", timeout: try patience.nanoseconds())
    let columns: [Column<Wire.DaemonLimit>] = [
      Column("LIMIT", "name", text: { Visible.text($0.name) }, value: { .text($0.name) }),
      Column("USED", "used", alignment: .right, text: { "\($0.used)" }, value: { .unsigned($0.used) }),
      Column("OF", "value", alignment: .right, text: { "\($0.value)" }, value: { .unsigned($0.value) }),
      Column("MEANING", "meaning", text: { Visible.text($0.meaning) }, value: { .text($0.meaning) }),
    ]
    let listing = Listing<Wire.DaemonLimit>(
      name: "limits", columns: columns, json: { limit in .object(columns.map { .init($0.field, $0.value(limit)) }) },
      rowName: \.name)
    context.console.write(listing.text(reply.limits, format: context.options.quiet ? .name : context.format))
    return .done
  }
}

struct DaemonTraceVerb: Verb {
  static let page = VerbPage(
    words: ["daemon", "trace"], group: .host, abstract: "Set how much the daemon logs, until it ends",
    examples: [
      Example("lodge daemon trace on", "everything"),
      Example("lodge daemon trace off", "as usual again"),
      Example("lodge daemon trace warning", "less than usual"),
    ])

  @Argument(
    help: ArgumentHelp("on, off, or trace, debug, info, notice, warning, error.", valueName: "level"),
    completion: .list(["on", "off", "trace", "debug", "info", "notice", "warning", "error"]))
  var level: String
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let word = ["on": "trace", "off": "info"][level] ?? level
    _ = try context.call(Admin.DaemonTrace.self, .init(level: word), "daemon trace")
    context.tell("the daemon logs from level \(word) on")
    return .done
  }
}

struct OnAddVerb: Verb {
  static let page = VerbPage(
    words: ["on", "add"], group: .host,
    abstract: "Have the daemon run a program at events: once for each, whatever crashes",
    discussion: """
      The program gets the event as one JSON object on its standard input, and its main fields as LODGE_ variables. A \
      program that fails is tried again --retries times; it never holds up a guest. It may call lodge.
      """,
    examples: [
      Example("lodge on add page --filter cause=oom --exec /bin/true", "when a guest runs out of memory"),
      Example(
        "lodge on add log --filter guest='web*' --filter type=state --exec /bin/true --timeout 5s",
        "at every change of some guests"),
      Example(
        "lodge on add prod --filter env=prod --exec /bin/true --retries 5", "at every event of guests with a label"),
    ])

  @Argument(help: ArgumentHelp("A name for the hook.", valueName: "name")) var name: String
  @Option(
    name: .customLong("filter"),
    help: ArgumentHelp("guest=, type=, cause= or a label. May be repeated.", valueName: "key=value"))
  var filters: [String] = []
  @Option(help: ArgumentHelp("The program, an absolute path on the host.", valueName: "path"), completion: .file())
  var exec: String
  @Option(help: ArgumentHelp("Time it may take.", valueName: "time")) var timeout = "30s"
  @Option(help: ArgumentHelp("How often it is tried again when it fails.", valueName: "number")) var retries: UInt32 = 3
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    guard exec.hasPrefix("/") else {
      throw Failure.usage("--exec: \"\(Visible.text(exec, limit: 80))\" is not an absolute path")
    }
    let filter = try Filter(filters).events("--filter")
    let spec = Wire.HookSpec(
      name: name, filter: filter, program: exec, timeoutMillis: try Flags.milliseconds(timeout, "--timeout"),
      retries: retries)
    _ = try context.call(Admin.HookAdd.self, spec, "on add \(Visible.text(name, limit: 80))")
    context.tell("\(name): added; it runs \(Visible.text(exec)) at every event from now on that matches")
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
    ])

  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let reply = try context.call(Admin.HookList.self, XDRVoid(), "on ls", timeout: try patience.nanoseconds())
    let columns: [Column<Wire.HookStatus>] = [
      Column("NAME", "name", text: { Visible.text($0.spec.name) }, value: { .text($0.spec.name) }),
      Column(
        "FILTER", "filter",
        text: {
          Filter.words($0.spec.filter).isEmpty
            ? "every event" : Visible.text(Filter.words($0.spec.filter).joined(separator: " "))
        }, value: { .text(Filter.words($0.spec.filter).joined(separator: " ")) }),
      Column("PROGRAM", "program", text: { Visible.text($0.spec.program) }, value: { .text($0.spec.program) }),
      Column("RUNS", "runs", alignment: .right, text: { "\($0.runs)" }, value: { .unsigned($0.runs) }),
      Column("FAILURES", "failures", alignment: .right, text: { "\($0.failures)" }, value: { .unsigned($0.failures) }),
      Column(
        "DONE UP TO", "position", alignment: .right, text: { "\($0.position)" }, value: { .unsigned($0.position) }),
      Column(
        "TIMEOUT", "timeout", isWide: true, text: { TimeText.span(nanoseconds: $0.spec.timeoutMillis &* 1_000_000) },
        value: { .decimal(Double($0.spec.timeoutMillis) / 1000) }),
      Column(
        "RETRIES", "retries", isWide: true, text: { "\($0.spec.retries)" },
        value: { .unsigned(UInt64($0.spec.retries)) }),
      Column(
        "LAST ERROR", "lastError", text: { $0.lastError.isEmpty ? "-" : Visible.text($0.lastError) },
        value: { $0.lastError.isEmpty ? .null : .text($0.lastError) }),
    ]
    let listing = Listing<Wire.HookStatus>(
      name: "hooks", columns: columns, json: { hook in .object(columns.map { .init($0.field, $0.value(hook)) }) },
      rowName: \.spec.name)
    context.console.write(
      listing.text(
        reply.hooks, format: context.options.quiet ? .name : context.format,
        whenEmpty: "no hooks; lodge on add makes one"))
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
    ])

  @Argument(
    help: ArgumentHelp("Names of hooks.", valueName: "name"),
    completion: .shellCommand("lodge on ls --quiet --timeout 1s 2>/dev/null"))
  var names: [String]
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    .combined(
      context.forEach(names) { name throws(Failure) in
        _ = try context.call(Admin.HookRemove.self, .init(name: name), "on rm \(Visible.text(name, limit: 80))")
        context.tell("\(Visible.text(name, limit: 80)): removed")
      })
  }
}
