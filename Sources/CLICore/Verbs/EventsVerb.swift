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
      could be sent is printed as a gap. The number at the beginning of a line is what --since takes.
      """,
    examples: [
      Example("lodge events", "what has happened since boot", given: [.ended("web")]),
      Example(
        "lodge events web --since -1h --cause oom -o jsonl", "ends of one guest when memory ran out, for a program",
        given: [.ended("web")]),
      Example(
        "lodge events --since boot --follow", "everything, and what is to come", given: [.ended("web")], isEndless: true
      ),
    ], quiet: .names)

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
    completion: .list(EndCause.kinds))
  var causes: [String] = []
  @Option(
    name: .customLong("filter"),
    help: ArgumentHelp("guest=, type=, cause=, bad=, notice= or label.KEY=. May be repeated.", valueName: "key=value"))
  var filters: [String] = []
  @Option(name: .customLong("guest"), help: .hidden) var guestOptions: [String] = []
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let filter = try Filter(
      filters + types.map { "type=\($0)" } + causes.map { "cause=\($0)" }
        + (guests + guestOptions).map { "guest=\($0)" }, of: .events)
    let follows = follow || snapshot
    let start =
      try since.map { text throws(Failure) in try Since(text, now: context.now, zone: context.zone) }
      ?? (follows ? .now : .boot)
    let printer = EventPrinter(context, isFollowing: follows)
    if follows {
      let follower = EventFollower(context, filter: filter.wire, since: start, snapshot: snapshot)
      _ = try follower.follow { item throws(Failure) in
        switch item {
        case .entry(let entry):
          if filter.matches(entry.event) { try printer.add(entry) }
        case .gap(let from, let to): try printer.gap(from: from, to: to)
        case .snapshot(let guests, let sequence, _): try printer.snapshot(guests, sequence: sequence)
        case .pause, .awake: context.console.flush()
        }
        return true
      }
      return .done
    }
    try read(filter, start, context, printer)
    try printer.finish()
    return .done
  }

  private func read(_ filter: Filter, _ start: Since, _ context: Context, _ printer: EventPrinter) throws(Failure) {
    var since = start
    while true {
      let page = try context.call(
        Admin.EventsRead.self, .init(since: since.wire, filter: filter.wire, limit: 0), "events")
      if page.lostTo > 0 { try printer.gap(from: page.lostFrom, to: page.lostTo) }
      for event in page.events {
        let entry = try telling { () throws(GuestError) in try JournalEntry(event) }
        if filter.matches(entry.event) { try printer.add(entry) }
      }
      guard page.more else { return }
      context.console.flush()
      since = .sequence(page.next)
    }
  }
}
