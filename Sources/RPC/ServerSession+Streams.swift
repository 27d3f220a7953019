public import WireProtocol
public import XDR

// A stream belongs to a call: its messages carry the call's program, version, procedure and serial, in both
// directions. Each side sends data and then says that it is done; when both have, or one gives up, it is closed.

extension ServerSession {
  /// Longest piece of stream data in one message.
  static let streamPiece = 64 * 1024

  mutating func handleStream(_ frame: Frame) -> Event? {
    // Data may still be on its way after this side has given up, so a stream that is not open is no fault.
    guard let index = openStreams.firstIndex(where: { $0.call.serial == frame.header.serial }),
      !openStreams[index].receivedEnd
    else { return nil }
    let content: IncomingStream.Content
    switch frame.header.status {
    case .continue:
      content = .data(frame.payload)
    case .ok:
      content = .finished
      openStreams[index].receivedEnd = true
      if openStreams[index].sentEnd { openStreams.remove(at: index) }
    case .error:
      content = .aborted(nil)
      openStreams.remove(at: index)
    }
    return .stream(IncomingStream(serial: frame.header.serial, content: content))
  }

  /// Answers a call and leaves a stream open under its serial; false (and an error to the client) when it has too
  /// many.
  public mutating func openStream<Procedure: RPCProcedure>(
    for call: IncomingCall, _ procedure: Procedure.Type, _ result: Procedure.Reply
  ) -> Bool {
    guard isOpen(call) else { return false }
    guard openStreams.count < configuration.streams else {
      fail(call, RPCErrorBody(.limitReached, "\(call.procedure.name): \(configuration.streams) streams are open"))
      return false
    }
    openStreams.append(OpenStream(call: call))
    reply(to: call, procedure, result)
    return true
  }

  /// Sends data; false when the stream is not open any more.
  @discardableResult
  public mutating func send(stream serial: UInt32, _ data: ArraySlice<UInt8>) -> Bool {
    guard let stream = openStreams.first(where: { $0.call.serial == serial }), !stream.sentEnd else { return false }
    var rest = data
    while !rest.isEmpty {
      let piece = rest.prefix(ServerSession.streamPiece)
      rest = rest.dropFirst(piece.count)
      enqueue(
        encodeFrame(
          stream.call.replyHeader(payload: piece.count, type: .stream, status: .continue), payload: Array(piece)))
    }
    return true
  }

  /// Says that no more data comes.
  public mutating func finish(stream serial: UInt32) {
    guard let index = openStreams.firstIndex(where: { $0.call.serial == serial }), !openStreams[index].sentEnd else {
      return
    }
    enqueue(encodeFrame(openStreams[index].call.replyHeader(payload: 0, type: .stream)))
    openStreams[index].sentEnd = true
    if openStreams[index].receivedEnd { openStreams.remove(at: index) }
  }

  /// Gives a stream up and says why.
  public mutating func abort(stream serial: UInt32, _ error: RPCErrorBody) {
    guard let index = openStreams.firstIndex(where: { $0.call.serial == serial }) else { return }
    let call = openStreams.remove(at: index).call
    let error = error.sendable()
    let header = call.replyHeader(payload: error.xdrSize, type: .stream, status: .error)
    if let frame = try? encodeFrame(header, error) { enqueue(frame) }
  }
}
