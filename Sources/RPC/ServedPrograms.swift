import WireProtocol
public import XDR

/// One program that a server answers for: its numbers, and the answer to its procedure 0.
public struct ServedProgram: Sendable {
  public let number: UInt32
  public let version: UInt32
  public let name: String
  /// Abilities beyond the version, listed in the answer to procedure 0.
  public let features: [String]
  /// By procedure number; nil where there is none.
  private let table: [RPCProcedureInfo?]

  /// Takes the table that xdrgen made from the `.x`. Procedure numbers stay small: they are counted up from 0.
  public init<Program: RPCProgram>(_ program: Program.Type, features: [String] = []) {
    self.init(
      number: Program.number, version: Program.version, name: Program.name, procedures: Program.procedures,
      features: features)
  }

  public init(number: UInt32, version: UInt32, name: String, procedures: [RPCProcedureInfo], features: [String] = []) {
    self.number = number
    self.version = version
    self.name = name
    self.features = features
    let callable = procedures.filter { !$0.isEvent && (0..<4096).contains($0.number) }
    var table = [RPCProcedureInfo?](repeating: nil, count: Int(callable.map(\.number).max() ?? -1) + 1)
    for procedure in callable { table[Int(procedure.number)] = procedure }
    self.table = table
  }

  func procedure(_ number: Int32) -> RPCProcedureInfo? {
    number >= 0 && Int(number) < table.count ? table[Int(number)] : nil
  }
}

/// Checks the right of a caller against the generated table, before any argument is decoded.
struct Admission {
  let right: RPCRight
  let readOnly: Bool

  /// The error that the caller gets, nil when the call may go on.
  func refusal(of procedure: RPCProcedureInfo) -> RPCErrorBody? {
    if readOnly, !procedure.allowedReadOnly {
      return RPCErrorBody(
        .denied, "not allowed over the read-only socket (\(procedure.name))", hint: "use the full-access socket")
    }
    guard procedure.right <= right else {
      return RPCErrorBody(
        .denied,
        "needs the right to \(procedure.right), and this user has \(right.inWords) (\(procedure.name))")
    }
    return nil
  }
}

extension RPCRight {
  var inWords: String {
    switch self {
    case .none: "no right at all"
    case .view, .inspect, .operate, .admin: "only the right to \(self)"
    }
  }
}
