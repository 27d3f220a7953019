/// Instructions to the compiler in a documentation comment: `@right admin`, `@readonly`, `@open` and so on.
public struct Annotations: Sendable, Equatable {
  /// `view`, `inspect`, `operate`, `admin` or `none`
  public var right: String?
  public var isReadOnly = false
  public var isEvent = false
  public var isOpen = false
  public var isIdempotent = false
  public var isSecret = false
  /// `@list`: storage as an array, required; `@tree`: boxes, although it looks like a list.
  public var isList = false
  public var isTree = false
  /// `@bytes`: a string that need not be UTF-8, kept as bytes.
  public var isBytes = false
  /// `@growable`: carried with its length in front, so that fields can be added at the end.
  public var isGrowable = false
  /// Of `@growable(max: N)`: a number or the name of a constant.
  public var growableMaximum: String?
  /// `@default`: a field that older writers leave out.
  public var hasDefault = false
  /// Of `@default(VALUE)`: a number, TRUE, FALSE, or the name of a constant or enumerator.
  public var defaultText: String?
  public var since: String?
  public var deprecated: String?
  public var isDeprecated = false
  /// The name to use in Swift.
  public var name: String?
  /// Annotations of other generators (libvirt's), kept as they are.
  public var foreign: [String] = []

  /// The kinds of declaration that can carry an annotation.
  struct Target: OptionSet {
    let rawValue: Int
    static let procedure = Target(rawValue: 1)
    static let enumeration = Target(rawValue: 2)
    static let structure = Target(rawValue: 4)
    static let member = Target(rawValue: 8)
    static let other = Target(rawValue: 16)
    /// A field of a struct, which is a member too.
    static let field = Target(rawValue: 32)
    static let all: Target = [.procedure, .enumeration, .structure, .member, .other, .field]
  }

  struct Rule {
    var name: String
    var targets: Target
    var description: String
  }

  static let rules: [Rule] = [
    Rule(name: "right", targets: .procedure, description: "a procedure"),
    Rule(name: "readonly", targets: .procedure, description: "a procedure"),
    Rule(name: "event", targets: .procedure, description: "a procedure"),
    Rule(name: "idempotent", targets: .procedure, description: "a procedure"),
    Rule(name: "open", targets: .enumeration, description: "an enum"),
    Rule(name: "list", targets: .structure, description: "a struct"),
    Rule(name: "tree", targets: .structure, description: "a struct"),
    Rule(name: "growable", targets: .structure, description: "a struct"),
    Rule(name: "default", targets: .field, description: "a field of a struct"),
    Rule(name: "secret", targets: .member, description: "a field"),
    Rule(name: "bytes", targets: [.member, .other], description: "a field or typedef"),
    Rule(name: "since", targets: .all, description: "anything"),
    Rule(name: "deprecated", targets: .all, description: "anything"),
    Rule(name: "name", targets: .all, description: "anything"),
  ]

  static let foreignNames: Set<String> = [
    // libvirt, src/remote/remote_protocol.x
    "generate", "acl", "aclfilter", "priority", "readstream", "writestream", "sparseflag", "sparse",
  ]

  /// Commands of Doxygen and Javadoc, which other people's files may have: text, not annotations.
  static let documentationCommands: Set<String> = [
    "author", "brief", "bug", "code", "copyright", "date", "defgroup", "details", "endcode", "ingroup", "file",
    "li", "link", "mainpage", "note", "p", "package", "page", "par", "param", "pre", "post", "ref", "remark", "remarks",
    "retval", "return", "returns", "sa", "section", "see", "subsection", "throws", "todo", "verbatim", "endverbatim",
    "version", "warning", "addtogroup", "struct", "enum", "typedef", "union", "def", "var", "c", "b", "e", "em", "a",
    "license", "internal", "example", "attention", "invariant", "exception", "short", "result",
  ]
}

/// Reads documentation comments: text for people, annotations for the compiler.
struct DocumentationReader {
  let sources: SourceManager
  let diagnostics: DiagnosticSink

  func read(_ syntax: DocumentationSyntax, at target: Annotations.Target) -> (Documentation, Annotations) {
    var docs = Documentation()
    var annotations = Annotations()
    for comment in syntax.comments {
      for (text, offset) in lines(comment) {
        let kept = readLine(text, at: offset, comment, target, &annotations)
        // A line that held nothing but annotations leaves no hole.
        if kept.isEmpty, !text.allSatisfy({ $0 == UInt8(ascii: " ") }) { continue }
        docs.lines.append(kept)
      }
    }
    while docs.lines.first?.isEmpty == true { docs.lines.removeFirst() }
    while docs.lines.last?.isEmpty == true { docs.lines.removeLast() }
    return (docs, annotations)
  }

  /// The lines of a comment without its signs, each with the offset of its first byte.
  private func lines(_ comment: Comment) -> [([UInt8], Int)] {
    let file = sources.file(comment.range.file)
    let bytes = file.bytes
    var lower = comment.range.lower
    var upper = comment.range.upper
    let isBlock = bytes[lower + 1] == UInt8(ascii: "*")
    lower += 3
    if lower < upper, bytes[lower] == UInt8(ascii: "<") { lower += 1 }
    if isBlock, upper - lower >= 2 { upper -= 2 }
    var result: [([UInt8], Int)] = []
    var start = lower
    var isFirst = true
    while start <= upper {
      let end = bytes[start..<upper].firstIndex(of: UInt8(ascii: "\n")) ?? upper
      var from = start
      func skipBlanks() {
        while from < end, bytes[from] == UInt8(ascii: " ") || bytes[from] == UInt8(ascii: "\t") { from += 1 }
      }
      if !isFirst {
        let indent = from
        skipBlanks()
        if from < end, bytes[from] == UInt8(ascii: "*") {
          from += 1
          if from < end, bytes[from] == UInt8(ascii: " ") { from += 1 }
        } else {
          from = min(from, indent + 3)
          skipBlanks()
        }
      } else {
        skipBlanks()
      }
      var to = end
      while to > from, [UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r")].contains(bytes[to - 1]) { to -= 1 }
      result.append((Array(bytes[from..<max(from, to)]), from))
      start = end + 1
      isFirst = false
    }
    return result
  }

  /// The line without its annotations. It is taken as bytes, so that places in it are places in the file: text of bytes that
  /// are no UTF-8 is longer than they are.
  private func readLine(
    _ bytes: [UInt8], at offset: Int, _ comment: Comment, _ target: Annotations.Target, _ result: inout Annotations
  ) -> String {
    var kept: [UInt8] = []
    var index = 0
    while index < bytes.count {
      let startsWord = index == 0 || bytes[index - 1] == UInt8(ascii: " ") || bytes[index - 1] == UInt8(ascii: "\t")
      guard bytes[index] == UInt8(ascii: "@"), startsWord, index + 1 < bytes.count, bytes[index + 1].isIdentifierStart
      else {
        kept.append(bytes[index])
        index += 1
        continue
      }
      let start = index
      index += 1
      while index < bytes.count, bytes[index].isIdentifierPart { index += 1 }
      let name = String(decoding: bytes[(start + 1)..<index], as: UTF8.self)
      let range = SourceRange(file: comment.range.file, lower: offset + start, upper: offset + index)
      if Annotations.documentationCommands.contains(name) {
        kept += bytes[start..<index]
        continue
      }
      // An address such as `@example.org` or an `@name's` is text.
      if index < bytes.count, bytes[index] == UInt8(ascii: "."), index + 1 < bytes.count,
        bytes[index + 1].isIdentifierPart
      {
        kept += bytes[start..<index]
        continue
      }
      apply(name, bytes, &index, range, target, &result)
    }
    return String(decoding: kept, as: UTF8.self).trimmingEnd()
  }

  /// One word after an annotation, or what stands in parentheses.
  private func argument(_ bytes: [UInt8], _ index: inout Int) -> String? {
    if index < bytes.count, bytes[index] == UInt8(ascii: "(") {
      guard let close = bytes[index...].firstIndex(of: UInt8(ascii: ")")) else { return nil }
      let text = String(decoding: bytes[(index + 1)..<close], as: UTF8.self)
      index = close + 1
      return text.trimmingBlanks()
    }
    var from = index
    while from < bytes.count, bytes[from] == UInt8(ascii: " ") || bytes[from] == UInt8(ascii: "\t") { from += 1 }
    var to = from
    while to < bytes.count, bytes[to] != UInt8(ascii: " "), bytes[to] != UInt8(ascii: "\t") { to += 1 }
    guard to > from, bytes[from] != UInt8(ascii: "@") else { return nil }
    index = to
    return String(decoding: bytes[from..<to], as: UTF8.self)
  }

  private func apply(
    _ name: String, _ bytes: [UInt8], _ index: inout Int, _ range: SourceRange, _ target: Annotations.Target,
    _ result: inout Annotations
  ) {
    if Annotations.foreignNames.contains(name) {
      let end = bytes[index...].firstIndex(of: UInt8(ascii: "@")) ?? bytes.count
      let value = String(decoding: bytes[index..<end], as: UTF8.self)
      index = end
      result.foreign.append("@" + name + value.trimmingEnd())
      return
    }
    guard let rule = Annotations.rules.first(where: { $0.name == name }) else {
      let near = nearest(name, among: Annotations.rules.map(\.name))
      diagnostics.error(
        .unknownAnnotation, "'@\(name)' is not an annotation", at: range,
        fix: near.map { .init(range: range, replacement: "@" + $0) },
        hint: "known are " + Annotations.rules.map { "@" + $0.name }.joined(separator: " "))
      return
    }
    guard !rule.targets.isDisjoint(with: target) else {
      diagnostics.error(.invalidAnnotation, "'@\(name)' belongs at \(rule.description)", at: range)
      return
    }
    switch name {
    case "right":
      let rights = ["none", "view", "inspect", "operate", "admin"]
      guard let value = argument(bytes, &index), rights.contains(value) else {
        return diagnostics.error(
          .invalidAnnotation, "'@right' needs one of \(rights.joined(separator: ", "))", at: range)
      }
      result.right = value
    case "readonly": result.isReadOnly = true
    case "event": result.isEvent = true
    case "idempotent": result.isIdempotent = true
    case "open": result.isOpen = true
    case "list": result.isList = true
    case "tree": result.isTree = true
    case "secret": result.isSecret = true
    case "bytes": result.isBytes = true
    case "growable":
      result.isGrowable = true
      guard index < bytes.count, bytes[index] == UInt8(ascii: "(") else { return }
      guard let text = argument(bytes, &index), let maximum = maximum(text) else {
        return diagnostics.error(
          .invalidAnnotation, "'@growable' takes the most bytes its fields may have, as in @growable(max: 4096)",
          at: range)
      }
      result.growableMaximum = maximum
    case "default":
      result.hasDefault = true
      guard index < bytes.count, bytes[index] == UInt8(ascii: "(") else { return }
      guard let text = argument(bytes, &index), !text.isEmpty else {
        return diagnostics.error(
          .invalidAnnotation, "'@default' takes a value, as in @default(5); alone it means 0, FALSE or empty",
          at: range)
      }
      result.defaultText = text
    case "since":
      guard let value = argument(bytes, &index) else {
        return diagnostics.error(.invalidAnnotation, "'@since' needs a version", at: range)
      }
      result.since = value
    case "deprecated":
      result.isDeprecated = true
      if index < bytes.count, bytes[index] == UInt8(ascii: "(") { result.deprecated = argument(bytes, &index) }
    default:
      guard let value = argument(bytes, &index), isSwiftIdentifier(value) else {
        return diagnostics.error(.invalidAnnotation, "'@name' needs a Swift name, as in @name(guestID)", at: range)
      }
      // Members, procedures and constants are escaped; the names of types also begin other names.
      let isType = !target.isDisjoint(with: [.structure, .enumeration, .other])
      guard !isType || !SwiftNames.isForbiddenForTypes(value) else {
        return diagnostics.error(.invalidAnnotation, "nothing can be called '\(value)' in Swift here", at: range)
      }
      result.name = value
    }
  }

  /// The N of `max: N`.
  private func maximum(_ text: String) -> String? {
    guard text.hasPrefix("max") else { return nil }
    let rest = text.dropFirst(3).drop { $0 == " " || $0 == "\t" }
    guard rest.first == ":" else { return nil }
    let value = String(rest.dropFirst()).trimmingBlanks()
    return value.isEmpty ? nil : value
  }

  private func isSwiftIdentifier(_ text: String) -> Bool {
    guard let first = text.utf8.first, first.isIdentifierStart else { return false }
    return text.utf8.allSatisfy(\.isIdentifierPart)
  }
}

extension String {
  func trimmingBlanks() -> String {
    var text = self[...]
    while text.first == " " || text.first == "\t" { text.removeFirst() }
    return String(text).trimmingEnd()
  }
}
