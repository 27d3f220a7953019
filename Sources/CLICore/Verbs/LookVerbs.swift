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
    ])

  @OptionGroup var selection: SelectionOptions
  @Flag(name: [.short, .long], help: "Stay, and draw the list again whenever something happens.") var watch = false
  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let filter = try Filter(selection.filters)
    if watch {
      return try Watch(context).run { try show(filter, context) }
    }
    return try show(filter, context)
  }

  private func show(_ filter: Filter, _ context: Context) throws -> ExitStatus {
    let patterns = selection.guests
    // One pattern, the usual case, is matched by the daemon.
    let (all, sequence) = try context.guests(
      pattern: patterns.count == 1 ? patterns[0] : "", timeout: try patience.nanoseconds())
    let guests = all.filter { guest in
      (patterns.isEmpty || patterns.contains { Glob.matches(guest.name.value, pattern: $0) }) && filter.matches(guest)
    }
    // A name that is no pattern and is not there is a mistake; a pattern without a match is an answer.
    let missing = patterns.filter { name in !Glob.isPattern(name) && !all.contains { $0.name.value == name } }
    if missing.isEmpty || !guests.isEmpty {
      let isNarrowed = !patterns.isEmpty || !filter.isEmpty
      let format = context.options.quiet ? .name : context.format
      context.console.write(
        Listing.guests(style: context.style, now: context.now).text(
          guests, format: format, extra: [.init("sequence", .unsigned(sequence))],
          whenEmpty: isNarrowed ? "no guest matches" : "no guests; lodge create makes one"))
    }
    for name in missing {
      context.report(
        Failure(.notFound, code: "notFound", "\(Visible.text(name, limit: 80)): there is no guest of that name"))
    }
    return missing.isEmpty ? .done : .notFound
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
    ])

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
    if spec {
      for (index, details) in found.enumerated() {
        if context.format == .json || context.format == .jsonl {
          let value = GuestSpecFile.value(details.spec)
          context.console.line(context.format == .json ? value.indentedJSON : value.json)
        } else {
          context.console.write((index > 0 ? "---\n" : "") + GuestSpecFile.yaml(details.spec))
        }
      }
    } else if context.format == .csv || context.format == .name {
      context.console.write(
        Listing.guests(style: context.style, now: context.now).text(found.map(\.guest), format: context.format))
    } else if context.format.isForPrograms {
      context.write(found.map(\.json), as: "guests")
    } else {
      let page = DetailsPage(style: context.style, now: context.now)
      context.console.write(found.map { page.text($0) }.joined(separator: "\n"))
    }
    return .combined(statuses)
  }
}

struct WhyVerb: Verb {
  static let page = VerbPage(
    words: ["why"], group: .look, abstract: "Tell why guests are as they are: how they ended and what comes next",
    examples: [
      Example("lodge why web", "how it ended last", given: [.ended("web")]),
      Example("lodge why web --run 1", "how an earlier run ended", given: [.ended("web")]),
      Example("lodge why --filter state=stopped", "of every guest that is stopped", given: [.ended("web")]),
    ])

  @OptionGroup var selection: SelectionOptions
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Tell of this run; -1 is the last one, -2 the one before.", valueName: "number"))
  var run: Int64?
  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let names = try context.names(selection)
    let timeout = try patience.nanoseconds()
    var documents: [DataValue] = []
    var paragraphs: [String] = []
    let statuses = context.forEach(names) { name throws(Failure) in
      let guest = try context.lastKnown(name, timeout: timeout)
      let record = try run.map { number throws(Failure) in try context.run(number, of: name, timeout: timeout) }
      let why = WhyParagraph(guest: guest, now: context.now, run: record ?? guest.last)
      paragraphs.append(why.text)
      documents.append(
        .members([
          "name": .text(name), "why": .text(why.text), "state": .text(guest.state.word),
          "run": .optional((record ?? guest.last)?.json),
        ]))
    }
    context.write(documents, as: "guests")
    if !context.format.isForPrograms { context.console.write(paragraphs.map { $0 + "\n" }.joined(separator: "\n")) }
    return .combined(statuses)
  }
}
