/// Sixteen bytes that name one thing for ever: a run, a boot of the host, a request.
public struct UUIDBytes: Sendable, Hashable, CustomStringConvertible {
  /// Always 16.
  public let bytes: [UInt8]

  /// Nil unless there are 16 bytes.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count == 16 else { return nil }
    self.bytes = bytes
  }

  /// A version 4 UUID (RFC 9562 section 5.4) from 16 random bytes. Nil unless there are 16.
  public init?(random bytes: [UInt8]) {
    guard bytes.count == 16 else { return nil }
    var bytes = bytes
    bytes[6] = bytes[6] & 0x0f | 0x40
    bytes[8] = bytes[8] & 0x3f | 0x80
    self.bytes = bytes
  }

  /// Reads 32 hexadecimal digits, with or without the usual four hyphens.
  public init?(text: String) {
    var bytes: [UInt8] = []
    var high: UInt8?
    for character in text.utf8 where character != UInt8(ascii: "-") {
      guard let digit = hexDigit(character) else { return nil }
      if let first = high {
        bytes.append(first << 4 | digit)
        high = nil
      } else {
        high = digit
      }
    }
    guard high == nil, bytes.count == 16 else { return nil }
    self.bytes = bytes
  }

  public static let zero = UUIDBytes([UInt8](repeating: 0, count: 16))!

  /// 8-4-4-4-12 lower-case hexadecimal digits.
  public var description: String {
    var text = ""
    text.reserveCapacity(36)
    for (index, byte) in bytes.enumerated() {
      if index == 4 || index == 6 || index == 8 || index == 10 { text.append("-") }
      appendHex(byte, to: &text)
    }
    return text
  }

  /// The first eight digits: enough for a person, and for a folder name beside a guest's name.
  public var short: String {
    var text = ""
    for byte in bytes.prefix(4) { appendHex(byte, to: &text) }
    return text
  }
}

/// Names one run of one guest; made anew at each start.
public typealias RunID = UUIDBytes
/// Names one boot of the host (`/proc/sys/kernel/random/boot_id`).
public typealias BootID = UUIDBytes
/// Names one request of a client, so that sending it again does nothing twice.
public typealias RequestID = UUIDBytes

private let hexDigits: [UInt8] = Array("0123456789abcdef".utf8)

private func appendHex(_ byte: UInt8, to text: inout String) {
  text.unicodeScalars.append(Unicode.Scalar(hexDigits[Int(byte >> 4)]))
  text.unicodeScalars.append(Unicode.Scalar(hexDigits[Int(byte & 15)]))
}

private func hexDigit(_ character: UInt8) -> UInt8? {
  Character(Unicode.Scalar(character)).hexDigitValue.map(UInt8.init)
}
