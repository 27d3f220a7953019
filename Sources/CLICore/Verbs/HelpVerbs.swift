import ArgumentParser
import Guest
import GuestWire
import LinuxSystem
import SpecFile
import WireProtocol

struct VersionVerb: Verb {
  static let page = VerbPage(
    words: ["version"], group: .host, abstract: "Show the version of this program, and of the daemon if it answers",
    examples: [
      Example("lodge version", "for people"),
      Example("lodge version -o json", "for programs"),
      Example("lodge version -q", "the number alone"),
    ], formats: [.table, .wide, .json, .jsonl, .yaml, .name], quiet: .names)

  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    if context.options.quiet || context.format == .name {
      context.console.line(LodgeVersion.current)
      return .done
    }
    let hello = try? context.call(
      Admin.Hello.self, .init(client: "lodge \(LodgeVersion.current)"), "version", timeout: 1_000_000_000)
    if context.format.isForPrograms {
      try context.write([
        .init("lodge", .text(LodgeVersion.current)),
        .init("daemon", .optional(hello.map { .text($0.server) })),
        .init("features", .list((hello?.features ?? []).map { .text($0) })),
      ])
      return .done
    }
    context.console.line("lodge \(LodgeVersion.current)")
    context.console.line(hello.map { Visible.text($0.server) } ?? "lodged: does not answer")
    return .done
  }
}

struct CompletionVerb: Verb {
  static let page = VerbPage(
    words: ["completion"], group: .host, abstract: "Print the completion script of a shell",
    examples: [
      Example("lodge completion bash", "for /usr/share/bash-completion/completions/lodge"),
      Example("lodge completion zsh", "for /usr/share/zsh/site-functions/_lodge"),
      Example("lodge completion fish", "for /usr/share/fish/vendor_completions.d/lodge.fish"),
    ], formats: [.table], quiet: .refused)

  @Argument(help: ArgumentHelp("bash, zsh or fish.", valueName: "shell"), completion: .list(["bash", "zsh", "fish"]))
  var shell: String
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    guard let script = Completion.script(shell: shell) else {
      throw Failure.usage("completion: expected bash, zsh or fish, found \"\(Visible.text(shell, limit: 40))\"")
    }
    context.console.write(script)
    return .done
  }
}

struct HelpVerb: Verb {
  static let page = VerbPage(
    words: ["help"], group: .host, abstract: "Explain a verb, exit codes, formats, or the keys of a spec file",
    examples: [
      Example("lodge help", "all verbs"),
      Example("lodge help stop", "one verb"),
      Example("lodge help spec limits", "some keys of a spec file"),
    ], formats: [.table], quiet: .refused)

  @Argument(
    help: ArgumentHelp(
      "A verb, spec, json, formats or exit-codes; after spec a key, after json an object.", valueName: "topic"))
  var topic: [String] = []
  @OptionGroup(title: "Options of every verb") var global: GlobalOptions

  func execute(in context: Context) throws -> ExitStatus {
    guard let first = topic.first else {
      context.console.write(HelpText.overview(context.screen))
      return .done
    }
    if topic.count == 2, first == "spec" || first == "json" {
      let text = first == "spec" ? HelpText.spec(topic[1], context.screen) : HelpText.json(topic[1], context.screen)
      guard let text else {
        let known = first == "spec" ? GuestSpecFile.reference.map(\.path) : OutputSchema.objects.map(\.name)
        throw Failure.usage(
          "help \(first): there is no \"\(Visible.text(topic[1], limit: 60))\"",
          hint: nearest(to: topic[1], in: known).map { "did you mean \($0)?" } ?? "lodge help \(first) lists them")
      }
      context.console.write(text)
      return .done
    }
    if topic.count == 1, let text = HelpText.topics[first] {
      context.console.write(text(context.screen))
      return .done
    }
    let (verb, taken) = try VerbTable.find(topic)
    // Of two words one is not enough to know which.
    if taken == 1, verb.page.words.count == 2, topic.count == 1 {
      for member in VerbTable.all where member.page.words.count == 2 && member.page.words[0] == first {
        context.console.line("  lodge \(member.page.name.padded(to: 15))  \(member.page.abstract)")
      }
      context.console.line("\nlodge help \(first) \(verb.page.words[1]) explains one of them")
      return .done
    }
    context.console.write(HelpText.page(of: verb, context.screen))
    return .done
  }
}
