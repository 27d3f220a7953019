public import XDR

/// A frame that is encoded already, to be sent to any number of peers.
public struct EncodedFrame: Sendable, Hashable {
  /// The whole frame, header included.
  public let bytes: [UInt8]

  /// An event. Fails only when the body breaks a bound of its `.x`.
  public static func event<Event: RPCEvent>(
    _ event: Event.Type, _ body: Event.Body
  ) throws(XDRError) -> EncodedFrame {
    let header = FrameHeader(
      payload: body.xdrSize, program: Event.Program.number, version: Event.Program.version, procedure: Event.number,
      type: .event)
    return EncodedFrame(bytes: try encodeFrame(header, body))
  }

  /// The same around a body that is encoded already.
  public static func event<Event: RPCEvent>(_ event: Event.Type, payload: [UInt8]) -> EncodedFrame {
    EncodedFrame(
      bytes: encodeFrame(
        FrameHeader(
          payload: payload.count, program: Event.Program.number, version: Event.Program.version,
          procedure: Event.number,
          type: .event), payload: payload))
  }
}

/// Header and body in one allocation of exactly their size.
func encodeFrame<Body: XDRCodable>(_ header: FrameHeader, _ body: Body) throws(XDRError) -> [UInt8] {
  var writer = XDRWriter(capacity: Int(header.length))
  header.encode(into: &writer)
  try body.encode(into: &writer)
  return writer.finish()
}

/// A frame around a payload that is encoded already.
func encodeFrame(_ header: FrameHeader, payload: [UInt8] = []) -> [UInt8] {
  var writer = XDRWriter(capacity: FrameHeader.size + payload.count)
  header.encode(into: &writer)
  writer.writeRaw(payload)
  return writer.finish()
}

/// A message with descriptors: their count comes before the body. The descriptors themselves follow the frame.
func encodeFrame<Body: XDRCodable>(
  _ header: FrameHeader, descriptors: Int, _ body: Body
) throws(XDRError) -> [UInt8] {
  var header = header
  header.length = UInt32(clamping: Int(header.length) + 4)
  var writer = XDRWriter(capacity: Int(header.length))
  header.encode(into: &writer)
  writer.writeUInt32(UInt32(clamping: descriptors))
  try body.encode(into: &writer)
  return writer.finish()
}
