import LinuxSystem
import RPC

/// Either session, as far as writing its output goes.
protocol OutputSession {
  var output: OutputQueue { get }
  mutating func sentBytes(_ count: Int)
  mutating func sentDescriptor()
  mutating func outputBroke()
}

extension ServerSession: OutputSession {}
extension ClientSession: OutputSession {}

extension OutputSession {
  /// Writes as much as the socket takes. What is left is in `output`, to be written when the socket is writable.
  mutating func flush(to socket: Int32) {
    while true {
      do throws(SystemError) {
        switch output.next {
        case .idle:
          return
        case .bytes(let count):
          guard let sent = try send(output.bytes.prefix(count), to: socket) else { return }
          sentBytes(sent)
        case .descriptor(let number):
          guard try DescriptorPassing.send(number, to: socket) else { return }
          sentDescriptor()
        }
      } catch {
        // The peer is gone. What it sent before may still be read, and reading finds the end.
        outputBroke()
        return
      }
    }
  }

  private func send(_ bytes: ArraySlice<UInt8>, to socket: Int32) throws(SystemError) -> Int? {
    var failure: SystemError?
    let sent = bytes.withUnsafeBytes { buffer -> Int? in
      do throws(SystemError) {
        return try UnixSocket.send(buffer, to: socket)
      } catch {
        failure = error
        return nil
      }
    }
    if let failure { throw failure }
    return sent
  }
}
