/// Reads RFC 4506 items from borrowed bytes, strictly and within limits.
///
/// It never reads past the end, never allocates for a count before it has been checked against what is left, and
/// refuses everything that a re-encoding would change: flags other than 0 and 1, dirty padding, narrow integers
/// out of range. It cannot outlive the bytes it reads.
@frozen
@safe
public struct XDRReader: ~Escapable {
  @usableFromInline let bytes: RawSpan

  /// Bytes consumed so far; the offset of the next item.
  public private(set) var offset: Int {
    @inlinable get { position }
    set { position = newValue }
  }

  @usableFromInline var position: Int
  /// Where reading ends: the end of the bytes, or of the growable struct that is being read.
  @usableFromInline var end: Int
  @usableFromInline var depth: Int
  @usableFromInline var memory: Int
  @usableFromInline let depthLimit: Int
  @usableFromInline let memoryLimit: Int
  @usableFromInline let allowsDirtyPadding: Bool

  @inlinable
  @_lifetime(copy bytes)
  public init(_ bytes: RawSpan) {
    self.bytes = bytes
    position = 0
    end = bytes.byteCount
    depthLimit = XDRLimits.standardDepth
    depth = XDRLimits.standardDepth
    memoryLimit = XDRLimits.standardMemory(messageSize: bytes.byteCount)
    memory = memoryLimit
    allowsDirtyPadding = false
  }

  @_lifetime(copy bytes)
  public init(_ bytes: RawSpan, limits: XDRLimits) {
    self.bytes = bytes
    position = 0
    end = bytes.byteCount
    depthLimit = limits.depth
    depth = limits.depth
    memoryLimit = limits.memory
    memory = limits.memory
    allowsDirtyPadding = limits.allowsDirtyPadding
  }

  @inlinable
  @_lifetime(borrow bytes)
  public init(_ bytes: borrowing [UInt8]) {
    self.init(unsafe bytes.span.bytes)
  }

  @inlinable
  @_lifetime(borrow bytes)
  public init(_ bytes: borrowing ArraySlice<UInt8>) {
    self.init(unsafe bytes.span.bytes)
  }

  /// Bytes not consumed yet: of the message, or of the growable struct that is being read.
  @inlinable public var remaining: Int { end &- position }

  /// To be called after the last item of a message: what is left over is an error.
  @inlinable
  public func finish() throws(XDRError) {
    if remaining != 0 { throw trailing() }
  }

  // MARK: Scalars

  @inlinable
  @inline(__always)
  public mutating func readUInt32() throws(XDRError) -> UInt32 {
    guard remaining >= 4 else { throw truncated(4) }
    let value = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt32.self)
    position &+= 4
    return UInt32(bigEndian: value)
  }

  @inlinable
  public mutating func readUInt64() throws(XDRError) -> UInt64 {
    guard remaining >= 8 else { throw truncated(8) }
    let value = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt64.self)
    position &+= 8
    return UInt64(bigEndian: value)
  }

  @inlinable
  public mutating func readInt32() throws(XDRError) -> Int32 {
    Int32(bitPattern: try readUInt32())
  }

  @inlinable
  public mutating func readInt64() throws(XDRError) -> Int64 {
    Int64(bitPattern: try readUInt64())
  }

  @inlinable
  public mutating func readFloat() throws(XDRError) -> Float {
    Float(bitPattern: try readUInt32())
  }

  @inlinable
  public mutating func readDouble() throws(XDRError) -> Double {
    Double(bitPattern: try readUInt64())
  }

  /// A bool, or the flag before an optional: 0 or 1 and nothing else.
  @inlinable
  public mutating func readBool() throws(XDRError) -> Bool {
    let word = try readUInt32()
    guard word <= 1 else { throw failure(.invalidBool(word), back: 4) }
    return word == 1
  }

  /// A `char`, `short` or their unsigned kin: a whole word on the wire.
  @inlinable
  public mutating func readNarrow<Value: FixedWidthInteger>(
    _ type: Value.Type = Value.self
  ) throws(XDRError) -> Value {
    let word = try readUInt32()
    guard let value = Value(xdrWord: word) else { throw narrowFailure(word, type, at: position &- 4) }
    return value
  }

  // MARK: Limits

  /// Enters a value of a recursive type; `leave` ends it.
  @inlinable
  public mutating func enter() throws(XDRError) {
    guard depth > 0 else { throw failure(.tooDeep(limit: depthLimit), back: 0) }
    depth &-= 1
  }

  @inlinable
  public mutating func leave() {
    depth &+= 1
  }

  /// Takes `count` values of `stride` bytes out of the memory budget.
  @inlinable
  public mutating func charge(_ count: Int, stride: Int) throws(XDRError) {
    let (size, overflow) = count.multipliedReportingOverflow(by: stride)
    guard !overflow, size <= memory else { throw failure(.tooMuchMemory(limit: memoryLimit), back: 0) }
    memory &-= size
  }
}

// Errors are made out of line: the way that succeeds stays short.
extension XDRReader {
  @inline(never)
  @usableFromInline
  func truncated(_ needed: Int) -> XDRError {
    XDRError(.truncated(needed: needed, remaining: remaining), offset: position)
  }

  @inline(never)
  @usableFromInline
  func trailing() -> XDRError {
    XDRError(.trailingBytes(remaining), offset: position)
  }

  /// An error about the item that began `back` bytes ago.
  @inline(never)
  public func failure(_ reason: XDRError.Reason, back: Int) -> XDRError {
    XDRError(reason, offset: position - back)
  }

  @inline(never)
  @usableFromInline
  func narrowFailure<Value: FixedWidthInteger>(_ word: UInt32, _ type: Value.Type, at offset: Int) -> XDRError {
    XDRError(.outOfRange(Int64(Int32(bitPattern: word)), of: "\(type)"), offset: offset)
  }
}

extension FixedWidthInteger {
  /// The value of a word that was sign-extended (signed types) or zero-extended (unsigned types), as XDR
  /// implementations in C send `char` and `short`.
  @inlinable
  init?(xdrWord word: UInt32) {
    if Self.isSigned {
      self.init(exactly: Int32(bitPattern: word))
    } else {
      self.init(exactly: word)
    }
  }
}
