internal import Guest
internal import GuestStore
internal import Layout
internal import LinuxSystem
internal import Logging
internal import NIOCore
internal import Supervision

// A full disk. A file that is there to be given up makes room for ends to be stored; until there is room again for more
// than that, nothing new is begun.

extension Guests {
  private static let reserveBytes = 1 << 20
  /// Free space that the daemon wants to see before it takes new work again.
  private static let comfortBytes: UInt64 = 4 << 20

  func releaseReserve() { try? Files.removeTree(environment.paths.reserve) }

  /// A commit has succeeded. After a full disk that may have been the reserve's doing.
  func storageWorks() {
    guard let fault = storageFault, rescue == nil, !fault.isFinal else { return }
    if fault.isFull { return lookForSpace() }
    storageFault = nil
    book.diskWorks()
    logger.notice("storage works again")
  }

  /// Once a second while the disk is full.
  func lookForSpace() {
    guard let fault = storageFault, fault.isFull, rescue == nil, book.isSettled,
      let free = Files.freeBytes(environment.paths.state), free >= Self.comfortBytes
    else { return }
    storageFault = nil
    book.diskWorks()
    logger.notice("there is space again", metadata: ["free": "\(free)"])
    writer.perform { _ in self.restoreReserve() }
  }

  /// Whether the database is still the one that was opened: once a second.
  func checkDatabase() {
    if rescue != nil { return tryDatabase() }
    guard storageFault?.isFinal != true, storageFault?.isFull != true, !isCheckingDatabase else { return }
    // With a fault and nothing to store, nothing else would find out that the disk takes something again.
    let isFaulty = storageFault != nil
    if isFaulty, !book.isSettled { return }
    isCheckingDatabase = true
    writer.perform { store in
      let result = Result { () throws(StoreError) in try isFaulty ? store.noteBoot() : store.check() }
      self.eventLoop.execute { self.onLoop { $0.databaseChecked(result) } }
    }
  }

  /// A disk that failed at the start may work by now. What to do with what it holds is decided at a start, so it takes one.
  private func tryDatabase() {
    guard let rescue, !rescue.isFinal, storageFault == rescue, !isCheckingDatabase else { return }
    let moment = now.boot
    guard moment.nanoseconds >= nextDatabaseTry.at.nanoseconds else { return }
    // To open one of a former version copies it, so not every second.
    let pause = nextDatabaseTry.pauseMillis
    nextDatabaseTry = (moment.adding(milliseconds: pause), min(2 * pause, 60_000))
    isCheckingDatabase = true
    let path = environment.paths.database
    let boot = environment.boot
    writer.perform { _ in
      let works: Bool
      do throws(StoreError) {
        let store = try GuestStore(path: path, boot: boot)
        _ = try store.load()
        try store.close()
        works = true
      } catch {
        works = false
      }
      self.eventLoop.execute { self.onLoop { $0.databaseTried(works) } }
    }
  }

  private func databaseTried(_ works: Bool) {
    isCheckingDatabase = false
    guard works, let rescue else { return }
    storageFault = .failed(
      path: environment.paths.database,
      reason: "it can be used again, restart lodged; at the start it could not: \(rescue)")
    logger.error("the database can be used again: restart lodged")
  }

  private func databaseChecked(_ result: Result<Void, StoreError>) {
    isCheckingDatabase = false
    switch result {
    case .success: if storageFault != nil { storageWorks() }
    case .failure(let error):
      // A batch that is on its way finds out by itself; what is known already is known.
      if !book.isWriting, storageFault == nil || error.isFinal { storageFails(error) }
    }
  }

  /// The database is lost, and this daemon still knows every guest: written down for the next one, which can then show
  /// them.
  func keepCopy() {
    let guests = book.all.compactMap(\.committed)
    let path = environment.paths.copy
    let boot = environment.boot
    let time = now.wall
    writer.perform { [logger] _ in
      for suffix in ["", "-wal", "-shm"] { try? Files.removeTree(path + suffix) }
      do {
        let store = try GuestStore(path: path, boot: boot)
        _ = try store.commit(
          guests.map { Change(guest: $0.lifecycle.name, record: .save($0), events: [], time: time) },
          retention: Retention())
        try store.close()
        logger.notice("wrote down what is known of the guests", metadata: ["path": "\(path)"])
      } catch {
        logger.error("cannot write down what is known of the guests", metadata: ["error": "\(error)"])
      }
    }
  }

  nonisolated func restoreReserve() {
    let path = environment.paths.reserve
    guard !Files.exists(path) else { return }
    // Real blocks, not a hole; if there is no room for it there is no harm.
    let bytes = [UInt8](repeating: 0x4c, count: Self.reserveBytes)
    try? Files.writeAtomically(bytes, to: path)
  }
}
