import Foundation
import Testing
import XDRCompiler

/// Forms that public files have and that a compiler is easily too strict or too lax about.
@Suite struct FieldFormsTests {
  /// The portmapper and rpcbind (RFC 1833): one number, versions 2 and 3.
  @Test func programsMayShareANumberAsLongAsVersionsDiffer() {
    func programs(_ first: Int, _ second: Int) -> String {
      """
      program PMAP_PROG { version PMAP_VERS { void PMAP_NULL(void) = 0; } = \(first); } = 100000;
      program RPCB_PROG { version RPCB_VERS { int RPCB_NULL(void) = 0; } = \(second); } = 100000;
      """
    }
    #expect(errors(programs(2, 3)) == [])
    #expect(errors(programs(2, 2)) == ["duplicate-number"])
    // Revisions are compared program by program.
    let one = model(programs(2, 3))
    #expect(Comparison.changes(from: one, to: model(programs(2, 3))).isEmpty)
    let other = model(programs(2, 3).replacingOccurrences(of: "int RPCB", with: "hyper RPCB"))
    #expect(Comparison.changes(from: one, to: other).map(\.code) == [.typeChanged])
    // A version may move from one program to the other: peers see numbers only.
    let joined = model(
      """
      program PMAP_PROG {
          version PMAP_VERS { void PMAP_NULL(void) = 0; } = 2;
          version RPCB_VERS { int RPCB_NULL(void) = 0; } = 3;
      } = 100000;
      """)
    #expect(Comparison.changes(from: one, to: joined).allSatisfy { $0.level != .wire })
    let text = swift(programs(2, 3))
    #expect(text.contains("enum Pmap: RPCProgram") && text.contains("enum Rpcb: RPCProgram"))
  }

  @Test func enumsMayHaveAValueInCommon() {
    let text = """
      struct s {
          enum { A, B } first;
          enum { A = 0, B = 1 } second;
          union switch (enum { A = 0 } tag) { case A: int x; } third;
      };
      """
    let compilation = compile(text)
    #expect(Set(codes(compilation)) == ["duplicate-name"], "\(compilation.rendered())")
    #expect(errors("enum a { A = 1 }; struct s { enum { A = 1 } x; int y[A]; };") == [])
    #expect(errors("enum a { A = 1 }; struct s { enum { A = 2 } x; };") == ["duplicate-name"])
    #expect(errors("enum a { A = 1 }; enum b { A = 1 };") == ["duplicate-name"])
    #expect(errors("enum a { A = 1, A = 1 };") == ["duplicate-name"])
    #expect(errors("enum a { A = 1 }; const A = 1;") == ["duplicate-name"])
    // For C the second one has another name, and means the same.
    let flat = RpcgenBackend.generate(compilation.model, diagnostics: compilation.diagnostics)
    #expect(codes(compile(flat)) == [], "\(flat)")
  }

  @Test func numbersTooWideAreWrongWhereTheyAreUsed() {
    let huge = "const HUGE = 0xFFF000000000000000000;"
    #expect(warnings(huge + " const A = 1;") == ["invalid-number"])
    #expect(model(huge + " const A = 1;").constants.map(\.name) == ["A"])
    for use in [
      "const B = HUGE;", "typedef int t<HUGE>;", "enum e { X = HUGE };", "struct s { int x[HUGE]; };",
      "union u switch (int d) { case HUGE: void; };", "program P { version V { void F(void) = HUGE; } = 1; } = 1;",
      "const C = -0xFFF000000000000000000; typedef int t[C];",
    ] { #expect(errors(huge + use).contains("invalid-number"), "\(use)") }
    // Badly formed is wrong anywhere.
    #expect(errors("const A = 0xFFF00000000000000000000G;") == ["invalid-number"])
  }

  /// Whatever may carry the annotation: what comes out is Swift, or the name is refused.
  @Test func chosenNamesCannotBreakTheCode() {
    let forms: [(String, String)] = [
      ("struct", "/** @name(NAME) */ struct s { int x; };"), ("enum", "/** @name(NAME) */ enum e { A = 1 };"),
      ("union", "/** @name(NAME) */ union u switch (int d) { case 1: void; };"),
      ("typedef", "/** @name(NAME) */ typedef opaque t<3>;"),
      ("program", "/** @name(NAME) */ program P { version V { void F(void) = 1; } = 1; } = 1;"),
    ]
    for name in ["init", "self", "protocol", "class", "in", "Type", "Any", "XDRReader", "XDRSlice", "true"] {
      for (what, text) in forms {
        #expect(
          errors(text.replacingOccurrences(of: "NAME", with: name)) == ["invalid-annotation"], "\(what) \(name)")
      }
    }
    for (what, text) in forms { #expect(errors(text.replacingOccurrences(of: "NAME", with: "Fine")) == [], "\(what)") }
    // Members are escaped.
    let text = swift("struct s { /** @name(init) */ int x; }; enum e { /** @name(default) */ A = 1 };")
    #expect(text.contains("case `default` = 1") && !text.contains("var init:"))
  }

  /// Every way to write an integer in C, as a macro and as a typedef of a % line.
  @Test func typesOfPercentLinesInEverySpelling() {
    let spellings: [(String, Scalar)] = [
      ("int", .int), ("signed", .int), ("signed int", .int), ("unsigned", .unsignedInt), ("unsigned int", .unsignedInt),
      ("int unsigned", .unsignedInt), ("long", .int), ("long int", .int), ("unsigned long", .unsignedInt),
      ("long unsigned int", .unsignedInt), ("long long", .hyper), ("long long int", .hyper),
      ("signed long long", .hyper), ("unsigned long long", .unsignedHyper), ("long long unsigned", .unsignedHyper),
      ("long unsigned long int", .unsignedHyper), ("short", .short), ("short int", .short),
      ("unsigned short int", .unsignedShort), ("char", .char), ("signed char", .char), ("unsigned char", .unsignedChar),
      ("const unsigned long long", .unsignedHyper), ("float", .float), ("double", .double),
      ("uint64_t", .unsignedHyper),
      ("u_quad_t", .unsignedHyper), ("bool_t", .bool), ("unsigned hyper", .unsignedHyper),
    ]
    for (spelling, scalar) in spellings {
      for line in ["%#define q \(spelling)", "%typedef \(spelling) q;", "%typedef \(spelling) r;\n%#define q r"] {
        let text = line + "\nstruct s { q a; q *b; q c<>; };"
        #expect(warnings(text) == ["passthrough-type"], "\(line)")
        #expect(
          fields("s", model(text)).first?.type.declaration("a") == WireType.scalar(scalar).declaration("a"), "\(line)")
      }
    }
    for words in [
      "unsigned float", "long short", "long long long", "unsigned signed", "int int", "unsigned double", "struct none",
      "(x) int", "float float", "q",
    ] { #expect(errors("%#define q \(words)\nstruct s { q a; };") == ["unknown-name"], "\(words)") }
    for line in ["%#define q(x) int", "%typedef int q[3];", "%typedef int *q;", "%typedef int (*q)(void);"] {
      #expect(errors(line + "\nstruct s { q a; };") == ["unknown-name"], "\(line)")
    }
  }

  @Test func constantsOfPercentLinesAreWholeOrUnknown() {
    #expect(constant("B", model("%#define A (M + 1)\nconst M = 4; const B = A; const C = A;")) == 5)
    #expect(warnings("%#define A (M + 1)\nconst M = 4; const B = A; const C = A;") == ["passthrough-constant"])
    for line in ["%#define A M", "%#define A (1 + M)", "%#define A(x) 3", "%#define A sizeof(int)"] {
      #expect(errors(line + "\nconst B = A;") == ["unknown-name"], "\(line)")
    }
    let long = "%#define A 1" + String(repeating: " + 1", count: 150)
    #expect(errors(long + "\nconst B = A;") == ["unknown-name"])
    // Chains are followed to their end or not at all.
    func chain(_ sign: String, _ count: Int) -> String {
      "\(sign)#define M0 7\n" + (1...count).map { "\(sign)#define M\($0) M\($0 - 1)\n" }.joined()
        + "const A = M\(count);"
    }
    #expect(constant("A", model(chain("", 60))) == 7)
    #expect(constant("A", model(chain("%", 60))) == 7)
    #expect(errors(chain("", 70)).contains("too-large"))
    #expect(errors(chain("%", 70)) == ["unknown-name"])
  }

  @Test func whatCannotBeSeenIsNamed() {
    func message(_ text: String) -> String { compile(text).diagnostics.diagnostics.first?.message ?? "" }
    #expect(message("const A\u{200b} = 1;").contains("U+200B (ZERO WIDTH SPACE)"))
    #expect(message("const A\u{a0}= 1;").contains("U+00A0 (NO-BREAK SPACE)"))
    #expect(message("const A\u{feff} = 1;").contains("U+FEFF"))
    #expect(message("const A \u{202e}= 1;").contains("U+202E"))
    #expect(message("const A\u{1} = 1;").contains("U+0001"))
    #expect(message("const A = é;").contains("'é'"))
    let bytes = Array("const A = 1;".utf8)
    for (isLittle, hasMark) in [(true, true), (true, false), (false, true), (false, false)] {
      var wide: [UInt8] = hasMark ? (isLittle ? [0xff, 0xfe] : [0xfe, 0xff]) : []
      for byte in bytes { wide += isLittle ? [byte, 0] : [0, byte] }
      let found = Compilation([CompilerInput(path: "wide.x", bytes: wide)]).diagnostics.diagnostics
      #expect(found.map(\.message) == ["wide.x is UTF-16 text"])
    }
    let invalid = Compilation([CompilerInput(path: "a.x", bytes: bytes + [0xff, 0x3b])]).diagnostics.diagnostics
    #expect(invalid.first?.message.contains("the byte 0xff") == true)
  }

  @Test func stringsMayAllBeBytes() {
    var options = CompilerOptions()
    options.stringsAreBytes = true
    options.dialect = .all
    let text =
      "struct s { string a<9>; string b<>; string c; }; typedef string t<3>; program P { version V { string F(string) = 1; } = 1; } = 1;"
    let compilation = Compilation(text, options: options)
    #expect(compilation.succeeded, "\(compilation.rendered())")
    let swift = SwiftBackend(compilation.model, options: SwiftOptions(), diagnostics: compilation.diagnostics)
      .generate()
      .map(\.text).joined()
    #expect(!swift.contains("String") && swift.contains("public var a: [UInt8]"))
  }
}
