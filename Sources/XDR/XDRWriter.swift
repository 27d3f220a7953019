/// Writes RFC 4506 items into one allocation.
///
/// Give it the exact size (`xdrSize`, plus a header if there is one) and it allocates once; a capacity that turns
/// out too small costs a copy, never an error. It cannot be copied, so its storage has no other owner.
@safe
public struct XDRWriter: ~Copyable {
  /// Its count is its capacity; the bytes past `position` have not been written yet.
  @usableFromInline var storage: [UInt8]

  // Addresses within the array's storage, which stays in place: the array is not shared (the writer is noncopyable) and
  // is neither grown nor read before `finish`. Access through the array would test for uniqueness at every item.
  @usableFromInline var start: UnsafeMutableRawPointer
  @usableFromInline var next: UnsafeMutableRawPointer
  @usableFromInline var end: UnsafeMutableRawPointer
  @usableFromInline var depth = 0

  public init(capacity: Int) {
    precondition(capacity >= 0, "a capacity cannot be negative")
    (storage, unsafe start) = unsafe XDRWriter.allocate(capacity)
    unsafe next = start
    unsafe end = start + storage.count
  }

  static func allocate(_ capacity: Int) -> ([UInt8], UnsafeMutableRawPointer) {
    // An empty array has no storage of its own to write to.
    let capacity = max(capacity, 16)
    var base: UnsafeMutableRawPointer?
    let storage = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, initialized in
      unsafe base = UnsafeMutableRawPointer(buffer.baseAddress)
      initialized = capacity
    }
    guard let base = unsafe base else { preconditionFailure("an array of \(capacity) bytes has no storage") }
    return unsafe (storage, base)
  }

  /// Bytes written so far.
  @inlinable public var count: Int { unsafe next - start }

  /// The bytes, without a copy if the capacity was exact.
  @inlinable
  public consuming func finish() -> [UInt8] {
    let spare = unsafe end - next
    if spare != 0 { storage.removeLast(spare) }
    return storage
  }

  /// Makes room for `size` more bytes and says where they go.
  @inlinable
  @inline(__always)
  mutating func take(_ size: Int) -> UnsafeMutableRawPointer {
    let place = unsafe room(for: size)
    unsafe next = place + size
    return unsafe place
  }

  /// Makes room for `size` more bytes, of which none are taken yet.
  @inlinable
  @inline(__always)
  mutating func room(for size: Int) -> UnsafeMutableRawPointer {
    if unsafe end - next < size { self = XDRWriter.grown(self, by: size) }
    return unsafe next
  }

  /// Takes the writer and gives it back: were its address passed on, it could not be kept in registers by a loop that
  /// never comes here.
  @inline(never)
  @usableFromInline
  static func grown(_ writer: consuming XDRWriter, by size: Int) -> XDRWriter {
    let count = writer.count
    let (larger, place) = unsafe XDRWriter.allocate(max(writer.storage.count * 2, count + size))
    unsafe place.copyMemory(from: writer.start, byteCount: count)
    writer.storage = larger
    unsafe writer.start = place
    unsafe writer.next = place + count
    unsafe writer.end = place + larger.count
    return writer
  }

  // MARK: Limits

  /// Enters a value of a recursive type; `leave` ends it. The limit is the one that readers have by default: what
  /// is deeper could not be read back.
  @inlinable
  public mutating func enter() throws(XDRError) {
    guard depth < XDRLimits.standardDepth else { throw failure(.tooDeep(limit: XDRLimits.standardDepth)) }
    depth &+= 1
  }

  @inlinable
  public mutating func leave() {
    depth &-= 1
  }

  // MARK: Scalars

  @inlinable
  public mutating func writeUInt32(_ value: UInt32) {
    unsafe take(4).storeBytes(of: value.bigEndian, as: UInt32.self)
  }

  @inlinable
  public mutating func writeUInt64(_ value: UInt64) {
    unsafe take(8).storeBytes(of: value.bigEndian, as: UInt64.self)
  }

  @inlinable public mutating func writeInt32(_ value: Int32) { writeUInt32(UInt32(bitPattern: value)) }
  @inlinable public mutating func writeInt64(_ value: Int64) { writeUInt64(UInt64(bitPattern: value)) }
  @inlinable public mutating func writeFloat(_ value: Float) { writeUInt32(value.bitPattern) }
  @inlinable public mutating func writeDouble(_ value: Double) { writeUInt64(value.bitPattern) }
  @inlinable public mutating func writeBool(_ value: Bool) { writeUInt32(value ? 1 : 0) }

  /// A `char`, `short` or their unsigned kin: a whole word on the wire.
  @inlinable
  public mutating func writeNarrow<Value: FixedWidthInteger>(_ value: Value) {
    writeUInt32(UInt32(truncatingIfNeeded: value))
  }

  /// An error about the item that would come next.
  @inline(never)
  public func failure(_ reason: XDRError.Reason) -> XDRError {
    XDRError(reason, offset: count)
  }
}
