internal import LinuxSystem

/// Numbers that only the process itself knows.
struct DaemonLimits: Sendable {
  /// RLIMIT_NOFILE.
  let descriptors: Int

  func openDescriptors() -> Int { ((try? Files.list("/proc/self/fd")) ?? []).count }
}
