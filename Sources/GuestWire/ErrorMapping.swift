public import Guest
public import WireProtocol

// The one place where errors become bytes, and the one where they come back.

extension Wire.RpcError {
  public init(_ error: GuestError) {
    self.init(
      code: .init(rawValue: error.code.rawValue), message: cut(error.message, 2048), hint: cut(error.hint ?? "", 1024),
      errnoNumber: error.errno, step: error.step.map { cut($0, Wire.stepMax) })
  }
}

extension GuestError {
  /// A code that a newer peer invented is an internal error with that peer's words.
  public init(_ wire: Wire.RpcError) {
    self.init(
      Code(rawValue: wire.code.rawValue) ?? .internalError, wire.message, hint: wire.hint.isEmpty ? nil : wire.hint,
      errno: wire.errnoNumber, step: wire.step)
  }
}
