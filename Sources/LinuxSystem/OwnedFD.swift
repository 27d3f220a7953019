import CLinuxSystem
import Glibc

/// A file descriptor with one owner: closed when the last reference goes.
///
/// Reading `rawValue` is free from any thread; `close` and `release` belong to the owner, and no other thread may use the number
/// at the same time.
public final class OwnedFD: @unchecked Sendable, CustomStringConvertible {
  /// The number, or -1 once closed or released.
  public private(set) var rawValue: Int32

  /// Takes over an open descriptor.
  public init(adopting rawValue: Int32) {
    self.rawValue = rawValue
  }

  deinit { close() }

  /// Closes now rather than when the last reference goes. Closing twice does nothing.
  public func close() {
    guard rawValue >= 0 else { return }
    // close(2) frees the number even when it fails; retrying could close another owner's.
    _ = Glibc.close(rawValue)
    rawValue = -1
  }

  /// Gives the descriptor away: the receiver closes it.
  public func release() -> Int32 {
    let given = rawValue
    rawValue = -1
    return given
  }

  /// A second descriptor for the same open file, close-on-exec.
  public func duplicate() throws(SystemError) -> OwnedFD {
    OwnedFD(adopting: try check("dup", on: "fd \(rawValue)") { ls_dup_cloexec(rawValue, 3) })
  }

  public func setCloseOnExec(_ on: Bool) throws(SystemError) {
    try check("set close-on-exec", on: "fd \(rawValue)") { ls_set_cloexec(rawValue, on ? 1 : 0) }
  }

  public func setNonblocking(_ on: Bool) throws(SystemError) {
    try check("set nonblocking", on: "fd \(rawValue)") { ls_set_nonblocking(rawValue, on ? 1 : 0) }
  }

  public var description: String { "fd \(rawValue)" }
}

extension OwnedFD {
  /// /dev/null, opened for reading: something to hold a descriptor's place with.
  public static func null() throws(SystemError) -> OwnedFD {
    OwnedFD(adopting: try check("open", on: "/dev/null") { ls_open(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0) })
  }
}
