internal import Guest
internal import Operations
internal import Supervision

/// The actor of a request, and the request's id.
struct Asked {
  var actor: Actor
  /// Nil for requests without an id: each of them is carried out.
  var request: (key: RequestLedger.Key, digest: UInt64)?

  init(_ caller: Caller, _ request: RequestIdentity?) {
    actor = caller.actor
    self.request = request.map { (.init(uid: caller.scope.user, id: $0.id), $0.digest) }
  }

  func record(_ guest: GuestName, _ sequel: RequestLedger.Sequel, at moment: Moment) -> RequestLedger.Record? {
    request.map {
      .init(key: $0.key, digest: $0.digest, guest: guest, sequel: sequel, at: moment.wall, bootAt: moment.boot)
    }
  }
}
