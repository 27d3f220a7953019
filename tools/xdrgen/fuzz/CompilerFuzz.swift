import XDRCompiler

/// Any bytes as an `.x` file, through every stage and back end.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  var options = CompilerOptions()
  options.dialect = .all
  options.messageLimit = 1000
  // A file that includes itself under its own name and another one: includes must not loop.
  let text = String(decoding: bytes, as: UTF8.self)
  let compilation = Compilation(
    [CompilerInput(path: "fuzz.x", bytes: bytes)], provider: MemorySources(["fuzz.x": text, "a.x": text]),
    options: options)
  _ = compilation.rendered()
  let formatted = Formatter.format(
    path: "fuzz.x", bytes: bytes, diagnostics: DiagnosticSink(), sources: SourceManager())
  if let formatted {
    let again = Formatter.format(
      path: "fuzz.x", bytes: formatted, diagnostics: DiagnosticSink(), sources: SourceManager())
    precondition(again == formatted, "formatting twice is not formatting once")
  }
  guard compilation.succeeded else { return 0 }
  var swift = SwiftOptions()
  swift.emitsTesting = true
  swift.emitsBorrowed = true
  swift.inlineOpaque = 16
  _ = SwiftBackend(compilation.model, options: swift, diagnostics: compilation.diagnostics).generate()
  _ = RpcgenBackend.generate(compilation.model, diagnostics: compilation.diagnostics)
  _ = DocsBackend.generate(compilation.model, title: "fuzz")
  _ = JSONBackend.generate(compilation.model).compact
  Linter.run(compilation.model, diagnostics: compilation.diagnostics)
  precondition(
    Comparison.changes(from: compilation.model, to: compilation.model).isEmpty, "a protocol breaks itself")
  return 0
}
