/// What a look at each eight bytes tells about a text.
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
  ///
  /// Swift keeps a text of up to 15 bytes in two registers and spills them for whoever wants its bytes. Loads at
  /// constant offsets are taken from the registers; any other would have to wait for the stores to memory before it,
  /// which takes as long as all the rest.
  @inlinable
  @inline(__always)
  static func copy(_ from: UnsafeRawPointer, _ count: Int, to: UnsafeMutableRawPointer) -> Bool {
    if count >= 16 { return unsafe copyLong(from, count, to: to) }
    if count < 8 { return unsafe zeros(copyTail(from, to, count, at: 0)) == 0 }
    let word = unsafe from.loadUnaligned(as: UInt64.self)
    unsafe to.storeBytes(of: word, as: UInt64.self)
    return unsafe (zeros(word) | zeros(copyTail(from, to, count, at: 8))) == 0
  }

  /// Copies the last zero to seven bytes; a word of them and of ones.
  @inlinable
  @inline(__always)
  static func copyTail(_ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ count: Int, at: Int) -> UInt64 {
    let ones = UInt64.max
    switch count & 7 {
    case 1: return unsafe ones << 8 | copy(from, to, at, UInt8.self)
    case 2: return unsafe ones << 16 | copy(from, to, at, UInt16.self)
    case 3: return unsafe ones << 24 | copy(from, to, at, UInt16.self) << 8 | copy(from, to, at &+ 2, UInt8.self)
    case 4: return unsafe ones << 32 | copy(from, to, at, UInt32.self)
    case 5: return unsafe ones << 40 | copy(from, to, at, UInt32.self) << 8 | copy(from, to, at &+ 4, UInt8.self)
    case 6: return unsafe ones << 48 | copy(from, to, at, UInt32.self) << 16 | copy(from, to, at &+ 4, UInt16.self)
    case 7:
      let last = unsafe copy(from, to, at &+ 4, UInt16.self) << 8 | copy(from, to, at &+ 6, UInt8.self)
      return unsafe ones << 56 | copy(from, to, at, UInt32.self) << 24 | last
    default: return ones
    }
  }

  @inlinable
  @inline(__always)
  static func copy<Word: FixedWidthInteger & BitwiseCopyable>(
    _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ at: Int, _ type: Word.Type
  ) -> UInt64 {
    let word = unsafe from.loadUnaligned(fromByteOffset: at, as: Word.self)
    unsafe to.storeBytes(of: word, toByteOffset: at, as: Word.self)
    return UInt64(truncatingIfNeeded: word)
  }

  /// `count` is at least eight.
  @inline(never)
  @usableFromInline
  static func copyLong(_ from: UnsafeRawPointer, _ count: Int, to: UnsafeMutableRawPointer) -> Bool {
    let last = count &- 8
    var zero: UInt64 = 0
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
