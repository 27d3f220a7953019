import ArgumentParser
import XDRCompiler

struct Format: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fmt",
    abstract: "Lays files out in one form, comments kept.",
    discussion: "Exit status: 0 done or in form, 1 (with --check) not in form or not readable, 64 wrong usage.")

  @Argument(help: "Files to write anew.") var files: [String]

  @Flag(help: "Write nothing; show what would change, and fail if anything would.") var check = false

  func run() throws {
    var isClean = true
    for path in files {
      let bytes = try readFile(path)
      let sources = SourceManager()
      let diagnostics = DiagnosticSink()
      guard
        let text = Formatter.format(
          path: path, bytes: bytes, diagnostics: diagnostics, sources: sources,
          provider: HostSources(inputs: [path], searchFolders: []))
      else {
        let renderer = DiagnosticRenderer(sources: sources)
        for diagnostic in diagnostics.diagnostics { printError(renderer.text(diagnostic)) }
        isClean = false
        continue
      }
      if text == bytes { continue }
      if check {
        isClean = false
        let old = String(decoding: bytes, as: UTF8.self)
        print(
          unifiedDiff(
            old: old, new: String(decoding: text, as: UTF8.self), oldName: path, newName: "\(path) (formatted)"),
          terminator: "")
      } else {
        try writeFile(path, text)
      }
    }
    if !isClean { throw ExitCode(1) }
  }
}
