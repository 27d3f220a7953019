import Guest
import WireProtocol

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
  ///
  /// - Parameters:
  ///   - all: every guest, as the pattern `*` does.
  ///   - destroying: the verb, for those after which something is gone; of all guests it is asked for consent.
  func names(
    _ selection: SelectionOptions, all: Bool = false, consent: Bool = false, destroying verb: String? = nil
  ) throws(Failure) -> [String] {
    let filter = try Filter(selection.filters)
    var patterns = selection.guests
    let isEverything = all || patterns.contains("*") || (patterns.isEmpty && !filter.isEmpty)
    if patterns.isEmpty, isEverything { patterns = ["*"] }
    if patterns.isEmpty {
      throw .usage("which guests?", hint: "lodge ls shows them; 'web*' is a pattern, --all is all")
    }

    // Names alone need no question to the daemon.
    if filter.isEmpty, !all, !patterns.contains(where: Glob.isPattern) { return try unique(patterns) }
    let (guests, _) = try guests()
    var names: [String] = []
    for pattern in patterns {
      if !Glob.isPattern(pattern) {
        let found = guests.first { $0.name.value == pattern }
        if found.map(filter.matches) ?? true { names.append(pattern) }
        continue
      }
      let matching = guests.filter { Glob.matches($0.name.value, pattern: pattern) && filter.matches($0) }
      if matching.isEmpty, !isEverything {
        throw Failure(
          .notFound, code: "notFound", "no guest matches '\(Visible.text(pattern, limit: 80))'", hint: "lodge ls")
      }
      names += matching.map(\.name.value)
    }
    names = try unique(names)
    if isEverything, let verb, !consent, !names.isEmpty { try ask(verb, names) }
    return names
  }

  private func ask(_ verb: String, _ names: [String]) throws(Failure) {
    guard console.inputIsTerminal, console.errorIsTerminal else {
      throw .usage("\(verb): of all guests it needs --yes when nobody can be asked")
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
