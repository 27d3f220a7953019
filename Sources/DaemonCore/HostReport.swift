internal import ContainerRuntime
internal import Guest
internal import LinuxSystem
internal import Operations
internal import Synchronization

/// The features of this host, as `lodge host` shows them.
///
/// A look takes about a millisecond and some forty system calls, and any local user may ask: it is made at most once a
/// second for all.
final class HostReport: Sendable {
  private static let ageMax: Int64 = 1_000_000_000

  private let last = Mutex<(at: Int64, abilities: HostAbilities)?>(nil)
  private let now: @Sendable () -> Int64
  private let look: @Sendable () -> HostAbilities

  convenience init(boot: BootID, cgroupMode: String) {
    self.init(
      now: { Clock.bootNanoseconds },
      look: {
        let kernel = Kernel.identity
        return HostAbilities(
          hostname: kernel.hostname, kernel: kernel.release, architecture: kernel.machine,
          cpus: UInt32(Kernel.onlineProcessors), memoryBytes: Kernel.memoryBytes, boot: boot, cgroupMode: cgroupMode,
          features: HostCapability.all().map {
            HostFeature(
              name: $0.name, isAvailable: $0.isAvailable,
              reason: $0.fix.isEmpty ? $0.detail : $0.detail.isEmpty ? $0.fix : "\($0.detail); \($0.fix)")
          })
      })
  }

  /// - Parameters:
  ///   - now: nanoseconds of a clock that never steps.
  ///   - look: examines the host.
  init(now: @escaping @Sendable () -> Int64, look: @escaping @Sendable () -> HostAbilities) {
    self.now = now
    self.look = look
  }

  func abilities() -> HostAbilities {
    last.withLock { last in
      let present = now()
      if let last, present - last.at < Self.ageMax { return last.abilities }
      let abilities = look()
      last = (present, abilities)
      return abilities
    }
  }
}
