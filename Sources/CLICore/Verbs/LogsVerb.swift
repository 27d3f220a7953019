import ArgumentParser
import Guest
import GuestWire
import LinuxSystem
import WireProtocol

struct LogsVerb: Verb {
  static let page = VerbPage(
    words: ["logs"], aliases: ["log"], group: .look, abstract: "Print the console output of guests, and follow it",
    discussion: """
      Control characters are made visible unless --raw. Lines that begin with -- are Lodge's own; a line of the guest's \
      that does is shown as \\x2d-. Following goes on over \
      restarts and ends when the guest stays stopped.
      """,
    examples: [
      Example("lodge logs web", "all that is kept", given: [.ended("web")]),
      Example("lodge logs web --run -1 --timestamps", "of the run that ended last, with times", given: [.ended("web")]),
      Example(
        "lodge logs web --tail 10 --follow", "the last lines, and what is to come", given: [.running("web")],
        isEndless: true),
    ], formats: [.table], quiet: .refused)

  @OptionGroup var selection: SelectionOptions
  @Flag(name: [.short, .long], help: "Go on as output comes.") var follow = false
  @Option(parsing: .unconditional, help: ArgumentHelp("Only from then on: a time, or -1h.", valueName: "time"))
  var since: String?
  @Option(
    name: [.customShort("n"), .long], help: ArgumentHelp("Begin so many lines before the end.", valueName: "number|all")
  )
  var tail: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Only of this run: its number or UUID; -1 is the last one that ended.", valueName: "run")
  ) var run: String?
  @Flag(help: "The guest's bytes as they are, without Lodge's own lines.") var raw = false
  @Flag(name: [.short, .long], help: "Begin lines with their times.") var timestamps = false
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    let tail = try tail.flatMap { text throws(Failure) in try Self.lines(text) }
    let names = try context.names(selection)
    if follow, names.count > 1 { throw Failure.usage("logs: one guest can be followed at a time") }
    return .combined(
      context.forEach(names) { name throws(Failure) in
        var text = LogText()
        text.isRaw = raw
        text.hasTimestamps = timestamps
        text.style = context.style
        text.prefix = names.count > 1 ? "\(name) | " : ""
        if let since {
          guard case .time(let time) = try Since(since, now: context.now, zone: context.zone) else {
            throw .usage("--since: a log is read from a time on, or from so long ago: -1h")
          }
          text.from = time.nanoseconds
        }
        if let run {
          let record = try context.run(run, of: name, timeout: nil).ended
          // Output may be read before the start is noted, and its end after; a second is more than either takes.
          text.from = max(text.from ?? .min, (record.startedAt ?? record.endedAt).nanoseconds - 1_000_000_000)
          text.to = record.endedAt.nanoseconds + 1_000_000_000
        }
        if tail == 0 { text.from = context.now.nanoseconds }
        try LogFollower(context, name, text).run(tail: tail ?? 0, isFollowing: follow)
      })
  }
}

extension LogsVerb {
  /// Nil for `all`.
  private static func lines(_ text: String) throws(Failure) -> UInt32? {
    if text == "all" || text == "-1" { return nil }
    if let number = UInt32(text) { return number }
    throw .usage("--tail: expected a number or all, found \"\(Visible.text(text, limit: 40))\"")
  }
}

/// Reads a guest's log piece by piece.
struct LogFollower {
  let context: Context
  let name: String
  var text: LogText

  init(_ context: Context, _ name: String, _ text: LogText) {
    self.context = context
    self.name = name
    self.text = text
  }

  func run(tail: UInt32, isFollowing: Bool) throws(Failure) {
    context.followsOutput = isFollowing
    var text = text
    var cursor: [UInt8] = []
    while true {
      let reply: Wire.LogReadReply
      do throws(Failure) {
        reply = try context.call(
          Admin.LogRead.self, .init(name: name, cursor: cursor, tailLines: tail, wait: isFollowing), "logs of \(name)")
      } catch {
        guard isFollowing, error.status == .unreachable, context.hasBeenConnected else { throw error }
        try context.awaitDaemon(for: Admin.LogRead.self, "logs of \(name)")
        continue
      }
      if reply.lostBytes > 0 {
        context.console.errorLine("lodge: logs of \(name): a part was rotated away before it was read")
      }
      cursor = reply.next
      write(text.take(reply.bytes))
      if reply.bytes.isEmpty || isFollowing { context.console.flush() }
      if reply.end, reply.bytes.isEmpty {
        write(text.finish())
        context.console.flush()
        guard isFollowing, try isComingBack() else { return }
      } else if !isFollowing, reply.bytes.isEmpty {
        write(text.finish())
        return
      }
    }
  }

  private func write(_ output: LogText.Output) {
    // All of a log goes to standard output, in its order.
    context.console.write(output.standard)
    context.console.write(output.error)
  }

  /// Whether the guest is going to run again by itself; returns when it does.
  private func isComingBack() throws(Failure) -> Bool {
    let state = try context.call(Admin.GuestShow.self, .init(name: name), "logs of \(name)").summary.state
    guard state != .stopped else { return false }
    do throws(Failure) {
      _ = try context.call(
        Admin.GuestWait.self, .init(name: name, condition: .running, run: nil, since: 0, timeoutMillis: 60_000),
        "logs of \(name)")
    } catch {
      // A daemon that has gone is waited for by the next call.
      guard error.status == .timedOut || error.status == .unreachable else { throw error }
    }
    return true
  }
}
