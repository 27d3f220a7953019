import Guest
import GuestWire
import RPC

// Errors on the way to the daemon, in the same words and codes as errors inside it.

extension GuestError {
  init(_ error: RPCConnectError) {
    switch error {
    case .noSocket, .refused:
      self.init(
        .unavailable, "the daemon cannot be reached: \(error)", hint: "start it, for example: systemctl start lodged")
    case .denied:
      self.init(
        .denied, "the daemon's socket is not open to you: \(error)",
        hint: "join group lodge (usermod -aG lodge USER, then log in again), or be root")
    case .timedOut:
      self.init(.unavailable, "the daemon does not answer: \(error)", hint: "is it stopped or overrun?")
    case .failed(_, let errno, _):
      self.init(.unavailable, "the daemon cannot be reached: \(error)", errno: errno)
    }
  }

  init(_ error: RPCCallError) {
    switch error {
    case .remote(let body): self.init(body)
    case .connectionClosed:
      self.init(.unavailable, "the daemon gave \(error); whether it has done what was asked is not known")
    case .timedOut: self.init(.timedOut, "the daemon gave \(error); whether it has done what was asked is not known")
    case .cancelled: self.init(.cancelled, "\(error)")
    case .invalidArguments: self.init(.invalidArgument, "\(error)")
    case .undecodable: self.init(.badFrame, "\(error)")
    }
  }
}
