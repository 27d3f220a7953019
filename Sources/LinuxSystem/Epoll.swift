import CLinuxSystem
import Glibc

/// Events that a descriptor is watched for, or found ready for; level triggered, epoll(7).
public struct Readiness: OptionSet, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let readable = Readiness(rawValue: UInt32(LS_EPOLL_IN))
  /// Something exceptional, for example a changed file of a cgroup.
  public static let priority = Readiness(rawValue: UInt32(LS_EPOLL_PRI))
  public static let writable = Readiness(rawValue: UInt32(LS_EPOLL_OUT))
  /// Reported without being asked for, like `hangup`.
  public static let error = Readiness(rawValue: UInt32(LS_EPOLL_ERR))
  /// Both ends are gone. There may still be bytes to read: read until the end.
  public static let hangup = Readiness(rawValue: UInt32(LS_EPOLL_HUP))
  /// The peer will send no more.
  public static let peerClosed = Readiness(rawValue: UInt32(LS_EPOLL_RDHUP))
}

/// One descriptor that became ready.
public struct ReadyEvent: Equatable, Sendable {
  /// The token that the descriptor was registered with. A token is better not a descriptor number: numbers are reused, and an
  /// event already fetched may then be for the descriptor before.
  public var token: UInt64
  public var readiness: Readiness
}

/// Waits for many descriptors at once, in one thread.
public final class Epoll {
  private let epoll: OwnedFD

  public init() throws(SystemError) {
    epoll = OwnedFD(adopting: try check("epoll_create") { ls_epoll_create() })
  }

  /// Readable when anything watched is ready, so that one loop can watch another.
  public var rawValue: Int32 { epoll.rawValue }

  public func add(_ fd: Int32, _ interest: Readiness, token: UInt64) throws(SystemError) {
    try check("watch", on: "fd \(fd)") { ls_epoll_ctl(epoll.rawValue, 1, fd, interest.rawValue, token) }
  }

  public func modify(_ fd: Int32, _ interest: Readiness, token: UInt64) throws(SystemError) {
    try check("watch", on: "fd \(fd)") { ls_epoll_ctl(epoll.rawValue, 3, fd, interest.rawValue, token) }
  }

  /// Stops watching. Needed before closing only where the open file has other descriptors (dup, fork).
  public func remove(_ fd: Int32) throws(SystemError) {
    try check("stop watching", on: "fd \(fd)") { ls_epoll_ctl(epoll.rawValue, 2, fd, 0, 0) }
  }

  /// Waits until something is ready or `nanoseconds` have passed (nil: without end), and calls `body` for each.
  ///
  /// A signal that interrupts the wait ends it with no events: callers count time anew.
  public func wait(nanoseconds: Int64?, _ body: (ReadyEvent) -> Void) throws(SystemError) {
    let room = 32
    var failure: SystemError?
    withUnsafeTemporaryAllocation(of: ls_epoll_event.self, capacity: room) { events in
      let got = ls_epoll_wait(epoll.rawValue, events.baseAddress, Int32(room), max(nanoseconds ?? -1, -1))
      if got == -1 {
        if errno != EINTR { failure = .last("epoll_wait") }
        return
      }
      for index in 0..<Int(got) {
        body(ReadyEvent(token: events[index].token, readiness: Readiness(rawValue: events[index].events)))
      }
    }
    if let failure { throw failure }
  }
}
