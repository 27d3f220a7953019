internal import CContainerInit
import CLinuxSystem
import Cgroups
import Glibc
import LinuxSystem

/// Everything of a container that is looked up, checked and opened before its child exists, so that most mistakes are
/// found while there is nothing to clean up.
final class PreparedContainer {
  private(set) var numbers: ContainerPlan.Prepared
  private(set) var ourStreams: [OwnedFD] = []
  /// Open as long as this object, and inherited by the child.
  private var kept: [OwnedFD] = []

  init(_ spec: ContainerSpec, _ group: RunCgroup, _ network: NetworkNamespace?) throws(ContainerError) {
    let root = try RootFolder(opening: spec.rootPath)
    try root.checkInit(spec.command[0])
    let user = try UserFiles(in: root).resolve(user: spec.user, groups: spec.groups)
    numbers = ContainerPlan.Prepared(root: -1, user: user, canTellReboot: RebootWatch.isAvailable)
    if let network { numbers.network = keep(network.fd) }
    if spec.rootMode == .readOnly { try root.checkMountPoints(["/dev", "/proc", "/sys"] + spec.mounts.map(\.target)) }

    var attributes = SetupStep.Attributes.noDevices
    if spec.rootMode != .direct { attributes.insert(.readOnly) }
    numbers.root = keep(
      try Self.cloneMount(root.fd, attributes, step: "open root filesystem \(spec.rootPath)"))
    for mount in spec.mounts {
      guard case .bind(let source, let target, let readOnly) = mount else { continue }
      let step = "mount \(target)"
      let file = try during("\(step): open \(source)") { () throws(SystemError) in
        try Files.open(source, flags: LS_O_PATH)
      }
      var info = stat()
      try during(step) { () throws(SystemError) in try check("stat", on: source) { fstat(file.rawValue, &info) } }
      let copy = try Self.cloneMount(file, readOnly ? [.noDevices, .readOnly] : .noDevices, step: step)
      numbers.binds.append((keep(copy), info.st_mode & S_IFMT == S_IFDIR))
    }
    for (controller, fd) in try group.openLegacyTasks() { numbers.legacyTasks.append((controller, keep(fd))) }
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

  /// Standard output and error apart, so that the log can tell them. The user of the container may open them again
  /// through /dev/stdout, so they are its own.
  private func openStreams() throws(ContainerError) {
    let user = numbers.user
    let step = "open console pipes"
    func pipe() throws(SystemError) -> Int32 {
      let ends = try Pipe.make()
      try check("chown") { fchown(ends.writing.rawValue, user.uid, user.gid) }
      ourStreams.append(ends.reading)
      kept.append(ends.writing)
      return ends.writing.rawValue
    }
    try during(step) { () throws(SystemError) in
      numbers.streams = (output: try pipe(), error: try pipe())
      numbers.null = keep(try Files.open("/dev/null", flags: O_RDONLY))
    }
  }
}

extension RootFolder {
  /// In a read-only tree nothing is made, so what is mounted on has to be there.
  func checkMountPoints(_ paths: [String]) throws(ContainerError) {
    for target in paths {
      do {
        _ = try open(target, flags: LS_O_PATH)
      } catch {
        throw ContainerError(
          step: "mount \(target)", errno: error.errno,
          reason: "it does not exist in the read-only root filesystem \(path)",
          hint: "make it there, or use an overlay")
      }
    }
  }
}
