/// A place in a text file. Lines and columns count from 1; columns count characters.
public struct Position: Hashable, Comparable, Sendable {
  public var line: Int
  public var column: Int

  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  public static func < (left: Position, right: Position) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// One thing that is wrong with a file, where it stands, and what would be right.
public struct Diagnostic: Hashable, Sendable, CustomStringConvertible {
  public var file: String
  public var position: Position
  /// The key it is about, from the top, for example `limits.memory`; empty for the file as a whole.
  public var key: String
  public var message: String

  public init(file: String, position: Position, key: String, message: String) {
    self.file = file
    self.position = position
    self.key = key
    self.message = message
  }

  /// As compilers write it, so that editors can jump there: `web.yaml:7:3: limits.memory: ...`.
  public var description: String {
    let place = "\(file):\(position.line):\(position.column): "
    return key.isEmpty ? place + message : "\(place)\(key): \(message)"
  }
}

/// Everything that is wrong with a file, in the order of the file. Never empty.
public struct SpecFileError: Error, Hashable, Sendable, CustomStringConvertible {
  public var diagnostics: [Diagnostic]

  public init(_ diagnostics: [Diagnostic]) {
    precondition(!diagnostics.isEmpty, "an error without a diagnostic")
    self.diagnostics = diagnostics
  }

  public var description: String {
    diagnostics.map(\.description).joined(separator: "\n")
  }
}

/// Collects what is wrong while a file is decoded, so that one run finds everything.
public struct Problems: Sendable {
  /// More than this many are not collected: the reader has enough to do.
  public static let most = 50

  public let file: String
  /// Whether keys that must be there may be missing, because something else is going to supply them.
  public let isPartial: Bool
  public private(set) var diagnostics: [Diagnostic] = []
  /// Where each key that was seen has its value.
  private var positions: [String: Position] = [:]
  /// The key that reports are about.
  private(set) var path = ""
  /// Where something stands that was passed over.
  private var unread: Set<Position> = []
  /// Of all reports, those that were not collected included.
  private var count = 0
  /// Every key that was reported, whatever was wrong with it.
  private var faulty: Set<String> = []

  public init(file: String, isPartial: Bool = false) {
    self.file = file
    self.isPartial = isPartial
  }

  public var isEmpty: Bool { diagnostics.isEmpty }

  /// Notes that the value or key at `position` is wrong.
  public mutating func report(_ position: Position, _ message: String) {
    add(Diagnostic(file: file, position: position, key: path, message: message))
  }

  /// Notes that a key given from the top, for example `mounts[2].target`, is wrong; at its value if the file has it,
  /// otherwise at the nearest mapping around it.
  public mutating func report(key: String, _ message: String) {
    var known = Substring(key)
    while positions[String(known)] == nil, let end = known.lastIndex(where: { $0 == "." || $0 == "[" }) {
      known = known[..<end]
    }
    let position = positions[String(known)] ?? Position(line: 1, column: 1)
    add(Diagnostic(file: file, position: position, key: key, message: message))
  }

  /// Notes that the value at `position` could not be read at all: whatever else is found there follows from it.
  public mutating func report(unread position: Position, _ message: String) {
    report(position, message)
    unread.insert(position)
  }

  /// Notes that a key has to be there in the mapping at `position`, and is not.
  mutating func reportMissing(_ name: String, _ position: Position) {
    faulty.insert(path.isEmpty ? name : "\(path).\(name)")
    report(position, "key \"\(name)\" is missing")
  }

  /// Notes that the values of the present key do not go together.
  mutating func reportHere(_ message: String) { report(key: path, message) }

  /// Notes that a key below the present one is wrong.
  mutating func report(below name: String, _ message: String) {
    report(key: path.isEmpty ? name : "\(path).\(name)", message)
  }

  /// Notes a rule that a spec breaks, unless a key that the rule looks at was reported before: what it would say could
  /// follow from that fault.
  public mutating func report(_ problem: SpecProblem) {
    let doubtful = ([problem.key] + problem.related).contains { key in
      faulty.contains { $0 == key || isInside($0, key) || isInside(key, $0) }
    }
    if !doubtful { report(key: problem.key, problem.message) }
  }

  private func isInside(_ inner: String, _ outer: String) -> Bool {
    inner.hasPrefix(outer + ".") || inner.hasPrefix(outer + "[")
  }

  /// Whether `body` reports nothing.
  mutating func isSound(_ body: (inout Problems) -> Void) -> Bool {
    let before = count
    body(&self)
    return count == before
  }

  /// Runs `body` with `.name` added to the key that reports are about.
  public mutating func within<Result>(
    _ name: String, _ position: Position, _ body: (inout Problems) -> Result
  ) -> Result {
    step(into: path.isEmpty ? name : "\(path).\(name)", position, body)
  }

  /// Runs `body` with `[index]` added to the key that reports are about.
  public mutating func at<Result>(_ index: Int, _ position: Position, _ body: (inout Problems) -> Result) -> Result {
    step(into: "\(path)[\(index)]", position, body)
  }

  /// Throws if anything was reported.
  public func check() throws(SpecFileError) {
    if !diagnostics.isEmpty {
      throw SpecFileError(diagnostics.sorted { $0.position < $1.position })
    }
  }

  private mutating func step<Result>(
    into inner: String, _ position: Position, _ body: (inout Problems) -> Result
  ) -> Result {
    let outer = path
    path = inner
    positions[inner] = position
    defer { path = outer }
    return body(&self)
  }

  private mutating func add(_ diagnostic: Diagnostic) {
    count += 1
    if unread.contains(diagnostic.position) { return }
    if !diagnostic.key.isEmpty { faulty.insert(diagnostic.key) }
    if diagnostics.count < Self.most { diagnostics.append(diagnostic) }
  }
}
