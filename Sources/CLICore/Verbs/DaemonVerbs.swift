import ArgumentParser
import Guest
import GuestWire
import SpecFile
import WireProtocol
import XDR

struct DaemonStatusVerb: Verb {
  static let page = VerbPage(
    words: ["daemon", "status"], group: .host, abstract: "Show the daemon: version, guests, journal, health",
    examples: [
      Example("lodge daemon status", "for people"),
      Example("lodge daemon status -o json", "for programs"),
      Example("lodge daemon status -q", "only by the exit code: is it there?"),
    ], formats: [.table, .wide, .json, .jsonl, .yaml])

  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let status = try context.call(
      Admin.DaemonStatus.self, XDRVoid(), "daemon status", timeout: try patience.nanoseconds())
    if context.options.quiet { return .done }
    let startedAt = Timestamp(nanoseconds: status.startedAt)
    if context.format.isForPrograms {
      try context.write([
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
    let screen = context.screen
    var fields = Fields()
    fields.add("Daemon", "lodged \(Visible.text(status.version)), process \(status.pid)")
    fields.add(
      "Since", "\(TimeText.moment(startedAt, screen.zone)) (\(TimeText.ago(startedAt, now: context.now)))")
    fields.add("Root", Visible.text(status.root))
    fields.add("Guests", "\(status.guests), \(status.running) running")
    fields.add(
      "Storage", status.storage.isEmpty ? "well" : Visible.text(status.storage), status.storage.isEmpty ? nil : .red)
    fields.add("Database", Visible.text(status.database))
    fields.add(
      "Journal",
      "\(status.journalOldest) to \(status.journalNewest), \(events) events, \(SizeText.approximate(status.journalBytes))"
    )
    fields.add("Connections", "\(status.connections), \(status.subscriptions) subscriptions")
    fields.add("Log level", Visible.text(status.logLevel))
    context.console.write(fields.lines(screen).map { $0 + "\n" }.joined())
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
    ], quiet: .names)

  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let reply = try context.call(
      Admin.DaemonClients.self, XDRVoid(), "daemon clients", timeout: try patience.nanoseconds())
    let now = context.now
    func number(
      _ title: String, _ field: String, isWide: Bool = false, rank: Int = 0,
      _ value: @escaping (Wire.ClientInfo) -> UInt64
    ) -> Column<Wire.ClientInfo> {
      Column(
        title, field, isWide: isWide, alignment: .right, rank: rank, text: { "\(value($0))" },
        value: { .unsigned(value($0)) })
    }
    let columns: [Column<Wire.ClientInfo>] = [
      number("ID", "id") { $0.id },
      Column(
        "NAME", "name", rank: 1, minimum: 12, text: { $0.name.isEmpty ? "-" : Visible.text($0.name) },
        value: { .text($0.name) }),
      number("UID", "uid") { UInt64($0.uid) },
      Column("PID", "pid", alignment: .right, text: { "\($0.pid)" }, value: { .integer(Int64($0.pid)) }),
      Column(
        "SOCKET", "readOnly", rank: 3, text: { $0.readOnly ? "read-only" : "full" }, value: { .bool($0.readOnly) }),
      Column(
        "SINCE", "since", rank: 4, text: { TimeText.ago(Timestamp(nanoseconds: $0.since), now: now) },
        value: { .time(Timestamp(nanoseconds: $0.since)) }),
      number("CALLS", "calls", rank: 5) { $0.calls },
      number("SUBSCRIPTIONS", "subscriptions", rank: 6) { UInt64($0.subscriptions) },
      number("IN", "bytesIn", isWide: true, rank: 8) { $0.bytesIn },
      number("OUT", "bytesOut", isWide: true, rank: 8) { $0.bytesOut },
      number("QUEUED", "queuedBytes", rank: 7) { $0.queuedBytes },
    ]
    let listing = Listing<Wire.ClientInfo>(
      name: "clients", columns: columns,
      json: { client in .object(columns.map { .init($0.field, $0.value(client)) }) }, rowName: { "\($0.id)" })
    try context.show(listing, reply.clients)
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
    ], quiet: .names)

  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let reply = try context.call(
      Admin.DaemonLimits.self, XDRVoid(), "daemon limits", timeout: try patience.nanoseconds())
    let columns: [Column<Wire.DaemonLimit>] = [
      Column("LIMIT", "name", text: { Visible.text($0.name) }, value: { .text($0.name) }),
      Column("USED", "used", alignment: .right, text: { "\($0.used)" }, value: { .unsigned($0.used) }),
      Column("OF", "value", alignment: .right, text: { "\($0.value)" }, value: { .unsigned($0.value) }),
      Column(
        "MEANING", "meaning", rank: 2, minimum: 20, text: { Visible.text($0.meaning) }, value: { .text($0.meaning) }),
    ]
    let listing = Listing<Wire.DaemonLimit>(
      name: "limits", columns: columns, json: { limit in .object(columns.map { .init($0.field, $0.value(limit)) }) },
      rowName: \.name)
    try context.show(listing, reply.limits)
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
    ], formats: [.table])

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
