import ArgumentParser
import Guest
import GuestWire
import SpecFile
import WireProtocol

struct ListVerb: Verb {
  static let page = VerbPage(
    words: ["ls"], aliases: ["list", "ps"], group: .look, abstract: "List guests: state, last end, what comes next",
    discussion:
      "-o wide shows more columns, -q names only. With --watch the list is drawn again whenever something happens.",
    examples: [
      Example("lodge ls", "all guests", given: [.running("web")]),
      Example("lodge ls 'w*' --filter state=running -o json", "some of them, for a program", given: [.running("web")]),
      Example("lodge ls --watch", "stay and follow", isEndless: true),
    ], quiet: .names)

  @OptionGroup var selection: SelectionOptions
  @Flag(help: "Only guests whose last end was a bad one, or with something amiss.") var failed = false
  // docker's and podman's `ps -a`: here stopped guests are listed anyway.
  @Flag(name: [.short, .long], help: .hidden) var all = false
  @Flag(name: [.short, .long], help: "Stay, and draw the list again whenever something happens.") var watch = false
  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let filter = try Filter(selection.filters, of: .guests)
    let timeout = try patience.nanoseconds()
    if watch, context.template != nil {
      throw Failure.usage(
        "ls: --watch has no --format", hint: "lodge events --follow --format '{{.guest}} {{.to}}' follows")
    }
    if watch {
      return try Watch(context) { () throws(Failure) in
        try find(filter, timeout, context)
      } draw: { found, elapsed, screen in
        draw(found, elapsed, screen, context)
      }.run()
    }
    let found = try find(filter, timeout, context)
    // A name that is no pattern and is not there is a mistake; a pattern without a match is an answer.
    if context.template != nil {
      try context.show(Listing.guests(now: context.now), found.guests)
    } else if found.missing.isEmpty || !found.guests.isEmpty {
      context.console.write(text(found, context))
    }
    for name in found.missing {
      context.report(
        Failure(.notFound, code: "notFound", "\(Visible.text(name, limit: 80)): there is no guest of that name"))
    }
    return found.missing.isEmpty ? .done : .notFound
  }

  private struct Found {
    var guests: [GuestView]
    var sequence: UInt64
    /// Names without a pattern in them that are not there.
    var missing: [String]
  }

  private func find(_ filter: Filter, _ timeout: UInt64?, _ context: Context) throws(Failure) -> Found {
    let patterns = selection.guests
    // One pattern, the usual case, is matched by the daemon.
    let (all, sequence) = try context.guests(pattern: patterns.count == 1 ? patterns[0] : "", timeout: timeout)
    let guests = all.filter { guest in
      (patterns.isEmpty || patterns.contains { Glob.matches(guest.name.value, pattern: $0) }) && filter.matches(guest)
        && (!failed || guest.isTroubled)
    }
    let missing = patterns.filter { name in !Glob.isPattern(name) && !all.contains { $0.name.value == name } }
    return Found(guests: guests, sequence: sequence, missing: missing)
  }

  private var whenEmpty: String {
    selection.guests.isEmpty && selection.filters.isEmpty && !failed
      ? "no guests; lodge create makes one" : "no guest matches"
  }

  private func text(_ found: Found, _ context: Context) -> String {
    Listing.guests(now: context.now).text(
      found.guests, format: context.options.quiet ? .name : context.format, screen: context.screen,
      extra: [.init("sequence", .unsigned(found.sequence))], whenEmpty: whenEmpty)
  }

  /// A frame of `--watch`: on a terminal a line about all of them, then the table as it is `elapsed` nanoseconds later.
  private func draw(_ found: Found, _ elapsed: UInt64, _ screen: Screen, _ context: Context) -> [String] {
    let format = context.options.quiet ? OutputFormat.name : context.format
    guard screen.height != nil, format == .table || format == .wide else {
      return text(found, context).split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }
    let guests = found.guests.map { $0.later(by: elapsed) }
    let clock = "\(TimeText.clock(context.now, screen.zone, milliseconds: false)) \(screen.zone.name)"
    let head = screen.style(.bold, screen.line("\(clock)  \(GuestView.census(guests))"))
    if guests.isEmpty { return [head, "", whenEmpty] }
    return [head, ""] + Listing.guests(now: context.now).lines(guests, format: format, screen: screen)
  }
}

struct ShowVerb: Verb {
  static let page = VerbPage(
    words: ["show"], aliases: ["info", "inspect", "status"], group: .look, abstract: "Show everything about guests",
    discussion: "With --spec only the spec is printed, as YAML that create takes again (-o json: as JSON).",
    examples: [
      Example("lodge show web", "for people", given: [.running("web")]),
      Example("lodge show web -o json", "for programs", given: [.running("web")]),
      Example("lodge show web --spec", "the spec, to be kept or changed", given: [.stopped("web")]),
    ], quiet: .names)

  @OptionGroup var selection: SelectionOptions
  @Flag(help: "Print only the spec, in the form of a spec file.") var spec = false
  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let names = try context.names(selection)
    var found: [GuestDetails] = []
    let timeout = try patience.nanoseconds()
    let statuses = context.forEach(names) { name throws(Failure) in
      let wire = try context.call(Admin.GuestShow.self, .init(name: name), "show \(name)", timeout: timeout)
      do throws(GuestError) { found.append(try GuestDetails(wire)) } catch { throw Failure(error) }
    }
    if spec, context.format == .csv || context.format == .name || context.options.quiet {
      throw Failure.usage("show: --spec is printed as YAML or JSON")
    }
    if spec {
      for (index, details) in found.enumerated() {
        switch context.format {
        case .json: context.console.line(GuestSpecFile.value(details.defined).indentedJSON)
        case .jsonl: context.console.line(GuestSpecFile.value(details.defined).json)
        case .table, .wide, .yaml, .csv, .name:
          context.console.write((index > 0 ? "---\n" : "") + GuestSpecFile.yaml(details.defined))
        }
      }
    } else if context.format == .csv || context.format == .name || context.options.quiet {
      context.console.write(
        Listing.guests(now: context.now).text(
          found.map(\.guest), format: context.options.quiet ? .name : context.format))
    } else if context.format.isForPrograms {
      try context.write(found.map(\.json), as: "guests")
    } else {
      let page = DetailsPage(screen: context.screen, now: context.now)
      context.console.write(found.map { page.text($0) }.joined(separator: "\n"))
    }
    return .combined(statuses)
  }
}

struct WhyVerb: Verb {
  static let page = VerbPage(
    words: ["why"], group: .look, abstract: "Explain a guest's state: how it ended, and what comes next",
    examples: [
      Example("lodge why web", "how it ended last", given: [.ended("web")]),
      Example("lodge why web --run 1", "how an earlier run ended", given: [.ended("web")]),
      Example("lodge why --filter state=stopped", "of every guest that is stopped", given: [.ended("web")]),
    ], formats: [.table, .wide, .json, .jsonl, .yaml], quiet: .refused)

  @OptionGroup var selection: SelectionOptions
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Explain this run: its number or UUID; -1 is the last one, -2 the one before.", valueName: "run")
  )
  var run: String?
  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let names = try context.names(selection)
    let timeout = try patience.nanoseconds()
    var documents: [DataValue] = []
    var paragraphs: [String] = []
    let statuses = context.forEach(names) { name throws(Failure) in
      let guest = try context.lastKnown(name, timeout: timeout)
      let record = try run.map { run throws(Failure) in try context.run(run, of: name, timeout: timeout) }
      let screen = context.screen
      let why = WhyParagraph(guest: guest, now: context.now, run: record ?? guest.last, zone: screen.zone)
      paragraphs.append(why.text(screen))
      documents.append(
        .members([
          "name": .text(name), "why": .text(why.text), "state": .text(guest.state.word),
          "run": .optional((record ?? guest.last)?.json),
        ]))
    }
    try context.write(documents, as: "guests")
    if !context.format.isForPrograms { context.console.write(paragraphs.map { $0 + "\n" }.joined(separator: "\n")) }
    return .combined(statuses)
  }
}
