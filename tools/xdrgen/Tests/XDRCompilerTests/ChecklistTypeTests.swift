import Testing
import XDRCompiler

/// Points 14 to 21 of the language checklist.
@Suite struct ChecklistDeclarationTests {
  @Test func point14Sizes() {
    #expect(
      model("typedef opaque z[0]; typedef int y[0]; struct s { z a; y b; int c; };").type(named: "s")?.minimumSize == 4)
    #expect(errors("typedef int z[0]; struct s { z a<>; };") == ["zero-width-element"])
    #expect(errors("typedef opaque z[0]; typedef z t<4>;") == ["zero-width-element"])
    #expect(errors("typedef opaque t<-1>;") == ["value-out-of-range"])
    #expect(errors("typedef opaque t<4294967296>;") == ["value-out-of-range"])
    #expect(errors("typedef int t[];") == ["missing-size"])
  }

  @Test func point15Bounds() {
    let m = model(
      """
      const A = 4; const B = A; enum e { E = 5 };
      #define M 6
      typedef opaque a<>; typedef opaque b<A>; typedef opaque c<B>; typedef opaque d<E>; typedef opaque f<M>;
      """)
    #expect(["a", "b", "c", "d", "f"].map { m.type(named: $0)?.maximumSize } == [nil, 8, 8, 12, 12])
    guard case .alias(.opaque(let bound))? = m.type(named: "a")?.body else { return #expect(Bool(false)) }
    #expect(bound.value == .max && bound.isUnbounded)
  }

  @Test func point16StringsAndOpaquesNeedBrackets() {
    #expect(errors("struct s { opaque x; };") == ["missing-size"])
    #expect(errors("struct s { string x[3]; };") == ["missing-size"])
    #expect(errors("struct s { string x; };") == ["missing-size"])
    #expect(errors("struct s { string *x<>; };") == ["unexpected-token"])
    #expect(model("struct s { string x; };", dialect: .all).type(named: "s")?.minimumSize == 4)
    #expect(compile("struct s { string x; };").rendered().contains("fix: insert '<>'"))
  }

  @Test func point17ArraysOfArrays() {
    #expect(errors("struct s { int a[2][3]; };") == ["unexpected-token"])
    #expect(errors("struct s { int a<2><3>; };") == ["unexpected-token"])
    #expect(model("typedef int row[3]; typedef row table[2];").type(named: "table")?.minimumSize == 24)
    let m = model("struct t { int v; }; struct s { t *children<>; }; typedef t *p; struct u { p a<>; };")
    #expect(fields("s", m)[0].type.declaration("x") == "t * x<>")
    #expect(errors("struct t { int v; }; struct s { t *c<>; };", dialect: []) == ["dialect"])
  }

  @Test func point18NarrowIntegersTakeAWordEach() {
    let m = model("typedef char t[5]; typedef short s<3>; typedef unsigned char u;")
    #expect(m.type(named: "t")?.minimumSize == 20)
    #expect(m.type(named: "s")?.maximumSize == 16)
    #expect(m.type(named: "u")?.minimumSize == 4)
  }

  @Test func point19QuadrupleIsSixteenBytes() {
    #expect(model("typedef quadruple q; struct s { q a; quadruple b; };").type(named: "s")?.minimumSize == 32)
    #expect(swift("struct s { quadruple b; };").contains("public var b: XDRQuadruple"))
  }

  @Test func point20AnonymousTypesGetNames() {
    let m = model(
      """
      struct r { struct { int x; } point; union switch (int d) { case 0: struct { hyper h; } inner; default: enum { R = 7 } e; } u;
        struct { int i; } arr<4>; enum { S = 9 } *opt; };
      typedef struct { int a; } t; typedef enum { T = 1 } te; typedef struct { int b; } list<3>;
      """)
    #expect(
      Set(m.types.map(\.name)) == [
        "r", "r_point", "r_u", "r_u_inner", "r_u_e", "r_arr", "r_opt", "t", "te", "list", "list_item",
      ])
    #expect(m.type(named: "t")?.minimumSize == 4 && m.type(named: "r_u_inner")?.minimumSize == 8)
  }

  @Test func point21PointerStructsDefineOptionals() {
    let m = model("struct *mountlist { int host; mountlist next; };")
    #expect(m.type(named: "mountlist")?.minimumSize == 4)
    #expect(m.type(named: "mountlist_item")?.list != nil)
    #expect(errors("struct *m { int host; };", dialect: []) == ["dialect"])
  }
}

/// Points 22 to 27.
@Suite struct ChecklistUnionTests {
  @Test func point22Discriminants() {
    for type in ["int", "unsigned", "unsigned int", "bool", "short", "char", "unsigned char", "e", "t", "enum e"] {
      #expect(
        errors("enum e { E = 1 }; typedef e tt; typedef tt t; union u switch (\(type) d) { case 1: void; };") == [],
        "\(type)")
    }
    #expect(
      warnings("union u switch (hyper d) { case 5000000000: int x; default: void; };") == ["invalid-discriminant"])
    for type in ["float", "double", "quadruple", "s"] {
      #expect(errors("struct s { int x; }; union u switch (\(type) d) { case 1: void; };") == ["invalid-discriminant"])
    }
    #expect(errors("union u switch (string d<>) { case 1: void; };") == ["invalid-discriminant"])
  }

  @Test func point23Arms() {
    let m = model("union u switch (int d) { case 1: case 2: int a; default: void; case 3: hyper b; };")
    #expect(union("u", m)?.arms.map(\.labels.count) == [2, 1])
    #expect(union("u", m)?.defaultArm?.isVoid == true)
    #expect(errors("union u switch (int d) { case 1: int a; case 2: hyper a; };") == ["duplicate-member"])
    #expect(errors("union u switch (int d) { case 1: void x; };") == ["void-misplaced"])
    #expect(errors("union u switch (int d) { default: void; default: int x; };") == ["duplicate-case"])
    #expect(model("union u switch (int d) { default: int x; };").type(named: "u")?.minimumSize == 8)
  }

  @Test func point24Labels() {
    let m = model(
      "const K = 4; union u switch (int d) { case -1: void; case 0x10: void; case K: int x; case 'a': int y; };")
    #expect(union("u", m)?.arms.flatMap(\.labels).map(\.value) == [-1, 16, 4, 97])
    #expect(errors("union u switch (int d) { case 1: void; case 0x1: void; };") == ["duplicate-case"])
    #expect(errors("union u switch (unsigned d) { case -1: void; };") == ["value-out-of-range"])
    #expect(
      errors("enum e { A = 1 }; enum f { B = 1 }; union u switch (e d) { case B: void; };") == ["wrong-enumerator"])
    #expect(errors("enum e { A = 1 }; union u switch (e d) { case 2: void; };") == ["wrong-enumerator"])
    #expect(errors("union u switch (bool d) { case 2: void; };") == ["value-out-of-range"])
    #expect(errors("union u switch (int d) { case NONE: void; };") == ["unknown-name"])
  }

  @Test func point25UncoveredValues() {
    let compilation = compile("enum e { A = 1, B = 2 }; union u switch (e d) { case A: void; };")
    Linter.run(compilation.model, diagnostics: compilation.diagnostics)
    #expect(codes(compilation) == ["lint-uncovered"])
    let hidden = compile("enum e { A = 1, B = 2 }; union u switch (e d) { case A: void; default: void; };")
    Linter.run(hidden.model, diagnostics: hidden.diagnostics)
    #expect(codes(hidden) == ["lint-hidden-by-default"])
  }

  @Test func point26BoolUnions() {
    let compilation = compile("union u switch (bool b) { case TRUE: int x; };")
    Linter.run(compilation.model, diagnostics: compilation.diagnostics)
    #expect(codes(compilation) == ["lint-uncovered"])
    #expect(model("union u switch (bool b) { case 1: int x; case 0: void; };").type(named: "u")?.minimumSize == 4)
    #expect(errors("union u switch (bool b) { case TRUE: int x; case 1: void; };") == ["duplicate-case"])
  }

  @Test func point27DefaultArmsCarryTheirDiscriminant() {
    let text = swift("union u switch (int d) { case 1: int x; default: hyper y; };")
    #expect(text.contains("case `default`(discriminant: Int32, Int64)"))
    #expect(text.contains("self = .default(discriminant: discriminant, try reader.readInt64())"))
  }
}

/// Points 28 to 30.
@Suite struct ChecklistEnumAndProgramTests {
  @Test func point28EnumValues() {
    let m = model(
      "const K = 12; enum e { A, B, C = 10, D, E = -1, F = 0x7f, G = K, H = -2147483648, I = 2147483647, };")
    #expect(values("e", m).map(\.value) == [0, 1, 10, 11, -1, 127, 12, .min, .max])
    #expect(errors("enum e { A = 2147483648 };") == ["value-out-of-range"])
    #expect(errors("enum e { A = 2147483647, B };") == ["value-out-of-range"])
    #expect(errors("enum e { A = B, B = A };") == ["circular-constant"])
    #expect(errors("enum e { };") == ["empty-body"])
    #expect(warnings("enum e { A = 1, B = 1 };") == ["enum-alias"])
    #expect(swift("enum e { A_X = 1, A_Y = 1 };").contains("public static let y = E.x"))
  }

  @Test func point29Programs() {
    let m = model(
      """
      typedef string t<>;
      program P { version V1 { void NULL_(void) = 0; int INC(int) = 1; string S(string) = 2; void N() = 0x10; } = 1;
        version V2 { hyper ADD(hyper, hyper) = 1; struct s NAMED(int a, t name) = 2; } = 2; } = 0x20000042;
      program Q { version W { void NULL_(void) = 0; } = 1; } = 0x20000043;
      struct s { int x; };
      """)
    #expect(m.programs.map(\.versions.count) == [2, 1])
    #expect(m.programs[0].versions[1].procedures[0].arguments.map(\.name) == ["arg1", "arg2"])
    #expect(m.programs[0].versions[0].procedures.last?.number == 16)
    let head = "program P { version V { void A(void) = 0; void "
    #expect(errors(head + "B(void) = 0; } = 1; } = 1;") == ["duplicate-number"])
    #expect(errors(head + "A(void) = 1; } = 1; } = 1;") == ["duplicate-name"])
    #expect(
      errors("program P { version V { void A(void) = 0; } = 1; version V { void A(void) = 0; } = 1; } = 1;") == [
        "duplicate-name", "duplicate-number",
      ])
    #expect(
      errors(
        "program P { version V { void A(void) = 0; } = 1; } = 1; program Q { version V { void A(void) = 0; } = 1; } = 1;"
      )
        == ["duplicate-number"])
    #expect(errors("program P { version V { void A(void) = -1; } = 1; } = 1;") == ["invalid-number-range"])
  }

  @Test func point30LibvirtStyle() {
    let m = model(
      """
      struct remote_open_args { int flags; };
      enum remote_procedure {
          /**
           * @generate: none
           * @acl: connect:getattr
           */
          REMOTE_PROC_OPEN = 1,

          /**
           * @generate: both
           * @priority: high
           */
          REMOTE_PROC_CLOSE = 2
      };
      """)
    #expect(
      values("remote_procedure", m).map(\.annotations.foreign) == [
        ["@generate: none", "@acl: connect:getattr"], ["@generate: both", "@priority: high"],
      ])
    let whole = model(
      """
      const REMOTE_PROGRAM = 0x20008086;
      const REMOTE_PROTOCOL_VERSION = 1;
      struct remote_open_args { int flags; };
      struct remote_count_ret { int num; };
      struct remote_ended_msg { int code; };
      enum remote_procedure { REMOTE_PROC_OPEN = 1, REMOTE_PROC_COUNT = 2, REMOTE_PROC_ENDED = 3 };
      """)
    let procedures = whole.programs[0].versions[0].procedures
    #expect(whole.programs[0].number == 0x2000_8086)
    #expect(procedures.map(\.isEvent) == [false, false, true])
    #expect(
      procedures.map { $0.arguments.first?.type.declaration("") } == ["remote_open_args", nil, "remote_ended_msg"])
    #expect(procedures.map { $0.result.declaration("") } == ["void", "remote_count_ret", "void"])
  }
}
