import CLinuxSystem
import Glibc

/// Wakes up when something about watched paths changes; inotify(7). It says that there is something to look at, not
/// what: events merge and queues overflow, so a reader looks at the files themselves.
public final class Inotify {
  public struct Change: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// A file was written to.
    public static let modified = Change(rawValue: UInt32(LS_INOTIFY_MODIFY))
    /// In a watched directory, a name appeared, went, or was renamed: what log rotation does.
    public static let names = Change(
      rawValue: UInt32(
        LS_INOTIFY_CREATE | LS_INOTIFY_DELETE | LS_INOTIFY_MOVED_FROM
          | LS_INOTIFY_MOVED_TO))
    /// The watched file itself was renamed or removed.
    public static let gone = Change(
      rawValue: UInt32(LS_INOTIFY_DELETE_SELF | LS_INOTIFY_MOVE_SELF))
  }

  private let fd: OwnedFD

  public init() throws(SystemError) {
    fd = OwnedFD(adopting: try check("inotify_init") { ls_inotify() })
  }

  /// Gives the descriptor away, watches and all.
  public func release() -> Int32 { fd.release() }

  /// Readable when something changed.
  public var rawValue: Int32 { fd.rawValue }

  public func watch(_ path: String, for changes: Change) throws(SystemError) {
    try check("watch", on: path) { ls_inotify_watch(fd.rawValue, path, changes.rawValue) }
  }

  /// Takes all events that are there; true when there was any. Does not wait.
  public func drain() throws(SystemError) -> Bool {
    var any = false
    while true {
      let got = withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) {
        Glibc.read(fd.rawValue, $0.baseAddress!, $0.count)
      }
      if got > 0 {
        any = true
        continue
      }
      if got == -1 {
        if errno == EINTR { continue }
        if errno != EAGAIN { throw .last("read inotify") }
      }
      return any
    }
  }
}
