internal import FormerProtocol
internal import Foundation
internal import GRDB
internal import Guest
internal import GuestWire
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

  /// Every row in this version's encoding. Runs in a transaction; throws `damaged` for the first row that cannot be read.
  static func upgradeRows(_ db: Database, path: String) throws {
    func row<Value>(_ noun: String, _ body: () throws -> Value) throws -> Value {
      do { return try body() } catch let error as DatabaseError {
        throw error
      } catch {
        throw StoreError.damaged(path: path, reason: "\(noun): \(error)")
      }
    }
    for found in try Row.fetchAll(db, sql: "SELECT name, record FROM guests") {
      let name: String = found["name"]
      let record = try row("guest \(Visible.text(name, limit: 80))") {
        let former = try FormerGuest(name: GuestName(name), row: Array(found["record"] as Data))
        return try Wire.StoredGuestRow(lifecycle: former.lifecycle, createdAt: former.createdAt).xdrEncoded()
      }
      try db.execute(sql: "UPDATE guests SET record = ? WHERE name = ?", arguments: [Data(record), name])
    }
    for found in try Row.fetchAll(db, sql: "SELECT guest_id, number, record FROM runs") {
      let number: Int64 = found["number"]
      let record = try row("run \(number)") {
        try Wire.StoredRunRow(FormerRow.run(Array(found["record"] as Data))).xdrEncoded()
      }
      try db.execute(
        sql: "UPDATE runs SET record = ? WHERE guest_id = ? AND number = ?",
        arguments: [Data(record), found["guest_id"] as Int64, number])
    }
    for found in try Row.fetchAll(db, sql: "SELECT name, spec FROM hooks") {
      let name: String = found["name"]
      let record = try row("hook \(Visible.text(name, limit: 80))") {
        try Wire.StoredHookRow(FormerRow.hook(Array(found["spec"] as Data))).xdrEncoded()
      }
      try db.execute(sql: "UPDATE hooks SET spec = ? WHERE name = ?", arguments: [Data(record), name])
    }
    // The journal can have a million rows: a thousand at a time.
    var last: Int64 = -1
    while true {
      let rows = try Row.fetchAll(
        db, sql: "SELECT sequence, event FROM journal WHERE sequence > ? ORDER BY sequence LIMIT 1000",
        arguments: [last])
      guard !rows.isEmpty else { return }
      for found in rows {
        let sequence: Int64 = found["sequence"]
        let event = try row("journal row \(sequence)") {
          try Wire.Event(FormerRow.journalEntry(Array(found["event"] as Data))).xdrEncoded()
        }
        try db.cachedStatement(sql: "UPDATE journal SET event = ? WHERE sequence = ?")
          .execute(arguments: [Data(event), sequence])
        last = sequence
      }
    }
  }
}
