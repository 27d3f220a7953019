import Glibc
import LinuxSystem

/// The supervisor's end of sd_notify(3): a datagram socket that a service says READY=1 to.
final class NotifySocket: Sendable {
  let path: String
  let fd: OwnedFD

  init(at path: String) throws {
    self.path = path
    unlink(path)
    let socket = OwnedFD(
      adopting: try check("create socket", on: path) {
        Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      })
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    precondition(path.utf8.count < MemoryLayout.size(ofValue: address.sun_path), "socket path is too long: \(path)")
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    try check("bind", on: path) {
      withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(socket.rawValue, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
    }
    fd = socket
  }

  deinit { unlink(path) }

  /// One message, which is there already.
  func receive() -> String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let got = recv(fd.rawValue, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    return String(decoding: buffer.prefix(max(0, got)), as: UTF8.self)
  }
}
