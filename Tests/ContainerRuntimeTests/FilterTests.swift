import Testing

@testable import ContainerRuntime

/// Runs the filter as the kernel would: classic BPF with the few instructions it uses.
private func decide(
  _ filter: [SystemCallFilter.Instruction], number: UInt32, architecture: UInt32, argument: UInt32 = 0
) -> UInt32? {
  var accumulator: UInt32 = 0
  var index = 0
  // Jumps only go forward, so this ends.
  while index < filter.count {
    let instruction = filter[index]
    index += 1
    switch instruction.code {
    case 0x20:
      switch instruction.value {
      case 0: accumulator = number
      case 4: accumulator = architecture
      case 16: accumulator = argument
      default: return nil
      }
    case 0x54: accumulator &= instruction.value
    case 0x15: index += Int(accumulator == instruction.value ? instruction.whenTrue : instruction.whenFalse)
    case 0x45: index += Int(accumulator & instruction.value != 0 ? instruction.whenTrue : instruction.whenFalse)
    case 0x06: return instruction.value
    default: return nil
    }
  }
  return nil
}

struct FilterTests {
  static let allow: UInt32 = 0x7fff_0000
  static let report: UInt32 = 0x7fc0_0000
  static let refuse: UInt32 = 0x0005_0001
  static let missing: UInt32 = 0x0005_0026
  static let newUser: UInt32 = 0x1000_0000

  struct Call: Hashable {
    var number: UInt32
    var architecture: UInt32

    init(_ number: UInt32, _ architecture: UInt32) {
      self.number = number
      self.architecture = architecture
    }
  }

  #if arch(x86_64)
    static let native: UInt32 = 0xc000_003e
    static let compatible: UInt32 = 0x4000_0003
    static let variants: [UInt32] = [0, 0x4000_0000]
    static let reboot = [Call(169, native), Call(88, compatible)]
    static let loadKernel = [Call(246, native), Call(320, native), Call(528, native), Call(283, compatible)]
    static let keys = [248, 249, 250].map { Call($0, native) } + [286, 287, 288].map { Call($0, compatible) }
    static let flagged = [Call(56, native), Call(272, native), Call(120, compatible), Call(310, compatible)]
  #else
    static let native: UInt32 = 0xc000_00b7
    static let compatible: UInt32 = 0x4000_0028
    static let variants: [UInt32] = [0]
    static let reboot = [Call(142, native), Call(88, compatible)]
    static let loadKernel = [Call(104, native), Call(294, native), Call(347, compatible), Call(401, compatible)]
    static let keys = [217, 218, 219].map { Call($0, native) } + [309, 310, 311].map { Call($0, compatible) }
    static let flagged = [Call(220, native), Call(97, native), Call(120, compatible), Call(337, compatible)]
  #endif
  static let clone3 = [Call(435, native), Call(435, compatible)]

  /// The filter's verdict by call, written down a second time.
  private func expected(_ call: Call, _ argument: UInt32, reportsReboot: Bool, allowsUserNamespaces: Bool) -> UInt32 {
    if Self.reboot.contains(call) { return reportsReboot ? Self.report : Self.allow }
    if Self.loadKernel.contains(call) { return Self.refuse }
    if Self.keys.contains(call) { return Self.missing }
    if allowsUserNamespaces { return Self.allow }
    if Self.clone3.contains(call) { return Self.missing }
    return Self.flagged.contains(call) && argument & Self.newUser != 0 ? Self.refuse : Self.allow
  }

  @Test(arguments: [false, true], [false, true])
  func everyCallOfEveryArchitectureIsDecided(reportsReboot: Bool, allowsUserNamespaces: Bool) {
    let filter = SystemCallFilter(reportsReboot: reportsReboot, allowsUserNamespaces: allowsUserNamespaces)
    for architecture in [Self.native, Self.compatible] {
      for variant in architecture == Self.native ? Self.variants : [0] {
        for number in UInt32(0)...600 {
          for argument in [0, 0x11, Self.newUser, Self.newUser | 0x11, ~Self.newUser] {
            let decided = decide(
              filter.instructions, number: number | variant, architecture: architecture, argument: argument)
            let wanted = expected(
              Call(number, architecture), argument, reportsReboot: reportsReboot,
              allowsUserNamespaces: allowsUserNamespaces)
            #expect(
              decided == wanted,
              "call \(number) (\(String(argument, radix: 16))) of architecture \(String(architecture, radix: 16))")
          }
        }
      }
    }
  }

  @Test func anotherArchitectureHasNoCalls() {
    let filter = SystemCallFilter(reportsReboot: true, allowsUserNamespaces: true)
    #expect(decide(filter.instructions, number: 1, architecture: 8) == Self.missing)
  }

  @Test func instructionsAreEncodedAsTheKernelHasThem() {
    let filter = SystemCallFilter(reportsReboot: true, allowsUserNamespaces: false)
    #expect(filter.encoded.count == 2 * filter.instructions.count)
    // Load the architecture; then a jump: code, offsets, value.
    #expect(filter.encoded.prefix(2) == [0x20, 4])
    let jump = filter.instructions[1]
    #expect(filter.encoded[2] == 0x15 | UInt32(jump.whenFalse) << 24)
    #expect(filter.encoded[3] == Self.native)
  }
}
