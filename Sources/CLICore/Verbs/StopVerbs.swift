import ArgumentParser
import Guest
import GuestWire
import SpecFile
import WireProtocol

struct StopVerb: Verb {
  static let page = VerbPage(
    words: ["stop"], aliases: ["shutdown", "poweroff"], group: .guests,
    abstract: "Stop guests politely, by force at the deadline",
    discussion: """
      First the guest's own signal (SIGTERM unless its spec says otherwise), after the timeout SIGTERM, then SIGKILL for \
      all of it. Returns when it has ended, and says which it took. No restart policy starts it again. Of several guests, \
      by --all, a pattern or --filter, it takes those that run; one that is stopped already is a note and no error. \
      With --no-kill the order is given up at its deadline, and the guest runs on with its restart policy. Beside each other \
      orders keep their own deadlines; the earliest with force counts, and of a stop and a restart the later one that was not \
      given up.
      """,
    examples: [
      Example("lodge stop web", "stop one", given: [.running("web")]),
      Example("lodge stop web --timeout 30s", "give it half a minute", given: [.running("web")]),
      Example("lodge stop 'w*' --signal INT", "stop all that match, with another signal", given: [.running("web")]),
    ], isEnding: true, formats: [.table, .wide, .json, .jsonl, .yaml, .name])

  @OptionGroup var selection: SelectionOptions
  @OptionGroup var how: StopOptions
  @OptionGroup var everything: ConsentOptions
  @OptionGroup var strictness: StrictOption
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let order = try how.order()
    let chosen = try context.select(
      selection, Choice(verb: "stop", states: GuestState.present, isEnding: true, hasAll: true), all: everything.all,
      consent: everything.yes)
    let progress = StopProgress(context, order)
    var action = Action<Admin.GuestStop>(
      verb: "stop",
      arguments: { order.arguments($0, context.newRequest) },
      status: { progress.text($0, elapsed: $1) },
      follow: { "it goes on stopping: lodge wait \($0) --for stopped" },
      outcome: { context.ended($0, $1, verb: "stopped") })
    action.isIdempotent = true
    if !strictness.strict { (action.isDone, action.doneWords) = ([.stopped], "already stopped") }
    return try action.run(on: chosen, in: context)
  }
}

struct RestartVerb: Verb {
  static let page = VerbPage(
    words: ["restart"], aliases: ["reboot"], group: .guests, abstract: "Stop guests that run, then start them",
    discussion: "A guest that is named and does not run is started; of several guests it takes those that run.",
    examples: [
      Example("lodge restart web", "restart one", given: [.running("web")]),
      Example("lodge restart web --timeout 1s", "force it after a second", given: [.running("web")]),
      Example("lodge restart --all --yes", "restart every guest without being asked", given: [.running("web")]),
    ], isEnding: true, formats: [.table, .wide, .json, .jsonl, .yaml, .name])

  @OptionGroup var selection: SelectionOptions
  @OptionGroup var how: StopOptions
  @OptionGroup var everything: ConsentOptions
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let order = try how.order()
    let chosen = try context.select(
      selection, Choice(verb: "restart", states: GuestState.present, isEnding: true, hasAll: true),
      all: everything.all, consent: everything.yes)
    let progress = StopProgress(context, order)
    var action = Action<Admin.GuestRestart>(
      verb: "restart",
      arguments: { order.arguments($0, context.newRequest) },
      status: { progress.text($0, elapsed: $1) },
      follow: { "it goes on restarting: lodge show \($0)" },
      outcome: { context.started($0, $1) })
    action.isIdempotent = true
    return try action.run(on: chosen, in: context)
  }
}

extension GuestState {
  /// Those of a guest that has a run or waits for its next one.
  static let present: Set<GuestState> = [.starting, .running, .stopping, .waiting]
}

struct StrictOption: ParsableArguments {
  @Flag(help: "Fail, with exit code 4, if it is so already.") var strict = false
}

struct StopOptions: ParsableArguments {
  @Option(
    name: [.customShort("t"), .long],
    help: ArgumentHelp("Time the polite signal has to work; its spec's if not given.", valueName: "time"))
  var timeout: String?
  @Option(name: [.short, .long], help: ArgumentHelp("Polite signal; its spec's if not given.", valueName: "signal"))
  var signal: String?
  @Flag(name: .customLong("no-kill"), help: "Never go on to SIGKILL; fail at the deadline instead.")
  var noKill = false

  func order() throws(Failure) -> StopOrder {
    StopOrder(
      signal: try signal.map { text throws(Failure) in try Flags.value(GuestSpecFile.signal, text, "--signal") },
      timeoutMillis: try timeout.map { text throws(Failure) in try Flags.milliseconds(text, "--timeout") },
      noKill: noKill)
  }
}

struct StopOrder {
  /// Nil takes the spec's, as does the time.
  var signal: Int32?
  var timeoutMillis: UInt64?
  var noKill: Bool

  func arguments(_ name: String, _ request: [UInt8]?) -> Wire.GuestStopArgs {
    .init(
      request: request, name: name, signal: signal ?? 0, timeoutMillis: timeoutMillis.map { Int64(clamping: $0) } ?? -1,
      noKill: noKill)
  }
}
