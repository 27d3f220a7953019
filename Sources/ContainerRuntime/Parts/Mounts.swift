extension ContainerPlan {
  /// The mounts of the spec, in its order: one may lie below another. Targets that are missing are made where the
  /// filesystem they lie in can be written.
  mutating func addMounts(_ spec: ContainerSpec, _ prepared: Prepared) {
    var binds = prepared.binds.makeIterator()
    for mount in spec.mounts {
      switch mount {
      case .bind(_, let target, _):
        let bind = binds.next()!
        add(
          "mount \(target)",
          .attach(.descriptor(bind.fd), at: .root, path: target, [.notProc, bind.isFolder ? .makeFolder : .makeFile]))
      case .tmpfs(let target, let options, let readOnly):
        var settings: [SetupStep.Option] = []
        if let bytes = options.bytes { settings.append(.init("size", "\(bytes)")) }
        settings.append(.init("mode", String(options.mode ?? 0o1777, radix: 8)))
        if let uid = options.uid { settings.append(.init("uid", "\(uid)")) }
        if let gid = options.gid { settings.append(.init("gid", "\(gid)")) }
        // Attributes of the spec are set; without any, the mount takes after the folder that it covers.
        let isPlain = options.mode == nil && options.uid == nil && options.gid == nil
        add("mount tmpfs for \(target)", .createMount("tmpfs", settings, [.noSetUID, .noDevices], into: .memory))
        add(
          "mount \(target)",
          .attach(
            .slot(.memory), at: .root, path: target,
            isPlain ? [.notProc, .makeFolder, .asCovered] : [.notProc, .makeFolder],
            with: readOnly ? .readOnly : []))
      }
    }
  }
}
