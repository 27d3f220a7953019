internal import Foundation
internal import GRDB
public import Guest

extension GuestStore {
  /// The result of a step of pruning.
  public struct Pruned: Sendable, Hashable {
    /// There is more to drop by number or by size.
    public var hasMore: Bool
    /// Rows that were dropped for their age alone, where more than a step's worth was too old.
    public var tooOld: ClosedRange<UInt64>?
  }

  /// Rows that a step drops at most.
  static let pruneStep: Int64 = 4_000

  /// Drops the oldest rows of the journal that retention no longer keeps, a few thousand at a time so that nothing waits
  /// for it, and runs of guests that were removed as long ago.
  ///
  /// A clock that was wrong must not empty the journal. So a row is dropped for its age only when all before it are too
  /// old as well, a row of the present boot only when the host has been up for that long, and a step by age is not followed
  /// by another before the next call.
  /// - Parameter uptimeSeconds: of the host, since `boot`.
  public func prune(_ retention: Retention, now: Timestamp, uptimeSeconds: UInt64) throws(StoreError) -> Pruned {
    try write { db in
      guard let oldest = try Int64.fetchOne(db, sql: "SELECT min(sequence) FROM journal"),
        let newest = try Int64.fetchOne(db, sql: "SELECT max(sequence) FROM journal")
      else { return Pruned(hasMore: false) }
      // Rows up to this number can go, by whichever limit goes furthest; the newest row always stays.
      var last = newest - Int64(clamping: retention.events)
      let size = try Int64.fetchOne(db, sql: "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name = 'journal'")
      if let size, size > Int64(clamping: retention.bytes) {
        let count = newest - oldest + 1
        last = max(last, oldest + count * (size - Int64(clamping: retention.bytes)) / size)
      }
      last = min(last, newest - 1)
      let byAge = min(try self.lastTooOld(retention, now, uptimeSeconds, db) ?? 0, newest - 1)
      let until = max(min(last, oldest + Self.pruneStep), byAge)
      guard until >= oldest else { return Pruned(hasMore: false) }
      try db.execute(sql: "DELETE FROM journal WHERE sequence <= ?", arguments: [until])
      try db.execute(
        sql: "DELETE FROM runs WHERE sequence <= ? AND guest_id NOT IN (SELECT id FROM guests)", arguments: [until])
      let isWholeStep = byAge > last && byAge - oldest + 1 >= Self.pruneStep
      return Pruned(
        hasMore: until < last, tooOld: isWholeStep ? UInt64(clamping: oldest)...UInt64(clamping: byAge) : nil)
    }
  }

  /// The last of the rows at the front of the journal that are too old, each of them; nil where the first is not.
  private func lastTooOld(
    _ retention: Retention, _ now: Timestamp, _ uptimeSeconds: UInt64, _ db: Database
  ) throws -> Int64? {
    let limit = now.nanoseconds - Int64(clamping: retention.ageSeconds) * 1_000_000_000
    let rows = try Row.fetchCursor(
      db, sql: "SELECT sequence, time, boot FROM journal ORDER BY sequence LIMIT ?", arguments: [Self.pruneStep])
    var last: Int64?
    while let row = try rows.next() {
      // A row without a time is as old as the one before it.
      let isOfThisBoot = (try? row.bytes("boot")).flatMap { BootID($0) } == boot
      let time: Int64 = (try? row.value("time")) ?? 0
      guard time < limit, !isOfThisBoot || uptimeSeconds >= retention.ageSeconds else { break }
      last = try row.number("sequence")
    }
    return last
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
