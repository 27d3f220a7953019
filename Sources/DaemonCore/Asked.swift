internal import Guest
internal import LinuxSystem
internal import RPC
internal import RPCNIO
internal import Supervision
internal import WireProtocol
internal import XDR

/// The actor of a request, and the request's id.
struct Asked {
  var actor: Actor
  /// Nil for requests without an id: each of them is carried out.
  var request: (key: RequestLedger.Key, digest: UInt64)?

  /// - Throws: an argument that cannot be encoded again; none does that was decoded.
  init<Procedure: RPCProcedure>(
    _ procedure: Procedure.Type, _ args: Procedure.Args, id: [UInt8]?, _ context: CallContext
  )
    throws
  {
    actor = context.actor
    guard let id = id.flatMap({ RequestID($0) }) else { return }
    request = (
      .init(uid: context.connection.peer.uid, id: id),
      RequestLedger.digest(procedure: UInt32(bitPattern: Procedure.number), arguments: try args.xdrEncoded())
    )
  }

  func record(_ guest: GuestName, _ sequel: RequestLedger.Sequel, at moment: Moment) -> RequestLedger.Record? {
    request.map {
      .init(key: $0.key, digest: $0.digest, guest: guest, sequel: sequel, at: moment.wall, bootAt: moment.boot)
    }
  }
}
