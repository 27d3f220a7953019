import Foundation
import Testing
import XDRCompiler

/// Each row of the README's table of changes.
@Suite struct BreakingTests {
  struct Row: CustomTestStringConvertible, Sendable {
    var name: String
    var old: String
    var new: String
    var level: String
    var testDescription: String { name }
  }

  static func program(_ body: String, _ types: String = "") -> String {
    "\(types)\nprogram P { version V {\n\(body)\n} = 1; } = 0x20000001;"
  }

  static let s = "struct s { int a; hyper b; };"

  static let g = "/** @growable */ struct g { int a; };"

  static let rows: [Row] = [
    Row(name: "field-added", old: s, new: "struct s { int a; hyper b; int *c; };", level: "wire"),
    Row(name: "field-added", old: g, new: "/** @growable */ struct g { int b; int a; };", level: "wire"),
    Row(
      name: "field-removed", old: g.replacingOccurrences(of: "}", with: "int b; }"), new: g, level: "wire"),
    Row(
      name: "field-added", old: g, new: "/** @growable */ struct g { int a; int b; };", level: "wire"),
    Row(name: "growable-changed", old: g, new: "struct g { int a; };", level: "wire"),
    Row(name: "growable-changed", old: "struct g { int a; };", new: g, level: "wire"),
    Row(
      name: "field-default-changed", old: "/** @growable */ struct g { int a; /** @default */ int b; };",
      new: "/** @growable */ struct g { int a; /** @default(1) */ int b; };", level: "wire"),
    Row(
      name: "field-default-changed", old: "/** @growable */ struct g { int a; /** @default */ int b; };",
      new: "/** @growable */ struct g { int a; int b; };", level: "wire"),
    Row(
      name: "bound-narrowed", old: "/** @growable(max: 16) */ struct g { int a; };",
      new: "/** @growable(max: 12) */ struct g { int a; };", level: "wire"),
    Row(name: "field-removed", old: s, new: "struct s { int a; };", level: "wire"),
    Row(name: "field-moved", old: s, new: "struct s { hyper b; int a; };", level: "wire"),
    Row(name: "field-renamed", old: s, new: "struct s { int a; hyper c; };", level: "source"),
    Row(name: "type-changed", old: s, new: "struct s { int a; int b; };", level: "wire"),
    Row(name: "type-changed", old: "struct s { int a<3>; };", new: "struct s { int a[3]; };", level: "wire"),
    Row(name: "text-to-bytes", old: "struct s { string a<9>; };", new: "struct s { opaque a<9>; };", level: "warning"),
    Row(name: "text-to-bytes", old: "struct s { opaque a<>; };", new: "struct s { string a<>; };", level: "warning"),
    Row(name: "size-changed", old: "typedef int t[3];", new: "typedef int t[4];", level: "wire"),
    Row(name: "size-changed", old: "struct s { opaque a[8]; };", new: "struct s { opaque a[9]; };", level: "wire"),
    Row(name: "bound-widened", old: "typedef string t<8>;", new: "typedef string t<9>;", level: "warning"),
    Row(name: "bound-narrowed", old: "typedef string t<>;", new: "typedef string t<9>;", level: "wire"),
    Row(
      name: "constant-changed", old: "const N = 8; struct s { opaque a<N>; opaque b<N>; };",
      new: "const N = 4; struct s { opaque a<N>; opaque b<N>; };", level: "source"),
    Row(name: "constant-removed", old: "const N = 8;", new: "const M = 8;", level: "source"),
    Row(
      name: "enum-value-added", old: program("e F(void) = 1;", "enum e { A = 0 };"),
      new: program("e F(void) = 1;", "enum e { A = 0, B = 1 };"), level: "wire"),
    Row(
      name: "enum-value-added", old: program("void F(e) = 1;", "enum e { A = 0 };"),
      new: program("void F(e) = 1;", "enum e { A = 0, B = 1 };"), level: "warning"),
    Row(name: "enum-value-renamed", old: "enum e { A = 0 };", new: "enum e { B = 0 };", level: "source"),
    Row(name: "enum-value-changed", old: "enum e { A = 0 };", new: "enum e { A = 1 };", level: "wire"),
    Row(name: "enum-value-removed", old: "enum e { A = 0, B = 1 };", new: "enum e { A = 0 };", level: "wire"),
    Row(name: "enum-closed", old: "/** @open */ enum e { A = 0 };", new: "enum e { A = 0 };", level: "wire"),
    Row(
      name: "arm-added", old: program("u F(void) = 1;", "union u switch (int d) { case 1: int a; };"),
      new: program("u F(void) = 1;", "union u switch (int d) { case 1: int a; case 2: void; };"), level: "wire"),
    Row(
      name: "arm-removed", old: "union u switch (int d) { case 1: int a; case 2: void; };",
      new: "union u switch (int d) { case 1: int a; };", level: "wire"),
    Row(
      name: "arm-changed", old: "union u switch (int d) { case 1: int a; };",
      new: "union u switch (int d) { case 1: void; };", level: "wire"),
    Row(
      name: "arm-added",
      old: program("void F(u) = 1;", "union u switch (int d) { case 1: int a; };"),
      new: program("void F(u) = 1;", "union u switch (int d) { case 1: int a; case 2: void; };"), level: "warning"),
    Row(
      name: "type-changed", old: "union u switch (int d) { case 1: int a; };",
      new: "union u switch (int d) { case 1: hyper a; };", level: "wire"),
    Row(
      name: "arm-renamed", old: "union u switch (int d) { case 1: int a; };",
      new: "union u switch (int d) { case 1: int b; };", level: "source"),
    Row(
      name: "default-added", old: "union u switch (int d) { case 1: int a; };",
      new: "union u switch (int d) { case 1: int a; default: void; };", level: "warning"),
    Row(
      name: "default-removed", old: "union u switch (int d) { case 1: int a; default: void; };",
      new: "union u switch (int d) { case 1: int a; };", level: "wire"),
    Row(name: "type-kind-changed", old: "struct s { int a; };", new: "struct s { unsigned a; };", level: "source"),
    Row(
      name: "type-kind-changed", old: "enum e { A = 0 }; struct s { e a; };",
      new: "enum e { A = 0 }; struct s { bool a; };",
      level: "source"),
    Row(name: "type-kind-changed", old: "struct s { int *a; };", new: "struct s { int a<1>; };", level: "source"),
    Row(
      name: "number-reused", old: program("void F(void) = 1; void G(void) = 2;"),
      new: program("void G(void) = 1; void F(void) = 2;"), level: "wire"),
    Row(name: "result-changed", old: program("int F(void) = 1;"), new: program("void F(void) = 1;"), level: "wire"),
    Row(
      name: "field-added", old: program("void F(int) = 1;"), new: program("void F(int, int) = 1;"), level: "wire"),
    Row(name: "type-removed", old: s, new: "struct t { int a; };", level: "source"),
    Row(
      name: "type-renamed", old: "struct x { int a; }; struct s { x a; };",
      new: "struct x { int a; }; struct y { hyper a; }; struct s { y a; };", level: "source"),
    Row(
      name: "procedure-removed", old: program("void F(void) = 1; void G(void) = 2;"), new: program("void G(void) = 2;"),
      level: "wire"),
    Row(
      name: "procedure-renumbered", old: program("void F(void) = 1;"), new: program("void F(void) = 2;"), level: "wire"),
    Row(name: "procedure-renamed", old: program("int F(int) = 1;"), new: program("int G(int) = 1;"), level: "source"),
    Row(name: "number-reused", old: program("int F(int) = 1;"), new: program("hyper G(int) = 1;"), level: "wire"),
    Row(name: "arguments-changed", old: program("void F(void) = 1;"), new: program("void F(s) = 1;", s), level: "wire"),
    Row(name: "result-changed", old: program("void F(void) = 1;"), new: program("int F(void) = 1;"), level: "wire"),
    Row(
      name: "event-changed", old: program("int F(void) = 1;"), new: program("/** @event */ int F(void) = 1;"),
      level: "wire"),
    Row(
      name: "program-renumbered", old: program("void F(void) = 1;"),
      new: "program P { version V { void F(void) = 1; } = 1; } = 2;", level: "wire"),
    Row(name: "program-removed", old: program("void F(void) = 1;"), new: "const A = 1;", level: "wire"),
    Row(
      name: "program-renamed", old: program("void F(void) = 1;"),
      new: "program Q { version V { void F(void) = 1; } = 1; } = 0x20000001;", level: "source"),
    Row(
      name: "version-removed", old: program("void F(void) = 1;"),
      new: "program P { version V { void F(void) = 1; } = 2; } = 0x20000001;", level: "wire"),
    Row(
      name: "right-weakened", old: program("/** @right admin */ void F(void) = 1;"),
      new: program("/** @right view */ void F(void) = 1;"), level: "policy"),
    Row(
      name: "right-strengthened", old: program("/** @right view */ void F(void) = 1;"),
      new: program("/** @right admin */ void F(void) = 1;"), level: "policy"),
    Row(
      name: "readonly-changed", old: program("void F(void) = 1;"), new: program("/** @readonly */ void F(void) = 1;"),
      level: "policy"),
    Row(
      name: "idempotent-changed", old: program("/** @idempotent */ void F(void) = 1;"),
      new: program("void F(void) = 1;"), level: "policy"),
    Row(
      name: "since-changed", old: program("/** @since 1.0 */ void F(void) = 1;"), new: program("void F(void) = 1;"),
      level: "policy"),
    Row(
      name: "annotation-changed",
      old: "enum e_procedure { E_PROC_A = 1 }; const E_PROGRAM = 1; const E_PROTOCOL_VERSION = 1;".replacingOccurrences(
        of: "{ E", with: "{ /** @acl: x:read */ E"),
      new: "enum e_procedure { E_PROC_A = 1 }; const E_PROGRAM = 1; const E_PROTOCOL_VERSION = 1;", level: "policy"),
    Row(
      name: "number-gap-used", old: program("void F(void) = 1; void G(void) = 3;"),
      new: program("void F(void) = 1; void H(void) = 2; void G(void) = 3;"), level: "policy"),
    Row(
      name: "secret-dropped", old: "struct s { /** @secret */ int a; };", new: "struct s { int a; };", level: "policy"),
  ]

  static func changes(_ row: Row) -> [Change] {
    func revision(_ text: String, _ path: String) -> Model {
      let compilation = Compilation(text, path: path)
      #expect(compilation.succeeded, "\(compilation.rendered())")
      return compilation.model
    }
    return Comparison.changes(from: revision(row.old, "old.x"), to: revision(row.new, "new.x"))
  }

  @Test(arguments: rows) func eachKindOfChangeIsFound(row: Row) {
    let found = BreakingTests.changes(row)
    #expect(
      found.contains { $0.code.rawValue == row.name && $0.level.rawValue == row.level }, "\(found.map(\.text).joined())"
    )
  }

  /// A golden file for each kind.
  @Test(arguments: Change.Code.allCases) func theTextsAreStable(code: Change.Code) throws {
    let rows = BreakingTests.rows.filter { $0.name == code.rawValue }
    try #require(!rows.isEmpty, "no change of this kind in the table above")
    let text = rows.map { row in
      "--- \(row.old)\n+++ \(row.new)\n\(BreakingTests.changes(row).map(\.text).joined())"
    }
    try expectGolden(text.joined(separator: "\n"), "breaking/\(code.rawValue).txt")
  }

  @Test func jsonHasTheSameFacts() throws {
    let json = JSONValue.array(BreakingTests.rows.flatMap(BreakingTests.changes).map(\.json)).pretty
    try expectGolden(json, "breaking/changes.json")
  }

  @Test func additionsAtTheEndBreakNothing() {
    let row = Row(
      name: "", old: BreakingTests.program("void F(void) = 1;", "/** @open */ enum e { A = 0 };"),
      new: BreakingTests.program(
        "void F(void) = 1; int G(s) = 2;", "/** @open */ enum e { A = 0, B = 1 }; struct s { int x; };"),
      level: "")
    #expect(BreakingTests.changes(row).isEmpty)
  }

  @Test func fieldsWithDefaultsAtTheEndOfGrowablesBreakNothing() throws {
    func changes(_ old: String, _ new: String) -> [Change] {
      BreakingTests.changes(Row(name: "", old: old, new: new, level: ""))
    }
    let more = "/** @growable */ struct g { int a; /** @default */ int b; /** @default */ string c<9>; };"
    #expect(changes(BreakingTests.g, more).isEmpty)
    let program = BreakingTests.program("g F(g) = 1;")
    #expect(changes(BreakingTests.g + program, more + program).isEmpty)
    // A procedure is the same one for old and new peers.
    func fingerprint(_ text: String) -> String? {
      model(text + program).programs.first?.versions.first?.procedures.first?.fingerprint
    }
    #expect(fingerprint(BreakingTests.g) == fingerprint(more))
    #expect(fingerprint(BreakingTests.g) != fingerprint("struct g { int a; };"))
    let folder = fixtures.appending(path: "growable")
    let texts = try ["growable-old.x", "growable.x"].map {
      try String(contentsOf: folder.appending(path: $0), encoding: .utf8)
    }
    #expect(changes(texts[0], texts[1]).isEmpty)
    #expect(!changes(texts[1], texts[0]).isEmpty)
    #expect(changes(texts[1], texts[1]).isEmpty)
  }

  @Test func aProtocolDoesNotBreakItself() throws {
    for name in ["kitchen-sink.x", "kitchen-sink-rfc.x"] {
      let text = try String(contentsOf: fixtures.appending(path: "kitchen-sink/\(name)"), encoding: .utf8)
      let inc = try String(contentsOf: fixtures.appending(path: "kitchen-sink/kitchen-sink-inc.x"), encoding: .utf8)
      let one = model(text, files: ["kitchen-sink-inc.x": inc])
      let other = model(text, files: ["kitchen-sink-inc.x": inc])
      #expect(Comparison.changes(from: one, to: other).isEmpty)
    }
  }
}
