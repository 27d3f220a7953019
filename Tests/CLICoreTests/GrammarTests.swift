import Guest
import SpecFile
import Testing

@testable import CLICore

/// Every fault of a command line is reported in our own words, in one line, with a hint that works.
@Suite struct GrammarTests {
  /// The answer of `lodge` to a line; nil if it is understood.
  static func failure(_ words: [String]) -> Failure? {
    var line = CommandLineWords(words)
    do throws(Failure) {
      let (verb, taken) = try VerbTable.find(line.words)
      let rest = Habits.translated(
        line.arguments(afterWords: taken, mayStripReadOnly: verb.takesReadOnlySocket), verb: verb.page.name)
      _ = try LodgeProgram.parse(verb, rest)
      return nil
    } catch {
      return error
    }
  }

  private static func failure(_ line: String) -> Failure? { failure(line.split(separator: " ").map(String.init)) }

  @Test(
    arguments: [
      ("stop -x", "stop: there is no option \"-x\"", "usage: lodge stop [OPTION]... [<guest> ...]"),
      ("stop web --al", "stop: there is no option \"--al\"", "did you mean --all?"),
      ("stop web --timeout", "stop: --timeout needs a value: --timeout TIME", nil),
      ("rm --force=yes web", "rm: --force takes no value, found \"yes\"", nil),
      ("ls -o xml", "ls: -o: expected one of table, wide, json, jsonl, yaml, csv, name, found \"xml\"", nil),
      ("runs web --last few", "runs: --last: expected a number, found \"few\"", nil),
      ("wait web --since x", "wait: --since: expected a number, found \"x\"", nil),
      ("version a", "version: it takes no names, found \"a\"", nil),
      ("create", "create: a name is missing", "usage: lodge create [OPTION]... <name> -- [<command> ...]"),
      ("create a b --rootfs /t -- x", "create: one name is enough, found \"b\" too", nil),
      (
        "run web --rootfs /t httpd -f", "run: -- is missing before the command \"httpd\"",
        "lodge run web [OPTION]... -- httpd ..."
      ),
      ("run web /bin/sh -c true", "run: -- is missing before the command \"/bin/sh\"", nil),
      ("run -it web", "run: there is no option \"-it\"", nil), ("on add", "on add: a name is missing", nil),
      ("completion tcsh bash", "completion: one shell is enough, found \"bash\" too", nil),
      ("stop \u{1B}[2J --nope\u{7}", "stop: there is no option \"--nope\\u{7}\"", nil),
    ] as [(String, String, String?)])
  func faultsAreToldInOurWords(line: String, message: String, hint: String?) {
    let failure = Self.failure(line)
    #expect(failure?.message == message)
    #expect(failure?.status == .usage)
    if let hint { #expect(failure?.hint == hint) }
  }

  /// The kind of X5: every verb, with every fault that a grammar can have, in one line and without the library's words.
  @Test func noVerbLetsTheLibrarySpeak() throws {
    for verb in VerbTable.all {
      let grammar = try Grammar(verb)
      var lines = [["--no-such-option"], ["-%"], ["--quiet=yes"], ["-o"], ["-o", "xml"], ["--color", "blue"]]
      for option in grammar.options {
        let name = option.names.last ?? ""
        if option.value == nil { lines.append([name + "=x"]) } else { lines.append([name]) }
        if option.value == "number" { lines.append([name, "x"]) }
      }
      let places = grammar.positionals.filter { !$0.isCommand }
      if places.contains(where: \.isRequired) { lines.append([]) }
      if !places.contains(where: \.isRepeating) { lines.append(["a", "b", "c"]) }
      for line in lines {
        guard Self.isRefused(verb, line) else { continue }
        let found = grammar.fault(in: line)
        #expect(found != nil, "\(verb.page.name) \(line)")
        guard let failure = found else { continue }
        let text = failure.message + (failure.hint ?? "")
        #expect(failure.message.hasPrefix("\(verb.page.name): "), "\(text)")
        for foreign in [
          "USAGE", "OVERVIEW", "\\n", "Please provide", "Unexpected", "missing expected", "is invalid for",
        ] {
          #expect(!text.contains(foreign), "\(verb.page.name) \(line): \(text)")
        }
      }
      #expect(Self.isRefused(verb, ["--no-such-option"]))
    }
  }

  private static func isRefused(_ verb: any Verb.Type, _ arguments: [String]) -> Bool {
    (try? LodgeProgram.parse(verb, arguments)) == nil
  }

  /// A hint never names an option that the verb refuses.
  @Test func hintsNameOnlyOptionsThatThereAre() throws {
    for verb in VerbTable.all {
      let grammar = try Grammar(verb)
      for line in [[], ["--no-such-option"], ["-o", "xml"], ["a", "b", "c", "--x"]] {
        guard let hint = grammar.fault(in: line)?.hint else { continue }
        for word in hint.split(whereSeparator: { " ,;?".contains($0) }) where word.hasPrefix("--") && word.count > 2 {
          #expect(grammar.options.contains { $0.names.contains(String(word)) }, "\(verb.page.name) \(line): \(hint)")
        }
      }
    }
  }

  @Test(
    arguments: [
      "kill -9 web", "kill -HUP web", "kill -SIGTERM web db", "stop -t 5 web", "restart --time 3 web", "ps -a",
      "logs --tail all web", "logs -n all web", "run -e A=b -v /srv:/srv:ro -m 512M --rootfs /t -u 0 -w / -- /x",
      "run --name web --rootfs /t -- /x", "inspect -f {{.Name}} web", "ps --format {{.Names}}",
      "ps -f status=running", "rm -af", "rm -fa", "start -a", "logs -f --tail 10 web", "stop --all --yes",
      "events --since -1h", "why web --run -1", "create x -l a=b --volume /a:/b --rootfs /t -- /x",
    ])
  func whatFingersKnowIsUnderstood(line: String) {
    #expect(Self.failure(line) == nil)
  }

  @Test func aSignalIsOnlyOfKill() {
    #expect(Habits.translated(["-9", "web"], verb: "kill") == ["--signal", "9", "web"])
    #expect(Habits.translated(["-RTMIN+3", "web"], verb: "kill") == ["--signal", "RTMIN+3", "web"])
    #expect(Habits.translated(["-s", "-a", "web"], verb: "kill") == ["-s", "-a", "web"])
    #expect(Habits.translated(["-9", "web"], verb: "stop") == ["-9", "web"])
    #expect(Habits.translated(["x", "--", "-f", "-9"], verb: "show") == ["x", "--", "-f", "-9"])
  }

  /// The kind of X16: every word that another tool has is answered by something that can be typed here, or by the reason
  /// why there is nothing.
  @Test func wordsOfOtherToolsAreAnswered() throws {
    let own = Set(VerbTable.all.flatMap { $0.page.words.prefix(1) + $0.page.aliases })
    var seen: Set<String> = []
    for foreign in ForeignVerb.all {
      for word in foreign.words {
        #expect(!own.contains(word), "\(word) is a verb here")
        #expect(seen.insert(word).inserted, "\(word) is answered twice")
        #expect(Self.failure([word, "web"])?.hint == foreign.answer)
      }
      #expect(foreign.command != nil || !foreign.note.isEmpty, "\(foreign.words)")
      guard let command = foreign.command else { continue }
      for part in command.split(separator: "|") {
        let words = Words.split(part.split(separator: ">")[0].trimmingSpaces)
        #expect(words.first == "lodge")
        #expect(
          Self.failure(Array(words.dropFirst())) == nil, "\(command): \(Self.failure(Array(words.dropFirst())) as Any)")
      }
    }
    for word in [
      "exec", "domstats", "dominfo", "domstate", "edit", "images", "pause", "is-active", "enable", "compose",
    ] {
      #expect(ForeignVerb.find(word) != nil, "\(word)")
    }
  }

  /// A slip of the fingers never becomes a verb that ends something.
  @Test func noSuggestionEndsAnything() {
    let ending = VerbTable.all.filter { $0.page.isEnding }.flatMap { [$0.page.words[0]] + $0.page.aliases }
    #expect(Set(["stop", "kill", "rm", "restart", "reboot", "shutdown", "delete"]).isSubset(of: ending))
    for word in ending {
      for slip in Self.slips(of: word) where VerbTable.all.allSatisfy({ $0.page.words[0] != slip }) {
        let hint = Self.failure([slip])?.hint ?? ""
        guard hint.hasPrefix("did you mean lodge ") else { continue }
        #expect(!ending.contains(String(hint.dropFirst("did you mean lodge ".count).dropLast())), "\(slip): \(hint)")
      }
    }
    #expect(Self.failure("strat web")?.hint == "did you mean lodge start?")
    #expect(Self.failure("domstats")?.hint?.hasPrefix("lodge top GUEST") == true)
  }

  private static func slips(of word: String) -> [String] {
    let characters = Array(word)
    return characters.indices.flatMap { index -> [String] in
      var less = characters
      less.remove(at: index)
      var swapped = characters
      if index > 0 { swapped.swapAt(index, index - 1) }
      var other = characters
      other[index] = "x"
      return [less, swapped, other].map { String($0) }
    }.filter { $0 != word && !$0.isEmpty }
  }
}

/// Words as a shell makes them, of single quotes and double quotes.
enum Words {
  static func split(_ command: String) -> [String] {
    var words: [String] = []
    var word = ""
    var quote: Character?
    for character in command {
      if character == quote {
        quote = nil
      } else if quote == nil, character == "'" || character == "\"" {
        quote = character
      } else if character == " ", quote == nil {
        if !word.isEmpty { words.append(word) }
        word = ""
      } else {
        word.append(character)
      }
    }
    return word.isEmpty ? words : words + [word]
  }
}

extension Substring {
  var trimmingSpaces: String {
    var text = self
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}

@Suite struct TemplateTests {
  private func line(_ template: String) throws -> String { try Template(template).line(Samples.web.json) }

  @Test(arguments: [
    ("{{.name}}", "web"), ("{{.Name}}", "web"), ("{{.Names}} is {{.State}}", "web is running"),
    ("{{.last.cause.kind}}", "oom"), ("{{json .labels}}", "{\"env\":\"prod\",\"tier\":\"1\"}"),
    ("{{.labels.env}}\\t{{.initPid}}\\n", "prod\t4242\n"), ("table {{.name}}", "web"), ("{{ .restart }}|", "|"),
    ("{{.restart.in}}|", "|"), ("{{.last.cause.code}}|{{.Message}}|", "||"),
    ("{{.last.usage}}", "{\"memoryPeak\":536870912,\"memoryLimit\":536870912,\"cpuTime\":4.2}"),
  ])
  func fieldsAreFilledIn(template: String, expected: String) throws {
    #expect(try line(template) == expected)
  }

  @Test(arguments: ["json", "{{.nope}}", "{{.name", "{{name}}", "{{.name.first}}", "{{range .}}", "{{}}"])
  func whatIsNoTemplateIsRefused(template: String) {
    let failure = #expect(throws: Failure.self) { try line(template) }
    #expect(failure?.status == .usage)
    #expect(failure?.message.hasPrefix("--format") == true)
  }
}
