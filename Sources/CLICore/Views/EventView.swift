import Guest
import SpecFile

extension JournalEntry {
  /// One object, the same in every format for programs.
  var json: DataValue {
    let event = event
    let isTransition = event.kind == .state
    return .members([
      "seq": .unsigned(sequence),
      "time": .time(time),
      "boot": .text(boot.description),
      "type": .text(event.kind.word),
      "guest": event.guest.map { .text($0.value) },
      "run": event.run.map { .text($0.description) },
      "runNumber": event.runNumber == 0 ? nil : .unsigned(UInt64(event.runNumber)),
      "from": isTransition ? .text(event.from.word) : nil,
      "to": isTransition ? .text(event.to.word) : nil,
      "cause": event.ended?.cause.json,
      "startedAt": event.ended.map { .time($0.startedAt) },
      "endedAt": event.ended.map { .time($0.endedAt) },
      "length": event.ended?.lengthJSON,
      "usage": event.ended?.usage.json,
      "actor": event.by.json,
      "message": event.message.isEmpty ? nil : .text(event.message),
      "labels": .labels(event.labels),
    ])
  }
}

extension GuestEvent.Kind {
  var word: String {
    switch self {
    case .created: "created"
    case .changed: "changed"
    case .removed: "removed"
    case .state: "state"
    case .notice: "notice"
    case .daemon: "daemon"
    case .hook: "hook"
    }
  }
}

/// Writes events as lines for people, column under column although nobody knows what comes next.
struct EventLines {
  var style: Style
  /// With dates and run ids.
  var isWide: Bool
  private var guestWidth = 6
  private var sequenceWidth = 4
  private var lastDate: String

  init(style: Style, isWide: Bool, today: Timestamp) {
    self.style = style
    self.isWide = isWide
    lastDate = TimeText.date(today)
  }

  /// The lines for one event: its own, and before it the date where that changes.
  mutating func lines(_ entry: JournalEntry) -> [String] {
    let event = entry.event
    var result: [String] = []
    let date = TimeText.date(entry.time)
    if date != lastDate, !isWide { result.append(style(.dim, "-- \(date)")) }
    lastDate = date

    let name = event.guest?.value ?? "-"
    guestWidth = max(guestWidth, min(name.utf8.count, 24))
    let sequence = String(entry.sequence)
    sequenceWidth = max(sequenceWidth, sequence.utf8.count)
    let what = event.kind == .state ? "\(event.from.word) -> \(event.to.word)" : event.kind.word
    // "starting -> stopped" and "stopping -> waiting" are the longest.
    let padding = String(repeating: " ", count: max(0, 19 - what.utf8.count))
    let cause = event.ended?.cause
    var parts = [
      TextTable.padded(sequence, to: sequenceWidth),
      isWide ? TimeText.rfc3339(entry.time) : TimeText.clock(entry.time),
      style(.bold, TextTable.padded(name, to: guestWidth)),
      style(cause?.color ?? (event.kind == .state ? event.to.color : nil), what) + padding,
      TextTable.padded(cause?.kind ?? event.by.inWords, to: 11),
    ]
    var details = [cause?.details ?? "", Visible.text(event.message)].filter { !$0.isEmpty }
    if let length = event.ended?.knownLength { details.append("after \(TimeText.span(nanoseconds: length))") }
    if !details.isEmpty { parts.append(details.joined(separator: ", ")) }
    if event.runNumber > 0 {
      parts.append(style(.dim, "run \(event.runNumber)" + (isWide ? " \(event.run?.description ?? "")" : "")))
    }
    if isWide, !event.labels.isEmpty {
      parts.append(event.labels.map { Visible.text("\($0.key)=\($0.value)") }.joined(separator: ","))
    }
    var line = parts.joined(separator: "  ")
    while line.last == " " { line.removeLast() }
    result.append(line)
    return result
  }
}
