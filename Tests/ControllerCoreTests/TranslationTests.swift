import ContainerRuntime
import Glibc
import Guest
import LinuxSystem
import Testing

@testable import ControllerCore

struct SpecTranslationTests {
  @Test func everyGuestGetsASoundEnvironment() {
    let plain = ContainerSpec.environment([], console: .pty)
    #expect(plain.contains("container=lodge"))
    #expect(plain.contains("TERM=xterm"))
    #expect(plain.contains { $0.hasPrefix("PATH=/usr/local/sbin:") })
    let own = ContainerSpec.environment(
      [EnvironmentVariable("PATH", "/x"), EnvironmentVariable("A", "b=c")], console: .pipes)
    #expect(own == ["container=lodge", "PATH=/x", "A=b=c"])
  }

  @Test func capabilitiesAreAddedAndDropped() {
    let usual: UInt64 = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 22, 27, 29, 31].reduce(0) { $0 | 1 << UInt64($1) }
    #expect(ContainerSpec.boundingSet(Capabilities()) == usual)
    #expect(ContainerSpec.boundingSet(Capabilities(dropped: ["all"])) == 0)
    #expect(ContainerSpec.boundingSet(Capabilities(added: ["net_admin"], dropped: ["all"])) == 1 << 12)
    #expect(ContainerSpec.boundingSet(Capabilities(dropped: ["chown"])) & 1 == 0)
  }

  @Test func limitsKeepTheKernelsNumbers() throws {
    var spec = GuestSpec(rootfs: Rootfs(path: "/t", mode: .overlay, overlayBytes: 5), command: ["/init"])
    spec.rlimits = [ResourceLimit("nofile", soft: 1, hard: 2), ResourceLimit("rttime", soft: 3, hard: 4)]
    let container = ContainerSpec(spec, named: try GuestName("web"))
    #expect(container.rlimits.map(\.resource) == [7, 15])
    #expect(container.hostname == "web")
    #expect(container.rootMode == .overlay(bytes: 5))
  }
}

struct SignalHandlersTests {
  @Test func theCaughtSignalsAreRead() {
    let status =
      "Name:\tsh\nSigBlk:\t0000000000000200\nSigIgn:\t0000000000000004\nSigCgt:\t0000000000014002\nCapInh:\t0\n"
    let signals = SignalHandlers.parse(Array(status.utf8))
    #expect(signals == SignalHandlers(handled: [2, 15, 17], blocked: [10]))
    #expect(SignalHandlers.parse([]) == SignalHandlers())
  }

  /// fork(2) blocks all signals for a moment: one sent then to an init without a handler would be dropped right after. An init
  /// with a signalfd blocks them for good.
  @Test func aSignalThatIsBlockedForAMomentIsNotHeard() {
    let deaf = SignalHandlers()
    let blocking = SignalHandlers(blocked: .all)
    let handling = SignalHandlers(handled: [15], blocked: .all)
    var hearing = Hearing()
    func hears(_ signal: Int32, _ look: SignalHandlers) -> Bool { hearing.hears(signal, look) }
    for look in [blocking, deaf, blocking, deaf, deaf] { #expect(!hears(15, look)) }
    #expect(!hears(15, blocking))
    #expect(hears(15, blocking))
    // Of each signal by itself.
    #expect(!hears(37, blocking))
    #expect(!hears(15, blocking))
    #expect(hears(15, handling))
    #expect(!hears(37, deaf))
  }

  @Test func theSetThatATaskWaitsForIsFound() {
    let line = "\(Signals.waitCall) 0x7ffd5c1e 0x0 0x0 0x8 0x0 0x0 0x7ffd5c00 0x4012ab\n"
    #expect(SignalHandlers.waitedSet(in: line) == 0x7ffd_5c1e)
    #expect(
      SignalHandlers.waitedSet(in: "\(Signals.waitCall + 1) 0x0 0x7ffd5c1e 0x1 0x0 0x0 0x0 0x7ffd5c00 0x4012ab\n")
        == nil)
    #expect(SignalHandlers.waitedSet(in: "running\n") == nil)
    #expect(SignalHandlers.waitedSet(in: "") == nil)
  }

  /// As tini waits: the signals are blocked, but not while it waits for them.
  @Test(.enabled(if: access("/usr/bin/python3", X_OK) == 0, "needs /usr/bin/python3; apt-get install python3"))
  func aSignalThatAProcessWaitsForReachesIt() throws {
    let plan = SpawnPlan(
      executable: "/usr/bin/python3",
      arguments: [
        "python3", "-c",
        "import signal; s = {signal.SIGTERM, 37}; signal.pthread_sigmask(signal.SIG_BLOCK, s); signal.sigwaitinfo(s)",
      ], environment: [])
    let process = try plan.run()
    defer {
      _ = try? process.signal(SIGKILL)
      _ = try? process.wait(blocking: true)
    }
    let end = Clock.bootNanoseconds + 10_000_000_000
    let path = "/proc/\(process.pid)/syscall"
    while SignalHandlers.waitedSet(in: (try? Files.readText(path)) ?? "") == nil, Clock.bootNanoseconds < end {
      sched_yield()
    }
    let handled = SignalHandlers.of(pid: process.pid).handled
    #expect(handled.contains(SIGTERM) && handled.contains(37))
    #expect(!handled.contains(SIGHUP))
  }
}
