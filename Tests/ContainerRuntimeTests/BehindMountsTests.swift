import Glibc
import LinuxSystem
import Testing

@testable import ContainerRuntime

/// A check looks at the very thing that is used: behind the mounts.
@Suite(.enabled(if: canMakeContainers, whyNot), .serialized) struct BehindMountsTests {
  let bench: Bench

  init() throws { bench = try Bench() }

  @Test func initAndItsInterpreterMayComeFromAMount() throws {
    let share = bench.folder + "/share"
    try Files.makeDirectories(share)
    try Files.writeAtomically(Array("#!/opt/sh\necho from a mount\n".utf8), to: share + "/init", mode: 0o755)
    try Files.writeAtomically(try Files.read("/bin/busybox"), to: share + "/sh", mode: 0o755)
    var spec = bench.spec("")
    spec.command = ["/opt/init"]
    spec.mounts = [.bind(source: share, target: "/opt", readOnly: true)]
    #expect(try bench.run(spec).output == "from a mount\n")
  }

  @Test func usersMayComeFromAMount() throws {
    let share = bench.folder + "/share"
    try Files.makeDirectories(share)
    try Files.writeAtomically(Array("other:x:77:78::/there:/bin/sh\n".utf8), to: share + "/passwd", mode: 0o644)
    var spec = bench.spec("id -u; id -g; echo $HOME")
    spec.user = "other"
    spec.mounts = [.bind(source: share, target: "/etc", readOnly: true)]
    let end = try bench.run(spec)
    #expect(end.output == "77\n78\n/there\n", "\(String(describing: end.failure))")
    // And a mount hides those of the tree.
    spec.user = "web"
    #expect(try bench.run(spec).failure?.step == "look up user web")
  }

  /// The example of docs/guest-spec.md.
  @Test func aBindBelowATmpfsOfAReadOnlyTree() throws {
    let share = bench.folder + "/share"
    try Files.makeDirectories(share)
    var spec = bench.spec("echo x > /tmp/data/deep/file && echo written")
    spec.rootMode = .readOnly
    spec.mounts = [
      .tmpfs(target: "/tmp", .init(), readOnly: false), .bind(source: share, target: "/tmp/data/deep", readOnly: false),
    ]
    let end = try bench.run(spec)
    #expect(end.output == "written\n", "\(String(describing: end.failure))")
    #expect(Files.exists(share + "/file"))
  }

  @Test(arguments: [
    ("/nowhere", "it does not exist in the root filesystem"), ("/etc", "it is a directory"),
    ("/etc/passwd", "it is not executable"), ("/bin/script", "interpreter of /bin/script, /bin/none"),
    ("/bin/text", "it is neither a program nor a script"),
  ]) func whyInitCannotBeExecutedIsSaid(program: String, words: String) throws {
    try bench.write("#!/bin/none\n", to: "/bin/script", mode: 0o755)
    try bench.write("hello\n", to: "/bin/text", mode: 0o755)
    var spec = bench.spec("")
    spec.command = [program]
    let failure = try #require(try bench.run(spec).failure)
    #expect("\(failure)".contains(words), "\(failure)")
  }

  /// A script is executed as the kernel would: the same words, whatever its first line looks like.
  @Test(arguments: [
    "#!/bin/echo\n", "#! /bin/echo  one two \t\nmore", "#!\t/bin/echo\tone", "#!/bin/echo one\0two\n", "#!/bin/first\n",
    "#!/bin/first two words\n", "#!/linked/echo x\n", "#!bin/echo relative\n",
    "#!/bin/echo " + String(repeating: "y", count: 300),
  ]) func anInterpreterIsGivenWhatTheKernelGives(script: String) throws {
    symlink("busybox", "\(bench.root)/bin/echo")
    symlink("tmp/../bin", "\(bench.root)/linked")
    try bench.write("#!/bin/echo from first\n", to: "/bin/first", mode: 0o755)
    try bench.write(script, to: "/bin/script", mode: 0o755)
    var spec = bench.spec("")
    spec.command = ["/bin/script", "a", "b c"]
    let asInit = try bench.run(spec)
    spec.command = ["/bin/env", "/bin/script", "a", "b c"]
    let asChild = try bench.run(spec)
    #expect(asInit.output == asChild.output, "\(String(describing: asInit.failure))")
    #expect(asInit.output.contains("/bin/script a b c"))
  }

  @Test(arguments: ["#!\n", "#!", "#!   \n/bin/echo", "#!/" + String(repeating: "x", count: 300)])
  func aScriptWithoutAnInterpreterIsNoProgram(script: String) throws {
    try bench.write(script, to: "/bin/script", mode: 0o755)
    var spec = bench.spec("")
    spec.command = ["/bin/script"]
    #expect(try bench.run(spec).failure?.errno == ENOEXEC)
  }

  @Test func scriptsOfScriptsEnd() throws {
    for number in 0..<5 { try bench.write("#!/bin/s\(number + 1)\n", to: "/bin/s\(number)", mode: 0o755) }
    symlink("busybox", "\(bench.root)/bin/s5")
    symlink("busybox", "\(bench.root)/bin/echo")
    var spec = bench.spec("")
    spec.command = ["/bin/s0"]
    #expect(try bench.run(spec).failure?.reason == "too many interpreters")
    try bench.write("#!/bin/echo\n", to: "/bin/s4", mode: 0o755)
    spec.command = ["/bin/s1"]
    #expect(try bench.run(spec).output == "/bin/s4 /bin/s3 /bin/s2 /bin/s1\n")
  }

  /// What its user may not read or reach is not executed, though root could.
  @Test func initIsLookedUpWithTheRightsOfItsUser() throws {
    try Files.makeDirectories("\(bench.root)/closed", mode: 0o700)
    try bench.write(try Files.read("/bin/busybox"), to: "/closed/true", mode: 0o755)
    try bench.write(try Files.read("/bin/busybox"), to: "/bin/unreadable", mode: 0o711)
    for program in ["/closed/true", "/bin/unreadable"] {
      var spec = bench.spec("")
      spec.command = [program, "true"]
      spec.user = "web"
      let failure = try #require(try bench.run(spec).failure)
      #expect(failure.errno == EACCES && failure.hint?.contains("user web needs the right") == true, "\(failure)")
      spec.user = "0"
      #expect(try bench.run(spec).failure == nil)
    }
  }

  @Test func theFileSystemThatForbidsExecutionIsNamed() throws {
    let place = "\(bench.folder)/programs"
    try Files.makeDirectories(place)
    try check("mount") { mount("none", place, "tmpfs", UInt(MS_NOEXEC), nil) }
    defer { umount2(place, Int32(MNT_DETACH)) }
    try Files.writeAtomically(try Files.read("/bin/busybox"), to: "\(place)/true", mode: 0o755)
    var spec = bench.spec("")
    spec.mounts = [.bind(source: place, target: "/opt", readOnly: true)]
    spec.command = ["/opt/true"]
    #expect(try bench.run(spec).failure?.reason == "its file system is mounted noexec")
  }

  @Test(arguments: [0, 3, 20] as [UInt64]) func aLowNumberOfDescriptorsIsTheGuestsAlone(most: UInt64) throws {
    var spec = bench.spec("ulimit -n")
    spec.rlimits = [.init(resource: 7, soft: most, hard: most)]
    let end = try bench.run(spec)
    #expect(end.output == "\(most)\n", "\(String(describing: end.failure))")
  }

  @Test func aMountThatAnOverlayWouldNotShowIsNamed() throws {
    let below = bench.root + "/tmp/below"
    try Files.makeDirectories(below)
    try check("mount") { mount("none", below, "tmpfs", 0, nil) }
    defer { umount2(below, Int32(MNT_DETACH)) }
    var spec = bench.spec("true")
    spec.rootMode = .overlay(bytes: nil)
    let failure = try #require(try bench.run(spec).failure)
    #expect(failure.reason.contains("\(below) is a mount of its own (tmpfs)"), "\(failure)")
    spec.rootMode = .readOnly
    #expect(try bench.run(spec).failure == nil)
  }

  @Test func aTmpfsTakesAfterTheFolderThatItCovers() throws {
    try Files.makeDirectories(bench.root + "/srv/db")
    chmod(bench.root + "/srv/db", 0o2750)
    chown(bench.root + "/srv/db", 33, 44)
    var spec = bench.spec(
      "stat -c '%a %u %g' /srv/db /srv/new /srv/set /srv/ro; touch /srv/ro/x 2>/dev/null || echo ro")
    try Files.makeDirectories(bench.root + "/srv/ro")
    spec.mounts = [
      .tmpfs(target: "/srv/db", .init(), readOnly: false), .tmpfs(target: "/srv/new", .init(), readOnly: false),
      .tmpfs(target: "/srv/set", .init(mode: 0o700, uid: 5, gid: 6), readOnly: false),
      .tmpfs(target: "/srv/ro", .init(), readOnly: true),
    ]
    let end = try bench.run(spec)
    #expect(end.output == "2750 33 44\n1777 0 0\n700 5 6\n755 0 0\nro\n", "\(String(describing: end.failure))")
  }

  @Test func aFolderOnAFileIsSaid() throws {
    var spec = bench.spec("true")
    spec.mounts = [.bind(source: bench.folder, target: "/etc/passwd", readOnly: true)]
    #expect(try bench.run(spec).failure?.reason.hasPrefix("a folder cannot be mounted on a file") == true)
    spec.mounts = [.bind(source: bench.root + "/etc/passwd", target: "/etc", readOnly: true)]
    #expect(try bench.run(spec).failure?.reason.hasPrefix("a file cannot be mounted on a folder") == true)
  }

  @Test func aTargetBehindALinkThatLeadsNowhereIsNamed() throws {
    symlink("../outside", "\(bench.root)/lnk")
    symlink("/proc", "\(bench.root)/there")
    var spec = bench.spec("true")
    for target in ["/lnk", "/lnk/below/it"] {
      spec.mounts = [.tmpfs(target: target, .init(), readOnly: false)]
      let failure = try #require(try bench.run(spec).failure)
      #expect(failure.reason.hasPrefix("/lnk is a link to ../outside") && failure.hint != nil, "\(failure)")
    }
    spec.mounts = [.tmpfs(target: "/there/sys", .init(), readOnly: false)]
    #expect(try bench.run(spec).failure?.reason.contains("leads into /proc") == true)
  }

  /// What could not be read is not told as what is not there, and no group is lost with it.
  @Test(arguments: ["long", "FIFO", "folder"], ["passwd", "group"])
  func aFileOfUsersThatCannotBeReadIsNamed(kind: String, file: String) throws {
    let path = "\(bench.root)/etc/\(file)"
    let entries = try Files.readText(path)
    unlink(path)
    switch kind {
    case "long":
      let lines = (0..<60_000).map { "user\($0):x:\(70_000 + $0):70000\n" }.joined()
      try bench.write(lines + entries, to: "/etc/\(file)")
    case "FIFO": mkfifo(path, 0o644)
    default: try Files.makeDirectories(path)
    }
    // Programs that look a name up in such a file may wait for ever.
    var spec = bench.spec("echo executed")
    for user in ["web", "33", "web:5"] + (file == "group" ? ["5:web"] : []) {
      spec.user = user
      let failure = try #require(try bench.run(spec).failure, "\(user)")
      let words = kind == "long" ? "it is longer than 1 MiB" : "it is not a plain file"
      #expect(failure.reason.contains("/etc/\(file)") && failure.reason.contains(words), "\(failure)")
      #expect(failure.hint?.contains("give") == true)
    }
    for user in ["0", "33:44"] {
      spec.user = user
      #expect(try bench.run(spec).output == "executed\n", "\(user)")
    }
  }

  @Test func aLimitThatTheKernelRefusesIsGivenItsBound() throws {
    var spec = bench.spec("true")
    spec.rlimits = [.init(resource: 7, soft: 2000, hard: .max)]
    let failure = try #require(try bench.run(spec).failure)
    let most = try Files.readText("/proc/sys/fs/nr_open").filter(\.isNumber)
    #expect(failure.hint == "at most \(most) are allowed on this host (sysctl fs.nr_open)", "\(failure)")
  }

  @Test(arguments: [ContainerSpec.Console.terminal, .pipes])
  func standardOutputCanBeOpenedAfterAChangeOfUser(console: ContainerSpec.Console) throws {
    symlink("busybox", "\(bench.root)/bin/su")
    var spec = bench.spec("exec su web -c 'id -u; echo hello > /dev/stdout'")
    spec.console = console
    let end = try bench.run(spec)
    #expect(end.output == "33\nhello\n", "\(end.errors)")
  }

  @Test func theTerminalHasASize() throws {
    #expect(try bench.run(bench.spec("stty size")).output == "24 80\n")
  }

  @Test(arguments: [false, true]) func everyGroupMayPing(withNetworkMadeBefore isMade: Bool) throws {
    let end = try bench.run(
      bench.spec("cat /proc/sys/net/ipv4/ping_group_range"), network: isMade ? NetworkNamespace() : nil)
    #expect(end.output.split(whereSeparator: \.isWhitespace) == ["0", "2147483647"], "\(end.output)")
  }
}
