import CLinuxSystem
import Glibc

/// The service manager's protocol (sd_listen_fds(3), sd_notify(3)): a few environment variables and one datagram.
public enum ServiceManager {
  /// A socket that was opened for us, with the name its unit gave it.
  public struct PassedSocket: Sendable {
    public var name: String
    public var fd: OwnedFD
  }

  private static let firstDescriptor: Int32 = 3

  /// The sockets that were passed to this process, once: the variables are removed so that no child takes them for its own.
  public static func takeSockets() -> [PassedSocket] {
    defer {
      unsetenv("LISTEN_PID")
      unsetenv("LISTEN_FDS")
      unsetenv("LISTEN_FDNAMES")
    }
    guard variable("LISTEN_PID").flatMap({ Int32($0) }) == getpid(),
      let count = variable("LISTEN_FDS").flatMap({ Int32($0) }), (1...64).contains(count)
    else { return [] }
    let names = (variable("LISTEN_FDNAMES") ?? "").split(separator: ":", omittingEmptySubsequences: false).map(
      String.init)
    return (0..<count).map { index in
      let fd = OwnedFD(adopting: firstDescriptor + index)
      try? fd.setCloseOnExec(true)
      return PassedSocket(name: Int(index) < names.count ? names[Int(index)] : "", fd: fd)
    }
  }

  /// True if a service manager waits for `READY=1`.
  public static var isListening: Bool { variable("NOTIFY_SOCKET") != nil }

  /// Sends a state to the service manager, for example `READY=1\nSTATUS=3 guests`. Does nothing without one.
  public static func notify(_ state: String) {
    guard let path = variable("NOTIFY_SOCKET"), !path.isEmpty else { return }
    let fd = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard fd >= 0 else { return }
    defer { close(fd) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var name = Array(path.utf8)
    guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
    if name[0] == UInt8(ascii: "@") { name[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count + (name[0] == 0 ? 0 : 1))
    let bytes = Array(state.utf8)
    withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        _ = sendto(fd, bytes, bytes.count, Int32(MSG_NOSIGNAL), pointer, length)
      }
    }
  }

  private static func variable(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    return String(cString: value)
  }
}
