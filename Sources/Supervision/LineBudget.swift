/// How many lines of the log users may cause: some in each window of time, the rest as a count at its end.
///
/// Any local user can make the daemon write a line, by a broken message for example, as often as it likes. A log that takes
/// all of them fills its disk, or loses the lines that matter to the limit of the log's own service.
public struct LineBudget: Sendable {
  /// The author of a line.
  public enum Author: Sendable, Hashable {
    case user(UInt32)
    /// Not known, or one of more users than are counted one by one.
    case others
  }

  public struct Bounds: Sendable, Hashable {
    /// Lines of one author in a window.
    public var lines = 10
    /// Lines of all authors together in a window.
    public var total = 100
    /// Authors that are counted one by one.
    public var authors = 256
    /// In nanoseconds.
    public var window: UInt64 = 60_000_000_000

    public init() {}
  }

  public enum Verdict: Sendable, Hashable {
    case write
    /// Not written, and counted. `closeAt`: the first of this window; `close` is to be called at that time.
    case count(closeAt: UInt64?)
  }

  /// Lines of one author that were counted and not written.
  public struct Omitted: Sendable, Hashable {
    public let author: Author
    public let lines: Int
  }

  private struct Account: Sendable {
    var written = 0
    var omitted = 0
  }

  private let bounds: Bounds
  private var accounts: [Author: Account] = [:]
  private var written = 0
  private var began: UInt64 = 0
  private var isCounting = false

  public init(_ bounds: Bounds = Bounds()) { self.bounds = bounds }

  /// A line is about to be written because of `author`; `now` is in nanoseconds of a clock that is never set.
  public mutating func admit(_ author: Author, at now: UInt64) -> Verdict {
    // With lines left to tell of, the window stays until they are told.
    if !isCounting, now >= began + bounds.window { reset(at: now) }
    let name = accounts[author] != nil || accounts.count < bounds.authors ? author : .others
    var account = accounts[name] ?? Account()
    defer { accounts[name] = account }
    guard account.written < bounds.lines, written < bounds.total else {
      account.omitted += 1
      guard !isCounting else { return .count(closeAt: nil) }
      isCounting = true
      return .count(closeAt: began + bounds.window)
    }
    account.written += 1
    written += 1
    return .write
  }

  /// The window is over: those whose lines were not all written, the most first.
  public mutating func close(at now: UInt64) -> [Omitted] {
    let omitted = accounts.filter { $0.value.omitted > 0 }.map { Omitted(author: $0.key, lines: $0.value.omitted) }
    reset(at: now)
    return omitted.sorted { ($0.lines, $1.author) > ($1.lines, $0.author) }
  }

  private mutating func reset(at now: UInt64) {
    accounts = [:]
    written = 0
    began = now
    isCounting = false
  }
}

extension LineBudget.Author: Comparable {
  /// Users by number, then the others.
  public static func < (one: Self, other: Self) -> Bool {
    switch (one, other) {
    case (.user(let one), .user(let other)): one < other
    case (.user, .others): true
    case (.others, .user), (.others, .others): false
    }
  }
}
