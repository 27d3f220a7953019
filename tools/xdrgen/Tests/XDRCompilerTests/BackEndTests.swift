import Foundation
import Testing
import XDRCompiler

/// The output of the other back ends, as a reader sees it.
@Suite struct BackEndTests {
  static func features() throws -> Compilation {
    let bytes = [UInt8](try Data(contentsOf: fixtures.appending(path: "features/features.x")))
    let compilation = Compilation([CompilerInput(path: "features.x", bytes: bytes)])
    #expect(codes(compilation) == [])
    return compilation
  }

  @Test func theReferencePage() throws {
    try expectGolden(DocsBackend.generate(BackEndTests.features().model, title: "Features"), "features.md")
  }

  @Test func theModelAsJSON() throws {
    try expectGolden(JSONBackend.generate(BackEndTests.features().model).pretty, "features.json")
  }

  @Test func theTablesOfPython() throws {
    let tables = PythonBackend.generate(
      model(
        """
        const MOST = 2;
        typedef string word<MOST>;
        /** @open */ enum colour { COLOUR_DEEP_RED = 1, COLOUR_BLUE = 2 };
        struct pair { word key; opaque id[4]; int *more; };
        /** @growable(max: 64) */ struct grown { pair pairs<3>; /** @default(COLOUR_BLUE) */ colour c; /** @default */ bool b; };
        union place switch (colour kind) { case COLOUR_BLUE: hyper at; case COLOUR_DEEP_RED: void; };
        program P { version V { void P_HELLO(void) = 0; /** @idempotent */ pair P_ASK_IT(grown) = 1; } = 3; } = 0x20;
        """))
    for line in [
      "MOST = 2", "    'word': ('alias', ('string', 2)),", "    'colour': ('enum', {'deepRed': 1, 'blue': 2}, True),",
      "    'pair': ('struct', (('key', ('type', 'word')), ('id', ('fixed', 4)), ('more', ('optional', 'int')))),",
      "    'grown': ('growable', 64, (('pairs', ('list', ('type', 'pair'), 3)), ('c', ('type', 'colour'), 'blue'), ('b', 'bool', False))),",
      "    'place': ('union', ('type', 'colour'), {2: ('at', 'hyper'), 1: None}, None),", "    'p': (0x20, 3, {",
      "        'hello': (0, None, None, 'call'),",
      "        'ask_it': (1, ('type', 'grown'), ('type', 'pair'), 'idempotent'),",
    ] { #expect(tables.contains(line + "\n"), "\(line) is not in \(tables)") }
    let file = "# mine\n\(PythonBackend.begin)\nold\n\(PythonBackend.end)\nmine = 1\n"
    let new = try #require(PythonBackend.replacingTables(of: file, with: tables))
    #expect(new == "# mine\n\(PythonBackend.begin)\n\(tables)\(PythonBackend.end)\nmine = 1\n")
    #expect(PythonBackend.replacingTables(of: new, with: tables) == new)
    #expect(PythonBackend.replacingTables(of: "# mine\n", with: tables) == nil)
  }

  /// Python itself reads the tables of everything that a schema can have.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/python3"), "needs python3"))
  func pythonReadsTheTables() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
    process.arguments = [
      "-c", try PythonBackend.generate(BackEndTests.features().model) + "assert TYPES and PROGRAMS\n",
    ]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  @Test func theFlatFileForRpcgen() throws {
    let compilation = try BackEndTests.features()
    let text = RpcgenBackend.generate(compilation.model, diagnostics: compilation.diagnostics)
    try expectGolden(text, "features.x")
    // It says the same: bytes are as they were.
    let flat = model(text)
    for type in compilation.model.types {
      #expect(flat.type(named: type.name)?.minimumSize == type.minimumSize, "\(type.name)")
      #expect(flat.type(named: type.name)?.maximumSize == type.maximumSize, "\(type.name)")
    }
  }

  @Test func growablesInDocumentsAndLint() throws {
    let text = """
      const MOST = 64;
      enum e { A = 3, B = 4 };
      /** @growable(max: MOST) */
      struct g { int a; /** one @default */ bool b; /** @default(B) */ e c; /** @default */ string d<9>; };
      /** @growable */ struct h { int a; };
      """
    let m = model(text)
    let docs = DocsBackend.generate(m, title: "x")
    for line in [
      "Growable struct, 8 to 68 bytes: a length of 4 bytes, and as many bytes of fields, at most 64.",
      "| 4 | `int a` | 4 |  |", "| 8 | `bool b` | 4 | one If left out: FALSE. |", "If left out: `B`.",
      "If left out: empty.",
      "Growable struct, 8 or more bytes",
    ] { #expect(docs.contains(line), "\(line) is not in \(docs)") }
    let json = JSONBackend.generate(m).compact
    #expect(json.contains(#""growable":{"kind":"opaque","max":64,"maxWritten":"MOST"}"#))
    #expect(json.contains(#""default":"4""#) && json.contains(#""default":"""#))
    let compilation = compile(text)
    Linter.run(compilation.model, diagnostics: compilation.diagnostics)
    #expect(codes(compilation).count { $0 == "lint-unbounded" } == 1)
    // A message with one has a bound where the struct has.
    #expect(m.type(named: "g")?.maximumSize == 68 && m.type(named: "h")?.maximumSize == nil)
  }

  /// An attribute at what generated code uses would warn there, and warnings are errors to some.
  @Test func onlyWhatGeneratedCodeDoesNotUseIsMarkedDeprecated() {
    let text = swift(
      """
      /** @deprecated(s) */ struct s { /** @deprecated(f) */ int a; }; /** @deprecated(e) */ enum e { /** @deprecated(v) */ A = 0 };
      /** @deprecated(u) */ union u switch (e k) { /** @deprecated(arm) */ case A: s x; }; /** @deprecated(td) */ typedef s t<3>;
      program P { version V { /** @deprecated(p) */ u F(t) = 1; } = 1; } = 1;
      """)
    for word in ["s", "f", "e", "v", "u", "arm", "td"] {
      #expect(text.contains("/// Deprecated: \(word).\n"), "\(word)")
    }
    #expect(text.split(separator: "@available(*, deprecated").count == 2)
  }

  @Test func theRuntimeIsImportedWhereItIsNeeded() {
    for text in ["const A = 1;", "typedef opaque t<3>; typedef t u[2];"] {
      #expect(!swift(text).contains("import XDR"), "\(text)")
    }
    for text in [
      "struct s { int x; };", "typedef quadruple q;", "program P { version V { void F(void) = 1; } = 1; } = 1;",
    ] {
      #expect(swift(text).contains("public import XDR"), "\(text)")
    }
  }

  @Test func documentationGoesIntoTheCode() throws {
    let compilation = try BackEndTests.features()
    let text = SwiftBackend(compilation.model, options: SwiftOptions(), diagnostics: compilation.diagnostics).generate()
      .map(\.text).joined()
    for line in [
      "/// One entry.\npublic struct Record:", "/// its name\n  public var name: String",
      "@available(*, deprecated, message: \"use COUNTER_ADD\")",
    ] { #expect(text.contains(line), "\(line)") }
    #expect(!text.contains("@right") && !text.contains("@secret"))
  }
}
