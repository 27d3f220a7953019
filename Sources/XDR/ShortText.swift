/// A text of up to 15 bytes of UTF-8, taken out of the two words that a Swift `String` is.
///
/// Whoever asks a short string for its bytes by way of its UTF-8 view gets them spilled to memory, one length at a time;
/// most names and labels are short, and this makes encoding them as fast as copying.
///
/// Swift does not promise how it keeps short strings. `isAsExpected` therefore looks at one; where that differs, no string
/// is taken for short, and all go the way of the long ones. An optimizing compiler folds the look to a constant.
/// The layout is described in the standard library's StringObject.swift.
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
    // What lies behind the text is made 0x7f, so that only zeros within it count. A shift by eight bytes is none.
    let fill = UInt64(0x7f7f_7f7f_7f7f_7f7f) &<< UInt64(truncatingIfNeeded: count &* 8)
    let zeros = count >= 8 ? TextScan.zeros(low) | TextScan.zeros(high | fill) : TextScan.zeros(low | fill)
    return zeros != 0
  }
}
