import Foundation
import Testing
import XDRCompiler

/// An `.x` file is not trusted: whatever is in it, compilation ends soon and what comes out is text.
@Suite struct UntrustedInputTests {
  /// Runs all of the compiler, back ends included.
  private func everything(_ text: String, files: [String: String] = [:]) -> Compilation {
    let compilation = compile(text, files: files, dialect: .all)
    _ = compilation.rendered()
    if compilation.succeeded {
      var options = SwiftOptions()
      options.emitsTesting = true
      _ = SwiftBackend(compilation.model, options: options, diagnostics: compilation.diagnostics).generate()
      _ = RpcgenBackend.generate(compilation.model, diagnostics: compilation.diagnostics)
      _ = DocsBackend.generate(compilation.model, title: "t")
      _ = JSONBackend.generate(compilation.model).compact
      Linter.run(compilation.model, diagnostics: compilation.diagnostics)
      _ = Comparison.changes(from: compilation.model, to: compilation.model)
    }
    let sink = DiagnosticSink()
    _ = Formatter.format(path: "t.x", bytes: Array(text.utf8), diagnostics: sink, sources: SourceManager())
    return compilation
  }

  /// Bytes that are no UTF-8 are replaced by longer ones in text. Places are places in the file all the same, in each kind of
  /// annotation behind such bytes.
  @Test(arguments: ["@defau0lt", "@acl connect: x @defau0lt", "@right boss @defau0lt", "@since @defau0lt"])
  func placesBehindBytesThatAreNoTextAreInTheFile(_ annotation: String) {
    var bytes = Array("struct s { int a; /** ".utf8)
    bytes += [UInt8](repeating: 0x80, count: 200)
    bytes += Array(" \(annotation) */ int b; };".utf8)
    let compilation = Compilation(
      [CompilerInput(path: "test.x", bytes: bytes)], provider: MemorySources([:]), options: CompilerOptions())
    #expect(compilation.rendered().contains("'@defau0lt' is not an annotation"))
    #expect(compilation.rendered().contains("replace '@defau0lt' with '@default'"))
  }

  static let hostile: [(String, String)] = [
    ("nested structs", String(repeating: "typedef struct { ", count: 1) + String(repeating: "struct { ", count: 5_000)),
    ("nested braces", String(repeating: "{", count: 10_000)),
    ("nested unions", "typedef " + String(repeating: "union switch (int d) { case 1: ", count: 3_000)),
    ("nested conditionals", String(repeating: "#if 1\n", count: 10_000)),
    ("nested condition", "#if " + String(repeating: "(", count: 10_000) + "\n#endif"),
    ("negations", "#if " + String(repeating: "!", count: 10_000) + "1\n#endif"),
    (
      "doubling macros",
      (0..<60).map { "#define A\($0 + 1) A\($0) A\($0)\n" }.joined() + "const X = A60;\n#if A60\n#endif"
    ),
    ("doubling conditions", (0..<60).map { "#define A\($0 + 1) (A\($0) + A\($0))\n" }.joined() + "#if A60\n#endif"),
    ("circular macros", "#define A B\n#define B A\nconst X = A;\n#if A\n#endif"),
    ("long constant chain", (0..<3_000).map { "const A\($0) = A\($0 + 1);" }.joined() + "const A3000 = 1;"),
    ("long typedef chain", (0..<3_000).map { "typedef a\($0 + 1) a\($0);" }.joined() + "typedef int a3000;"),
    ("long struct chain", (0..<3_000).map { "struct a\($0) { a\($0 + 1) x; };" }.joined() + "struct a3000 { int x; };"),
    ("long ring", (0..<3_000).map { "struct a\($0) { a\(($0 + 1) % 3_000) *x; };" }.joined()),
    (
      "many lists",
      (0..<1_000).map { "struct a\($0) { a\($0 + 1) x; a\($0) *next; };" }.joined() + "struct a1000 { int x; };"
    ),
    ("wide enum", "enum e { " + (0..<5_000).map { "A\($0)" }.joined(separator: ", ") + " };"),
    (
      "multiplying arrays",
      (0..<40).map { "struct a\($0) { a\($0 + 1) x[4294967295]; };" }.joined() + "struct a40 { int x; };"
    ),
    ("many namespaces", String(repeating: "namespace n {", count: 5_000)),
    ("one long line", "const A = " + String(repeating: " ", count: 200_000) + "@;"),
    ("many errors", String(repeating: "const = ;\n", count: 10_000)),
    ("many errors in one struct", "struct s { " + String(repeating: "int;\n", count: 5_000) + "};"),
    ("unknown names", "struct s { " + (0..<1_000).map { "unknown\($0) x\($0);" }.joined() + " };"),
    ("NUL bytes", "const A\u{0} = 1;\u{0}\u{0}"),
    ("long name", "const " + String(repeating: "a", count: 100_000) + " = 1;"),
    ("underscores", "struct " + String(repeating: "_", count: 1000) + " { int _; int __; int ___; };"),
  ]

  /// Found by the fuzzer: recovery stopped at a keyword that it had to go past.
  @Test func recoveryGoesPastWhatItStopsAt() {
    _ = everything("union u switch (e d) { case 1: ;\nunion B swi (e d) { case A: void;\n}")
    _ = everything("enum e { A = 0, B, C }; enum e { D };")
    _ = everything("struct s {\nunion B swi;\nstruct {\nenum x\n")
  }

  @Test(arguments: hostile.map(\.0)) func compilationEndsSoon(name: String) throws {
    let text = try #require(UntrustedInputTests.hostile.first { $0.0 == name }?.1)
    let clock = ContinuousClock()
    let time = clock.measure { _ = everything(text) }
    print("hostile .x: \(name): \(text.utf8.count) bytes, \(time)")
    // Debug builds on busy machines are slow; what must not be is growth without bound.
    #expect(time < .seconds(60))
  }

  @Test func everyPrefixAndEveryMissingPieceIsSurvived() throws {
    let text = Array(
      try String(contentsOf: fixtures.appending(path: "kitchen-sink/kitchen-sink-rfc.x"), encoding: .utf8).utf8)
    for end in stride(from: 0, to: text.count, by: 41) { _ = everything(String(decoding: text[..<end], as: UTF8.self)) }
    for start in stride(from: 0, to: text.count - 20, by: 67) {
      var cut = text
      cut.removeSubrange(start..<(start + 13))
      _ = everything(String(decoding: cut, as: UTF8.self))
    }
  }

  @Test func randomTokensAreSurvived() {
    let words = [
      "struct", "union", "enum", "typedef", "const", "program", "version", "switch", "case", "default", "void", "int",
      "string", "opaque", "{", "}", "(", ")", "<", ">", "[", "]", ";", ":", ",", "=", "*", "a", "b", "c", "1", "0x",
      "-",
      "#if 1\n", "\n#endif\n", "/*", "*/", "'x'", "\"s\"", "namespace", "\n%", "\n#define a b\n", "bool", "unsigned",
      "TRUE",
    ]
    let seed = UInt64.random(in: 0...UInt64(UInt32.max))
    print("randomTokensAreSurvived: seed \(seed)")
    var state = seed
    func next(_ limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % limit
    }
    for _ in 0..<300 {
      _ = everything((0..<(1 + next(60))).map { _ in words[next(words.count)] }.joined(separator: " "))
    }
  }

  @Test func nothingEscapesFromCommentsAndNames() {
    let text = swift(
      """
      /** A doc with */ const A = 1;
      /** line one
       * */
      const B = "quote \\(danger) \\" end";
      /** \u{2028} import Glibc \u{202e} ``` */
      struct s { /**< */ int x; /**< field */ };
      """)
    for line in text.split(separator: "\n") where line.contains("danger") {
      #expect(line.contains("\\\\(danger)"), "an interpolation must not come alive: \(line)")
    }
    for line in text.split(separator: "\n", omittingEmptySubsequences: true) where line.contains("import Glibc") {
      #expect(line.drop { $0 == " " }.hasPrefix("///"))
    }
  }
}
