internal import Guest
internal import LinuxSystem
internal import NIOCore
internal import RPC
internal import RPCNIO
internal import Supervision
internal import WireProtocol
internal import XDR

/// Who asks for something, and by which request.
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

extension Guests {
  /// What the same request decided before; nil if it is the first. Suspends until that is on the disk.
  func decidedBefore(_ asked: Asked) async throws -> RequestLedger.Sequel? {
    guard let request = asked.request else { return nil }
    switch ledger.look(request.key, digest: request.digest, now: now.boot) {
    case .new: return nil
    case .conflict:
      throw GuestError(
        .conflict, "request \(request.key.id.short): its id was used for another request within ten minutes",
        hint: "give each request an id of its own")
    case .known(let record, let pending):
      // An order that the disk does not take is under way all the same: it has no promise any more.
      if let pending, tickets[pending] != nil {
        let stored = eventLoop.makePromise(of: Void.self)
        tickets[pending]?.append(stored)
        try await stored.futureResult.get()
      }
      return record.sequel
    }
  }

  /// Decides at once, unless the same request was decided before, and suspends until that is on the disk.
  ///
  /// - Parameter check: what speaks against it beside the guest's own state; asked only the first time.
  /// - Parameter sequel: what it decided, from the lifecycle as it is then.
  func request(
    _ asked: Asked, _ name: GuestName, _ weight: GuestBook.Weight = .request,
    unless check: (isolated Guests) throws(GuestError) -> Void,
    sequel: (GuestLifecycle) -> RequestLedger.Sequel,
    _ body: (inout GuestLifecycle, GuestLifecycle.Context) throws(GuestError) -> GuestLifecycle.Transition
  ) async throws -> RequestLedger.Sequel {
    if let before = try await decidedBefore(asked) { return before }
    try check(self)
    let stored = eventLoop.makePromise(of: Void.self)
    var decided: RequestLedger.Sequel?
    let moment = now
    do throws(GuestError) {
      try decide(
        name, weight, stored: stored,
        request: { lifecycle in
          let result = sequel(lifecycle)
          decided = result
          return asked.record(name, result, at: moment)
        }, body)
    } catch {
      stored.fail(error)
    }
    try await stored.futureResult.get()
    guard let decided else { preconditionFailure("a request about \(name) was stored and not decided") }
    return decided
  }
}
