import Testing
import XDRCompiler

/// Schemas that are deep, or lead to one type in very many ways.
@Suite struct DeepSchemaTests {
  /// Each way for one type to lead to the one before it.
  static let links: [(name: String, first: String, link: @Sendable (Int) -> String)] = [
    ("structs", "struct s0 { int x; };", { "struct s\($0) { s\($0 - 1) x; };" }),
    ("optionals", "struct s0 { int x; };", { "struct s\($0) { s\($0 - 1) *x; int y; };" }),
    ("arrays", "struct s0 { int x; };", { "struct s\($0) { s\($0 - 1) x<>; };" }),
    ("fixed arrays", "struct s0 { int x; };", { "struct s\($0) { s\($0 - 1) x[1]; };" }),
    ("unions", "struct s0 { int x; };", { "union s\($0) switch (int d) { case 1: s\($0 - 1) x; default: void; };" }),
    ("defaults", "struct s0 { int x; };", { "union s\($0) switch (int d) { default: s\($0 - 1) x; };" }),
    ("typedefs", "struct s0 { int x; };", { "typedef s\($0 - 1) s\($0);" }),
    ("growables", "struct s0 { int x; };", { "/** @growable */ struct s\($0) { s\($0 - 1) x; };" }),
    ("texts", "struct s0 { string x<>; };", { "struct s\($0) { s\($0 - 1) x; };" }),
  ]

  static func chain(_ kind: Int, _ count: Int) -> String {
    ([links[kind].first] + (1..<count).map(links[kind].link)).joined(separator: "\n")
  }

  /// Everything that the commands do with a text.
  static func everything(_ text: String) -> [String] {
    let compilation = compile(text)
    _ = Formatter.format(
      path: "x.x", bytes: [UInt8](text.utf8), diagnostics: DiagnosticSink(), sources: SourceManager())
    guard compilation.succeeded else { return codes(compilation) }
    var options = SwiftOptions()
    options.emitsBorrowed = true
    options.emitsTesting = true
    _ = SwiftBackend(compilation.model, options: options, diagnostics: compilation.diagnostics).generate()
    _ = RpcgenBackend.generate(compilation.model, diagnostics: compilation.diagnostics)
    _ = DocsBackend.generate(compilation.model, title: "deep")
    _ = JSONBackend.generate(compilation.model).compact
    Linter.run(compilation.model, diagnostics: compilation.diagnostics)
    _ = Comparison.changes(from: compilation.model, to: compile(text).model)
    if let last = compilation.model.types.last {
      var interpreter = Interpreter()
      _ = try? interpreter.json(.named(last), [UInt8](repeating: 0, count: 64))
    }
    return codes(compilation).filter { $0.hasPrefix("!") }
  }

  @Test(arguments: links.indices) func chainsEndWithAFinding(kind: Int) {
    #expect(DeepSchemaTests.everything(DeepSchemaTests.chain(kind, 18_000)).contains("!nesting-too-deep"))
    #expect(DeepSchemaTests.everything(DeepSchemaTests.chain(kind, 501)) == ["!nesting-too-deep"])
  }

  @Test(arguments: links.indices) func chainsUpToTheLimitWork(kind: Int) {
    #expect(DeepSchemaTests.everything(DeepSchemaTests.chain(kind, 498)) == [])
  }

  /// Long rings are as long as they are: nothing goes round them by recursion.
  @Test func ringsAreSurvived() {
    for link in ["*x", "x<>"] {
      let text = (0..<2_000).map { "struct s\($0) { s\(($0 + 1) % 2_000) \(link); int y; };" }.joined(separator: "\n")
      _ = DeepSchemaTests.everything(text)
    }
  }

  /// 2^60 ways lead to the first type: each type is looked at once, or a few times.
  @Test func typesReachedInManyWaysCostLittle() {
    for first in ["struct s0 { int x; };", "struct s0 { string x<>; };"] {
      let text = ([first] + (1...60).map { "struct s\($0) { s\($0 - 1) a<1>; s\($0 - 1) *b; };" }).joined(
        separator: "\n")
      let clock = ContinuousClock()
      let time = clock.measure { #expect(DeepSchemaTests.everything(text) == []) }
      #expect(time < .seconds(5))
    }
  }
}
