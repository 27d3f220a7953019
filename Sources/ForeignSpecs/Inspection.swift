import Guest
import SpecFile

/// The output of `podman inspect` and `docker inspect` of containers, which have one form.
enum Inspection {
  static func conversion(_ node: Node, file: String) throws(SpecFileError) -> Conversion {
    let containers = node.items
    guard !containers.isEmpty, containers.allSatisfy({ $0.entry("Config") != nil && $0.entry("HostConfig") != nil })
    else {
      throw Conversion.unknown(
        file, node.position,
        "it is no output of podman inspect of containers: a list of objects with Config and HostConfig"
      )
    }
    return Conversion(drafts: containers.enumerated().map { draft($0.element, "[\($0.offset)]") }, notes: [])
  }

  private static func draft(_ container: Node, _ path: String) -> Draft {
    let name = container.entry("Name")
    var raw = name?.text ?? "guest"
    // docker has a slash in front.
    if raw.hasPrefix("/") { raw.removeFirst() }
    var draft = Draft(name: raw, at: name?.position ?? container.position, key: "\(path).Name")
    let config = container.entry("Config")
    let host = container.entry("HostConfig")
    configure(&draft, container, config, path)
    mounts(&draft, container, host, path)
    limits(&draft, host, "\(path).HostConfig")
    rights(&draft, host, "\(path).HostConfig")
    lifetime(&draft, config, host, path)
    leftovers(&draft, container, config, host, path)
    return draft
  }

  private static func strings(_ node: Node?) -> [(String, Position)] {
    (node?.items ?? []).compactMap { item in item.text.map { ($0, item.position) } }
  }

  /// The text of a value that is given: not empty, and no 0, which stand for "not given".
  private static func given(_ node: Node?) -> String? {
    guard let text = node?.text, !text.isEmpty, text != "0", text != "-1", text != "false" else { return nil }
    return text
  }

  private static func configure(_ draft: inout Draft, _ container: Node, _ config: Node?, _ path: String) {
    let image = container.entry("ImageName") ?? config?.entry("Image")
    draft.setTree(
      ofImage: image?.text, isReadOnly: given(container.entry("HostConfig")?.entry("ReadonlyRootfs")) != nil,
      from: image?.position ?? container.position, "\(path).Image")
    // The command as it was executed, with the image's own part.
    if let program = container.entry("Path"), let text = program.text {
      draft.setCommand(
        [text] + strings(container.entry("Args")).map(\.0), from: program.position, "\(path).Path")
    } else {
      let words = strings(config?.entry("Entrypoint")) + strings(config?.entry("Cmd"))
      draft.setCommand(words.map(\.0), from: config?.position ?? container.position, "\(path).Config.Cmd")
    }
    for (text, position) in strings(config?.entry("Env")) {
      let pair = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      // Each container has it from podman, and no program reads it.
      if pair.count == 2, pair[0] != "container" {
        draft.setVariable(pair[0], pair[1], from: position, "\(path).Config.Env")
      }
    }
    for (member, key) in [("User", "user"), ("WorkingDir", "workdir")] {
      guard let value = config?.entry(member), let text = given(value) else { continue }
      draft.set(key, .text(text), from: value.position, "\(path).Config.\(member)")
    }
    // The first twelve digits of its id stand for none.
    if let value = config?.entry("Hostname"), let text = given(value),
      container.entry("Id")?.text?.hasPrefix(text) != true
    {
      draft.set("hostname", .text(text), from: value.position, "\(path).Config.Hostname")
    }
    if case .mapping(let labels)? = config?.entry("Labels")?.content {
      for label in labels {
        draft.setLabel(
          label.key, label.value.text ?? "", from: label.value.position, "\(path).Config.Labels.\(label.key)")
      }
    }
    if given(config?.entry("Tty")) == "true", let place = config?.entry("Tty")?.position {
      draft.set("console", .text("pty"), from: place, "\(path).Config.Tty")
    }
  }

  private static func mounts(_ draft: inout Draft, _ container: Node, _ host: Node?, _ path: String) {
    for (index, mount) in (container.entry("Mounts")?.items ?? []).enumerated() {
      let source = "\(path).Mounts[\(index)]"
      let target = mount.entry("Destination")?.text ?? ""
      switch mount.entry("Type")?.text {
      case "tmpfs": draft.addTmpfs(at: target, options: "", from: mount.position, source)
      case "volume":
        let folder = mount.entry("Source")?.text ?? ""
        draft.note(
          mount.position, source,
          "the volume \(Visible.text(mount.entry("Name")?.text ?? "", limit: 80)) is taken by its folder, "
            + "which podman removes with it")
        draft.addMount(
          from: folder, to: target, readOnly: mount.entry("RW")?.text == "false", folder: nil,
          position: mount.position, source)
      case _:
        draft.addMount(
          from: mount.entry("Source")?.text ?? "", to: target, readOnly: mount.entry("RW")?.text == "false",
          folder: nil, position: mount.position, source)
      }
    }
    if case .mapping(let entries)? = host?.entry("Tmpfs")?.content {
      for entry in entries {
        draft.addTmpfs(
          at: entry.key, options: entry.value.text ?? "", from: entry.keyPosition, "\(path).HostConfig.Tmpfs")
      }
    }
  }

  private static func limits(_ draft: inout Draft, _ host: Node?, _ path: String) {
    if let value = host?.entry("Memory"), let bytes = given(value) {
      draft.set("limits.memory", ForeignForms.size(bytes), from: value.position, "\(path).Memory")
    }
    if let value = host?.entry("PidsLimit"), let number = given(value) {
      draft.set("limits.pids", ForeignForms.plain(number), from: value.position, "\(path).PidsLimit")
    }
    if let value = host?.entry("NanoCpus"), let nanos = given(value).flatMap(UInt64.init) {
      draft.set("limits.cpu", cpus(nanos, of: 1_000_000_000), from: value.position, "\(path).NanoCpus")
    } else if let value = host?.entry("CpuQuota"), let quota = given(value).flatMap(UInt64.init) {
      let period = given(host?.entry("CpuPeriod")).flatMap(UInt64.init) ?? 100_000
      draft.set("limits.cpu", cpus(quota, of: period), from: value.position, "\(path).CpuQuota")
    }
    for (index, limit) in (host?.entry("Ulimits")?.items ?? []).enumerated() {
      var name = (limit.entry("Name")?.text ?? "").lowercased()
      if name.hasPrefix("rlimit_") { name.removeFirst("rlimit_".count) }
      func bound(_ member: String) -> DataValue {
        let text = limit.entry(member)?.text ?? "0"
        return text == "-1" ? .text("unlimited") : ForeignForms.plain(text)
      }
      draft.setMember(
        "rlimits", name, .members(["soft": bound("Soft"), "hard": bound("Hard")]), from: limit.position,
        "\(path).Ulimits[\(index)]")
    }
  }

  /// Hundredths of a CPU, as much as a spec has.
  private static func cpus(_ part: UInt64, of whole: UInt64) -> DataValue {
    let (hundredths, overflow) = part.multipliedReportingOverflow(by: 100)
    guard !overflow, whole > 0 else { return .unsigned(part) }
    return .decimal(Double(hundredths / whole) / 100)
  }

  private static func rights(_ draft: inout Draft, _ host: Node?, _ path: String) {
    for (member, list) in [("CapAdd", "add"), ("CapDrop", "drop")] {
      draft.setList(
        "capabilities.\(list)", strings(host?.entry(member)).map { (ForeignForms.capability($0.0), $0.1) },
        "\(path).\(member)")
    }
    for (text, position) in strings(host?.entry("GroupAdd")) {
      draft.append("groups", .text(text), from: position, "\(path).GroupAdd")
    }
    if let value = host?.entry("NetworkMode"), let mode = given(value) {
      if mode == "host" || mode == "none" {
        draft.set("network", .text(mode), from: value.position, "\(path).NetworkMode")
      } else {
        draft.leaveOut(
          value.position, "\(path).NetworkMode",
          "a guest's network is its own with loopback only (none), or the host's (host)")
      }
    }
    for (text, position) in strings(host?.entry("SecurityOpt")) {
      if text.hasPrefix("no-new-privileges") { continue }
      draft.leaveOut(position, "\(path).SecurityOpt", "\(Visible.text(text, limit: 60)): there is no such setting here")
    }
  }

  private static func lifetime(
    _ draft: inout Draft, _ config: Node?, _ host: Node?, _ path: String
  ) {
    let removes = given(host?.entry("AutoRemove")) == "true"
    if removes, let place = host?.entry("AutoRemove")?.position {
      draft.set("transient", .bool(true), from: place, "\(path).HostConfig.AutoRemove")
    }
    let policy = host?.entry("RestartPolicy")
    if let policy, !removes {
      let word = policy.entry("Name")?.text ?? ""
      let limit = given(policy.entry("MaximumRetryCount")).map { ":\($0)" } ?? ""
      if let value = ForeignForms.restart(word + (word == "on-failure" ? limit : "")) {
        draft.set("restart", value, from: policy.position, "\(path).HostConfig.RestartPolicy")
        if word == "always" || word == "unless-stopped" {
          draft.set("autostart", .bool(true), from: policy.position, "\(path).HostConfig.RestartPolicy")
        }
      } else {
        draft.leaveOut(
          policy.position, "\(path).HostConfig.RestartPolicy",
          "the policy \(Visible.text(word, limit: 40)) is not known")
      }
    }
    // podman has a number here in former versions.
    if let value = config?.entry("StopSignal"), let signal = given(value) {
      draft.set("stop.signal", .text(signal), from: value.position, "\(path).Config.StopSignal")
    }
    if let value = config?.entry("StopTimeout"), let seconds = given(value) {
      draft.set("stop.timeout", ForeignForms.plain(seconds), from: value.position, "\(path).Config.StopTimeout")
    }
  }

  /// Settings that change what a container does, and that a guest does not have.
  private static func leftovers(
    _ draft: inout Draft, _ container: Node, _ config: Node?, _ host: Node?, _ path: String
  ) {
    let settings: [(node: Node?, path: String, word: String)] = [
      (config?.entry("Healthcheck"), "Config.Healthcheck", "healthcheck"),
      (host?.entry("PortBindings"), "HostConfig.PortBindings", "ports"),
      (host?.entry("Privileged"), "HostConfig.Privileged", "privileged"),
      (host?.entry("Devices"), "HostConfig.Devices", "devices"),
      (host?.entry("Dns"), "HostConfig.Dns", "dns"),
      (host?.entry("ExtraHosts"), "HostConfig.ExtraHosts", "extrahosts"),
      (host?.entry("Sysctls"), "HostConfig.Sysctls", "sysctls"),
      (host?.entry("MemoryReservation"), "HostConfig.MemoryReservation", "memreservation"),
      (host?.entry("CpusetCpus"), "HostConfig.CpusetCpus", "cpuset"),
    ]
    for (node, name, word) in settings {
      guard let node, isGiven(node) else { continue }
      draft.leaveOutForeign(word, from: node.position, "\(path).\(name)")
    }
  }

  private static func isGiven(_ node: Node) -> Bool {
    switch node.content {
    case .scalar: given(node) != nil
    case .sequence(let items): !items.isEmpty
    case .mapping(let entries): !entries.isEmpty
    }
  }
}
