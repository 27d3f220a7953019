/// A system call's failure as that of a step: what was being done, the kernel's reason, and the next step where it is known.
///
/// Its text is `step: reason`, for example `mount /proc: Operation not permitted`.
public struct StepError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The action and its object: `mount /proc`, `execute /sbin/init`.
  public var step: String
  /// errno(3); 0 where no call failed.
  public var errno: Int32
  /// Why, in words.
  public var reason: String
  /// The next step of the reader, where it is known.
  public var hint: String?

  public init(step: String, errno: Int32 = 0, reason: String, hint: String? = nil) {
    self.step = step
    self.errno = errno
    self.reason = reason
    self.hint = hint
  }

  /// A system call's failure as that of a step.
  public init(_ error: SystemError, step: String? = nil, hint: String? = nil) {
    self.init(
      step: step ?? (error.object.isEmpty ? error.operation : "\(error.operation) \(error.object)"),
      errno: error.errno, reason: error.reason, hint: hint)
  }

  public var description: String {
    guard let hint else { return "\(step): \(reason)" }
    return "\(step): \(reason); \(hint)"
  }
}

/// Makes a system call's failure that of a step.
@discardableResult
public func during<R>(_ step: @autoclosure () -> String, _ body: () throws(SystemError) -> R) throws(StepError) -> R {
  do {
    return try body()
  } catch {
    throw StepError(error, step: step())
  }
}
