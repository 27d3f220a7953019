/// An error of the daemon, or of a client library on its behalf.
///
/// `code` is for programs and stable; `message` is for people: intent, object, cause, lower case, no full stop.
public struct GuestError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Stable across versions. The command line turns them into its exit codes.
  public enum Code: Int32, Sendable, Hashable, CaseIterable {
    case internalError = 1
    case invalidArgument = 2
    case notFound = 3
    case alreadyExists = 4
    /// The guest is in a state in which this cannot be done.
    case wrongState = 5
    case denied = 6
    /// This host or this version cannot do it; the connection lives on.
    case notSupported = 7
    case timedOut = 8
    case limitReached = 9
    /// The daemon is shutting down, or a part of it is out of order.
    case unavailable = 10
    /// The guest's init was never executed; `step` and `errno` say where it failed.
    case startFailed = 11
    case cancelled = 12
    case badFrame = 13
    case unknownProgram = 14
    /// The database or the disk: nothing was changed.
    case storage = 15
    /// Another request changed the guest meanwhile, or has the same id.
    case conflict = 16
  }

  public var code: Code
  public var message: String
  /// The next step for the reader, where it is known.
  public var hint: String?
  /// errno(3), where a system call failed.
  public var errno: Int32?
  /// The step that failed, for `startFailed`.
  public var step: String?

  public init(_ code: Code, _ message: String, hint: String? = nil, errno: Int32? = nil, step: String? = nil) {
    self.code = code
    self.message = message
    self.hint = hint
    self.errno = errno
    self.step = step
  }

  public var description: String { message }
}
