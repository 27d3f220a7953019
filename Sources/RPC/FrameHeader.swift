public import XDR

/// The kind of a frame; `rpc_message_type` in protocol/rpc.x.
public enum MessageType: Int32, Sendable, Hashable {
  case call = 0
  case reply = 1
  case event = 2
  case stream = 3
  case callWithDescriptors = 4
  case replyWithDescriptors = 5

  /// Whether a count comes before the payload and so many descriptors after the frame.
  var carriesDescriptors: Bool { self == .callWithDescriptors || self == .replyWithDescriptors }
}

/// The outcome; `rpc_status` in protocol/rpc.x.
public enum MessageStatus: Int32, Sendable, Hashable {
  case ok = 0
  case error = 1
  case `continue` = 2

  /// Behind the type in a trace, which leaves success out.
  var traceSuffix: String {
    switch self {
    case .ok: ""
    case .error: " error"
    case .continue: " continue"
    }
  }
}

/// The first 28 bytes of every frame; `rpc_header` in protocol/rpc.x.
public struct FrameHeader: Sendable, Hashable {
  /// Bytes on the wire of a header, its length word included.
  public static let size = 28

  /// Of the whole frame, the length word included.
  public var length: UInt32
  public var program: UInt32
  public var version: UInt32
  public var procedure: Int32
  public var type: MessageType
  /// Chosen by the client and unique among its open calls; 0 in events.
  public var serial: UInt32
  public var status: MessageStatus

  /// `payload` is what follows the header.
  public init(
    payload: Int = 0, program: UInt32, version: UInt32, procedure: Int32, type: MessageType, serial: UInt32 = 0,
    status: MessageStatus = .ok
  ) {
    length = UInt32(clamping: FrameHeader.size + payload)
    self.program = program
    self.version = version
    self.procedure = procedure
    self.type = type
    self.serial = serial
    self.status = status
  }

  public func encode(into writer: inout XDRWriter) {
    writer.writeUInt32(length)
    writer.writeUInt32(program)
    writer.writeUInt32(version)
    writer.writeInt32(procedure)
    writer.writeInt32(type.rawValue)
    writer.writeUInt32(serial)
    writer.writeInt32(status.rawValue)
  }
}

extension FrameHeader: CustomStringConvertible {
  /// `call 0x20000001/1 procedure 3 serial 7, 36 bytes`: one line of a trace.
  public var description: String {
    "\(type)\(status.traceSuffix) 0x\(String(program, radix: 16))/\(version) procedure \(procedure) serial \(serial), "
      + "\(length) bytes"
  }
}
