import Glibc
import LinuxSystem

/// Root filesystems for guests, made once and shared: guests use them read-only or under an overlay.
public enum RootTrees {
  /// Where trees are kept between test runs, outside any working copy.
  public static let cache: String = {
    if let path = getenv("LODGE_TEST_CACHE") { return String(cString: path) }
    return "/var/tmp/lodge-test-cache"
  }()

  static let busyboxProgram: String? = ["/bin/busybox", "/usr/bin/busybox"].first { access($0, X_OK) == 0 }

  /// Debian's busybox with a link for each applet.
  public static func busybox() throws -> String {
    guard let program = busyboxProgram else { throw SystemError("find", on: "busybox", errno: ENOENT) }
    return try made("busybox") { tree in try makeBusybox(at: tree, from: program) }
  }

  /// Debian 12, minbase, with nginx. The first time it comes from the archive, which takes a minute.
  public static func debianWithNginx() throws -> String {
    try made("debian-nginx") { tree in
      let result = try Command("/usr/bin/mmdebstrap")
        .run(
          "--variant=minbase", "--include=nginx-light", "--aptopt=APT::Install-Recommends \"false\"", "bookworm", tree,
          deadline: 600)
      guard result.code == 0 else { throw CommandFailure(result) }
    }
  }

  /// A tree of one test's own, to be written to.
  public static func privateBusybox(at path: String) throws {
    guard let program = busyboxProgram else { throw SystemError("find", on: "busybox", errno: ENOENT) }
    try makeBusybox(at: path, from: program)
  }

  /// Makes the tree under another name first, so that one that was cut short is never taken for whole; the lock keeps
  /// two test runs from making it at once.
  private static func made(_ name: String, _ make: (String) throws -> Void) throws -> String {
    let tree = "\(cache)/\(name)"
    if Files.exists(tree) { return tree }
    try Files.makeDirectories(cache)
    let lock = try Files.open("\(cache)/\(name).lock", flags: O_RDWR | O_CREAT, mode: 0o600)
    try check("lock", on: tree) { flock(lock.rawValue, LOCK_EX) }
    if Files.exists(tree) { return tree }
    try Files.removeTree(tree + ".new")
    try make(tree + ".new")
    try check("rename", on: tree) { rename(tree + ".new", tree) }
    return tree
  }

  private static func makeBusybox(at tree: String, from program: String) throws {
    for folder in [
      "bin", "sbin", "etc", "root", "tmp", "proc", "sys", "dev", "run", "mnt", "usr", "var/log", "srv/www",
    ] {
      try Files.makeDirectories("\(tree)/\(folder)")
    }
    try Files.writeAtomically(try Files.read(program), to: "\(tree)/bin/busybox")
    chmod("\(tree)/bin/busybox", 0o755)
    chmod("\(tree)/tmp", 0o1777)
    for applet in try Command(program).run("--list").output.split(separator: "\n") where applet != "busybox" {
      try check("link", on: String(applet)) { symlink("busybox", "\(tree)/bin/\(applet)") }
    }
    try check("link", on: "usr/bin") { symlink("../bin", "\(tree)/usr/bin") }
    try Files.writeText(
      "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n", to: "\(tree)/etc/passwd")
    try Files.writeText("root:x:0:\nnogroup:x:65534:\n", to: "\(tree)/etc/group")
    try Files.writeText("<h1>Hello from a guest</h1>\n", to: "\(tree)/srv/www/index.html")
  }
}
