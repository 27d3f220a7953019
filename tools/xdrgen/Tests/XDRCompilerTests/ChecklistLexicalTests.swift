import Testing
import XDRCompiler

/// Points 1 to 7 of the language checklist in the README.
@Suite struct ChecklistLexicalTests {
  @Test func point1NumbersInEveryBase() {
    let m = model(
      """
      const A = 12; const B = -7; const C = 0x1F; const D = 0xABCDEF01; const E = 017; const F = 0; const G = 0X1f;
      const H = -0x10;
      """)
    #expect(
      ["A", "B", "C", "D", "E", "F", "G", "H"].map { constant($0, m) } == [12, -7, 31, 0xABCD_EF01, 15, 0, 31, -16])
    #expect(warnings("const G = 0X1f;") == ["nonstandard-number"])
    #expect(warnings("const H = -0x10;") == ["nonstandard-number"])
    #expect(errors("const A = 08;") == ["invalid-number"])
    #expect(errors("const A = 0x;") == ["invalid-number"])
    #expect(errors("const A = 12abc;") == ["invalid-number"])
  }

  @Test func point2WideConstantsAndDigitSeparators() {
    let m = model("const A = 0xffffffffffffffff; const B = -9223372036854775808; const C = 1'000'000;")
    #expect(constant("A", m) == Int128(UInt64.max))
    #expect(constant("B", m) == Int128(Int64.min))
    #expect(constant("C", m) == 1_000_000)
    #expect(errors("const A = 0x10000000000000000; const B = A;") == ["invalid-number"])
    #expect(errors("const A = 4294967296; typedef opaque t<A>;") == ["value-out-of-range"])
    #expect(errors("enum e { X = 4294967295 };") == ["value-out-of-range"])
    #expect(errors("union u switch (int d) { case 4294967295: void; };") == ["value-out-of-range"])
    #expect(errors("program P { version V { void F(void) = 4294967296; } = 1; } = 1;") == ["invalid-number-range"])
    #expect(errors("const A = 1'0;", dialect: .all.subtracting(.digitSeparators)) == ["dialect"])
  }

  @Test func point3Comments() {
    let m = model("/* a /* b */ const A = 1; // c */ \n/* // */ const B = 2; /**/ const C = 3; /***/ const D = 4;")
    #expect(m.constants.count == 4)
    let compilation = compile("const A = 1;\n  /* no end\nconst B = 2;")
    #expect(codes(compilation) == ["!unterminated-comment"])
    #expect(compilation.rendered().hasPrefix("test.x:2:3: error: this comment has no end"))
    let documented = model(
      """
      /** Before. */ struct a { int x; /**< Behind. */ int y; /// Behind too?
      };
      /// One.
      /// Two.
      const B = 1;
      """)
    #expect(documented.type(named: "a")?.docs.lines == ["Before."])
    #expect(fields("a", documented)[0].docs.lines == ["Behind."])
    #expect(documented.constants[0].docs.lines == ["One.", "Two."])
  }

  @Test func point4PassthroughLinesAreDropped() {
    let m = model(
      """
      %#include <x.h>
      %struct not_parsed { @#$ };
        %indented as in RFC 7863
      /* a comment
      % with a percent line
      */
      %#define LONG \\
       still part of it
      const A = 1;
      """)
    #expect(m.constants.count == 1 && m.types.isEmpty)
    // A constant that only a % line knows is better than none, and worth a word.
    #expect(warnings("%#define N 4\ntypedef opaque t<N>;") == ["passthrough-constant"])
  }

  @Test func point5Preprocessor() {
    let m = model(
      """
      #pragma ident "x"
      # 12 "other.x"
      #define SIZE 6
      #define TWICE SIZE
      #ifdef RPC_HDR
      const HDR = 1;
      #endif
      #if defined(RPC_CLNT) || defined(RPC_SVC)
      const STUBS = 1;
      #elif SIZE * 2 == 12 && !defined NOTHING
      const ELIF = 1;
      #else
      const ELSE = 1;
      #endif
      #ifndef SIZE
      @ not lexed, don't
      #endif
      #undef SIZE
      #define SIZE 9
      typedef opaque t<TWICE>;
      #include "more.x"
      #include "more.x"
      """, files: ["more.x": "const MORE = 5;"])
    #expect(m.constants.map(\.name) == ["HDR", "ELIF", "MORE"])
    #expect(m.type(named: "t")?.maximumSize == 16)
    #expect(errors("#if 1\nconst A = 1;") == ["unbalanced-conditional"])
    #expect(errors("#endif") == ["unbalanced-conditional"])
    #expect(errors("#include \"none.x\"") == ["include-not-found"])
    #expect(compile("# 40 \"far.x\"\nconst A = ;").rendered().hasPrefix("far.x:40:11: error"))
    let deep =
      (0..<200).map { "#if \($0 + 1)\n" }.joined() + "const A = 1;\n" + String(repeating: "#endif\n", count: 200)
    #expect(model(deep).constants.count == 1)
  }

  @Test func point6BytesAroundTheText() {
    let m = model("\u{feff}const A = 1;\r\n/* \u{201c}curly\u{201d} */ const B = 2;\r\n\tconst C = 3;")
    #expect(m.constants.count == 3)
    // The caret stands under the name behind tabs and wide characters.
    let text = compile("/* \u{201c} */\tconst A = no_such;").rendered()
    #expect(text.contains("test.x:1:19: error"))
    #expect(text.contains("\n      |        \t          ^~~~~~~\n"))
    #expect(errors("const A = 1") == ["missing-semicolon"])
  }

  @Test func point7UnderscoresAndPredefinedNames() {
    let m = model(
      "struct _s { int _a; int __b; }; const T = TRUE; union u switch (bool b) { case TRUE: int x; case FALSE: void; };"
    )
    #expect(fields("_s", m).map(\.name) == ["_a", "__b"])
    #expect(constant("T", m) == 1)
    #expect(warnings("const TRUE = 1;") == ["reserved-name"])
  }
}

/// Points 8 to 13.
@Suite struct ChecklistNameTests {
  @Test func point8OneNameSpace() {
    #expect(errors("const A = 1; enum e { A = 2 };") == ["duplicate-name"])
    #expect(errors("enum e { A = 1 }; enum f { A = 1 };") == ["duplicate-name"])
    #expect(errors("const A = 1; struct A { int x; };") == ["duplicate-name"])
    #expect(errors("const A = 1; const A = 2;") == ["duplicate-name"])
    #expect(warnings("const A = 1; const A = 1;") == ["duplicate-name"])
    // Enumerators of nested enums are names of the whole file too.
    #expect(errors("struct s { enum { A = 1 } e; }; const A = 2;") == ["duplicate-name"])
  }

  @Test func point9KeywordsAsNames() {
    let m = model("struct s { int version; int program; hyper string; int quadruple; int opaque; int case; };")
    #expect(fields("s", m).map(\.name) == ["version", "program", "string", "quadruple", "opaque", "case"])
  }

  @Test func point10SwiftNames() {
    // KitchenSink compiles with every keyword as a field; here: what is written.
    let text = swift("struct s { int self; int func; int in; int Type; int hashValue; };")
    for property in [
      "var self_: Int32", "var `func`: Int32", "var `in`: Int32", "var type: Int32", "var hashValue_: Int32",
    ] {
      #expect(text.contains("public \(property)"), "\(property)")
    }
    let hidden = swift("struct String { int x; }; struct t { string s<>; String o; };")
    #expect(hidden.contains("public var s: Swift.String") && hidden.contains("public var o: String"))
  }

  @Test func point11CollisionsAfterMappingAreTold() {
    let compilation = compile(
      "struct ks_case { int x; int X; }; struct KS_CASE { int y; }; struct ks__case { int z; };")
    let files = SwiftBackend(compilation.model, options: SwiftOptions(), diagnostics: compilation.diagnostics)
      .generate()
    #expect(codes(compilation) == Array(repeating: "swift-name-collision", count: 3))
    for name in ["struct KsCase:", "struct KS_CASE:", "struct ks__case:", "var X: Int32"] {
      #expect(files[0].text.contains(name), "\(name)")
    }
    let chosen = compile("/** @name(Mine) */ struct a { int x; }; /** @name(Mine) */ struct b { int x; };")
    _ = SwiftBackend(chosen.model, options: SwiftOptions(), diagnostics: chosen.diagnostics).generate()
    #expect(codes(chosen) == ["!swift-name-collision"])
  }

  @Test func point12OrderDoesNotMatter() {
    let m = model(
      """
      struct a { b *x; t y; c z<N>; };
      typedef struct a t2<2>; struct b { a *back; }; typedef e t; enum e { E = N }; typedef opaque c[N]; const N = M;
      const M = 3;
      """)
    #expect(m.type(named: "c")?.minimumSize == 4)
    #expect(m.type(named: "a")?.isRecursive == true && m.type(named: "b")?.isRecursive == true)
  }

  @Test func point13CNamesAreKnown() {
    let m = model(
      "struct s { uint32_t a; u_int b; u_quad_t c; bool_t d; int64_t e; u_char f; uint16_t g; u_long h; };")
    let kinds = fields("s", m).map { field -> String in
      if case .scalar(let scalar) = field.type { scalar.rawValue } else { "?" }
    }
    #expect(
      kinds == [
        "unsignedInt", "unsignedInt", "unsignedHyper", "bool", "hyper", "unsignedChar", "unsignedShort", "unsignedInt",
      ])
    // A definition of the file's own wins, and the whole can be switched off.
    #expect(model("typedef hyper u_int; struct s { u_int x; };").type(named: "s")?.minimumSize == 8)
    var options = CompilerOptions()
    options.definesCTypes = false
    #expect(codes(Compilation("struct s { u_int x; };", options: options)) == ["!unknown-name"])
  }
}
