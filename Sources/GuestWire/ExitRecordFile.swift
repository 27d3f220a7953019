public import Guest
internal import Layout
internal import WireProtocol
internal import XDR

/// The file in a run directory that says how the run ended: XDR with a magic number and a format in front and a checksum
/// behind. Formats before this one are read by `FormerExitRecord`.
public enum ExitRecordFile {
  public static let name = RunPaths.exitRecordName
  private static let checksumSize = 4
  private static let magic = UInt32(Wire.endRecordMagic)
  private static let format = UInt32(Wire.endRecordFormat)

  /// Throws only for a record that breaks the wire's bounds, which `ExitRecord`'s makers do not build.
  public static func encode(_ record: ExitRecord) throws(GuestError) -> [UInt8] {
    do {
      var bytes = try Wire.EndRecordFile(
        magic: magic, format: format, record: .init(record), crc: 0
      ).xdrEncoded()
      let sum = crc32(bytes.dropLast(checksumSize))
      for index in 0..<checksumSize {
        bytes[bytes.count - checksumSize + index] = UInt8(truncatingIfNeeded: sum >> UInt32(24 - 8 * index))
      }
      return bytes
    } catch {
      throw GuestError(.internalError, "encode the exit record: \(error)")
    }
  }

  /// Throws `badFrame` for a file that is torn, altered, or of a format this version does not know.
  public static func decode(_ bytes: [UInt8]) throws(GuestError) -> ExitRecord {
    let found = try soundFormat(of: bytes)
    guard found == format else { throw GuestError(.badFrame, "exit record: format \(found) is unknown") }
    let file: Wire.EndRecordFile
    do { file = try Wire.EndRecordFile(xdr: bytes) } catch { throw GuestError(.badFrame, "exit record: \(error)") }
    return try ExitRecord(file.record)
  }

  /// The format of a whole file: its kind and its checksum are those of an exit record.
  public static func soundFormat(of bytes: [UInt8]) throws(GuestError) -> UInt32 {
    func number(at offset: Int) -> UInt32 {
      bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
    guard bytes.count >= 12 else {
      throw GuestError(.badFrame, "exit record: \(bytes.count) bytes are too few for one")
    }
    guard number(at: 0) == magic else { throw GuestError(.badFrame, "exit record: it is another kind of file") }
    guard number(at: bytes.count - checksumSize) == crc32(bytes.dropLast(checksumSize)) else {
      throw GuestError(.badFrame, "exit record: its checksum does not fit")
    }
    return number(at: 4)
  }

  /// CRC-32 of IEEE 802.3, bit by bit: a record is a few hundred bytes, and a table would be a kilobyte in each controller.
  static func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var sum: UInt32 = ~0
    for byte in bytes {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xedb8_8320 : sum >> 1 }
    }
    return ~sum
  }
}
