import Glibc

/// Lines for finding a fault, on standard error: `TRACE=rpc,lifecycle`. Off unless the variable names the
/// topic, and then read once.
public enum Trace {
  private static let topics: Set<Substring> = {
    guard let value = getenv("TRACE") else { return [] }
    return Set(String(cString: value).split(separator: ","))
  }()

  public static func isOn(_ topic: String) -> Bool { topics.contains(topic[...]) }

  /// One line, in one write(2), so that lines of several processes do not mix.
  public static func write(_ topic: String, _ line: String) {
    let bytes = Array("\(getpid()) \(topic): \(line)\n".utf8)
    _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
  }
}
