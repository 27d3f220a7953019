import ArgumentParser
import Guest
import LinuxSystem
import SpecFile

/// Man pages, in man(7), made from the same tables as the help.
enum ManPages {
  static func write(into folder: String, _ console: Console) -> ExitStatus {
    do {
      try Files.makeDirectories(folder)
      var pages = [("lodge.1", main()), ("lodge-spec.5", spec())]
      let tree = try ToolInfo.everything()
      for verb in VerbTable.all {
        let name = "lodge-\(verb.page.words.joined(separator: "-"))"
        guard let command = tree.find(verb.page.words) else { continue }
        pages.append(("\(name).1", page(name, verb, command)))
      }
      for family in VerbTable.families.keys.sorted() { pages.append(("lodge-\(family).1", self.family(family))) }
      for (name, text) in pages {
        try Files.writeAtomically(Array(text.utf8), to: "\(folder)/\(name)")
      }
      return .done
    } catch {
      console.errorLine("lodge: write man pages: \(error)")
      return .failed
    }
  }

  private static func head(_ name: String, _ section: Int, _ abstract: String) -> String {
    ".TH \(escaped(name.uppercased())) \(section) \"\" \"lodge \(LodgeVersion.current)\" \"Lodge\"\n.SH NAME\n"
      + "\(escaped(name)) \\- \(escaped(lowercasedFirst(abstract)))\n"
  }

  static func main() -> String {
    var text = head("lodge", 1, "Supervise guests on this host") + ".SH SYNOPSIS\n.B lodge\n"
    text += "[\\-c URI] [\\-o FORMAT] [\\-q] [\\-\\-color WHEN] VERB [GUEST|GLOB]... [OPTION]...\n.SH VERBS\n"
    for verb in VerbTable.all {
      text += ".TP\n.BR lodge\\-\(verb.page.words.joined(separator: "\\-")) (1)\n\(escaped(verb.page.abstract)).\n"
    }
    text += ".SH FORMATS\n.nf\n\(escaped(HelpText.formats(.page))).fi\n"
    text += ".SH EXIT STATUS\n.nf\n\(escaped(HelpText.exitCodes(.page))).fi\n"
    text += """
      .SH ENVIRONMENT
      .TP
      .B LODGE_CONNECT
      The daemon's socket, as with \\-c.
      .TP
      .B LODGE_ROOT
      The folder of a daemon that was started with \\-\\-root.
      .SH FILES
      .TP
      .I /run/lodge/lodge.sock
      The daemon's socket; lodge\\-ro.sock beside it is read\\-only.
      .SH SEE ALSO
      .BR lodge\\-spec (5)

      """
    return text
  }

  static func spec() -> String {
    var text = head("lodge-spec", 5, "Spec files of guests") + ".SH DESCRIPTION\n"
    text += "A spec file says everything about a guest but its name. It is YAML, or JSON.\n"
    text += "Sizes are bytes or have a unit (512M, 1.5G), durations are seconds or have units (10s, 1h30m, 250ms).\n"
    text += ".SH EXAMPLE\n.nf\nrootfs: {path: /srv/trees/web, mode: overlay}\ncommand: [/bin/httpd, \\-f]\n"
    text += "limits: {memory: 512M, pids: 200}\nrestart: onFailure\n.fi\n.SH KEYS\n"
    for row in GuestSpecFile.reference {
      let value = row.allowed.isEmpty ? row.type : "\(row.type): \(row.allowed)"
      let standard = row.defaultText.isEmpty ? "" : " Default: \(row.defaultText)."
      text += ".TP\n.B \(escaped(row.path))\n\(escaped("\(row.meaning). Value: \(value).\(standard)"))\n"
    }
    return text + ".SH SEE ALSO\n.BR lodge (1),\n.BR lodge\\-create (1)\n"
  }

  /// `lodge-on(1)`: the verbs that begin with one word.
  static func family(_ word: String) -> String {
    let members = VerbTable.all.filter { $0.page.words.count == 2 && $0.page.words[0] == word }
    var text = head("lodge-\(word)", 1, VerbTable.families[word] ?? "") + ".SH SYNOPSIS\n"
    text += members.map { ".B lodge \(escaped($0.page.name))\n" }.joined(separator: ".br\n") + ".SH VERBS\n"
    for verb in members {
      let page = "lodge\\-\(verb.page.words.joined(separator: "\\-"))"
      text += ".TP\n.BR \(page) (1)\n\(escaped(verb.page.abstract)).\n"
    }
    return text + ".SH SEE ALSO\n.BR lodge (1)\n"
  }

  static func page(_ name: String, _ verb: any Verb.Type, _ command: ToolInfo) -> String {
    let page = verb.page
    var text =
      head(name, 1, page.abstract) + ".SH SYNOPSIS\n\(escaped(HelpText.usage(CommandTree.usageString(for: verb))))\n"
    if !page.discussion.isEmpty || !page.aliases.isEmpty {
      text += ".SH DESCRIPTION\n"
      if !page.discussion.isEmpty { text += escaped(page.discussion) + "\n" }
      if !page.aliases.isEmpty { text += ".PP\nAlso known as: \(page.aliases.joined(separator: ", ")).\n" }
    }
    text += ".SH OPTIONS\n"
    for argument in command.arguments where argument.isShown {
      text += ".TP\n.B \(escaped(argument.title))\n\(escaped(argument.abstract))\n"
    }
    if verb.takesReadOnlySocket {
      text += ".TP\n.B \\-\\-read\\-only\nUse the read\\-only socket, over which nothing can be changed.\n"
    }
    text += ".SH EXAMPLES\n"
    for example in page.examples { text += ".TP\n.B \(escaped(example.command))\n\(escaped(example.meaning))\n" }
    return text + ".SH SEE ALSO\n.BR lodge (1)\n"
  }

  /// Backslashes and hyphens have a meaning in roff, and so have points and quotes at the beginning of a line.
  private static func escaped(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      var result = line.hasPrefix(".") || line.hasPrefix("'") ? "\\&" : ""
      for character in line {
        switch character {
        case "\\": result += "\\e"
        case "-": result += "\\-"
        default: result.append(character)
        }
      }
      return result
    }.joined(separator: "\n")
  }

  private static func lowercasedFirst(_ text: String) -> String { text.prefix(1).lowercased() + text.dropFirst() }
}

/// A command as the argument library describes it, read from the JSON it prints for tools.
struct ToolInfo {
  /// The kind of word that may stand there, beside `values`.
  enum Completion { case none, guests, hooks, files, folders }

  struct Argument {
    /// `-o`, `--output`, the short one first; empty for a positional.
    var names: [String]
    /// `guest`, `time`.
    var value: String
    var values: [String]
    var isPositional: Bool
    var isFlag: Bool
    var isOptional: Bool
    var isRepeating: Bool
    var takesHyphens: Bool
    var isPostTerminator: Bool
    var isShown: Bool
    var completion: Completion
    /// `-o, --output output`.
    var title: String
    var abstract: String
  }

  var name: String
  var arguments: [Argument]
  var subcommands: [ToolInfo]

  func find(_ words: [String]) -> ToolInfo? {
    guard let first = words.first else { return self }
    return subcommands.first { $0.name == first }?.find(Array(words.dropFirst()))
  }

  static func everything() throws(SpecFileError) -> ToolInfo {
    let json = CommandTree._dumpHelp()
    let limits = Node.Limits(bytes: 16 << 20, depth: 64, nodes: 1 << 20)
    let node = try Node.parse(Array(json.utf8), file: "help", limits: limits)
    return ToolInfo(node?["command"])
  }

  /// Of one verb.
  init(_ verb: any Verb.Type) throws(SpecFileError) {
    let limits = Node.Limits(bytes: 1 << 20, depth: 64, nodes: 1 << 16)
    self.init(try Node.parse(Array(verb._dumpHelp().utf8), file: "help", limits: limits)?["command"])
  }

  private init(_ node: Node?) {
    name = node?["commandName"]?.text ?? ""
    arguments = (node?["arguments"]?.items ?? []).map(Argument.init)
    subcommands = (node?["subcommands"]?.items ?? []).map(ToolInfo.init)
  }
}

extension ToolInfo.Argument {
  fileprivate init(_ node: Node) {
    names = (node["names"]?.items ?? []).map { name in
      (name["kind"]?.text == "long" ? "--" : "-") + (name["name"]?.text ?? "")
    }.sorted { $0.utf8.count < $1.utf8.count }
    value = node["valueName"]?.text ?? "value"
    values = (node["allValues"]?.items ?? node["allValueStrings"]?.items ?? []).compactMap(\.text)
    isPositional = node["kind"]?.text == "positional"
    isFlag = node["kind"]?.text == "flag"
    isOptional = node["isOptional"]?.text == "true"
    isRepeating = node["isRepeating"]?.text == "true"
    takesHyphens = node["parsingStrategy"]?.text == "unconditional"
    isPostTerminator = node["parsingStrategy"]?.text == "postTerminator"
    isShown = node["shouldDisplay"]?.text != "false"
    let kind = node["completionKind"]
    if values.isEmpty { values = (kind?["list"]?["values"]?.items ?? []).compactMap(\.text) }
    if let command = kind?["shellCommand"]?["command"]?.text {
      completion = command.hasPrefix("lodge on ls") ? .hooks : .guests
    } else if kind?["file"] != nil {
      completion = .files
    } else {
      completion = kind?["directory"] == nil ? .none : .folders
    }
    abstract = node["abstract"]?.text ?? ""
    if !values.isEmpty { abstract += " One of \(values.joined(separator: ", "))." }
    if let standard = node["defaultValue"]?.text { abstract += " Default: \(standard)." }
    if isPositional {
      title = value + (isRepeating ? "..." : "")
    } else {
      title = names.joined(separator: ", ") + (isFlag ? "" : " \(value)")
    }
  }
}

extension Node {
  fileprivate subscript(_ key: String) -> Node? {
    guard case .mapping(let entries) = content else { return nil }
    return entries.first { $0.key == key }?.value
  }

  fileprivate var items: [Node] {
    guard case .sequence(let items) = content else { return [] }
    return items
  }
}
