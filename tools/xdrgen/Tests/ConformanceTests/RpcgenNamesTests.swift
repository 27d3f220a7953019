import Foundation
import Testing
import XDRCompiler

/// Types named like those of libtirpc: rpcgen makes a routine `xdr_NAME` for each, which must not be one of the library's.
@Suite(.enabled(if: ReferenceTools.missing == nil, "the C reference is missing: \(ReferenceTools.missing ?? "")"))
struct RpcgenNamesTests {
  private func flat(_ text: String) throws -> String {
    let compilation = Compilation(text)
    let flat = RpcgenBackend.generate(compilation.model, diagnostics: compilation.diagnostics)
    try #require(compilation.succeeded, "\(compilation.rendered())")
    return flat
  }

  private func output(_ command: String) throws -> String {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", command]
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
  }

  /// Words of the XDR language have routines too, and cannot be names of types.
  private static let words: Set<String> = [
    "bool", "char", "double", "enum", "float", "hyper", "int", "long", "opaque",
    "short", "string", "union", "void", "quadruple",
  ]

  @Test func noTypeTakesTheNameOfARoutineOfLibtirpc() throws {
    let symbols = try output(
      "nm -D $(ls /usr/lib/*/libtirpc.so* | head -1); grep -rhoE 'xdr_[a-z0-9_]+ *\\(' /usr/include/tirpc")
    let names = Set(symbols.matches(of: /xdr_([a-z0-9_]+)/).map { String($0.1) }).subtracting(RpcgenNamesTests.words)
    #expect(names.count > 80 && names.contains("int64_t") && names.contains("u_quad_t"))
    for name in names.sorted() {
      for text in ["typedef hyper \(name); struct s { \(name) a; };", "struct \(name) { int x; };"] {
        let flat = try flat(text)
        #expect(flat.contains("\(name)_"), "\(flat)")
        #expect(!flat.contains(" \(name);") && !flat.contains("struct \(name) "), "\(flat)")
      }
    }
  }

  /// It not only compiles: values go through.
  @Test func ownDefinitionsOfCTypesWorkInC() throws {
    let text = try flat(
      "typedef hyper int64_t; typedef unsigned int uint32_t; struct pmap { uint32_t prog; int64_t at; }; struct pmap_ { int x; };"
    )
    let folder = FileManager.default.temporaryDirectory.appending(path: "xdrgen-names-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "names.x")
    try text.write(to: file, atomically: true, encoding: .utf8)
    let reference = try CReference(source: file, types: ["pmap_2", "pmap_", "int64_t_"])
    let bytes: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    let answers = try reference.recode([("pmap_2", bytes), ("pmap_", [0, 0, 0, 9]), ("int64_t_", Array(bytes[..<8]))])
    #expect(answers.map(\.bytes) == [bytes, [0, 0, 0, 9], Array(bytes[..<8])])
  }

  /// Nested enums with a value in common compile in C, which has one name space for all.
  @Test func valuesThatEnumsShareWorkInC() throws {
    let text = try flat("struct s { enum { A = 3 } x; enum { A = 3, B = 4 } y; };")
    let folder = FileManager.default.temporaryDirectory.appending(path: "xdrgen-names-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "names.x")
    try text.write(to: file, atomically: true, encoding: .utf8)
    let reference = try CReference(source: file, types: ["s"])
    #expect(try reference.recode([("s", [0, 0, 0, 3, 0, 0, 0, 4])]).map(\.bytes) == [[0, 0, 0, 3, 0, 0, 0, 4]])
  }
}
