import CLinuxSystem
import Glibc
import LinuxSystem

/// A path of the host that an administrator named for a guest, walked part by part: each is opened in the one before and
/// looked at there, so that what was checked is what is used.
///
/// Root follows such a path on the word of its administrator. A link on it that belongs to another user is that user's
/// word: it can lead to any folder of the host by the time of the start.
enum HostPath {
  enum Use {
    /// A guest's root filesystem: its programs are run as the guest's root. Only root may be able to put another tree
    /// in its place.
    case root
    /// A folder or file for a guest to see, of any owner.
    case bind(target: String)
  }

  /// As many links as the kernel follows; path_resolution(7).
  private static let mostLinks = 40

  /// Opened for its name only (O_PATH).
  static func open(_ path: String, as use: Use) throws(ContainerError) -> OwnedFD {
    let step =
      switch use {
      case .root: "open root filesystem \(path)"
      case .bind(let target): "mount \(target): open \(path)"
      }
    var here = try open("/", at: Files.workingDirectory, step)
    var walked = ""
    var links = 0
    var parts = Array(path.split(separator: "/").reversed())
    while let part = parts.popLast() {
      if part == "." { continue }
      let parent = try status(of: here, step)
      let next = try open(String(part), at: here.rawValue, step)
      let info = try status(of: next, step)
      let name = part == ".." ? "\(walked)/.." : "\(walked)/\(part)"
      if case .root = use { try checkFolder(parent, walked.isEmpty ? "/" : walked, holding: info, step) }
      if info.st_mode & S_IFMT == S_IFLNK {
        guard isTrusted(info.st_uid) else {
          throw refusal(
            step, "\(name) is a link of uid \(info.st_uid)", "name the folder that it leads to, or chown it")
        }
        links += 1
        guard links <= mostLinks else {
          throw ContainerError(step: step, errno: ELOOP, reason: String(cString: strerror(ELOOP)))
        }
        let target = try read(next, step)
        if target.hasPrefix("/") {
          here = try open("/", at: Files.workingDirectory, step)
          walked = ""
        }
        parts += target.split(separator: "/").reversed()
        continue
      }
      here = next
      walked = name
    }
    if case .root = use {
      guard try status(of: here, step).st_mode & S_IFMT == S_IFDIR else {
        throw ContainerError(step: step, errno: ENOTDIR, reason: "it is not a folder")
      }
      try checkTop(try status(of: here, step), walked.isEmpty ? "/" : walked, step)
    }
    return here
  }

  /// Whether another user could put something else under the name of an entry: by owning the folder or being allowed to
  /// write in it, unless the sticky bit leaves the entry to its owner (inode(7)).
  private static func checkFolder(
    _ folder: stat, _ path: String, holding entry: stat, _ step: String
  ) throws(ContainerError) {
    guard isTrusted(folder.st_uid) else {
      throw refusal(
        step, "\(path) belongs to uid \(folder.st_uid)", "move the tree below a folder of root's, or chown \(path)")
    }
    let writers = (folder.st_mode & 0o020 != 0 && folder.st_gid != 0) || folder.st_mode & 0o002 != 0
    guard writers else { return }
    guard folder.st_mode & S_ISVTX != 0, isTrusted(entry.st_uid) else {
      throw refusal(step, "\(path) can be written by others than root", "chmod go-w \(path), or move the tree")
    }
  }

  /// The tree's own folder: whoever may write in it puts programs there that run as root of the guest.
  private static func checkTop(_ folder: stat, _ path: String, _ step: String) throws(ContainerError) {
    let reason: String
    if !isTrusted(folder.st_uid) {
      reason = "\(path) belongs to uid \(folder.st_uid)"
    } else if (folder.st_mode & 0o020 != 0 && folder.st_gid != 0) || folder.st_mode & 0o002 != 0 {
      reason = "\(path) can be written by others than root"
    } else {
      return
    }
    throw ContainerError(
      step: step, errno: EPERM, reason: "\(reason), who could put programs of theirs into the tree",
      hint: "chown root \(path); chmod go-w \(path)")
  }

  /// Root, and the user that this program runs as.
  private static func isTrusted(_ uid: UInt32) -> Bool { uid == 0 || uid == geteuid() }

  private static func refusal(_ step: String, _ what: String, _ hint: String) -> ContainerError {
    ContainerError(step: step, errno: EPERM, reason: "\(what), who could put another tree in its place", hint: hint)
  }

  private static func open(_ name: String, at folder: Int32, _ step: String) throws(ContainerError) -> OwnedFD {
    try during(step) { () throws(SystemError) in
      try Files.open(name, flags: LS_O_PATH | O_NOFOLLOW, at: folder)
    }
  }

  private static func status(of file: OwnedFD, _ step: String) throws(ContainerError) -> stat {
    var info = stat()
    try during(step) { () throws(SystemError) in try check("stat") { fstat(file.rawValue, &info) } }
    return info
  }

  private static func read(_ link: OwnedFD, _ step: String) throws(ContainerError) -> String {
    try during(step) { () throws(SystemError) in try Files.readLink("", at: link.rawValue) }
  }
}
