internal import Foundation
internal import GRDB
public import Guest
internal import GuestWire
internal import Supervision
internal import WireProtocol
internal import XDR

extension GuestStore {
  /// Everything the daemon starts from.
  public func load() throws(StoreError) -> StoredState {
    try read { db in
      let guests = try Row.fetchAll(db, sql: "SELECT name, record, run_spec FROM guests ORDER BY name").map { row in
        do { return try Self.guest(row) } catch {
          let name = (try? row.value("name") as String) ?? "of no name"
          throw StoreError.damaged(path: self.path, reason: "guest \(Visible.text(name, limit: 80)): \(error)")
        }
      }
      let hooks = try Row.fetchAll(db, sql: "SELECT * FROM hooks ORDER BY name").compactMap { row in
        self.readable("a hook") {
          StoredHook(
            name: try row.value("name"), spec: self.hookSpec(try row.bytes("spec")),
            position: try row.number("position"), runs: try row.number("runs"), failures: try row.number("failures"),
            lastError: try row.value("last_error"), started: try row.number("started"),
            attempt: try row.number("attempt"))
        }
      }
      let boot = try Data.fetchOne(db, sql: "SELECT value FROM meta WHERE key = 'boot'").flatMap { BootID(Array($0)) }
      let requests = try Row.fetchAll(db, sql: "SELECT * FROM requests ORDER BY id").compactMap { row in
        self.readable("a request") {
          let isOfThisBoot = (try row.optional("boot") as Data?) == Data(self.boot.bytes)
          return try Wire.StoredRequest(xdr: row.bytes("record")).restored(
            uid: row.number("uid"), id: row.bytes("request"),
            bootAt: isOfThisBoot ? BootTime(nanoseconds: row.number("boot_time")) : nil)
        }
      }
      return StoredState(guests: guests, requests: requests, hooks: hooks, boot: boot)
    }
  }

  public func journalRange() throws(StoreError) -> JournalRange {
    try read { db in
      JournalRange(
        oldest: UInt64(clamping: try Int64.fetchOne(db, sql: "SELECT min(sequence) FROM journal") ?? 0),
        newest: UInt64(
          clamping: try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'journal'") ?? 0))
    }
  }

  /// Rows after `sequence`, in order: at most `limit` of them, and about `byteLimit` bytes. One that this version cannot
  /// read is left out, and noted in `unreadable`: it is no reason to keep the others back.
  public func journal(after sequence: UInt64, limit: Int, byteLimit: Int = 1 << 20) throws(StoreError) -> JournalRows {
    try read { db in
      var found = JournalRows(rows: [], isWhole: false)
      var size = 0
      let rows = try Row.fetchCursor(
        db, sql: "SELECT sequence, event FROM journal WHERE sequence > ? ORDER BY sequence",
        arguments: [Int64(clamping: sequence)])
      while found.rows.count < limit, size < byteLimit {
        guard let row = try rows.next() else {
          found.isWhole = true
          break
        }
        let number = (try? row.value("sequence") as Int64) ?? 0
        self.readable("event \(number)") {
          let encoded = try row.bytes("event")
          found.rows.append(EncodedEntry(entry: try JournalEntry(Wire.Event(xdr: encoded)), bytes: encoded))
          size += encoded.count
        }
      }
      return found
    }
  }

  /// Reads one row. Where that fails the row is noted in `unreadable`, and left out.
  @discardableResult
  private func readable<Value>(_ noun: String, _ body: () throws -> Value) -> Value? {
    do { return try body() } catch {
      unreadable.note("\(noun): \(error)")
      return nil
    }
  }

  /// Whether the journal has the end of a run, whose guest need not exist any more.
  public func journalTells(endOf run: RunID, of guest: GuestName) throws(StoreError) -> Bool {
    try read { db in
      // Whatever it says of a run has its id in it.
      let rows = try Row.fetchCursor(
        db, sql: "SELECT event FROM journal WHERE guest = ? AND instr(event, ?) > 0",
        arguments: [guest.value, Data(run.bytes)])
      while let row = try rows.next() {
        if let entry = try? JournalEntry(Wire.Event(xdr: row.bytes("event"))), entry.event.ended?.run == run {
          return true
        }
      }
      return false
    }
  }

  /// The number before the first row at or after `time`: a cursor for "since then".
  public func sequence(before time: Timestamp) throws(StoreError) -> UInt64 {
    try read { db in
      let first = try Int64.fetchOne(
        db, sql: "SELECT min(sequence) FROM journal WHERE time >= ?", arguments: [time.nanoseconds])
      if let first { return UInt64(clamping: first - 1) }
      return UInt64(
        clamping: try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'journal'") ?? 0)
    }
  }

  /// The number before the first row of the present boot.
  public func sequenceBeforeBoot() throws(StoreError) -> UInt64 {
    try read { db in
      let last = try Int64.fetchOne(
        db, sql: "SELECT max(sequence) FROM journal WHERE boot <> ?", arguments: [Data(self.boot.bytes)])
      let first = try Int64.fetchOne(db, sql: "SELECT min(sequence) FROM journal")
      return UInt64(clamping: last ?? (first ?? 1) - 1)
    }
  }

  /// Runs that have ended, newest first, of the guest that has the name now or had it last.
  public func runs(of guest: GuestName, before number: UInt32, limit: Int) throws(StoreError) -> [RunRecord] {
    try read { db in
      let rows = try Row.fetchCursor(
        db,
        sql: """
          SELECT number, record FROM runs WHERE guest_id = coalesce(
            (SELECT id FROM guests WHERE name = ?1), (SELECT max(guest_id) FROM runs WHERE guest = ?1))
          AND number < ?2 ORDER BY number DESC
          """,
        arguments: [guest.value, number == 0 ? Int64.max : Int64(number)])
      var found: [RunRecord] = []
      while found.count < limit, let row = try rows.next() {
        let number = (try? row.value("number") as Int64) ?? 0
        self.readable("run \(number) of \(guest)") { found.append(try self.run(row)) }
      }
      return found
    }
  }

  /// A run that has ended, with its number in the journal; of whichever guest had it.
  public func run(_ id: RunID) throws(StoreError) -> (run: RunRecord, sequence: UInt64)? {
    try read { db in
      try Row.fetchOne(db, sql: "SELECT sequence, record FROM runs WHERE run = ?", arguments: [Data(id.bytes)]).map {
        (try self.run($0), try $0.number("sequence"))
      }
    }
  }

  /// A run that has ended, of the guest that has the name now or had it last; nil for one of any other guest, those that had
  /// the name before among them.
  public func run(_ id: RunID, of guest: GuestName) throws(StoreError) -> RunRecord? {
    try read { db in
      try Row.fetchOne(
        db,
        sql: """
          SELECT record FROM runs WHERE run = ?2 AND guest_id = coalesce(
            (SELECT id FROM guests WHERE name = ?1), (SELECT max(guest_id) FROM runs WHERE guest = ?1))
          """,
        arguments: [guest.value, Data(id.bytes)]
      ).map { try self.run($0) }
    }
  }

  /// The first run that ended after `sequence`, of the guest that has the name now or had it last.
  public func firstRun(of guest: GuestName, endedAfter sequence: UInt64) throws(StoreError) -> RunRecord? {
    try read { db in
      try Row.fetchOne(
        db,
        sql: """
          SELECT record FROM runs WHERE guest_id = coalesce(
            (SELECT id FROM guests WHERE name = ?1), (SELECT max(guest_id) FROM runs WHERE guest = ?1))
          AND sequence > ?2 ORDER BY sequence LIMIT 1
          """,
        arguments: [guest.value, Int64(clamping: sequence)]
      ).map { try self.run($0) }
    }
  }

  private func run(_ row: Row) throws -> RunRecord {
    do { return try Wire.StoredRunRow(xdr: row.bytes("record")).restored() } catch {
      throw StoreError.unreadable(row: "a run's record", reason: "\(error)")
    }
  }

  /// A row is a format and the hook's spec behind it; empty for a format that is unknown, which is no spec.
  private func hookSpec(_ row: [UInt8]) -> [UInt8] {
    row.starts(with: Self.rowFormat) ? Array(row.dropFirst(Self.rowFormat.count)) : []
  }

  /// The first bytes of every row: its format.
  static let rowFormat: [UInt8] = [0, 0, 0, UInt8(Wire.storedFormat)]

  func read<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
    do {
      return try pool.read { db in
        do { return try body(db) } catch { throw Self.storeError(error, path: self.path, on: db) }
      }
    } catch {
      throw Self.storeError(error, path: path)
    }
  }
}
