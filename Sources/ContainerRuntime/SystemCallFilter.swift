/// The seccomp filter that init and all of its descendants run under, assembled from rules; seccomp(2).
///
/// It decides three things. reboot(2) is reported: the kernel ends the init of a PID namespace as if by SIGHUP (restart)
/// or SIGINT (halt and power off alike), pid_namespaces(7), and from outside that looks like other ends; so the
/// call goes to the controller, which notes the command and lets it go on. Another kernel is never loaded, which
/// `sys_boot` would allow. And what container engines refuse by default is refused here where a guest would get behind a
/// wall with it:
///
/// - A user namespace of its own gives a process every capability in it, and with those it can mount what the host keeps
///   from it (`cgroup` v1, overlay) and reach kernel code that only root reaches otherwise. A guest with `sys_admin` may:
///   it has the capability in any case.
/// - Keys are not part of any namespace: a user's keyring is that of the same user of the host (keyrings(7)).
///
/// The allow-list that engines share is larger; this is the part that the other walls depend on.
struct SystemCallFilter: Equatable {
  /// One instruction of classic BPF; bpf(4).
  struct Instruction: Equatable {
    var code: UInt16
    var whenTrue: UInt8 = 0
    var whenFalse: UInt8 = 0
    var value: UInt32
  }

  enum Verdict: Equatable {
    case allow
    /// Ask the listener; seccomp_unotify(2).
    case report
    /// errno(3).
    case refuse(UInt32)

    var value: UInt32 {
      switch self {
      case .allow: 0x7fff_0000
      case .report: 0x7fc0_0000
      case .refuse(let errno): 0x0005_0000 | errno
      }
    }
  }

  /// One call of one architecture.
  struct Rule: Equatable {
    var number: UInt32
    var verdict: Verdict
    /// Only where the first argument has one of these bits set.
    var flags: UInt32?
  }

  /// EPERM is for what exists and is refused; ENOSYS for what is not there for a guest, so that programs fall back: glibc
  /// uses clone where clone3 is missing (whose flags a filter cannot read), and everything manages without keys.
  private enum Errno {
    static let notPermitted: UInt32 = 1
    static let noSuchCall: UInt32 = 38
  }
  private static let newUserNamespace: UInt32 = 0x1000_0000

  /// Numbers of the calls by architecture; syscalls(2), the tables in the kernel's sources.
  private struct Architecture {
    var audit: UInt32
    /// Bits of a number that name a variant of the architecture and not another call.
    var variant: UInt32 = 0
    var reboot: UInt32
    var loadKernel: [UInt32]
    var keys: [UInt32]
    var clone: UInt32
    var unshare: UInt32
    /// The same everywhere.
    static let clone3: UInt32 = 435
  }

  #if arch(x86_64)
    /// x32 calls are x86-64 ones with a bit set, and the same numbers but for a table from 512 on (528: kexec_load).
    private static let architectures = [
      Architecture(
        audit: 0xc000_003e, variant: 0x4000_0000, reboot: 169, loadKernel: [246, 320, 528], keys: [248, 249, 250],
        clone: 56, unshare: 272),
      Architecture(
        audit: 0x4000_0003, reboot: 88, loadKernel: [283], keys: [286, 287, 288], clone: 120, unshare: 310),
    ]
  #elseif arch(arm64)
    private static let architectures = [
      Architecture(
        audit: 0xc000_00b7, reboot: 142, loadKernel: [104, 294], keys: [217, 218, 219], clone: 220, unshare: 97),
      Architecture(
        audit: 0x4000_0028, reboot: 88, loadKernel: [347, 401], keys: [309, 310, 311], clone: 120, unshare: 337),
    ]
  #else
    #error("the filter knows x86-64 and arm64 only")
  #endif

  let instructions: [Instruction]

  /// - Parameters:
  ///   - reportsReboot: a listener takes reports of reboot(2); otherwise the call goes on unnoted.
  ///   - allowsUserNamespaces: for guests with `sys_admin`.
  init(reportsReboot: Bool, allowsUserNamespaces: Bool) {
    var program: [Instruction] = []
    for architecture in Self.architectures {
      let block = Self.block(
        variant: architecture.variant,
        Self.rules(architecture, reportsReboot: reportsReboot, allowsUserNamespaces: allowsUserNamespaces))
      program.append(Self.load(Self.architectureOffset))
      program.append(
        Instruction(code: Self.jumpEqual, whenFalse: UInt8(block.count), value: architecture.audit))
      program += block
    }
    // There is no other on such a machine.
    program.append(Self.answer(.refuse(Errno.noSuchCall)))
    instructions = program
  }

  private static func rules(
    _ architecture: Architecture, reportsReboot: Bool, allowsUserNamespaces: Bool
  ) -> [Rule] {
    var rules = architecture.loadKernel.map { Rule(number: $0, verdict: .refuse(Errno.notPermitted)) }
    rules += architecture.keys.map { Rule(number: $0, verdict: .refuse(Errno.noSuchCall)) }
    if reportsReboot { rules.append(Rule(number: architecture.reboot, verdict: .report)) }
    if !allowsUserNamespaces {
      let refused = Verdict.refuse(Errno.notPermitted)
      rules.append(Rule(number: architecture.clone, verdict: refused, flags: newUserNamespace))
      rules.append(Rule(number: architecture.unshare, verdict: refused, flags: newUserNamespace))
      rules.append(Rule(number: Architecture.clone3, verdict: .refuse(Errno.noSuchCall)))
    }
    return rules
  }

  // MARK: assembling

  /// struct seccomp_data; the lower half of the first argument, on machines that store it first.
  private static let numberOffset: UInt32 = 0
  private static let architectureOffset: UInt32 = 4
  private static let firstArgumentOffset: UInt32 = 16
  // BPF_LD|BPF_W|BPF_ABS, BPF_ALU|BPF_AND|BPF_K, BPF_JMP|BPF_JEQ|BPF_K, BPF_JMP|BPF_JSET|BPF_K, BPF_RET|BPF_K.
  private static let loadWord: UInt16 = 0x20
  private static let and: UInt16 = 0x54
  private static let jumpEqual: UInt16 = 0x15
  private static let jumpIfSet: UInt16 = 0x45
  private static let give: UInt16 = 0x06

  private static func load(_ offset: UInt32) -> Instruction { Instruction(code: loadWord, value: offset) }
  private static func answer(_ verdict: Verdict) -> Instruction { Instruction(code: give, value: verdict.value) }

  /// Each rule answers or falls through to the next; jumps never leave a rule, so none needs counting by hand.
  private static func block(variant: UInt32, _ rules: [Rule]) -> [Instruction] {
    var block = [load(numberOffset)]
    if variant != 0 { block.append(Instruction(code: and, value: ~variant)) }
    for rule in rules {
      let body: [Instruction] =
        if let flags = rule.flags {
          [
            load(firstArgumentOffset), Instruction(code: jumpIfSet, whenFalse: 1, value: flags),
            answer(rule.verdict), answer(.allow),
          ]
        } else {
          [answer(rule.verdict)]
        }
      block.append(Instruction(code: jumpEqual, whenFalse: UInt8(body.count), value: rule.number))
      block += body
    }
    block.append(answer(.allow))
    return block
  }

  /// As struct sock_filter, two numbers an instruction.
  var encoded: [UInt32] {
    instructions.flatMap { instruction in
      [
        UInt32(instruction.code) | UInt32(instruction.whenTrue) << 16 | UInt32(instruction.whenFalse) << 24,
        instruction.value,
      ]
    }
  }
}
