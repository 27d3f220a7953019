import Foundation
import Testing
import XDRCompiler

/// The cost of generated code for the Swift compiler.
@Suite(.enabled(if: ReferenceTools.swiftCompiler != nil, "swiftc is not in PATH"))
struct CompileCostTests {
  /// Procedures of every form: with arguments or without, with a result or without, of several arguments.
  static func program(_ count: Int) -> String {
    var text = "struct item { string name<64>; int value; };\n"
    var procedures = ""
    for index in 0..<count {
      text += "struct args\(index) { string guest<64>; unsigned int flags; item items<16>; hyper *limit; };\n"
      text += "struct reply\(index) { unsigned hyper value; string text<256>; item *best; };\n"
      let name = "BIG_P\(index)"
      procedures +=
        [
          "reply\(index) \(name)(args\(index))", "void \(name)(args\(index))", "reply\(index) \(name)(void)",
          "reply\(index) \(name)(args\(index), string, int)",
        ][index % 4]
      procedures += " = \(index);\n"
    }
    return text + "program BIG_PROGRAM { version BIG_V1 {\n\(procedures)} = 1; } = 0x20000001;\n"
  }

  /// A service of 300 procedures, which took 14 GB when one function called them all.
  @Test func aServiceOfThreeHundredProceduresCompilesInBoundedMemory() throws {
    let compiler = try #require(ReferenceTools.swiftCompiler)
    let folder = FileManager.default.temporaryDirectory.appending(path: "xdrgen-cost-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let compilation = Compilation(CompileCostTests.program(300), path: "big.x")
    let files = SwiftBackend(compilation.model, options: SwiftOptions(), diagnostics: compilation.diagnostics)
      .generate()
    try #require(compilation.succeeded, "\(compilation.rendered())")
    for file in files {
      try file.text.write(to: folder.appending(path: file.name), atomically: true, encoding: .utf8)
    }
    let runtime = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources/XDR").resolvingSymlinksInPath()
    let sources = try FileManager.default.contentsOfDirectory(atPath: runtime.path).filter { $0.hasSuffix(".swift") }
    let flags = ["-swift-version", "6", "-enable-upcoming-feature", "InternalImportsByDefault", "-parse-as-library"]
    try CReference.run(
      compiler,
      ["-emit-module", "-module-name", "XDR", "-enable-experimental-feature", "Lifetimes"] + flags
        + sources.map { runtime.appending(path: $0).path }, in: folder)
    // One file is compiled and the other looked into, as a debug build does it. The limit is on addresses, of which the
    // compiler's own code takes a part.
    try CReference.run(
      "/bin/sh",
      ["-c", "ulimit -v 2000000; exec \"$@\"", "sh", compiler, "-frontend", "-c", "-module-name", "Big", "-I", "."]
        + flags + ["big.xdr.swift", "-primary-file", "big.service.xdr.swift", "-o", "big.o"], in: folder)
    #expect(FileManager.default.fileExists(atPath: folder.appending(path: "big.o").path))
  }
}
