/// An element of an array, borrowed where it lies.
///
/// A value read through a span is copied before a method is called on it. For an element with strings or arrays inside
/// that changes reference counts, which takes twice as long as encoding it. A noncopyable value is borrowed instead.
@frozen
@usableFromInline
struct XDRInPlace<Value>: ~Copyable {
  @usableFromInline let value: Value
}

extension XDRInPlace {
  @inlinable
  @inline(__always)
  borrowing func size(_ size: (Value) -> Int) -> Int { size(value) }

  @inlinable
  @inline(__always)
  borrowing func write(
    to writer: inout XDRWriter, _ write: (inout XDRWriter, Value) throws(XDRError) -> Void
  ) throws(XDRError) {
    try write(&writer, value)
  }
}

extension XDRInPlace where Value: XDRCodable {
  @inlinable
  @inline(__always)
  borrowing func encode(into writer: inout XDRWriter) throws(XDRError) { try value.encode(into: &writer) }
}

extension Array {
  /// The elements as values that cannot be copied. A struct of one field is laid out as its field is.
  @inlinable
  var inPlace: Span<XDRInPlace<Element>> {
    @inline(__always)
    @_lifetime(borrow self)
    get {
      let elements = self.span
      let start = unsafe elements.withUnsafeBufferPointer { buffer in
        unsafe UnsafeRawPointer(buffer.baseAddress)?.assumingMemoryBound(to: XDRInPlace<Element>.self)
      }
      guard let start = unsafe start else { return Span() }
      return unsafe _overrideLifetime(Span(_unsafeStart: start, count: elements.count), borrowing: self)
    }
  }
}
