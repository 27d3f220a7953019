extension ContainerPlan {
  /// The child's own view of the host is where mounts are put together, on its /proc, which every host has and which
  /// goes with the old root.
  mutating func addRoot(_ spec: ContainerSpec, _ prepared: Prepared) {
    guard case .overlay(let bytes) = spec.rootMode else {
      add("attach root filesystem", .attach(.descriptor(prepared.root), at: .root, path: "/proc", []))
      add("pivot to root filesystem", .pivot(.descriptor(prepared.root)))
      return
    }
    let size = bytes.map { [SetupStep.Option("size", "\($0)")] } ?? []
    add("mount overlay memory", .createMount("tmpfs", size + [.init("mode", "0755")], [.noDevices], into: .layers))
    add("attach overlay memory", .attach(.slot(.layers), at: .root, path: "/proc", []))
    for folder in ["lower", "upper", "work", "root"] {
      add("make overlay folder \(folder)", .makeFolder(folder, at: .slot(.layers), mode: 0o755))
    }
    add(
      "attach root filesystem", .attach(.descriptor(prepared.root), at: .slot(.layers), path: "lower", [.noSymlinks]))
    add(
      "mount overlay",
      .createMount(
        "overlay",
        [.init("lowerdir", "/proc/lower"), .init("upperdir", "/proc/upper"), .init("workdir", "/proc/work")],
        [.noDevices], into: .root))
    add("attach overlay", .attach(.slot(.root), at: .slot(.layers), path: "root", [.noSymlinks]))
    add("pivot to overlay", .pivot(.slot(.root)))
  }
}
