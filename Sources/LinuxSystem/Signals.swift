import CLinuxSystem
import Glibc

/// A set of signals.
public struct SignalSet: Equatable, Sendable, ExpressibleByArrayLiteral {
  /// Signal n is bit n - 1, as in /proc/<pid>/status.
  public var bits: UInt64

  public init(bits: UInt64) { self.bits = bits }

  public init(arrayLiteral signals: Int32...) {
    bits = signals.reduce(0) { $0 | (1 << UInt64($1 - 1)) }
  }

  public static let all = SignalSet(bits: ~0)
  public static let none = SignalSet(bits: 0)

  public func contains(_ signal: Int32) -> Bool {
    (1...64).contains(signal) && bits & (1 << UInt64(signal - 1)) != 0
  }
}

/// Signals of the calling thread.
public enum Signals {
  /// The system call that a thread is in while it waits for signals: rt_sigtimedwait(2), as `/proc/PID/syscall` shows it.
  public static var waitCall: Int { Int(ls_sigtimedwait_number()) }

  /// Blocks these in addition; threads started later inherit it.
  public static func block(_ set: SignalSet) throws(SystemError) {
    try check("block signals") { ls_sigmask(SIG_BLOCK, set.bits, nil) }
  }

  public static func unblock(_ set: SignalSet) throws(SystemError) {
    try check("unblock signals") { ls_sigmask(SIG_UNBLOCK, set.bits, nil) }
  }

  public static func ignore(_ signal: Int32) throws(SystemError) {
    try check("ignore signal", on: "\(signal)") { ls_ignore_signal(signal) }
  }

  /// Ignores every signal that can be, the real-time ones and the two of the C library included, but these and SIGCHLD,
  /// whose default is to be ignored without losing statuses of children. Those of a fault kill the process all the same when it is
  /// its own; sent by kill(2) they do nothing (signal(7), force_sig_info in kernel/signal.c). What is ignored leaves no trace,
  /// so a flood of real-time signals takes no memory. Programs that are executed ignore them, too, unless they are reset.
  public static func ignoreAll(but kept: SignalSet = .none) throws(SystemError) {
    for signal in Int32(1)...64 where ![SIGKILL, SIGSTOP, SIGCHLD].contains(signal) && !kept.contains(signal) {
      try ignore(signal)
    }
  }
}

/// Blocked signals as a descriptor; signalfd(2). Signals merge: two SIGCHLD may be read as one.
public final class SignalFD {
  private let fd: OwnedFD

  /// Blocks `signals` and makes them readable.
  public init(_ signals: SignalSet) throws(SystemError) {
    try Signals.block(signals)
    fd = OwnedFD(adopting: try check("signalfd") { ls_signalfd(signals.bits) })
  }

  public var rawValue: Int32 { fd.rawValue }

  /// The next pending signal, nil when there is none.
  public func next() throws(SystemError) -> Int32? {
    let signal = try check("read signals") { ls_signalfd_read(fd.rawValue) }
    return signal == 0 ? nil : signal
  }
}
