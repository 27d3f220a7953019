import Foundation
import Testing
import XDRCompiler

/// Schemas that are deep or wide, or lead to one type in very many ways.
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

  /// Each way for a schema to have very many of one thing.
  static let crowds: [(name: String, text: @Sendable (Int) -> String)] = [
    ("structs", { count in (0..<count).map { "struct s\($0) { int a; string b<8>; };" }.joined(separator: "\n") }),
    ("fields", { "struct s {\n" + (0..<$0).map { "string f\($0)<>;" }.joined(separator: "\n") + "};" }),
    (
      "labels of an enum",
      { count in
        "enum e { " + (0..<count).map { "E\($0) = \($0)" }.joined(separator: ", ") + " };\nunion u switch (e d) {\n"
          + (0..<count).map { "case E\($0): int f\($0);" }.joined(separator: "\n") + "};"
      }
    ),
    (
      "values that are equal",
      { count in
        "enum e { " + (0..<count).map { "E\($0) = \($0 % (count / 2))" }.joined(separator: ", ") + " };"
      }
    ),
    (
      "programs",
      { count in
        (0..<count).map { "program P\($0) { version V\($0) { int Q\($0)(int) = 0; } = 1; } = \($0 + 1);" }
          .joined(separator: "\n")
      }
    ),
    (
      "procedures",
      { count in
        "program P { version V { " + (0..<count).map { "int Q\($0)(int) = \($0);" }.joined(separator: "\n")
          + "} = 1; } = 1;"
      }
    ),
  ]

  /// Of the thread: other work of the machine is not counted.
  static func processorSeconds(_ body: () -> Void) -> Double {
    func now() -> Double {
      var time = timespec()
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
      return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
    let start = now()
    body()
    return now() - start
  }

  /// Eight times as many of a thing cost about eight times as much, and not 64 times.
  @Test(arguments: crowds.indices) func crowdsCostInProportion(kind: Int) {
    let (name, text) = DeepSchemaTests.crowds[kind]
    let (few, many) = (text(500), text(4_000))
    _ = DeepSchemaTests.everything(few)
    let costs = [few, many].map { text in
      DeepSchemaTests.processorSeconds { #expect(DeepSchemaTests.everything(text) == [], "\(name)") }
    }
    #expect(costs[1] < 16 * costs[0], "\(name): \(costs) s")
  }
}
