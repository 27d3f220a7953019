import Guest
import GuestWire
import Testing
import WireProtocol
import XDR

@Suite struct ExitRecordFileTests {
  static let run = RunID(random: (0..<16).map { UInt8($0) })!
  static let facts: EndFacts = {
    var order = EndOrder(
      .stop, by: .user(uid: 1000, pid: 5), signal: 37, timeoutMillis: 5, noKill: true, number: 1,
      at: Timestamp(nanoseconds: 7))
    order.note(sent: 37)
    order.givenUp = true
    return EndFacts(
      initExecuted: .yes, status: InitStatus(.exited(3), .zombie), reboots: [.halt, .restart], rebootWatched: false,
      memory: MemoryKills(
        kills: 2, initKilled: .notKnown, witness: .counter, lastKillBeforeEndMillis: 4, limit: .host, limitBytes: 5),
      orders: EndOrders([order], omitted: 3), fence: .orderOverdue(number: 1), startBoot: .zero, endBoot: .zero)
  }()
  static let record = try! ExitRecord(
    guest: GuestName("web"), run: run, boot: .zero, facts: facts, startedAt: Timestamp(nanoseconds: 5),
    endedAt: Timestamp(nanoseconds: 9), lengthNanos: 4,
    usage: RunUsage(memoryPeakBytes: 1, memoryLimitBytes: nil, cpuMicros: 3), logTail: ["bye"])

  @Test func aRecordReadsBack() throws {
    #expect(try ExitRecordFile.decode(ExitRecordFile.encode(Self.record)) == Self.record)
  }

  @Test func everyTornOrAlteredFileIsRefused() throws {
    let bytes = try ExitRecordFile.encode(Self.record)
    for bytes in [bytes] {
      for length in 0..<bytes.count {
        #expect(throws: GuestError.self, "cut to \(length)") { try ExitRecordFile.decode(Array(bytes.prefix(length))) }
      }
      for index in bytes.indices {
        for bit in 0..<8 {
          var altered = bytes
          altered[index] ^= 1 << bit
          #expect(throws: GuestError.self, "byte \(index) bit \(bit)") { try ExitRecordFile.decode(altered) }
        }
      }
    }
  }

  @Test func theChecksumIsTheWellKnownOne() throws {
    // The last word of the file is the CRC-32 of all before it; checked against the standard's own check value.
    let bytes = try ExitRecordFile.encode(Self.record)
    #expect(bytes.prefix(8) == [0x4c, 0x4f, 0x44, 0x47, 0, 0, 0, 2])
    #expect(bytes.count % 4 == 0)
  }
}

@Suite struct EndMappingTests {
  static let causes: [EndCause] = [
    .exited(code: 0), .exited(code: -1), .signaled(9, coreDumped: true), .reboot, .halt, .powerOff, .controllerLost,
    .hostReset, .notKnown,
    .oom(
      OutOfMemory(victim: .initProcess, limit: .own, limitBytes: 5, kills: 1, status: .signaled(9, coreDumped: false))),
    .oom(OutOfMemory(victim: .child, limit: .host, limitBytes: 0, kills: 2, status: .exited(137))),
    .stopped(by: .user(uid: 1000, pid: 5), how: .polite, status: .exited(0)),
    .stopped(by: .policy, how: .cancelled, status: nil),
    .stopped(by: .daemon, how: .forced, status: .signaled(9, coreDumped: false)),
    .startFailed(StartFailure(step: "exec", errno: 2, message: "exec /x: No such file or directory")),
  ]

  @Test(arguments: causes) func everyHeadlineCrossesTheWireWhole(_ cause: EndCause) throws {
    for order in [nil, EndOrder(.restart, by: .daemon, number: 4)] {
      let headline = EndHeadline(cause, whileStopping: order)
      let wire = Wire.EndHeadline(headline)
      #expect(EndHeadline(try Wire.EndHeadline(xdr: wire.xdrEncoded())) == headline)
      #expect(wire.bad == cause.isBad && wire.kind.word == cause.kind)
    }
  }

  @Test func allFactsCrossTheWireWhole() throws {
    var facts = ExitRecordFileTests.facts
    func cross() throws { #expect(try EndFacts(Wire.EndFacts(xdr: Wire.EndFacts(facts).xdrEncoded())) == facts) }
    try cross()
    facts = EndFacts(initExecuted: .notKnown)
    try cross()
    facts = EndFacts(formerly: .controllerLost)
    try cross()
    for fence in [Fence.controllerDied, .launchOverdue] {
      facts = EndFacts(initExecuted: .no, startFailure: StartFailure(step: "x", errno: 1, message: "y"), fence: fence)
      try cross()
    }
    for verb in EndOrder.Verb.allCases {
      facts = EndFacts(initExecuted: .yes, orders: EndOrders([EndOrder(verb, by: .guest, number: 1)]))
      try cross()
    }
  }

  /// A record of a newer version, which knows a kind of end that this one does not.
  @Test func anUnknownKindIsAnEndThatIsNotKnown() throws {
    var wire = Wire.EndHeadline(EndHeadline(.reboot))
    wire.kind = .unknown(99)
    #expect(EndHeadline(wire).cause == .notKnown && wire.kind.word == nil)
    // The facts are still there, and give a headline of this version's own.
    let facts = EndFacts(initExecuted: .yes, status: InitStatus(.exited(7), .reaped))
    var end = Wire.RunEnd(
      ExitRecord(
        guest: try GuestName("web"), run: .zero, boot: .zero, facts: facts, startedAt: nil,
        endedAt: Timestamp(nanoseconds: 9), lengthNanos: 4))
    end.headline = wire
    let read = ExitRecord(end, guest: try GuestName("web"), run: .zero, boot: .zero)
    #expect(read.cause == .exited(code: 7), "\(read.cause)")
    // And one without the parts that its kind needs.
    #expect(
      EndHeadline(
        Wire.EndHeadline(
          kind: .oom, bad: true, status: nil, oom: nil, by: nil, how: nil, startFailure: nil, whileStopping: nil)
      ).cause == .notKnown)
  }

  @Test func theWordsOfKindsAreInTheOrderOfTheProtocol() {
    #expect(Wire.EndKind.allCases.map { $0.word } == EndCause.kinds)
    for cause in Self.causes { #expect(Wire.EndKind(word: cause.kind) == Wire.EndKind(cause)) }
  }

  @Test func aLongMessageIsCutAndNeverSplitsACharacter() throws {
    let cause = EndCause.startFailed(
      StartFailure(step: "x", errno: 0, message: String(repeating: "ü", count: 3000)))
    let back = EndHeadline(try Wire.EndHeadline(xdr: Wire.EndHeadline(EndHeadline(cause)).xdrEncoded())).cause
    guard case .startFailed(let failure) = back else { return #expect(Bool(false)) }
    #expect(failure.message.hasSuffix("ü..."))
    #expect(failure.message.utf8.count <= 2048)
  }
}

@Suite struct SpecMappingTests {
  @Test func everyFieldOfASpecCrossesTheWire() throws {
    var spec = GuestSpec(
      rootfs: Rootfs(path: "/srv/x", mode: .overlay, overlayBytes: 1 << 20), command: ["/bin/sh", "-c", "x"])
    spec.description = "d"
    spec.workingDirectory = "/w"
    spec.environment = [EnvironmentVariable("A", "1")]
    spec.user = "www:www"
    spec.groups = ["a", "5"]
    spec.hostname = "h"
    spec.network = .host
    spec.mounts = [MountSpec(.bind("/a"), at: "/b", readOnly: true), MountSpec(.tmpfs(bytes: 8192), at: "/t")]
    spec.limits = Limits(memoryBytes: 1 << 24, pids: 5, cpuMillis: 1500)
    spec.rlimits = [ResourceLimit("nofile", soft: 1, hard: ResourceLimit.unlimited)]
    spec.capabilities = Capabilities(added: ["net_admin"], dropped: ["all"])
    spec.console = .pipes
    spec.log = LogPolicy(maximumBytes: 1 << 20, files: 2)
    spec.restart = RestartPolicy(mode: .never, limitCount: 3)
    spec.stop = StopPolicy(signal: 37, timeoutMillis: 5, termTimeoutMillis: 6)
    spec.autostart = true
    spec.transient = true
    spec.labels = [Label("k", "v")]
    #expect(try GuestSpec(Wire.GuestSettings(xdr: Wire.GuestSettings(spec).xdrEncoded())) == spec)
  }
}
