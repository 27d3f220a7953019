/// A value that can be read. Types that borrow from the message can do no more than that.
public protocol XDRDecodable: Sendable {
  /// The fewest bytes any value takes on the wire: what bounds counts before anything is allocated.
  static var xdrMinimumSize: Int { get }

  init(from reader: inout XDRReader) throws(XDRError)
}

/// A value with one encoding on the wire. Generated types conform; so do the scalars.
public protocol XDRCodable: XDRDecodable {
  /// The bytes this value takes on the wire, exactly.
  var xdrSize: Int { get }

  /// Throws when the value breaks a bound of the `.x`.
  func encode(into writer: inout XDRWriter) throws(XDRError)
}

extension XDRCodable {
  /// The encoding, in one allocation of exactly its size.
  @inlinable
  public func xdrEncoded() throws(XDRError) -> [UInt8] {
    var writer = XDRWriter(capacity: xdrSize)
    try encode(into: &writer)
    return writer.finish()
  }

  /// The encoding behind `headerSize` zero bytes that the caller will fill in, in one allocation.
  @inlinable
  public func xdrEncoded(headerSize: Int) throws(XDRError) -> [UInt8] {
    var writer = XDRWriter(capacity: headerSize + xdrSize)
    writer.writeZeros(headerSize)
    try encode(into: &writer)
    return writer.finish()
  }

}

extension XDRDecodable {
  /// Decodes a whole message: bytes left over are an error.
  @inlinable
  public init(xdr bytes: [UInt8]) throws(XDRError) {
    var reader = XDRReader(bytes)
    try self.init(from: &reader)
    try reader.finish()
  }

  /// Decodes a whole message: bytes left over are an error. Offsets in errors count from the slice's start.
  @inlinable
  public init(xdr bytes: ArraySlice<UInt8>) throws(XDRError) {
    var reader = XDRReader(bytes)
    try self.init(from: &reader)
    try reader.finish()
  }
}

/// `void`: no bytes at all.
public struct XDRVoid: XDRCodable, Hashable {
  @inlinable public init() {}
  @inlinable public static var xdrMinimumSize: Int { 0 }
  @inlinable public var xdrSize: Int { 0 }
  @inlinable public func encode(into writer: inout XDRWriter) throws(XDRError) {}
  @inlinable public init(from reader: inout XDRReader) throws(XDRError) {}
}
