import Guest
import GuestWire
import LinuxSystem
import SpecFile
import WireProtocol

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
    lines = EventLines(screen: context.screen, isWide: context.format == .wide)
  }

  private static var columns: [Column<JournalEntry>] {
    [
      Column("SEQ", "seq", text: { "\($0.sequence)" }, value: { .unsigned($0.sequence) }),
      Column("TIME", "time", text: { TimeText.rfc3339($0.time) }, value: { .time($0.time) }),
      Column("TYPE", "type", text: { $0.event.kind.word }, value: { .text($0.event.kind.word) }),
      Column("GUEST", "guest", text: { $0.event.guest?.value ?? "" }, value: { .text($0.event.guest?.value ?? "") }),
      Column(
        "FROM", "from", text: { $0.event.from.word },
        value: { .optional($0.event.transition.map { .text($0.from.word) }) }),
      Column(
        "TO", "to", text: { $0.event.to.word },
        value: { .optional($0.event.transition.map { .text($0.to.word) }) }),
      Column(
        "CAUSE", "cause", text: { $0.event.ended?.cause.kind ?? "" },
        value: { .optional($0.event.ended.map { .text($0.cause.kind) }) }),
      Column(data: "code") { .optional($0.event.ended?.cause.json.member("code")) },
      Column(data: "signal") { .optional($0.event.ended?.cause.json.member("signal")) },
      Column("ACTOR", "actor", text: { $0.event.by.inWords }, value: { .text($0.event.by.inWords) }),
      Column(
        "RUN", "runNumber", text: { "\($0.event.runNumber)" },
        value: { $0.event.runNumber == 0 ? .null : .unsigned(UInt64($0.event.runNumber)) }),
      Column("MESSAGE", "message", text: { $0.event.message }, value: { .text($0.event.message) }),
      Column(data: "bad") { .optional($0.event.ended.map { .bool($0.headline.isBad) }) },
      Column(data: "notice") { .optional($0.event.notice.map { .text($0.word) }) },
    ]
  }

  func add(_ entry: JournalEntry) throws(Failure) {
    switch context.options.quiet ? .name : context.format {
    case .table, .wide: for line in lines.lines(entry) { context.console.line(line) }
    case .name: context.console.line("\(entry.sequence)")
    case .jsonl: try context.line(entry.json)
    case .csv:
      if !hasHeader { context.console.write(CSV.line(Self.columns.map(\.field))) }
      hasHeader = true
      context.console.write(CSV.line(Self.columns.map { CSV.text($0.value(entry)) }))
    case .json, .yaml:
      // A stream without an end cannot be one document.
      if isFollowing { try context.line(entry.json) } else { collected.append(entry.json) }
    }
  }

  func gap(from: UInt64, to: UInt64) throws(Failure) {
    let text =
      "events \(from) to \(to) cannot be given: the journal no longer keeps them, or a newer version wrote them"
    switch context.format {
    case .json where !isFollowing, .yaml where !isFollowing, .csv, .name: context.console.errorLine("lodge: \(text)")
    case .json, .jsonl, .yaml:
      try context.line(.members(["type": .text("gap"), "from": .unsigned(from), "to": .unsigned(to)]))
    case .table, .wide: context.console.line(context.style(.yellow, context.screen.line("-- \(text)")))
    }
  }

  func snapshot(_ guests: [Wire.GuestSummary], sequence: UInt64) throws(Failure) {
    for summary in guests {
      let guest = try context.view(summary)
      switch context.format {
      case .json, .jsonl, .yaml:
        try context.line(.members(["type": .text("snapshot"), "seq": .unsigned(sequence), "guest": guest.json]))
      case .table, .wide:
        let end = guest.last.map { ", last end: \($0.ended.headline.inWords)" } ?? ""
        context.console.line(context.screen.line("\(sequence)  \(guest.name)  is \(guest.state.word)\(end)"))
      case .csv, .name: break
      }
    }
  }

  /// At the end of what is not followed.
  func finish() throws(Failure) {
    if !isFollowing, !context.options.quiet, context.format == .json || context.format == .yaml {
      try context.write(collected, as: "events")
    }
  }
}
