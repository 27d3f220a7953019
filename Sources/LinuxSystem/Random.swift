import CLinuxSystem

/// Random bytes from the kernel; getrandom(2).
public enum Random {
  /// At most 256 at a time.
  public static func bytes(_ count: Int) throws(SystemError) -> [UInt8] {
    precondition(count <= 256, "getrandom(2) is whole only up to 256 bytes")
    var bytes = [UInt8](repeating: 0, count: count)
    try check("getrandom") { bytes.withUnsafeMutableBytes { ls_getrandom($0.baseAddress, $0.count) } }
    return bytes
  }

  /// The 16 bytes of a random UUID; RFC 9562 section 5.4.
  public static func uuid() throws(SystemError) -> [UInt8] {
    var bytes = try bytes(16)
    bytes[6] = bytes[6] & 0x0f | 0x40
    bytes[8] = bytes[8] & 0x3f | 0x80
    return bytes
  }

  public static func uint64() throws(SystemError) -> UInt64 {
    try bytes(8).reduce(0) { $0 << 8 | UInt64($1) }
  }
}
