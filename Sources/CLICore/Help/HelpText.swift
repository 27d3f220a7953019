import ArgumentParser
import SpecFile

/// What `lodge help` prints.
enum HelpText {
  /// `lodge` alone.
  static func overview(style: Style) -> String {
    var text = """
      lodge supervises guests (containers) on this host.

      usage: lodge [-c URI] [-o FORMAT] [-q] [--filter K=V] [--timeout T] [--color WHEN] VERB [GUEST|GLOB]... [OPTION]...


      """
    for group in VerbPage.Group.allCases {
      text += style(.bold, group.rawValue) + "\n"
      var families: Set<String> = []
      for verb in VerbTable.all where verb.page.group == group {
        let page = verb.page
        if page.words.count == 1 {
          text += "  \(TextTable.padded(page.words[0], to: 11))  \(page.abstract)\n"
        } else if families.insert(page.words[0]).inserted {
          let members = VerbTable.all.filter { $0.page.words.count == 2 && $0.page.words[0] == page.words[0] }
          let words = members.map { $0.page.words[1] }.joined(separator: ", ")
          let what = page.words[0] == "on" ? "Hooks: programs that the daemon runs at events" : "The daemon itself"
          text += "  \(TextTable.padded(page.words[0], to: 11))  \(what): \(words)\n"
        }
      }
      text += "\n"
    }
    return text + """
      lodge help VERB explains one, with examples; lodge help spec|formats|exit-codes the rest.
      A first guest: lodge run hello --rootfs DIR --overlay --rm -- /bin/echo hello

      """
  }

  /// `lodge help VERB`.
  static func page(of verb: any Verb.Type) -> String {
    let page = verb.page
    var text = "lodge \(page.name): \(page.abstract)\n"
    if !page.aliases.isEmpty { text += "also known as: \(page.aliases.joined(separator: ", "))\n" }
    text += "\n" + body(of: verb)
    text += "\nEXAMPLES:\n" + examples(page)
    return text
  }

  /// Usage, discussion and options, as the argument library lays them out, in the order in which one reads: what is
  /// particular before what is common.
  private static func body(of verb: any Verb.Type) -> String {
    let message = CommandTree.helpMessage(for: verb, columns: 100)
    var sections: [[Substring]] = [[]]
    for line in message.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.isEmpty { sections.append([]) } else { sections[sections.count - 1].append(line) }
    }
    // The abstract stands above already, and the help of the help is of no help.
    sections.removeAll { $0.isEmpty || $0[0].hasPrefix("OVERVIEW: ") || $0[0].hasPrefix("  See ") }
    let common = sections.filter { $0[0] == "OPTIONS OF EVERY VERB:" }
    sections.removeAll { $0[0] == "OPTIONS OF EVERY VERB:" }
    // Of create and run it is an option of their own.
    let isTaken = verb == CreateVerb.self || verb == RunVerb.self
    sections += common.map { section in
      isTaken
        ? section
        : section + ["  --read-only             Use the read-only socket, over which nothing can be changed."]
    }
    return sections.map { section in
      if section[0].hasPrefix("USAGE: ") { return "USAGE: \(usage(section.joined(separator: " ")))\n" }
      return section.joined(separator: "\n") + "\n"
    }.joined(separator: "\n")
  }

  /// The usage line without the options that may be left out: `lodge create [OPTION]... <name>`.
  static func usage(_ line: String) -> String {
    var words: [String] = []
    var depth = 0
    var word = ""
    for character in line.hasPrefix("USAGE: ") ? line.dropFirst("USAGE: ".count) : line[...] {
      if character == " ", depth == 0 {
        words.append(word)
        word = ""
        continue
      }
      if character == "[" { depth += 1 }
      if character == "]" { depth -= 1 }
      word.append(character)
    }
    words.append(word)
    words.removeAll { $0 == "[<options>]" || $0.hasPrefix("[-") && !$0.hasPrefix("[-- ") || $0.isEmpty }
    let verb = words.prefix { !$0.hasPrefix("<") && !$0.hasPrefix("[") && !$0.hasPrefix("-") }
    return (verb + ["[OPTION]..."] + words.dropFirst(verb.count)).joined(separator: " ")
  }

  static func examples(_ page: VerbPage) -> String {
    page.examples.map { "  \($0.command)\n      \($0.meaning)\n" }.joined()
  }

  /// Topics that are no verbs.
  static let topics: [String: @Sendable () -> String] = ["spec": spec, "formats": formats, "exit-codes": exitCodes]

  @Sendable static func spec() -> String {
    var text = """
      A spec file is YAML, or JSON. The shortest:

        rootfs: /srv/trees/web
        command: [/bin/httpd, -f]

      Sizes are bytes or have a unit (512M, 1.5G), durations seconds or with units (10s, 1h30m, 250ms).


      """
    for row in GuestSpecFile.reference {
      let value = row.allowed.isEmpty ? row.type : "\(row.type): \(row.allowed)"
      let standard = row.defaultText.isEmpty ? "" : " (default: \(row.defaultText))"
      text += "\(row.path)\n    \(row.meaning)\n    \(value)\(standard)\n"
    }
    return text
  }

  @Sendable static func formats() -> String {
    """
    -o table   columns for people (the default); -o wide shows more of them
    -o json    one JSON object: schemaVersion, and the results in a list
    -o jsonl   one JSON object a line, as soon as it is known
    -o yaml    the same as json, as YAML
    -o csv     RFC 4180, with a line of names first
    -o name    names only; so does -q for ls, runs and on ls

    In JSON, YAML and CSV sizes are bytes, durations seconds, and times RFC 3339 in UTC. Names of fields do not change
    within a schemaVersion; new ones may come. With -o json an error is one JSON object on standard error, with code,
    message and hint.
    NO_COLOR, CLICOLOR_FORCE and TERM=dumb are honoured; --color wins over them.

    """
  }

  @Sendable static func exitCodes() -> String {
    let rows = ExitStatus.meanings.map { ["\($0.rawValue)", $1] }
    return TextTable.lines(titles: [], alignments: [.right], rows: rows).map { $0 + "\n" }.joined()
      + """

      run and wait exit with the guest's own code, 128+n if it was ended by signal n, 127 if its command is not there,
      126 if that cannot be executed, and 125 where there is no code of its own.

      """
  }
}
