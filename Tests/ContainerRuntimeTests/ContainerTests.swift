import Glibc
import LinuxSystem
import Testing

import struct Guest.Limits

@testable import Cgroups
@testable import ContainerRuntime

@Suite(.enabled(if: canMakeContainers, whyNot), .serialized) struct ContainerTests {
  let bench: Bench

  init() throws { bench = try Bench() }

  @Test(arguments: [0, 3, 255] as [Int32]) func exitCodes(code: Int32) throws {
    let end = try bench.run(bench.spec("exit \(code)"))
    #expect(end.failure == nil)
    #expect(end.status == .exited(code: code))
  }

  /// A kill that comes while the child waits for an answer, which then has no receiver: that is no failure of the step
  /// that was being answered.
  @Test func aChildThatIsKilledWhileItWaitsForAnAnswerWasKilled() throws {
    let group = try RunCgroup.create(in: bench.tree, name: "killed", limits: CgroupLimits(), runID: [1])
    defer { group.remove() }
    let container = try Container(starting: bench.spec("true"), in: group)
    // Its root, behind which the user is looked up, is the first that it sends.
    var items = [Poll.Item(container.reportFD, .readable)]
    try Poll.wait(for: &items, nanoseconds: 10_000_000_000)
    try container.initProcess.signal(SIGKILL)
    items = [Poll.Item(container.initProcess.fd.rawValue, .readable)]
    try Poll.wait(for: &items, nanoseconds: 10_000_000_000)
    guard case .failed(let error)? = try container.receive() else {
      Issue.record("no failure")
      return
    }
    #expect(error.step == "make container" && error.errno == 0, "\(error)")
    _ = try container.initProcess.wait(blocking: true)
  }

  @Test func outputOfATerminal() throws {
    let end = try bench.run(bench.spec("echo hello; tty=$(readlink /proc/self/fd/0); echo $tty; printf end"))
    #expect(end.output == "hello\n/dev/pts/0\nend")
  }

  @Test func outputOfPipesIsToldApart() throws {
    var spec = bench.spec("echo out; echo err >&2; echo again >/dev/stdout")
    spec.console = .pipes
    let end = try bench.run(spec)
    #expect(end.output == "out\nagain\n")
    #expect(end.errors == "err\n")
  }

  @Test(arguments: [false, true]) func processIsAloneInItsNamespaces(withNetworkMadeBefore isMade: Bool) throws {
    let ours = try networkInode()
    let end = try bench.run(
      bench.spec(
        "echo $$; set -- /proc/[0-9]*; echo $#; hostname; cat /proc/net/dev | grep -c :; ls /sys/class/net; ip link show lo"
      ), network: isMade ? NetworkNamespace() : nil)
    #expect(try networkInode() == ours, "who makes a network stays in its own")
    // Init alone, as its shell sees it; the loopback interface and no other.
    #expect(end.output.split(separator: "\n").prefix(5) == ["1", "1", "test", "1", "lo"])
    #expect(end.output.contains("LOOPBACK,UP"))
  }

  /// Of this process's network namespace (namespaces(7)).
  private func networkInode() throws -> UInt64 { try Files.status("/proc/thread-self/ns/net").inode }

  @Test func onlyTheThreeStandardDescriptorsAreOpen() throws {
    var spec = bench.spec("")
    spec.command = ["/bin/ls", "-1", "/proc/self/fd"]
    // The fourth is the folder that ls reads.
    #expect(try bench.run(spec).output == "0\n1\n2\n3\n")
  }

  @Test func devHasWhatItShouldAndNothingElse() throws {
    let end = try bench.run(
      bench.spec(
        "ls /dev | tr '\\n' ' '; echo; for d in null zero full random urandom tty; do stat -c '%n %t:%T %a' /dev/$d; done; head -c 3 /dev/zero | wc -c; echo x > /dev/null; stat -c %t:%T /dev/console /dev/pts/0"
      ))
    let lines = end.output.split(separator: "\n")
    #expect(lines.first == "console fd full null ptmx pts random shm stderr stdin stdout tty urandom zero ")
    #expect(
      lines.dropFirst().prefix(7) == [
        "/dev/null 1:3 666", "/dev/zero 1:5 666", "/dev/full 1:7 666", "/dev/random 1:8 666", "/dev/urandom 1:9 666",
        "/dev/tty 5:0 666", "3",
      ])
    #expect(lines.suffix(2) == ["88:0", "88:0"])
  }

  @Test func aDeviceNodeThatTheGuestMakesDoesNothing() throws {
    // 254:0 would be the host's disk on many machines; 1:1 is all memory, and exists everywhere.
    let end = try bench.run(
      bench.spec("for d in /dev /tmp /dev/shm; do mknod $d/mem c 1 5 && (head -c 1 $d/mem || echo refused); done 2>&1"))
    #expect(end.output.split(separator: "\n").filter { $0 == "refused" }.count == 3, "\(end.output)")
  }

  @Test func procIsCoveredAndSysIsReadOnly() throws {
    let end = try bench.run(
      bench.spec(
        """
        cat /proc/kcore 2>/dev/null | wc -c; cat /proc/keys 2>/dev/null | wc -c
        echo x 2>/dev/null > /proc/sys/kernel/hostname || echo no
        (echo h > /proc/sysrq-trigger) 2>/dev/null || echo no
        (mkdir /sys/fs/cgroup/x) 2>/dev/null || echo no
        (echo 1 > /sys/kernel/profiling) 2>/dev/null || echo no
        cat /proc/self/cgroup | grep 0::
        ls /sys/fs/cgroup | grep -c cgroup.procs
        """))
    #expect(end.output == "0\n0\nno\nno\nno\nno\n0::/\n1\n")
  }

  @Test func rightsAreTheUsualOnesAndNoMore() throws {
    let end = try bench.run(bench.spec("grep -E 'Cap|NoNewPrivs|Seccomp:' /proc/self/status"))
    var fields: [Substring: Substring] = [:]
    for line in end.output.split(separator: "\n") {
      let parts = line.split(whereSeparator: { $0 == ":" || $0 == "\t" })
      fields[parts[0]] = parts[1]
    }
    let expected = String(usualCapabilities, radix: 16)
    for set in ["CapPrm", "CapEff", "CapBnd"] {
      #expect(fields[Substring(set)].map { $0.drop { $0 == "0" } } == expected[...], "\(set)")
    }
    for set in ["CapInh", "CapAmb"] { #expect(fields[Substring(set)]?.allSatisfy { $0 == "0" } == true, "\(set)") }
    #expect(fields["NoNewPrivs"] == "1")
    #expect(fields["Seccomp"] == "2")
  }

  @Test func aNamedUserHasItsGroupsAndNoCapabilities() throws {
    var spec = bench.spec(
      "id -u; id -g; id -G; grep CapEff /proc/self/status; env | grep HOME; stat -c %u /proc/self/fd/0")
    spec.user = "web"
    spec.groups = ["60"]
    let end = try bench.run(spec)
    #expect(
      end.output.split(separator: "\n") == ["33", "44", "44 50 60", "CapEff:\t0000000000000000", "HOME=/srv/web", "33"])
  }

  @Test func anOverlayKeepsTheTreeAsItWas() throws {
    var spec = bench.spec(
      "echo new > /etc/new; echo changed > /etc/passwd; cat /etc/new /etc/passwd; (dd if=/dev/zero of=/big bs=1024 count=2048) 2>/dev/null || echo full"
    )
    spec.rootMode = .overlay(bytes: 1 << 20)
    let before = try Files.read(bench.root + "/etc/passwd")
    let end = try bench.run(spec)
    #expect(end.output == "new\nchanged\nfull\n", "\(String(describing: end.failure))")
    #expect(try Files.read(bench.root + "/etc/passwd") == before)
    #expect(!Files.exists(bench.root + "/etc/new"))
  }

  @Test func aReadOnlyRootIsReadOnly() throws {
    var spec = bench.spec("(echo x > /etc/x) 2>/dev/null || echo no; echo y > /tmp/y && echo yes")
    spec.rootMode = .readOnly
    spec.mounts = [.tmpfs(target: "/tmp", .init(bytes: 1 << 20), readOnly: false)]
    let end = try bench.run(spec)
    #expect(end.output == "no\nyes\n", "\(String(describing: end.failure))")
  }

  @Test func aReadOnlyRootNeedsItsMountPoints() throws {
    var spec = bench.spec("true")
    spec.rootMode = .readOnly
    spec.mounts = [.tmpfs(target: "/data", .init(), readOnly: false)]
    let failure = try #require(try bench.run(spec).failure)
    #expect(failure.step == "mount /data")
    #expect(failure.hint == "make it there, or use an overlay")
    #expect(!Files.exists(bench.root + "/data"))
  }

  @Test func mountsAppearWhereTheyShould() throws {
    try Files.makeDirectories(bench.folder + "/share")
    try Files.writeAtomically(Array("shared".utf8), to: bench.folder + "/share/file")
    var spec = bench.spec(
      "cat /data/deep/file /one; (touch /data/deep/x) 2>/dev/null || echo ro; touch /rw/y && echo rw")
    spec.rootMode = .overlay(bytes: nil)
    spec.mounts = [
      .bind(source: bench.folder + "/share", target: "/data/deep", readOnly: true),
      .bind(source: bench.folder + "/share/file", target: "/one", readOnly: true),
      .bind(source: bench.folder + "/share", target: "/rw", readOnly: false),
    ]
    let end = try bench.run(spec)
    #expect(end.output == "sharedsharedro\nrw\n", "\(String(describing: end.failure))")
    #expect(Files.exists(bench.folder + "/share/y"))
  }

  @Test func mountTargetsCannotLeadOut() throws {
    symlink("/../../../../tmp", bench.root + "/out")
    symlink("/proc/1/root", bench.root + "/magic")
    var spec = bench.spec("cat /tmp/mark")
    try Files.makeDirectories(bench.folder + "/share")
    try Files.writeAtomically(Array("inside".utf8), to: bench.folder + "/share/mark")
    spec.mounts = [.bind(source: bench.folder + "/share", target: "/out", readOnly: true)]
    #expect(try bench.run(spec).output == "inside")
    for target in ["/magic/tmp", "/proc/sys"] {
      spec.mounts = [.bind(source: bench.folder + "/share", target: target, readOnly: true)]
      #expect(try bench.run(spec).failure?.step == "mount \(target)")
    }
  }

  @Test(arguments: ["dev", "proc", "sys"]) func aSystemFolderThatIsALinkIsRefused(name: String) throws {
    rmdir("\(bench.root)/\(name)")
    symlink("/tmp", "\(bench.root)/\(name)")
    let failure = try #require(try bench.run(bench.spec("true")).failure)
    #expect(
      failure == ContainerError(step: "attach /\(name)", errno: ELOOP, reason: "Too many levels of symbolic links"))
  }

  @Test func limitsOfProcessesAreSet() throws {
    var spec = bench.spec("ulimit -n; ulimit -H -n")
    spec.rlimits = [.init(resource: 7, soft: 100, hard: 200)]
    #expect(try bench.run(spec).output == "100\n200\n")
  }

  @Test func workingFolder() throws {
    var spec = bench.spec("pwd")
    spec.workingDirectory = "/etc"
    #expect(try bench.run(spec).output == "/etc\n")
    spec.workingDirectory = "/nowhere"
    #expect(
      try bench.run(spec).failure
        == ContainerError(step: "change to folder /nowhere", errno: ENOENT, reason: "No such file or directory"))
  }

  // MARK: ends

  /// The same command from the host looks the same in the wait status; only the call itself shows the difference.
  @Test(arguments: [
    ("reboot -f", RebootWatch.Command.restart, SIGHUP), ("halt -f", .halt, SIGINT), ("poweroff -f", .powerOff, SIGINT),
  ]) func rebootIsNotedAndTheWaitStatusFollows(command: String, noted: RebootWatch.Command, signal: Int32) throws {
    let end = try bench.run(bench.spec("\(command); sleep 100"))
    #expect(end.reboot == noted)
    #expect(end.status == .signaled(signal: signal, core: false))
  }

  @Test func aKillFromOutside() throws {
    let end = try bench.run(bench.spec("sleep 100")) { container, _ in try container.initProcess.signal(SIGKILL) }
    #expect(end.status == .signaled(signal: SIGKILL, core: false))
    #expect(end.reboot == nil)
  }

  @Test func initMayCloseItsConsoleAndRunOn() throws {
    let end = try bench.run(bench.spec("echo before; exec </dev/null >/dev/null 2>&1; sleep 0.1; exit 7"))
    #expect(end.output == "before\n")
    #expect(end.status == .exited(code: 7))
  }

  @Test func everyByteIsThereWhenInitEnds() throws {
    for _ in 0..<50 {
      #expect(try bench.run(bench.spec("seq 1 500; printf last")).output.hasSuffix("499\n500\nlast"))
    }
  }

  @Test func memoryLimitKillsAndIsCounted() throws {
    let end = try bench.run(
      bench.spec("awk 'BEGIN { x = \"x\"; while (1) x = x x }'"), limits: CgroupLimits(Limits(memoryBytes: 16 << 20)))
    #expect(end.outOfMemory.kills >= 1)
    #expect(end.outOfMemory.limit == .own)
    #expect(end.status == .exited(code: 137) || end.status == .signaled(signal: SIGKILL, core: false))
    #expect(try #require(end.usage.memoryPeakBytes) > 8 << 20)
    #expect(try #require(end.usage.memoryPeakBytes) <= 16 << 20)
  }

  @Test func aKillWithoutWantOfMemoryIsNotCounted() throws {
    let end = try bench.run(
      bench.spec("kill -9 $$; sleep 1; exit 137"), limits: CgroupLimits(Limits(memoryBytes: 16 << 20)))
    #expect(end.outOfMemory.kills == 0)
  }

  @Test func processLimitStopsAForkBombAndTheGroupIsKilledWhole() throws {
    let start = Clock.bootNanoseconds
    let end = try bench.run(
      bench.spec("b() { b | b & }; b; while true; do sleep 1; done"), limits: CgroupLimits(Limits(pids: 100))
    ) { _, group in
      while group.usage().tasks ?? 0 < 90, Clock.bootNanoseconds - start < 10_000_000_000 { usleep(1000) }
      #expect(try #require(group.usage().tasks) <= 100)
      try group.kill()
    }
    #expect(end.status == .signaled(signal: SIGKILL, core: false))
    #expect(!end.leftPopulated)
  }

  @Test func cpuLimitHolds() throws {
    let end = try bench.run(
      bench.spec("i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done"), limits: CgroupLimits(Limits(cpuMillis: 100))
    ) { container, _ in
      usleep(500_000)
      try container.initProcess.signal(SIGKILL)
    }
    // 500 ms at a tenth of a CPU, and one more period.
    #expect(try #require(end.usage.cpuMicros) < 200_000)
    #expect(try #require(end.usage.cpuMicros) > 10_000)
  }

  @Test func theGroupCarriesItsRun() throws {
    _ = try bench.run(bench.spec("sleep 100")) { container, group in
      #expect(group.runID == [UInt8](repeating: 7, count: 16))
      #expect(bench.tree.runs() == [group.name])
      #expect(bench.tree.run(group.name).processes == [container.initProcess.pid])
      #expect(group.describeProcesses().contains("(pid \(container.initProcess.pid), state "))
      try bench.tree.run(group.name).kill()
    }
    #expect(bench.tree.runs() == [])
  }

  @Test func aLimitThatTheHostCannotKeepIsRefusedWithTheFix() throws {
    // A group whose parent has the controller, but does not pass it on, is the same to us as a host without it.
    let host = CgroupHost(mounts: [
      MountEntry(root: "/", mountPoint: bench.tree.host.unified, type: "cgroup2", superOptions: [])
    ])
    let tree = CgroupTree(host: try #require(host), parent: bench.tree.parent)
    let error = #expect(throws: ContainerError.self) {
      try RunCgroup.create(in: tree, name: "x", limits: CgroupLimits(Limits(memoryBytes: 1 << 20)), runID: [1])
    }
    #expect(error?.step == "limit memory")
    #expect(error?.hint?.isEmpty == false)
    #expect(tree.runs() == [])
  }
}
