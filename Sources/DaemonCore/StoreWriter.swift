internal import Dispatch
internal import Guest
internal import GuestStore
internal import NIOCore
internal import Supervision

/// Does the blocking part, the write to the disk, on a thread of its own; one transaction at a time.
final class StoreWriter: Sendable {
  let store: GuestStore
  private let thread = DispatchQueue(label: "lodge.store", qos: .userInitiated)

  init(store: GuestStore) { self.store = store }

  /// `done` runs on `eventLoop`.
  func commit(
    _ changes: [Change], retention: Retention, on eventLoop: any EventLoop,
    done: @escaping @Sendable (Result<[[EncodedEntry]], StoreError>) -> Void
  ) {
    thread.async { [store] in
      CrashPoint.reach("daemon.commit.before")
      let result = Result { () throws(StoreError) in try store.commit(changes, retention: retention) }
      CrashPoint.reach("daemon.commit.after")
      eventLoop.execute { done(result) }
    }
  }

  /// Any other work on the database, in turn with the commits.
  func perform(_ work: @escaping @Sendable (GuestStore) -> Void) {
    thread.async { [store] in work(store) }
  }
}
