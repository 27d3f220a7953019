// Growable structs: a length in front of the fields, so that readers of one revision understand writers of another. On
// the wire that is `opaque x<max>` (RFC 4506 section 4.10) with the fields' encoding as its content.

extension XDRReader {
  /// Reads the length and narrows the reader to the bytes of the fields.
  ///
  /// Nothing is allocated for the length, and nothing behind the fields' bytes can be read before `endGrowable`. A length
  /// that is no multiple of four ends within an item, and is refused.
  /// - Returns: where the enclosing bytes end, for `endGrowable`.
  @inlinable
  public mutating func beginGrowable(max: Int) throws(XDRError) -> Int {
    let count = try readCount(max: max)
    guard count <= remaining else { throw truncated(count) }
    guard count & 3 == 0 else { throw failure(.truncated(needed: 4, remaining: count & 3), back: 4) }
    let outer = end
    end = position &+ count
    return outer
  }

  /// Skips the fields that only newer writers know, and goes on behind the struct.
  @inlinable
  public mutating func endGrowable(_ outer: Int) {
    position = end
    // Within the bytes whatever the caller says.
    end = Swift.max(position, min(outer, bytes.byteCount))
  }
}

extension XDRWriter {
  /// Leaves room for the length of the fields that follow.
  /// - Returns: where the length belongs, for `endGrowable`.
  @inlinable
  public mutating func beginGrowable() -> Int {
    let start = count
    writeUInt32(0)
    return start
  }

  /// Fills in the length of the fields written since `beginGrowable`.
  @inlinable
  public mutating func endGrowable(_ start: Int, max: Int) throws(XDRError) {
    precondition(start >= 0 && start <= count &- 4, "there is no length at \(start)")
    let size = count &- start &- 4
    guard size <= max else { throw XDRError(.tooLong(count: size, limit: max), offset: start) }
    unsafe self.start.storeBytes(
      of: UInt32(truncatingIfNeeded: size).bigEndian, toByteOffset: start, as: UInt32.self)
  }
}
