/// A run of fixed-size items whose bounds were checked once. The offsets are constants of generated code, so the
/// checks here fold away.
@frozen
@safe
public struct XDRRun: ~Escapable {
  @usableFromInline let bytes: RawSpan
  /// Where the run begins in the message.
  public let offset: Int

  @inlinable
  @_lifetime(copy bytes)
  init(_ bytes: RawSpan, offset: Int) {
    self.bytes = bytes
    self.offset = offset
  }

  @inlinable
  public func uint32(_ at: Int) -> UInt32 {
    UInt32(bigEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt32.self))
  }

  @inlinable
  public func uint64(_ at: Int) -> UInt64 {
    UInt64(bigEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self))
  }

  @inlinable public func int32(_ at: Int) -> Int32 { Int32(bitPattern: uint32(at)) }
  @inlinable public func int64(_ at: Int) -> Int64 { Int64(bitPattern: uint64(at)) }
  @inlinable public func float(_ at: Int) -> Float { Float(bitPattern: uint32(at)) }
  @inlinable public func double(_ at: Int) -> Double { Double(bitPattern: uint64(at)) }

  @inlinable
  public func bool(_ at: Int) throws(XDRError) -> Bool {
    let word = uint32(at)
    guard word <= 1 else { throw failure(.invalidBool(word), at: at) }
    return word == 1
  }

  @inlinable
  public func narrow<Value: FixedWidthInteger>(
    _ at: Int, _ type: Value.Type = Value.self
  ) throws(XDRError) -> Value {
    let word = uint32(at)
    guard let value = Value(xdrWord: word) else {
      throw failure(.outOfRange(Int64(Int32(bitPattern: word)), of: "\(type)"), at: at)
    }
    return value
  }

  @inline(never)
  public func failure(_ reason: XDRError.Reason, at: Int) -> XDRError {
    XDRError(reason, offset: offset + at)
  }
}

extension XDRReader {
  /// The next `size` bytes as one run: a single bounds check for all of its items.
  @inlinable
  @inline(__always)
  @_lifetime(copy self)
  public mutating func readRun(_ size: Int) throws(XDRError) -> XDRRun {
    guard size <= remaining else { throw truncated(size) }
    let start = position
    position &+= size
    return XDRRun(unsafe bytes.extracting(unchecked: start..<position), offset: start)
  }
}
