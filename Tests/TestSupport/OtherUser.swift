internal import CTestSupport
import LinuxSystem

/// Runs `body` as another user, as far as the kernel reports peers to others. The thread is root's again afterwards, so
/// nothing in `body` may suspend.
public func asUser<Value>(_ user: UInt32, group: UInt32? = nil, _ body: () throws -> Value) throws -> Value {
  guard ts_thread_user(user, group ?? user) == 0 else { throw TooLate(description: "setresuid to \(user) failed") }
  defer { _ = ts_thread_user(0, 0) }
  return try body()
}
