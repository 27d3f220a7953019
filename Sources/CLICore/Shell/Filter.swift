import Guest
import GuestWire
import SpecFile
import WireProtocol

/// `--filter`: different keys must all hold; of one key given several times, one.
struct Filter: Equatable {
  var names: [String] = []
  var states: [String] = []
  var causes: [String] = []
  /// Of the last end, or of the event's.
  var bad: [String] = []
  var types: [String] = []
  var notices: [String] = []
  var autostart: [String] = []
  var labels: [(key: String, value: String)] = []

  static func == (left: Filter, right: Filter) -> Bool {
    left.names == right.names && left.states == right.states && left.causes == right.causes
      && left.bad == right.bad && left.types == right.types
      && left.notices == right.notices && left.autostart == right.autostart
      && left.labels.map(\.key) == right.labels.map(\.key) && left.labels.map(\.value) == right.labels.map(\.value)
  }

  init() {}

  /// The things that a filter is applied to: each has keys of its own.
  enum Subject {
    case guests, events

    /// Beside `label.KEY`.
    var keys: [String] {
      switch self {
      case .guests: ["name", "state", "cause", "bad", "autostart"]
      case .events: ["guest", "type", "cause", "bad", "notice"]
      }
    }

    fileprivate var all: String { (keys + ["label.KEY"]).joined(separator: ", ") }
  }

  /// - Parameter subject: what is filtered; a key that means nothing for it is refused.
  init(_ filters: [String], of subject: Subject) throws(Failure) {
    for filter in filters {
      let (key, value) = try Flags.pair(filter, "--filter")
      switch (key, subject) {
      case ("name", _), ("guest", _): names.append(value)
      // docker's and podman's word for it.
      case ("state", .guests), ("status", .guests):
        states.append(try Self.known(value, GuestState.allCases.map(\.word), key))
      case ("cause", _): causes.append(try Self.known(value, Self.causeWords, key))
      case ("bad", _): bad.append(try Self.known(value, ["true", "false"], key))
      case ("type", .events): types.append(try Self.known(value, GuestEvent.Kind.allCases.map(\.word), key))
      case ("notice", .events): notices.append(try Self.known(value, GuestEvent.Notice.allCases.map(\.word), key))
      case ("autostart", .guests): autostart.append(try Self.known(value, ["true", "false"], key))
      // `label=env=prod`, as docker and podman have it.
      case ("label", _): labels.append(try Flags.pair(value, "--filter label"))
      case (_, _) where key.hasPrefix("label.") && key.count > "label.".count:
        labels.append((String(key.dropFirst("label.".count)), value))
      case (_, _): throw Self.unknown(key, value, subject)
      }
    }
  }

  private static func unknown(_ key: String, _ value: String, _ subject: Subject) -> Failure {
    let shown = Visible.text(key, limit: 40)
    let hint: String
    switch (key, subject) {
    case ("state", .events), ("autostart", .events):
      hint = "it is of guests, not of events: type=state is every change of state"
    case ("type", .guests), ("notice", .guests): hint = "it is of events, not of guests"
    case (_, _):
      hint =
        nearest(to: key, in: subject.keys).map { "did you mean \($0)=\(Visible.text(value, limit: 40))?" }
        ?? "a label is label.\(shown)=\(Visible.text(value, limit: 40))"
    }
    return .usage("--filter: there is no key \"\(shown)\"; the keys are \(subject.all)", hint: hint)
  }

  var isEmpty: Bool { self == Filter() }

  func matches(_ guest: GuestView) -> Bool {
    holds(names) { Glob.matches(guest.name.value, pattern: $0) }
      && holds(states) { $0 == guest.state.word }
      && holds(guest.last?.ended.headline)
      && holds(autostart) { $0 == (guest.autostart ? "true" : "false") }
      && Dictionary(grouping: labels, by: \.key).allSatisfy { key, wanted in
        wanted.contains { wish in guest.labels.contains { $0.key == key && $0.value == wish.value } }
      }
  }

  func matches(_ event: GuestEvent) -> Bool {
    holds(names) { Glob.matches(event.guest?.value ?? "", pattern: $0) }
      && holds(types) { $0 == event.kind.word }
      && holds(notices) { $0 == event.notice?.word }
      && holds(event.ended?.headline)
      && Dictionary(grouping: labels, by: \.key).allSatisfy { key, wanted in
        wanted.contains { wish in event.labels.contains { $0.key == key && $0.value == wish.value } }
      }
  }

  /// The part of it that the daemon can apply; `matches` has to do the rest.
  var wire: Wire.EventFilter {
    // Only a notice has a code.
    let types = types.isEmpty && !notices.isEmpty ? [GuestEvent.Kind.notice.word] : types
    let single = Dictionary(grouping: labels, by: \.key).values.filter { $0.count == 1 }.flatMap { $0 }
    return Wire.EventFilter(
      guestPattern: names.count == 1 ? names[0] : "",
      types: types.compactMap { word in Wire.EventType.allCases.first { GuestEvent.Kind($0)?.word == word } },
      causes: kinds.compactMap { Wire.EndKind(word: $0) },
      labels: single.prefix(8).map { .init(key: $0.key, value: $0.value) })
  }

  /// For a hook, where only the daemon applies it.
  func events(_ flag: String) throws(Failure) -> Wire.EventFilter {
    if !bad.isEmpty || causes.contains(where: { !EndCause.kinds.contains($0) }) {
      throw .usage(
        "\(flag): the daemon knows kinds of ends only: \(EndCause.kinds.joined(separator: ", "))",
        hint: "the program finds the rest in LODGE_BAD and LODGE_CAUSE_TEXT")
    }
    if !notices.isEmpty {
      throw .usage(
        "\(flag): the daemon selects notices as a whole: type=notice", hint: "the program finds which in LODGE_NOTICE")
    }
    if names.count > 1 { throw .usage("\(flag): one pattern for guests is allowed", hint: "add a hook for each") }
    if Set(labels.map(\.key)).count < labels.count {
      throw .usage("\(flag): a label can have one value", hint: "add a hook for each")
    }
    return wire
  }

  /// A daemon's filter as it would be given.
  static func words(_ filter: Wire.EventFilter) -> [String] {
    (filter.guestPattern.isEmpty ? [] : ["guest=\(filter.guestPattern)"])
      + filter.types.compactMap { GuestEvent.Kind($0).map { "type=\($0.word)" } }
      + filter.causes.compactMap { kind in kind.word.map { "cause=\($0)" } }
      + filter.labels.map { "label.\($0.key)=\($0.value)" }
  }

  private static let causeWords = EndCause.kinds + EndCause.groups.map(\.word)

  /// The kinds that any of the causes can mean.
  private var kinds: [String] {
    causes.flatMap { word in EndCause.groups.first { $0.word == word }?.kinds ?? [word] }
  }

  private func holds(_ headline: EndHeadline?) -> Bool {
    holds(causes) { $0 == headline?.cause.kind || $0 == headline?.cause.group }
      && holds(bad) { word in headline.map { $0.isBad == (word == "true") } ?? false }
  }

  private func holds(_ values: [String], _ test: (String) -> Bool) -> Bool {
    values.isEmpty || values.contains(where: test)
  }

  private static func known(_ value: String, _ words: [String], _ key: String) throws(Failure) -> String {
    if words.contains(value) { return value }
    throw .usage(
      "--filter \(key): expected one of \(words.joined(separator: ", ")), found \"\(Visible.text(value, limit: 40))\"")
  }
}

extension Glob {
  /// Whether a word is a pattern rather than a name.
  static func isPattern(_ text: String) -> Bool { !isPlain(text) }

  static func matches(_ text: String, pattern: String) -> Bool { Glob(pattern).matches(text) }
}
