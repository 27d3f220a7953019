import ArgumentParser
import XDRCompiler

struct Lint: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Says what could be better in files that are correct.",
    discussion: "Exit status: 0 nothing to say, 1 findings or errors, 64 wrong usage.")

  @OptionGroup var input: InputOptions

  @Option(help: "A rule to leave out, by the name in brackets after its findings.")
  var allow: [String] = []

  @Flag(help: "Leave the form to others: do not compare with what fmt would write.")
  var noFormat = false

  func validate() throws {
    for name in allow where DiagnosticCode(rawValue: name) == nil {
      throw ValidationError("there is no rule '\(name)'")
    }
  }

  func run() throws {
    let compilation = try input.compile()
    if compilation.succeeded {
      Linter.run(compilation.model, diagnostics: compilation.diagnostics)
      if !noFormat { compilation.lintFormat() }
    }
    let allowed = Set(allow)
    guard input.report(compilation, leavingOut: allowed) else { throw ExitCode(1) }
    if compilation.diagnostics.diagnostics.contains(where: { !allowed.contains($0.code.rawValue) }) {
      throw ExitCode(1)
    }
  }
}

struct Breaking: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compares two revisions of a protocol.",
    discussion: """
      OLD and NEW are files or folders of .x files, or such in a revision of git: REV:PATH, as for git show. Levels: wire (peers misread or refuse each other), source (programs \
      must change), policy (rights and number space), warning. Exit status: 0 nothing at the levels that fail, 1 \
      findings there, 2 a revision cannot be read or does not compile, 64 wrong usage.
      """)

  @Argument(help: "The revision that is out there.") var old: String
  @Argument(help: "The revision to come.") var new: String

  @Option(help: "Levels that make the exit status 1, with commas between.")
  var fail = "wire,source,policy"

  @Option(help: "How to print changes: text or json.") var format: LanguageOptions.DiagnosticsFormat = .text

  @OptionGroup var language: LanguageOptions

  func run() throws {
    let failing = fail.split(separator: ",").map(String.init)
    for name in failing where Change.Level(rawValue: name) == nil {
      throw ValidationError("there is no level '\(name)'; there are wire, source, policy and warning")
    }
    let before: Compilation
    let after: Compilation
    do {
      (before, after) = (try compile(old), try compile(new))
    } catch let failure as FileFailure {
      printError("error: \(failure)\n")
      throw ExitCode(2)
    }
    let changes = Comparison.changes(from: before.model, to: after.model)
    switch format {
    case .text: for change in changes { print(change.text, terminator: "") }
    case .json: print(JSONValue.array(changes.map(\.json)).pretty, terminator: "")
    }
    if changes.contains(where: { failing.contains($0.level.rawValue) }) { throw ExitCode(1) }
  }

  private func compile(_ path: String) throws -> Compilation {
    let compilation: Compilation
    if let revision = try GitRevision(path) {
      let files = try revision.files()
      compilation = try language.compile(
        files.map { CompilerInput(path: $0.name, bytes: try $0.read()) },
        GitSources(files, searchFolders: language.include))
    } else {
      let names = listFolder(path).filter { $0.hasSuffix(".x") }
      var input = InputOptions()
      input.inputs = names.isEmpty ? [path] : names.map { "\(path)/\($0)" }
      input.language = language
      compilation = try input.compile()
    }
    guard language.report(compilation) else { throw ExitCode(2) }
    return compilation
  }
}

struct AST: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prints the checked model, for back ends in other languages.")

  @OptionGroup var input: InputOptions

  @Flag(help: "As JSON; the only form there is.") var json = false

  func run() throws {
    let compilation = try input.compile()
    guard input.report(compilation) else { throw ExitCode(1) }
    print(JSONBackend.generate(compilation.model).pretty, terminator: "")
  }
}
