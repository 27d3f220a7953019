/// A generated enum: a signed word on the wire (RFC 4506 section 4.3).
///
/// Closed enums refuse values they do not declare. Enums marked `@open` in the `.x` keep them, because a newer peer may
/// send them; their `init(rawValue:)` never fails.
public protocol XDREnumeration: XDRCodable, Hashable, RawRepresentable where RawValue == Int32 {
  /// The name in the `.x`.
  static var xdrName: String { get }
}

extension XDREnumeration {
  @inlinable public static var xdrMinimumSize: Int { 4 }
  @inlinable public var xdrSize: Int { 4 }

  @inlinable
  public func encode(into writer: inout XDRWriter) throws(XDRError) {
    writer.writeInt32(rawValue)
  }

  @inlinable
  public init(from reader: inout XDRReader) throws(XDRError) {
    let raw = try reader.readInt32()
    guard let value = Self(rawValue: raw) else {
      throw reader.failure(.unknownValue(Int64(raw), of: Self.xdrName), back: 4)
    }
    self = value
  }

  /// For generated code: one item of a run.
  @inlinable
  public init(from run: borrowing XDRRun, at offset: Int) throws(XDRError) {
    let raw = run.int32(offset)
    guard let value = Self(rawValue: raw) else {
      throw run.failure(.unknownValue(Int64(raw), of: Self.xdrName), at: offset)
    }
    self = value
  }
}
