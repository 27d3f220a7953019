extension XDRWriter {
  /// Bytes on the wire of a string or variable opaque with `count` bytes: length, bytes, padding.
  @inlinable
  public static func opaqueSize(_ count: Int) -> Int { 4 &+ paddedSize(count) }

  /// `count` rounded up to a multiple of four.
  @inlinable
  public static func paddedSize(_ count: Int) -> Int { (count &+ 3) & ~3 }

  /// `count` bytes, and zeros up to a multiple of four.
  @inlinable
  mutating func writePadded(_ bytes: UnsafeRawBufferPointer, count: Int) {
    let size = XDRWriter.paddedSize(count)
    if size == 0 { return }
    let place = unsafe take(size)
    // The last word first: what the bytes do not cover of it is padding.
    unsafe place.storeBytes(of: 0, toByteOffset: size &- 4, as: UInt32.self)
    if let source = bytes.baseAddress { unsafe place.copyMemory(from: source, byteCount: count) }
  }

  /// `opaque x[count]`
  @inlinable
  public mutating func writeOpaque(_ bytes: [UInt8], count: Int) throws(XDRError) {
    guard bytes.count == count else { throw failure(.wrongCount(bytes.count, expected: count)) }
    unsafe bytes.withUnsafeBytes { unsafe writePadded($0, count: count) }
  }

  /// `opaque x<max>`
  @inlinable
  public mutating func writeOpaque(_ bytes: [UInt8], max: Int) throws(XDRError) {
    try writeCount(bytes.count, max: max)
    unsafe bytes.withUnsafeBytes { unsafe writePadded($0, count: bytes.count) }
  }

  /// `string x<max>`: the UTF-8 of the text, which must not hold a NUL.
  @inline(never)
  public mutating func writeString(_ text: String, max: Int) throws(XDRError) {
    try putString(text, max: max)
  }

  /// `writeString`, expanded where it is called: for elements of arrays.
  @inlinable
  @inline(__always)
  public mutating func putString(_ text: String, max: Int) throws(XDRError) {
    try putString(text, max: max, run: 0) { _ in }
  }

  /// A string and the run of fixed-size items that follows it (`writeRun`), with one check for room.
  @inlinable
  @inline(__always)
  public mutating func putString(
    _ text: String, max: Int, run size: Int, _ fill: (inout XDRRunWriter) -> Void
  ) throws(XDRError) {
    if let short = ShortText(text), short.count <= max, unsafe end - next >= 20 &+ size, !short.containsNUL {
      // More than the text may need; what comes next is written over it.
      unsafe next.storeBytes(of: UInt32(truncatingIfNeeded: short.count).bigEndian, as: UInt32.self)
      unsafe next.storeBytes(of: short.low, toByteOffset: 4, as: UInt64.self)
      unsafe next.storeBytes(of: short.high, toByteOffset: 12, as: UInt64.self)
      let behind = unsafe next + XDRWriter.opaqueSize(short.count)
      var run = unsafe XDRRunWriter(behind, size: size)
      fill(&run)
      unsafe next = behind + size
      return
    }
    let before = count
    self = XDRWriter.adding(text, max: max, to: self)
    if count == before { throw XDRWriter.refusal(of: text, max: max, offset: count) }
    writeRun(size, fill)
  }

  /// The writer with the text behind what it had; as it was if the text must not be sent.
  @inline(never)
  @usableFromInline
  static func adding(_ text: String, max: Int, to writer: consuming XDRWriter) -> XDRWriter {
    var text = text
    // In one piece already, but for strings of other languages.
    text.withUTF8 { utf8 in unsafe writer.put(utf8, max: max) }
    return writer
  }

  mutating func put(_ utf8: UnsafeBufferPointer<UInt8>, max: Int) {
    let count = utf8.count
    guard count <= max, count <= UInt32.max else { return }
    let size = XDRWriter.opaqueSize(count)
    let place = unsafe room(for: size)
    // The last word first: what the bytes do not cover of it is padding.
    unsafe place.storeBytes(of: 0, toByteOffset: size &- 4, as: UInt32.self)
    unsafe place.storeBytes(of: UInt32(truncatingIfNeeded: count).bigEndian, as: UInt32.self)
    if let source = utf8.baseAddress {
      guard unsafe TextScan.copy(source, count, to: place + 4) else { return }
    }
    unsafe next = place + size
  }

  @inline(never)
  @usableFromInline
  static func refusal(of text: String, max: Int, offset: Int) -> XDRError {
    let count = text.utf8.count
    return XDRError(count > max ? .tooLong(count: count, limit: max) : .containsNUL, offset: offset)
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
