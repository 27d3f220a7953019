internal import CContainerInit

/// The seccomp filter that the child installs, as it is, so that a test can run it.
enum SystemCallFilter {
  /// One instruction of classic BPF; bpf(4), seccomp(2).
  struct Instruction: Equatable {
    var code: UInt16
    var whenTrue: UInt8
    var whenFalse: UInt8
    var value: UInt32
  }

  /// - Parameter tell: the one that tells a listener about reboot(2).
  static func instructions(tell: Bool) -> [Instruction] {
    var count = 0
    let start = ci_filter(tell ? 1 : 0, &count)!
    return (0..<count).map {
      Instruction(
        code: start[$0].code, whenTrue: start[$0].when_true, whenFalse: start[$0].when_false, value: start[$0].value)
    }
  }
}
