import Glibc
import LinuxSystem

/// A connection that sends whatever bytes a test likes, and reads frames only as far as their headers.
///
/// Written from protocol/README.md alone, so that it does not share a mistake with the code under test.
public final class RawConnection: @unchecked Sendable {
  public struct Frame: Sendable, Equatable {
    public var program: UInt32
    public var version: UInt32
    public var procedure: UInt32
    public var type: UInt32
    public var serial: UInt32
    public var status: UInt32
    public var payload: [UInt8]

    /// Of a reply with an error: its stable code.
    public var errorCode: UInt32? {
      status == 1 && payload.count >= 4 ? RawConnection.word(payload[0..<4]) : nil
    }

    /// The payload with what is no printable ASCII as dots, for a failing test to print.
    public var text: String {
      String(decoding: payload.map { (0x20..<0x7f).contains($0) ? $0 : UInt8(ascii: ".") }, as: UTF8.self)
    }
  }

  public static let admin: UInt32 = 0x2000_0001
  public static let keepalive: UInt32 = 0x6b65_6570

  private let socket: OwnedFD
  private var pending: [UInt8] = []

  public init(to path: String) throws { socket = try UnixSocket.connect(to: path) }

  public func close() { socket.close() }

  /// False when the peer has closed.
  @discardableResult
  public func send(_ bytes: [UInt8]) throws -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      do {
        guard let sent = try rest.withUnsafeBytes({ try UnixSocket.send($0, to: socket.rawValue) }) else { continue }
        rest = rest.dropFirst(sent)
      } catch let error as SystemError where error.errno == EPIPE || error.errno == ECONNRESET {
        return false
      }
    }
    return true
  }

  /// The next frame that is no keepalive; nil when the peer has closed.
  public func receive(seconds: Double = 15) throws -> Frame? {
    while true {
      if pending.count >= 4 {
        let length = Int(Self.word(pending[0..<4]))
        if length >= 28, pending.count >= length {
          let words = stride(from: 4, to: 28, by: 4).map { Self.word(pending[$0..<($0 + 4)]) }
          let frame = Frame(
            program: words[0], version: words[1], procedure: words[2], type: words[3], serial: words[4],
            status: words[5], payload: Array(pending[28..<length]))
          pending.removeFirst(length)
          if frame.program != Self.keepalive { return frame }
          if frame.procedure == 1 { try send(Self.frame(program: Self.keepalive, procedure: 2, type: 2)) }
          continue
        }
      }
      guard waitUntilReadable(socket.rawValue, seconds: seconds) else {
        throw TooLate(description: "the daemon neither answered nor closed within \(seconds) s")
      }
      var buffer = [UInt8](repeating: 0, count: 65536)
      do {
        switch try buffer.withUnsafeMutableBytes({ try UnixSocket.receive(into: $0, from: socket.rawValue) }) {
        case .bytes(let count): pending += buffer[..<count]
        case .end: return nil
        case .wouldBlock: continue
        }
      } catch let error as SystemError where error.errno == ECONNRESET {
        return nil
      }
    }
  }

  /// Reads until the peer closes; what it said before.
  public func receiveUntilClosed(seconds: Double = 15) throws -> [Frame] {
    var frames: [Frame] = []
    while let frame = try receive(seconds: seconds) { frames.append(frame) }
    return frames
  }

  // MARK: - Bytes

  public static func bytes(_ word: UInt32) -> [UInt8] {
    [UInt8(word >> 24), UInt8(word >> 16 & 0xff), UInt8(word >> 8 & 0xff), UInt8(word & 0xff)]
  }

  public static func string(_ text: String) -> [UInt8] { opaque(Array(text.utf8)) }

  public static func opaque(_ content: [UInt8]) -> [UInt8] {
    bytes(UInt32(content.count)) + content + [UInt8](repeating: 0, count: (4 - content.count % 4) % 4)
  }

  static func word(_ bytes: ArraySlice<UInt8>) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }

  /// A frame, with any length word a test wants to claim.
  public static func frame(
    program: UInt32 = admin, version: UInt32? = nil, procedure: UInt32, type: UInt32 = 0, serial: UInt32 = 0,
    status: UInt32 = 0, payload: [UInt8] = [], length: UInt32? = nil
  ) -> [UInt8] {
    // The admin program is at version 2; keepalive and everything else has one.
    let version = version ?? (program == admin ? 2 : 1)
    let words = [length ?? UInt32(28 + payload.count), program, version, procedure, type, serial, status]
    return words.flatMap(bytes) + payload
  }

  /// A well-formed HELLO.
  public static func hello(serial: UInt32 = 1) -> [UInt8] {
    frame(procedure: 0, serial: serial, payload: string("test"))
  }
}
