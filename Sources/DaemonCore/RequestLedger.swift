internal import Guest
internal import LinuxSystem
internal import RPCNIO

/// Requests that carry an id, for ten minutes, in memory: one that is sent again, because its reply was lost, gets the
/// first one's reply. A daemon that died meanwhile is asked anew, and answers by the state of the guest.
struct RequestLedger {
  struct Key: Hashable {
    var uid: UInt32
    var id: [UInt8]
  }

  enum Entry {
    /// Being carried out; these wait for the same answer.
    case running([CheckedContinuation<any Sendable, any Error>])
    case answered(Result<any Sendable, any Error>)
  }

  static let keptNanos: Int64 = 600 * 1_000_000_000
  static let maximumEntries = 10_000
  var entries: [Key: Entry] = [:]
  private var order: [(key: Key, expires: Int64)] = []

  mutating func begin(_ key: Key, now: Int64) {
    entries[key] = .running([])
    order.append((key, now + Self.keptNanos))
  }

  /// Forgets what is older than ten minutes, and the oldest where there are too many; never one that still runs.
  mutating func forget(before now: Int64) {
    var gone = 0
    for (key, expires) in order {
      guard expires < now || order.count - gone > Self.maximumEntries else { break }
      if case .running = entries[key] { break }
      entries[key] = nil
      gone += 1
    }
    order.removeFirst(gone)
  }
}

extension GuestManager {
  /// Carries out a request unless the same one runs or ran already. The first is carried out right here, so that it
  /// keeps its place among the calls of its connection.
  func once<Reply: Sendable>(
    _ id: [UInt8]?, _ context: CallContext, _ body: (isolated GuestManager) async throws -> Reply
  ) async throws -> Reply {
    guard let id else { return try await body(self) }
    let key = RequestLedger.Key(uid: context.connection.peer.uid, id: id)
    ledger.forget(before: Clock.bootNanoseconds)
    if ledger.entries[key] != nil {
      let again = try await withCheckedThrowingContinuation { continuation in
        switch ledger.entries[key] {
        case .answered(let result): continuation.resume(with: result)
        case .running(let waiting): ledger.entries[key] = .running(waiting + [continuation])
        case nil:
          continuation.resume(throwing: GuestError(.unavailable, "the request was forgotten; ask what became of it"))
        }
      }
      guard let reply = again as? Reply else {
        throw GuestError(.conflict, "request \(RequestID(id)?.short ?? "-"): its id was used for another request")
      }
      return reply
    }
    ledger.begin(key, now: Clock.bootNanoseconds)
    let result: Result<Reply, any Error>
    do { result = .success(try await body(self)) } catch { result = .failure(error) }
    let kept = result.map { $0 as any Sendable }
    if case .running(let waiting) = ledger.entries[key] {
      for continuation in waiting { continuation.resume(with: kept) }
    }
    ledger.entries[key] = .answered(kept)
    return try result.get()
  }
}
