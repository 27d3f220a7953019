import ArgumentParser
import Guest
import GuestWire
import LinuxSystem
import SpecFile
import WireProtocol

struct EventsVerb: Verb {
  static let page = VerbPage(
    words: ["events"], aliases: ["monitor", "event"], group: .look,
    abstract: "Print the journal of events, and follow it",
    discussion: """
      Without --since and --follow: everything since the host's boot. With --follow alone: what happens from now on. \
      Following survives a restart of the daemon: nothing is missed or repeated, and what retention had dropped before it \
      could be sent is told as a gap. The number at the beginning of a line is what --since takes.
      """,
    examples: [
      Example("lodge events", "what has happened since boot", given: [.ended("web")]),
      Example(
        "lodge events web --since -1h --cause oom -o jsonl", "ends of one guest for want of memory, for a program",
        given: [.ended("web")]),
      Example(
        "lodge events --since boot --follow", "everything, and what is to come", given: [.ended("web")], isEndless: true
      ),
    ])

  @Argument(
    help: ArgumentHelp("Only events of these guests; patterns such as 'web*' too.", valueName: "guest"),
    completion: .guests)
  var guests: [String] = []
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("After event NUMBER, since a time, since -1h, boot or now.", valueName: "number|time"))
  var since: String?
  @Flag(name: [.short, .long], help: "Go on as events happen, until Ctrl-C.") var follow = false
  @Flag(help: "First the state of all guests, then what happens after it; implies --follow.") var snapshot = false
  @Option(
    name: .customLong("type"),
    help: ArgumentHelp("created, changed, removed, state, notice, daemon or hook. May be repeated.", valueName: "type"),
    completion: .list(GuestEvent.Kind.allCases.map(\.word)))
  var types: [String] = []
  @Option(
    name: .customLong("cause"),
    help: ArgumentHelp("Only ends of this kind, such as oom or exited. May be repeated.", valueName: "kind"),
    completion: .list(EndKinds.words))
  var causes: [String] = []
  @Option(
    name: .customLong("filter"),
    help: ArgumentHelp("guest=, type=, cause= or a label. May be repeated.", valueName: "key=value"))
  var filters: [String] = []
  @Option(name: .customLong("guest"), help: .hidden) var guestOptions: [String] = []
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let filter = try Filter(
      filters + types.map { "type=\($0)" } + causes.map { "cause=\($0)" }
        + (guests + guestOptions).map { "guest=\($0)" })
    let follows = follow || snapshot
    let start = try since.map { text throws(Failure) in try Since(text, now: context.now) } ?? (follows ? .now : .boot)
    let printer = EventPrinter(context, isFollowing: follows)
    if follows {
      let follower = EventFollower(context, filter: filter.wire, since: start, snapshot: snapshot)
      _ = try follower.follow { item throws(Failure) in
        switch item {
        case .entry(let entry):
          if filter.matches(entry.event) { printer.add(entry) }
        case .gap(let from, let to): printer.gap(from: from, to: to)
        case .snapshot(let guests, let sequence, _): try printer.snapshot(guests, sequence: sequence)
        case .pause: context.console.flush()
        }
        return true
      }
      return .done
    }
    try read(filter, start, context, printer)
    printer.finish()
    return .done
  }

  private func read(_ filter: Filter, _ start: Since, _ context: Context, _ printer: EventPrinter) throws(Failure) {
    var since = start
    while true {
      let page = try context.call(
        Admin.EventsRead.self, .init(since: since.wire, filter: filter.wire, limit: 0), "events")
      if page.lostTo > 0 { printer.gap(from: page.lostFrom, to: page.lostTo) }
      do throws(GuestError) {
        for event in page.events {
          let entry = try JournalEntry(event)
          if filter.matches(entry.event) { printer.add(entry) }
        }
      } catch {
        throw Failure(error)
      }
      guard page.more else { return }
      context.console.flush()
      since = .sequence(page.next)
    }
  }
}

/// Prints events in every format, as they come.
final class EventPrinter {
  private let context: Context
  private let isFollowing: Bool
  private var lines: EventLines
  private var collected: [DataValue] = []
  private var hasHeader = false

  init(_ context: Context, isFollowing: Bool) {
    self.context = context
    self.isFollowing = isFollowing
    lines = EventLines(style: context.style, isWide: context.format == .wide, today: context.now)
  }

  private static var columns: [Column<JournalEntry>] {
    [
      Column("SEQ", "seq", text: { "\($0.sequence)" }, value: { .unsigned($0.sequence) }),
      Column("TIME", "time", text: { TimeText.rfc3339($0.time) }, value: { .time($0.time) }),
      Column("TYPE", "type", text: { $0.event.kind.word }, value: { .text($0.event.kind.word) }),
      Column("GUEST", "guest", text: { $0.event.guest?.value ?? "" }, value: { .text($0.event.guest?.value ?? "") }),
      Column(
        "FROM", "from", text: { $0.event.from.word },
        value: { $0.event.kind == .state ? .text($0.event.from.word) : .null }),
      Column(
        "TO", "to", text: { $0.event.to.word }, value: { $0.event.kind == .state ? .text($0.event.to.word) : .null }),
      Column(
        "CAUSE", "cause", text: { $0.event.ended?.cause.kind ?? "" },
        value: { .optional($0.event.ended.map { .text($0.cause.kind) }) }),
      Column("ACTOR", "actor", text: { $0.event.by.inWords }, value: { .text($0.event.by.inWords) }),
      Column(
        "RUN", "runNumber", text: { "\($0.event.runNumber)" },
        value: { $0.event.runNumber == 0 ? .null : .unsigned(UInt64($0.event.runNumber)) }),
      Column("MESSAGE", "message", text: { $0.event.message }, value: { .text($0.event.message) }),
    ]
  }

  func add(_ entry: JournalEntry) {
    switch context.format {
    case .table, .wide: for line in lines.lines(entry) { context.console.line(line) }
    case .name: context.console.line("\(entry.sequence)")
    case .jsonl: context.console.line(entry.json.json)
    case .csv:
      if !hasHeader { context.console.write(CSV.line(Self.columns.map(\.field))) }
      hasHeader = true
      context.console.write(CSV.line(Self.columns.map { CSV.text($0.value(entry)) }))
    case .json, .yaml:
      // What never ends cannot be one document.
      if isFollowing { context.console.line(entry.json.json) } else { collected.append(entry.json) }
    }
  }

  func gap(from: UInt64, to: UInt64) {
    let text = "events \(from) to \(to) are gone: the journal no longer keeps them"
    switch context.format {
    case .json where !isFollowing, .yaml where !isFollowing, .csv, .name: context.console.errorLine("lodge: \(text)")
    case .json, .jsonl, .yaml:
      context.console.line(
        DataValue.members(["type": .text("gap"), "from": .unsigned(from), "to": .unsigned(to)]).json)
    case .table, .wide: context.console.line(context.style(.yellow, "-- \(text)"))
    }
  }

  func snapshot(_ guests: [Wire.GuestSummary], sequence: UInt64) throws(Failure) {
    for summary in guests {
      let guest = try context.view(summary)
      switch context.format {
      case .json, .jsonl, .yaml:
        context.console.line(
          DataValue.members(["type": .text("snapshot"), "seq": .unsigned(sequence), "guest": guest.json]).json)
      case .table, .wide:
        let end = guest.last.map { ", last end: \($0.ended.cause.inWords)" } ?? ""
        context.console.line("\(sequence)  \(guest.name)  is \(guest.state.word)\(end)")
      case .csv, .name: break
      }
    }
  }

  /// At the end of what is not followed.
  func finish() {
    if !isFollowing, context.format == .json || context.format == .yaml { context.write(collected, as: "events") }
  }
}

/// `--watch`: draws something again whenever an event says that it may have changed.
final class Watch {
  private let context: Context

  init(_ context: Context) { self.context = context }

  func run(_ draw: () throws -> ExitStatus) throws -> ExitStatus {
    let follower = EventFollower(context, filter: Filter().wire, since: .now)
    var isDrawn = false
    var failure: (any Error)?
    _ = try follower.follow { item throws(Failure) in
      if case .pause = item {
        guard !isDrawn else { return true }
        isDrawn = true
        if context.console.outputIsTerminal { context.console.write("\u{1B}[H\u{1B}[2J") }
        do {
          _ = try draw()
          if !context.console.outputIsTerminal { context.console.line("") }
        } catch {
          failure = error
          return false
        }
        context.console.flush()
      } else {
        isDrawn = false
      }
      return true
    }
    if let failure { throw failure }
    return .done
  }
}
