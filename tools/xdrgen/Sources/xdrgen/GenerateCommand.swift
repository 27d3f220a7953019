import ArgumentParser
import XDRCompiler

struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Generates Swift, or the tables of a codec in Python.",
    discussion: "Exit status: 0 done or fresh, 1 errors in the input or (with --check) stale output, 64 wrong usage.")

  @OptionGroup var input: InputOptions

  @Option(
    name: .shortAndLong,
    help: "Folder for the generated files; of Python the file that has the marks between which the tables go.")
  var output: String

  enum Language: String, ExpressibleByArgument, CaseIterable { case swift, python }

  @Option(help: "swift or python. The other options are Swift's.")
  var language = Language.swift

  @Option(help: "An enum to put all types into.")
  var namespace: String?

  @Flag(inversion: .prefixedNo, help: "Server protocols and clients, which are async, in files of their own.")
  var services = true

  @Option(help: "Store fixed opaques of up to so many bytes in place instead of in an array.")
  var inlineOpaque: UInt32 = 0

  @Flag(help: "A second form of each struct with text or bytes, NAMEBorrowed, that is read without copying them.")
  var borrowed = false
  @Option(help: "Only services, for a module of their own above this one, which has the types.")
  var servicesAbove: String?

  @Flag(help: "Random values and a table of all types, for tests and fuzzers; they import XDRTesting.")
  var testing = false

  @Flag(help: "Write nothing; show how the files there differ, and fail if they do.")
  var check = false

  func run() throws {
    let compilation = try input.compile()
    switch language {
    case .swift: try runSwift(compilation)
    case .python: try runPython(compilation)
    }
  }

  private func runPython(_ compilation: Compilation) throws {
    guard input.report(compilation) else { throw ExitCode(1) }
    let old = String(decoding: try readFile(output), as: UTF8.self)
    let tables = PythonBackend.generate(compilation.model)
    guard let new = PythonBackend.replacingTables(of: old, with: tables) else {
      printError("error: \(output) has no lines \"\(PythonBackend.begin)\" and \"\(PythonBackend.end)\"\n")
      throw ExitCode(1)
    }
    guard new != old else { return }
    guard !check else {
      print(unifiedDiff(old: old, new: new, oldName: output, newName: "\(output) (generated)"), terminator: "")
      printError("error: generated files are stale; run the same command without --check\n")
      throw ExitCode(1)
    }
    try writeFile(output, new)
  }

  private func runSwift(_ compilation: Compilation) throws {
    var options = SwiftOptions()
    options.namespace = namespace
    options.emitsServices = services
    options.typesModule = servicesAbove
    options.emitsTesting = testing
    options.emitsBorrowed = borrowed
    options.inlineOpaque = inlineOpaque
    var files: [GeneratedFile] = []
    if compilation.succeeded {
      files = SwiftBackend(compilation.model, options: options, diagnostics: compilation.diagnostics).generate()
    }
    guard input.report(compilation) else { throw ExitCode(1) }
    if check {
      guard isFresh(files) else { throw ExitCode(1) }
      return
    }
    try makeFolder(output)
    for file in files {
      let path = "\(output)/\(file.name)"
      // Untouched files keep their time stamps, and builds stay short.
      if let old = try? readFile(path), old == Array(file.text.utf8) { continue }
      try writeFile(path, file.text)
    }
    for name in leftOver(files) { printError("note: \(output)/\(name) is generated from nothing; remove it\n") }
  }

  private func isFresh(_ files: [GeneratedFile]) -> Bool {
    var isFresh = true
    for file in files {
      let path = "\(output)/\(file.name)"
      let old = (try? readFile(path)).map { String(decoding: $0, as: UTF8.self) }
      guard old != file.text else { continue }
      isFresh = false
      print(unifiedDiff(old: old ?? "", new: file.text, oldName: path, newName: "\(path) (generated)"), terminator: "")
    }
    for name in leftOver(files) {
      isFresh = false
      print("\(output)/\(name) is generated from nothing")
    }
    if !isFresh { printError("error: generated files are stale; run the same command without --check\n") }
    return isFresh
  }

  /// Files of an earlier run whose `.x` is gone.
  private func leftOver(_ files: [GeneratedFile]) -> [String] {
    let names = Set(files.map(\.name))
    return listFolder(output).filter { $0.hasSuffix(".xdr.swift") && !names.contains($0) }
  }
}
