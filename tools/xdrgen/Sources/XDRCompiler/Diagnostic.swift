/// How bad a finding is.
public enum Severity: String, Sendable, Comparable {
  case note, warning, error

  public static func < (one: Severity, other: Severity) -> Bool { one.rank < other.rank }
  private var rank: Int {
    switch self {
    case .note: 0
    case .warning: 1
    case .error: 2
    }
  }

  /// The terminal's colour for it (ECMA-48, SGR).
  var color: Int {
    switch self {
    case .note: 36
    case .warning: 35
    case .error: 31
    }
  }
}

/// One finding: what, where, why, and what to do about it.
public struct Diagnostic: Sendable {
  public struct Note: Sendable {
    public var message: String
    public var range: SourceRange?
  }

  /// A change that would repair it: this range becomes this text.
  public struct FixIt: Sendable {
    public var range: SourceRange
    public var replacement: String
  }

  public var severity: Severity
  public var code: DiagnosticCode
  public var message: String
  /// Absent for findings about a whole file or command.
  public var range: SourceRange?
  public var notes: [Note] = []
  public var fixIt: FixIt?
  /// A sentence on what to do, where it is not an edit.
  public var hint: String?
}

/// Collects findings, up to a limit.
public final class DiagnosticSink {
  public private(set) var diagnostics: [Diagnostic] = []
  public private(set) var suppressed = 0
  private var seen: Set<String> = []
  let limit: Int

  public init(limit: Int = 200) { self.limit = limit }

  var errorCount: Int { diagnostics.count { $0.severity == .error } + suppressed }

  /// Takes the place of what was found before.
  func adopt(_ other: DiagnosticSink) {
    diagnostics = other.diagnostics
    suppressed = other.suppressed
    seen = other.seen
  }

  public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } || suppressed > 0 }

  func report(_ diagnostic: Diagnostic) {
    // The same finding at the same place says nothing new: recovery may pass a place twice.
    if let range = diagnostic.range {
      let key = "\(range.file.index):\(range.lower):\(diagnostic.code.rawValue):\(diagnostic.message)"
      guard seen.insert(key).inserted else { return }
    }
    guard diagnostics.count < limit else {
      if diagnostic.severity == .error { suppressed += 1 }
      return
    }
    diagnostics.append(diagnostic)
  }

  func error(
    _ code: DiagnosticCode, _ message: String, at range: SourceRange?, notes: [Diagnostic.Note] = [],
    fix: Diagnostic.FixIt? = nil, hint: String? = nil
  ) {
    report(
      Diagnostic(severity: .error, code: code, message: message, range: range, notes: notes, fixIt: fix, hint: hint))
  }

  func warning(
    _ code: DiagnosticCode, _ message: String, at range: SourceRange?, notes: [Diagnostic.Note] = [],
    fix: Diagnostic.FixIt? = nil, hint: String? = nil
  ) {
    report(
      Diagnostic(severity: .warning, code: code, message: message, range: range, notes: notes, fixIt: fix, hint: hint))
  }
}

/// The name of a kind of finding. Names never change their meaning, so that scripts can rely on them.
public enum DiagnosticCode: String, Sendable, CaseIterable {
  // Lexical
  case unterminatedComment = "unterminated-comment"
  case unterminatedLiteral = "unterminated-literal"
  case invalidCharacter = "invalid-character"
  case invalidNumber = "invalid-number"
  case nonstandardNumber = "nonstandard-number"
  case invalidLiteral = "invalid-literal"
  // Preprocessor
  case invalidDirective = "invalid-directive"
  case unbalancedConditional = "unbalanced-conditional"
  case includeNotFound = "include-not-found"
  case includeRefused = "include-refused"
  case includeDepth = "include-depth"
  case headerFollowed = "header-followed"
  case macroUnsupported = "macro-unsupported"
  case macroRedefined = "macro-redefined"
  case errorDirective = "error-directive"
  case tooLarge = "too-large"
  // Syntax
  case unexpectedToken = "unexpected-token"
  case missingSemicolon = "missing-semicolon"
  case missingSize = "missing-size"
  case emptyBody = "empty-body"
  case nestingTooDeep = "nesting-too-deep"
  case voidMisplaced = "void-misplaced"
  case cTypeUnsupported = "c-type-unsupported"
  case dialect = "dialect"
  case unterminatedDefinition = "unterminated-definition"
  // Names
  case duplicateName = "duplicate-name"
  case duplicateMember = "duplicate-member"
  case unknownName = "unknown-name"
  case wrongKind = "wrong-kind"
  case wrongTag = "wrong-tag"
  case reservedName = "reserved-name"
  case swiftNameCollision = "swift-name-collision"
  // Values
  case passthroughConstant = "passthrough-constant"
  case passthroughType = "passthrough-type"
  case valueOutOfRange = "value-out-of-range"
  case circularConstant = "circular-constant"
  case enumAlias = "enum-alias"
  // Types
  case zeroWidthElement = "zero-width-element"
  case infiniteType = "infinite-type"
  case invalidDiscriminant = "invalid-discriminant"
  case wrongEnumerator = "wrong-enumerator"
  case duplicateCase = "duplicate-case"
  case unreachableDefault = "unreachable-default"
  case messageTooLarge = "message-too-large"
  // Programs
  case duplicateNumber = "duplicate-number"
  case invalidNumberRange = "invalid-number-range"
  // Annotations
  case unknownAnnotation = "unknown-annotation"
  case invalidAnnotation = "invalid-annotation"
  // Lint
  case lintUnbounded = "lint-unbounded"
  case lintUndocumented = "lint-undocumented"
  case lintHiddenByDefault = "lint-hidden-by-default"
  case lintUncovered = "lint-uncovered"
  case lintOpenUnion = "lint-open-union"
  case lintNumberGap = "lint-number-gap"
  case lintWordArray = "lint-word-array"
  case lintRight = "lint-right"
  case lintSince = "lint-since"
  case lintFormat = "lint-format"
  // Files and commands
  case outputCollision = "output-collision"
}
