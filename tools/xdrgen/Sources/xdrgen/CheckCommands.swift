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
      OLD and NEW are files or folders of .x files. Levels: wire (peers misread or refuse each other), source (programs \
      must change), policy (rights and number space), warning. Exit status: 0 nothing at the levels that fail, 1 \
      findings there, 2 a revision does not compile, 64 wrong usage.
      """)

  @Argument(help: "The revision that is out there.") var old: String
  @Argument(help: "The revision to come.") var new: String

  @Option(help: "Levels that make the exit status 1, with commas between.")
  var fail = "wire,source,policy"

  @Option(name: .customShort("I"), help: "A folder to look for included files in.")
  var include: [String] = []

  @Option(help: "How to print: text or json.") var format: InputOptions.DiagnosticsFormat = .text

  func run() throws {
    let failing = fail.split(separator: ",").map(String.init)
    for name in failing where Change.Level(rawValue: name) == nil {
      throw ValidationError("there is no level '\(name)'; there are wire, source, policy and warning")
    }
    let before = try compile(old)
    let after = try compile(new)
    let changes = Comparison.changes(from: before.model, to: after.model)
    switch format {
    case .text: for change in changes { print(change.text, terminator: "") }
    case .json: print(JSONValue.array(changes.map(\.json)).pretty, terminator: "")
    }
    if changes.contains(where: { failing.contains($0.level.rawValue) }) { throw ExitCode(1) }
  }

  private func compile(_ path: String) throws -> Compilation {
    let names = listFolder(path).filter { $0.hasSuffix(".x") }
    let paths = names.isEmpty ? [path] : names.map { "\(path)/\($0)" }
    var inputs = try InputOptions.parse(paths)
    inputs.include = include
    let compilation = try inputs.compile()
    guard compilation.succeeded else {
      _ = inputs.report(compilation)
      throw ExitCode(2)
    }
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
