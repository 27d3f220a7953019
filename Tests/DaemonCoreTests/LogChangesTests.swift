import Glibc
import LinuxSystem
import NIOCore
import NIOPosix
import Testing

@testable import DaemonCore

@Suite struct LogChangesTests {
  private let loop = MultiThreadedEventLoopGroup.singleton.any()

  /// How long a reader waits for a log that is written to meanwhile.
  private func secondsUntilAwake(_ changes: LogChanges) async throws -> Double {
    var template = Array("/tmp/lodge-log-changes-XXXXXX".utf8CString)
    let log = OwnedFD(adopting: mkstemp(&template))
    let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    defer { unlink(path) }
    let watch = try await changes.watch(path)
    defer { watch.end() }
    let seen = watch.count
    let begin = Clock.bootNanoseconds
    #expect(write(log.rawValue, "x", 1) == 1)
    await watch.wait(after: seen, until: .now() + .seconds(60), on: loop)
    return Double(Clock.bootNanoseconds - begin) / 1e9
  }

  @Test func aWriteWakesAReader() async throws {
    #expect(try await secondsUntilAwake(LogChanges(eventLoop: loop)) < 10)
  }

  /// With all instances of the user in use, a reader looks again instead of standing still until its time is up.
  @Test func withoutInotifyAReaderLooksAgain() async throws {
    let changes = LogChanges(eventLoop: loop) { throw SystemError("inotify_init", errno: EMFILE) }
    #expect(try await secondsUntilAwake(changes) < 10)
  }
}
