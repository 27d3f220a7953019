internal import Foundation
internal import GRDB
internal import Guest
internal import GuestWire
public import Supervision
internal import WireProtocol
internal import XDR

extension GuestStore {
  /// Writes these changes in one transaction, in order, and gives their events the next numbers of the journal.
  ///
  /// When this returns they are on the disk. When it throws, nothing was changed and no number was used.
  /// - Returns: for each change its journal rows.
  public func commit(_ changes: [Change], retention: Retention) throws(StoreError) -> [[EncodedEntry]] {
    try write { db in try changes.map { try self.write($0, retention, db) } }
  }

  private func write(_ change: Change, _ retention: Retention, _ db: Database) throws -> [EncodedEntry] {
    if case .save(let guest) = change.record {
      try db.cachedStatement(
        sql: """
          INSERT INTO guests (name, record, run_spec) VALUES (?, ?, ?)
          ON CONFLICT (name) DO UPDATE SET record = excluded.record, run_spec = excluded.run_spec
          """
      ).execute(arguments: [
        guest.lifecycle.name.value, Data(try guest.encoded()), try guest.encodedRunSpec().map { Data($0) },
      ])
    }
    var entries: [EncodedEntry] = []
    for event in change.events { entries.append(try append(event, at: change.time, db)) }
    if let ended = change.ended, let name = change.guest {
      try record(ended, of: name, sequence: entries.first?.entry.sequence ?? 0, retention, db)
    }
    if let request = change.request { try record(request, db) }
    if case .delete = change.record, let name = change.guest {
      try db.cachedStatement(sql: "DELETE FROM guests WHERE name = ?").execute(arguments: [name.value])
    }
    return entries
  }

  private func append(_ event: GuestEvent, at time: Timestamp, _ db: Database) throws -> EncodedEntry {
    // The encoding contains the number, so it must be known before the row is written. This is the only writer.
    let sequence =
      (try Int64.fetchOne(db.cachedStatement(sql: "SELECT seq FROM sqlite_sequence WHERE name = 'journal'")) ?? 0) + 1
    let entry = JournalEntry(sequence: UInt64(sequence), time: time, boot: boot, event: event)
    let bytes = try Wire.Event(entry).xdrEncoded()
    try db.cachedStatement(sql: "INSERT INTO journal (sequence, time, boot, guest, event) VALUES (?, ?, ?, ?, ?)")
      .execute(arguments: [sequence, time.nanoseconds, Data(boot.bytes), event.guest?.value, Data(bytes)])
    return EncodedEntry(entry: entry, bytes: bytes)
  }

  private func record(_ run: RunRecord, of name: GuestName, sequence: UInt64, _ retention: Retention, _ db: Database)
    throws
  {
    guard
      let id = try Int64.fetchOne(
        db.cachedStatement(sql: "SELECT id FROM guests WHERE name = ?"), arguments: [name.value])
    else { return }
    // A run that is reported twice is one run: its row is unique.
    try db.cachedStatement(
      sql: "INSERT OR IGNORE INTO runs (guest_id, number, guest, run, sequence, record) VALUES (?, ?, ?, ?, ?, ?)"
    ).execute(arguments: [
      id, Int64(run.number), name.value, Data(run.ended.run.bytes), Int64(sequence),
      Data(try Wire.StoredRunRow(run).xdrEncoded()),
    ])
    let oldest = Int64(run.number) - Int64(retention.runsPerGuest)
    if oldest > 0 {
      try db.cachedStatement(sql: "DELETE FROM runs WHERE guest_id = ? AND number <= ?").execute(arguments: [
        id, oldest,
      ])
    }
  }

  private func record(_ request: RequestLedger.Record, _ db: Database) throws {
    let uid = Int64(request.key.uid)
    try db.cachedStatement(
      sql: "INSERT OR REPLACE INTO requests (uid, request, time, boot, boot_time, record) VALUES (?, ?, ?, ?, ?, ?)"
    ).execute(arguments: [
      uid, Data(request.key.id.bytes), request.at.nanoseconds, Data(boot.bytes),
      Int64(clamping: request.bootAt?.nanoseconds ?? 0), Data(try Wire.StoredRequest(request).xdrEncoded()),
    ])
    // Now and then, and never another user's: which of the others still count is for the ledger to say.
    guard db.lastInsertedRowID.isMultiple(of: 256) else { return }
    try db.cachedStatement(
      sql: "DELETE FROM requests WHERE uid = ? AND id <= "
        + "(SELECT id FROM requests WHERE uid = ? ORDER BY id DESC LIMIT 1 OFFSET ?)"
    ).execute(arguments: [uid, uid, RequestLedger.maximumEntriesOfUser])
  }

  /// Stores the present boot, so that the next start can see whether the host has booted since.
  public func noteBoot() throws(StoreError) {
    try write { db in
      try db.execute(sql: "INSERT OR REPLACE INTO meta VALUES ('boot', ?)", arguments: [Data(boot.bytes)])
    }
  }
}
