import Testing

@testable import ContainerRuntime

/// Runs the filter as the kernel would: classic BPF with the few instructions it uses.
private func decide(_ filter: [SystemCallFilter.Instruction], number: UInt32, architecture: UInt32) -> UInt32? {
  var accumulator: UInt32 = 0
  var index = 0
  // Jumps only go forward, so this ends.
  while index < filter.count {
    let instruction = filter[index]
    index += 1
    switch instruction.code {
    case 0x20: accumulator = instruction.value == 4 ? architecture : number
    case 0x54: accumulator &= instruction.value
    case 0x15: index += Int(accumulator == instruction.value ? instruction.whenTrue : instruction.whenFalse)
    case 0x06: return instruction.value
    default: return nil
    }
  }
  return nil
}

struct FilterTests {
  static let allow: UInt32 = 0x7fff_0000
  static let tell: UInt32 = 0x7fc0_0000
  static let refuse: UInt32 = 0x0005_0001

  #if arch(x86_64)
    static let native: UInt32 = 0xc000_003e
    static let compatible: UInt32 = 0x4000_0003
    static let told: [(UInt32, UInt32)] = [(169, native), (169 | 0x4000_0000, native), (88, compatible)]
    static let refused: [(UInt32, UInt32)] = [
      (246, native), (320, native), (246 | 0x4000_0000, native), (320 | 0x4000_0000, native),
      (528 | 0x4000_0000, native), (283, compatible),
    ]
  #else
    static let native: UInt32 = 0xc000_00b7
    static let compatible: UInt32 = 0x4000_0028
    static let told: [(UInt32, UInt32)] = [(142, native), (88, compatible)]
    static let refused: [(UInt32, UInt32)] = [(104, native), (294, native), (347, compatible), (401, compatible)]
  #endif

  @Test func everyCallOfEveryArchitectureIsDecided() {
    let filter = SystemCallFilter.instructions(tell: true)
    for architecture in [Self.native, Self.compatible] {
      for number in Array(UInt32(0)...600) + (0...600).map({ $0 | 0x4000_0000 }) {
        // 528 is kexec_load for x32 alone; the plain number is no call at all.
        if number == 528 { continue }
        let expected =
          Self.told.contains { $0 == (number, architecture) }
          ? Self.tell : Self.refused.contains { $0 == (number, architecture) } ? Self.refuse : Self.allow
        // i386 and arm have no x32.
        if architecture == Self.compatible, number >= 0x4000_0000 { continue }
        let decided = decide(filter, number: number, architecture: architecture)
        #if arch(arm64)
          if number >= 0x4000_0000 { continue }
        #endif
        #expect(decided == expected, "call \(number) of architecture \(String(architecture, radix: 16))")
      }
    }
  }

  @Test func withoutAListenerRebootGoesOnUntold() {
    let filter = SystemCallFilter.instructions(tell: false)
    for (number, architecture) in Self.told {
      #expect(decide(filter, number: number, architecture: architecture) == Self.allow)
    }
    for (number, architecture) in Self.refused {
      #expect(decide(filter, number: number, architecture: architecture) == Self.refuse)
    }
  }
}
