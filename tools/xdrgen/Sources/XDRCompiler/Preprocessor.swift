/// Turns files into one stream of tokens, as cpp would: includes, object-like macros, conditionals, line markers.
///
/// Every file is taken once per compilation, guards or not, so that types from a file that several inputs include
/// exist once. Work is bounded: include depth, files, tokens and macro expansion all have limits.
final class Preprocessor {
  struct Limits {
    var includeDepth = 32
    var files = 1000
    var tokens = 4_000_000
    var conditionalDepth = 256
    var fileBytes = 32 << 20
  }

  struct Macro {
    var tokens: [Token]
    var definedAt: SourceRange?
    var isFunctionLike = false
  }

  let sources: SourceManager
  let provider: any SourceProvider
  let diagnostics: DiagnosticSink
  let limits: Limits

  private(set) var tokens: [Token] = []
  private(set) var comments: [Comment] = []
  private var macros: [String: Macro] = [:]
  private var identities: Set<String> = []
  /// For every file the identity of the input that its types belong to.
  private(set) var fileOwners: [FileID: String] = [:]
  private let inputIdentities: Set<String>
  /// `%#define` lines go to rpcgen's output; where nothing else defines a name, they say what is meant.
  private(set) var passthroughMacros: [String: [Token]] = [:]
  /// From `%typedef` lines, the words of the type.
  private(set) var passthroughTypes: [String: [Token]] = [:]
  /// Files with `%#include` lines.
  private(set) var filesWithHeaders: Set<FileID> = []
  /// Whether `%#include "name.h"` brings in a `name.x` beside it, which the header will have been made from.
  private let followsHeaders: Bool
  /// Whether `import "name.x";` is an include.
  var importsFiles = false
  private var pendingComments = 0
  private var overflowed = false

  init(
    sources: SourceManager, provider: any SourceProvider, diagnostics: DiagnosticSink, defines: [String: String],
    inputIdentities: Set<String> = [], followsHeaders: Bool = false, limits: Limits = Limits()
  ) {
    self.inputIdentities = inputIdentities
    self.followsHeaders = followsHeaders
    self.sources = sources
    self.provider = provider
    self.diagnostics = diagnostics
    self.limits = limits
    for (name, value) in defines {
      let file = sources.add(path: "<-D \(name)>", bytes: [UInt8](value.utf8))
      macros[name] = Macro(tokens: scanTokens(file, SourceRange(file: file.id, lower: 0, upper: file.bytes.count)))
    }
  }

  /// Adds an input file with everything it includes, unless an earlier input included it already.
  func add(path: String, identity: String, bytes: [UInt8]) {
    guard identities.insert(identity).inserted else { return }
    guard let file = open(path: path, bytes: bytes, at: nil) else { return }
    fileOwners[file.id] = identity
    process(file, depth: 0, macrosOnly: false)
    endFile(file)
  }

  private func open(path: String, bytes: [UInt8], at range: SourceRange?) -> SourceFile? {
    guard bytes.count <= limits.fileBytes else {
      diagnostics.error(.tooLarge, "\(path) has \(bytes.count) bytes; the limit is \(limits.fileBytes)", at: range)
      return nil
    }
    guard sources.files.count < limits.files else {
      diagnostics.error(.tooLarge, "more than \(limits.files) files", at: range)
      return nil
    }
    let file = sources.add(path: path, bytes: bytes)
    // Every second byte of ASCII is zero in UTF-16.
    let isWide =
      bytes.starts(with: [0xff, 0xfe]) || bytes.starts(with: [0xfe, 0xff])
      || (bytes.count >= 4 && (bytes[0] == 0) != (bytes[1] == 0) && (bytes[0] == 0) == (bytes[2] == 0)
        && (bytes[1] == 0) == (bytes[3] == 0))
    guard !isWide else {
      diagnostics.error(
        .invalidCharacter, "\(path) is UTF-16 text", at: range ?? SourceRange(file: file.id, lower: 0, upper: 0),
        hint: "save it as UTF-8: XDR files are ASCII but for their comments")
      return nil
    }
    return file
  }

  /// Each file ends with an end token of its own: definitions do not run from one file into another.
  private func endFile(_ file: SourceFile) {
    let end = file.bytes.count
    append(Token(kind: .end, text: "", range: SourceRange(file: file.id, lower: end, upper: end)))
  }

  private func append(_ token: Token) {
    guard tokens.count < limits.tokens || token.kind == .end else {
      if !overflowed {
        overflowed = true
        diagnostics.error(.tooLarge, "more than \(limits.tokens) tokens", at: token.range)
      }
      return
    }
    var token = token
    token.comments = pendingComments..<comments.count
    pendingComments = comments.count
    tokens.append(token)
  }

  // MARK: One file

  private struct Conditional {
    var opened: SourceRange
    /// The enclosing text is taken.
    var parentActive: Bool
    /// A branch of it was taken already.
    var taken: Bool
    var active: Bool
    var hasElse = false
  }

  private func process(_ file: SourceFile, depth: Int, macrosOnly: Bool) {
    var scanner = Scanner(file, diagnostics: diagnostics)
    var conditionals: [Conditional] = []
    loop: while !overflowed {
      scanner.isSkipping = conditionals.last.map { !$0.active } ?? false
      switch scanner.next() {
      case .end: break loop
      case .passthrough(let range): if !scanner.isSkipping { passthrough(range, file, depth: depth) }
      case .comment(let comment): if !scanner.isSkipping, !macrosOnly { comments.append(comment) }
      case .token(let token):
        if macrosOnly || scanner.isSkipping { continue }
        if importsFiles, token.is(word: "import"), beginsDefinition(token) {
          importFile(token, &scanner, file, depth: depth)
        } else {
          expand(token)
        }
      case .directive(let range):
        directive(range, file, &conditionals, depth: depth)
      }
    }
    for conditional in conditionals.reversed() {
      diagnostics.error(
        .unbalancedConditional, "this conditional has no #endif", at: conditional.opened, hint: "add #endif")
    }
  }

  private func scanTokens(_ file: SourceFile, _ range: SourceRange) -> [Token] {
    var scanner = Scanner(file, range: range, diagnostics: diagnostics)
    var result: [Token] = []
    while true {
      switch scanner.next() {
      case .token(let token): result.append(token)
      case .end: return result
      default: continue
      }
    }
  }

  /// Nothing of the same file stands before it, or the end of a definition.
  private func beginsDefinition(_ token: Token) -> Bool {
    guard let last = tokens.last, last.range.file == token.range.file else { return true }
    return last.is(";") || last.is("}") || last.kind == .end
  }

  /// `import "name.x";`
  private func importFile(_ word: Token, _ scanner: inout Scanner, _ file: SourceFile, depth: Int) {
    guard case .token(let name)? = nextToken(&scanner) else { return expand(word) }
    guard name.kind == .string else {
      expand(word)
      return expand(name)
    }
    include(name.range, file, depth: depth, at: word.range)
    // Its ';' is left to the parser.
  }

  private func passthrough(_ range: SourceRange, _ file: SourceFile, depth: Int) {
    let text = file.bytes[range.lower..<range.upper].drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    guard passthroughMacros.count < 10_000 else { return }
    let isDirective = text.first == UInt8(ascii: "#")
    var scanner = Scanner(
      file, range: SourceRange(file: file.id, lower: text.startIndex + (isDirective ? 1 : 0), upper: range.upper),
      diagnostics: DiagnosticSink(limit: 0))
    var tokens: [Token] = []
    while case .token(let token)? = nextToken(&scanner) {
      // Half of a definition would mean something else.
      guard tokens.count < 200 else { return }
      tokens.append(token)
    }
    guard isDirective else { return passthroughTypedef(tokens) }
    if let first = tokens.first, first.text == "include" {
      filesWithHeaders.insert(file.id)
      if followsHeaders {
        follow(SourceRange(file: file.id, lower: first.range.upper, upper: range.upper), file, depth)
      }
    }
    guard tokens.count > 2, tokens[0].text == "define", tokens[1].kind == .identifier else { return }
    // With parameters it is neither a type nor a constant.
    guard !tokens[2].is("(") || tokens[2].range.lower > tokens[1].range.upper else { return }
    passthroughMacros[tokens[1].text] = Array(tokens.dropFirst(2))
  }

  /// `%typedef unsigned long long name;`
  private func passthroughTypedef(_ tokens: [Token]) {
    guard tokens.count >= 4, tokens[0].is(word: "typedef"), tokens[tokens.count - 1].is(";"),
      tokens[1..<(tokens.count - 1)].allSatisfy({ $0.kind == .identifier })
    else { return }
    passthroughTypes[tokens[tokens.count - 2].text] = Array(tokens[1..<(tokens.count - 2)])
  }

  /// `%#include "dir/name.h"`: the header is made from `name.x`, if there is one.
  private func follow(_ rest: SourceRange, _ file: SourceFile, _ depth: Int) {
    guard depth < limits.includeDepth, let (name, _, range) = includeName(rest, file), name.hasSuffix(".h") else {
      return
    }
    let path = String(name.dropLast(2)) + ".x"
    let candidates = [path, path.split(separator: "/").last.map(String.init) ?? path]
    for candidate in candidates {
      guard
        case .found(let path, let identity, let bytes) = provider.include(candidate, isSystem: false, from: file.path)
      else { continue }
      guard identities.insert(identity).inserted, let included = open(path: path, bytes: bytes, at: range) else {
        return
      }
      diagnostics.warning(
        .headerFollowed, "\(candidate) is read for what this header defines", at: range,
        hint: "an #include without the % says so to every XDR compiler")
      fileOwners[included.id] = inputIdentities.contains(identity) ? identity : fileOwners[file.id]
      // Definitions do not run from one file into another.
      process(included, depth: depth + 1, macrosOnly: false)
      endFile(included)
      return
    }
  }

  // MARK: Macros

  private func expand(_ token: Token) {
    guard token.kind == .identifier, macros[token.text] != nil else { return append(token) }
    var budget = 10_000
    expand(token, at: token.range, hidden: [], budget: &budget)
    if budget <= 0 {
      diagnostics.error(.tooLarge, "'\(token.text)' expands to more than 10000 tokens", at: token.range)
    }
  }

  private func expand(_ token: Token, at use: SourceRange, hidden: Set<String>, budget: inout Int) {
    guard budget > 0 else { return }
    budget -= 1
    if hidden.count >= 64, token.kind == .identifier, macros[token.text] != nil, !hidden.contains(token.text) {
      diagnostics.error(
        .tooLarge, "macros of more than 64 levels", at: use,
        notes: [.init(message: "'\(token.text)' is the next one", range: macros[token.text]?.definedAt)])
      return
    }
    guard token.kind == .identifier, !hidden.contains(token.text), let macro = macros[token.text] else {
      var token = token
      if token.range != use {
        token.spelledAt = token.range
        token.range = use
      }
      return append(token)
    }
    if macro.isFunctionLike {
      diagnostics.error(
        .macroUnsupported, "macros with parameters are not supported", at: use,
        notes: [.init(message: "'\(token.text)' is defined here", range: macro.definedAt)])
      return append(token)
    }
    for inner in macro.tokens { expand(inner, at: use, hidden: hidden.union([token.text]), budget: &budget) }
  }

  // MARK: Directives

  private func directive(_ range: SourceRange, _ file: SourceFile, _ conditionals: inout [Conditional], depth: Int) {
    let active = conditionals.last?.active ?? true
    var scanner = Scanner(file, range: range, diagnostics: active ? diagnostics : DiagnosticSink())
    scanner.isSkipping = false
    // The name alone is read first: what follows an #error or a #pragma need not be tokens at all.
    guard case .token(let name)? = nextToken(&scanner) else { return }
    let rest = SourceRange(file: file.id, lower: name.range.upper, upper: range.upper)

    switch name.text {
    case "if", "ifdef", "ifndef":
      guard conditionals.count < limits.conditionalDepth else {
        if active {
          diagnostics.error(
            .unbalancedConditional, "conditionals nested deeper than \(limits.conditionalDepth)", at: name.range)
        }
        overflowed = true
        return
      }
      let truth = active && evaluate(name, rest, file)
      conditionals.append(Conditional(opened: name.range, parentActive: active, taken: truth, active: truth))
    case "elif":
      guard let last = conditionals.last, !last.hasElse else { return unbalanced(name, "#elif") }
      let truth = last.parentActive && !last.taken && evaluate(name, rest, file)
      conditionals[conditionals.count - 1].active = truth
      conditionals[conditionals.count - 1].taken = last.taken || truth
    case "else":
      guard let last = conditionals.last, !last.hasElse else { return unbalanced(name, "#else") }
      conditionals[conditionals.count - 1].active = last.parentActive && !last.taken
      conditionals[conditionals.count - 1].taken = true
      conditionals[conditionals.count - 1].hasElse = true
    case "endif":
      if conditionals.popLast() == nil { unbalanced(name, "#endif") }
    case _ where !active:
      return
    case "define": define(rest, file)
    case "undef":
      if let token = scanTokens(file, rest).first { macros[token.text] = nil }
    case "include": include(rest, file, depth: depth, at: name.range)
    case "error":
      diagnostics.error(.errorDirective, "#error\(file.text(rest).trimmingEnd())", at: name.range)
    case "warning":
      diagnostics.warning(.errorDirective, "#warning\(file.text(rest).trimmingEnd())", at: name.range)
    case "pragma", "ident", "sccs":
      return
    case "line":
      lineMarker(scanTokens(file, rest), file, at: name.range)
    case _ where name.kind == .number:
      lineMarker([name] + scanTokens(file, rest), file, at: name.range)
    default:
      diagnostics.error(.invalidDirective, "'#\(name.text)' is not a preprocessor directive", at: name.range)
    }
  }

  private func nextToken(_ scanner: inout Scanner) -> Scanner.Item? {
    while true {
      let item = scanner.next()
      switch item {
      case .token: return item
      case .end: return nil
      default: continue
      }
    }
  }

  private func unbalanced(_ name: Token, _ directive: String) {
    diagnostics.error(.unbalancedConditional, "\(directive) without an #if before it", at: name.range)
  }

  private func define(_ rest: SourceRange, _ file: SourceFile) {
    let tokens = scanTokens(file, rest)
    guard let name = tokens.first, name.kind == .identifier else {
      return diagnostics.error(.invalidDirective, "#define needs a name", at: rest)
    }
    let isFunctionLike = tokens.count > 1 && tokens[1].is("(") && tokens[1].range.lower == name.range.upper
    if let old = macros[name.text], old.tokens.map(\.text) != tokens.dropFirst().map(\.text), old.definedAt != nil {
      diagnostics.warning(
        .macroRedefined, "'\(name.text)' is defined again with another content", at: name.range,
        notes: [.init(message: "first defined here", range: old.definedAt)])
    }
    macros[name.text] = Macro(
      tokens: Array(tokens.dropFirst()), definedAt: name.range, isFunctionLike: isFunctionLike)
  }

  /// `# 12 "file"`: the line after this one is line 12 of that file.
  private func lineMarker(_ tokens: [Token], _ file: SourceFile, at range: SourceRange) {
    guard let number = tokens.first, case .value(let value, _) = NumberValue.parse(number.text),
      let line = Int(exactly: value), line <= Int32.max
    else {
      return diagnostics.error(.invalidDirective, "a line marker needs a line number", at: range)
    }
    var path: String?
    if tokens.count > 1, tokens[1].kind == .string { path = String(tokens[1].text.dropFirst().dropLast()) }
    let next = file.line(at: range.lower) + 1
    file.markers.append(.init(line: next, presumedLine: line, path: path ?? file.markers.last?.path))
  }

  // MARK: Includes

  private func include(_ rest: SourceRange, _ file: SourceFile, depth: Int, at directive: SourceRange) {
    guard let (name, isSystem, range) = includeName(rest, file) else {
      return diagnostics.error(
        .invalidDirective, "#include needs \"name\" or <name>", at: rest.lower < rest.upper ? rest : directive)
    }
    guard depth < limits.includeDepth else {
      diagnostics.error(.includeDepth, "includes nested deeper than \(limits.includeDepth) files", at: range)
      return
    }
    switch provider.include(name, isSystem: isSystem, from: file.path) {
    case .found(let path, let identity, let bytes):
      guard identities.insert(identity).inserted else { return }
      guard let included = open(path: path, bytes: bytes, at: range) else { return }
      // A C header has nothing for us but its macros.
      let isHeader = name.hasSuffix(".h")
      // A file that is an input too keeps its own types; others belong to who brought them in.
      fileOwners[included.id] = inputIdentities.contains(identity) ? identity : fileOwners[file.id]
      process(included, depth: depth + 1, macrosOnly: isHeader)
      if !isHeader { endFile(included) }
    case .missing(let searched):
      let hint = searched.isEmpty ? "name its folder with -I" : "looked in \(searched.joined(separator: ", ")); add -I"
      if isSystem || name.hasSuffix(".h") {
        diagnostics.warning(
          .includeNotFound, "\(name) is not there and is left out", at: range,
          hint: "C headers are for rpcgen's output; give -I if this one defines something the file uses")
      } else {
        diagnostics.error(.includeNotFound, "cannot find \(name)", at: range, hint: hint)
      }
    case .refused(let reason):
      diagnostics.error(.includeRefused, "\(name) is not included: \(reason)", at: range)
    }
  }

  private func includeName(_ rest: SourceRange, _ file: SourceFile) -> (String, isSystem: Bool, SourceRange)? {
    let bytes = file.bytes
    var start = rest.lower
    while start < rest.upper, bytes[start] == UInt8(ascii: " ") || bytes[start] == UInt8(ascii: "\t") { start += 1 }
    guard start < rest.upper else { return nil }
    if bytes[start] != UInt8(ascii: "\""), bytes[start] != UInt8(ascii: "<") {
      // The name may be a macro.
      guard let token = scanTokens(file, rest).first, let macro = macros[token.text], let value = macro.tokens.first,
        value.kind == .string
      else { return nil }
      return (String(value.text.dropFirst().dropLast()), false, token.range)
    }
    let isSystem = bytes[start] == UInt8(ascii: "<")
    let close = isSystem ? UInt8(ascii: ">") : UInt8(ascii: "\"")
    guard let end = bytes[(start + 1)..<rest.upper].firstIndex(of: close), end > start + 1 else { return nil }
    let name = String(decoding: bytes[(start + 1)..<end], as: UTF8.self)
    guard !name.utf8.contains(0) else { return nil }
    return (name, isSystem, SourceRange(file: file.id, lower: start, upper: end + 1))
  }

  // MARK: Conditions

  private func evaluate(_ name: Token, _ rest: SourceRange, _ file: SourceFile) -> Bool {
    let tokens = scanTokens(file, rest)
    if name.text != "if" && name.text != "elif" {
      guard let macro = tokens.first, macro.kind == .identifier else {
        diagnostics.error(.invalidDirective, "#\(name.text) needs a name", at: name.range)
        return false
      }
      return (macros[macro.text] != nil) == (name.text == "ifdef")
    }
    var expression = ConditionParser(tokens: tokens, macros: macros.mapValues(\.tokens))
    guard let value = expression.parse() else {
      diagnostics.error(
        .invalidDirective, expression.problem ?? "this condition cannot be read",
        at: expression.problemRange ?? (rest.lower < rest.upper ? rest : name.range))
      return false
    }
    return value != 0
  }
}

extension String {
  func trimmingEnd() -> String {
    var text = self[...]
    while let last = text.unicodeScalars.last, last.value <= 0x20 { text.unicodeScalars.removeLast() }
    return String(text)
  }
}
