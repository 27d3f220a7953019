import Glibc

/// Waits for a few descriptors, in one call and without anything to set up; poll(2). For many, or often: `Epoll`.
public enum Poll {
  public struct Item: Sendable {
    public var descriptor: Int32
    public var interest: Readiness
    /// The events found, `hangup` and `error` included. Empty when the wait ended for another reason.
    public var found: Readiness = []

    public init(_ descriptor: Int32, _ interest: Readiness) {
      self.descriptor = descriptor
      self.interest = interest
    }
  }

  /// Waits until one of `items` is ready or `nanoseconds` have passed (nil: without end; rounded up to milliseconds).
  ///
  /// A signal that interrupts the wait ends it with nothing found: callers count time anew.
  public static func wait(for items: inout [Item], nanoseconds: UInt64?) throws(SystemError) {
    var polled = items.map { item in
      pollfd(fd: item.descriptor, events: Int16(truncatingIfNeeded: item.interest.rawValue), revents: 0)
    }
    let milliseconds = nanoseconds.map { Int32(clamping: ($0 / 1_000_000) + ($0 % 1_000_000 == 0 ? 0 : 1)) } ?? -1
    if poll(&polled, nfds_t(polled.count), milliseconds) == -1 {
      guard errno == EINTR else { throw .last("poll") }
      for index in polled.indices { polled[index].revents = 0 }
    }
    // EPOLLIN, EPOLLOUT, EPOLLERR and EPOLLHUP have the values of their POLL namesakes (epoll_ctl(2)).
    for index in items.indices {
      items[index].found = Readiness(rawValue: UInt32(UInt16(bitPattern: polled[index].revents)))
    }
  }
}
