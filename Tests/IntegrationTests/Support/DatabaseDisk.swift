import Glibc
import LinuxSystem
import TestSupport

/// The disk that a daemon has its database on, and the means to spoil it.
final class DatabaseDisk: Sendable {
  /// A disk in memory of the daemon's own, in its own mount namespace; see `TestDaemon.start(prelude:)`.
  static let small = "mkdir -p $ROOT/lib; mount -t tmpfs -o size=24m lodge-test $ROOT/lib"

  private let daemon: TestDaemon
  private let folder: String
  private let image: String

  init(_ daemon: TestDaemon) {
    self.daemon = daemon
    folder = "\(daemon.root)/lib"
    image = "\(daemon.root)/disk.img"
  }

  // MARK: - Full

  private func ownFolder() throws -> String {
    guard let pid = daemon.pid else { throw TooLate(description: "lodged does not run") }
    return "/proc/\(pid)/root\(folder)"
  }

  /// Takes all the space there is, in a file of its own.
  func fill() async throws {
    let path = try ownFolder()
    _ = try await Command("/bin/sh")(["-c", "cat /dev/zero > '\(path)/fill' 2>/dev/null"])
  }

  func empty() throws { try Files.removeTree("\(try ownFolder())/fill") }

  // MARK: - Read only

  /// A file system of its own in a file, so that the kernel makes it read-only under the daemon as it does on a fault of the
  /// medium: ext4(5), errors=remount-ro.
  func mountImage() async throws {
    try await run("truncate -s 64M '\(image)' && mkfs.ext4 -q -F '\(image)' && mkdir -p '\(folder)'")
    try await mount()
  }

  private func mount() async throws { try await run("mount -o loop,errors=remount-ro '\(image)' '\(folder)'") }

  func makeReadOnly() throws {
    let device = Files.textOrEmpty("/proc/self/mounts").split(separator: "\n")
      .first { $0.contains(" \(folder) ") }?.split(separator: " ").first?.split(separator: "/").last
    guard let device else { throw TooLate(description: "\(folder) is not mounted") }
    let file = try Files.open("/sys/fs/ext4/\(device)/trigger_fs_error", flags: O_WRONLY)
    try Array("lodge-test".utf8).withUnsafeBytes { try Files.write($0, to: file.rawValue, named: "trigger_fs_error") }
  }

  /// Not while the daemon runs.
  func repairImage() async throws {
    try await run("umount '\(folder)'")
    // 1: errors were corrected, e2fsck(8).
    try await run("e2fsck -fy '\(image)' >/dev/null 2>&1; [ $? -le 1 ]")
    try await mount()
  }

  /// For the end of a test, however it ends.
  func unmount() { if Files.exists(image) { umount2(folder, Int32(MNT_DETACH)) } }

  // MARK: - Damaged

  /// A third of it is overwritten with random bytes while the daemon has it open. What it was is kept.
  func damageUnderTheDaemon() async throws {
    // An orderly end, after which all of it is in the one file.
    try await daemon.terminate()
    try await run("cp -a '\(folder)/lodge.db' '\(daemon.root)/kept.db'")
    try await daemon.start()
    try await run(
      """
      n=$(($(stat -c %s '\(folder)/lodge.db') / 4096))
      dd if=/dev/urandom of='\(folder)/lodge.db' bs=4096 seek=$((n / 3)) count=$((n / 3 + 1)) conv=notrunc status=none
      """)
  }

  func putBack() async throws {
    for suffix in ["", "-wal", "-shm"] { try Files.removeTree("\(folder)/lodge.db\(suffix)") }
    try await run("mv '\(daemon.root)/kept.db' '\(folder)/lodge.db'")
  }

  private func run(_ script: String) async throws {
    let result = try await Command("/bin/sh")(["-c", script])
    guard result.code == 0 else { throw CommandFailure(result) }
  }
}
