import Guest
import GuestWire
import RPC
import RPCSocket
import WireProtocol

/// The stage of a stop, from the guest's stop policy and the time that has passed.
final class StopProgress {
  private let context: Context
  private let order: StopOrder
  private var policies: [String: StopPolicy] = [:]

  init(_ context: Context, _ order: StopOrder) {
    self.context = context
    self.order = order
  }

  func text(_ name: String, elapsed nanoseconds: UInt64) -> String {
    "\(name): " + Self.text(policy(of: name), noKill: order.noKill, elapsedMillis: nanoseconds / 1_000_000)
  }

  /// `stopping, sent SIGTERM 3s ago, SIGKILL in 7s`.
  static func text(_ policy: StopPolicy, noKill: Bool, elapsedMillis: UInt64) -> String {
    func span(_ millis: UInt64) -> String { TimeText.span(nanoseconds: millis / 1000 * 1_000_000_000) }
    let name = SignalName.name(policy.signal)
    let hasTerm = policy.signal != 15
    let killAt = policy.timeoutMillis + (hasTerm ? policy.termTimeoutMillis : 0)
    if elapsedMillis < policy.timeoutMillis {
      let next = hasTerm ? "SIGTERM" : "SIGKILL"
      let outlook = noKill && !hasTerm ? "" : ", \(next) in \(span(policy.timeoutMillis - elapsedMillis + 999))"
      return "stopping, sent \(name) \(span(elapsedMillis)) ago\(outlook)"
    }
    if elapsedMillis < killAt {
      let outlook = noKill ? "" : ", SIGKILL in \(span(killAt - elapsedMillis + 999))"
      return "stopping, sent SIGTERM \(span(elapsedMillis - policy.timeoutMillis)) ago\(outlook)"
    }
    return noKill
      ? "still running, and it is not to be killed" : "killed \(span(elapsedMillis - killAt)) ago, waiting for its end"
  }

  /// Asked once of each guest, on the same connection, while its stop is under way.
  private func policy(of name: String) -> StopPolicy {
    if let known = policies[name] { return known }
    var policy = StopPolicy()
    if let client = try? context.client(for: Admin.GuestShow.self),
      let ticket = try? client.send(Admin.GuestShow.self, .init(name: name)),
      let details = try? client.receive(ticket, within: 300_000_000),
      let spec = try? GuestSpec(details.running ?? details.defined, checkingRules: false)
    {
      policy = spec.stop
    }
    if let signal = order.signal { policy.signal = signal }
    if let timeout = order.timeoutMillis { policy.timeoutMillis = timeout }
    policies[name] = policy
    return policy
  }
}
