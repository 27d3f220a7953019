import RPC
import XDR

/// A program small enough to see through, for the tests of everything that carries programs.
enum Toy: RPCProgram {
  static let number: UInt32 = 0x2f00_0001
  static let version: UInt32 = 1
  static let name = "toy"
  static let procedures = [
    RPCProcedureInfo(number: 0, name: "toyHello", right: .none, allowedReadOnly: true),
    RPCProcedureInfo(number: 1, name: "toyEcho", right: .view, allowedReadOnly: true),
    RPCProcedureInfo(number: 2, name: "toyChange", right: .operate),
    RPCProcedureInfo(number: 3, name: "toyAdminister", right: .admin),
    RPCProcedureInfo(number: 4, name: "toyPeek", right: .operate, allowedReadOnly: true),
    RPCProcedureInfo(number: 10, name: "toyTick", isEvent: true),
  ]

  enum Echo: RPCProcedure {
    typealias Program = Toy
    typealias Args = Note
    typealias Reply = Note
    static let number: Int32 = 1
    static let name = "toyEcho"
    static let right = RPCRight.view
    static let allowedReadOnly = true
  }

  enum Change: RPCProcedure {
    typealias Program = Toy
    typealias Args = Note
    typealias Reply = XDRVoid
    static let number: Int32 = 2
    static let name = "toyChange"
    static let right = RPCRight.operate
    static let allowedReadOnly = false
  }

  enum Missing: RPCProcedure {
    typealias Program = Toy
    typealias Args = XDRVoid
    typealias Reply = XDRVoid
    static let number: Int32 = 77
    static let name = "toyMissing"
    static let right = RPCRight.none
    static let allowedReadOnly = true
  }

  enum Tick: RPCEvent {
    typealias Program = Toy
    typealias Body = Note
    static let number: Int32 = 10
    static let name = "toyTick"
  }

  struct Note: XDRCodable, Hashable, ExpressibleByStringLiteral {
    static let max = 1 << 20
    var text: String

    init(_ text: String) { self.text = text }
    init(stringLiteral text: String) { self.text = text }

    static var xdrMinimumSize: Int { 4 }
    var xdrSize: Int { XDRWriter.opaqueSize(text.utf8.count) }
    func encode(into writer: inout XDRWriter) throws(XDRError) { try writer.writeString(text, max: Note.max) }
    init(from reader: inout XDRReader) throws(XDRError) { text = try reader.readString(max: Note.max) }
  }
}

/// A program without a server.
enum Stranger: RPCProgram {
  static let number: UInt32 = 0x2f00_0099
  static let version: UInt32 = 1
  static let name = "stranger"
  static let procedures: [RPCProcedureInfo] = []

  enum Ask: RPCProcedure {
    typealias Program = Stranger
    typealias Args = XDRVoid
    typealias Reply = XDRVoid
    static let number: Int32 = 1
    static let name = "strangerAsk"
    static let right = RPCRight.none
    static let allowedReadOnly = true
  }
}
