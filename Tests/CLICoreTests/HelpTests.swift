import Foundation
import Testing

@testable import CLICore

@Suite struct HelpTests {
  @Test func everyVerbHasThreeExamplesThatItTakes() throws {
    for verb in VerbTable.all {
      let page = verb.page
      #expect(page.examples.count == 3, "\(page.name)")
      #expect(page.abstract.first?.isUppercase == true && !page.abstract.hasSuffix("."), "\(page.name)")
      for example in page.examples {
        let words = split(example.command)
        #expect(words.first == "lodge")
        var line = CommandLineWords(Array(words.dropFirst()))
        let (found, taken) = try VerbTable.find(line.words)
        #expect(found.page.name == page.name, "\(example.command)")
        _ = try LodgeProgram.parse(found, line.arguments(afterWords: taken, mayStripReadOnly: true))
      }
    }
  }

  /// Words as a shell makes them, of the quotes that the examples have.
  private func split(_ command: String) -> [String] {
    var words: [String] = []
    var word = ""
    var isQuoted = false
    for character in command {
      if character == "'" {
        isQuoted.toggle()
      } else if character == " ", !isQuoted {
        words.append(word)
        word = ""
      } else {
        word.append(character)
      }
    }
    return words + [word]
  }

  @Test func theOverviewHasEveryVerb() throws {
    try expectGolden(HelpText.overview(), "help.txt")
  }

  /// `docs/coming-from.md` is the table of foreign verbs, and every line of it is understood.
  @Test func thePageForNewcomersIsItsTable() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("docs/coming-from.md")
    if ProcessInfo.processInfo.environment["LODGE_UPDATE_GOLDEN"] == "1" {
      try ComingFrom.markdown.write(to: file, atomically: true, encoding: .utf8)
    } else {
      #expect(try String(contentsOf: file, encoding: .utf8) == ComingFrom.markdown)
    }
    for command in ComingFrom.commands {
      let words = Words.split(command)
      #expect(words.first == "lodge")
      #expect(GrammarTests.failure(Array(words.dropFirst())) == nil, "\(command)")
    }
  }

  /// `docs/cli.md` is the help of every verb. With LODGE_UPDATE_GOLDEN=1 it is brought up to date.
  @Test func thePageIsTheHelp() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("docs/cli.md")
    let page = ReferencePage.markdown
    if ProcessInfo.processInfo.environment["LODGE_UPDATE_GOLDEN"] == "1" {
      try page.write(to: file, atomically: true, encoding: .utf8)
    } else {
      #expect(try String(contentsOf: file, encoding: .utf8) == page)
    }
  }

  @Test func manPagesTellEveryOption() throws {
    let tree = try ToolInfo.everything()
    let stop = try #require(tree.find(["stop"]))
    let page = ManPages.page("lodge-stop", StopVerb.self, stop)
    #expect(page.contains(".TH LODGE\\-STOP 1"))
    #expect(page.contains(".B \\-s, \\-\\-signal signal\n"))
    #expect(page.contains("lodge stop [OPTION]... [<guest> ...]"))
    #expect(page.contains(".SH EXAMPLES"))
    #expect(page.contains(".B \\-\\-read\\-only\n"))
    #expect(page.contains("One of table, wide, json"))
    #expect(ManPages.family("on").contains(".BR lodge\\-on\\-add (1)\n"))
    for verb in VerbTable.all { #expect(tree.find(verb.page.words) != nil, "\(verb.page.name)") }
    #expect(ManPages.spec().contains(".B limits.memory\n"))
  }
}
