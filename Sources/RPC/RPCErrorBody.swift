public import WireProtocol

/// The kind of failure, for programs; `rpc_error_code` in protocol/rpc.x.
public typealias RPCErrorCode = Wire.RpcErrorCode

/// The payload of a reply that says no; `rpc_error` in protocol/rpc.x.
public typealias RPCErrorBody = Wire.RpcError

extension Wire.RpcError: Error {
  private static let messageMax = 2048
  private static let hintMax = 1024
  private static let stepMax = 64

  /// - Parameters:
  ///   - message: for a person: what was being done, to what, and why it failed.
  ///   - hint: what to do about it; empty where that is not known.
  ///   - errnoNumber: errno(3) of the system call that failed, where there was one.
  ///   - step: the failed step, for example `mount /proc`.
  public init(
    _ code: RPCErrorCode, _ message: String, hint: String = "", errno errnoNumber: Int32? = nil, step: String? = nil
  ) {
    self.init(code: code, message: message, hint: hint, errnoNumber: errnoNumber, step: step)
  }

  /// The same error, cut to what the wire can carry: an error must always get through.
  func sendable() -> RPCErrorBody {
    RPCErrorBody(
      code, message.prefixFitting(RPCErrorBody.messageMax), hint: hint.prefixFitting(RPCErrorBody.hintMax),
      errno: errnoNumber, step: step?.prefixFitting(RPCErrorBody.stepMax))
  }
}

extension Wire.RpcError: CustomStringConvertible {
  public var description: String { hint.isEmpty ? message : "\(message); \(hint)" }
}

extension String {
  /// The longest start of at most `limit` bytes of UTF-8 that cuts no character, without NULs.
  func prefixFitting(_ limit: Int) -> String {
    let clean = utf8.contains(0) ? String(filter { $0 != "\0" }) : self
    guard clean.utf8.count > limit else { return clean }
    var text = ""
    var size = 0
    for character in clean {
      size += character.utf8.count
      if size > limit { break }
      text.append(character)
    }
    return text
  }
}
