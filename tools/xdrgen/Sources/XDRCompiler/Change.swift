/// A noticeable difference between two revisions of a protocol.
public struct Change: Sendable {
  /// The party that a change affects.
  public enum Level: String, Sendable, CaseIterable, Comparable {
    /// Old and new peers misread each other's bytes, or one refuses what the other may send.
    case wire
    /// Bytes are the same, and programs must be changed to compile.
    case source
    /// Rights, promises and number space.
    case policy
    /// Works between most peers; worth a review.
    case warning

    public static func < (one: Level, other: Level) -> Bool { one.rank < other.rank }
    private var rank: Int { Level.allCases.firstIndex(of: self) ?? 0 }
  }

  /// The kinds of change. A name never changes its meaning.
  public enum Code: String, Sendable, CaseIterable {
    case annotationChanged = "annotation-changed"
    case argumentsChanged = "arguments-changed"
    case armAdded = "arm-added"
    case armChanged = "arm-changed"
    case armRemoved = "arm-removed"
    case armRenamed = "arm-renamed"
    case boundNarrowed = "bound-narrowed"
    case boundWidened = "bound-widened"
    case constantChanged = "constant-changed"
    case constantRemoved = "constant-removed"
    case defaultAdded = "default-added"
    case defaultRemoved = "default-removed"
    case enumClosed = "enum-closed"
    case enumValueAdded = "enum-value-added"
    case enumValueChanged = "enum-value-changed"
    case enumValueRemoved = "enum-value-removed"
    case enumValueRenamed = "enum-value-renamed"
    case eventChanged = "event-changed"
    case fieldDefaultChanged = "field-default-changed"
    case fieldAdded = "field-added"
    case fieldMoved = "field-moved"
    case fieldRemoved = "field-removed"
    case fieldRenamed = "field-renamed"
    case growableChanged = "growable-changed"
    case idempotentChanged = "idempotent-changed"
    case numberGapUsed = "number-gap-used"
    case numberReused = "number-reused"
    case procedureRemoved = "procedure-removed"
    case procedureRenamed = "procedure-renamed"
    case procedureRenumbered = "procedure-renumbered"
    case programRemoved = "program-removed"
    case programRenamed = "program-renamed"
    case programRenumbered = "program-renumbered"
    case readonlyChanged = "readonly-changed"
    case resultChanged = "result-changed"
    case rightStrengthened = "right-strengthened"
    case rightWeakened = "right-weakened"
    case secretDropped = "secret-dropped"
    case sinceChanged = "since-changed"
    case sizeChanged = "size-changed"
    case textToBytes = "text-to-bytes"
    case typeChanged = "type-changed"
    case typeKindChanged = "type-kind-changed"
    case typeRemoved = "type-removed"
    case typeRenamed = "type-renamed"
    case versionRemoved = "version-removed"
  }

  public var level: Level
  public var code: Code
  public var message: String
  public var hint: String?
  /// `file:line:column` in the old and in the new revision.
  public var old: SourcePosition?
  public var new: SourcePosition?

  /// One finding in text.
  public var text: String {
    func place(_ position: SourcePosition) -> String {
      "\(printable(position.path)):\(position.line):\(position.column)"
    }
    var out =
      "\((new ?? old).map { place($0) + ": " } ?? "")\(level.rawValue): \(printable(message)) [\(code.rawValue)]\n"
    if let old, new != nil { out += "  was: \(place(old))\n" }
    if let hint { out += "  hint: \(hint)\n" }
    return out
  }

  public var json: JSONValue {
    func place(_ position: SourcePosition) -> JSONValue {
      .object([
        ("file", .string(position.path)), ("line", .integer(Int128(position.line))),
        ("column", .integer(Int128(position.column))),
      ])
    }
    var fields: [(String, JSONValue)] = [
      ("level", .string(level.rawValue)), ("code", .string(code.rawValue)), ("message", .string(message)),
    ]
    if let hint { fields.append(("hint", .string(hint))) }
    if let old { fields.append(("old", place(old))) }
    if let new { fields.append(("new", place(new))) }
    return .object(fields)
  }
}
