// Strings and opaques: a length, the bytes, and zero bytes up to a multiple of four (RFC 4506 sections 4.9-4.11).

extension XDRReader {
  /// Consumes `count` bytes and their padding; the position of the first one.
  @inlinable
  @inline(__always)
  mutating func takePadded(_ count: Int) throws(XDRError) -> Int {
    // `remaining` is below 2^63 - 4, so rounding up cannot overflow once `count` is known to be within it.
    guard count <= remaining else { throw truncated(count) }
    let size = XDRWriter.paddedSize(count)
    guard size <= remaining else { throw truncated(size) }
    let start = position
    if size != count {
      let last = unsafe bytes.unsafeLoadUnaligned(
        fromUncheckedByteOffset: start &+ size &- 4, as: UInt32.self)
      let dirt = UInt32(bigEndian: last) & (UInt32.max &>> UInt32(truncatingIfNeeded: (count & 3) &* 8))
      if dirt != 0, !allowsDirtyPadding {
        throw XDRError(.dirtyPadding, offset: start + count)
      }
    }
    position = start &+ size
    return start
  }

  /// A length word, checked against its bound.
  @inlinable
  @inline(__always)
  public mutating func readCount(max: Int) throws(XDRError) -> Int {
    let count = Int(try readUInt32())
    guard count <= max else { throw failure(.tooLong(count: count, limit: max), back: 4) }
    return count
  }

  /// `opaque x[count]`
  @inline(never)
  public mutating func readOpaque(count: Int) throws(XDRError) -> [UInt8] {
    let start = try takePadded(count)
    return XDRReader.copy(unsafe bytes.extracting(unchecked: start..<(start &+ count)))
  }

  /// `opaque x<max>`
  @inline(never)
  public mutating func readOpaque(max: Int) throws(XDRError) -> [UInt8] {
    let count = try readCount(max: max)
    let start = try takePadded(count)
    return XDRReader.copy(unsafe bytes.extracting(unchecked: start..<(start &+ count)))
  }

  /// `opaque x<max>` left where it is: valid as long as the bytes that are being read.
  @inlinable
  @_lifetime(copy self)
  public mutating func readSpan(max: Int) throws(XDRError) -> RawSpan {
    let count = try readCount(max: max)
    let start = try takePadded(count)
    return unsafe bytes.extracting(unchecked: start..<(start &+ count))
  }

  /// Everything that is left, without a length or padding: stream bytes.
  @inlinable
  @_lifetime(copy self)
  public mutating func readRest() -> RawSpan {
    let start = position
    position = end
    return unsafe bytes.extracting(unchecked: start..<end)
  }

  /// Everything that is left, copied out.
  @inlinable
  public mutating func readRestCopy() -> [UInt8] {
    let start = position
    position = end
    return XDRReader.copy(unsafe bytes.extracting(unchecked: start..<end))
  }

  /// `string x<max>`: UTF-8 without NUL.
  @inline(never)
  public mutating func readString(max: Int) throws(XDRError) -> String {
    let count = try readCount(max: max)
    let start = try takePadded(count)
    guard let string = XDRReader.makeString(unsafe bytes.extracting(unchecked: start..<(start &+ count))) else {
      throw XDRReader.textFailure(bytes, start, count)
    }
    return string
  }

  // Static, because `self` would be copied for a call, and copying what was written a moment ago means to wait for it.

  @inlinable
  static func copy(_ source: RawSpan) -> [UInt8] {
    if source.byteCount == 0 { return [] }
    return unsafe source.withUnsafeBytes { from in
      unsafe [UInt8](from.assumingMemoryBound(to: UInt8.self))
    }
  }

  /// Nil when the bytes are no text.
  @inlinable
  @inline(__always)
  static func makeString(_ text: RawSpan) -> String? {
    unsafe text.withUnsafeBytes { (buffer) -> String? in
      let utf8 = unsafe buffer.assumingMemoryBound(to: UInt8.self)
      switch unsafe TextScan(utf8) {
      // ASCII needs no second look, and nearly all names and paths are ASCII.
      case .ascii: return unsafe String(decoding: utf8, as: UTF8.self)
      case .other: return unsafe String(validating: utf8, as: UTF8.self)
      case .nul: return nil
      }
    }
  }

  @inline(never)
  @usableFromInline
  static func textFailure(_ bytes: RawSpan, _ start: Int, _ count: Int) -> XDRError {
    for index in start..<(start + count) {
      if bytes.unsafeByte(at: index) == 0 { return XDRError(.containsNUL, offset: index) }
    }
    return XDRError(.invalidUTF8, offset: start)
  }
}

extension RawSpan {
  /// A byte, bounds checked.
  @inlinable
  func unsafeByte(at offset: Int) -> UInt8 {
    unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }
}
