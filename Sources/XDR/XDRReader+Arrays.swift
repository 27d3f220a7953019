// Arrays and optionals. A count is checked against its bound, the bytes that are left and the memory budget
// before anything is reserved for it.

extension XDRReader {
  /// The count of `T x<max>`, possible in what is left of the message and paid for from the memory budget.
  @inlinable
  public mutating func readCount(max: Int, minimumSize: Int, stride: Int) throws(XDRError) -> Int {
    let count = try readCount(max: max)
    // The compiler refuses zero-width elements; the floor keeps hand-written types from bringing them back.
    try admit(count, minimumSize: Swift.max(minimumSize, 4), stride: stride, back: 4)
    return count
  }

  @inlinable
  mutating func admit(_ count: Int, minimumSize: Int, stride: Int, back: Int) throws(XDRError) {
    let (size, overflow) = count.multipliedReportingOverflow(by: minimumSize)
    guard !overflow, size <= remaining else {
      throw failure(.countBeyondMessage(count: count, remaining: remaining), back: back)
    }
    try charge(count, stride: stride)
  }

  /// `T x<max>`
  @inlinable
  public mutating func readArray<Element: XDRDecodable>(
    of type: Element.Type = Element.self, max: Int
  ) throws(XDRError) -> [Element] {
    let count = try readCount(max: max, minimumSize: Element.xdrMinimumSize, stride: MemoryLayout<Element>.stride)
    return try readElements(count)
  }

  /// `T x[count]`
  @inlinable
  public mutating func readArray<Element: XDRDecodable>(
    of type: Element.Type = Element.self, count: Int
  ) throws(XDRError) -> [Element] {
    try admit(count, minimumSize: Element.xdrMinimumSize, stride: MemoryLayout<Element>.stride, back: 0)
    return try readElements(count)
  }

  /// `T x<max>` where the element has a bound of its own, which `element` knows.
  @inlinable
  public mutating func readArray<Element>(
    max: Int, minimumSize: Int, _ element: (inout XDRReader) throws(XDRError) -> Element
  ) throws(XDRError) -> [Element] {
    let count = try readCount(max: max, minimumSize: minimumSize, stride: MemoryLayout<Element>.stride)
    return try readElements(count, element)
  }

  /// `T x[count]` where the element has a bound of its own.
  @inlinable
  public mutating func readArray<Element>(
    count: Int, minimumSize: Int, _ element: (inout XDRReader) throws(XDRError) -> Element
  ) throws(XDRError) -> [Element] {
    try admit(count, minimumSize: minimumSize, stride: MemoryLayout<Element>.stride, back: 0)
    return try readElements(count, element)
  }

  // The reader is a local variable in these loops, which stays in registers where the elements' decoding is expanded.

  @inlinable
  mutating func readElements<Element>(
    _ count: Int, _ element: (inout XDRReader) throws(XDRError) -> Element
  ) throws(XDRError) -> [Element] {
    try [Element](capacity: count) { (elements: inout OutputSpan<Element>) throws(XDRError) in
      var reader = self
      var index = 0
      while index < count {
        do throws(XDRError) {
          elements.append(try element(&reader))
        } catch {
          self = reader
          throw error.inside(index: index)
        }
        index &+= 1
      }
      self = reader
    }
  }

  /// `T *x` where the value has a bound of its own.
  @inlinable
  public mutating func readOptional<Value>(
    _ value: (inout XDRReader) throws(XDRError) -> Value
  ) throws(XDRError) -> Value? {
    try readBool() ? try value(&self) : nil
  }

  @inlinable
  mutating func readElements<Element: XDRDecodable>(_ count: Int) throws(XDRError) -> [Element] {
    try [Element](capacity: count) { (elements: inout OutputSpan<Element>) throws(XDRError) in
      var reader = self
      var index = 0
      while index < count {
        do throws(XDRError) {
          elements.append(try Element(from: &reader))
        } catch {
          self = reader
          throw error.inside(index: index)
        }
        index &+= 1
      }
      self = reader
    }
  }

  /// `T *x`
  @inlinable
  public mutating func readOptional<Value: XDRDecodable>(
    of type: Value.Type = Value.self
  ) throws(XDRError) -> Value? {
    try readBool() ? try Value(from: &self) : nil
  }

  // MARK: Words, in bulk

  /// `int x<max>` or, with its count known, `int x[count]`: one bounds check, then a byte-swapping loop.
  @inlinable
  public mutating func readWords<Word: FixedWidthInteger & BitwiseCopyable>(
    of type: Word.Type = Word.self, count: Int
  ) throws(XDRError) -> [Word] {
    let width = MemoryLayout<Word>.size
    try admit(count, minimumSize: width, stride: width, back: 0)
    let start = position
    position &+= count &* width
    if count == 0 { return [] }
    let source = unsafe bytes.extracting(unchecked: start..<position)
    return unsafe [Word](unsafeUninitializedCapacity: count) { buffer, initialized in
      var index = 0
      while index < count {
        let word = unsafe source.unsafeLoadUnaligned(fromUncheckedByteOffset: index &* width, as: Word.self)
        unsafe buffer.initializeElement(at: index, to: Word(bigEndian: word))
        index &+= 1
      }
      initialized = count
    }
  }

  @inlinable
  public mutating func readWords<Word: FixedWidthInteger & BitwiseCopyable>(
    of type: Word.Type = Word.self, max: Int
  ) throws(XDRError) -> [Word] {
    try readWords(count: try readCount(max: max))
  }
}
