/// `docs/cli.md`: the help of every verb on one page.
enum ReferencePage {
  static var markdown: String {
    var page = """
      # The command line

      One program, `lodge`. This page is its own help, in one piece: `lodge help`, `lodge help VERB`, `man lodge`.

      ```
      \(HelpText.overview(style: Style(isOn: false)))```

      ## Formats

      ```
      \(HelpText.formats())```

      ## Exit codes

      ```
      \(HelpText.exitCodes())```

      ## Manners

      * Any verb that takes guests takes several names and patterns (`'web*'`); what it does it does side by side, and tells in order. Of `--all` a verb that
        ends or removes something asks first, or needs `--yes` when nobody can be asked.
      * An error is one line, and where a next step is known a second one: `hint: lodge why web`.
      * What takes longer than half a second is told on a terminal: `web: stopping, sent SIGTERM 3s ago, SIGKILL in 7s`.
      * Ctrl-C ends the waiting, not the work, and the way to follow it is printed.
      * Control characters in names, labels, messages and logs are made visible, unless `logs --raw`.
      * Times are UTC.


      """
    for verb in VerbTable.all {
      page += "## lodge \(verb.page.name)\n\n```\n\(HelpText.page(of: verb))```\n\n"
    }
    while page.hasSuffix("\n\n") { page.removeLast() }
    return page
  }
}
