internal import ContainerRuntime
internal import Guest
internal import LinuxSystem
internal import Operations

/// The features of this host, as `lodge host` shows them.
struct HostReport: Sendable {
  let boot: BootID
  let cgroupMode: String

  func abilities() -> HostAbilities {
    let kernel = Kernel.identity
    return HostAbilities(
      hostname: kernel.hostname, kernel: kernel.release, architecture: kernel.machine,
      cpus: UInt32(Kernel.onlineProcessors), memoryBytes: Kernel.memoryBytes, boot: boot, cgroupMode: cgroupMode,
      features: HostCapability.all().map {
        HostFeature(
          name: $0.name, isAvailable: $0.isAvailable,
          reason: $0.fix.isEmpty ? $0.detail : $0.detail.isEmpty ? $0.fix : "\($0.detail); \($0.fix)")
      })
  }
}
