// The scalars as values of their own: elements of arrays, optionals, bare arguments and results.

extension Int32: XDRCodable {
  @inlinable public static var xdrMinimumSize: Int { 4 }
  @inlinable public var xdrSize: Int { 4 }
  @inlinable public func encode(into writer: inout XDRWriter) throws(XDRError) { writer.writeInt32(self) }
  @inlinable public init(from reader: inout XDRReader) throws(XDRError) { self = try reader.readInt32() }
}

extension UInt32: XDRCodable {
  @inlinable public static var xdrMinimumSize: Int { 4 }
  @inlinable public var xdrSize: Int { 4 }
  @inlinable public func encode(into writer: inout XDRWriter) throws(XDRError) { writer.writeUInt32(self) }
  @inlinable public init(from reader: inout XDRReader) throws(XDRError) { self = try reader.readUInt32() }
}

extension Int64: XDRCodable {
  @inlinable public static var xdrMinimumSize: Int { 8 }
  @inlinable public var xdrSize: Int { 8 }
  @inlinable public func encode(into writer: inout XDRWriter) throws(XDRError) { writer.writeInt64(self) }
  @inlinable public init(from reader: inout XDRReader) throws(XDRError) { self = try reader.readInt64() }
}

extension UInt64: XDRCodable {
  @inlinable public static var xdrMinimumSize: Int { 8 }
  @inlinable public var xdrSize: Int { 8 }
  @inlinable public func encode(into writer: inout XDRWriter) throws(XDRError) { writer.writeUInt64(self) }
  @inlinable public init(from reader: inout XDRReader) throws(XDRError) { self = try reader.readUInt64() }
}

extension Float: XDRCodable {
  @inlinable public static var xdrMinimumSize: Int { 4 }
  @inlinable public var xdrSize: Int { 4 }
  @inlinable public func encode(into writer: inout XDRWriter) throws(XDRError) { writer.writeFloat(self) }
  @inlinable public init(from reader: inout XDRReader) throws(XDRError) { self = try reader.readFloat() }
}

extension Double: XDRCodable {
  @inlinable public static var xdrMinimumSize: Int { 8 }
  @inlinable public var xdrSize: Int { 8 }
  @inlinable public func encode(into writer: inout XDRWriter) throws(XDRError) { writer.writeDouble(self) }
  @inlinable public init(from reader: inout XDRReader) throws(XDRError) { self = try reader.readDouble() }
}

extension Bool: XDRCodable {
  @inlinable public static var xdrMinimumSize: Int { 4 }
  @inlinable public var xdrSize: Int { 4 }
  @inlinable public func encode(into writer: inout XDRWriter) throws(XDRError) { writer.writeBool(self) }
  @inlinable public init(from reader: inout XDRReader) throws(XDRError) { self = try reader.readBool() }
}

extension Int8: XDRCodable {
  @inlinable public static var xdrMinimumSize: Int { 4 }
  @inlinable public var xdrSize: Int { 4 }
  @inlinable public func encode(into writer: inout XDRWriter) throws(XDRError) { writer.writeNarrow(self) }
  @inlinable public init(from reader: inout XDRReader) throws(XDRError) { self = try reader.readNarrow() }
}

extension UInt8: XDRCodable {
  @inlinable public static var xdrMinimumSize: Int { 4 }
  @inlinable public var xdrSize: Int { 4 }
  @inlinable public func encode(into writer: inout XDRWriter) throws(XDRError) { writer.writeNarrow(self) }
  @inlinable public init(from reader: inout XDRReader) throws(XDRError) { self = try reader.readNarrow() }
}

extension Int16: XDRCodable {
  @inlinable public static var xdrMinimumSize: Int { 4 }
  @inlinable public var xdrSize: Int { 4 }
  @inlinable public func encode(into writer: inout XDRWriter) throws(XDRError) { writer.writeNarrow(self) }
  @inlinable public init(from reader: inout XDRReader) throws(XDRError) { self = try reader.readNarrow() }
}

extension UInt16: XDRCodable {
  @inlinable public static var xdrMinimumSize: Int { 4 }
  @inlinable public var xdrSize: Int { 4 }
  @inlinable public func encode(into writer: inout XDRWriter) throws(XDRError) { writer.writeNarrow(self) }
  @inlinable public init(from reader: inout XDRReader) throws(XDRError) { self = try reader.readNarrow() }
}
