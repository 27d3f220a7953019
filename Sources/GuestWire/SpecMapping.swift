public import Guest
internal import SpecKeys
public import WireProtocol

// A spec's bounds hold on both sides: the wire's are checked by the decoder, the rest by `validate()`.

extension Wire.GuestSpec {
  public init(_ spec: GuestSpec) {
    self.init(
      description: spec.description,
      rootfs: .init(path: spec.rootfs.path, mode: .init(spec.rootfs.mode), overlayBytes: spec.rootfs.overlayBytes ?? 0),
      command: spec.command,
      workingDirectory: spec.workingDirectory,
      environment: spec.environment.map { .init(name: $0.name, value: $0.value) },
      user: spec.user,
      groups: spec.groups,
      hostname: spec.hostname ?? "",
      network: spec.network == .host ? .host : .none,
      mounts: spec.mounts.map { .init($0) },
      limits: .init(
        memoryBytes: spec.limits.memoryBytes ?? 0, pids: spec.limits.pids ?? 0, cpuMillis: spec.limits.cpuMillis ?? 0),
      rlimits: spec.rlimits.map { .init(name: $0.name, soft: $0.soft, hard: $0.hard) },
      capabilitiesAdded: spec.capabilities.added,
      capabilitiesDropped: spec.capabilities.dropped,
      console: spec.console == .pipes ? .pipes : .pty,
      log: .init(maximumBytes: spec.log.maximumBytes, files: spec.log.files),
      restart: .init(spec.restart),
      stop: .init(
        signal: spec.stop.signal, timeoutMillis: spec.stop.timeoutMillis, termTimeoutMillis: spec.stop.termTimeoutMillis
      ),
      autostart: spec.autostart,
      transient: spec.transient,
      labels: spec.labels.map { .init($0) })
  }
}

extension GuestSpec {
  /// The wire's own bounds have been checked by then.
  ///
  /// - Parameter checkingRules: false for a spec that an older version has taken already: a rule that came later does not
  ///   make what is stored unreadable.
  public init(_ wire: Wire.GuestSpec, checkingRules: Bool = true) throws(GuestError) {
    self.init(
      rootfs: Rootfs(
        path: wire.rootfs.path, mode: .init(wire.rootfs.mode),
        overlayBytes: wire.rootfs.overlayBytes == 0 ? nil : wire.rootfs.overlayBytes),
      command: wire.command)
    description = wire.description
    workingDirectory = wire.workingDirectory
    environment = wire.environment.map { EnvironmentVariable($0.name, $0.value) }
    user = wire.user
    groups = wire.groups
    hostname = wire.hostname.isEmpty ? nil : wire.hostname
    network = wire.network == .host ? .host : .none
    mounts = wire.mounts.map { MountSpec($0) }
    limits = Limits(
      memoryBytes: wire.limits.memoryBytes == 0 ? nil : wire.limits.memoryBytes,
      pids: wire.limits.pids == 0 ? nil : wire.limits.pids,
      cpuMillis: wire.limits.cpuMillis == 0 ? nil : wire.limits.cpuMillis)
    rlimits = wire.rlimits.map { ResourceLimit($0.name, soft: $0.soft, hard: $0.hard) }
    capabilities = Capabilities(added: wire.capabilitiesAdded, dropped: wire.capabilitiesDropped)
    console = wire.console == .pipes ? .pipes : .pty
    log = LogPolicy(maximumBytes: wire.log.maximumBytes, files: wire.log.files)
    restart = RestartPolicy(wire.restart)
    stop = StopPolicy(
      signal: wire.stop.signal, timeoutMillis: wire.stop.timeoutMillis, termTimeoutMillis: wire.stop.termTimeoutMillis)
    autostart = wire.autostart
    transient = wire.transient
    labels = wire.labels.map { Label($0) }
    if checkingRules { try validate() }
  }
}

extension Wire.Label {
  public init(_ label: Label) { self.init(key: label.key, value: label.value) }
}

extension Label {
  public init(_ wire: Wire.Label) { self.init(wire.key, wire.value) }
}

extension Wire.MountSpec {
  init(_ mount: MountSpec) {
    switch mount.source {
    case .bind(let source):
      self.init(kind: .bind, source: source, target: mount.target, readOnly: mount.readOnly, sizeBytes: 0)
    case .tmpfs(let options):
      self.init(
        kind: .tmpfs, source: "", target: mount.target, readOnly: mount.readOnly, sizeBytes: options.bytes ?? 0)
    }
  }
}

extension MountSpec {
  init(_ wire: Wire.MountSpec) {
    switch wire.kind {
    case .bind: self.init(.bind(wire.source), at: wire.target, readOnly: wire.readOnly)
    case .tmpfs:
      self.init(.tmpfs(bytes: wire.sizeBytes == 0 ? nil : wire.sizeBytes), at: wire.target, readOnly: wire.readOnly)
    }
  }
}

extension Wire.RootfsMode {
  init(_ mode: Rootfs.Mode) {
    switch mode {
    case .direct: self = .direct
    case .readOnly: self = .readOnly
    case .overlay: self = .overlay
    }
  }
}

extension Rootfs.Mode {
  init(_ wire: Wire.RootfsMode) {
    switch wire {
    case .direct: self = .direct
    case .readOnly: self = .readOnly
    case .overlay: self = .overlay
    }
  }
}

extension Wire.RestartSpec {
  init(_ policy: RestartPolicy) {
    let mode: Wire.RestartMode =
      switch policy.mode {
      case .never: .never
      case .onReboot: .onReboot
      case .onFailure: .onFailure
      case .always: .always
      }
    self.init(
      mode: mode, minimumUptimeMillis: policy.minimumUptimeMillis, backoffInitialMillis: policy.backoffInitialMillis,
      backoffMaximumMillis: policy.backoffMaximumMillis, limitCount: policy.limitCount,
      limitWindowMillis: policy.limitWindowMillis)
  }
}

extension RestartPolicy {
  init(_ wire: Wire.RestartSpec) {
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
