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
        let name: String = row["name"]
        do { return try Self.guest(row) } catch {
          throw StoreError.damaged(path: self.path, reason: "guest \(Visible.text(name, limit: 80)): \(error)")
        }
      }
      let hooks = try Row.fetchAll(db, sql: "SELECT * FROM hooks ORDER BY name").map { row in
        StoredHook(
          name: row["name"], spec: try self.hookSpec(bytes(row["spec"])), position: UInt64(row["position"] as Int64),
          runs: UInt64(row["runs"] as Int64), failures: UInt64(row["failures"] as Int64), lastError: row["last_error"],
          started: UInt64(row["started"] as Int64), attempt: UInt64(row["attempt"] as Int64))
      }
      let boot = try Data.fetchOne(db, sql: "SELECT value FROM meta WHERE key = 'boot'").flatMap { BootID(Array($0)) }
      let requests = try Row.fetchAll(db, sql: "SELECT * FROM requests ORDER BY id").map { row in
        do {
          let isOfThisBoot = (row["boot"] as Data?) == Data(self.boot.bytes)
          return try Wire.StoredRequest(xdr: bytes(row["record"])).restored(
            uid: UInt32(row["uid"] as Int64), id: bytes(row["request"]),
            bootAt: isOfThisBoot ? BootTime(nanoseconds: UInt64(row["boot_time"] as Int64)) : nil)
        } catch {
          throw StoreError.damaged(path: self.path, reason: "a stored request: \(error)")
        }
      }
      return StoredState(guests: guests, requests: requests, hooks: hooks, boot: boot)
    }
  }

  public func journalRange() throws(StoreError) -> JournalRange {
    try read { db in
      JournalRange(
        oldest: UInt64(try Int64.fetchOne(db, sql: "SELECT min(sequence) FROM journal") ?? 0),
        newest: UInt64(try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'journal'") ?? 0))
    }
  }

  /// Rows after `sequence`, in order: at most `limit` of them, and about `byteLimit` bytes.
  public func journal(after sequence: UInt64, limit: Int, byteLimit: Int = 1 << 20) throws(StoreError) -> [EncodedEntry]
  {
    try read { db in
      var entries: [EncodedEntry] = []
      var size = 0
      let rows = try Row.fetchCursor(
        db, sql: "SELECT sequence, event FROM journal WHERE sequence > ? ORDER BY sequence LIMIT ?",
        arguments: [Int64(clamping: sequence), limit])
      while let row = try rows.next(), size < byteLimit {
        let encoded = bytes(row["event"])
        size += encoded.count
        do { entries.append(EncodedEntry(entry: try JournalEntry(Wire.Event(xdr: encoded)), bytes: encoded)) } catch {
          throw StoreError.damaged(path: self.path, reason: "journal row \(row["sequence"] as Int64): \(error)")
        }
      }
      return entries
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
        if let entry = try? JournalEntry(Wire.Event(xdr: bytes(row["event"]))), entry.event.ended?.run == run {
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
      if let first { return UInt64(first - 1) }
      return UInt64(try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'journal'") ?? 0)
    }
  }

  /// The number before the first row of the present boot.
  public func sequenceBeforeBoot() throws(StoreError) -> UInt64 {
    try read { db in
      let last = try Int64.fetchOne(
        db, sql: "SELECT max(sequence) FROM journal WHERE boot <> ?", arguments: [Data(self.boot.bytes)])
      let first = try Int64.fetchOne(db, sql: "SELECT min(sequence) FROM journal")
      return UInt64(last ?? (first ?? 1) - 1)
    }
  }

  /// Runs that have ended, newest first, of the guest that has the name now or had it last.
  public func runs(of guest: GuestName, before number: UInt32, limit: Int) throws(StoreError) -> [RunRecord] {
    try read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT record FROM runs WHERE guest_id = coalesce(
            (SELECT id FROM guests WHERE name = ?1), (SELECT max(guest_id) FROM runs WHERE guest = ?1))
          AND number < ?2 ORDER BY number DESC LIMIT ?3
          """,
        arguments: [guest.value, number == 0 ? Int64.max : Int64(number), limit]
      ).map { try self.run($0["record"]) }
    }
  }

  /// A run that has ended, with its number in the journal; of whichever guest had it.
  public func run(_ id: RunID) throws(StoreError) -> (run: RunRecord, sequence: UInt64)? {
    try read { db in
      try Row.fetchOne(db, sql: "SELECT sequence, record FROM runs WHERE run = ?", arguments: [Data(id.bytes)]).map {
        (try self.run($0["record"]), UInt64($0["sequence"] as Int64))
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
      ).map { try self.run($0["record"]) }
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
      ).map { try self.run($0["record"]) }
    }
  }

  private func run(_ data: Data) throws -> RunRecord {
    do { return try Wire.StoredRunRow(xdr: Array(data)).restored() } catch {
      throw StoreError.damaged(path: path, reason: "run record: \(error)")
    }
  }

  /// A row is a format and the hook's spec behind it.
  private func hookSpec(_ row: [UInt8]) throws -> [UInt8] {
    guard row.starts(with: Self.rowFormat) else {
      throw StoreError.damaged(path: path, reason: "the row of a hook has an unknown format")
    }
    return Array(row.dropFirst(Self.rowFormat.count))
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

private func bytes(_ data: Data) -> [UInt8] { Array(data) }
