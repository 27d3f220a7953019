/// Where a string or opaque lies in the message it was read from: eight bytes, nothing copied, nothing counted.
///
/// It means something together with that message only, whose bytes the caller keeps. Every access is checked against
/// the bytes it is given, so a slice of another message can give wrong bytes and never unsafe ones.
@frozen
public struct XDRSlice: Sendable, Hashable {
  @usableFromInline let start: UInt32
  @usableFromInline let size: UInt32

  /// No bytes: for a field that the writer left out.
  @inlinable
  public init() { self.init(start: 0, count: 0) }

  @inlinable
  init(start: Int, count: Int) {
    self.start = UInt32(truncatingIfNeeded: start)
    size = UInt32(truncatingIfNeeded: count)
  }

  @inlinable public var count: Int { Int(size) }

  @inlinable
  func range(within count: Int) -> Range<Int>? {
    let end = Int(start) &+ Int(size)
    return end <= count ? Int(start)..<end : nil
  }

  /// The bytes; nil if the message is too short to be the one this came from.
  @inlinable
  public func bytes(in message: [UInt8]) -> ArraySlice<UInt8>? {
    range(within: message.count).map { message[$0] }
  }

  @inlinable
  public func bytes(in message: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    range(within: message.count).map {
      message[(message.startIndex + $0.lowerBound)..<(message.startIndex + $0.upperBound)]
    }
  }

  /// The text; nil if it is not UTF-8, has a NUL inside, or the message is another one.
  public func string(in message: [UInt8]) -> String? {
    guard let bytes = bytes(in: message), !bytes.contains(0) else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }

  public func string(in message: ArraySlice<UInt8>) -> String? {
    guard let bytes = bytes(in: message), !bytes.contains(0) else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }
}

extension XDRReader {
  /// `string x<max>` or `opaque x<max>`, left where it is. Text is validated when it is asked for.
  @inlinable
  @inline(__always)
  public mutating func readSlice(max: Int) throws(XDRError) -> XDRSlice {
    let count = try readCount(max: max)
    return try readSlice(count: count)
  }

  /// `opaque x[count]`, left where it is. Beyond 4 GiB there are no messages.
  @inlinable
  @inline(__always)
  public mutating func readSlice(count: Int) throws(XDRError) -> XDRSlice {
    let start = try takePadded(count)
    guard position <= UInt32.max else { throw failure(.tooMuchMemory(limit: Int(UInt32.max)), back: 0) }
    return XDRSlice(start: start, count: count)
  }
}

extension XDRRun {
  /// As an item of a run, for sizes that need no padding.
  @inlinable
  public func slice(_ at: Int, count: Int) throws(XDRError) -> XDRSlice {
    guard offset &+ at &+ count <= UInt32.max else { throw failure(.tooMuchMemory(limit: Int(UInt32.max)), at: at) }
    return XDRSlice(start: offset &+ at, count: count)
  }
}
