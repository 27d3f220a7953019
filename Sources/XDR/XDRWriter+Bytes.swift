extension XDRWriter {
  /// Bytes on the wire of a string or variable opaque with `count` bytes: length, bytes, padding.
  @inlinable
  public static func opaqueSize(_ count: Int) -> Int { 4 + paddedSize(count) }

  /// `count` rounded up to a multiple of four.
  @inlinable
  public static func paddedSize(_ count: Int) -> Int { (count &+ 3) & ~3 }

  @inlinable
  mutating func writePadded(_ bytes: UnsafeRawBufferPointer) {
    let count = bytes.count
    let padding = -count & 3
    let place = unsafe take(count &+ padding)
    if let source = bytes.baseAddress { unsafe place.copyMemory(from: source, byteCount: count) }
    var index = count
    while index < count &+ padding {
      unsafe place.storeBytes(of: 0, toByteOffset: index, as: UInt8.self)
      index &+= 1
    }
  }

  /// `opaque x[count]`
  @inlinable
  public mutating func writeOpaque(_ bytes: [UInt8], count: Int) throws(XDRError) {
    guard bytes.count == count else { throw failure(.wrongCount(bytes.count, expected: count)) }
    unsafe bytes.withUnsafeBytes { unsafe writePadded($0) }
  }

  /// `opaque x<max>`
  @inlinable
  public mutating func writeOpaque(_ bytes: [UInt8], max: Int) throws(XDRError) {
    try writeCount(bytes.count, max: max)
    unsafe bytes.withUnsafeBytes { unsafe writePadded($0) }
  }

  /// `string x<max>`: the UTF-8 of the text, which must not hold a NUL.
  @inlinable
  public mutating func writeString(_ text: String, max: Int) throws(XDRError) {
    var text = text
    let clean = text.withUTF8 { utf8 in
      unsafe writeText(UnsafeRawBufferPointer(utf8), max: max)
    }
    guard clean else { throw textFailure(text, max: max) }
  }

  @usableFromInline
  mutating func writeText(_ utf8: UnsafeRawBufferPointer, max: Int) -> Bool {
    guard utf8.count <= max, utf8.count <= UInt32.max else { return false }
    if unsafe utf8.contains(0) { return false }
    writeUInt32(UInt32(truncatingIfNeeded: utf8.count))
    unsafe writePadded(utf8)
    return true
  }

  @inline(never)
  @usableFromInline
  func textFailure(_ text: String, max: Int) -> XDRError {
    text.utf8.count > max ? failure(.tooLong(count: text.utf8.count, limit: max)) : failure(.containsNUL)
  }

  /// Room to be filled in later, for example for a frame's header.
  @inlinable
  public mutating func writeZeros(_ count: Int) {
    precondition(count >= 0, "a count cannot be negative")
    unsafe take(count).initializeMemory(as: UInt8.self, repeating: 0, count: count)
  }

  /// Bytes as they are, without length or padding: stream data, or a body that is encoded already.
  @inlinable
  public mutating func writeRaw(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBytes { from in
      if let source = from.baseAddress { unsafe take(from.count).copyMemory(from: source, byteCount: from.count) }
    }
  }

  @inlinable
  public mutating func writeRaw(_ bytes: ArraySlice<UInt8>) {
    unsafe bytes.withUnsafeBytes { from in
      if let source = from.baseAddress { unsafe take(from.count).copyMemory(from: source, byteCount: from.count) }
    }
  }
}
