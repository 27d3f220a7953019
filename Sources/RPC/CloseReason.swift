/// Bytes that are no frame. The connection they came on cannot go on, because the start of the next frame is unknown.
public enum FrameError: Error, Sendable, Hashable {
  case badLength(UInt32, limit: Int)
  case unknownType(Int32)
  case unknownStatus(Int32)
  /// A message that announced more descriptors than a message may carry.
  case tooManyDescriptors(UInt32)
  /// Descriptors that no message announced, or fewer than it announced.
  case wrongDescriptors(expected: Int, got: Int)
}

extension FrameError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .badLength(let length, let limit): "frame length \(length) is not between \(FrameHeader.size) and \(limit)"
    case .unknownType(let type): "unknown message type \(type)"
    case .unknownStatus(let status): "unknown message status \(status)"
    case .tooManyDescriptors(let count): "\(count) descriptors announced, \(RPCLimits.descriptorsMax) allowed"
    case .wrongDescriptors(let expected, let got): "\(got) descriptors came where \(expected) were announced"
    }
  }
}

/// Why a connection ended, as one side saw it.
public enum CloseReason: Sendable, Hashable {
  /// The peer closed between two frames: the ordinary end.
  case peerClosed
  /// The peer closed in the middle of a frame.
  case peerClosedInsideFrame(bytes: Int)
  /// We closed, for this reason.
  case closedHere(String)
  /// A delayed close: the peer has read everything.
  case drained
  /// A delayed close whose time was up before the peer had read everything.
  case notDrained
  /// Bytes that are no frame.
  case badFrame(FrameError)
  /// A frame that has no business here, for example a reply to no open call.
  case unexpected(String)
  /// A frame that was begun and not finished in time.
  case frameDeadline
  /// No sign of life.
  case keepaliveTimeout
  /// The peer does not read what it makes us queue.
  case unread(String)
  /// The socket failed.
  case transport(String)

  /// Whether nothing went wrong.
  public var isOrderly: Bool {
    switch self {
    case .peerClosed, .closedHere, .drained: true
    case .peerClosedInsideFrame, .notDrained, .badFrame, .unexpected, .frameDeadline, .keepaliveTimeout, .unread,
      .transport:
      false
    }
  }
}

extension CloseReason: CustomStringConvertible {
  public var description: String {
    switch self {
    case .peerClosed: "the peer closed the connection"
    case .peerClosedInsideFrame(let bytes): "the peer closed the connection \(bytes) bytes into a frame"
    case .closedHere(let why): why
    case .drained: "closed after the peer had read everything"
    case .notDrained: "closed before the peer had read everything: its time was up"
    case .badFrame(let error): "bad frame: \(error)"
    case .unexpected(let what): "unexpected message: \(what)"
    case .frameDeadline: "a frame was begun and not finished in time"
    case .keepaliveTimeout: "no sign of life from the peer: keepalive timeout"
    case .unread(let what): "the peer does not read: \(what)"
    case .transport(let what): what
    }
  }
}
