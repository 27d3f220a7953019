import FormerProtocol
import Foundation
import Guest
import GuestWire
import Testing

/// Exit records of the former release: read for ever.
@Suite struct FormerRecordTests {
  /// Written by the controller of the release of 2026-11-21: `echo going; sleep 2; exit 7`, with the daemon killed.
  static let format1: [UInt8] = [
    0x4c, 0x4f, 0x44, 0x47, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x03, 0x77, 0x65, 0x62, 0x00,
    0xbc, 0xb8, 0x1f, 0x48, 0x7f, 0x69, 0x45, 0xd9, 0x99, 0xe6, 0x34, 0x38, 0xc9, 0xd3, 0x48, 0x03,
    0x38, 0xed, 0xfa, 0xba, 0x24, 0x67, 0x43, 0xde, 0xab, 0xcc, 0xe2, 0xe3, 0xe1, 0x3e, 0x9c, 0x8f,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x07, 0x18, 0xeb, 0x63, 0xf1, 0x7b, 0x9a, 0x25, 0x42,
    0x18, 0xeb, 0x63, 0xf1, 0xf3, 0x51, 0x8f, 0x78, 0x00, 0x00, 0x00, 0x00, 0x77, 0xb7, 0x6a, 0x2c,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x07, 0xf0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0a, 0x4c, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x05,
    0x67, 0x6f, 0x69, 0x6e, 0x67, 0x00, 0x00, 0x00, 0xb9, 0xaf, 0x05, 0xc6,
  ]

  @Test func aRecordOfFormat1IsReadAndSaysThatItHasNoFacts() throws {
    let record = try FormerExitRecord.decode(Self.format1)
    #expect(record.guest.value == "web" && record.cause == .exited(code: 7) && record.headline.whileStopping == nil)
    #expect(record.run.description == "bcb81f48-7f69-45d9-99e6-3438c9d34803")
    #expect(!record.facts.areRecorded && record.facts.orders.isEmpty && record.facts.memory == nil)
    #expect(record.facts.status == InitStatus(.exited(7)))
    #expect(record.lengthNanos == 2_008_508_972 && record.logTail == ["going"])
    // 0 stood for what is not known.
    #expect(record.usage == RunUsage(memoryPeakBytes: 520_192, memoryLimitBytes: nil, cpuMicros: 2636))
  }

  @Test func everyTornOrAlteredFileIsRefused() {
    for length in 0..<Self.format1.count {
      #expect(throws: GuestError.self, "cut to \(length)") {
        try FormerExitRecord.decode(Array(Self.format1.prefix(length)))
      }
    }
    for index in Self.format1.indices {
      for bit in 0..<8 {
        var altered = Self.format1
        altered[index] ^= 1 << bit
        #expect(throws: GuestError.self, "byte \(index) bit \(bit)") { try FormerExitRecord.decode(altered) }
      }
    }
  }

  /// Records that a controller of the former release left, made by tools/fixtures/former-release.
  @Test(arguments: [
    ("exited", EndCause.exited(code: 9)), ("signaled", .signaled(9, coreDumped: false)), ("poweroff", .powerOff),
  ])
  func aRecordOfTheFormerReleaseIsImported(name: String, cause: EndCause) throws {
    let record = try FormerExitRecord.decode(Self.fixture("exit-\(name).record"))
    #expect(record.cause == cause)
    #expect(record.guest.value == "r-\(name)")
    #expect(!record.facts.areRecorded)
    #expect(record.startedAt != nil && record.lengthNanos > 0)
    // And is today's record from then on.
    #expect(try ExitRecordFile.decode(ExitRecordFile.encode(record)) == record)
    #expect(try FormerExitRecord.decode(ExitRecordFile.encode(record)) == record)
    #expect(throws: GuestError.self) { try ExitRecordFile.decode(Self.fixture("exit-\(name).record")) }
  }

  @Test func anEndForMemoryOfTheFormerReleaseIsImported() throws {
    let record = try FormerExitRecord.decode(Self.fixture("exit-oom.record"))
    guard case .oom(let oom) = record.cause else { return #expect(Bool(false), "\(record.cause)") }
    #expect(oom.limitBytes == 16 << 20 && oom.kills > 0)
  }

  static func fixture(_ name: String) throws -> [UInt8] {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return Array(try Data(contentsOf: root.appendingPathComponent("Fixtures/v1/\(name)")))
  }
}
