import Guest
import SpecFile

extension JournalEntry {
  /// One object, the same in every format for programs.
  var json: DataValue {
    let event = event
    let transition = event.transition
    return .members([
      "seq": .unsigned(sequence),
      "time": .time(time),
      "boot": .text(boot.description),
      "type": .text(event.kind.word),
      "guest": event.guest.map { .text($0.value) },
      "run": event.run.map { .text($0.description) },
      "runNumber": event.runNumber == 0 ? nil : .unsigned(UInt64(event.runNumber)),
      "from": transition.map { .text($0.from.word) },
      "to": transition.map { .text($0.to.word) },
      "cause": event.ended?.cause.json,
      "bad": event.ended.map { .bool($0.headline.isBad) },
      "whileStopping": event.ended?.headline.whileStopping?.json,
      "facts": event.ended?.facts.json,
      "order": event.order?.json,
      "notice": event.notice.map { .text($0.word) },
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

extension GuestEvent {
  /// The states before and after; nil for an event that is no transition.
  var transition: (from: GuestState, to: GuestState)? {
    switch kind {
    case .state: (from, to)
    case .created, .changed, .removed, .notice, .daemon, .hook, .order: nil
    }
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
    case .order: "order"
    }
  }
}

/// Writes events as lines for people: the columns stay where they are although the next event is not known yet.
///
/// On a terminal a line has the clock, and a line of its own the date and the zone; in a pipe every line has its whole
/// time, so that it can be searched for and sorted.
struct EventLines {
  var screen: Screen
  /// With dates and run ids.
  var isWide: Bool
  private var guestWidth = 6
  private var sequenceWidth = 4
  private var lastDate = ""

  init(screen: Screen, isWide: Bool) {
    self.screen = screen
    self.isWide = isWide
  }

  private var hasWholeTimes: Bool { isWide || screen.width == nil }

  /// The lines for one event: its own, and before it the date where that changes.
  mutating func lines(_ entry: JournalEntry) -> [String] {
    let event = entry.event
    var result: [String] = []
    let date = TimeText.date(entry.time, screen.zone)
    if date != lastDate, !hasWholeTimes {
      result.append(screen.style(.dim, screen.line("-- \(date), times in \(screen.zone.name)")))
    }
    lastDate = date

    let name = event.guest?.value ?? "-"
    // A long name is shortened rather than let it move the columns of a narrow screen.
    let room = screen.width.map { max(8, $0 / 5) } ?? 24
    guestWidth = max(guestWidth, min(name.utf8.count, room))
    let sequence = String(entry.sequence)
    sequenceWidth = max(sequenceWidth, sequence.utf8.count)
    let what = event.transition.map { "\($0.from.word) -> \($0.to.word)" } ?? event.kind.word
    let cause = event.ended?.cause
    var details = [event.ended?.details ?? "", event.order?.details ?? "", Visible.text(event.message)]
      .filter { !$0.isEmpty }
    if let length = event.ended?.knownLength { details.append("after \(TimeText.span(nanoseconds: length))") }
    let color = cause?.color ?? event.transition?.to.color
    let shownName = screen.width == nil ? name : screen.fitted(name, to: guestWidth)
    let isNarrow = screen.width.map { $0 < 100 } ?? false
    let clock = TimeText.clock(entry.time, screen.zone, milliseconds: !isNarrow)
    // "starting -> stopped" and "stopping -> waiting" are the longest.
    var head = [
      Span(sequence.padded(to: sequenceWidth)), Span(hasWholeTimes ? TimeText.rfc3339(entry.time) : clock),
      Span(shownName.padded(to: guestWidth), .bold), Span(what.padded(to: 19), color),
    ]
    let by = cause?.kind ?? event.by.inWords
    if isNarrow {
      // A column less: its word begins the details.
      details = [details.isEmpty ? by : "\(by): \(details.joined(separator: ", "))"]
    } else {
      head.append(Span(by.padded(to: 11)))
    }
    var tail: [Span] = []
    if !details.isEmpty { tail.append(Span(details.joined(separator: ", "))) }
    if event.runNumber > 0 {
      tail.append(Span("run \(event.runNumber)" + (isWide ? " \(event.run?.description ?? "")" : ""), .dim))
    }
    if isWide, !event.labels.isEmpty {
      tail.append(Span(event.labels.map { Visible.text("\($0.key)=\($0.value)") }.joined(separator: ",")))
    }
    return result + lines(head, tail)
  }

  /// One line; or, where that is too narrow, the tail wrapped below, under the transition.
  private func lines(_ head: [Span], _ tail: [Span]) -> [String] {
    let all = head + tail
    let needed = all.reduce(-2) { $0 + 2 + CharacterWidth.of($1.text) }
    guard let width = screen.width, needed > width else { return [line(all)] }
    let place = head.prefix(3).reduce(0) { $0 + CharacterWidth.of($1.text) + 2 }
    let indent = place <= width - 40 ? place : 4
    // Wrapped text has one space where columns have two: a comma parts what belongs to different columns.
    let separated = tail.enumerated().flatMap { index, span in index == 0 ? [span] : [Span(", "), span] }
    let below = tail.isEmpty ? [] : Paragraph(separated).lines(width: width, indent: indent, style: screen.style)
    return [line(head)] + below
  }

  /// The spans with two spaces between them, cut off at the right edge.
  private func line(_ spans: [Span]) -> String {
    var line = ""
    var used = 0
    for (index, span) in spans.enumerated() {
      let gap = index == 0 ? 0 : 2
      var text = span.text
      if let width = screen.width { text = screen.fitted(text, to: max(0, width - used - gap)) }
      used += gap + CharacterWidth.of(text)
      if index == spans.count - 1 { while text.last == " " { text.removeLast() } }
      line += String(repeating: " ", count: gap) + screen.style(span.color, text)
    }
    while line.last == " " { line.removeLast() }
    return line
  }
}
