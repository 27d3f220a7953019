/// A value to be written as JSON or YAML: what a program reads from us.
public enum DataValue: Hashable, Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case unsigned(UInt64)
  /// Written without a fraction where it has none. Must be finite.
  case decimal(Double)
  case text(String)
  case list([DataValue])
  /// Members keep their order; names do not repeat.
  case object([Member])

  public struct Member: Hashable, Sendable {
    public var name: String
    public var value: DataValue

    public init(_ name: String, _ value: DataValue) {
      self.name = name
      self.value = value
    }
  }

  /// An object without the members that are nil.
  public static func members(_ members: KeyValuePairs<String, DataValue?>) -> DataValue {
    .object(members.compactMap { name, value in value.map { Member(name, $0) } })
  }

  /// A number as both formats write it; nil for what is no number.
  package var numberText: String? {
    switch self {
    case .integer(let number): return "\(number)"
    case .unsigned(let number): return "\(number)"
    case .decimal(let number):
      if let whole = Int64(exactly: number), whole.magnitude < 1 << 53 { return "\(whole)" }
      return "\(number)"
    case .null, .bool, .text, .list, .object: return nil
    }
  }
}
