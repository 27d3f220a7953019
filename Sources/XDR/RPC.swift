// The interface between a generated program and the code that carries it (RFC 5531 section 12).

/// A program with one version: a number space of procedures and events.
public protocol RPCProgram: Sendable {
  static var number: UInt32 { get }
  static var version: UInt32 { get }
  /// The name in the `.x`.
  static var name: String { get }
  /// Every procedure and event, by number.
  static var procedures: [RPCProcedureInfo] { get }
}

/// A call with one reply.
public protocol RPCProcedure: Sendable {
  associatedtype Program: RPCProgram
  associatedtype Args: XDRCodable
  associatedtype Reply: XDRCodable
  static var number: Int32 { get }
  /// The name in the `.x`.
  static var name: String { get }
  static var right: RPCRight { get }
  /// Whether it may be called over the read-only socket.
  static var allowedReadOnly: Bool { get }
}

/// A message that a server sends unasked.
public protocol RPCEvent: Sendable {
  associatedtype Program: RPCProgram
  associatedtype Body: XDRCodable
  static var number: Int32 { get }
  /// The name in the `.x`.
  static var name: String { get }
}

/// A caller's right, as a procedure requires it; each includes the ones before it.
public enum RPCRight: UInt8, Sendable, Hashable, Comparable {
  case none, view, inspect, operate, admin

  @inlinable
  public static func < (one: RPCRight, other: RPCRight) -> Bool { one.rawValue < other.rawValue }
}

/// One row of a program's table: what a server checks before it decodes anything.
public struct RPCProcedureInfo: Sendable, Hashable {
  public let number: Int32
  public let name: String
  public let right: RPCRight
  public let allowedReadOnly: Bool
  /// Sent by the server, never called.
  public let isEvent: Bool
  /// Calling it twice does no more than calling it once: safe to repeat after a lost connection.
  public let idempotent: Bool

  public init(
    number: Int32, name: String, right: RPCRight = .none, allowedReadOnly: Bool = false, isEvent: Bool = false,
    idempotent: Bool = false
  ) {
    self.number = number
    self.name = name
    self.right = right
    self.allowedReadOnly = allowedReadOnly
    self.isEvent = isEvent
    self.idempotent = idempotent
  }
}

/// Anything that can make a call and wait for its reply; generated clients are written against it.
public protocol RPCCaller: Sendable {
  func call<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args
  ) async throws -> Procedure.Reply
}

/// A message that was not asked for, as the transport hands it on.
public struct RPCMessage: Sendable, Hashable {
  public var program: UInt32
  public var version: UInt32
  public var procedure: Int32
  public var body: ArraySlice<UInt8>

  public init(program: UInt32, version: UInt32, procedure: Int32, body: ArraySlice<UInt8>) {
    self.program = program
    self.version = version
    self.procedure = procedure
    self.body = body
  }
}
