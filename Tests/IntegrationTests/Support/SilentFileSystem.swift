import Glibc
import LinuxSystem
import TestSupport

/// A FUSE file system whose server takes every question about a name and answers none: a process that looks into it
/// waits in the kernel, and not even SIGKILL ends that before the server has gone. linux/fuse.h, fuse(4).
final class SilentFileSystem: Sendable {
  let path: String
  /// A pipe with a byte for every question that was taken.
  private let asked: OwnedFD
  private let server: Task<Void, Never>

  init(at path: String) throws {
    self.path = path
    let (asked, asking) = try LinuxSystem.Pipe.make()
    self.asked = asked
    let device = OwnedFD(adopting: try check("open /dev/fuse") { open("/dev/fuse", O_RDWR | O_CLOEXEC) })
    let options = "fd=\(device.rawValue),rootmode=40000,user_id=0,group_id=0,allow_other"
    try check("mount fuse on \(path)") { mount("lodge-test", path, "fuse", UInt(MS_NOSUID), options) }
    server = Task {
      try? await offThread {
        withExtendedLifetime((device, asking)) { SilentFileSystem.serve(device.rawValue, asking.rawValue) }
      }
    }
  }

  /// Returns when a process waits for an answer.
  func waitForAVictim(within seconds: Double = 20) throws {
    guard waitUntilReadable(asked.rawValue, seconds: seconds) else {
      throw TooLate(description: "no process has looked into \(path) within \(seconds) s")
    }
  }

  /// Every waiting process gets an error, and can end.
  func end() async {
    umount2(path, Int32(MNT_FORCE))
    umount2(path, Int32(MNT_DETACH))
    await server.value
  }

  private static func serve(_ device: Int32, _ asking: Int32) {
    var request = [UInt8](repeating: 0, count: 1 << 17)
    while true {
      let count = read(device, &request, request.count)
      if count < 0, errno == EINTR || errno == EAGAIN || errno == ENOENT { continue }
      guard count >= 40 else { return }
      let opcode = request.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self) }
      var answer: [UInt8]?
      var error: Int32 = 0
      switch opcode {
      case 1:  // LOOKUP
        var byte: UInt8 = 1
        _ = write(asking, &byte, 1)
      case 2, 36, 42: break  // FORGET, INTERRUPT, BATCH_FORGET
      case 3:  // GETATTR, of its root: a directory, for an hour
        answer = little(3600, 8) + little(0, 8) + little(1, 8) + little(0, 40) + little(0, 12)
        answer! += little(0o040_755, 4) + little(1, 4) + little(0, 20)
      case 26:  // INIT: version 7.31, writes of a page
        answer = little(7, 4) + little(31, 4) + little(0, 12) + little(4096, 4) + little(1, 4) + little(0, 36)
      default: (answer, error) = ([], -ENOSYS)
      }
      guard let answer else { continue }
      let reply = little(UInt64(16 + answer.count), 4) + little(UInt64(UInt32(bitPattern: error)), 4) + request[8..<16]
      _ = (reply + answer).withUnsafeBytes { write(device, $0.baseAddress, $0.count) }
    }
  }

  private static func little(_ value: UInt64, _ size: Int) -> [UInt8] {
    (0..<size).map { $0 < 8 ? UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) : 0 }
  }
}
