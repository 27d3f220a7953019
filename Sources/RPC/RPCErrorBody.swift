public import XDR

/// What went wrong, for programs; `rpc_error_code` in protocol/rpc.x. Open: a newer peer may send newer ones.
public struct RPCErrorCode: RawRepresentable, Sendable, Hashable {
  public let rawValue: Int32

  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// A fault of the peer itself; its log says more.
  public static let `internal` = RPCErrorCode(rawValue: 1)
  public static let invalidArgument = RPCErrorCode(rawValue: 2)
  public static let notFound = RPCErrorCode(rawValue: 3)
  public static let alreadyExists = RPCErrorCode(rawValue: 4)
  public static let wrongState = RPCErrorCode(rawValue: 5)
  /// The caller lacks the right, or the socket is read-only.
  public static let denied = RPCErrorCode(rawValue: 6)
  /// An unknown procedure, or a feature this host or version cannot do.
  public static let notSupported = RPCErrorCode(rawValue: 7)
  public static let timedOut = RPCErrorCode(rawValue: 8)
  public static let limitReached = RPCErrorCode(rawValue: 9)
  /// Not now: starting, shutting down, or a part is out of reach.
  public static let unavailable = RPCErrorCode(rawValue: 10)
  public static let startFailed = RPCErrorCode(rawValue: 11)
  public static let cancelled = RPCErrorCode(rawValue: 12)
  /// The bytes were not what the protocol says.
  public static let badFrame = RPCErrorCode(rawValue: 13)
  public static let unknownProgram = RPCErrorCode(rawValue: 14)
  public static let storage = RPCErrorCode(rawValue: 15)
  /// It was changed meanwhile; read it again.
  public static let conflict = RPCErrorCode(rawValue: 16)
}

/// The payload of a reply that says no; `rpc_error` in protocol/rpc.x.
public struct RPCErrorBody: Error, Sendable, Hashable {
  static let messageMax = 2048
  static let hintMax = 1024
  static let stepMax = 64

  public var code: RPCErrorCode
  /// For a person: what was being done, to what, and why it failed.
  public var message: String
  /// What to do about it; empty where that is not known.
  public var hint: String
  /// errno(3) of the system call that failed, where there was one.
  public var errnoNumber: Int32?
  /// The failed step, for example `mount /proc`.
  public var step: String?

  public init(
    _ code: RPCErrorCode, _ message: String, hint: String = "", errno errnoNumber: Int32? = nil, step: String? = nil
  ) {
    self.code = code
    self.message = message
    self.hint = hint
    self.errnoNumber = errnoNumber
    self.step = step
  }

  /// The same error, cut to what the wire can carry: an error must always get through.
  func sendable() -> RPCErrorBody {
    RPCErrorBody(
      code, message.prefixFitting(RPCErrorBody.messageMax), hint: hint.prefixFitting(RPCErrorBody.hintMax),
      errno: errnoNumber, step: step?.prefixFitting(RPCErrorBody.stepMax))
  }
}

extension RPCErrorBody: CustomStringConvertible {
  public var description: String { hint.isEmpty ? message : "\(message); \(hint)" }
}

extension RPCErrorBody: XDRCodable {
  public static var xdrMinimumSize: Int { 20 }

  public var xdrSize: Int {
    var size = 4 + XDRWriter.opaqueSize(message.utf8.count) + XDRWriter.opaqueSize(hint.utf8.count) + 8
    if errnoNumber != nil { size += 4 }
    if let step { size += XDRWriter.opaqueSize(step.utf8.count) }
    return size
  }

  public func encode(into writer: inout XDRWriter) throws(XDRError) {
    writer.writeInt32(code.rawValue)
    try writer.writeString(message, max: RPCErrorBody.messageMax)
    try writer.writeString(hint, max: RPCErrorBody.hintMax)
    writer.writeBool(errnoNumber != nil)
    if let errnoNumber { writer.writeInt32(errnoNumber) }
    writer.writeBool(step != nil)
    if let step { try writer.writeString(step, max: RPCErrorBody.stepMax) }
  }

  public init(from reader: inout XDRReader) throws(XDRError) {
    code = RPCErrorCode(rawValue: try reader.readInt32())
    message = try reader.readString(max: RPCErrorBody.messageMax)
    hint = try reader.readString(max: RPCErrorBody.hintMax)
    errnoNumber = try reader.readBool() ? try reader.readInt32() : nil
    step = try reader.readBool() ? try reader.readString(max: RPCErrorBody.stepMax) : nil
  }
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
