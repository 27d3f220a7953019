import Glibc

/// A system call that failed: what was being done, to what, and the kernel's reason.
///
/// Its text is `operation object: reason`, for example `open /srv/web: No such file or directory`.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The action: the call's name, or a step in the words of the caller.
  public var operation: String
  /// Its object; empty where there is nothing to name.
  public var object: String
  /// The kernel's reason; errno(3).
  public var errno: Int32

  public init(_ operation: String, on object: String = "", errno: Int32) {
    self.operation = operation
    self.object = object
    self.errno = errno
  }

  /// The error of the call just made; to be built before anything else can change `errno`.
  static func last(_ operation: String, on object: @autoclosure () -> String = "") -> SystemError {
    let number = Glibc.errno
    return SystemError(operation, on: object(), errno: number)
  }

  public var description: String {
    object.isEmpty ? "\(operation): \(reason)" : "\(operation) \(object): \(reason)"
  }

  /// The kernel's reason in words.
  public var reason: String { String(cString: strerror(errno)) }
}

/// Makes a system call: retries it when a signal interrupts it, and turns -1 into a `SystemError`.
///
/// Never for close(2), which must not be retried on Linux.
@discardableResult
public func check(
  _ operation: String, on object: @autoclosure () -> String = "", _ call: () -> Int32
) throws(SystemError) -> Int32 {
  while true {
    let result = call()
    if result != -1 { return result }
    let number = errno
    if number == EINTR { continue }
    throw SystemError(operation, on: object(), errno: number)
  }
}

/// The same for calls that answer with a size or a position.
@discardableResult
public func check(
  _ operation: String, on object: @autoclosure () -> String = "", _ call: () -> Int
) throws(SystemError) -> Int {
  while true {
    let result = call()
    if result != -1 { return result }
    let number = errno
    if number == EINTR { continue }
    throw SystemError(operation, on: object(), errno: number)
  }
}
