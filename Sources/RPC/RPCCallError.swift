public import XDR

/// Why a call has no result.
public enum RPCCallError: Error, Sendable, Hashable {
  /// The peer answered with an error.
  case remote(RPCErrorBody)
  /// The connection ended before the reply came. Whether the peer has done what was asked is not known.
  case connectionClosed(CloseReason)
  /// No reply within the call's time. Whether the peer has done what was asked is not known.
  case timedOut
  /// The caller gave it up.
  case cancelled
  /// The arguments break a bound of the protocol; nothing was sent.
  case invalidArguments(XDRError)
  /// The reply, or an event, is not what the protocol says.
  case undecodable(XDRError)
}

extension RPCCallError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .remote(let error): error.description
    case .connectionClosed(let reason): "no answer: \(reason)"
    case .timedOut: "no answer in time"
    case .cancelled: "given up"
    case .invalidArguments(let error): "argument \(error)"
    case .undecodable(let error): "the answer cannot be read: \(error)"
    }
  }
}

/// Why there is no connection.
public enum RPCConnectError: Error, Sendable, Hashable {
  /// Nothing at that path: the peer has never been started, or uses another one.
  case noSocket(path: String)
  /// A socket without a listener: the peer has stopped.
  case refused(path: String)
  /// The socket's permissions do not let this user in.
  case denied(path: String)
  /// The peer listens and does not accept: it hangs, or is overrun.
  case timedOut(path: String)
  /// Another failure, with errno(3) and its text.
  case failed(path: String, errno: Int32, reason: String)

  public var path: String {
    switch self {
    case .noSocket(let path), .refused(let path), .denied(let path), .timedOut(let path), .failed(let path, _, _): path
    }
  }
}

extension RPCConnectError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noSocket(let path): "connect to \(path): no such socket"
    case .refused(let path): "connect to \(path): no process listens there"
    case .denied(let path): "connect to \(path): permission denied"
    case .timedOut(let path): "connect to \(path): no answer in time"
    case .failed(let path, _, let reason): "connect to \(path): \(reason)"
    }
  }
}
