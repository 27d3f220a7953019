import ArgumentParser
import Guest
import GuestWire
import LinuxSystem
import SpecFile
import WireProtocol

struct WaitVerb: Verb {
  static let page = VerbPage(
    words: ["wait"], group: .look, abstract: "Wait until guests have ended, run, or are stopped",
    discussion: """
      Answers at once if it is so already, and rightly even if the guest is gone. The exit code is the guest's own \
      (128+n for a signal, 125 to 127 where there is none); 0 for running and event; 7 when the time is up.
      --for event=KEY=VALUE[,KEY=VALUE] waits for an event that matches, as events --filter does, and prints it.
      """,
    examples: [
      Example("lodge wait web", "for the end of its present run, and its exit code", given: [.ended("web")]),
      Example("lodge wait web --for running --timeout 10s", "until it runs", given: [.running("web")]),
      Example(
        "lodge wait web --for event=type=state --since 0", "for the first event that matches", given: [.ended("web")]),
    ], formats: [.table, .wide, .json, .jsonl, .yaml, .name])

  @OptionGroup var selection: SelectionOptions
  @Option(
    name: .customLong("for"),
    help: ArgumentHelp("ended, running, stopped (and no restart pending) or event=EXPR.", valueName: "condition"),
    completion: .list(["ended", "running", "stopped"]))
  var condition = "ended"
  @Option(help: ArgumentHelp("Of ended and event: only after this event.", valueName: "number")) var since: UInt64?
  @Option(help: ArgumentHelp("Give up then, with exit code 7.", valueName: "time")) var timeout: String?
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let millis = try timeout.map { text throws(Failure) in try Flags.milliseconds(text, "--timeout") }
    if condition.hasPrefix("event=") {
      return try waitForEvent(String(condition.dropFirst("event=".count)), millis, context)
    }
    let wire: Wire.WaitCondition
    let words: String
    // A run that is to begin has no end to show.
    var showsEnd = true
    switch condition {
    case "ended": (wire, words) = (.ended, "has ended")
    case "running": (wire, words, showsEnd) = (.running, "runs", false)
    case "stopped": (wire, words) = (.stopped, "is stopped")
    default:
      throw Failure.usage(
        "--for: expected ended, running, stopped or event=EXPR, found \"\(Visible.text(condition, limit: 40))\"")
    }
    var codes: [Int32] = []
    let begin = Clock.bootNanoseconds
    func arguments(_ name: String, run: Wire.RunId?) -> Wire.GuestWaitArgs {
      let passed = (Clock.bootNanoseconds - begin) / 1_000_000
      return .init(
        name: name, condition: wire, run: run, since: run == nil ? since ?? 0 : 0,
        timeoutMillis: millis.map { max(0, Int64(clamping: $0) - passed) } ?? -1)
    }
    var action = Action<Admin.GuestWait>(
      verb: "wait",
      arguments: { arguments($0, run: nil) },
      status: {
        "\($0): waiting until it \(words), \(TimeText.wholeSeconds($1))"
      },
      follow: { "lodge wait \($0) --for \(condition)" },
      outcome: { name, reply in
        let record = showsEnd ? reply.ended.flatMap { try? RunRecord($0) } : nil
        codes.append(record?.ended.cause.exitCode ?? 0)
        let state = GuestState(reply.guest.state)?.word ?? ""
        return Outcome(
          line: record.map { "\(name): \(Self.words($0)) (run \($0.number))" } ?? "\(name): \(state)",
          json: .members([
            "name": .text(name), "state": .text(state), "run": .optional(record?.json),
            "exitCode": .integer(Int64(codes.last ?? 0)),
          ]))
      },
      // Its end is meant, also when the next run has begun since.
      again: { arguments($0, run: since == nil && wire == .ended ? $1?.run : nil) })
    action.deadline = millis.map { begin &+ Int64(clamping: min($0, 1 << 40)) &* 1_000_000 }
    let status = try action.run(on: try context.names(selection), in: context)
    guard status == .done else { return status }
    return ExitStatus(rawValue: codes.first { $0 != 0 } ?? 0)
  }

  private static func words(_ record: RunRecord) -> String {
    let words = record.ended.headline.inWords
    return record.ended.knownLength.map { "\(words), after \(TimeText.span(nanoseconds: $0))" } ?? words
  }

  private func waitForEvent(_ expression: String, _ millis: UInt64?, _ context: Context) throws -> ExitStatus {
    let filter = try Filter(
      expression.split(separator: ",").map(String.init) + selection.filters + selection.guests.map { "guest=\($0)" },
      of: .events)
    let follower = EventFollower(context, filter: filter.wire, since: since.map { .sequence($0) } ?? .now)
    follower.deadline = millis.map { Clock.bootNanoseconds &+ Int64(clamping: $0) * 1_000_000 }
    let printer = EventPrinter(context, isFollowing: true)
    let found = try follower.follow { item throws(Failure) in
      if case .entry(let entry) = item, filter.matches(entry.event) {
        if !context.options.quiet { try printer.add(entry) }
        return false
      }
      return true
    }
    guard found else {
      throw Failure(
        .timedOut, code: "timedOut", "wait for an event: the time is up", hint: "lodge events lists what happened")
    }
    return .done
  }
}
