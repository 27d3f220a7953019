import ArgumentParser
import Guest
import SpecFile

/// All verbs there are, in the order of the overview.
enum VerbTable {
  static let all: [any Verb.Type] = [
    CreateVerb.self, RunVerb.self, StartVerb.self, StopVerb.self, KillVerb.self, RestartVerb.self, RemoveVerb.self,
    ListVerb.self, ShowVerb.self, WhyVerb.self, RunsVerb.self, EventsVerb.self, LogsVerb.self, WaitVerb.self,
    HostVerb.self, DaemonStatusVerb.self, DaemonClientsVerb.self, DaemonLimitsVerb.self, DaemonTraceVerb.self,
    OnAddVerb.self, OnListVerb.self, OnRemoveVerb.self, VersionVerb.self, CompletionVerb.self, HelpVerb.self,
  ]

  /// What the verbs of two words are about.
  static let families = ["daemon": "The daemon itself", "on": "Hooks: programs that the daemon runs at events"]

  /// Verbs whose second word may be left out.
  private static let defaults = ["daemon": "status", "on": "ls"]

  /// The verb that these words begin with, and how many of them it takes.
  static func find(_ words: [String]) throws(Failure) -> (verb: any Verb.Type, taken: Int) {
    guard let first = words.first else { throw .usage("which verb?", hint: "lodge help lists them") }
    if first == "destroy" {
      throw .usage(
        "destroy means two things: for virsh to end a guest at once, for others to delete it",
        hint: "lodge kill GUEST ends it at once and keeps it; lodge rm GUEST deletes it")
    }
    for verb in all where verb.page.words.count == 1 {
      if verb.page.words[0] == first || verb.page.aliases.contains(first) { return (verb, 1) }
    }
    let family = all.filter { $0.page.words.count == 2 && $0.page.words[0] == first }
    guard !family.isEmpty else {
      let known = all.flatMap { [$0.page.words[0]] + $0.page.aliases }
      let suggestion = nearest(to: first, in: known)
      throw .usage(
        "there is no verb \"\(Visible.text(first, limit: 40))\"",
        hint: suggestion.map { "did you mean lodge \($0)?" } ?? "lodge help lists them")
    }
    let second = words.dropFirst().first { !$0.hasPrefix("-") }
    if let second, let verb = family.first(where: { $0.page.words[1] == second || $0.page.aliases.contains(second) }) {
      return (verb, 2)
    }
    if second == nil, let word = defaults[first], let verb = family.first(where: { $0.page.words[1] == word }) {
      return (verb, 1)
    }
    let seconds = family.map { $0.page.words[1] }
    throw .usage(
      "\(first): there is no \"\(Visible.text(second ?? "", limit: 40))\"",
      hint: "it is one of \(seconds.map { "lodge \(first) \($0)" }.joined(separator: ", "))")
  }
}

/// Every example of the help, for tests that run them.
public enum HelpExamples {
  public static var all: [(verb: String, examples: [Example])] {
    VerbTable.all.map { ($0.page.name, $0.page.examples) }
  }
}
