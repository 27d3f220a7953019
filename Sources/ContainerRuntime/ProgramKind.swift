/// The kind of program a file is, by its first bytes; elf(5), execve(2).
enum ProgramKind: Equatable {
  /// `#!` and an interpreter.
  case script(interpreter: String)
  /// Built for a machine (e_machine), run by a dynamic loader or by itself.
  case elf(machine: UInt16, loader: String?)
  case unknown

  /// As much of a script as the kernel looks at (BINPRM_BUF_SIZE).
  private static let scriptStart = 256

  init(start: [UInt8]) {
    if start.starts(with: "#!".utf8) {
      let line = start.prefix(Self.scriptStart).dropFirst(2).prefix { $0 != UInt8(ascii: "\n") && $0 != 0 }
      let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
      // A name that is cut off there is none.
      guard let first = words.first, first.endIndex < Self.scriptStart else {
        self = .unknown
        return
      }
      self = .script(interpreter: String(decoding: first, as: UTF8.self))
      return
    }
    guard start.count >= 20, start.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
      self = .unknown
      return
    }
    let reader = ELFStart(bytes: start, wide: start[4] == 2, bigEndian: start[5] == 2)
    self = .elf(machine: UInt16(truncatingIfNeeded: reader.number(at: 18, size: 2) ?? 0), loader: reader.loader)
  }

  /// The machines whose programs this one runs.
  static var runnable: Set<UInt16> {
    #if arch(x86_64)
      [62, 3]
    #else
      [183]
    #endif
  }

  static func name(of machine: UInt16) -> String {
    switch machine {
    case 3: "i386"
    case 40: "arm"
    case 62: "x86-64"
    case 183: "arm64"
    case 243: "riscv"
    case 21, 20: "powerpc"
    case 22: "s390"
    case 8: "mips"
    default: "ELF machine \(machine)"
    }
  }
}

/// The start of an ELF file: all of its numbers are hostile.
private struct ELFStart {
  var bytes: [UInt8]
  var wide: Bool
  var bigEndian: Bool

  func number(at offset: UInt64, size: UInt64) -> UInt64? {
    guard offset <= UInt64(bytes.count), size <= UInt64(bytes.count) - offset else { return nil }
    let field = bytes[Int(offset)..<Int(offset + size)]
    return bigEndian
      ? field.reduce(0) { $0 << 8 | UInt64($1) } : field.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// The string of the PT_INTERP segment, as far as it lies in the bytes at hand (it does, right after the headers).
  var loader: String? {
    let word: UInt64 = wide ? 8 : 4
    guard let table = number(at: wide ? 32 : 28, size: word), let size = number(at: wide ? 54 : 42, size: 2),
      let count = number(at: wide ? 56 : 44, size: 2), size >= (wide ? 56 : 32)
    else { return nil }
    for index in 0..<min(count, 64) {
      let (header, overflow) = table.addingReportingOverflow(index * size)
      guard !overflow, header < UInt64(bytes.count), let type = number(at: header, size: 4) else { return nil }
      guard type == 3 else { continue }
      guard let offset = number(at: header + (wide ? 8 : 4), size: word),
        let length = number(at: header + (wide ? 32 : 16), size: word), offset < UInt64(bytes.count),
        length > 1, length <= UInt64(bytes.count) - offset
      else { return nil }
      let text = bytes[Int(offset)..<Int(offset + length)].prefix { $0 != 0 }
      return String(decoding: text, as: UTF8.self)
    }
    return nil
  }
}
