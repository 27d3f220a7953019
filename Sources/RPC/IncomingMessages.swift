public import WireProtocol
public import XDR

/// A call that passed every check: program, version, procedure, right, read-only socket, number of open calls.
public struct IncomingCall: Sendable {
  public let program: UInt32
  public let version: UInt32
  public let procedure: RPCProcedureInfo
  public let serial: UInt32
  /// The encoded arguments.
  public let args: ArraySlice<UInt8>
  /// Descriptors that came with the call; the receiver of the call closes them.
  public let descriptors: [Int32]

  /// The arguments, or the error to answer with.
  public func decode<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type
  ) throws(RPCErrorBody) -> Procedure.Args {
    do throws(XDRError) {
      return try Procedure.Args(xdr: args)
    } catch {
      throw RPCErrorBody(.invalidArgument, "\(Procedure.name): argument \(error)")
    }
  }

  func replyHeader(
    payload: Int, type: MessageType = .reply, status: MessageStatus = .ok
  ) -> FrameHeader {
    FrameHeader(
      payload: payload, program: program, version: version, procedure: procedure.number, type: type, serial: serial,
      status: status)
  }
}

/// An event as it came.
public struct IncomingEvent: Sendable {
  public let program: UInt32
  public let version: UInt32
  public let procedure: Int32
  /// The encoded body.
  public let body: ArraySlice<UInt8>

  /// The body, if this is an event of that kind, in that version of its program.
  public func decode<Event: RPCEvent>(_ event: Event.Type) throws(XDRError) -> Event.Body? {
    guard program == Event.Program.number, version == Event.Program.version, procedure == Event.number else {
      return nil
    }
    return try Event.Body(xdr: body)
  }
}

/// A piece of the stream that belongs to the call with this serial.
public struct IncomingStream: Sendable {
  public enum Content: Sendable {
    case data(ArraySlice<UInt8>)
    /// The sender is done; the stream is closed.
    case finished
    /// The sender gave up; the stream is closed. The error is there when a server says so.
    case aborted(RPCErrorBody?)
  }

  public let serial: UInt32
  public let content: Content
}

/// Which side of the wire a frame was on, for traces.
public enum FrameDirection: String, Sendable {
  case received = "<-"
  case sent = "->"
}

/// Called with every frame that passes, when tracing is on.
public typealias FrameTrace = @Sendable (FrameDirection, FrameHeader) -> Void
