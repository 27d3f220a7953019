/// `docs/cli.md`: the help of every verb on one page.
enum ReferencePage {
  static var markdown: String {
    var page = """
      # The command line

      One program, `lodge`. This page is its own help, in one piece: `lodge help`, `lodge help VERB`, `man lodge`.

      ```
      \(HelpText.overview())```

      ## Formats

      ```
      \(HelpText.formats(.page))```

      ## Exit codes

      ```
      \(HelpText.exitCodes(.page))```

      ## Manners

      * A verb that takes guests takes several names and patterns (`'web*'`). It works on them side by side and reports in order.
      * `--all` of a verb that ends or removes something asks first; without a terminal it needs `--yes`.
      * An error is one line, and where a next step is known a second one: `hint: lodge why web`.
      * After half a second of waiting a terminal shows what is under way: `web: stopping, sent SIGTERM 3s ago, SIGKILL in 7s`.
      * Ctrl-C ends the waiting, not the work, and the way to follow it is printed.
      * Control characters in names, labels, messages and logs are made visible, unless `--raw` of run and logs: then
        the guest's bytes come out as they are, binary ones too (with `console: pipes`; a terminal changes ends of lines).


      """
    for verb in VerbTable.all {
      page += "## lodge \(verb.page.name)\n\n```\n\(HelpText.page(of: verb))```\n\n"
    }
    while page.hasSuffix("\n\n") { page.removeLast() }
    return page
  }
}
