internal import FormerProtocol
internal import Foundation
internal import GRDB
internal import Guest
internal import GuestWire
internal import Supervision
internal import WireProtocol
internal import XDR

// A database of a former version becomes one of this version when it is opened: row by row, in one transaction, after a
// copy was put beside it. Going back is putting the copy back: docs/operating.md has the steps.

extension GuestStore {
  /// The copy that an upgrade leaves, for going back to the former version.
  static func formerCopy(of path: String, format: Int) -> String { "\(path).format\(format)" }

  /// Copies the database as it is, its log included. A copy that an upgrade left that did not go through is replaced.
  static func keepFormer(_ db: Database, path: String, format: Int) throws {
    let copy = formerCopy(of: path, format: format)
    let unfinished = copy + ".new"
    try? FileManager.default.removeItem(atPath: unfinished)
    try db.execute(sql: "VACUUM INTO ?", arguments: [unfinished])
    chmod(unfinished, 0o600)
    guard let file = FileHandle(forReadingAtPath: unfinished) else {
      throw StoreError.failed(path: path, reason: "keep a copy as \(copy): it cannot be opened")
    }
    try file.synchronize()
    try file.close()
    guard rename(unfinished, copy) == 0 else {
      throw StoreError.failed(path: path, reason: "keep a copy as \(copy): \(String(cString: strerror(errno)))")
    }
  }

  /// The first bytes of a row of a former version that could not be read. Versions that look for their own format leave it out.
  static let unreadFormat: [UInt8] = [0, 0, 0, 1]

  /// Every row in this version's encoding, in a transaction.
  ///
  /// A row of the history, or a hook, that cannot be read decides about nothing else: it is kept behind `unreadFormat`.
  ///
  /// - Throws: `damaged` for a guest that cannot be read: what is defined is not guessed.
  static func upgradeRows(_ db: Database, path: String) throws {
    for found in try Row.fetchAll(db, sql: "SELECT id, name, record FROM guests") {
      let record: Data
      do {
        let former = try formerGuest(found)
        record = Data(try Wire.StoredGuestRow(lifecycle: former.lifecycle, createdAt: former.createdAt).xdrEncoded())
      } catch {
        let name = String.fromDatabaseValue(found["name"]) ?? "of an unreadable name"
        throw StoreError.damaged(path: path, reason: "guest \(Visible.text(name, limit: 80)): \(error)")
      }
      try db.execute(
        sql: "UPDATE guests SET record = ? WHERE id = ?", arguments: [record, found["id"] as DatabaseValue])
    }
    for found in try Row.fetchAll(db, sql: "SELECT guest_id, number, record FROM runs") {
      let record = try encoded(found, "record") { try Wire.StoredRunRow(FormerRow.run($0)).xdrEncoded() }
      try db.execute(
        sql: "UPDATE runs SET record = ? WHERE guest_id = ? AND number = ?",
        arguments: [record, found["guest_id"] as DatabaseValue, found["number"] as DatabaseValue])
    }
    for found in try Row.fetchAll(db, sql: "SELECT name, spec FROM hooks") {
      let spec = try encoded(found, "spec") { try Wire.StoredHookRow(FormerRow.hook($0)).xdrEncoded() }
      try db.execute(
        sql: "UPDATE hooks SET spec = ? WHERE name = ?", arguments: [spec, found["name"] as DatabaseValue])
    }
    // The journal can have a million rows: a thousand at a time.
    var last = Int64.min
    while true {
      let rows = try Row.fetchAll(
        db, sql: "SELECT sequence, event FROM journal WHERE sequence > ? ORDER BY sequence LIMIT 1000",
        arguments: [last])
      guard !rows.isEmpty else { return }
      for found in rows {
        // It is the row's own number, which is of no other type.
        let sequence: Int64 = found["sequence"]
        let event = try encoded(found, "event") { try Wire.Event(FormerRow.journalEntry($0)).xdrEncoded() }
        try db.cachedStatement(sql: "UPDATE journal SET event = ? WHERE sequence = ?")
          .execute(arguments: [event, sequence])
        last = sequence
      }
    }
  }

  /// A column in this version's encoding, or as it is behind `unreadFormat`.
  private static func encoded(_ row: Row, _ column: String, _ encode: ([UInt8]) throws -> [UInt8]) throws -> Data {
    // Not NULL by the schema; a number in it has bytes as a text has.
    let former = Data.fromDatabaseValue(row[column]) ?? Data("\(row[column] as DatabaseValue)".utf8)
    do { return Data(try encode(Array(former))) } catch let error as DatabaseError {
      throw error
    } catch {
      return Data(unreadFormat) + former
    }
  }

  /// A guest of a row that a former version wrote.
  static func formerGuest(_ row: Row) throws -> StoredGuest {
    guard let name = String.fromDatabaseValue(row["name"]), let record = Data.fromDatabaseValue(row["record"]) else {
      throw GuestError(.storage, "its row has values of another kind")
    }
    let former = try FormerGuest(name: GuestName(name), row: Array(record))
    return StoredGuest(lifecycle: former.lifecycle, createdAt: former.createdAt)
  }
}
