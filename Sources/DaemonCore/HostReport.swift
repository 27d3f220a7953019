internal import ContainerRuntime
internal import Guest
internal import LinuxSystem
internal import WireProtocol

/// The features of this host, as `lodge host` shows them.
struct HostReport: Sendable {
  let boot: BootID
  let cgroupMode: String

  func reply() -> Wire.HostInfoReply {
    let kernel = Kernel.identity
    return Wire.HostInfoReply(
      hostname: String(kernel.hostname.prefix(64)), kernel: kernel.release, architecture: kernel.machine,
      cpus: UInt32(Kernel.onlineProcessors), memoryBytes: Kernel.memoryBytes, boot: boot.bytes, cgroupMode: cgroupMode,
      features: HostCapability.all().prefix(64).map {
        Wire.HostFeature(
          name: $0.name, available: $0.isAvailable,
          reason: $0.fix.isEmpty ? $0.detail : $0.detail.isEmpty ? $0.fix : "\($0.detail); \($0.fix)")
      })
  }
}
