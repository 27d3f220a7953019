internal import Guest
internal import LinuxSystem

// A file that is there to be given up: when the disk is full, its space is what ends are still stored in.

extension GuestManager {
  private static let reserveBytes = 1 << 20

  func releaseReserve() {
    try? Files.removeTree(environment.paths.reserve)
  }

  nonisolated func restoreReserve() {
    let path = environment.paths.reserve
    guard !Files.exists(path) else { return }
    // Real blocks, not a hole; if there is no room for it there is no harm.
    let bytes = [UInt8](repeating: 0x4c, count: Self.reserveBytes)
    try? Files.writeAtomically(bytes, to: path)
  }
}
