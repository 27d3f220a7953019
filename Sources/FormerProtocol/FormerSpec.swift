public import Guest

// Specs of version 1, whose closed structs name every key that there was.

extension GuestSpec {
  /// Its rules were checked by the version that took it.
  public init(former wire: WireV1.GuestSpec) {
    self.init(
      rootfs: Rootfs(
        path: wire.rootfs.path, mode: .init(former: wire.rootfs.mode), overlayBytes: known(wire.rootfs.overlayBytes)),
      command: wire.command)
    description = wire.description
    workingDirectory = wire.workingDirectory
    environment = wire.environment.map { EnvironmentVariable($0.name, $0.value) }
    user = wire.user
    groups = wire.groups
    hostname = wire.hostname.isEmpty ? nil : wire.hostname
    switch wire.network {
    case .none: network = .none
    case .host: network = .host
    }
    mounts = wire.mounts.map { MountSpec(former: $0) }
    limits = Limits(former: wire.limits)
    rlimits = wire.rlimits.map { ResourceLimit($0.name, soft: $0.soft, hard: $0.hard) }
    capabilities = Capabilities(added: wire.capabilitiesAdded, dropped: wire.capabilitiesDropped)
    switch wire.console {
    case .pty: console = .pty
    case .pipes: console = .pipes
    }
    log = LogPolicy(maximumBytes: wire.log.maximumBytes, files: wire.log.files)
    restart = RestartPolicy(former: wire.restart)
    stop = StopPolicy(
      signal: wire.stop.signal, timeoutMillis: wire.stop.timeoutMillis, termTimeoutMillis: wire.stop.termTimeoutMillis)
    autostart = wire.autostart
    transient = wire.transient
    labels = wire.labels.map { Label($0.key, $0.value) }
  }
}

extension Limits {
  fileprivate init(former wire: WireV1.LimitsSpec) {
    self.init(
      memoryBytes: known(wire.memoryBytes), pids: known(wire.pids), cpuMillis: known(wire.cpuMillis))
  }
}

extension Rootfs.Mode {
  fileprivate init(former wire: WireV1.RootfsMode) {
    switch wire {
    case .direct: self = .direct
    case .readOnly: self = .readOnly
    case .overlay: self = .overlay
    }
  }
}

extension MountSpec {
  fileprivate init(former wire: WireV1.MountSpec) {
    switch wire.kind {
    case .bind: self.init(.bind(wire.source), at: wire.target, readOnly: wire.readOnly)
    case .tmpfs: self.init(.tmpfs(bytes: known(wire.sizeBytes)), at: wire.target, readOnly: wire.readOnly)
    }
  }
}

extension RestartPolicy {
  fileprivate init(former wire: WireV1.RestartSpec) {
    let mode: Mode =
      switch wire.mode {
      case .never: .never
      case .onReboot: .onReboot
      case .onFailure: .onFailure
      case .always: .always
      }
    self.init(
      mode: mode, minimumUptimeMillis: wire.minimumUptimeMillis, backoffInitialMillis: wire.backoffInitialMillis,
      backoffMaximumMillis: wire.backoffMaximumMillis, limitCount: wire.limitCount,
      limitWindowMillis: wire.limitWindowMillis)
  }
}

/// In version 1, 0 stands for a figure that is not there.
func known(_ figure: UInt64) -> UInt64? { figure > 0 ? figure : nil }
