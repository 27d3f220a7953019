internal import Foundation
internal import GRDB
public import Guest

extension GuestStore {
  /// Drops the oldest rows of the journal that retention no longer keeps, a few thousand at a time so that nothing waits
  /// for it, and runs of guests that were removed as long ago.
  ///
  /// - Returns: true if there is more to drop.
  public func prune(_ retention: Retention, now: Timestamp) throws(StoreError) -> Bool {
    try write { db in
      guard let oldest = try Int64.fetchOne(db, sql: "SELECT min(sequence) FROM journal"),
        let newest = try Int64.fetchOne(db, sql: "SELECT max(sequence) FROM journal")
      else { return false }
      // Rows up to this number can go, by whichever limit goes furthest; the newest row always stays.
      var last = newest - Int64(clamping: retention.events)
      let age = now.nanoseconds - Int64(clamping: retention.ageSeconds) * 1_000_000_000
      if let byAge = try Int64.fetchOne(db, sql: "SELECT max(sequence) FROM journal WHERE time < ?", arguments: [age]) {
        last = max(last, byAge)
      }
      let size = try Int64.fetchOne(db, sql: "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name = 'journal'")
      if let size, size > Int64(clamping: retention.bytes) {
        let count = newest - oldest + 1
        last = max(last, oldest + count * (size - Int64(clamping: retention.bytes)) / size)
      }
      last = min(last, newest - 1)
      guard last >= oldest else { return false }
      let until = min(last, oldest + 4_000)
      try db.execute(sql: "DELETE FROM journal WHERE sequence <= ?", arguments: [until])
      try db.execute(
        sql: "DELETE FROM runs WHERE sequence <= ? AND guest_id NOT IN (SELECT id FROM guests)", arguments: [until])
      return until < last
    }
  }

  public func save(_ hook: StoredHook) throws(StoreError) {
    try write { db in
      try db.execute(
        sql: """
          INSERT OR REPLACE INTO hooks (name, spec, position, runs, failures, last_error, started, attempt)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          hook.name, Data(Self.rowFormat + hook.spec), Int64(clamping: hook.position), Int64(clamping: hook.runs),
          Int64(clamping: hook.failures), hook.lastError, Int64(clamping: hook.started),
          Int64(clamping: hook.attempt),
        ])
    }
  }

  public func removeHook(_ name: String) throws(StoreError) {
    try write { db in try db.execute(sql: "DELETE FROM hooks WHERE name = ?", arguments: [name]) }
  }
}
