import FormerProtocol
import Foundation
import GRDB
import Guest
import Supervision
import Testing
import XDR

@testable import GuestStore

/// On real files: what is under test is what is left of a commit, a refusal or a damage.
@Suite struct GuestStoreTests {
  static let boot = BootID([UInt8](repeating: 7, count: 16))!
  static let web = try! GuestName("web")

  @Test func aChangeIsThereAfterReopeningWithItsNumbers() throws {
    try withStore { store, path in
      let guest = Self.stored("web")
      let rows = try store.commit(
        [Self.change(guest, events: 2), Self.change(Self.stored("db"), events: 1)], retention: Retention())
      #expect(rows.map { $0.map(\.entry.sequence) } == [[1, 2], [3]])
      try store.close()
      let again = try GuestStore(path: path, boot: Self.boot)
      #expect(try again.load().guests.map(\.lifecycle.name.value) == ["db", "web"])
      #expect(try again.load().guests.last == guest)
      #expect(try again.journalRange() == JournalRange(oldest: 1, newest: 3))
      #expect(try again.journal(after: 1, limit: 10).rows.map(\.entry.sequence) == [2, 3])
      try again.close()
    }
  }

  /// In the middle of a write of ours, and between two.
  @Test(arguments: ["", "-wal"], [false, true]) func aFileThatIsReplacedIsNoticed(_ suffix: String, writing: Bool)
    throws
  {
    try withStore { store, path in
      _ = try store.commit([Self.change(Self.stored("web"), events: 1)], retention: Retention())
      try store.check()
      func replace() throws {
        try FileManager.default.copyItem(atPath: path + suffix, toPath: path + ".copy")
        #expect(rename(path + ".copy", path + suffix) == 0)
      }
      if writing { try store.write { _ in try replace() } } else { try replace() }
      #expect { try store.check() } throws: { error in
        if case StoreError.damaged = error { true } else { false }
      }
    }
  }

  @Test func everyPhaseOfALifeReadsBack() throws {
    let defined = Self.stored("web").lifecycle.defined
    var replaced = defined
    replaced.stop = StopPolicy(signal: 2, timeoutMillis: 1)
    replaced.command = ["/bin/other"]
    let run = GuestLifecycle.Run(
      id: RunID(random: (0..<16).map { UInt8($0) })!, number: 4, startedBy: .user(uid: 5, pid: 6), spec: defined,
      launched: .init(
        initPID: 9, initStartTime: 10, at: Moment(wall: Timestamp(nanoseconds: 11), boot: BootTime(nanoseconds: 12))))
    var orders = EndOrders()
    orders.append(EndOrder(.stop, by: .daemon, signal: 3, timeoutMillis: 4, noKill: true))
    orders.append(EndOrder(.remove, by: .user(uid: 0, pid: 1), at: Timestamp(nanoseconds: 8)))
    orders.update(1) {
      $0.note(sent: 3)
      $0.givenUp = true
    }
    var ordered = run
    ordered.orders = orders
    let phases: [GuestLifecycle.Phase] = [
      .stopped, .starting(.init(id: run.id, number: 1, startedBy: .policy, spec: replaced)), .running(run),
      .starting(.init(id: run.id, number: 1, startedBy: .policy, spec: defined)),
      .stopping(.init(id: run.id, number: 1, startedBy: .policy, spec: replaced, orders: orders)),
      .stopping(ordered),
      .running(ordered),
      .waiting(
        .init(
          attempt: 2, delayMillis: 3, due: Moment(wall: Timestamp(nanoseconds: -1), boot: BootTime(nanoseconds: .max)))),
    ]
    try withStore { store, _ in
      for phase in phases {
        var guest = Self.stored("web")
        guest.lifecycle = GuestLifecycle(
          name: Self.web, defined: defined, phase: phase, runCount: 4,
          restarts: RestartHistory(attempt: 1, recent: [BootTime(nanoseconds: 5)], total: 2),
          last: RunRecord(number: 3, startedBy: .policy, ended: Self.record(run: 1)), desired: true, note: "n")
        _ = try store.commit([Self.change(guest, events: 0)], retention: Retention())
        #expect(try store.load().guests == [guest])
      }
    }
  }

  /// With the number of the order that a run ends by, and as rows of before have it, without.
  @Test func eachSequelOfARequestReadsBack() throws {
    let run = RunID(random: (0..<16).map { UInt8($0) })!
    let sequels: [RequestLedger.Sequel] = [
      .defined(atNextStart: true), .removed(run), .removed(nil), .started(run), .stopped(nil),
      .stopped(.init(run: run, order: 3)), .stopped(.init(run: run, order: nil)), .restarted(former: nil, number: 1),
      .restarted(former: .init(run: run, order: 3), number: 2),
      .restarted(former: .init(run: run, order: nil), number: 2), .signaled,
    ]
    try withStore { store, _ in
      for (index, sequel) in sequels.enumerated() {
        var change = Self.change(Self.stored("web"), events: 0)
        change.request = RequestLedger.Record(
          key: .init(uid: 5, id: RequestID([UInt8](repeating: UInt8(index), count: 16))!), digest: 1, guest: Self.web,
          sequel: sequel, at: Timestamp(nanoseconds: 1))
        _ = try store.commit([change], retention: Retention())
      }
      #expect(try store.load().requests.map(\.sequel) == sequels)
    }
  }

  @Test func aCommitThatFailsUsesNoNumberAndChangesNothing() throws {
    try withStore { store, _ in
      var broken = Self.stored("web")
      // More than the record's bound: the second change of the batch cannot be encoded.
      var spec = broken.lifecycle.defined
      spec.command = (0..<20).map { _ in String(repeating: "x", count: 100_000) }
      broken.lifecycle = GuestLifecycle(name: Self.web, defined: spec)
      #expect(throws: StoreError.self) {
        try store.commit(
          [Self.change(Self.stored("db"), events: 1), Self.change(broken, events: 1)], retention: Retention())
      }
      #expect(try store.load().guests.isEmpty)
      let rows = try store.commit([Self.change(Self.stored("db"), events: 1)], retention: Retention())
      #expect(rows[0][0].entry.sequence == 1)
    }
  }

  @Test func aRunToldTwiceIsOneRunAndOldOnesGo() throws {
    try withStore { store, _ in
      let guest = Self.stored("web")
      let retention = Retention(runsPerGuest: 3)
      for number in [1, 2, 2, 3, 4, 5] as [UInt8] {
        var change = Self.change(guest, events: 1)
        change.ended = RunRecord(number: UInt32(number), startedBy: .policy, ended: Self.record(run: number))
        _ = try store.commit([change], retention: retention)
      }
      #expect(try store.runs(of: Self.web, before: 0, limit: 10).map(\.number) == [5, 4, 3])
      #expect(try store.runs(of: Self.web, before: 5, limit: 1).map(\.number) == [4])
      #expect(try store.run(Self.record(run: 4).run)?.sequence == 5)
      #expect(try store.firstRun(of: Self.web, endedAfter: 4)?.number == 4)
    }
  }

  // MARK: Rows of a newer version

  /// One row that cannot be read keeps none of the others back, and is told once.
  @Test func aRowThatCannotBeReadIsLeftOutAndTold() throws {
    try withStore { store, _ in
      for number in [1, 2, 3] as [UInt8] {
        var change = Self.change(Self.stored("web"), events: 1)
        change.ended = RunRecord(number: UInt32(number), startedBy: .policy, ended: Self.record(run: number))
        change.request = RequestLedger.Record(
          key: .init(uid: 1, id: RequestID([UInt8](repeating: number, count: 16))!), digest: 1, guest: Self.web,
          sequel: .signaled, at: Timestamp(nanoseconds: 1), bootAt: nil)
        _ = try store.commit([change], retention: Retention())
      }
      try store.write { db in
        for (table, column) in [("journal", "event"), ("runs", "record"), ("requests", "record")] {
          let key = table == "requests" ? "id" : "sequence"
          try db.execute(
            sql: "UPDATE \(table) SET \(column) = cast(x'00000063' || substr(\(column), 5) AS blob) WHERE \(key) = 2")
        }
      }
      for _ in 0..<2 {
        let found = try store.journal(after: 0, limit: 10)
        #expect(found.rows.map(\.sequence) == [1, 3] && found.isWhole)
        #expect(try store.runs(of: Self.web, before: 0, limit: 10).map(\.number) == [3, 1])
        #expect(try store.load().requests.count == 2)
      }
      #expect(throws: StoreError.self) { try store.run(Self.record(run: 2).run) }
      #expect(try store.run(Self.record(run: 3).run)?.sequence == 3)
      let told = store.unreadable.takeNew()
      #expect(told.count == 3, "each once: \(told)")
      #expect(told.contains { $0.hasPrefix("event 2: ") })
      #expect(store.unreadable.takeNew().isEmpty)
    }
  }

  /// A value of another type, sign or size in any column: an error of that row, and never the end of the process.
  @Test(arguments: [
    "hooks SET position = -1", "hooks SET runs = -5", "hooks SET position = 'abc'", "hooks SET last_error = x'ff00'",
    "hooks SET spec = 7", "requests SET uid = -1", "requests SET uid = 99999999999", "requests SET uid = 'abc'",
    "requests SET boot_time = -1", "requests SET request = 5", "requests SET record = NULL", "guests SET run_spec = 5",
    "guests SET name = x'00ff'", "guests SET record = 'text'", "runs SET record = 'x'", "runs SET sequence = -3",
    "sqlite_sequence SET seq = -5 WHERE name = 'journal'", "journal SET sequence = -3", "journal SET event = 3.5",
    "journal SET boot = 'abc'", "journal SET time = 'x'", "meta SET value = 'x' WHERE key = 'boot'",
  ])
  func noValueOfAColumnEndsTheProcess(_ change: String) throws {
    try withStore { store, path in
      var first = Self.change(Self.stored("web"), events: 1)
      first.ended = RunRecord(number: 1, startedBy: .policy, ended: Self.record(run: 1))
      first.request = RequestLedger.Record(
        key: .init(uid: 1, id: RequestID([UInt8](repeating: 1, count: 16))!), digest: 1, guest: Self.web,
        sequel: .signaled, at: Timestamp(nanoseconds: 1), bootAt: BootTime(nanoseconds: 1))
      _ = try store.commit([first], retention: Retention())
      try store.save(StoredHook(name: "h", spec: [1], position: 1))
      try store.noteBoot()
      try store.write { db in
        // A table may forbid a value; then there is nothing to read.
        do { try db.execute(sql: "UPDATE \(change)") } catch is DatabaseError { return }
      }
      try store.close()
      _ = GuestStore.salvage(path: path)
      guard let again = try? GuestStore(path: path, boot: Self.boot) else { return }
      _ = try? again.load()
      _ = try? again.journalRange()
      _ = try? again.journal(after: 0, limit: 10)
      _ = try? again.runs(of: Self.web, before: 0, limit: 10)
      _ = try? again.run(Self.record(run: 1).run)
      _ = try? again.firstRun(of: Self.web, endedAfter: 0)
      _ = try? again.sequence(before: Timestamp(nanoseconds: 9))
      _ = try? again.sequenceBeforeBoot()
      _ = try? again.prune(Retention(ageSeconds: 1), now: Timestamp(nanoseconds: .max / 2), uptimeSeconds: 9)
      try? GuestStore.verify(path: path)
      try? again.close()
    }
  }

  @Test func aReadThatEndsEarlySaysSo() throws {
    try withStore { store, _ in
      _ = try store.commit([Self.change(Self.stored("web"), events: 3)], retention: Retention())
      let long = try store.journal(after: 0, limit: 10, byteLimit: 1)
      #expect(long.rows.map(\.sequence) == [1] && !long.isWhole)
      let short = try store.journal(after: 0, limit: 2)
      #expect(short.rows.map(\.sequence) == [1, 2] && !short.isWhole)
      let all = try store.journal(after: 1, limit: 10)
      #expect(all.rows.map(\.sequence) == [2, 3] && all.isWhole)
    }
  }

  /// A key, or a value, that only a newer version knows: kept for it over any change of the guest's state.
  @Test(arguments: [("rootfs.mode", "rootfs.moda"), ("overlay", "overlaz")])
  func settingsOfANewerVersionAreKept(_ known: String, _ foreign: String) throws {
    try withStore { store, path in
      var guest = Self.stored("web")
      guest.lifecycle = GuestLifecycle(
        name: Self.web,
        defined: {
          var spec = GuestSpec(rootfs: Rootfs(path: "/srv"), command: ["/init"])
          spec.rootfs.mode = .overlay
          return spec
        }())
      _ = try store.commit(
        [Self.change(guest, events: 0), Self.change(Self.stored("db"), events: 0)], retention: Retention())
      try store.write { db in
        try db.execute(
          sql: "UPDATE guests SET record = cast(replace(cast(record AS text), ?, ?) AS blob) WHERE name = 'web'",
          arguments: [known, foreign])
        let record = try Data.fetchOne(db, sql: "SELECT record FROM guests WHERE name = 'web'")
        #expect(try #require(record).range(of: Data(foreign.utf8)) != nil)
      }
      for _ in 0..<2 {
        let guests = try store.load().guests
        #expect(guests.map(\.lifecycle.name.value) == ["db", "web"])
        var web = try #require(guests.last)
        #expect(web.lifecycle.defined.foreign.count == 1 && web.lifecycle.foreignWords?.contains("rootfs.mod") == true)
        // Whatever happens to it is stored with them.
        _ = web.lifecycle.configure(web.lifecycle.defined, by: .daemon)
        _ = try store.commit([Self.change(web, events: 1)], retention: Retention())
      }
    }
  }

  @Test func theHistoryOfARemovedGuestStaysAndANewOneOfThatNameBeginsItsOwn() throws {
    try withStore { store, _ in
      var change = Self.change(Self.stored("web"), events: 1)
      change.ended = RunRecord(number: 1, startedBy: .policy, ended: Self.record(run: 1))
      _ = try store.commit([change], retention: Retention())
      _ = try store.commit(
        [Change(guest: Self.web, record: .delete, events: [], time: Timestamp(nanoseconds: 1))], retention: Retention())
      let run = Self.record(run: 1).run
      #expect(try store.runs(of: Self.web, before: 0, limit: 10).count == 1)
      #expect(try store.run(run, of: Self.web) != nil && store.firstRun(of: Self.web, endedAfter: 0) != nil)
      _ = try store.commit([Self.change(Self.stored("web"), events: 0)], retention: Retention())
      // By its id and by a number of the journal neither: it may have been another user's.
      #expect(try store.runs(of: Self.web, before: 0, limit: 10).isEmpty)
      #expect(try store.run(run, of: Self.web) == nil && store.firstRun(of: Self.web, endedAfter: 0) == nil)
    }
  }

  @Test func pruningKeepsTheNewestAndNumbersAreNeverReused() throws {
    try withStore { store, path in
      _ = try store.commit([Self.change(Self.stored("web"), events: 50)], retention: Retention())
      while try store.prune(Retention(events: 5), now: Timestamp(nanoseconds: 100), uptimeSeconds: 9).hasMore {}
      #expect(try store.journalRange() == JournalRange(oldest: 46, newest: 50))
      while try store.prune(
        Retention(ageSeconds: 1), now: Timestamp(nanoseconds: 10_000_000_000), uptimeSeconds: 9
      ).hasMore {}
      #expect(try store.journalRange() == JournalRange(oldest: 50, newest: 50))
      try store.close()
      let again = try GuestStore(path: path, boot: Self.boot)
      let rows = try again.commit([Self.change(Self.stored("web"), events: 1)], retention: Retention())
      #expect(rows[0][0].entry.sequence == 51)
      try again.close()
    }
  }

  /// A clock that is wrong for a while, behind or ahead, takes no more of the journal than is really old, or next to nothing.
  @Test func aWrongClockDoesNotEmptyTheJournal() throws {
    let day: Int64 = 86_400 * 1_000_000_000
    func at(_ days: Int64) -> Timestamp { Timestamp(nanoseconds: (20_000 + days) * day) }
    let retention = Retention(ageSeconds: 90 * 86_400)
    func write(_ store: GuestStore, _ days: [Int64]) throws {
      for days in days {
        var change = Self.change(Self.stored("web"), events: 1)
        change.time = at(days)
        _ = try store.commit([change], retention: Retention())
      }
    }
    try withStore { store, path in
      try write(store, [-100, -95, -2, -200, -1, 0])
      // The host has been up for a week: nothing of this boot is too old, whatever its rows say.
      #expect(try !store.prune(retention, now: at(0), uptimeSeconds: 7 * 86_400).hasMore)
      #expect(try store.journalRange().oldest == 1)
      // Ahead by decades.
      _ = try store.prune(retention, now: at(30_000), uptimeSeconds: 7 * 86_400)
      #expect(try store.journalRange().oldest == 1)
      try store.close()

      let other = try GuestStore(path: path, boot: BootID([UInt8](repeating: 8, count: 16))!)
      // Of another boot: the two that are old; the one that says so in their midst stays with its neighbours.
      #expect(try other.prune(retention, now: at(0), uptimeSeconds: 60) == .init(hasMore: false))
      #expect(try other.journalRange().oldest == 3)
      try write(other, [Int64](repeating: 0, count: Int(GuestStore.pruneStep) + 10))
      try other.close()

      let third = try GuestStore(path: path, boot: BootID([UInt8](repeating: 9, count: 16))!)
      let pruned = try third.prune(retention, now: at(30_000), uptimeSeconds: 60)
      #expect(!pruned.hasMore && pruned.tooOld == 3...UInt64(GuestStore.pruneStep) + 2, "a step, and it is said")
      try third.close()
    }
  }

  /// Whatever the umask: environments and console lines are in it.
  @Test func itsFilesAreForTheirOwnerAlone() throws {
    try withStore { store, path in
      _ = try store.commit([Self.change(Self.stored("web"), events: 1)], retention: Retention())
      for file in [path, path + "-wal", path + "-shm"] {
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600, "\(file)")
      }
      try store.close()
      try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
      let again = try GuestStore(path: path, boot: Self.boot)
      #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
      try again.close()
    }
  }

  @Test func cursorsByTimeAndBoot() throws {
    try withStore { store, path in
      for time in [10, 20, 30] as [Int64] {
        var change = Self.change(Self.stored("web"), events: 1)
        change.time = Timestamp(nanoseconds: time)
        _ = try store.commit([change], retention: Retention())
      }
      #expect(try store.sequence(before: Timestamp(nanoseconds: 20)) == 1)
      #expect(try store.sequence(before: Timestamp(nanoseconds: 31)) == 3)
      #expect(try store.sequenceBeforeBoot() == 0)
      try store.close()
      let again = try GuestStore(path: path, boot: BootID([UInt8](repeating: 8, count: 16))!)
      _ = try again.commit([Self.change(Self.stored("web"), events: 1)], retention: Retention())
      #expect(try again.sequenceBeforeBoot() == 3)
      try again.close()
    }
  }

  @Test func aFileThatIsNoDatabaseIsRefusedAndLeftAsItIs() throws {
    let path = NSTemporaryDirectory() + "lodge-store-\(UUID())"
    defer { remove(path) }
    let bytes = Data(repeating: 0x41, count: 8192)
    try bytes.write(to: URL(fileURLWithPath: path))
    let error = #expect(throws: StoreError.self) { _ = try GuestStore(path: path, boot: Self.boot) }
    guard case .damaged = error else { return #expect(Bool(false), "\(String(describing: error))") }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == bytes)
  }

  @Test func aNewerDatabaseIsRefusedByName() throws {
    try withStore { store, path in
      try store.pool.write { db in
        try db.execute(sql: "PRAGMA user_version = 9")
        try db.execute(sql: "UPDATE meta SET value = 9 WHERE key = 'minimum_reader'")
      }
      try store.close()
      #expect(throws: StoreError.newer(path: path, version: 9)) { _ = try GuestStore(path: path, boot: Self.boot) }
    }
  }

  /// Hooks of format 1 had no attempts.
  @Test func aDatabaseOfTheFirstFormatIsTakenOver() throws {
    try withStore { store, path in
      let spec = WireV1.HookSpec(
        name: "mail", filter: .init(guestPattern: "w*", types: [], causes: [], labels: []), program: "/bin/mail",
        timeoutMillis: 5, retries: 2)
      var hook = StoredHook(name: "mail", spec: try FormerRow.hook(spec.xdrEncoded()).xdrEncoded(), position: 7)
      try store.save(hook)
      try store.pool.write { db in
        for column in ["started", "attempt"] { try db.execute(sql: "ALTER TABLE hooks DROP COLUMN \(column)") }
        try db.execute(sql: "UPDATE hooks SET spec = ?", arguments: [Data(try spec.xdrEncoded())])
        try db.execute(sql: "PRAGMA user_version = 1")
      }
      try store.close()
      for _ in 0..<2 {
        let again = try GuestStore(path: path, boot: Self.boot)
        #expect(try again.load().hooks == [hook])
        hook.position += 1
        try again.save(hook)
        try again.close()
      }
    }
  }

  private func withStore(_ body: (GuestStore, String) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "lodge-store-\(UUID())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/lodge.db"
    let store = try GuestStore(path: path, boot: Self.boot)
    try body(store, path)
    try? store.close()
  }

  private static func stored(_ name: String) -> StoredGuest {
    let spec = GuestSpec(rootfs: Rootfs(path: "/srv"), command: ["/init"])
    return StoredGuest(
      lifecycle: GuestLifecycle(name: try! GuestName(name), defined: spec),
      createdAt: Timestamp(nanoseconds: 3))
  }

  private static func change(_ guest: StoredGuest, events: Int) -> Change {
    Change(
      guest: guest.lifecycle.name, record: .save(guest),
      events: (0..<events).map { _ in GuestEvent(.notice, guest: guest.lifecycle.name, by: .daemon) },
      time: Timestamp(nanoseconds: 5))
  }

  private static func record(run: UInt8) -> ExitRecord {
    ExitRecord(
      guest: web, run: RunID([UInt8](repeating: run, count: 16))!, boot: boot, cause: .exited(code: 0), startedAt: nil,
      endedAt: Timestamp(nanoseconds: 1), lengthNanos: 2)
  }
}
