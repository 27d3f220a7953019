import Guest
import GuestWire
import WireProtocol

/// `--filter`: different keys must all hold; of one key given several times, one.
struct Filter: Equatable {
  var names: [String] = []
  var states: [String] = []
  var causes: [String] = []
  var types: [String] = []
  var autostart: [String] = []
  var labels: [(key: String, value: String)] = []

  static func == (left: Filter, right: Filter) -> Bool {
    left.names == right.names && left.states == right.states && left.causes == right.causes
      && left.types == right.types && left.autostart == right.autostart
      && left.labels.map(\.key) == right.labels.map(\.key) && left.labels.map(\.value) == right.labels.map(\.value)
  }

  init() {}

  /// Keys that are not labels; `label.state=x` reaches a label of that name.
  init(_ filters: [String]) throws(Failure) {
    for filter in filters {
      let (key, value) = try Flags.pair(filter, "--filter")
      switch key {
      case "name", "guest": names.append(value)
      case "state": states.append(try Self.known(value, GuestState.allCases.map(\.word), key))
      case "cause": causes.append(try Self.known(value, EndKinds.words, key))
      case "type": types.append(try Self.known(value, GuestEvent.Kind.allCases.map(\.word), key))
      case "autostart": autostart.append(try Self.known(value, ["true", "false"], key))
      case _ where key.hasPrefix("label."): labels.append((String(key.dropFirst("label.".count)), value))
      default: labels.append((key, value))
      }
    }
  }

  var isEmpty: Bool { self == Filter() }

  func matches(_ guest: GuestView) -> Bool {
    holds(names) { Glob.matches(guest.name.value, pattern: $0) }
      && holds(states) { $0 == guest.state.word }
      && holds(causes) { $0 == guest.last?.ended.cause.kind }
      && holds(autostart) { $0 == (guest.autostart ? "true" : "false") }
      && Dictionary(grouping: labels, by: \.key).allSatisfy { key, wanted in
        wanted.contains { wish in guest.labels.contains { $0.key == key && $0.value == wish.value } }
      }
  }

  func matches(_ event: GuestEvent) -> Bool {
    holds(names) { Glob.matches(event.guest?.value ?? "", pattern: $0) }
      && holds(types) { $0 == event.kind.word }
      && holds(causes) { $0 == event.ended?.cause.kind }
      && Dictionary(grouping: labels, by: \.key).allSatisfy { key, wanted in
        wanted.contains { wish in event.labels.contains { $0.key == key && $0.value == wish.value } }
      }
  }

  /// The part of it that the daemon can apply; `matches` has to do the rest.
  var wire: Wire.EventFilter {
    let single = Dictionary(grouping: labels, by: \.key).values.filter { $0.count == 1 }.flatMap { $0 }
    return Wire.EventFilter(
      guestPattern: names.count == 1 ? names[0] : "",
      types: types.compactMap { word in Wire.EventType.allCases.first { GuestEvent.Kind($0)?.word == word } },
      causes: causes.compactMap { word in EndKinds.words.firstIndex(of: word).map { Wire.EndKind.allCases[$0] } },
      labels: single.prefix(8).map { .init(key: $0.key, value: $0.value) })
  }

  /// For a hook, where nobody but the daemon applies it.
  func events(_ flag: String) throws(Failure) -> Wire.EventFilter {
    if !states.isEmpty || !autostart.isEmpty {
      throw .usage(
        "\(flag): state and autostart are of guests, not of events", hint: "type=state is every change of state")
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
      + filter.causes.compactMap { kind in
        Wire.EndKind.allCases.firstIndex(of: kind).map { "cause=\(EndKinds.words[$0])" }
      }
      + filter.labels.map { "\($0.key)=\($0.value)" }
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

/// The words of `EndCause.kind`, in the order of the protocol's numbers.
enum EndKinds {
  static let words = [
    "exited", "signaled", "oom", "reboot", "halt", "powerOff", "stopped", "startFailed", "controllerLost", "hostReset",
  ]
}

extension Glob {
  /// Whether a word is a pattern rather than a name.
  static func isPattern(_ text: String) -> Bool { !isPlain(text) }

  static func matches(_ text: String, pattern: String) -> Bool { Glob(pattern).matches(text) }
}
