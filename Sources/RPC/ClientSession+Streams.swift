public import XDR

extension ClientSession {
  /// Makes a call that leaves a stream open under its serial. Stream data may come as soon as its reply has.
  public mutating func openStream<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args, deadline: UInt64? = nil
  ) throws(RPCCallError) -> UInt32 {
    let serial = try call(procedure, args, deadline: deadline)
    openStreams[serial] = OpenStream(
      call: OpenCall(
        program: Procedure.Program.number, version: Procedure.Program.version, procedure: Procedure.number,
        deadline: nil))
    return serial
  }

  /// Sends data; false when the stream is not open any more.
  @discardableResult
  public mutating func send(stream serial: UInt32, _ data: ArraySlice<UInt8>) -> Bool {
    guard let stream = openStreams[serial], !stream.sentEnd, !link.isClosed else { return false }
    var rest = data
    while !rest.isEmpty {
      let piece = rest.prefix(ServerSession.streamPiece)
      rest = rest.dropFirst(piece.count)
      let header = stream.call.header(serial, payload: piece.count, type: .stream, status: .continue)
      link.send(encodeFrame(header, payload: Array(piece)))
    }
    return true
  }

  /// Says that no more data comes.
  public mutating func finish(stream serial: UInt32) {
    guard var stream = openStreams[serial], !stream.sentEnd else { return }
    link.send(encodeFrame(stream.call.header(serial, payload: 0, type: .stream)))
    stream.sentEnd = true
    openStreams[serial] = stream.receivedEnd ? nil : stream
  }

  /// Gives a stream up. A client sends no reason.
  public mutating func abort(stream serial: UInt32) {
    guard let stream = openStreams.removeValue(forKey: serial) else { return }
    link.send(encodeFrame(stream.call.header(serial, payload: 0, type: .stream, status: .error)))
  }

  mutating func handleStream(_ frame: Frame) -> Event? {
    let header = frame.header
    // Data may still be on its way after this side has given up, so a stream that is not open is no fault.
    guard var stream = openStreams[header.serial], stream.call.matches(header), !stream.receivedEnd else { return nil }
    let content: IncomingStream.Content
    switch header.status {
    case .continue:
      content = .data(frame.payload)
    case .ok:
      content = .finished
      stream.receivedEnd = true
      openStreams[header.serial] = stream.sentEnd ? nil : stream
    case .error:
      content = .aborted(try? RPCErrorBody(xdr: frame.payload))
      openStreams[header.serial] = nil
    }
    return .stream(IncomingStream(serial: header.serial, content: content))
  }
}
