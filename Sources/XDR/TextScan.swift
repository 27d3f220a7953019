/// The kind of a text, found eight bytes at a time.
@usableFromInline
enum TextScan {
  case ascii
  /// Some byte is not ASCII; whether it is UTF-8 is another question.
  case other
  case nul

  @inline(__always)
  @inlinable
  init(_ utf8: UnsafeBufferPointer<UInt8>) {
    let raw = UnsafeRawBufferPointer(utf8)
    let count = raw.count
    var high: UInt64 = 0
    var zero: UInt64 = 0
    if count >= 8 {
      var index = 0
      while index &+ 8 <= count {
        let word = unsafe raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        high |= word
        zero |= TextScan.zeros(word)
        index &+= 8
      }
      // The last bytes, with some of those before them once more.
      let word = unsafe raw.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
      high |= word
      zero |= TextScan.zeros(word)
    } else {
      var index = 0
      while index < count {
        let byte = unsafe utf8[index]
        high |= UInt64(byte)
        if byte == 0 { zero = 1 }
        index &+= 1
      }
    }
    self = zero != 0 ? .nul : high & 0x8080_8080_8080_8080 != 0 ? .other : .ascii
  }

  /// Copies the text and looks for a NUL in one go; false if there is one.
  static func copy(_ from: UnsafeRawPointer, _ count: Int, to: UnsafeMutableRawPointer) -> Bool {
    var zero: UInt64 = 0
    guard count >= 8 else {
      for index in 0..<count {
        let byte = unsafe from.load(fromByteOffset: index, as: UInt8.self)
        if byte == 0 { zero = 1 }
        unsafe to.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
      }
      return zero == 0
    }
    let last = count &- 8
    var index = 0
    while index < last {
      let word = unsafe from.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      zero |= zeros(word)
      unsafe to.storeBytes(of: word, toByteOffset: index, as: UInt64.self)
      index &+= 8
    }
    // The last bytes, with some of those before them once more.
    let word = unsafe from.loadUnaligned(fromByteOffset: last, as: UInt64.self)
    unsafe to.storeBytes(of: word, toByteOffset: last, as: UInt64.self)
    return (zero | zeros(word)) == 0
  }

  /// Not zero exactly if one of the bytes is.
  @inlinable
  @inline(__always)
  static func zeros(_ word: UInt64) -> UInt64 {
    (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
  }
}
