extension XDRWriter {
  /// A length word, checked against its bound.
  @inlinable
  public mutating func writeCount(_ count: Int, max: Int) throws(XDRError) {
    guard count <= max, count <= UInt32.max else { throw failure(.tooLong(count: count, limit: max)) }
    writeUInt32(UInt32(truncatingIfNeeded: count))
  }

  /// `T x<max>`
  @inlinable
  public mutating func writeArray<Element: XDRCodable>(_ elements: [Element], max: Int) throws(XDRError) {
    try writeCount(elements.count, max: max)
    try writeElements(elements)
  }

  /// `T x[count]`
  @inlinable
  public mutating func writeArray<Element: XDRCodable>(_ elements: [Element], count: Int) throws(XDRError) {
    guard elements.count == count else { throw failure(.wrongCount(elements.count, expected: count)) }
    try writeElements(elements)
  }

  // The writer is moved out of its place for the loop: what is written to there has to be stored and loaded again for
  // every item, what is a local variable stays in registers where the elements' encoding is expanded.

  @inlinable
  mutating func writeElements<Element: XDRCodable>(_ elements: [Element]) throws(XDRError) {
    let elements = elements.inPlace
    var writer = self
    var index = 0
    while index < elements.count {
      do throws(XDRError) {
        try elements[index].encode(into: &writer)
      } catch {
        self = writer
        throw error.inside(index: index)
      }
      index &+= 1
    }
    self = writer
  }

  /// `T x<max>` where the element has a bound of its own, which `write` knows.
  @inlinable
  public mutating func writeArray<Element>(
    _ elements: [Element], max: Int, _ write: (inout XDRWriter, Element) throws(XDRError) -> Void
  ) throws(XDRError) {
    try writeCount(elements.count, max: max)
    try writeElements(elements, write)
  }

  /// `T x[count]` where the element has a bound of its own.
  @inlinable
  public mutating func writeArray<Element>(
    _ elements: [Element], count: Int, _ write: (inout XDRWriter, Element) throws(XDRError) -> Void
  ) throws(XDRError) {
    guard elements.count == count else { throw failure(.wrongCount(elements.count, expected: count)) }
    try writeElements(elements, write)
  }

  @inlinable
  mutating func writeElements<Element>(
    _ elements: [Element], _ write: (inout XDRWriter, Element) throws(XDRError) -> Void
  ) throws(XDRError) {
    let elements = elements.inPlace
    var writer = self
    var index = 0
    while index < elements.count {
      do throws(XDRError) {
        try elements[index].write(to: &writer, write)
      } catch {
        self = writer
        throw error.inside(index: index)
      }
      index &+= 1
    }
    self = writer
  }

  /// `T *x` where the value has a bound of its own.
  @inlinable
  public mutating func writeOptional<Value>(
    _ value: Value?, _ write: (inout XDRWriter, Value) throws(XDRError) -> Void
  ) throws(XDRError) {
    guard let value else { return writeUInt32(0) }
    writeUInt32(1)
    try write(&self, value)
  }

  /// `T *x`
  @inlinable
  public mutating func writeOptional<Value: XDRCodable>(_ value: Value?) throws(XDRError) {
    guard let value else { return writeUInt32(0) }
    writeUInt32(1)
    try value.encode(into: &self)
  }

  // MARK: Words, in bulk

  /// `int x<max>`
  @inlinable
  public mutating func writeWords<Word: FixedWidthInteger & BitwiseCopyable>(
    _ words: [Word], max: Int
  ) throws(XDRError) {
    try writeCount(words.count, max: max)
    putWords(words)
  }

  /// `int x[count]`
  @inlinable
  public mutating func writeWords<Word: FixedWidthInteger & BitwiseCopyable>(
    _ words: [Word], count: Int
  ) throws(XDRError) {
    guard words.count == count else { throw failure(.wrongCount(words.count, expected: count)) }
    putWords(words)
  }

  @inlinable
  mutating func putWords<Word: FixedWidthInteger & BitwiseCopyable>(_ words: [Word]) {
    let width = MemoryLayout<Word>.size
    let place = unsafe take(words.count &* width)
    unsafe words.withUnsafeBufferPointer { from in
      var index = 0
      while index < from.count {
        unsafe place.storeBytes(of: from[index].bigEndian, toByteOffset: index &* width, as: Word.self)
        index &+= 1
      }
    }
  }
}

/// A run of fixed-size items for which room was made once.
@frozen
@safe
public struct XDRRunWriter: ~Copyable, ~Escapable {
  @usableFromInline let base: UnsafeMutableRawPointer
  @usableFromInline let size: Int

  @inlinable
  @_lifetime(immortal)
  init(_ base: UnsafeMutableRawPointer, size: Int) {
    unsafe self.base = unsafe base
    self.size = size
  }

  @inlinable
  public mutating func uint32(_ at: Int, _ value: UInt32) {
    precondition(at >= 0 && at &+ 4 <= size, "past the end of the run")
    unsafe base.storeBytes(of: value.bigEndian, toByteOffset: at, as: UInt32.self)
  }

  @inlinable
  public mutating func uint64(_ at: Int, _ value: UInt64) {
    precondition(at >= 0 && at &+ 8 <= size, "past the end of the run")
    unsafe base.storeBytes(of: value.bigEndian, toByteOffset: at, as: UInt64.self)
  }

  @inlinable public mutating func int32(_ at: Int, _ value: Int32) { uint32(at, UInt32(bitPattern: value)) }
  @inlinable public mutating func int64(_ at: Int, _ value: Int64) { uint64(at, UInt64(bitPattern: value)) }
  @inlinable public mutating func float(_ at: Int, _ value: Float) { uint32(at, value.bitPattern) }
  @inlinable public mutating func double(_ at: Int, _ value: Double) { uint64(at, value.bitPattern) }
  @inlinable public mutating func bool(_ at: Int, _ value: Bool) { uint32(at, value ? 1 : 0) }

  @inlinable
  public mutating func narrow<Value: FixedWidthInteger>(_ at: Int, _ value: Value) {
    uint32(at, UInt32(truncatingIfNeeded: value))
  }
}

extension XDRWriter {
  /// Writes `size` bytes of fixed-size items with one check for room. `fill` must set every item.
  @inlinable
  public mutating func writeRun(_ size: Int, _ fill: (inout XDRRunWriter) -> Void) {
    var run = unsafe XDRRunWriter(take(size), size: size)
    fill(&run)
  }
}
