import RPC
import Testing
import WireProtocol
import XDR

/// The parts of the framing that are written by hand, against what protocol/rpc.x says.
@Suite struct HeaderTests {
  @Test func theHeaderIsTheOneInTheProtocol() throws {
    for type in Wire.RpcMessageType.allCases {
      for status in Wire.RpcStatus.allCases {
        let theirs = Wire.RpcHeader(
          length: 28, program: 0x2000_0001, version: 2, procedure: -3, type: type, serial: 4_000_000_000, status: status
        )
        let ours = FrameHeader(
          program: 0x2000_0001, version: 2, procedure: -3,
          type: try #require(MessageType(rawValue: type.rawValue)), serial: 4_000_000_000,
          status: try #require(MessageStatus(rawValue: status.rawValue)))
        var writer = XDRWriter(capacity: 28)
        ours.encode(into: &writer)
        #expect(try writer.finish() == theirs.xdrEncoded())
      }
    }
    #expect(MessageType(rawValue: 6) == nil)
    #expect(MessageStatus(rawValue: 3) == nil)
  }

  @Test func theLimitsAreTheOnesInTheProtocol() {
    #expect(FrameHeader.size == Wire.rpcHeaderSize)
    #expect(RPCLimits.frameMax == Wire.rpcFrameMax)
    #expect(RPCLimits.descriptorsMax == Wire.rpcFdsMax)
    #expect(Wire.rpcHello == 0)
  }

  @Test func errorCodesNeverChange() {
    #expect(RPCErrorCode.allCases.map(\.rawValue) == Array(1...16))
    #expect(RPCErrorCode(rawValue: 1) == .internal)
    #expect(RPCErrorCode(rawValue: 16) == .conflict)
  }
}
