import Foundation
import Testing
import XDRCompiler

/// Codes of the findings, errors first marked with "!".
func codes(_ compilation: Compilation) -> [String] {
  compilation.diagnostics.diagnostics.map { ($0.severity == .error ? "!" : "") + $0.code.rawValue }
}

func compile(_ text: String, files: [String: String] = [:], dialect: Dialect = .standard) -> Compilation {
  var options = CompilerOptions()
  options.dialect = dialect
  return Compilation(
    [CompilerInput(path: "test.x", bytes: [UInt8](text.utf8))], provider: MemorySources(files), options: options)
}

/// The model of a text without errors.
func model(
  _ text: String, files: [String: String] = [:], dialect: Dialect = .standard,
  _ location: SourceLocation = #_sourceLocation
) -> Model {
  let compilation = compile(text, files: files, dialect: dialect)
  #expect(compilation.succeeded, "\(compilation.rendered())", sourceLocation: location)
  return compilation.model
}

/// The codes of errors only.
func errors(_ text: String, files: [String: String] = [:], dialect: Dialect = .standard) -> [String] {
  codes(compile(text, files: files, dialect: dialect)).filter { $0.hasPrefix("!") }.map { String($0.dropFirst()) }
}

/// The codes of warnings of a text without errors.
func warnings(_ text: String, dialect: Dialect = .standard, _ location: SourceLocation = #_sourceLocation) -> [String] {
  let compilation = compile(text, dialect: dialect)
  #expect(compilation.succeeded, "\(compilation.rendered())", sourceLocation: location)
  return codes(compilation)
}

/// All generated Swift of a text in one string.
func swift(_ text: String, namespace: String? = nil, _ location: SourceLocation = #_sourceLocation) -> String {
  let compilation = compile(text)
  var options = SwiftOptions()
  options.namespace = namespace
  let files = SwiftBackend(compilation.model, options: options, diagnostics: compilation.diagnostics).generate()
  #expect(compilation.succeeded, "\(compilation.rendered())", sourceLocation: location)
  return files.map(\.text).joined()
}

func constant(_ name: String, _ model: Model) -> Int128? {
  guard case .integer(let value)? = model.constants.first(where: { $0.name == name })?.value else { return nil }
  return value
}

func fields(_ name: String, _ model: Model) -> [Field] {
  guard case .structure(let fields)? = model.type(named: name)?.body else { return [] }
  return fields
}

func values(_ name: String, _ model: Model) -> [Enumerator] {
  guard case .enumeration(let body)? = model.type(named: name)?.body else { return [] }
  return body.values
}

func union(_ name: String, _ model: Model) -> UnionBody? {
  guard case .union(let body)? = model.type(named: name)?.body else { return nil }
  return body
}

let testsFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
let fixtures = testsFolder.deletingLastPathComponent().appending(path: "Fixtures")

/// Compares with a file beside the tests; `UPDATE_GOLDEN=1` writes it instead.
func expectGolden(_ text: String, _ name: String, _ location: SourceLocation = #_sourceLocation) throws {
  let url = testsFolder.appending(path: "Golden/\(name)")
  if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil {
    try text.write(to: url, atomically: true, encoding: .utf8)
    return
  }
  let expected = (try? String(contentsOf: url, encoding: .utf8)) ?? ""
  let difference = unifiedDiff(old: expected, new: text, oldName: name, newName: "now")
  #expect(difference.isEmpty, "\(difference)", sourceLocation: location)
}
