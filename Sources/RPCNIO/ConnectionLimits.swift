import RPC
import Synchronization
import WireProtocol

/// How many clients there may be, counted over all sockets that share it.
///
/// Root always finds a place among the reserved ones, so that an administrator gets in while a user's script has gone
/// wild. A client above a limit is told so by an error to its first call; when too many of those are waiting to be
/// told, it is closed at once.
public final class ConnectionLimits: Sendable {
  /// Clients that are told that they are too many, at one time.
  private static let refusalsMax = 16

  private struct Counts {
    var total = 0
    var refused = 0
    var perUser: [UInt32: Int] = [:]
  }

  private let total: Int
  private let perUser: Int
  private let reserved: Int
  private let counts = Mutex(Counts())

  /// - Parameters:
  ///   - total: all clients together.
  ///   - perUser: clients of one user id other than root.
  ///   - reserved: of `total`, places that only root gets.
  public init(total: Int = 1024, perUser: Int = 128, reserved: Int = 32) {
    self.total = total
    self.perUser = perUser
    self.reserved = reserved
  }

  /// Clients connected at the moment.
  public var connections: Int { counts.withLock { $0.total } }

  enum Admission {
    case admitted
    /// Not admitted, and to be told why.
    case refused(RPCErrorBody)
    /// Not admitted, and too many are being told already.
    case dropped
  }

  func admit(_ user: UInt32) -> Admission {
    counts.withLock { counts in
      let room = user == 0 ? total : total - reserved
      let own = counts.perUser[user, default: 0]
      let error: RPCErrorBody
      if counts.total >= room {
        error = RPCErrorBody(
          .limitReached, "\(counts.total) clients are connected, the most there may be", hint: "try again later")
      } else if user != 0, own >= perUser {
        error = RPCErrorBody(
          .limitReached, "user \(user) has \(own) connections, the most one user may have",
          hint: "end some of them, for example forgotten `lodge events`")
      } else {
        counts.total += 1
        counts.perUser[user] = own + 1
        return .admitted
      }
      guard counts.refused < ConnectionLimits.refusalsMax else { return .dropped }
      counts.refused += 1
      return .refused(error)
    }
  }

  func leave(_ user: UInt32, refused: Bool) {
    counts.withLock { counts in
      if refused {
        counts.refused -= 1
        return
      }
      counts.total -= 1
      let left = counts.perUser[user, default: 1] - 1
      counts.perUser[user] = left > 0 ? left : nil
    }
  }
}
