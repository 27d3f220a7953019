import Foundation
import Testing
import XDRCompiler

/// Generated files in the repository are those that the compiler generates now, on any machine.
@Suite struct FreshnessTests {
  @Test(arguments: [
    ("KS", "kitchen-sink"), ("KSRfc", "kitchen-sink-rfc"), ("KSDialect", "kitchen-sink-dialect"),
    ("Features", "features"), ("Grown", "growable"), ("GrownOld", "growable-old"),
  ])
  func theKitchenSinkIsFresh(namespace: String, name: String) throws {
    let inc = try String(contentsOf: fixtures.appending(path: "kitchen-sink/kitchen-sink-inc.x"), encoding: .utf8)
    let folders = ["features": "features", "growable": "growable", "growable-old": "growable"]
    let folder = fixtures.appending(path: folders[name] ?? "kitchen-sink")
    let bytes = [UInt8](try Data(contentsOf: folder.appending(path: "\(name).x")))
    func generate(_ path: String) -> [GeneratedFile] {
      var options = CompilerOptions()
      options.dialect = .all
      let compilation = Compilation(
        [CompilerInput(path: path, bytes: bytes)], provider: MemorySources(["kitchen-sink-inc.x": inc]),
        options: options)
      var swift = SwiftOptions()
      swift.namespace = namespace
      swift.emitsTesting = name != "growable-old"
      swift.emitsBorrowed = folders[name] != nil
      swift.inlineOpaque = ["features": 32, "growable": 16][name] ?? 0
      return SwiftBackend(compilation.model, options: swift, diagnostics: compilation.diagnostics).generate()
    }
    let files = generate("Fixtures/kitchen-sink/\(name).x")
    #expect(files.count >= 2)
    // The folder it lies in leaves no trace.
    #expect(generate("/elsewhere/\(name).x") == files)
    let place = testsFolder.deletingLastPathComponent().appending(path: "KitchenSink/\(namespace)")
    for file in files {
      let old = try String(contentsOf: place.appending(path: file.name), encoding: .utf8)
      #expect(
        unifiedDiff(old: old, new: file.text, oldName: file.name, newName: "now").isEmpty,
        "run regenerate-tests in tools/xdrgen")
    }
  }
}
