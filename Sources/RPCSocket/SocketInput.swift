import Glibc
import LinuxSystem

/// The result of one read of a nonblocking socket.
enum SocketInput {
  case bytes([UInt8], descriptors: [Int32])
  case wouldBlock
  case end
  case failed(SystemError)

  /// Reads once. Descriptors come as bare numbers: the receiver of the message owns them.
  ///
  /// A reset is the end as well: the peer closed with something of ours unread, and everything it sent came before.
  static func read(from socket: Int32, room: Int, descriptors acceptsDescriptors: Bool) -> SocketInput {
    var outcome = SocketInput.wouldBlock
    var numbers: [Int32] = []
    let bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, initialized in
      let raw = UnsafeMutableRawBufferPointer(buffer)
      do throws(SystemError) {
        let received: Received
        if acceptsDescriptors {
          let (got, owned, _) = try DescriptorPassing.receive(into: raw, from: socket)
          received = got
          numbers = owned.map { $0.release() }
        } else {
          received = try UnixSocket.receive(into: raw, from: socket)
        }
        switch received {
        case .bytes(let count): initialized = count
        case .wouldBlock: outcome = .wouldBlock
        case .end: outcome = .end
        }
      } catch {
        outcome = error.errno == ECONNRESET ? .end : .failed(error)
      }
    }
    return bytes.isEmpty ? outcome : .bytes(bytes, descriptors: numbers)
  }
}
