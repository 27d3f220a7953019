public import Operations
public import RPC
public import XDR

/// How much a call may hold up others, for those who decide its turn.
public enum CallCost: Sendable, Hashable, CaseIterable {
  case plain
  /// Reads the journal or the history of runs from the disk, page by page.
  case readsJournal
  /// Waits for a guest or its log, for as long as that takes.
  case waits
}

/// A reply on its way to a client.
public struct ServedReply: Sendable, Hashable {
  public var encoded: [UInt8]
  /// The subscription that the reply names.
  public var subscription: UInt32?
}

/// A program of the wire, as a door serves it. Doors serve all programs of `ProgramTable`.
public protocol DoorProgram: Sendable {
  /// Numbers, procedures and features.
  var served: ServedProgram { get }

  func cost(of procedure: Int32) -> CallCost
  /// Serves one call.
  ///
  /// - Returns: nil if there is no such procedure.
  func serve(_ call: IncomingCall, by caller: Caller) async throws -> ServedReply?
  /// The reply has been handed to the connection.
  func sent(_ reply: ServedReply) async
}

/// The programs that a door serves, a row each.
public struct ProgramTable: Sendable {
  private struct Key: Hashable {
    let number: UInt32
    let version: UInt32
  }

  private let programs: [Key: any DoorProgram]
  /// The answers of each program when the table was made. A look-up asks none of them: it is made several times a call.
  public let served: [ServedProgram]

  /// - Precondition: no two programs have one number and version.
  public init(_ programs: [any DoorProgram]) {
    served = programs.map(\.served)
    let keys = served.map { Key(number: $0.number, version: $0.version) }
    precondition(Set(keys).count == keys.count, "two programs of one number and version")
    self.programs = Dictionary(uniqueKeysWithValues: zip(keys, programs))
  }

  public subscript(number: UInt32, version: UInt32) -> (any DoorProgram)? {
    programs[Key(number: number, version: version)]
  }
}

extension Right {
  /// The right that an annotation of an `.x` asks for.
  public init(_ wire: RPCRight) {
    switch wire {
    case .none: self = .none
    case .view: self = .view
    case .inspect: self = .inspect
    case .operate: self = .operate
    case .admin: self = .admin
    }
  }
}

extension RPCRight {
  public init(_ right: Right) {
    switch right {
    case .none: self = .none
    case .view: self = .view
    case .inspect: self = .inspect
    case .operate: self = .operate
    case .admin: self = .admin
    }
  }
}
