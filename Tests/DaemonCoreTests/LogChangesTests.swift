import Glibc
import LinuxSystem
import NIOCore
import NIOPosix
import Testing

@testable import DaemonCore

/// A reader that is not woken waits for its whole hour, and the suite's time ends that.
@Suite(.timeLimit(.minutes(3))) struct LogChangesTests {
  private let loop = MultiThreadedEventLoopGroup.singleton.any()

  /// Waits for a log that is written to meanwhile.
  private func isWoken(_ changes: LogChanges) async throws -> Bool {
    var template = Array("/tmp/lodge-log-changes-XXXXXX".utf8CString)
    let log = OwnedFD(adopting: mkstemp(&template))
    let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    defer { unlink(path) }
    let watch = try await changes.watch(path)
    defer { watch.end() }
    let seen = watch.count
    let end = NIODeadline.now() + .hours(1)
    #expect(write(log.rawValue, "x", 1) == 1)
    await watch.wait(after: seen, until: end, on: loop)
    return NIODeadline.now() < end
  }

  @Test func aWriteWakesAReader() async throws {
    #expect(try await isWoken(LogChanges(eventLoop: loop)))
  }

  /// With all instances of the user in use, a reader looks again instead of standing still until its time is up.
  @Test func withoutInotifyAReaderLooksAgain() async throws {
    let changes = LogChanges(eventLoop: loop) { throw SystemError("inotify_init", errno: EMFILE) }
    #expect(try await isWoken(changes))
  }
}
