import Foundation
import Testing
import XDRCompiler

/// Every kind of finding, as a reader sees it: `Golden/diagnostics/<code>.x` and the text beside it.
@Suite struct DiagnosticsTests {
  /// Answers for includes that a table of texts cannot give.
  struct Provider: SourceProvider {
    func include(_ name: String, isSystem: Bool, from path: String) -> IncludeResult {
      switch name {
      case "refused.x": return .refused(reason: "it is outside the folders of the inputs and of -I")
      case "deep.x":
        // Each inclusion is another file, as with links that lead in a circle.
        return .found(path: path + "/deep.x", identity: path + "/deep.x", bytes: Array("#include \"deep.x\"\n".utf8))
      case "other.x": return .found(path: name, identity: name, bytes: Array("typedef int other_type;\n".utf8))
      default: return .missing(searched: ["."])
      }
    }
  }

  static func compilation(_ code: DiagnosticCode) throws -> Compilation {
    let name = "\(code.rawValue).x"
    let bytes = [UInt8](try Data(contentsOf: testsFolder.appending(path: "Golden/diagnostics/\(name)")))
    var options = CompilerOptions()
    if code == .messageTooLarge { options.messageLimit = 65536 }
    var inputs = [CompilerInput(path: name, bytes: bytes)]
    if code == .outputCollision {
      inputs = [
        CompilerInput(path: "one/same.x", bytes: bytes),
        CompilerInput(path: "two/same.x", bytes: Array("const B = 1;".utf8)),
      ]
    }
    let compilation = Compilation(inputs, provider: Provider(), options: options)
    if compilation.succeeded {
      _ = SwiftBackend(compilation.model, options: SwiftOptions(), diagnostics: compilation.diagnostics).generate()
    }
    if code.rawValue.hasPrefix("lint-") {
      if compilation.succeeded { Linter.run(compilation.model, diagnostics: compilation.diagnostics) }
      if code == .lintFormat { compilation.lintFormat() }
    }
    return compilation
  }

  @Test(arguments: DiagnosticCode.allCases) func everyFindingLooksAsItDid(code: DiagnosticCode) throws {
    let compilation = try DiagnosticsTests.compilation(code)
    #expect(compilation.diagnostics.diagnostics.contains { $0.code == code }, "\(compilation.rendered())")
    try expectGolden(compilation.rendered(), "diagnostics/\(code.rawValue).txt")
  }

  /// The page that lists all codes: each with what it says of its golden file.
  @Test func thePageListsEveryCode() throws {
    var page = """
      # Findings

      Every code that `xdrgen` can print in brackets, with an example of its message. A code never changes its meaning. The
      files that show these are in `Tests/XDRCompilerTests/Golden`. This page is written by the tests.

      | code | | for example |
      | --- | --- | --- |

      """
    func row(_ code: String, _ level: String, _ message: String) {
      page += "| `\(code)` | \(level) | \(message.replacingOccurrences(of: "|", with: "\\|")) |\n"
    }
    for code in DiagnosticCode.allCases {
      let found = try DiagnosticsTests.compilation(code).diagnostics.diagnostics.first { $0.code == code }
      let example = try #require(found)
      row(code.rawValue, example.severity.rawValue, example.message)
    }
    page += """

      ## Of `breaking`

      | code | level | for example |
      | --- | --- | --- |

      """
    for code in Change.Code.allCases {
      let found = BreakingTests.rows.lazy.flatMap(BreakingTests.changes).first { $0.code == code }
      let example = try #require(found)
      row(code.rawValue, example.level.rawValue, example.message)
    }
    try expectGolden(page, "../../../FINDINGS.md")
  }

  @Test func jsonHasTheSameFacts() throws {
    let compilation = try DiagnosticsTests.compilation(.unknownName)
    let renderer = DiagnosticRenderer(sources: compilation.sources)
    let text = compilation.diagnostics.diagnostics.map { renderer.json($0) + "\n" }.joined()
    try expectGolden(text, "diagnostics/unknown-name.json")
    for line in text.split(separator: "\n") { _ = try JSONParser.parse(String(line)) }
  }

  @Test func oneRunTellsAllErrors() {
    let compilation = compile(
      """
      struct a { int x y; };
      struct b { unknown z; };
      enum c { A = 08, B };
      const D = ;
      program P { version V { void F(void) = 1; void G(void) = 1; } = 1; } = 1;
      """)
    let lines = compilation.rendered().split(separator: "\n").filter { $0.contains(": error: ") }
    #expect(Set(lines.compactMap { $0.split(separator: ":").dropFirst().first }) == ["1", "2", "3", "4", "5"])
  }

  @Test func sourceTextCannotSteerTheTerminal() {
    let text = compile("const A = \u{1b}[31m;\nstruct \u{7}s { int x; };").rendered()
    #expect(!text.contains("\u{1b}") && !text.contains("\u{7}"))
  }
}
