import Guest
import WireProtocol

/// The part of a group of guests that a verb takes.
struct Choice {
  /// For questions: `stop`.
  var verb = ""
  /// Of a group it takes the guests in these states; a guest that is named it takes in any.
  var states = Set(GuestState.allCases)
  /// Something is gone afterwards: `--all` asks first.
  var isEnding = false
  /// There is an option `--all`.
  var hasAll = false
}

/// The guests that a verb is to work on.
struct Chosen {
  var names: [String] = []
  /// Those of a group that it does not concern, as they are.
  var others: [GuestView] = []

  /// A note where the whole group was not concerned: `nothing to stop: 18 guests are stopped`.
  func nothing(to verb: String) -> String? {
    guard names.isEmpty else { return nil }
    if others.isEmpty { return "nothing to \(verb): there are no guests" }
    let census = GuestState.allCases.compactMap { state in
      let count = others.count { $0.state == state }
      return count == 0 ? nil : "\(count) guest\(count == 1 ? " is" : "s are") \(state.word)"
    }
    return "nothing to \(verb): \(census.joined(separator: ", "))"
  }
}

extension Context {
  /// Every guest there is, page by page; and the journal's newest number when the last page was true.
  func guests(pattern: String = "", timeout: UInt64? = nil) throws(Failure) -> (guests: [GuestView], sequence: UInt64) {
    var guests: [GuestView] = []
    var after = ""
    while true {
      let page = try call(
        Admin.GuestList.self, .init(after: after, pattern: pattern, labels: [], limit: 0), "list guests",
        timeout: timeout)
      for summary in page.guests { guests.append(try view(summary)) }
      guard page.more, let last = page.guests.last else { return (guests, page.sequence) }
      after = last.name
    }
  }

  func view(_ summary: Wire.GuestSummary) throws(Failure) -> GuestView {
    do throws(GuestError) {
      return try GuestView(summary)
    } catch {
      throw Failure(error)
    }
  }

  /// The guests that were named, without repetition, in their order; patterns give what matches, sorted.
  func names(_ selection: SelectionOptions) throws(Failure) -> [String] {
    try select(selection, Choice()).names
  }

  /// The guests that a verb is for.
  ///
  /// - Parameters:
  ///   - all: every guest, as the pattern `*` does.
  ///   - consent: `--yes`.
  func select(
    _ selection: SelectionOptions, _ choice: Choice, all: Bool = false, consent: Bool = false
  ) throws(Failure) -> Chosen {
    let filter = try Filter(selection.filters, of: .guests)
    let isEverything = all || selection.guests.contains("*")
    let patterns = isEverything || selection.guests.isEmpty && !filter.isEmpty ? ["*"] : selection.guests
    if patterns.isEmpty {
      throw .usage(
        "which guests?", hint: "lodge ls shows them; 'web*' is a pattern" + (choice.hasAll ? ", --all is all" : ""))
    }
    // Names alone need no question to the daemon.
    if filter.isEmpty, !patterns.contains(where: Glob.isPattern) { return Chosen(names: try unique(patterns)) }
    let (guests, _) = try guests()
    var chosen = Chosen()
    for pattern in patterns {
      let matching = guests.filter { guest in
        Glob.isPattern(pattern) ? Glob.matches(guest.name.value, pattern: pattern) : guest.name.value == pattern
      }
      // A name that was typed is one that was meant: its state makes no difference, and neither that it is not there.
      if !Glob.isPattern(pattern) {
        if matching.isEmpty || matching.contains(where: filter.matches) { chosen.names.append(pattern) }
        continue
      }
      let wanted = matching.filter(filter.matches)
      if wanted.isEmpty, !isEverything || !filter.isEmpty { throw noMatch(pattern, selection) }
      let concerned = wanted.filter { choice.states.contains($0.state) }
      chosen.names += concerned.map(\.name.value)
      chosen.others += wanted.filter { !choice.states.contains($0.state) }
    }
    if chosen.names.isEmpty, chosen.others.isEmpty, !isEverything { throw noMatch(patterns[0], selection) }
    chosen.names = try unique(chosen.names)
    if isEverything, choice.isEnding, !consent, !chosen.names.isEmpty { try ask(choice.verb, chosen.names) }
    return chosen
  }

  private func noMatch(_ pattern: String, _ selection: SelectionOptions) -> Failure {
    let filters = selection.filters.map { "--filter \($0)" }
    let shown = (pattern == "*" && !filters.isEmpty ? [] : ["'\(pattern)'"]) + filters
    return Failure(
      .notFound, code: "notFound", "no guest matches \(Visible.text(shown.joined(separator: " "), limit: 200))",
      hint: "lodge ls")
  }

  private func ask(_ verb: String, _ names: [String]) throws(Failure) {
    guard console.inputIsTerminal, console.errorIsTerminal else {
      throw .usage("\(verb): --all needs --yes without a terminal")
    }
    let shown = names.prefix(5).joined(separator: ", ") + (names.count > 5 ? " and \(names.count - 5) more" : "")
    guard console.confirm("\(verb) \(shown)?") else {
      throw Failure(.failed, code: "cancelled", "\(verb): nothing was done")
    }
  }

  private func unique(_ names: [String]) throws(Failure) -> [String] {
    var seen: Set<String> = []
    var result: [String] = []
    for name in names where seen.insert(name).inserted {
      // Refused here as the daemon would: its wire has no room for a longer name.
      do throws(GuestError) { _ = try GuestName(name) } catch { throw Failure(error) }
      result.append(name)
    }
    return result
  }
}
