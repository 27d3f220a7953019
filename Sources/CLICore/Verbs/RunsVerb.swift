import ArgumentParser
import Guest
import GuestWire
import SpecFile
import WireProtocol

struct RunsVerb: Verb {
  static let page = VerbPage(
    words: ["runs"], group: .look, abstract: "List the runs of guests that have ended, newest first",
    discussion: """
      One line a run: start, length, who started it, how it ended. Without a name the runs of all guests that there are; \
      the runs of a guest that was removed are kept, and found by its name.
      """,
    examples: [
      Example("lodge runs web", "the last runs", given: [.ended("web")]),
      Example("lodge runs --failed --since yesterday", "what went wrong on all guests", given: [.ended("web")]),
      Example("lodge runs web -o json", "for programs: the cause with all its details", given: [.ended("web")]),
    ], quiet: .names)

  @OptionGroup var selection: SelectionOptions
  @Option(
    help: ArgumentHelp(
      "At most so many of each guest (20, with --since all); 0 is all that are kept.", valueName: "number"))
  var last: UInt32?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Only runs that ended since: a time, yesterday, or -1h.", valueName: "time"))
  var since: String?
  @Flag(help: "Only runs that ended badly.") var failed = false
  @OptionGroup var patience: TimeoutOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let start = try since.map { text throws(Failure) in
      guard case .time(let time) = try Since(text, now: context.now, zone: context.zone) else {
        throw .usage("--since: runs are listed from a time on, or from so long ago: -1h")
      }
      return time
    }
    let isOfAll = selection.guests.isEmpty && selection.filters.isEmpty
    let names = isOfAll ? try context.guests().guests.map(\.name.value) : try context.names(selection)
    let timeout = try patience.nanoseconds()
    let limit = last.map { $0 == 0 ? nil : Int($0) } ?? (start == nil ? 20 : nil)
    var records: [RunRecord] = []
    let statuses = context.forEach(names) { name throws(Failure) in
      let kept = try context.runs(of: name, last: limit, since: start, timeout: timeout)
      records += failed ? kept.filter { $0.ended.headline.isBad } : kept
    }
    if isOfAll { records.sort { $0.ended.endedAt > $1.ended.endedAt } }
    let isNarrowed = start != nil || failed
    try context.show(
      Listing.runs(isSeveral: isOfAll || names.count > 1, zone: context.screen.zone), records,
      whenEmpty: statuses.allSatisfy { $0 == .done } ? isNarrowed ? "no run matches" : "no run has ended yet" : "")
    return .combined(statuses)
  }
}

extension Context {
  /// Does something for each guest, in order; a failure is reported, and the rest is done all the same.
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
  ///
  /// - Parameter since: leaves out those that ended before.
  func runs(
    of name: String, last: Int?, since: Timestamp? = nil, timeout: UInt64?
  ) throws(Failure) -> [RunRecord] {
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
      // Runs follow each other, so the first that is too old is the first of all that are.
      if let since, let end = records.firstIndex(where: { $0.ended.endedAt < since }) {
        return Array(records[..<end])
      }
      guard page.more, let oldest = records.last, records.count < last ?? .max else { return records }
      before = oldest.number
    }
  }

  /// A run that has ended, by its number, from the end by a negative one, or by its UUID.
  func run(_ text: String, of name: String, timeout: UInt64?) throws(Failure) -> RunRecord {
    switch try RunChoice(text) {
    case .number(let number): return try run(number, of: name, timeout: timeout)
    case .id(let id):
      let found = try runs(of: name, last: nil, timeout: timeout).first { $0.ended.run == id }
      if let found { return found }
      throw Failure(
        .notFound, code: "notFound", "\(name): it has no run \(id) that has ended", hint: "lodge runs \(name) -o wide")
    }
  }

  private func run(_ number: Int64, of name: String, timeout: UInt64?) throws(Failure) -> RunRecord {
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

/// A run as it is named on a command line.
enum RunChoice: Equatable {
  case number(Int64)
  case id(RunID)

  init(_ text: String) throws(Failure) {
    if let number = Int64(text) {
      self = .number(number)
    } else if let id = RunID(text: text) {
      self = .id(id)
    } else {
      throw .usage(
        "--run: expected a run's number, -1 for the last one, or its UUID, found \"\(Visible.text(text, limit: 60))\"",
        hint: "lodge runs GUEST -o wide lists both")
    }
  }
}
