/// Options of one compilation.
public struct CompilerOptions {
  public var defines: [String: String] = ["RPC_HDR": "1"]
  public var dialect: Dialect = .standard
  /// Know `uint32_t` and its like without a definition.
  public var definesCTypes = true
  /// Warn about arguments and results that can be larger.
  public var messageLimit: Int?

  /// Every string may hold any bytes, as if each were marked `@bytes`.
  public var stringsAreBytes = false

  public init() {}
}

/// One input file.
public struct CompilerInput {
  public var path: String
  /// The same for the same file however it is named.
  public var identity: String
  public var bytes: [UInt8]

  public init(path: String, identity: String? = nil, bytes: [UInt8]) {
    self.path = path
    self.identity = identity ?? path
    self.bytes = bytes
  }
}

/// Text to model. Whatever the text, it ends, with diagnostics if there is something to say.
public final class Compilation {
  public private(set) var sources = SourceManager()
  public let diagnostics: DiagnosticSink
  public private(set) var model: Model
  let options: CompilerOptions
  let inputs: [CompilerInput]
  private(set) var definitions: [DefinitionSyntax] = []
  private(set) var comments: [Comment] = []

  public init(
    _ inputs: [CompilerInput], provider: any SourceProvider = MemorySources(), options: CompilerOptions = .init(),
    diagnostics: DiagnosticSink = DiagnosticSink()
  ) {
    self.inputs = inputs
    self.options = options
    self.diagnostics = diagnostics
    model = Model(sources: sources)
    let headers = run(provider, followsHeaders: false)
    // Names that are not there may be in a file that only a % line points to.
    guard headers, diagnostics.diagnostics.contains(where: { $0.code == .unknownName }) else { return }
    let other = Compilation(following: inputs, provider, options)
    guard other.diagnostics.errorCount < diagnostics.errorCount else { return }
    sources = other.sources
    model = other.model
    definitions = other.definitions
    comments = other.comments
    diagnostics.adopt(other.diagnostics)
  }

  private init(following inputs: [CompilerInput], _ provider: any SourceProvider, _ options: CompilerOptions) {
    self.inputs = inputs
    self.options = options
    diagnostics = DiagnosticSink()
    model = Model(sources: sources)
    _ = run(provider, followsHeaders: true)
  }

  /// True if there are `%#include` lines.
  private func run(_ provider: any SourceProvider, followsHeaders: Bool) -> Bool {
    let preprocessor = Preprocessor(
      sources: sources, provider: provider, diagnostics: diagnostics, defines: options.defines,
      inputIdentities: Set(inputs.map(\.identity)), followsHeaders: followsHeaders)
    preprocessor.importsFiles = options.dialect.contains(.packages)
    for input in inputs { preprocessor.add(path: input.path, identity: input.identity, bytes: input.bytes) }
    comments = preprocessor.comments
    var parser = Parser(
      tokens: preprocessor.tokens, comments: preprocessor.comments, sources: sources, diagnostics: diagnostics,
      dialect: options.dialect)
    parser.parse()
    definitions = NamespaceResolver.resolved(parser.definitions)
    let headers =
      options.definesCTypes
      ? HeaderTypes.definitions(preprocessor.tokens, definitions, sources, diagnostics, options.dialect) : []
    definitions += headers
    let checker = Checker(definitions: definitions, sources: sources, diagnostics: diagnostics, options: options)
    checker.passthroughMacros = preprocessor.passthroughMacros
    checker.passthroughTypes = preprocessor.passthroughTypes
    checker.filesWithHeaders = preprocessor.filesWithHeaders
    model = checker.check()
    assignOwners(preprocessor.fileOwners)
    for header in headers { model.owners[header.name.range.file] = model.inputs.first }
    return !preprocessor.filesWithHeaders.isEmpty
  }

  /// One text under one name, for tests.
  public convenience init(_ text: String, path: String = "test.x", options: CompilerOptions = .init()) {
    self.init([CompilerInput(path: path, bytes: [UInt8](text.utf8))], options: options)
  }

  public var succeeded: Bool { !diagnostics.hasErrors }

  /// Every file belongs to an input: to itself if it is one, or to the first that included it.
  private func assignOwners(_ fileOwners: [FileID: String]) {
    let inputPaths = Dictionary(inputs.map { ($0.identity, $0.path) }, uniquingKeysWith: { first, _ in first })
    // The first file with an identity is the input itself: what it includes comes after it.
    var idOfIdentity: [String: FileID] = [:]
    for (file, identity) in fileOwners.sorted(by: { $0.key < $1.key }) where inputPaths[identity] != nil {
      idOfIdentity[identity] = idOfIdentity[identity] ?? file
    }
    for (file, identity) in fileOwners {
      if let owner = idOfIdentity[identity] { model.owners[file] = owner }
    }
    model.inputs = inputs.compactMap { idOfIdentity[$0.identity] }
  }

  /// Findings as text, each with its excerpt.
  public func rendered(color: Bool = false) -> String {
    let renderer = DiagnosticRenderer(sources: sources, color: color)
    return diagnostics.diagnostics.map(renderer.text).joined()
  }
}
