import ArgumentParser
import Glibc
import XDRCompiler

@main
struct XDRGen: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "xdrgen",
    abstract: "Compiles XDR (RFC 4506) and RPC (RFC 5531) definitions.",
    subcommands: [
      Generate.self, Lint.self, Format.self, Breaking.self, Dump.self, Docs.self, AST.self, EmitRpcgen.self,
    ])
}

/// Options of every command that reads `.x` files.
struct InputOptions: ParsableArguments {
  @Argument(help: "Files to read. A file that others include may be given too: its types are generated once.")
  var inputs: [String]

  @OptionGroup var language: LanguageOptions

  func compile() throws -> Compilation { try compile(inputs) }

  func compile(_ paths: [String]) throws -> Compilation {
    var files: [CompilerInput] = []
    for path in paths {
      files.append(CompilerInput(path: path, identity: realPath(path) ?? path, bytes: try readFile(path)))
    }
    return try language.compile(files, HostSources(inputs: paths, searchFolders: language.include))
  }

  func report(_ compilation: Compilation, leavingOut codes: Set<String> = []) -> Bool {
    language.report(compilation, leavingOut: codes)
  }
}

/// How files are read, and how findings are printed.
struct LanguageOptions: ParsableArguments {
  @Option(name: .customShort("I"), help: "A folder to look for included files in.")
  var include: [String] = []

  @Option(
    name: [.customShort("D", allowingJoined: true)],
    help: "Define a macro: NAME or NAME=VALUE. RPC_HDR is defined, as when rpcgen makes a header.")
  var define: [String] = []

  @Option(name: [.customShort("U", allowingJoined: true)], help: "Leave a macro undefined.")
  var undefine: [String] = []

  @Option(help: "Forms outside the standards to accept: all, none, or +NAME and -NAME, with commas between.")
  var dialect: String = ""

  @Flag(inversion: .prefixedNo, help: "Know uint32_t, u_int, bool_t and their like without a definition.")
  var cTypes = true

  @Option(help: "What strings are: text (UTF-8 without NUL, others are refused) or bytes (anything, as opaque).")
  var strings: StringForm = .text

  enum StringForm: String, ExpressibleByArgument, CaseIterable { case text, bytes }

  @Option(help: "Warn about arguments and results that can take more bytes than this.")
  var messageLimit: Int?

  @Option(help: "How to print findings: text or json.")
  var diagnostics: DiagnosticsFormat = .text

  enum DiagnosticsFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

  func compile(_ files: [CompilerInput], _ provider: any SourceProvider) throws -> Compilation {
    var options = CompilerOptions()
    for definition in define {
      let parts = definition.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      options.defines[String(parts[0])] = parts.count > 1 ? String(parts[1]) : "1"
    }
    for name in undefine { options.defines[name] = nil }
    options.dialect = try parseDialect()
    options.definesCTypes = cTypes
    options.messageLimit = messageLimit
    options.stringsAreBytes = strings == .bytes
    return Compilation(files, provider: provider, options: options)
  }

  private func parseDialect() throws -> Dialect {
    var result = Dialect.standard
    for word in dialect.split(separator: ",") {
      if word == "all" {
        result = .all
      } else if word == "none" {
        result = []
      } else {
        let isRemoved = word.hasPrefix("-")
        let name = word.drop { $0 == "+" || $0 == "-" }
        guard let (_, form) = Dialect.names.first(where: { $0.0 == name }) else {
          throw ValidationError(
            "there is no dialect '\(name)'; there are " + Dialect.names.map(\.0).joined(separator: ", "))
        }
        if isRemoved { result.remove(form) } else { result.insert(form) }
      }
    }
    return result
  }

  /// Prints what was found; true if the work can go on.
  func report(_ compilation: Compilation, leavingOut codes: Set<String> = []) -> Bool {
    let renderer = DiagnosticRenderer(sources: compilation.sources, color: isatty(STDERR_FILENO) == 1)
    for diagnostic in compilation.diagnostics.diagnostics {
      if diagnostic.severity != .error, codes.contains(diagnostic.code.rawValue) { continue }
      switch diagnostics {
      case .json: printError(renderer.json(diagnostic) + "\n")
      case .text: printError(renderer.text(diagnostic))
      }
    }
    if compilation.diagnostics.suppressed > 0 {
      printError("and \(compilation.diagnostics.suppressed) more errors\n")
    }
    return compilation.succeeded
  }
}

func printError(_ text: String) {
  var bytes = ArraySlice(Array(text.utf8))
  while !bytes.isEmpty {
    let count = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    if count <= 0 { return }
    bytes = bytes.dropFirst(count)
  }
}
