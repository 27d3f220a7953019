internal import CContainerInit
import CLinuxSystem
import Cgroups
import Glibc
import LinuxSystem

/// Everything of a container that is checked and opened before its child exists, so that most mistakes are found while
/// there is nothing to clean up.
///
/// Files that a mount of the spec may cover are not looked up here: init, its interpreter and the files of users are looked for
/// behind the mounts, where init finds them. See `Container.receive`.
final class PreparedContainer {
  private(set) var plan: ContainerPlan.Prepared
  private(set) var ourStreams: [OwnedFD] = []
  /// Open as long as this object, and inherited by the child.
  private var kept: [OwnedFD] = []

  init(_ spec: ContainerSpec, _ group: RunCgroup, _ network: NetworkNamespace?) throws(ContainerError) {
    let folder = try HostPath.open(spec.rootPath, as: .root)
    let root = RootFolder(folder, path: spec.rootPath)
    plan = ContainerPlan.Prepared(root: -1)
    plan.canTellReboot = RebootWatch.isAvailable
    if let hard = ProcessLimits.pendingSignals { plan.pendingSignals = ResourceLimits.pendingSignals(ofHard: hard) }
    plan.terminalGroup = UserFiles(in: root).terminalGroup
    if let network { plan.network = keep(network.fd) }
    if case .overlay = spec.rootMode { try root.checkForMountsBelow() }

    var attributes = SetupStep.Attributes.noDevices
    if spec.rootMode != .direct { attributes.insert(.readOnly) }
    plan.root = keep(try Self.cloneMount(root.fd, attributes, step: "open root filesystem \(spec.rootPath)"))
    for mount in spec.mounts {
      guard case .bind(let source, let target, let readOnly) = mount else { continue }
      let step = "mount \(target)"
      let file = try HostPath.open(source, as: .bind(target: target))
      var info = stat()
      try during(step) { () throws(SystemError) in try check("stat", on: source) { fstat(file.rawValue, &info) } }
      let copy = try Self.cloneMount(file, readOnly ? [.noDevices, .readOnly] : .noDevices, step: step)
      plan.binds.append(.init(fd: keep(copy), isFolder: info.st_mode & S_IFMT == S_IFDIR))
    }
    for (hierarchy, fd) in try group.openLegacyTasks() {
      plan.legacyTasks.append(.init(hierarchy: hierarchy, fd: keep(fd)))
    }
    if spec.console == .pipes { try openStreams() }
  }

  private func keep(_ fd: OwnedFD) -> Int32 {
    kept.append(fd)
    return fd.rawValue
  }

  /// A copy of a mount and those below it, detached: the child has only to move it into place. What is mounted on the
  /// host later does not show up in it.
  private static func cloneMount(
    _ file: OwnedFD, _ attributes: SetupStep.Attributes, step: String
  ) throws(ContainerError) -> OwnedFD {
    try during(step) { () throws(SystemError) in
      OwnedFD(adopting: try check("open_tree") { ci_clone_mount(file.rawValue, "", 1, attributes.rawValue) })
    }
  }

  /// Standard output and error apart, so that the log can separate them. Every process in the container may open them again through
  /// /dev/stdout to write, also after a change of user; the user of the container owns them once it is known.
  private func openStreams() throws(ContainerError) {
    func pipe() throws(SystemError) -> Int32 {
      let ends = try Pipe.make()
      try check("chmod") { fchmod(ends.writing.rawValue, 0o622) }
      ourStreams.append(ends.reading)
      kept.append(ends.writing)
      return ends.writing.rawValue
    }
    try during("open console pipes") { () throws(SystemError) in
      plan.streams = .init(output: try pipe(), error: try pipe())
    }
  }
}
