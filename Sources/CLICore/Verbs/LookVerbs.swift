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

struct RunsVerb: Verb {
  static let page = VerbPage(
    words: ["runs"], group: .look, abstract: "List the runs of guests that have ended, newest first",
    discussion:
      "One line a run: start, length, who started it, how it ended. The runs of a guest that was removed are kept.",
    examples: [
      Example("lodge runs web", "the last runs", given: [.ended("web")]),
      Example("lodge runs web --last 3 -o wide", "three of them, with more columns", given: [.ended("web")]),
      Example("lodge runs web -o json", "for programs: the cause with all its details", given: [.ended("web")]),
    ])

  @OptionGroup var selection: SelectionOptions
  @Option(help: ArgumentHelp("At most so many of each guest; 0 is all that are kept.", valueName: "number")) var last:
    UInt32 = 20
  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let names = try context.names(selection)
    let timeout = try patience.nanoseconds()
    var records: [RunRecord] = []
    let statuses = context.forEach(names) { name throws(Failure) in
      records += try context.runs(of: name, last: last == 0 ? nil : Int(last), timeout: timeout)
    }
    context.console.write(
      Listing.runs(isSeveral: names.count > 1).text(
        records, format: context.options.quiet ? .name : context.format,
        whenEmpty: statuses.contains(.done) ? "no run has ended yet" : ""))
    return .combined(statuses)
  }
}

extension Context {
  /// Does something for each guest, in order; what fails is told, and the rest is done all the same.
  func forEach(_ names: [String], _ body: (String) throws(Failure) -> Void) -> [ExitStatus] {
    names.map { name in
      do throws(Failure) {
        try body(name)
        return .done
      } catch {
        report(error)
        return error.status
      }
    }
  }

  /// The newest runs that have ended, newest first.
  func runs(of name: String, last: Int?, timeout: UInt64?) throws(Failure) -> [RunRecord] {
    var records: [RunRecord] = []
    var before: UInt32 = 0
    while true {
      let wanted = last.map { $0 - records.count } ?? Int(Wire.runsPageMax)
      let page = try call(
        Admin.GuestRuns.self,
        .init(name: name, before: before, limit: UInt32(min(wanted, Int(Wire.runsPageMax)))), "runs of \(name)",
        timeout: timeout)
      do throws(GuestError) {
        for run in page.runs { records.append(try RunRecord(run)) }
      } catch {
        throw Failure(error)
      }
      guard page.more, let oldest = records.last, records.count < last ?? .max else { return records }
      before = oldest.number
    }
  }

  /// A run by its number, or from the end by a negative one.
  func run(_ number: Int64, of name: String, timeout: UInt64?) throws(Failure) -> RunRecord {
    let none = Failure(
      .notFound, code: "notFound", "\(name): it has no run \(number) that has ended", hint: "lodge runs \(name)")
    if number < 0 {
      guard number >= -1000 else { throw none }
      let records = try runs(of: name, last: Int(-number), timeout: timeout)
      guard records.count == Int(-number), let record = records.last else { throw none }
      return record
    }
    guard let number = UInt32(exactly: number), number > 0, number < .max else { throw none }
    let page = try call(
      Admin.GuestRuns.self, .init(name: name, before: number + 1, limit: 1), "runs of \(name)", timeout: timeout)
    guard let wire = page.runs.first, wire.number == number, let record = try? RunRecord(wire) else { throw none }
    return record
  }

  /// A guest as it is, or as its history knows it after it was removed.
  func lastKnown(_ name: String, timeout: UInt64?) throws(Failure) -> GuestView {
    do throws(Failure) {
      let details = try call(Admin.GuestShow.self, .init(name: name), "why \(name)", timeout: timeout)
      return try view(details.summary)
    } catch {
      guard error.status == .notFound, let last = try? runs(of: name, last: 1, timeout: timeout).first else {
        throw error
      }
      return GuestView(
        name: last.ended.guest, state: .stopped, runs: last.number, restarts: 0, run: nil, startedAt: nil, upNanos: 0,
        initPID: 0, last: last, note: GuestView.removed)
    }
  }
}
