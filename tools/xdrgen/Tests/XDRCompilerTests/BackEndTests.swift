import Foundation
import Testing
import XDRCompiler

/// What the other back ends write, as a reader sees it.
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
