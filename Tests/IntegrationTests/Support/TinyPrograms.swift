import LinuxSystem

/// Programs that busybox does not have, as bytes: no compiler is needed where the tests run.
enum TinyProgram {
  /// An x86-64 executable of one instruction that does not exist: the kernel ends it with SIGILL, whatever its
  /// namespace, and dumps its core where that is allowed.
  static func crash(at path: String) throws {
    try Files.writeAtomically(elf(machine: 62, code: [0x0f, 0x0b]), to: path, mode: 0o755)
  }

  /// A program for a machine that this one is not (s390).
  static func foreign(at path: String) throws {
    try Files.writeAtomically(elf(machine: 22, code: [0, 0]), to: path, mode: 0o755)
  }

  /// ELF-64, one segment that holds everything; elf(5).
  private static func elf(machine: UInt8, code: [UInt8]) -> [UInt8] {
    func word(_ value: UInt64, _ size: Int) -> [UInt8] { (0..<size).map { UInt8(value >> (8 * UInt64($0)) & 0xff) } }
    let base: UInt64 = 0x40_0000
    let size = UInt64(64 + 56 + code.count)
    var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0] + [UInt8](repeating: 0, count: 8)
    bytes += word(2, 2) + [machine, 0] + word(1, 4) + word(base + 120, 8) + word(64, 8) + word(0, 8) + word(0, 4)
    bytes += word(64, 2) + word(56, 2) + word(1, 2) + word(0, 2) + word(0, 2) + word(0, 2)
    bytes += word(1, 4) + word(5, 4) + word(0, 8) + word(base, 8) + word(base, 8) + word(size, 8) + word(size, 8)
    bytes += word(0x1000, 8)
    return bytes + code
  }
}
