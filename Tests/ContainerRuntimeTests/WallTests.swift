import Cgroups
import Glibc
import LinuxSystem
import Testing

import struct Guest.Limits

@testable import ContainerRuntime

/// The walls between a guest and the host or its neighbours, one test a kind of hole.
@Suite(.enabled(if: canMakeContainers, whyNot), .serialized) struct WallTests {
  let bench: Bench

  init() throws { bench = try Bench() }

  private func mode(_ path: String) throws -> UInt32 {
    var info = stat()
    try check("stat", on: path) { stat(path, &info) }
    return info.st_mode & 0o7777
  }

  private func owner(_ path: String) throws -> UInt32 {
    var info = stat()
    try check("stat", on: path) { stat(path, &info) }
    return info.st_uid
  }

  // MARK: objects of the host

  @Test(arguments: [ContainerSpec.Console.terminal, .pipes])
  func devicesAreTheGuestsOwn(console: ContainerSpec.Console) throws {
    let names = ["null", "zero", "full", "random", "urandom", "tty"]
    let before = try names.map { (try mode("/dev/\($0)"), try owner("/dev/\($0)")) }
    var spec = bench.spec(
      """
      for d in null zero full random urandom tty; do chmod 0604 /dev/$d; chown 33 /dev/$d; done
      chmod 0604 /proc/self/fd/0 /proc/keys /proc/kcore; chown 33 /proc/self/fd/0 /proc/keys
      stat -c %a /dev/full
      """)
    spec.console = console
    let end = try bench.run(spec)
    #expect(end.output.split(separator: "\n").last == "604", "\(end.output) \(end.errors)")
    let after = try names.map { (try mode("/dev/\($0)"), try owner("/dev/\($0)")) }
    for (index, name) in names.enumerated() { #expect(before[index] == after[index], "/dev/\(name)") }
  }

  /// Mode and owner of such an entry belong to every instance of procfs.
  @Test func entriesOfProcThatAreSharedWithTheHostCannotBeChanged() throws {
    let end = try bench.run(
      bench.spec(
        """
        cd /proc
        for entry in *; do
          case $entry in [0-9]*|self|thread-self|mounts|net) continue;; esac
          chmod 0604 $entry 2>/dev/null && echo changed $entry
        done
        cat version uptime | wc -l
        echo 5 > /proc/self/oom_score_adj && echo own
        """))
    #expect(end.output == "2\nown\n")
    // A start that left them open would leave the whole of it read-only.
    let uncovered = try bench.run(
      bench.spec("chmod 0604 /proc/cpuinfo 2>/dev/null && echo changed; touch /proc/self/comm 2>/dev/null && echo own"),
      without: "cover entries of /proc")
    #expect(uncovered.output == "", "\(uncovered.output) \(String(describing: uncovered.failure))")
  }

  // MARK: control groups

  /// In every hierarchy that is mounted, without any limit asked for.
  @Test func theGuestHasGroupsOfItsOwnEverywhere() throws {
    let end = try bench.run(bench.spec("cat /proc/self/cgroup; sleep 100")) { container, group in
      let lines = try Files.readText("/proc/\(container.initProcess.pid)/cgroup").split(separator: "\n")
      #expect(lines.count == bench.tree.host.hierarchies.count + 1)
      for line in lines { #expect(line.contains("/guests/\(group.name)"), "\(line)") }
      // Where limits are kept, they are on a group above the one that the guest is in.
      for line in lines {
        let controllers = line.split(separator: ":", omittingEmptySubsequences: false)[1].split(separator: ",")
        guard controllers.contains(where: { ["memory", "pids", "cpu"].contains($0) }) else { continue }
        #expect(line.hasSuffix("/\(group.name)/init"), "\(line)")
      }
      #expect(lines.contains { $0.hasPrefix("0::") && $0.hasSuffix("/\(group.name)/init") })
      try container.initProcess.signal(SIGKILL)
    }
    for line in end.output.split(separator: "\n") { #expect(line.hasSuffix(":/"), "\(line)") }
  }

  /// With the right to mount, which a guest without it would get from a user namespace.
  @Test(.enabled(if: (try? CgroupHost.detect().legacy("pids")) != nil, "needs the v1 pids controller (hybrid host)"))
  func aGuestThatMountsItsGroupsReachesNeitherNeighboursNorItsLimits() throws {
    let neighbour = try RunCgroup.create(
      in: bench.tree, name: "neighbour", limits: CgroupLimits(Limits(pids: 7)), runID: [1])
    defer { neighbour.remove() }
    var spec = bench.spec(
      """
      mkdir /tmp/p /tmp/m
      mount -t cgroup -o pids none /tmp/p && mount -t cgroup -o memory none /tmp/m || echo no mount
      cat /tmp/p/tasks | wc -l
      ls -d /tmp/p/*/ 2>/dev/null
      cat /tmp/p/pids.max /tmp/m/memory.limit_in_bytes | tr '\\n' ' '
      echo max > /tmp/p/pids.max; echo -1 > /tmp/m/memory.limit_in_bytes
      (i=0; while [ $i -lt 40 ]; do sleep 5 & i=$((i+1)); done) 2>/dev/null
      set -- /proc/[0-9]*; echo $#
      """)
    spec.capabilities |= 1 << 21
    let end = try bench.run(spec, limits: CgroupLimits(Limits(memoryBytes: 64 << 20, pids: 20)))
    let lines = end.output.split(separator: "\n").map(String.init)
    #expect(!lines.contains("no mount"), "\(end.output)")
    #expect(!end.output.contains("neighbour"), "\(end.output)")
    #expect(
      end.output.split(whereSeparator: \.isWhitespace).last.flatMap { Int($0) }.map { $0 <= 20 } == true,
      "\(end.output)")
  }

  @Test func withoutAnythingAskedForTheUsualLimitsHold() throws {
    let usual = CgroupLimits(usual: .init(memoryBytes: 32 << 20, pids: 30))
    let end = try bench.run(
      bench.spec("(i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done) 2>/dev/null; set -- /proc/[0-9]*; echo $#"),
      limits: usual)
    #expect(end.output.split(separator: "\n").last.flatMap { Int($0) }.map { $0 <= 30 } == true, "\(end.output)")
    let memory = try bench.run(bench.spec("awk 'BEGIN { x = \"x\"; while (1) x = x x }'"), limits: usual)
    #expect(memory.outOfMemory.kills >= 1)
    // An explicit limit takes precedence.
    let asked = try bench.run(
      bench.spec("i=0; while [ $i -lt 40 ]; do sleep 5 & i=$((i+1)); done; set -- /proc/[0-9]*; echo $#"),
      limits: CgroupLimits(Limits(pids: 100), usual: .init(pids: 5)))
    #expect(asked.output.split(separator: "\n").last.flatMap { Int($0) }.map { $0 > 30 } == true, "\(asked.output)")
  }

  // MARK: rights

  /// Each step says that it worked; what counts is what the kernel has in the end.
  @Test(arguments: [
    ("become user", "web"), ("set groups", "web"), ("drop capabilities", "0"), ("set capabilities", "0"),
    ("forbid new privileges", "0"), ("install system call filter", "0"),
  ]) func aSecurityStepThatDidNothingFailsTheStart(step: String, user: String) throws {
    var spec = bench.spec("echo executed")
    spec.user = user
    let end = try bench.run(spec, without: step)
    #expect(end.failure?.step == "verify rights", "\(String(describing: end.failure)) \(end.output)")
    #expect(end.output == "")
  }

  /// Until init is executed, /proc/self/exe is this program. CVE-2019-5736 begins with a tree that leads there.
  @Test(
    arguments: [
      "link", "link of links", "script", "interpreter of a script", "loader", "root", "descriptor", "thread",
    ], ["0", "web"])
  func nothingOfTheHostIsExecutedThroughALinkOfProc(way: String, user: String) throws {
    symlink("/proc/self/exe", "\(bench.root)/exe")
    symlink("/root/../exe", "\(bench.root)/again")
    try bench.write("#!/proc/self/exe\n", to: "/script", mode: 0o755)
    try bench.write("#!/script\n", to: "/outer", mode: 0o755)
    // With a loader; this one is the host's, of whatever size.
    var program = try Files.read("/usr/bin/env")
    let loader = Array("/lib64/ld-linux-x86-64.so.2".utf8)
    if let place = program.firstRange(of: loader) {
      let wanted = Array("/proc/self/exe".utf8)
      program.replaceSubrange(place, with: wanted + [UInt8](repeating: 0, count: loader.count - wanted.count))
    }
    try bench.write(program, to: "/loader", mode: 0o755)
    var spec = bench.spec("")
    spec.user = user
    spec.command = [
      [
        "link": "/exe", "link of links": "/again", "script": "/script", "interpreter of a script": "/outer",
        "loader": "/loader", "root": "/proc/self/root/bin/true", "descriptor": "/dev/fd/0",
        "thread": "/proc/thread-self/exe",
      ][way]!
    ]
    let end = try bench.run(spec)
    #expect(end.failure?.reason.contains("such as /proc/self/exe") == true, "\(String(describing: end.failure))")
    #expect(end.failure?.errno == ELOOP)
    #expect(end.output == "")
  }

  @Test(arguments: ["/proc/self/cwd", "/proc/1/root/tmp", "/there"]) func noFolderIsReachedThroughALinkOfProc(
    folder: String
  ) throws {
    symlink("/proc/self/root", "\(bench.root)/there")
    var spec = bench.spec("echo executed")
    spec.workingDirectory = folder
    let end = try bench.run(spec)
    #expect(end.failure?.errno == ELOOP && end.failure?.hint != nil, "\(String(describing: end.failure))")
  }

  /// Added capabilities are meant for init, whoever it runs as; the usual ones are root's alone.
  @Test(arguments: ["0", "web"]) func addedCapabilitiesTakeEffectForEveryUser(user: String) throws {
    let netAdmin: UInt64 = 1 << 12
    var spec = bench.spec("env grep Cap /proc/self/status; ip link set lo down && echo down")
    spec.user = user
    spec.capabilities |= netAdmin
    spec.addedCapabilities = netAdmin
    let end = try bench.run(spec)
    var sets: [Substring: UInt64] = [:]
    for line in end.output.split(separator: "\n").dropLast() {
      sets[line.prefix { $0 != ":" }] = UInt64(line.drop { $0 != "\t" }.dropFirst(), radix: 16)
    }
    let isRoot = user == "0"
    let all = usualCapabilities | netAdmin
    #expect(sets["CapBnd"] == all, "\(String(describing: end.failure)) \(end.output)")
    for set in ["CapPrm", "CapEff"] { #expect(sets[Substring(set)] == (isRoot ? all : netAdmin), "\(set)") }
    for set in ["CapInh", "CapAmb"] { #expect(sets[Substring(set)] == (isRoot ? 0 : netAdmin), "\(set)") }
    #expect(end.output.hasSuffix("down\n"), "\(end.output)")
  }

  /// With capabilities to keep, the change of user takes none away by itself.
  @Test func aUserKeepsNoMoreThanWasAdded() throws {
    var spec = bench.spec("echo executed")
    spec.user = "web"
    spec.capabilities |= 1 << 12
    spec.addedCapabilities = 1 << 12
    #expect(try bench.run(spec, without: "set capabilities").failure?.step == "verify rights")
  }

  @Test(arguments: ["4294967295", "1000:4294967295", "sentinel", "web:sentinel"])
  func noUserIsRootByItsNumber(user: String) throws {
    try bench.write("sentinel:x:4294967295:0::/:\nweb:x:33:44::/:\n", to: "/etc/passwd")
    try bench.write("sentinel:x:4294967295:\n", to: "/etc/group")
    var spec = bench.spec("id -u; id -g")
    spec.user = user
    let end = try bench.run(spec)
    #expect(end.failure?.step.hasPrefix("look up ") == true, "\(String(describing: end.failure)) \(end.output)")
    #expect(end.output == "")
  }

  @Test func privilegesMayBeGainedWhereTheSpecSaysSo() throws {
    var spec = bench.spec("")
    spec.rootMode = .overlay(bytes: nil)
    spec.command = ["/bin/sh", "-c", "grep NoNewPrivs /proc/self/status"]
    #expect(try bench.run(spec).output == "NoNewPrivs:\t1\n")
    spec.noNewPrivileges = false
    let open = try bench.run(spec)
    #expect(open.output == "NoNewPrivs:\t0\n", "\(String(describing: open.failure))")
    // The filter is there all the same.
    spec.command = ["/bin/grep", "Seccomp:", "/proc/self/status"]
    #expect(try bench.run(spec).output == "Seccomp:\t2\n")
  }

  // MARK: inheritance

  @Test func limitsMaskAndUmaskAreDecided() throws {
    let script = "umask; grep -E 'Sig(Blk|Ign)' /proc/self/status | cut -f 2 | sort -u; cat /proc/self/limits"
    symlink("busybox", "\(bench.root)/bin/cut")
    let end = try bench.run(bench.spec(script))
    let lines = end.output.split(separator: "\n").map(String.init)
    #expect(lines.first == "0022")
    #expect(lines.dropFirst().first == "0000000000000000", "\(end.output)")
    func limit(_ name: String) -> [Substring] {
      lines.first { $0.hasPrefix(name) }.map { $0.dropFirst(25).split(separator: " ").prefix(2) }.map(Array.init) ?? []
    }
    #expect(limit("Max open files").first == "1024")
    #expect(limit("Max core file size").first == "0")
    #expect(limit("Max file size") == ["unlimited", "unlimited"])
    #expect(limit("Max stack size").first == "8388608")
    #expect(limit("Max realtime priority") == ["0", "0"])
  }

  // MARK: paths of the host

  @Test func aTreeBehindAnotherUsersWordIsRefused() throws {
    let mine = "\(bench.folder)/a"
    try Files.makeDirectories(mine)
    symlink(bench.root, "\(mine)/tree")
    var spec = bench.spec("echo executed")
    spec.rootPath = "\(mine)/tree"
    #expect(try bench.run(spec).output == "executed\n")
    // The link belongs to another user.
    lchown("\(mine)/tree", 33, 33)
    var failure = try #require(try bench.run(spec).failure)
    #expect(failure.reason.hasPrefix("\(mine)/tree is a link of uid 33"), "\(failure)")
    lchown("\(mine)/tree", 0, 0)
    // The folder that holds it belongs to another user, or is writable for all.
    chown(mine, 33, 33)
    failure = try #require(try bench.run(spec).failure)
    #expect(failure.reason.hasPrefix("\(mine) belongs to uid 33"), "\(failure)")
    chown(mine, 0, 0)
    // The tree's own folder is a place for programs, too.
    let path = "\(mine)/top"
    try Files.makeDirectories(path)
    for (owner, mode) in [(33, 0o755), (0, 0o777), (0, 0o1777)] as [(UInt32, UInt32)] {
      chown(path, owner, 0)
      chmod(path, mode)
      #expect(throws: ContainerError.self, "\(owner) \(mode)") { _ = try HostPath.open(path, as: .root) }
    }
    chown(path, 0, 0)
    chmod(path, 0o755)
    _ = try HostPath.open(path, as: .root)
    chmod(mine, 0o777)
    failure = try #require(try bench.run(spec).failure)
    #expect(failure.reason.hasPrefix("\(mine) can be written by others"), "\(failure)")
    chmod(mine, 0o1777)
    #expect(try bench.run(spec).output == "executed\n")
    chmod(mine, 0o755)
    // The same for what is bound into a guest, as far as links go.
    try Files.makeDirectories("\(bench.folder)/share")
    chown("\(bench.folder)/share", 33, 33)
    symlink("/etc", "\(bench.folder)/share/etc")
    lchown("\(bench.folder)/share/etc", 33, 33)
    spec.mounts = [.bind(source: "\(bench.folder)/share/etc", target: "/tmp", readOnly: true)]
    #expect(try bench.run(spec).failure?.reason.contains("is a link of uid 33") == true)
    spec.mounts = [.bind(source: "\(bench.folder)/share", target: "/tmp", readOnly: true)]
    #expect(try bench.run(spec).output == "executed\n")
  }
}
