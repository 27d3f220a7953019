import ContainerRuntime
import Guest

extension ContainerSpec {
  /// The container that a guest's spec describes, with what every guest gets: a sound environment and the usual
  /// capabilities.
  init(_ spec: GuestSpec, named name: GuestName) {
    self.init(
      rootPath: spec.rootfs.path, command: spec.command, workingDirectory: spec.workingDirectory, user: spec.user,
      groups: spec.groups, hostname: spec.hostname ?? name.value, hostNetwork: Self.sharesNetwork(spec.network),
      capabilities: Self.boundingSet(spec.capabilities), console: Self.console(spec.console))
    addedCapabilities = Self.bits(spec.capabilities.added)
    noNewPrivileges = spec.noNewPrivileges
    switch spec.rootfs.mode {
    case .direct: rootMode = .direct
    case .readOnly: rootMode = .readOnly
    case .overlay: rootMode = .overlay(bytes: spec.rootfs.overlayBytes)
    }
    environment = Self.environment(spec.environment, console: spec.console)
    mounts = spec.mounts.map { mount in
      switch mount.source {
      case .bind(let source): .bind(source: source, target: mount.target, readOnly: mount.readOnly)
      case .tmpfs(let options):
        .tmpfs(
          target: mount.target,
          TmpfsOptions(bytes: options.bytes, mode: options.mode, uid: options.uid, gid: options.gid),
          readOnly: mount.readOnly)
      }
    }
    rlimits = spec.rlimits.compactMap { limit in
      // The index is the number; names were checked by the spec's rules.
      Guest.ResourceLimit.names.firstIndex(of: limit.name).map {
        ContainerSpec.ResourceLimit(resource: UInt32($0), soft: limit.soft, hard: limit.hard)
      }
    }
  }

  private static func sharesNetwork(_ mode: NetworkMode) -> Bool {
    switch mode {
    case .none: false
    case .host: true
    }
  }

  static func isTerminal(_ mode: ConsoleMode) -> Bool {
    switch mode {
    case .pty: true
    case .pipes: false
    }
  }

  private static func console(_ mode: ConsoleMode) -> Console {
    switch mode {
    case .pty: .terminal
    case .pipes: .pipes
    }
  }

  private static func bits(_ names: [String]) -> UInt64 {
    names.reduce(0) { set, name in Capabilities.names.firstIndex(of: name).map { set | 1 << UInt64($0) } ?? set }
  }

  static func boundingSet(_ capabilities: Capabilities) -> UInt64 {
    let kept = capabilities.dropped.contains("all") ? 0 : bits(Capabilities.usual) & ~bits(capabilities.dropped)
    return kept | bits(capabilities.added)
  }

  /// The spec's variables, after what a program may expect where the spec does not say otherwise. `container` is how
  /// systemd and others learn where they are.
  static func environment(_ variables: [EnvironmentVariable], console: ConsoleMode) -> [String] {
    var standard = [
      EnvironmentVariable("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
      EnvironmentVariable("container", "lodge"),
    ]
    if console == .pty { standard.append(EnvironmentVariable("TERM", "xterm")) }
    standard.removeAll { variable in variables.contains { $0.name == variable.name } }
    return (standard + variables).map { "\($0.name)=\($0.value)" }
  }
}
