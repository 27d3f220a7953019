import CLinuxSystem
import Glibc
import LinuxSystem

/// A root filesystem's folder, in which every path is looked up as the container will see it and none leads out:
/// openat2(2) with RESOLVE_IN_ROOT and no magic links. The tree may be hostile and may be changing.
struct RootFolder {
  /// As the host names it, for messages.
  let path: String
  let fd: OwnedFD

  /// - Parameter fd: the tree on the host, or the root of a container with all of its mounts.
  init(_ fd: OwnedFD, path: String) {
    self.fd = fd
    self.path = path
  }

  /// Opens a path inside. Never waits for the other end of a FIFO or the like.
  func open(_ inside: String, flags: Int32) throws(SystemError) -> OwnedFD {
    // openat2(2) refuses flags that mean nothing to it.
    let flags = flags & LS_O_PATH != 0 ? flags | O_CLOEXEC : flags | O_CLOEXEC | O_NONBLOCK
    return OwnedFD(
      adopting: try check("open", on: path + inside) {
        ls_openat2(
          fd.rawValue, inside, UInt64(flags), 0, UInt64(LS_RESOLVE_IN_ROOT | LS_RESOLVE_NO_MAGICLINKS))
      })
  }

  /// The start of a plain file; anything else that has the name is an error (EINVAL).
  func read(_ inside: String, limit: Int) throws(SystemError) -> [UInt8] {
    let file = try open(inside, flags: O_RDONLY | O_NOCTTY)
    var info = stat()
    try check("stat", on: path + inside) { fstat(file.rawValue, &info) }
    guard info.st_mode & S_IFMT == S_IFREG else { throw SystemError("read", on: path + inside, errno: EINVAL) }
    return try Files.read(file, named: path + inside, limit: limit)
  }

  /// At most so many bytes from the start of an open file.
  static func start(of file: OwnedFD, count: Int, named path: String) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = try check("read", on: path) {
      bytes.withUnsafeMutableBytes { pread(file.rawValue, $0.baseAddress, $0.count, 0) }
    }
    bytes.removeLast(count - got)
    return bytes
  }
}

// MARK: targets

extension RootFolder {
  /// The first link on a path that leads to nothing.
  func brokenLink(on inside: String) -> (link: String, target: String)? {
    var walked = ""
    for part in inside.split(separator: "/") {
      walked += "/\(part)"
      if (try? open(walked, flags: LS_O_PATH)) != nil { continue }
      guard let entry = try? open(walked, flags: LS_O_PATH | O_NOFOLLOW),
        let target = try? Files.readLink("", at: entry.rawValue)
      else { return nil }
      return (walked, target)
    }
    return nil
  }
}

// MARK: init

extension RootFolder {
  /// An overlay shows one filesystem: a folder that another is mounted on would be there and empty.
  func checkForMountsBelow() throws(ContainerError) {
    let step = "open root filesystem \(path)"
    // The name the kernel has for it, without links.
    let below = try during(step) { () throws(SystemError) in try Files.readLink("/proc/self/fd/\(fd.rawValue)") + "/" }
    let mounts = try during(step) { () throws(SystemError) in try MountEntry.all(ofType: "") }
    guard let mount = mounts.first(where: { $0.mountPoint.hasPrefix(below) }) else { return }
    throw ContainerError(
      step: step, errno: EXDEV,
      reason: "\(mount.mountPoint) is a mount of its own (\(mount.type)), which an overlay does not show",
      hint: "unmount it, give it to the guest as one of its mounts, or use rootfs.mode readOnly")
  }

  /// Why execve(2) refused init, with the path: whether it is there and can be executed on this machine, and so is what
  /// executes it: a script's interpreter, a program's dynamic loader. Throws what it finds; returns where it finds nothing.
  func checkInit(_ inside: String) throws(ContainerError) {
    try checkProgram(inside, role: "init", depth: 0)
  }

  /// ST_NOEXEC of statvfs(3), an enum constant that Swift does not import.
  private static let noExecution: UInt = 8

  /// Completes "PATH ...": ELOOP of openat2(2).
  static let magicLink =
    "leads through a link of /proc to a file or folder that a process has open, such as /proc/self/exe, or through more than 40 links"

  /// Why a path inside could not be opened.
  private func reason(for error: SystemError) -> String {
    switch error.errno {
    case ENOENT: "it does not exist in the root filesystem \(path)"
    case ELOOP: "it \(Self.magicLink)"
    case _: error.reason
    }
  }

  private func checkProgram(_ inside: String, role: String, depth: Int) throws(ContainerError) {
    let step = "execute \(role) \(inside)"
    let found: OwnedFD
    do {
      found = try open(inside, flags: LS_O_PATH)
    } catch {
      throw ContainerError(step: step, errno: error.errno, reason: reason(for: error))
    }
    var info = stat()
    try during(step) { () throws(SystemError) in
      try check("stat", on: inside) { fstat(found.rawValue, &info) }
    }
    guard info.st_mode & S_IFMT == S_IFREG else {
      let folder = info.st_mode & S_IFMT == S_IFDIR
      throw ContainerError(
        step: step, errno: folder ? EISDIR : EACCES, reason: folder ? "it is a directory" : "it is not a plain file")
    }
    var system = statvfs()
    if fstatvfs(found.rawValue, &system) == 0, system.f_flag & Self.noExecution != 0 {
      throw ContainerError(step: step, errno: EACCES, reason: "its file system is mounted noexec")
    }
    guard info.st_mode & 0o111 != 0 else {
      throw ContainerError(
        step: step, errno: EACCES, reason: "it is not executable", hint: "chmod +x \(path)\(inside)")
    }
    let start = try during(step) { () throws(SystemError) in
      try Self.start(of: try open(inside, flags: O_RDONLY | O_NOCTTY), count: 4096, named: path + inside)
    }
    switch ProgramKind(start: start) {
    case .script(let interpreter):
      // The kernel follows four; search_binary_handler in fs/exec.c.
      guard depth < 4 else { throw ContainerError(step: step, errno: ELOOP, reason: "too many interpreters") }
      try checkProgram(interpreter, role: depth == 0 ? "interpreter of \(inside)," : "interpreter", depth: depth + 1)
    case .elf(let machine, let loader):
      guard ProgramKind.runnable.contains(machine) else {
        throw ContainerError(
          step: step, errno: ENOEXEC,
          reason:
            "it is for another architecture (\(ProgramKind.name(of: machine)), this host is \(Kernel.identity.machine))"
        )
      }
      guard let loader else { return }
      do {
        _ = try open(loader, flags: LS_O_PATH)
      } catch {
        throw ContainerError(step: step, errno: error.errno, reason: "its loader \(loader): \(reason(for: error))")
      }
    case .unknown:
      throw ContainerError(
        step: step, errno: ENOEXEC, reason: "it is neither a program nor a script",
        hint: "a script begins with #! and the path of its interpreter")
    }
  }
}
