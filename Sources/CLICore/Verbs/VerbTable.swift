import ArgumentParser
import Guest
import SpecFile

/// All verbs there are, in the order of the overview.
enum VerbTable {
  static let all: [any Verb.Type] = [
    CreateVerb.self, RunVerb.self, ApplyVerb.self, StartVerb.self, StopVerb.self, KillVerb.self, RestartVerb.self,
    RemoveVerb.self,
    ListVerb.self, ShowVerb.self, TopVerb.self, WhyVerb.self, RunsVerb.self, EventsVerb.self, LogsVerb.self,
    WaitVerb.self,
    HostVerb.self, DaemonStatusVerb.self, DaemonClientsVerb.self, DaemonLimitsVerb.self, DaemonTraceVerb.self,
    OnAddVerb.self, OnListVerb.self, OnTestVerb.self, OnRemoveVerb.self, ConvertVerb.self, VersionVerb.self,
    CompletionVerb.self, HelpVerb.self,
  ]

  /// A word that is no verb: answered by what it does elsewhere, or by what it was meant to be.
  private static func unknown(_ word: String, _ words: [String]) -> Failure {
    let message = "there is no verb \"\(Visible.text(word, limit: 40))\""
    // docker container ls, podman pod ps: the second word is the verb.
    if ["container", "domain", "guest", "vm", "machine"].contains(word), let second = words.dropFirst().first,
      let verb = all.first(where: {
        $0.page.words == [second] || $0.page.words.count == 1 && $0.page.aliases.contains(second)
      })
    {
      return .usage(message, hint: "lodge \(verb.page.words[0])")
    }
    if let foreign = ForeignVerb.find(word) { return .usage(message, hint: foreign.answer) }
    // Never towards a verb that ends something: a slip must not become an order by a key and Enter.
    let harmless = all.filter { $0.page.words.count == 1 && !$0.page.isEnding }
    let known = harmless.flatMap { [$0.page.words[0]] + $0.page.aliases } + families.keys.sorted()
    return .usage(
      message, hint: nearest(to: word, in: known).map { "did you mean lodge \($0)?" } ?? "lodge help lists them")
  }

  /// The subject of the verbs of two words.
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
      throw unknown(first, words)
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
