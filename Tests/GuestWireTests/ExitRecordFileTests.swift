import Guest
import GuestWire
import Testing
import WireProtocol
import XDR

@Suite struct ExitRecordFileTests {
  static let record = try! ExitRecord(
    guest: GuestName("web"), run: RunID(random: (0..<16).map { UInt8($0) })!, boot: .zero, cause: .exited(code: 3),
    startedAt: Timestamp(nanoseconds: 5), endedAt: Timestamp(nanoseconds: 9), lengthNanos: 4,
    usage: RunUsage(memoryPeakBytes: 1, memoryLimitBytes: 2, cpuMicros: 3), logTail: ["bye"])

  @Test func aRecordReadsBack() throws {
    #expect(try ExitRecordFile.decode(ExitRecordFile.encode(Self.record)) == Self.record)
  }

  @Test func everyTornOrAlteredFileIsRefused() throws {
    let bytes = try ExitRecordFile.encode(Self.record)
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

  @Test func theChecksumIsTheWellKnownOne() throws {
    // The last word of the file is the CRC-32 of all before it; checked against the standard's own check value.
    let bytes = try ExitRecordFile.encode(Self.record)
    #expect(bytes.prefix(8) == [0x4c, 0x4f, 0x44, 0x47, 0, 0, 0, 1])
    #expect(bytes.count % 4 == 0)
  }
}

@Suite struct CauseMappingTests {
  @Test(arguments: [
    EndCause.exited(code: 0), .exited(code: -1), .signaled(9, coreDumped: true), .reboot, .halt, .powerOff,
    .controllerLost,
    .hostReset,
    .oom(
      OutOfMemory(victim: .initProcess, limit: .own, limitBytes: 5, kills: 1, status: .signaled(9, coreDumped: false))),
    .oom(OutOfMemory(victim: .child, limit: .host, limitBytes: 0, kills: 2, status: .exited(137))),
    .stopped(by: .user(uid: 1000, pid: 5), how: .polite, status: .exited(0)),
    .stopped(by: .policy, how: .cancelled, status: nil),
    .stopped(by: .daemon, how: .forced, status: .signaled(9, coreDumped: false)),
    .startFailed(StartFailure(step: "exec", errno: 2, message: "exec /x: No such file or directory")),
  ])
  func everyEndCrossesTheWireWhole(_ cause: EndCause) throws {
    let wire = Wire.EndCause(cause)
    #expect(EndCause(try Wire.EndCause(xdr: wire.xdrEncoded())) == cause)
  }

  @Test func aLongMessageIsCutAndNeverSplitsACharacter() throws {
    let cause = EndCause.startFailed(
      StartFailure(step: "x", errno: 0, message: String(repeating: "ü", count: 3000)))
    let back = EndCause(try Wire.EndCause(xdr: Wire.EndCause(cause).xdrEncoded()))
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
    #expect(try GuestSpec(Wire.GuestSpec(xdr: Wire.GuestSpec(spec).xdrEncoded())) == spec)
  }
}
