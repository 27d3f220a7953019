import ArgumentParser
import Guest
import GuestWire
import SpecFile
import WireProtocol

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
      Listing.runs(isSeveral: names.count > 1, zone: context.screen.zone).text(
        records, format: context.options.quiet ? .name : context.format, screen: context.screen,
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
