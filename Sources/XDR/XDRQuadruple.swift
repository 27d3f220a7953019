/// `quadruple`: an IEEE 754 binary128, 16 bytes on the wire (RFC 4506 section 4.8). Swift has no such number, so the
/// bits are carried as they are.
public struct XDRQuadruple: XDRCodable, Hashable {
  /// Sign, exponent and the upper 48 bits of the fraction.
  public var high: UInt64
  public var low: UInt64

  @inlinable
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  @inlinable public static var xdrMinimumSize: Int { 16 }
  @inlinable public var xdrSize: Int { 16 }

  @inlinable
  public func encode(into writer: inout XDRWriter) throws(XDRError) {
    writer.writeUInt64(high)
    writer.writeUInt64(low)
  }

  @inlinable
  public init(from reader: inout XDRReader) throws(XDRError) {
    high = try reader.readUInt64()
    low = try reader.readUInt64()
  }
}
