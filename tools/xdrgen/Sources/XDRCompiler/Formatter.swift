/// Lays a `.x` file out in one form: four spaces a level, one declaration a line, comments kept and aligned. Tokens,
/// comments, directives and passthrough lines all stay; formatting a second time changes nothing.
public struct Formatter {
  /// Nil when the text is not XDR, or would not be read again as it is; `diagnostics` say why. Files it includes are
  /// looked up for their macros only.
  public static func format(
    path: String, bytes: [UInt8], diagnostics: DiagnosticSink, sources: SourceManager,
    provider: any SourceProvider = MemorySources()
  ) -> [UInt8]? {
    guard let text = formatted(path: path, bytes: bytes, diagnostics: diagnostics, sources: sources) else { return nil }
    let (before, problems) = parsed(path, bytes, provider, sources)
    guard !problems.hasErrors else {
      diagnostics.adopt(problems)
      return nil
    }
    let (after, newProblems) = parsed(path, text, provider, SourceManager())
    guard !newProblems.hasErrors, before == after else {
      diagnostics.error(
        .unexpectedToken, "\(path) would not be read as it is any more: this is a fault of fmt", at: nil)
      return nil
    }
    return text
  }

  /// The tokens that the parser sees, with the colons of `::` marked, and its findings.
  private static func parsed(
    _ path: String, _ bytes: [UInt8], _ provider: any SourceProvider, _ sources: SourceManager
  ) -> ([String], DiagnosticSink) {
    // Comments of old files may be in any encoding.
    let text =
      String(validating: bytes, as: UTF8.self) == nil ? bytes.map { $0 < 0x80 ? $0 : UInt8(ascii: "?") } : bytes
    let preprocessor = Preprocessor(
      sources: sources, provider: provider, diagnostics: DiagnosticSink(), defines: CompilerOptions().defines)
    preprocessor.importsFiles = true
    preprocessor.add(path: path, identity: path, bytes: text)
    let problems = DiagnosticSink()
    var parser = Parser(
      tokens: preprocessor.tokens, comments: preprocessor.comments, sources: sources, diagnostics: problems,
      dialect: .all)
    parser.parse()
    var words: [String] = []
    var previous: Token?
    for token in preprocessor.tokens {
      let joins = token.is(":") && previous?.is(":") == true && previous?.range.upper == token.range.lower
      words.append(joins ? "joined :" : token.text)
      previous = token
    }
    return (words, problems)
  }

  private static func formatted(
    path: String, bytes: [UInt8], diagnostics: DiagnosticSink, sources: SourceManager
  ) -> [UInt8]? {
    // Comments of old files may be in any encoding: each byte above ASCII passes as a character of its own.
    guard String(validating: bytes, as: UTF8.self) == nil else {
      return settled(path, bytes, diagnostics, sources).map { Array($0.utf8) }
    }
    let widened = String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    return settled(path, Array(widened.utf8), diagnostics, sources).map { text in
      text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    }
  }

  private static func settled(
    _ path: String, _ bytes: [UInt8], _ diagnostics: DiagnosticSink, _ sources: SourceManager
  ) -> String? {
    guard var text = once(path, bytes, diagnostics, sources) else { return nil }
    // Files that are XDR are in form after one pass. Others may need more, or never settle: those stay as they are.
    for _ in 0..<4 {
      guard let again = once(path, Array(text.utf8), DiagnosticSink(), SourceManager()) else { break }
      if again == text { return text }
      text = again
    }
    diagnostics.error(.unexpectedToken, "\(path) has no form that fmt could give it: is it an .x file?", at: nil)
    return nil
  }

  private static func once(
    _ path: String, _ bytes: [UInt8], _ diagnostics: DiagnosticSink, _ sources: SourceManager
  ) -> String? {
    let file = sources.add(path: path, bytes: bytes)
    let before = diagnostics.diagnostics.count
    var formatter = Formatter(file)
    formatter.run(diagnostics)
    guard !diagnostics.diagnostics.dropFirst(before).contains(where: { $0.severity == .error }) else { return nil }
    return formatter.render()
  }

  /// A line to be: where its comment goes is decided when its neighbours are known.
  private struct Line {
    var indent = 0
    var code = ""
    var comment: Comment?
    var hasBlankBefore = false
    /// Comments on lines of their own, directives and `%` lines: taken as they are.
    var isVerbatim = false
  }

  private enum Block { case enumeration, structure, union, program, version, namespace, other }

  private let file: SourceFile
  private var lines: [Line] = []
  private var line = Line()
  private var blocks: [Block] = []
  /// The block that the next '{' opens.
  private var nextBlock = Block.other
  private var parentheses = 0
  private var previous: Token?
  /// The line is complete; only a comment may still join it.
  private var isComplete = false
  /// The statement goes on from an earlier line.
  private var isContinued = false
  private var previousEnd: Int?

  private init(_ file: SourceFile) { self.file = file }

  // MARK: Reading

  private mutating func run(_ diagnostics: DiagnosticSink) {
    var scanner = Scanner(file, diagnostics: diagnostics)
    var items: [Scanner.Item] = []
    loop: while true {
      let item = scanner.next()
      if case .end = item { break loop }
      items.append(item)
    }
    joinScopeMarks(&items)
    for (index, item) in items.enumerated() {
      switch item {
      case .token(let token):
        add(token)
        previousEnd = token.range.upper
      case .comment(let comment):
        add(comment, next: index + 1 < items.count ? items[index + 1] : .end)
        previousEnd = comment.range.upper
      case .directive(let range), .passthrough(let range):
        addVerbatim(SourceRange(file: range.file, lower: range.lower - 1, upper: range.upper))
        previousEnd = range.upper
      case .end: break
      }
    }
    flush()
  }

  /// `a::b` is one name, and neither of its colons ends a label.
  private func joinScopeMarks(_ items: inout [Scanner.Item]) {
    var joined: [Scanner.Item] = []
    var index = 0
    while index < items.count {
      if index + 2 < items.count, case .token(let first) = items[index], case .token(let second) = items[index + 1],
        case .token(let third) = items[index + 2], first.is(":"), second.is(":"), third.kind == .identifier,
        first.range.upper == second.range.lower, second.range.upper == third.range.lower
      {
        joined.append(.token(Token(kind: .identifier, text: "::", range: first.range.through(second.range))))
        index += 2
      } else {
        joined.append(items[index])
        index += 1
      }
    }
    items = joined
  }

  /// Words behind which a `::` begins a name and does not go on with one.
  private static let wordsBeforeNames: Set<String> = ["case", "struct", "enum", "union", "typedef", "const"]

  private func lineNumber(_ offset: Int) -> Int { file.line(at: offset) }

  private func isOnPreviousLine(_ offset: Int) -> Bool {
    previousEnd.map { lineNumber($0) == lineNumber(offset) } ?? false
  }

  private func hasBlankBefore(_ offset: Int) -> Bool {
    guard let previousEnd else { return false }
    return lineNumber(offset) - lineNumber(previousEnd) > 1
  }

  /// Deeper nesting does not compile, and its indentation would be far longer than the text.
  private var level: Int { min(blocks.count, Parser.nestingLimit) }
  private var currentIndent: Int { level + (isContinued ? 1 : 0) }

  private mutating func flush() {
    if !line.code.isEmpty || line.comment != nil { lines.append(line) }
    line = Line()
    isComplete = false
  }

  private mutating func begin(_ offset: Int, indent: Int) {
    line.indent = indent
    // No empty line after an opening brace or before a closing one.
    line.hasBlankBefore = hasBlankBefore(offset) && lines.last?.code.hasSuffix("{") != true
  }

  private mutating func add(_ token: Token) {
    if isComplete { flush() }
    if token.is("}") {
      if !line.code.isEmpty { flush() }
      if !blocks.isEmpty { blocks.removeLast() }
      isContinued = false
      begin(token.range.lower, indent: level)
      line.hasBlankBefore = false
      line.code = "}"
      previous = token
      return
    }
    let isLabel = token.is(word: "case") || token.is(word: "default")
    if line.code.isEmpty {
      let outdent = isLabel && blocks.last == .union && !isContinued ? 1 : 0
      begin(token.range.lower, indent: max(0, currentIndent - outdent))
      line.code = token.text
    } else {
      if needsSpace(token) { line.code += " " }
      line.code += token.text
    }
    note(token)
    finish(token)
    previous = token
  }

  /// Remembers what the next brace opens.
  private mutating func note(_ token: Token) {
    guard token.kind == .identifier, parentheses == 0 else { return }
    switch token.text {
    case "enum": nextBlock = .enumeration
    case "struct": nextBlock = .structure
    case "union": nextBlock = .union
    case "program": nextBlock = .program
    case "version": nextBlock = .version
    case "namespace": nextBlock = .namespace
    default: break
    }
  }

  /// Ends the line where the token ends one.
  private mutating func finish(_ token: Token) {
    switch token.kind {
    case .sign(UInt8(ascii: "(")): parentheses += 1
    case .sign(UInt8(ascii: ")")): parentheses = max(0, parentheses - 1)
    case .sign(UInt8(ascii: "{")):
      if blocks.count < 1000 { blocks.append(nextBlock) }
      nextBlock = .other
      isContinued = false
      isComplete = true
    case .sign(UInt8(ascii: ";")) where parentheses == 0:
      isContinued = false
      isComplete = true
    case .sign(UInt8(ascii: ",")) where parentheses == 0 && blocks.last == .enumeration:
      isContinued = false
      isComplete = true
    case .sign(UInt8(ascii: ":")):
      let isLabel = line.code.hasPrefix("case ") || line.code.hasPrefix("default")
      if isLabel, parentheses == 0 { isComplete = true }
    default: break
    }
  }

  private func needsSpace(_ token: Token) -> Bool {
    guard let previous else { return false }
    if previous.text == "::" { return false }
    if token.text == "::" {
      if previous.kind == .identifier { return Formatter.wordsBeforeNames.contains(previous.text) }
      return !"([<".contains { previous.is($0) }
    }
    if previous.is("}") { return !(token.is(";") || token.is(",")) }
    if token.is("{") { return true }
    for sign in ";,:)]>" where token.is(sign) { return false }
    for sign in "([<-+:" where previous.is(sign) { return false }
    if previous.is("*") { return false }
    if token.is("(") { return previous.is(word: "switch") || previous.is("=") }
    if token.is("<") || token.is("[") { return previous.is("=") }
    return true
  }

  // MARK: Comments and other lines

  private mutating func add(_ comment: Comment, next: Scanner.Item) {
    let start = comment.range.lower
    let isLineComment = file.bytes[start + 1] == UInt8(ascii: "/")
    guard isOnPreviousLine(start), !line.code.isEmpty else {
      return addOwnLine(comment)
    }
    if isComplete, line.comment == nil {
      // Documentation is about what follows: it does not stay behind what went before.
      if comment.form == .documentation { return addOwnLine(comment) }
      line.comment = comment
      return
    }
    if !isComplete, !isLineComment, !file.bytes[start..<comment.range.upper].contains(UInt8(ascii: "\n")) {
      var isInside = false
      if case .token(let token) = next { isInside = lineNumber(token.range.lower) == lineNumber(comment.range.upper) }
      if isInside || isClosing {
        line.code += " " + file.text(comment.range)
        return
      }
    }
    if line.comment == nil, !isComplete {
      line.comment = comment
      flush()
      isContinued = !isClosing
      return
    }
    addOwnLine(comment)
  }

  /// After a '}' its ';' follows: a comment between them stays on the line.
  private var isClosing: Bool { previous?.is("}") == true }

  private mutating func addOwnLine(_ comment: Comment) {
    let start = comment.range.lower
    if !line.code.isEmpty {
      let wasComplete = isComplete
      flush()
      if !wasComplete { isContinued = true }
    }
    var own = Line(indent: currentIndent, isVerbatim: true)
    own.hasBlankBefore = hasBlankBefore(start) && lines.last?.code.hasSuffix("{") != true
    own.code = reindented(comment, to: currentIndent * 4)
    lines.append(own)
  }

  private mutating func addVerbatim(_ range: SourceRange) {
    if !line.code.isEmpty {
      let wasComplete = isComplete
      flush()
      if !wasComplete { isContinued = true }
    }
    var own = Line(isVerbatim: true)
    own.hasBlankBefore = hasBlankBefore(range.lower)
    own.code = file.text(range).split(separator: "\n", omittingEmptySubsequences: false)
      .map { String($0).trimmingEnd() }.joined(separator: "\n")
    lines.append(own)
  }

  /// Column of the first byte, tabs counting to eight.
  private func column(_ text: Substring) -> Int {
    var column = 0
    for character in text.unicodeScalars {
      if character == " " { column += 1 } else if character == "\t" { column += 8 - column % 8 } else { break }
    }
    return column
  }

  /// A comment whose first line begins at `indent`; the others keep their place relative to it.
  private func reindented(_ comment: Comment, to indent: Int) -> String {
    let parts = file.text(comment.range).replacingCarriageReturns().split(
      separator: "\n", omittingEmptySubsequences: false)
    let startLine = file.lineBytes(lineNumber(comment.range.lower))
    let before = String(decoding: startLine[startLine.startIndex..<comment.range.lower], as: UTF8.self)
    let isFirstOnLine = before.allSatisfy { $0 == " " || $0 == "\t" }
    let old = isFirstOnLine ? column(before[...] + "x") : indent
    var result = String(repeating: " ", count: indent) + String(parts[0]).trimmingEnd()
    for part in parts.dropFirst() {
      let text = String(part.drop { $0 == " " || $0 == "\t" }).trimmingEnd()
      if text.isEmpty {
        result += "\n"
        continue
      }
      let place = text.hasPrefix("*") ? indent + 1 : max(0, indent + column(part) - old)
      result += "\n" + String(repeating: " ", count: place) + text
    }
    return result
  }

  // MARK: Writing

  private func render() -> String {
    var out = ""
    var index = 0
    while index < lines.count {
      // Lines without a gap between them share the column of their comments.
      var end = index + 1
      while end < lines.count, !lines[end].hasBlankBefore, !lines[end].isVerbatim, lines[end].indent > 0 { end += 1 }
      let column = commentColumn(lines[index..<end])
      for line in lines[index..<end] { write(line, column, &out) }
      index = end
    }
    return out
  }

  private func width(_ line: Line) -> Int { line.indent * 4 + line.code.unicodeScalars.count }

  private func commentColumn(_ lines: ArraySlice<Line>) -> Int {
    let widths = lines.filter { $0.comment != nil && !$0.isVerbatim }.map(width).filter { $0 < 44 }
    return max(36, roundUp((widths.max() ?? 0) + 1))
  }

  private func roundUp(_ column: Int) -> Int { (column + 3) / 4 * 4 }

  private func write(_ line: Line, _ column: Int, _ out: inout String) {
    if line.hasBlankBefore, !out.isEmpty { out += "\n" }
    if line.isVerbatim {
      out += line.code + "\n"
      return
    }
    out += String(repeating: " ", count: line.indent * 4) + line.code
    if let comment = line.comment {
      let place = max(column, roundUp(width(line) + 1))
      out += String(repeating: " ", count: place - width(line))
      let parts = file.text(comment.range).replacingCarriageReturns().split(
        separator: "\n", omittingEmptySubsequences: false)
      out += String(parts[0]).trimmingEnd()
      for part in parts.dropFirst() {
        let text = String(part.drop { $0 == " " || $0 == "\t" }).trimmingEnd()
        out += "\n"
        if !text.isEmpty {
          out += String(repeating: " ", count: place + (text.hasPrefix("*") ? 1 : 4)) + text
        }
      }
    }
    out += "\n"
  }
}

extension String {
  func replacingCarriageReturns() -> String {
    guard utf8.contains(13) else { return self }
    return String(decoding: utf8.filter { $0 != 13 }, as: UTF8.self)
  }
}

extension Compilation {
  /// A finding for each input that `fmt` would change.
  public func lintFormat() {
    for input in inputs {
      let scratch = DiagnosticSink()
      guard
        let text = Formatter.format(
          path: input.path, bytes: input.bytes, diagnostics: scratch, sources: SourceManager()),
        text != input.bytes, let file = sources.files.first(where: { $0.path == input.path })
      else { continue }
      let same = zip(text, input.bytes).prefix { $0 == $1 }.count
      let offset = min(same, max(0, input.bytes.count - 1))
      diagnostics.warning(
        .lintFormat, "not in the form that xdrgen fmt writes",
        at: SourceRange(file: file.id, lower: offset, upper: offset), hint: "run xdrgen fmt")
    }
  }
}
