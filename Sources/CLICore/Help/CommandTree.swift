import ArgumentParser

/// The verbs as one tree, for what is made from all of them: usage lines and man pages. Command lines
/// are not parsed by it: the words are looked up in the table, and the verb's own type parses the rest.
struct CommandTree: ParsableCommand {
  @OptionGroup var global: GlobalOptions

  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "lodge", abstract: "Supervise guests on this host",
      subcommands: VerbTable.all.filter { $0.page.words.count == 1 } + [DaemonFamily.self, OnFamily.self],
      helpNames: [])
  }

  static func family(_ word: String) -> [any ParsableCommand.Type] {
    VerbTable.all.filter { $0.page.words.count == 2 && $0.page.words[0] == word }
  }
}

struct DaemonFamily: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "daemon", abstract: "The daemon itself", subcommands: CommandTree.family("daemon"),
      defaultSubcommand: DaemonStatusVerb.self)
  }
}

struct OnFamily: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "on", abstract: "Hooks: programs the daemon runs at events", subcommands: CommandTree.family("on"),
      defaultSubcommand: OnListVerb.self)
  }
}
