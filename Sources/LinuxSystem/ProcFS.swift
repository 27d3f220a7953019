import Glibc

/// The fields of /proc/<pid>/stat that identify a process; proc(5).
public struct ProcessStat: Equatable, Sendable {
  public var command: String
  /// One letter: R, S, D, Z, T, ...
  public var state: UInt8
  public var parent: Int32
  /// Clock ticks since boot. With the pid it names one process for the whole uptime.
  public var startTime: UInt64
  /// Threads that have not ended: 1 for a process that has ended whole and waits to be reaped.
  public var threads: UInt32
  /// Field 52: the status that its parent will get, as wait(2) has it. 0 also for a reader without the right to see it
  /// (ptrace(2), PTRACE_MODE_READ_FSCREDS), and on kernels before Linux 3.5 absent.
  public var exitCode: Int32?

  public init(of pid: Int32) throws(SystemError) {
    let path = "/proc/\(pid)/stat"
    guard let stat = ProcessStat(parsing: try Files.read(path)) else {
      throw SystemError("parse", on: path, errno: EPROTO)
    }
    self = stat
  }

  /// `startTime` by CLOCK_BOOTTIME, rounded down to the clock tick that it is given in: a hundredth of a second (sysconf(3)).
  public static func nanoseconds(ofStartTime ticks: UInt64) -> UInt64 {
    let second: UInt64 = 1_000_000_000
    let (whole, overflow) = ticks.multipliedReportingOverflow(by: second / UInt64(max(sysconf(Int32(_SC_CLK_TCK)), 1)))
    return overflow ? .max : whole
  }

  /// The command is in brackets and may hold anything, brackets too: the last one ends it.
  init?(parsing bytes: [UInt8]) {
    guard let open = bytes.firstIndex(of: UInt8(ascii: "(")),
      let close = bytes.lastIndex(of: UInt8(ascii: ")")), open < close
    else { return nil }
    let fields = bytes[(close + 1)...].split(separator: UInt8(ascii: " "))
    // Fields count from 1, and these are those from number 3 on.
    guard fields.count > 19, let state = fields[0].first, let parent = Int32(decimal: fields[1]),
      let startTime = UInt64(decimal: fields[19]), let threads = UInt32(decimal: fields[17])
    else { return nil }
    command = String(decoding: bytes[(open + 1)..<close], as: UTF8.self)
    self.state = state
    self.parent = parent
    self.startTime = startTime
    self.threads = threads
    exitCode = fields.count > 49 ? Int32(decimal: fields[49].prefix { $0 != UInt8(ascii: "\n") }) : nil
  }
}

extension WaitStatus {
  /// The status of a process that has ended and has not been reaped, read by a process that is not its parent. Nil
  /// where it has not ended, where the number belongs to another process by now, and where reading is not permitted.
  public init?(ofZombie pid: Int32, startTime: UInt64) {
    // Without the right to see it the kernel shows 0, which is a valid status. Reading the link needs the same right.
    var target: UInt8 = 0
    guard readlink("/proc/\(pid)/ns/user", &target, 1) == 1 else { return nil }
    guard let stat = try? ProcessStat(of: pid), stat.startTime == startTime, stat.state == UInt8(ascii: "Z"),
      stat.threads == 1, let code = stat.exitCode
    else { return nil }
    // As in wait(2): the signal below, the core flag, and the code above.
    let signal = code & 0x7f
    self = signal == 0 ? .exited(code: code >> 8 & 0xff) : .signaled(signal: signal, core: code & 0x80 != 0)
  }
}

/// Facts about the running kernel.
public enum Kernel {
  /// This boot's identity: 16 bytes; a record that carries another is from before a restart of the host.
  public static func bootID() throws(SystemError) -> [UInt8] {
    let path = "/proc/sys/kernel/random/boot_id"
    let digits = try Files.read(path).compactMap(hexDigit)
    guard digits.count == 32 else { throw SystemError("parse", on: path, errno: EPROTO) }
    return (0..<16).map { digits[2 * $0] << 4 | digits[2 * $0 + 1] }
  }

  /// uname(2).
  public static var identity: (release: String, machine: String, hostname: String) {
    var names = utsname()
    uname(&names)
    return (text(of: &names.release), text(of: &names.machine), text(of: &names.nodename))
  }

  private static func text<T>(of field: inout T) -> String {
    withUnsafeBytes(of: &field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

func hexDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}

extension FixedWidthInteger {
  /// A number in decimal digits with nothing around it, as the kernel's files hold them.
  ///
  /// Inlinable, so that it is compiled for the types of its callers: unspecialised, its first use in a process looks up
  /// conformances for a tenth of a millisecond.
  @inlinable
  public init?(decimal bytes: some Sequence<UInt8>) {
    var value: Self = 0
    var any = false
    for byte in bytes {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      let (scaled, high) = value.multipliedReportingOverflow(by: 10)
      let (next, carry) = scaled.addingReportingOverflow(Self(byte - UInt8(ascii: "0")))
      guard !high, !carry else { return nil }
      value = next
      any = true
    }
    guard any else { return nil }
    self = value
  }
}
