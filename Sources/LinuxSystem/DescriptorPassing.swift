import CLinuxSystem
import Glibc

/// Descriptors over a Unix socket in libvirt's form: for each one a sendmsg(2) of a single 0x00 byte that carries it
/// (SCM_RIGHTS, unix(7)), after the frame that announced how many come.
public enum DescriptorPassing {
  /// The most descriptors one receive takes; libvirt's bound for one message as well.
  public static let most = 32

  /// Sends one descriptor; false when the socket is full (nothing was sent, try again when writable).
  public static func send(_ descriptor: Int32, to socket: Int32) throws(SystemError) -> Bool {
    while true {
      if ls_send_fd(socket, 0, descriptor) == 1 { return true }
      switch errno {
      case EINTR: continue
      case EAGAIN: return false
      default: throw .last("send descriptor", on: "fd \(socket)")
      }
    }
  }

  /// Receives bytes and the descriptors that came with them, close-on-exec.
  ///
  /// The kernel ends a receive at the bytes of one sendmsg(2) that carried descriptors. `truncated` says that more
  /// came than `room`; those are closed already, and the sender broke the protocol.
  public static func receive(
    into buffer: UnsafeMutableRawBufferPointer, from socket: Int32, room: Int = most
  ) throws(SystemError) -> (received: Received, descriptors: [OwnedFD], truncated: Bool) {
    let room = min(room, most)
    var truncated: Int32 = 0
    var failure: SystemError?
    var received = Received.end
    let descriptors = withUnsafeTemporaryAllocation(of: Int32.self, capacity: most) { fds -> [OwnedFD] in
      while true {
        var count = Int32(room)
        let got = ls_recv_fds(socket, buffer.baseAddress, buffer.count, fds.baseAddress, &count, &truncated)
        if got == -1 {
          switch errno {
          case EINTR: continue
          case EAGAIN: received = .wouldBlock
          default: failure = .last("receive", on: "fd \(socket)")
          }
          return []
        }
        received = got == 0 ? .end : .bytes(got)
        return (0..<Int(count)).map { OwnedFD(adopting: fds[$0]) }
      }
    }
    if let failure { throw failure }
    return (received, descriptors, truncated != 0)
  }
}
