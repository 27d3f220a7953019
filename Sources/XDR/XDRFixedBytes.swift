/// `opaque x[size]` stored in place, without an allocation: UUIDs, hashes, addresses.
/// Generated instead of `[UInt8]` for sizes up to that of `--inline-opaque`.
@frozen
@safe
public struct XDRFixedBytes<let size: Int>: Sendable {
  @usableFromInline var storage: InlineArray<size, UInt8>

  /// All zeros.
  @inlinable
  public init() { storage = InlineArray(repeating: 0) }

  /// Nil unless there are exactly `size` bytes.
  @inlinable
  public init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count == size else { return nil }
    self.init()
    for (index, byte) in bytes.enumerated() { storage[index] = byte }
  }

  @inlinable public var bytes: [UInt8] { (0..<size).map { storage[$0] } }

  @inlinable
  init(_ source: UnsafeRawPointer) {
    self.init()
    unsafe withUnsafeMutableBytes(of: &storage) { place in
      if let place = place.baseAddress { unsafe place.copyMemory(from: source, byteCount: size) }
    }
  }

  @inlinable
  func store(to place: UnsafeMutableRawPointer) {
    unsafe withUnsafeBytes(of: storage) { from in
      if let from = from.baseAddress { unsafe place.copyMemory(from: from, byteCount: size) }
    }
  }
}

extension XDRFixedBytes: Hashable {
  @inlinable
  public static func == (one: Self, other: Self) -> Bool {
    var index = 0
    while index < size {
      if one.storage[index] != other.storage[index] { return false }
      index &+= 1
    }
    return true
  }

  @inlinable
  public func hash(into hasher: inout Hasher) {
    unsafe withUnsafeBytes(of: storage) { unsafe hasher.combine(bytes: $0) }
  }
}

extension XDRFixedBytes: XDRCodable {
  @inlinable public static var xdrMinimumSize: Int { XDRWriter.paddedSize(size) }
  @inlinable public var xdrSize: Int { XDRWriter.paddedSize(size) }

  @inlinable
  public func encode(into writer: inout XDRWriter) throws(XDRError) {
    let padded = XDRWriter.paddedSize(size)
    if padded == 0 { return }
    let place = unsafe writer.take(padded)
    unsafe place.storeBytes(of: 0, toByteOffset: padded &- 4, as: UInt32.self)
    unsafe store(to: place)
  }

  @inlinable
  public init(from reader: inout XDRReader) throws(XDRError) {
    let start = try reader.takePadded(size)
    let source = unsafe reader.bytes.extracting(unchecked: start..<(start &+ size))
    self = unsafe source.withUnsafeBytes { from in
      if let base = from.baseAddress { unsafe XDRFixedBytes(base) } else { XDRFixedBytes() }
    }
  }
}

// As items of a run, for sizes that need no padding.

extension XDRRun {
  @inlinable
  public func fixedBytes<let size: Int>(_ at: Int, _ type: XDRFixedBytes<size>.Type) -> XDRFixedBytes<size> {
    precondition(at >= 0 && at &+ size <= bytes.byteCount, "past the end of the run")
    return unsafe bytes.withUnsafeBytes { from in
      if let base = from.baseAddress { unsafe XDRFixedBytes(base + at) } else { XDRFixedBytes() }
    }
  }
}

extension XDRRunWriter {
  @inlinable
  public mutating func fixedBytes<let size: Int>(_ at: Int, _ value: XDRFixedBytes<size>) {
    precondition(at >= 0 && at &+ size <= self.size, "past the end of the run")
    unsafe value.store(to: base + at)
  }
}
