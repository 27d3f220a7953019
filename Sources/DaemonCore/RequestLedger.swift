internal import Guest
internal import LinuxSystem
internal import RPCNIO

/// Answers a request that is sent again, because its reply was lost, with the first one's reply.
///
/// A request is known by its id and its sender's uid for ten minutes, in memory: a daemon that died meanwhile is asked
/// anew, and answers by the state of the guest.
actor RequestLedger {
  private struct Key: Hashable {
    var uid: UInt32
    var id: [UInt8]
  }

  private struct Entry {
    var task: Task<any Sendable, any Error>
    var expires: Int64
  }

  static let keptNanos: Int64 = 600 * 1_000_000_000
  static let maximumEntries = 10_000
  private var entries: [Key: Entry] = [:]
  private var order: [Key] = []

  /// Runs `body` unless the same request runs or ran already.
  func once<Reply: Sendable>(
    _ id: [UInt8]?, _ context: CallContext, _ body: @escaping @Sendable () async throws -> Reply
  ) async throws -> Reply {
    guard let id else { return try await body() }
    let key = Key(uid: context.connection.peer.uid, id: id)
    let now = Clock.bootNanoseconds
    forget(before: now)
    if let entry = entries[key] {
      guard let reply = try await entry.task.value as? Reply else {
        throw GuestError(.conflict, "request \(RequestID(id)?.short ?? "-"): its id was used for another request")
      }
      return reply
    }
    let task = Task { try await body() as any Sendable }
    entries[key] = Entry(task: task, expires: now + Self.keptNanos)
    order.append(key)
    guard let reply = try await task.value as? Reply else { preconditionFailure("a request's reply has another type") }
    return reply
  }

  private func forget(before now: Int64) {
    var gone = 0
    for key in order {
      guard let entry = entries[key], entry.expires < now || order.count - gone > Self.maximumEntries else { break }
      entries[key] = nil
      gone += 1
    }
    order.removeFirst(gone)
  }
}
