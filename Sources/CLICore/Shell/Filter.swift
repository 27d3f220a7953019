import Guest

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

  private func holds(_ values: [String], _ test: (String) -> Bool) -> Bool {
    values.isEmpty || values.contains(where: test)
  }

  private static func known(_ value: String, _ words: [String], _ key: String) throws(Failure) -> String {
    if words.contains(value) { return value }
    throw .usage(
      "--filter \(key): expected one of \(words.joined(separator: ", ")), found \"\(Visible.text(value, limit: 40))\"")
  }
}

/// The words of `EndCause.kind`.
enum EndKinds {
  static let words = [
    "exited", "signaled", "oom", "reboot", "halt", "powerOff", "stopped", "startFailed", "controllerLost", "hostReset",
  ]
}

/// Patterns of glob(7) over names.
enum Glob {
  static func isPattern(_ text: String) -> Bool { text.utf8.contains { [0x2A, 0x3F, 0x5B].contains($0) } }

  /// `*` is any text, `?` any character, `[a-z]` and `[!a-z]` one of a set, `\` takes the next character as it is.
  static func matches(_ text: String, pattern: String) -> Bool {
    matches(Array(text.utf8)[...], Array(pattern.utf8)[...])
  }

  private static func matches(_ text: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
    var text = text
    var pattern = pattern
    // Where to go on when what follows the last star does not match: one character further.
    var retry: (text: ArraySlice<UInt8>, pattern: ArraySlice<UInt8>)?
    while true {
      if pattern.first == UInt8(ascii: "*") {
        pattern = pattern.dropFirst()
        retry = (text, pattern)
        continue
      }
      if let byte = text.first, let rest = one(byte, pattern) {
        text = text.dropFirst()
        pattern = rest
        continue
      }
      if text.isEmpty, pattern.isEmpty { return true }
      guard let again = retry, !again.text.isEmpty else { return false }
      retry = (again.text.dropFirst(), again.pattern)
      text = again.text.dropFirst()
      pattern = again.pattern
    }
  }

  /// The pattern after its first element, if that element matches `byte`.
  private static func one(_ byte: UInt8, _ pattern: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    switch pattern.first {
    case nil: return nil
    case UInt8(ascii: "?"): return pattern.dropFirst()
    case UInt8(ascii: "\\"):
      let rest = pattern.dropFirst()
      return rest.first == byte ? rest.dropFirst() : nil
    case UInt8(ascii: "["):
      // Without its end, a bracket is a character like others.
      guard let (isMember, rest) = set(byte, pattern.dropFirst()) else {
        return byte == UInt8(ascii: "[") ? pattern.dropFirst() : nil
      }
      return isMember ? rest : nil
    case let literal: return literal == byte ? pattern.dropFirst() : nil
    }
  }

  /// Whether the set that begins here has `byte`, and what comes after it; nil if it does not end.
  private static func set(_ byte: UInt8, _ pattern: ArraySlice<UInt8>) -> (Bool, ArraySlice<UInt8>)? {
    var rest = pattern
    let isNegated = rest.first == UInt8(ascii: "!") || rest.first == UInt8(ascii: "^")
    if isNegated { rest = rest.dropFirst() }
    var isMember = false
    var isFirst = true
    while let low = rest.first, isFirst || low != UInt8(ascii: "]") {
      isFirst = false
      rest = rest.dropFirst()
      var high = low
      if rest.first == UInt8(ascii: "-"), let end = rest.dropFirst().first, end != UInt8(ascii: "]") {
        high = end
        rest = rest.dropFirst(2)
      }
      if low <= byte, byte <= high { isMember = true }
    }
    guard rest.first == UInt8(ascii: "]") else { return nil }
    return (isMember != isNegated, rest.dropFirst())
  }
}
