/// A text of up to 15 bytes of UTF-8, taken out of the two words that a Swift `String` is.
///
/// Reading a short string through its UTF-8 view spills it to memory first, at one of fifteen lengths. Most names and
/// labels are short, and this makes encoding them as fast as copying.
///
/// Swift does not promise this layout, which the standard library's StringObject.swift describes. `isAsExpected`
/// therefore checks it on a known string; where it differs, every string is encoded as a long one. An optimizing
/// compiler folds the check to a constant.
@frozen
@usableFromInline
struct ShortText {
  /// Bytes 0 to 7, the first one lowest.
  @usableFromInline let low: UInt64
  /// Bytes 8 to 14. What lies behind the text is zero in both words.
  @usableFromInline let high: UInt64
  @usableFromInline let count: Int

  /// Nil for texts that are not kept in the string itself.
  @inlinable
  @inline(__always)
  init?(_ text: String) {
    guard ShortText.isAsExpected else { return nil }
    let (low, high) = ShortText.words(of: text)
    guard high & 0x2000_0000_0000_0000 != 0 else { return nil }
    self.low = low
    self.high = high & 0x00ff_ffff_ffff_ffff
    count = Int(truncatingIfNeeded: high >> 56) & 15
  }

  @inlinable
  @inline(__always)
  static func words(of text: String) -> (UInt64, UInt64) {
    #if _endian(little) && (arch(x86_64) || arch(arm64))
      unsafe unsafeBitCast(text, to: (UInt64, UInt64).self)
    #else
      (0, 0)
    #endif
  }

  @inlinable
  @inline(__always)
  static var isAsExpected: Bool { words(of: "ABCDEFGHIJK") == (0x4847_4645_4443_4241, 0xeb00_0000_004b_4a49) }

  @inlinable
  @inline(__always)
  var containsNUL: Bool {
    // The bytes behind the text become 0x7f, so that only zeros within it count. A shift by eight bytes is none.
    let fill = UInt64(0x7f7f_7f7f_7f7f_7f7f) &<< UInt64(truncatingIfNeeded: count &* 8)
    let zeros = count >= 8 ? TextScan.zeros(low) | TextScan.zeros(high | fill) : TextScan.zeros(low | fill)
    return zeros != 0
  }
}
