internal import Guest
internal import Operations
internal import Supervision

extension Asked {
  init(_ caller: Caller, _ request: RequestIdentity?) {
    self.init(
      actor: caller.actor, request: request.map { (key: .init(uid: caller.scope.user, id: $0.id), digest: $0.digest) })
  }
}
