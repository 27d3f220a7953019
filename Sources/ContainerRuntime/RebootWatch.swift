internal import CContainerInit
import Glibc
public import LinuxSystem

/// Sees which reboot(2) a guest calls: the seccomp filter's listener (seccomp_unotify(2)).
///
/// Any process of the guest may call it, and most calls come to nothing. A call counts only if the kernel will take it, by
/// the kernel's own rules (kernel/reboot.c): the magic numbers, CAP_SYS_BOOT in the user namespace that owns the guest's
/// PID namespace, and a caller in that very PID namespace, since in a nested one it ends that one.
public final class RebootWatch {
  public enum Command: Equatable, Sendable { case restart, halt, powerOff }

  private let listener: OwnedFD
  private let namespaces: Namespaces?

  /// - Parameter initPID: the init of the guest, unreaped.
  init(_ listener: OwnedFD, initPID: Int32) {
    self.listener = listener
    namespaces = Namespaces(of: initPID)
  }

  /// Readable when a call waits to be noted; hangs up when the last process with the filter is gone.
  public var rawValue: Int32 { listener.rawValue }

  /// Lets the calls that wait go on, up to one that the kernel takes and that ends a guest; nil when none is left.
  public func next() throws(ContainerError) -> Command? {
    var call = ci_reboot_call()
    while try during(
      "watch reboot",
      { () throws(SystemError) in
        try check("receive notification") { ci_reboot_receive(listener.rawValue, &call) }
      }) == 1
    {
      // Judged while the caller waits: its numbers and rights cannot change meanwhile.
      let command = Self.command(call)
      let isTaken = command != nil && mayReboot(thread: call.thread)
      // Only now is it known that it was that thread all the time, and that its call has not been interrupted.
      let goesOn = try during(
        "watch reboot",
        { () throws(SystemError) in
          try check("let a call go on") { ci_reboot_continue(listener.rawValue, &call) }
        })
      if goesOn == 1, isTaken, let command { return command }
    }
    return nil
  }

  private static func command(_ call: ci_reboot_call) -> Command? {
    // LINUX_REBOOT_MAGIC*; reboot(2). The kernel compares 32 bits of each.
    guard call.magic1 == 0xfee1_dead,
      [0x2812_1969, 0x0512_1996, 0x1604_1998, 0x2011_2000].contains(call.magic2)
    else { return nil }
    switch call.command {
    // LINUX_REBOOT_CMD_RESTART, RESTART2, HALT and POWER_OFF. All others are refused in a guest, or do not end it.
    case 0x0123_4567, 0xa1b2_c3d4: return .restart
    case 0xcdef_0123: return .halt
    case 0x4321_fedc: return .powerOff
    default: return nil
    }
  }

  private func mayReboot(thread: Int32) -> Bool {
    guard let namespaces, namespaces == Namespaces(callerOf: thread) else { return false }
    let boot = UInt64(1) << 22  // CAP_SYS_BOOT
    guard let status = try? Files.read("/proc/\(thread)/status") else { return false }
    return Self.effectiveCapabilities(status) & boot != 0
  }

  /// The line `CapEff: 00000000a80425fb`; proc_pid_status(5).
  static func effectiveCapabilities(_ status: [UInt8]) -> UInt64 {
    for line in status.split(separator: UInt8(ascii: "\n")) where line.starts(with: "CapEff:".utf8) {
      return UInt64(String(decoding: line.dropFirst(7).drop { $0 == 9 || $0 == 32 }, as: UTF8.self), radix: 16) ?? 0
    }
    return 0
  }

  /// Whether this kernel has it (Linux 5.0, and 5.5 to let a call go on).
  public static var isAvailable: Bool { ci_has_listener() == 1 }
}

/// A PID namespace, and the user namespace in which rights over it count.
private struct Namespaces: Equatable {
  private struct Identity: Equatable {
    var device: UInt64
    var inode: UInt64

    init?(_ path: String) {
      var info = stat()
      guard stat(path, &info) == 0 else { return nil }
      (device, inode) = (UInt64(info.st_dev), UInt64(info.st_ino))
    }

    init?(_ fd: Int32) {
      var info = stat()
      guard fstat(fd, &info) == 0 else { return nil }
      (device, inode) = (UInt64(info.st_dev), UInt64(info.st_ino))
    }
  }

  private var pid: Identity
  private var user: Identity

  /// Those of a guest by its init. The owner is asked of the PID namespace itself, because init may move to another user
  /// namespace later (NS_GET_USERNS, ioctl_ns(2)).
  init?(of initPID: Int32) {
    guard let namespace = try? Files.open("/proc/\(initPID)/ns/pid", flags: O_RDONLY) else { return nil }
    let owner = ci_owning_user_namespace(namespace.rawValue)
    guard owner >= 0 else { return nil }
    let ownerFD = OwnedFD(adopting: owner)
    guard let pid = Identity(namespace.rawValue), let user = Identity(ownerFD.rawValue) else { return nil }
    self.pid = pid
    self.user = user
  }

  /// Those in which a thread acts.
  init?(callerOf thread: Int32) {
    guard let pid = Identity("/proc/\(thread)/ns/pid"), let user = Identity("/proc/\(thread)/ns/user") else {
      return nil
    }
    self.pid = pid
    self.user = user
  }
}
