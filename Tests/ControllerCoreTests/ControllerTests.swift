import Cgroups
import ContainerRuntime
import Glibc
import Guest
import GuestWire
import LinuxSystem
import RPC
import RPCSocket
import Testing
import WireProtocol
import XDR

@testable import ControllerCore

@Suite(.enabled(if: canRunControllers, whyNot), .serialized) struct ControllerTests {
  let bench: ControllerBench

  init() throws { bench = try ControllerBench() }

  /// Runs a guest to its end, and checks that the end that was sent is the one on the disk and that nothing is left.
  private func run(
    _ spec: GuestSpec, _ whileRunning: (RunningController, Wire.LaunchReply) throws -> Void = { _, _ in }
  ) throws -> (record: ExitRecord, log: String) {
    let controller = try bench.start("guest")
    defer { try? Files.removeTree(controller.directory) }
    let launched = try controller.launch(spec)
    #expect(launched.initPid > 0)
    try whileRunning(controller, launched)
    let told = try controller.exitEvent()
    let log = controller.log
    #expect(try controller.finish() == .exited(code: 0))
    #expect(try controller.exitRecord() == told)
    #expect(told.run.bytes == controller.run)
    #expect(try bench.census() == [])
    return (told, log)
  }

  // MARK: ends

  @Test(arguments: [0, 3, 137] as [Int32]) func itsOwnEnd(code: Int32) throws {
    #expect(try run(bench.shell("exit \(code)")).record.cause == .exited(code: code))
  }

  @Test(arguments: [("reboot", EndCause.reboot), ("halt", .halt), ("poweroff", .powerOff)])
  func anEndByReboot(command: String, cause: EndCause) throws {
    #expect(try run(bench.shell("\(command) -f; sleep 100")).record.cause == cause)
  }

  @Test func aKillFromOutsideIsNobodysWish() throws {
    let end = try run(bench.shell("sleep 100")) { _, launched in
      try ProcessHandle(opening: launched.initPid).signal(SIGKILL)
    }
    #expect(end.record.cause == .signaled(SIGKILL, coreDumped: false))
  }

  /// A monitoring tool's USR1, a `killall`, Ctrl-\ or a stray SEGV ends no guest and stops none: by rule, and from the first
  /// moment of the controller on. Only KILL ends one, and STOP stops one.
  @Test func noSignalThatCanBeKeptOffEndsOrStopsAController() throws {
    let controller = try bench.start("guest")
    func sendAll() throws {
      for signal in Int32(1)...64 where signal != SIGKILL && signal != SIGSTOP { try controller.process.signal(signal) }
    }
    try sendAll()
    let launched = try controller.launch(GuestSpec(rootfs: Rootfs(path: bench.root), command: ["/bin/sleep", "100"]))
    try sendAll()
    let status = try controller.status()
    #expect(status.phase == .running && status.launched?.initPid == launched.initPid)
    // Nothing waits to be taken, and nothing of that reached the guest: it begins with its signals as the kernel makes them.
    let lines = try Files.readText("/proc/\(controller.process.pid)/status")
    for name in ["SigPnd", "ShdPnd"] { #expect(lines.contains("\(name):\t0000000000000000"), "\(name)") }
    let guest = try Files.readText("/proc/\(launched.initPid)/status")
    for name in ["SigBlk", "SigIgn", "ShdPnd"] { #expect(guest.contains("\(name):\t0000000000000000"), "\(name)") }
    try controller.kill(SIGKILL)
    #expect(
      try controller.exitEvent().cause
        == .stopped(by: .user(uid: 7, pid: 8), how: .forced, status: .signaled(SIGKILL, coreDumped: false)))
    #expect(try controller.finish() == .exited(code: 0))
    #expect(try bench.census() == [])
  }

  /// Its end is of any time while the controller was stopped: it has no length, and an order that waited meanwhile is no part
  /// of it. A stop that was over before the end changes nothing.
  @Test(arguments: [true, false]) func anEndWhileTheControllerStandsStillHasNoLength(isEndMeanwhile: Bool) throws {
    func wait(for process: Int32, _ state: Character) throws {
      let deadline = Clock.bootNanoseconds + 10_000_000_000
      while try ProcessStat(of: process).state != state.asciiValue, Clock.bootNanoseconds < deadline { sched_yield() }
      #expect(try ProcessStat(of: process).state == state.asciiValue)
    }
    let controller = try bench.start("guest")
    let go = bench.root + "/tmp/go"
    unlink(go)
    let launched = try controller.launch(bench.shell("until [ -e /tmp/go ]; do sleep 0.01; done; exit 9"))
    try controller.process.signal(SIGSTOP)
    try wait(for: controller.process.pid, "T")
    var order: BlockingClient.Ticket<Controller.Stop>?
    if isEndMeanwhile {
      try Files.writeAtomically([], to: go, mode: 0o644)
      try wait(for: launched.initPid, "Z")
      order = try controller.client.send(Controller.Stop.self, controller.stopArgs(timeoutMillis: 10_000))
    }
    try controller.process.signal(SIGCONT)
    if let order {
      #expect(throws: RPCCallError.self) { try controller.client.receive(order) }
    } else {
      #expect(try controller.status().phase == .running)
      try Files.writeAtomically([], to: go, mode: 0o644)
    }
    let record = try controller.exitEvent()
    #expect(record.cause == .exited(code: 9))
    #expect(record.facts.status?.witness == .reaped)
    #expect(record.facts.endSeen == !isEndMeanwhile)
    #expect((record.lengthNanos == 0) == isEndMeanwhile)
    #expect(record.facts.orders.isEmpty && record.headline.whileStopping == nil)
    #expect(try controller.finish() == .exited(code: 0))
  }

  @Test func wantOfMemory() throws {
    var spec = bench.shell("exec awk 'BEGIN { x = \"x\"; while (1) x = x x }'")
    spec.limits.memoryBytes = 16 << 20
    let record = try run(spec).record
    guard case .oom(let oom) = record.cause else {
      Issue.record("\(record.cause)")
      return
    }
    #expect(oom.victim == .initProcess)
    #expect(oom.limit == .own)
    #expect(oom.limitBytes == 16 << 20)
    #expect(oom.kills >= 1)
    #expect((record.usage.memoryPeakBytes ?? 0) > 8 << 20)
    #expect((record.usage.cpuMicros ?? 0) > 0)
  }

  @Test func aChildThatIsKilledForMemoryMakesItTheChildsEnd() throws {
    var spec = bench.shell("awk 'BEGIN { x = \"x\"; while (1) x = x x }'; exit $?")
    spec.limits.memoryBytes = 16 << 20
    guard case .oom(let oom) = try run(spec).record.cause else {
      Issue.record("no oom")
      return
    }
    #expect(oom.victim == .child)
    #expect(oom.status == .exited(137))
  }

  @Test func theLogAndItsTailAreThereToTheLastByte() throws {
    for _ in 0..<20 {
      let end = try run(bench.shell("seq 1 300; printf last"))
      #expect(end.record.logTail == (292...300).map(String.init) + ["last"])
      #expect(end.log.split(separator: "\n").count == 302)
    }
  }

  @Test func aFloodWithoutNewlinesIsBoundedAndTheGuestIsNotHeldUp() throws {
    // Three megabytes in one line, one of them NUL bytes, then many short ones.
    var spec = bench.shell(
      "z() { dd if=/dev/zero bs=1024 count=$1 2>/dev/null; }; z 1000; z 2000 | tr '\\0' x; echo; seq 1 50000")
    spec.log = LogPolicy(maximumBytes: 1 << 20, files: 2)
    let end = try run(spec)
    #expect(end.record.cause == .exited(code: 0))
    #expect(end.log.utf8.count <= 1 << 20)
    #expect(end.record.logTail.last == "50000")
  }

  // MARK: stops

  @Test func aPoliteStop() throws {
    let end = try run(bench.shell("trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done")) { controller, _ in
      try controller.stop(timeoutMillis: 10_000)
    }
    #expect(end.record.cause == .stopped(by: .user(uid: 7, pid: 8), how: .polite, status: .exited(5)))
  }

  /// At the first signal the shell has not got to its trap.
  @Test func aPoliteStopRightAfterTheStartIsHeardLater() throws {
    for _ in 0..<10 {
      let end = try run(bench.shell("sleep 0.03; trap 'exit 5' TERM; while :; do sleep 0.02; done")) { controller, _ in
        try controller.stop(timeoutMillis: 10_000)
      }
      #expect(end.record.cause == .stopped(by: .user(uid: 7, pid: 8), how: .polite, status: .exited(5)))
    }
  }

  @Test func aStopThatNeedsForce() throws {
    let end = try run(bench.shell("trap '' TERM; sleep 100")) { controller, _ in
      try controller.stop(timeoutMillis: 100)
      #expect(try controller.status().phase == .stopping)
    }
    #expect(
      end.record.cause
        == .stopped(by: .user(uid: 7, pid: 8), how: .forced, status: .signaled(SIGKILL, coreDumped: false)))
    #expect(end.record.lengthNanos >= 100_000_000)
  }

  @Test func aSpecialSignalThenTermThenKill() throws {
    var spec = bench.shell("trap 'echo usr1' USR1; trap 'echo term' TERM; while :; do sleep 0.02; done")
    spec.stop = StopPolicy(signal: SIGUSR1, timeoutMillis: 300, termTimeoutMillis: 300)
    let end = try run(spec) { controller, _ in try controller.stop(timeoutMillis: 300) }
    #expect(Array(end.record.logTail.suffix(2)) == ["usr1", "term"])
    guard case .stopped(_, .forced, _) = end.record.cause else {
      Issue.record("\(end.record.cause)")
      return
    }
  }

  @Test func aKillOfAForkBomb() throws {
    var spec = bench.shell("b() { b | b & }; b; while :; do sleep 1; done")
    spec.limits.pids = 100
    let end = try run(spec) { controller, _ in
      let deadline = Clock.bootNanoseconds + 10_000_000_000
      while Clock.bootNanoseconds < deadline {
        let tasks = try #require(
          GuestUsage(try controller.client.call(Controller.Resources.self, XDRVoid()).usage).tasks)
        #expect(tasks <= 100)
        if tasks > 90 { break }
      }
      try controller.kill(SIGKILL)
    }
    guard case .stopped(_, .forced, _) = end.record.cause else {
      Issue.record("\(end.record.cause)")
      return
    }
  }

  @Test func anotherSignalGoesToInitAlone() throws {
    let end = try run(bench.shell("trap 'exit 9' USR2; echo ready; while :; do sleep 0.02; done")) { controller, _ in
      let deadline = Clock.bootNanoseconds + 10_000_000_000
      while !controller.log.contains("ready"), Clock.bootNanoseconds < deadline { usleep(2000) }
      try controller.kill(SIGUSR2)
    }
    #expect(end.record.cause == .exited(code: 9))
  }

  // MARK: failed starts

  /// Each names step and path, comes as the error of LAUNCH, is on record, and leaves nothing.
  @Test(arguments: [
    ("missing root", "open root filesystem"), ("root is a file", "open root filesystem"),
    ("missing init", "execute init /bin/none"), ("init is a folder", "execute init /etc"),
    ("init not executable", "execute init /etc/plain"),
    ("script not executable", "execute init /etc/text"), ("other architecture", "execute init /etc/arm"),
    ("script without interpreter", "execute interpreter of /etc/script, /bin/none"),
    ("unknown user", "look up user nobody"),
    ("missing folder", "change to folder /none"), ("missing mount source", "mount /data: open /none"),
  ]) func startsThatFail(what: String, step: String) throws {
    var spec = bench.shell("true")
    try Files.writeAtomically(Array("text".utf8), to: bench.root + "/etc/plain", mode: 0o644)
    try Files.writeAtomically(
      [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9) + [2, 0, 183, 0]
        + [UInt8](repeating: 0, count: 44),
      to: bench.root + "/etc/arm", mode: 0o755)
    try Files.writeAtomically(Array("#!/bin/none\n".utf8), to: bench.root + "/etc/script", mode: 0o755)
    try Files.writeAtomically(Array("#!/bin/sh\n".utf8), to: bench.root + "/etc/text", mode: 0o644)
    for name in ["arm", "script"] { chmod("\(bench.root)/etc/\(name)", 0o755) }
    switch what {
    case "missing root": spec.rootfs.path = bench.folder + "/none"
    case "root is a file": spec.rootfs.path = bench.root + "/etc/plain"
    case "missing init": spec.command = ["/bin/none"]
    case "init is a folder": spec.command = ["/etc"]
    case "init not executable": spec.command = ["/etc/plain"]
    case "script not executable": spec.command = ["/etc/text"]
    case "other architecture": spec.command = ["/etc/arm"]
    case "script without interpreter": spec.command = ["/etc/script"]
    case "unknown user": spec.user = "nobody"
    case "missing folder": spec.workingDirectory = "/none"
    default: spec.mounts = [MountSpec(.bind("/none"), at: "/data")]
    }
    let controller = try bench.start("guest")
    let error = #expect(throws: RPCCallError.self) { try controller.launch(spec) }
    guard case .remote(let body)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(body.code == .startFailed)
    #expect(body.step?.hasPrefix(step) == true, "\(body)")
    #expect(try controller.finish() == .exited(code: 0))
    guard case .startFailed(let failure)? = try controller.exitRecord()?.cause else {
      Issue.record("no record of the failed start")
      return
    }
    #expect(failure.step.hasPrefix(step))
    #expect(try bench.census() == [])
  }

  // MARK: those who go away

  @Test func theDaemonGoesAndComesBack() throws {
    let controller = try bench.start("guest")
    _ = try controller.launch(bench.shell("trap 'exit 4' TERM; while :; do sleep 0.02; done"))
    controller.client.close()
    controller.client = try BlockingClient(
      adopting: try UnixSocket.connect(to: controller.directory + "/controller.sock"))
    let status = try controller.status()
    #expect(status.phase == .running)
    #expect(status.run == controller.run)
    #expect(status.controllerPid == controller.process.pid)
    #expect(status.launched?.initPid ?? 0 > 0)
    try controller.stop(timeoutMillis: 10_000)
    #expect(
      try controller.exitEvent().cause == .stopped(by: .user(uid: 7, pid: 8), how: .polite, status: .exited(4)))
    #expect(try controller.finish() == .exited(code: 0))
    #expect(try bench.census() == [])
  }

  @Test func aStopGoesOnWithoutTheDaemon() throws {
    let controller = try bench.start("guest")
    _ = try controller.launch(bench.shell("trap '' TERM; sleep 100"))
    try controller.stop(timeoutMillis: 200)
    controller.client.close()
    #expect(try controller.process.wait(blocking: true)?.status == .exited(code: 0))
    #expect(
      try controller.exitRecord()?.cause
        == .stopped(by: .user(uid: 7, pid: 8), how: .forced, status: .signaled(SIGKILL, coreDumped: false)))
    #expect(try bench.census() == [])
  }

  @Test func allWhoListenAreTold() throws {
    let controller = try bench.start("guest")
    _ = try controller.launch(bench.shell("sleep 0.1; exit 6"))
    let other = try BlockingClient(adopting: try UnixSocket.connect(to: controller.directory + "/controller.sock"))
    #expect(try other.call(Controller.Status.self, XDRVoid()).phase == .running)
    #expect(try controller.exitEvent().cause == .exited(code: 6))
    guard case .event(let event) = try other.nextEvent(timeout: 10_000_000_000) else {
      Issue.record("no event")
      return
    }
    #expect(try event.decode(Controller.Exit.self) != nil)
    other.close()
    #expect(try controller.finish() == .exited(code: 0))
  }

  @Test func withoutALaunchItGoesWithTheDaemon() throws {
    let controller = try bench.start("guest")
    #expect(try controller.status().phase == .idle)
    #expect(throws: RPCCallError.self) { try controller.stop(timeoutMillis: 1) }
    controller.client.close()
    #expect(try controller.process.wait(blocking: true)?.status == .exited(code: 0))
  }

  @Test func aSecondLaunchIsRefusedAndTheFirstRunsOn() throws {
    let end = try run(bench.shell("trap 'exit 2' TERM; while :; do sleep 0.02; done")) { controller, _ in
      #expect(throws: RPCCallError.self) { try controller.launch(bench.shell("true")) }
      try controller.stop(timeoutMillis: 10_000)
    }
    #expect(end.record.cause == .stopped(by: .user(uid: 7, pid: 8), how: .polite, status: .exited(2)))
  }

  @Test func aFullDiskKeepsTheRecordInMemoryUntilThereIsRoom() throws {
    let controller = try bench.start("guest")
    // A file in the way of the temporary one stands for a disk that takes no more.
    try Files.makeDirectory(controller.directory + "/exit.new")
    _ = try controller.launch(bench.shell("exit 8"))
    // Sent all the same, because the daemon's disk may be another.
    #expect(try controller.exitEvent().cause == .exited(code: 8))
    let status = try controller.status()
    #expect(status.phase == .ended)
    #expect(try status.ended.map { try ExitRecord($0).cause } == .exited(code: 8))
    #expect(try controller.exitRecord() == nil)
    rmdir(controller.directory + "/exit.new")
    #expect(try controller.finish() == .exited(code: 0))
    #expect(try controller.exitRecord()?.cause == .exited(code: 8))
    #expect(try bench.census() == [])
  }

  @Test func removingTheRunDirectoryAcknowledges() throws {
    let controller = try bench.start("guest")
    try Files.makeDirectory(controller.directory + "/exit.new")
    _ = try controller.launch(bench.shell("exit 8"))
    _ = try controller.exitEvent()
    try Files.removeTree(controller.directory)
    #expect(try controller.finish() == .exited(code: 0))
    #expect(try bench.census() == [])
  }

  @Test func killingTheControllerTakesTheGuestAlong() throws {
    let controller = try bench.start("guest")
    let launched = try controller.launch(bench.shell("sleep 100 & sleep 100"))
    let guest = try ProcessHandle(opening: launched.initPid)
    try controller.process.signal(SIGKILL)
    _ = try controller.process.wait(blocking: true)
    #expect(try ended(guest))
    // The lock is free: no process holds on to the run.
    #expect(LockFile.holder(at: controller.directory + "/lock") == nil)
    #expect(try controller.exitRecord() == nil)
    let name = try #require(bench.tree.runs().first)
    #expect(bench.tree.run(name).runID == controller.run)
    #expect(emptied(bench.tree.run(name)))
    #expect(bench.tree.run(name).remove())
  }

  /// The parent death signal goes when init changes its user (prctl(2)); the tie is one that a guest cannot cut.
  @Test func aGuestThatChangedItsUserEndsWithItsController() throws {
    symlink("busybox", bench.root + "/bin/su")
    try Files.writeAtomically(Array("web:x:33:44::/:/bin/sh\n".utf8), to: bench.root + "/etc/passwd", mode: 0o644)
    let controller = try bench.start("guest")
    let launched = try controller.launch(bench.shell("exec su web -c 'echo user; exec sleep 100'"))
    let guest = try ProcessHandle(opening: launched.initPid)
    let deadline = Clock.bootNanoseconds + 10_000_000_000
    while !controller.log.contains(" o user"), Clock.bootNanoseconds < deadline { usleep(1000) }
    // The daemon is gone as well: all is left to the kernel.
    controller.client.close()
    try controller.process.signal(SIGKILL)
    _ = try controller.process.wait(blocking: true)
    #expect(try ended(guest))
    for name in bench.tree.runs() {
      #expect(emptied(bench.tree.run(name)))
      bench.tree.run(name).remove()
    }
  }

  /// A limit of the shell that started the daemon ends what it stops, and not the one who reports it.
  @Test func aControllerThatMayNotWriteMoreCountsWhatIsLost() throws {
    let controller = try bench.start("guest")
    try ProcessLimits.limitFileSize(of: controller.process.pid, to: 20_000)
    _ = try controller.launch(bench.shell("seq 1 10000; exit 4"))
    let record = try controller.exitEvent()
    #expect(record.cause == .exited(code: 4))
    #expect(try controller.finish() == .exited(code: 0))
    #expect(controller.log.utf8.count <= 20_000)
  }

  private func ended(_ process: ProcessHandle) throws -> Bool {
    var items = [Poll.Item(process.fd.rawValue, .readable)]
    try Poll.wait(for: &items, nanoseconds: 10_000_000_000)
    return !items[0].found.isEmpty
  }

  private func emptied(_ group: RunCgroup) -> Bool {
    let deadline = Clock.bootNanoseconds + 10_000_000_000
    while group.isPopulated, Clock.bootNanoseconds < deadline { usleep(1000) }
    return !group.isPopulated
  }

  // MARK: crash points

  @Test(.enabled(if: hasCrashPoints, "needs a debug build of lodge-controller"))
  func theControllerMayDieAtEveryStepOfTheSetup() throws {
    var spec = bench.shell("sleep 100")
    spec.rootfs.mode = .overlay
    spec.mounts = [MountSpec(.tmpfs(bytes: 4096), at: "/data")]
    spec.rlimits = [ResourceLimit("nofile", soft: 100, hard: 100)]
    spec.hostname = "guest"
    let steps = try setupSteps(of: spec)
    #expect(steps.count > 50)
    for (number, step) in steps.enumerated() {
      let controller = try bench.start("kill\(number)", crash: "setup.\(step):kill")
      #expect(throws: RPCCallError.self, "step \(step)") { try controller.launch(spec) }
      #expect(try controller.process.wait(blocking: true)?.status == .signaled(signal: SIGKILL, core: false))
      for name in bench.tree.runs() {
        #expect(emptied(bench.tree.run(name)), "step \(step)")
        #expect(bench.tree.run(name).remove(), "step \(step)")
      }
      #expect(try bench.census() == [], "step \(step)")
    }
  }

  @Test(.enabled(if: hasCrashPoints, "needs a debug build of lodge-controller"))
  func everyStepOfTheSetupMayFail() throws {
    var spec = bench.shell("sleep 100")
    spec.rootfs.mode = .overlay
    spec.mounts = [MountSpec(.tmpfs(bytes: 4096), at: "/data")]
    spec.hostname = "guest"
    for (number, step) in try setupSteps(of: spec).enumerated() {
      let controller = try bench.start("fail\(number)", crash: "setup.\(step):error")
      let error = #expect(throws: RPCCallError.self, "step \(step)") { try controller.launch(spec) }
      guard case .remote(let body)? = error else {
        Issue.record("step \(step): \(String(describing: error))")
        return
      }
      #expect(body.step == step)
      #expect(body.errnoNumber == EIO)
      #expect(try controller.finish() == .exited(code: 0))
      #expect(try bench.census() == [], "step \(step)")
    }
  }

  /// Whenever it dies, what is on record is true: the guest's own end or nothing, and no process is left.
  @Test(.enabled(if: hasCrashPoints, "needs a debug build of lodge-controller"), arguments: CrashPoint.names)
  func theControllerMayDieAnywhere(point: String) throws {
    let controller = try bench.start("guest", crash: "\(point):kill")
    do {
      _ = try controller.launch(bench.shell("trap 'exit 5' TERM; while :; do sleep 0.02; done"))
      try controller.stop(timeoutMillis: 10_000)
      _ = try controller.exitEvent()
    } catch is RPCCallError {
      // It died before it could say anything.
    }
    #expect(try controller.process.wait(blocking: true)?.status == .signaled(signal: SIGKILL, core: false))
    if let record = try controller.exitRecord() {
      #expect(record.cause == .stopped(by: .user(uid: 7, pid: 8), how: .polite, status: .exited(5)))
    } else {
      #expect(!["controller.end.recorded", "controller.end.told", "controller.end.cleaned"].contains(point))
    }
    for name in bench.tree.runs() {
      #expect(emptied(bench.tree.run(name)))
      bench.tree.run(name).remove()
    }
    #expect(try bench.census() == [])
  }

  @Test(.enabled(if: hasCrashPoints, "needs a debug build of lodge-controller"))
  func aStopWhileTheContainerIsBeingMadeCancelsIt() throws {
    let controller = try bench.start("guest", crash: "setup.mount /proc:pause")
    let spec = bench.shell("sleep 100")
    let ticket = try controller.client.send(Controller.Launch.self, controller.launchArgs(spec))
    #expect(try controller.status().phase == .launching)
    try controller.stop(timeoutMillis: 10_000)
    let error = #expect(throws: RPCCallError.self) { try controller.client.receive(ticket) }
    guard case .remote(let body)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(body.code == .cancelled)
    #expect(try controller.finish() == .exited(code: 0))
    #expect(try controller.exitRecord()?.cause == .stopped(by: .user(uid: 7, pid: 8), how: .cancelled, status: nil))
    #expect(try bench.census() == [])
  }

  private func setupSteps(of spec: GuestSpec) throws -> [String] {
    let group = try RunCgroup.create(in: bench.tree, name: "plan", limits: CgroupLimits(), runID: [1])
    defer { group.remove() }
    let container = try Container(
      starting: ContainerSpec(spec, named: try GuestName("guest")), in: group,
      crash: ("tie to the controller", .fail(1)))
    _ = try container.initProcess.wait(blocking: true)
    return container.plan.steps.map(\.name)
  }
}

#if DEBUG
  let hasCrashPoints = true
#else
  let hasCrashPoints = false
#endif
