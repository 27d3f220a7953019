import Foundation
import Testing
import XDRCompiler

@Suite struct FormatTests {
  private func format(_ text: String) -> String? {
    let diagnostics = DiagnosticSink()
    return Formatter.format(path: "t.x", bytes: Array(text.utf8), diagnostics: diagnostics, sources: SourceManager())
      .map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func commentsInOtherEncodingsKeepTheirBytes() {
    func formatted(_ bytes: [UInt8]) -> [UInt8]? {
      Formatter.format(path: "t.x", bytes: bytes, diagnostics: DiagnosticSink(), sources: SourceManager())
    }
    let comment = Array("/* J".utf8) + [0xfc] + Array("rgen".utf8) + [0xa0] + Array(" */\n".utf8)
    let form = comment + Array("const A = 1;\n".utf8)
    #expect(formatted(comment + Array("const  A=1 ;".utf8)) == form)
    #expect(formatted(form) == form)
  }

  @Test func deepNestingMakesNoDeepIndentation() throws {
    // Up to the compiler's limit of nesting, a level takes four spaces.
    #expect(format(String(repeating: "namespace n {", count: 3_000)) == nil)
    let open = String(repeating: "struct { ", count: 90)
    let close = (0..<90).map { "} x\($0);" }.joined(separator: " ")
    let text = try #require(format("typedef struct { \(open)int a;\(close) } t;"))
    #expect(text.utf8.count < 200 * 500)
  }

  @Test func theFormIsFixed() throws {
    let text = """
      /* head */
      struct  a{int x;/**< one */
        hyper   longer_name [ 4 ] ;  // two
      string s< N >; T*next;};
      enum e{A=1,/* first */B = -2};


      union u switch(bool b){case TRUE:case 2:int x;default:void;};
      %#include <x.h>
      #define N 4
      program P{version V{/** Doc. */void F(int,T a)=1;}=1;}=0x20;
      """
    try expectGolden(format(text) ?? "refused", "format.x")
  }

  static var files: [URL] {
    let folders = [fixtures.appending(path: "kitchen-sink"), testsFolder.appending(path: "Golden/diagnostics")]
    return folders.flatMap { folder in
      ((try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? [])
        .filter { $0.pathExtension == "x" }.sorted { $0.path < $1.path }
    }
  }

  @Test func formattingTwiceChangesNothingMoreAndKeepsEveryWord() throws {
    for url in FormatTests.files {
      let text = try String(contentsOf: url, encoding: .utf8)
      // Text that cannot be cut into tokens is left alone.
      guard let once = format(text) else { continue }
      #expect(format(once) == once, "\(url.lastPathComponent)")
      let squeeze = { (text: String) in text.filter { !$0.isWhitespace } }
      #expect(squeeze(once) == squeeze(text.replacingOccurrences(of: "\r\n", with: "\n")), "\(url.lastPathComponent)")
    }
  }

  @Test func formattingKeepsTheMeaning() throws {
    for name in ["kitchen-sink.x", "kitchen-sink-rfc.x", "kitchen-sink-dialect.x"] {
      let inc = try String(contentsOf: fixtures.appending(path: "kitchen-sink/kitchen-sink-inc.x"), encoding: .utf8)
      let text = try String(contentsOf: fixtures.appending(path: "kitchen-sink/\(name)"), encoding: .utf8)
      func json(_ text: String) -> String {
        JSONBackend.generate(model(text, files: ["kitchen-sink-inc.x": inc], dialect: .all)).compact
          .replacing(/"at":"[^"]*"/, with: "")
      }
      #expect(json(format(text) ?? "") == json(text), "\(name)")
    }
  }

  @Test func commentsStayWithWhatTheyAreAbout() {
    let text = """
      struct s {
          /* before */
          int /* inside */ x; /* behind */

          /* last */
      };

      """
    #expect(
      format(text)
        == text.replacingOccurrences(
          of: "x; /* behind */", with: "x;" + String(repeating: " ", count: 13) + "/* behind */"))
  }

  @Test func whatCannotBeReadIsNotTouched() {
    #expect(format("const A = \"no end;\n") == nil)
    #expect(format("/* no end") == nil)
  }

  @Test func namesInNamespacesStayWhole() throws {
    let text = """
      namespace a {
      enum color { RED = 1, BLUE = 2 };
      const N = 3;
      union u switch (::a::color c) {
      case color::RED: a::color x;
      case ::a::BLUE: ::a::s y<::a::N>;
      default: a::color *z[a::N];
      };
      struct s { int x<a::N>; };
      typedef ::a::s t;
      }

      """
    let once = try #require(format(text))
    #expect(errors(once) == [] && errors(text) == [], "\(once)")
    for line in [
      "    union u switch (::a::color c) {", "    case color::RED:", "        a::color x;", "    case ::a::BLUE:",
      "        ::a::s y<::a::N>;", "        a::color *z[a::N];", "        int x<a::N>;", "    typedef ::a::s t;",
    ] { #expect(once.contains(line + "\n"), "\(line) is not in \(once)") }
    #expect(format(once) == once)
  }

  /// Formatting could change the meaning of text that is not XDR: it stays as it is, with the reason.
  @Test func whatDoesNotParseIsNotTouched() throws {
    for text in [
      "struct s { int x };", "struct { int x; };", "union u switch (int d) { case color: :RED: int x; };", "int x;",
      "enum e { A = };", "typedef string t<;", "case A::", "#if 1\nstruct s {\n#endif\n",
    ] {
      let diagnostics = DiagnosticSink()
      let result = Formatter.format(
        path: "a.x", bytes: Array(text.utf8), diagnostics: diagnostics, sources: SourceManager())
      #expect(result == nil && diagnostics.hasErrors, "\(text)")
    }
    // Macros and branches that are left out do not stand in its way.
    let text = """
      #include "missing.x"
      #ifdef NEVER
      this is not XDR at all;
      #endif
      #define SIZE 4

      """
    #expect(format(text + "typedef opaque t<SIZE>;\n") == text + "typedef opaque t<SIZE>;\n")
  }
}
