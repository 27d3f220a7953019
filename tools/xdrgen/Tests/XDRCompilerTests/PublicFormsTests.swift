import Foundation
import Testing
import XDRCompiler

/// Forms of public `.x` files beyond the thirty points: C's habits, names left to headers, texts with repetitions.
@Suite struct PublicFormsTests {
  // MARK: Names after inline types

  @Test func aTagNamesTheTypeAsInC() {
    let m = model("typedef struct node { int v; struct node *next; } node_t; struct s { node_t a; node *b; };")
    #expect(m.type(named: "node")?.list != nil)
    #expect(fields("s", m)[1].type.declaration("b") == "node *b")
    #expect(
      warnings("typedef struct node { int v; } node_t;") == ["dialect"])
  }

  @Test func tagsOfNestedTypesCanBeUsedAfterwards() {
    let m = model(
      """
      struct outer {
        struct inner { int a; } x;
        inner y<>;
        enum kind { K1, K2 } k;
        union arm switch (kind k) { case K1: int z; default: void; } u;
      };
      """)
    #expect(fields("outer", m).map { $0.type.definition?.name } == ["inner", nil, "kind", "arm"])
    #expect(fields("outer", m)[1].type.declaration("y") == "inner y<>")
    #expect(values("kind", m).map(\.value) == [0, 1])
  }

  @Test func aTagIsOneNameAmongAll() {
    #expect(errors("struct a { int x; }; struct s { struct a { int y; } z; };") == ["duplicate-name"])
    #expect(errors("typedef struct node { int v; } t;", dialect: []) == ["dialect"])
    // The typedef that gives a tag its own name is C's way to say nothing.
    #expect(model("typedef struct same { int v; } same;").type(named: "same")?.minimumSize == 4)
  }

  // MARK: Constants

  @Test func anEnumWithoutANameDefinesConstants() {
    let m = model("enum { A = 4, B, C = B, D = -1, E }; typedef opaque t[B]; enum { F, G, };")
    #expect(["A", "B", "C", "D", "E", "F", "G"].map { constant($0, m) } == [4, 5, 5, -1, 0, 0, 1])
    #expect(m.type(named: "t")?.minimumSize == 8)
    // Counting on from a name would need its value before anything has one.
    #expect(errors("enum { A = 4, B = A, C };") == ["unexpected-token"])
    #expect(errors("enum { A };", dialect: []) == ["dialect"])
  }

  @Test func aProcedureIsItsNumberWhereAConstantIsNeeded() {
    let m = model(
      """
      const HIGH = GET;
      program P {
        version V1 { void NUL(void) = 0; int GET(void) = 5; } = 1;
        version V2 { void NUL(void) = 0; int SAME(void) = GET; } = 2;
      } = 0x20000000;
      """)
    #expect(constant("HIGH", m) == 5)
    #expect(m.programs[0].versions[1].procedures.map(\.number) == [0, 5])
    #expect(
      errors("program P { version V { int A(void) = B; int B(void) = A; } = 1; } = 0x20000000;").contains(
        "circular-constant"))
    #expect(errors("program P { version V { int A(void) = A; } = 1; } = 0x20000000;").contains("circular-constant"))
  }

  @Test func authenticationFlavorsAreThoseOfRFC5531() {
    let m = model("union u switch (int f) { case AUTH_NONE: void; case AUTH_SYS: int a; case RPCSEC_GSS: int b; };")
    #expect(union("u", m)?.arms.flatMap(\.labels).map(\.value) == [0, 1, 6])
    // A file's own word comes first.
    #expect(constant("X", model("const AUTH_SYS = 9; const X = AUTH_SYS;")) == 9)
  }

  // MARK: Types of headers

  @Test func structsOfHeadersAreKnownWhereNothingDefinesThem() throws {
    let text = "struct s { netbuf b; authsys_parms p; struct opaque_auth a; };"
    let m = model(text)
    // maxlen, length / stamp, length, uid, gid, count / flavor, length
    #expect(m.type(named: "s")?.minimumSize == 8 + 20 + 8)
    #expect(swift(text).contains("public struct AuthsysParms: XDRCodable"))
    #expect(fields("netbuf", model("struct netbuf { int mine; }; struct s { netbuf b; };")).map(\.name) == ["mine"])
    var options = CompilerOptions()
    options.definesCTypes = false
    #expect(codes(Compilation(text, options: options)).contains("!unknown-name"))
  }

  @Test func whatAHeaderDefinesIsAskedFor() {
    let constant = compile("%#include \"limits.h\"\ntypedef opaque t[HOST_MAX];").rendered()
    #expect(constant.contains("hint: headers that % lines include are not read; -D HOST_MAX=VALUE gives it a value"))
    let type = compile("%#include \"remote.h\"\nstruct s { remote_host h; };").rendered()
    #expect(type.contains("hint: headers that % lines include are not read; give the .x file that defines it"))
    #expect(!compile("typedef opaque t[HOST_MAX];").rendered().contains("headers"))
  }

  // MARK: Repetitions

  @Test func theSameTypedefTwiceIsOne() {
    let text = "typedef opaque fh<8>; struct s { fh a; }; typedef\topaque\n fh<8>;"
    #expect(warnings(text) == ["duplicate-name"])
    #expect(model(text).types.filter { $0.name == "fh" }.count == 1)
    #expect(swift(text).components(separatedBy: "public typealias Fh ").count == 2)
    #expect(errors("typedef opaque fh<8>; typedef opaque fh<9>;") == ["duplicate-name"])
    #expect(errors("typedef opaque fh<8>; struct fh { int a; };") == ["duplicate-name"])
  }

  // MARK: Namespaces

  @Test func aNameCanSayItsNamespace() {
    let m = model(
      """
      namespace a { const MAX = 3; enum e { E1 = 1 }; struct s { int v; }; }
      namespace b::c { struct t { a::s one; a::s many<a::MAX>; }; union u switch (a::e k) { case a::E1: int x; }; }
      """)
    #expect(fields("t", m)[0].type.definition?.name == "s")
    #expect(m.type(named: "t")?.maximumSize == 4 + 4 + 12)
    #expect(union("u", m)?.arms[0].labels.map(\.value) == [1])
    #expect(errors("struct s { int v; }; struct t { a::s one; };", dialect: []) != [])
  }

  @Test func namespacesMayHaveTheSameNames() throws {
    let text = """
      const MAX = 2;
      namespace a {
        enum color { RED = 0, BLUE = 1 };
        struct point { color c; int many<MAX>; };
        namespace inner { const MAX = 3; enum color { RED = 7 }; struct line { point p; color c<MAX>; a::color o; }; }
      }
      namespace b {
        enum color { RED = 4 };
        typedef struct { int v; } point;
        union u switch (color k) { case RED: point p; case b::RED: ::a::point q; default: a::inner::color c; };
        struct all { ::color none; };
      }
      program P { version V { b::point get(a::point) = 1; } = 1; } = 0x20000001;
      """
    #expect(errors(text) == ["unknown-name", "duplicate-case"])
    let fine = text.replacingOccurrences(of: " struct all { ::color none; };", with: "")
      .replacingOccurrences(of: "case b::RED:", with: "case 5:").replacingOccurrences(of: "(color k)", with: "(int k)")
    #expect(errors(fine) == [])
    let m = model(fine)
    #expect(
      m.types.map(\.name)
        == ["a_color", "a_point", "a_inner_color", "line", "b_color", "b_point", "u"])
    #expect(fields("a_point", m)[0].type.definition?.name == "a_color")
    // `MAX` of the innermost namespace that has one.
    #expect(m.type(named: "a_point")?.maximumSize == 4 + 4 + 2 * 4)
    #expect(fields("line", m).map { $0.type.definition?.name } == ["a_point", nil, "a_color"])
    #expect(m.type(named: "line")?.maximumSize == 16 + (4 + 3 * 4) + 4)
    #expect(union("u", m)?.arms[0].labels.map(\.value) == [4])
    #expect(union("u", m)?.arms[1].type.definition?.name == "a_point")
    #expect(union("u", m)?.defaultArm?.type.definition?.name == "a_inner_color")
    #expect(errors("namespace a { enum e { X = 1, X = 2 }; } namespace b { enum f { X = 1 }; }") == ["duplicate-name"])
    // Of the enum outside, though there is one of that name nearer.
    let outer = """
      enum color { RED, BLUE };
      namespace n { enum other { BLUE = 5, RED = 6 }; union u switch (color c) { case RED: int x; case n::BLUE: void; }; }
      """
    #expect(errors(outer) == ["wrong-enumerator"])
    let own = outer.replacingOccurrences(of: "n::BLUE", with: "BLUE")
    for text in [
      own, own.replacingOccurrences(of: "enum color { RED, BLUE }", with: "typedef enum { RED, BLUE } color"),
    ] {
      #expect(union("u", model(text))?.arms.flatMap(\.labels).map(\.value) == [0, 1])
    }
    let long = String(repeating: "n", count: 201)
    #expect(errors("namespace \(long) { const A = 1; }").first == "nesting-too-deep")
  }

  @Test func whatAHeaderIsMadeFromIsRead() {
    let files = ["other.x": "%#include \"main.h\"\nstruct other { int x; };", "test.x": ""]
    let text = "%#include \"src/other.h\"\n%#include <stdio.h>\nstruct s { other o; };"
    #expect(codes(compile(text, files: files)) == ["header-followed"])
    #expect(model(text, files: files).type(named: "s")?.minimumSize == 4)
    // Only where a name is missing, and only where it helps.
    let whole = "%#include \"other.h\"\nstruct other { hyper x; }; struct s { other o; };"
    #expect(codes(compile(whole, files: files)) == [])
    #expect(codes(compile("%#include \"other.h\"\nstruct s { another o; };", files: files)) == ["!unknown-name"])
  }

  @Test func aTypeThatOnlyAPercentLineDefinesIsTaken() {
    let text = "%#define my_quad uint64_t\n%#define my_s s\nstruct s { my_quad q; }; struct t { my_s a; my_quad b<>; };"
    // Once for each name, however often it is used.
    #expect(warnings(text) == ["passthrough-type", "passthrough-type"])
    #expect(model(text).type(named: "s")?.minimumSize == 8)
    #expect(errors("%#define a b\n%#define b a\nstruct s { a x; };") == ["unknown-name"])
  }

  @Test func pragmasAreReadPast() {
    let text = "pragma header nlm4;\npragma big_endian nlm4_stats;\nstruct pragma { int pragma; };\npragma public s;"
    #expect(model(text).types.map(\.name) == ["pragma"])
    #expect(errors("pragma header x; const A = 1;", dialect: []) == ["dialect"])
    #expect(errors("pragma header x const A = 1;") == ["missing-semicolon", "unexpected-token"])
  }

  @Test func packagesAreReadPastAndImportsAreIncludes() {
    let text =
      "package \"example.org/x\";\nimport \"other.x\";\nstruct s { import package; other o; };\nstruct import { int x; };"
    let files = ["other.x": "package \"example.org/o\";\nstruct other { hyper x; };"]
    #expect(model(text, files: files).type(named: "s")?.minimumSize == 12)
    #expect(errors("import \"none.x\";") == ["include-not-found"])
    #expect(errors("package \"p\"; const A = 1;", dialect: []) == ["dialect"])
    #expect(errors("import \"other.x\";", files: files, dialect: []) == ["unexpected-token"])
  }

  @Test func namesCanBeginAtTheOutermostNamespace() {
    let text = "enum e { A = 1 }; namespace n { union u switch (::e d) { case ::A: n::t x; }; typedef int t; }"
    #expect(model(text).type(named: "u")?.minimumSize == 8)
  }

  @Test func digitsCanBeApart() {
    #expect(constant("C", model("const C = 0xABCD'EF_01;")) == 0xABCD_EF01)
    #expect(errors("const C = 1_;") == ["invalid-number"])
  }
}
