internal import Guest
internal import GuestStore
internal import LinuxSystem
internal import Logging
internal import Supervision

// A full disk. A file that is there to be given up makes room for ends to be stored; until there is room again for more
// than that, nothing new is begun.

extension GuestManager {
  private static let reserveBytes = 1 << 20
  /// Free space that the daemon wants to see before it takes new work again.
  private static let comfortBytes: UInt64 = 4 << 20

  func releaseReserve() { try? Files.removeTree(environment.paths.reserve) }

  /// A commit has succeeded. After a full disk that may have been the reserve's doing.
  func storageWorks() {
    guard let fault = storageFault, rescue == nil, !fault.isFinal else { return }
    if fault.isFull { return lookForSpace() }
    storageFault = nil
    logger.notice("storage works again")
  }

  /// Once a second while the disk is full.
  func lookForSpace() {
    guard let fault = storageFault, fault.isFull, rescue == nil, book.isSettled,
      let free = Files.freeBytes(environment.paths.state), free >= Self.comfortBytes
    else { return }
    storageFault = nil
    logger.notice("there is space again", metadata: ["free": "\(free)"])
    writer.perform { _ in self.restoreReserve() }
  }

  nonisolated func restoreReserve() {
    let path = environment.paths.reserve
    guard !Files.exists(path) else { return }
    // Real blocks, not a hole; if there is no room for it there is no harm.
    let bytes = [UInt8](repeating: 0x4c, count: Self.reserveBytes)
    try? Files.writeAtomically(bytes, to: path)
  }
}
