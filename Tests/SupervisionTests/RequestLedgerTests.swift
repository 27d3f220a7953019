import Guest
import Supervision
import Testing

/// One id, one request, one decision.
@Suite struct RequestLedgerTests {
  private let web = GuestBookTests.web
  private let run = GuestBookTests.context(1).nextRun

  private func key(_ number: Int, uid: UInt32 = 1000) -> RequestLedger.Key {
    var bytes = [UInt8](repeating: 0, count: 16)
    for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: number >> (8 * index)) }
    return .init(uid: uid, id: RequestID(bytes)!)
  }

  private func record(_ number: Int, digest: UInt64 = 1, at seconds: Int64 = 0) -> RequestLedger.Record {
    .init(
      key: key(number), digest: digest, guest: web, sequel: .started(run),
      at: Timestamp(nanoseconds: seconds * 1_000_000_000))
  }

  private func boot(_ seconds: UInt64) -> BootTime { BootTime(nanoseconds: seconds * 1_000_000_000) }

  /// A ticket of any book.
  private func ticket() -> GuestBook.Ticket {
    var book = GuestBook()
    return book.note([], .fact, at: Timestamp(nanoseconds: 1)).ticket
  }

  @Test func theSameRequestHasTheSameSequelAndAnotherIsAConflict() {
    var ledger = RequestLedger()
    #expect(ledger.look(key(1), digest: 1, now: boot(0)) == .new)
    let pending = ticket()
    ledger.decided(record(1), pending, now: boot(0))
    #expect(ledger.look(key(1), digest: 1, now: boot(1)) == .known(record(1), pending: pending))
    ledger.stored(key(1))
    #expect(ledger.look(key(1), digest: 1, now: boot(1)) == .known(record(1), pending: nil))
    #expect(ledger.look(key(1), digest: 2, now: boot(1)) == .conflict)
    #expect(ledger.look(key(1, uid: 0), digest: 2, now: boot(1)) == .new, "another user's id is another id")
  }

  @Test func aRefusedRequestIsDecidedAnew() {
    var ledger = RequestLedger()
    ledger.decided(record(1), ticket(), now: boot(0))
    ledger.refused(key(1))
    #expect(ledger.look(key(1), digest: 2, now: boot(0)) == .new)
    ledger.decided(record(1, digest: 2), ticket(), now: boot(300))
    ledger.stored(key(1))
    #expect(ledger.look(key(1), digest: 2, now: boot(700)) == .known(record(1, digest: 2), pending: nil))
  }

  @Test func tenMinutesAndTenThousand() {
    var ledger = RequestLedger()
    for number in 0..<10_500 {
      ledger.decided(record(number), ticket(), now: boot(UInt64(number / 100)))
      ledger.stored(key(number))
    }
    #expect(ledger.look(key(499), digest: 1, now: boot(105)) == .new)
    #expect(ledger.look(key(501), digest: 1, now: boot(105)) == .known(record(501), pending: nil))
    #expect(ledger.look(key(10_000), digest: 1, now: boot(699)) == .known(record(10_000), pending: nil))
    #expect(ledger.look(key(10_000), digest: 1, now: boot(700)) == .new)
    #expect(ledger.look(key(10_499), digest: 1, now: boot(705)) == .new && ledger.count == 0)
  }

  /// What one user sends pushes out that user's own requests only.
  @Test func aFloodForgetsTheFloodersOwnRequestsOnly() {
    var ledger = RequestLedger()
    func decide(_ number: Int, uid: UInt32, at seconds: UInt64) {
      let key = key(number, uid: uid)
      ledger.decided(
        .init(key: key, digest: 1, guest: web, sequel: .started(run), at: Timestamp(nanoseconds: 0)), ticket(),
        now: boot(seconds))
      ledger.stored(key)
    }
    decide(1, uid: 0, at: 0)
    for user in 0..<12 as Range<UInt32> {
      for number in 0..<RequestLedger.maximumEntriesOfUser + 500 { decide(number, uid: 65_534 - user, at: 1) }
    }
    #expect(ledger.look(key(1, uid: 0), digest: 1, now: boot(2)) != .new)
    #expect(ledger.look(key(499, uid: 65_530), digest: 1, now: boot(2)) == .new, "its own oldest")
    #expect(ledger.count <= RequestLedger.maximumEntries)
    #expect(ledger.look(key(1, uid: 0), digest: 1, now: boot(601)) == .new)
    decide(2, uid: 0, at: 700)
    for number in 3..<1_100 { decide(number, uid: 0, at: 700) }
    #expect(ledger.count == 1_098, "users who have gone are swept up: \(ledger.count)")
  }

  /// The wall clock is stepped, and the daemon restarted: within one boot it does not count.
  @Test(arguments: [(0, true), (7_200, true), (-7_200, true)])
  func withinABootAStepOfTheWallClockChangesNothing(_ step: Int64, isKnown: Bool) {
    var stored = record(1, at: 1_000_000)
    stored.bootAt = boot(50)
    let now = Moment(wall: Timestamp(nanoseconds: (1_000_010 + step) * 1_000_000_000), boot: boot(60))
    var ledger = RequestLedger([stored], now: now)
    #expect((ledger.look(key(1), digest: 1, now: boot(649)) == .known(stored, pending: nil)) == isKnown)
    #expect(ledger.look(key(1), digest: 1, now: boot(650)) == .new)
  }

  @Test func whatIsNotStoredIsNotForgotten() {
    var ledger = RequestLedger()
    let pending = ticket()
    ledger.decided(record(1), pending, now: boot(0))
    #expect(ledger.look(key(1), digest: 1, now: boot(10_000)) == .known(record(1), pending: pending))
  }

  /// The wall clock goes on over a boot of the host, and may have been stepped.
  @Test(arguments: [
    (0, 0, true), (599, 0, true), (600, 0, false), (-5_000, 0, true), (-5_000, 600, false), (590, 11, false),
  ])
  func afterARestartItIsAsOldAsItWas(_ age: Int64, _ later: UInt64, isKnown: Bool) {
    let stored = record(1, at: 1_000_000)
    let now = Moment(wall: Timestamp(nanoseconds: (1_000_000 + age) * 1_000_000_000), boot: boot(50))
    var ledger = RequestLedger([stored], now: now)
    #expect((ledger.look(key(1), digest: 1, now: boot(50 + later)) == .known(stored, pending: nil)) == isKnown)
  }

  @Test func theDigestHasTheProcedureAndEveryByte() {
    let base = RequestLedger.digest(procedure: 3, arguments: [1, 2, 3])
    #expect(base == RequestLedger.digest(procedure: 3, arguments: [1, 2, 3]))
    #expect(base != RequestLedger.digest(procedure: 4, arguments: [1, 2, 3]))
    #expect(base != RequestLedger.digest(procedure: 3, arguments: [1, 2, 4]))
    #expect(base != RequestLedger.digest(procedure: 3, arguments: [1, 2, 3, 0]))
  }
}
