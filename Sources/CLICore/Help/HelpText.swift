import ArgumentParser
import SpecFile

/// The texts of `lodge help`.
enum HelpText {
  /// `lodge help`.
  static func overview(_ screen: Screen = .page) -> String {
    var lines = screen.lines("lodge supervises guests (containers) on this host.")
    lines.append("")
    lines += screen.lines(
      "lodge [-c URI] [-o FORMAT] [-q] [--filter K=V] [--timeout T] [--color WHEN] VERB [GUEST|GLOB]... [OPTION]...",
      beside: "usage:", indent: 7)
    lines.append("")
    for group in VerbPage.Group.allCases {
      lines.append(screen.style(.bold, group.rawValue))
      for entry in entries(group) {
        lines += screen.lines(entry.abstract, beside: "  \(entry.word)", indent: 15)
      }
      lines.append("")
    }
    lines += screen.lines(
      "lodge help VERB explains one, with examples; lodge help \(topics.keys.sorted().joined(separator: "|")) the rest."
    )
    lines += screen.lines("A first guest: lodge run hello --rootfs DIR --overlay --rm -- /bin/echo hello")
    return lines.map { $0 + "\n" }.joined()
  }

  /// The words of a group, families as one.
  private static func entries(_ group: VerbPage.Group) -> [(word: String, abstract: String)] {
    var entries: [(word: String, abstract: String)] = []
    for verb in VerbTable.all where verb.page.group == group {
      let page = verb.page
      if page.words.count == 1 {
        entries.append((page.words[0], page.abstract))
      } else if !entries.contains(where: { $0.word == page.words[0] }) {
        let members = VerbTable.all.filter { $0.page.words.count == 2 && $0.page.words[0] == page.words[0] }
        let words = members.map { $0.page.words[1] }.joined(separator: ", ")
        entries.append((page.words[0], "\(VerbTable.families[page.words[0]] ?? ""): \(words)"))
      }
    }
    return entries
  }

  /// `lodge help VERB`.
  static func page(of verb: any Verb.Type, _ screen: Screen = .page) -> String {
    let page = verb.page
    var lines = screen.lines("lodge \(page.name): \(page.abstract)")
    if !page.aliases.isEmpty { lines += screen.lines("also known as: \(page.aliases.joined(separator: ", "))") }
    return lines.map { $0 + "\n" }.joined() + "\n" + body(of: verb, screen) + "\nEXAMPLES:\n" + examples(page, screen)
  }

  /// Usage, discussion and options, as the argument library lays them out, in the order in which one reads: what is
  /// particular before what is common.
  private static func body(of verb: any Verb.Type, _ screen: Screen) -> String {
    var page = screen
    page.width = min(max(screen.width ?? 100, 50), 100)
    let message = CommandTree.helpMessage(for: verb, columns: page.width)
    var sections: [[Substring]] = [[]]
    for line in message.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.isEmpty { sections.append([]) } else { sections[sections.count - 1].append(line) }
    }
    // The abstract stands above already, and the help of the help is of no help.
    sections.removeAll { $0.isEmpty || $0[0].hasPrefix("OVERVIEW: ") || $0[0].hasPrefix("  See ") }
    let common = sections.filter { $0[0] == "OPTIONS OF EVERY VERB:" }
    sections.removeAll { $0[0] == "OPTIONS OF EVERY VERB:" }
    // Of create and run it is an option of their own.
    let isTaken = !verb.takesReadOnlySocket
    sections += common.map { section in
      isTaken
        ? section
        : section
          + page.lines(
            "Use the read-only socket, over which nothing can be changed.", beside: "  --read-only", indent: 26
          ).map { Substring($0) }
    }
    return sections.map { section in
      if section[0].hasPrefix("USAGE: ") {
        let words = section.map { $0.drop { $0 == " " } }.joined(separator: " ")
        return screen.lines(usage(words), beside: "USAGE:", indent: 7).map { $0 + "\n" }.joined()
      }
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

  static func examples(_ page: VerbPage, _ screen: Screen) -> String {
    page.examples.map { example in
      // A command stays whole, so that it can be copied.
      (["  \(example.command)"] + screen.lines(example.meaning, indent: 6)).map { $0 + "\n" }.joined()
    }.joined()
  }

  /// Topics that are no verbs.
  static let topics: [String: @Sendable (Screen) -> String] = [
    "spec": spec, "json": json, "formats": formats, "exit-codes": exitCodes,
  ]

  @Sendable static func spec(_ screen: Screen) -> String {
    var lines = screen.lines("A spec file is YAML, or JSON. The shortest:")
    lines += ["", "  rootfs: /srv/trees/web", "  command: [/bin/httpd, -f]", ""]
    lines += screen.lines(
      "Sizes are bytes or have a unit (512M, 1.5G), durations seconds or with units (10s, 1h30m, 250ms).")
    lines += screen.lines(
      """
      Editors with yaml-language-server check it by this line at its top: \
      # yaml-language-server: $schema=/usr/share/lodge/schema/guest-spec.schema.json
      """)
    lines.append("")
    for row in GuestSpecFile.reference { lines += Self.lines(row, screen) }
    return lines.map { $0 + "\n" }.joined()
  }

  /// `lodge help spec KEY`: the key and those below it; nil if there is none of that name.
  static func spec(_ key: String, _ screen: Screen) -> String? {
    let rows = GuestSpecFile.reference.filter {
      $0.path == key || $0.path.hasPrefix(key + ".") || $0.path.hasPrefix(key + "[")
    }
    return rows.isEmpty ? nil : rows.flatMap { lines($0, screen) }.map { $0 + "\n" }.joined()
  }

  private static func lines(_ row: ReferenceRow, _ screen: Screen) -> [String] {
    let value = row.allowed.isEmpty ? row.type : "\(row.type): \(row.allowed)"
    let standard = row.defaultText.isEmpty ? "" : " (default: \(row.defaultText))"
    return [row.path] + screen.lines(row.meaning, indent: 4) + screen.lines(value + standard, indent: 4)
  }

  @Sendable static func formats(_ screen: Screen) -> String {
    let rows = [
      ("-o table", "columns for people (the default); -o wide shows more of them"),
      ("-o json", "one JSON object: schemaVersion, and the results in a list"),
      ("-o jsonl", "one JSON object a line, as soon as it is known"),
      ("-o yaml", "the same as json, as YAML"),
      ("-o csv", "RFC 4180, with a line of names first"),
      ("-o name", "names only; so does -q for ls, runs and on ls"),
    ]
    var lines = rows.flatMap { screen.lines($0.1, beside: $0.0, indent: 11) }
    lines.append("")
    let paragraphs = [
      """
      In JSON, YAML and CSV sizes are bytes, durations seconds, and times RFC 3339 in UTC. Names of fields do not change \
      within a schemaVersion; new ones may come. With -o json an error is one JSON object on standard error, with code, \
      message and hint. lodge help json lists every field.
      """,
      """
      On a terminal tables are fitted to its width: the least important columns are left out first, and long texts end \
      with an ellipsis. Times are in the zone of this machine, which is named, or with --utc in UTC. In a pipe or a file \
      nothing is left out or cut off, and times are UTC.
      """,
      "NO_COLOR, CLICOLOR_FORCE and TERM=dumb are honoured; --color wins over them.",
    ]
    for paragraph in paragraphs { lines += screen.lines(paragraph) }
    return lines.map { $0 + "\n" }.joined()
  }

  @Sendable static func exitCodes(_ screen: Screen) -> String {
    var lines = ExitStatus.meanings.flatMap { status, meaning in
      let code = "\(status.rawValue)"
      return screen.lines(meaning, beside: String(repeating: " ", count: 3 - code.count) + code, indent: 5)
    }
    lines.append("")
    lines += screen.lines(
      """
      run and wait exit with the guest's own code, 128+n if it was ended by signal n, 127 if its command is not there, \
      126 if that cannot be executed, and 125 where there is no code of its own.
      """)
    return lines.map { $0 + "\n" }.joined()
  }
}
