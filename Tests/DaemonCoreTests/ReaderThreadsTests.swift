import LinuxSystem
import Testing

@testable import DaemonCore

@Suite struct ReaderThreadsTests {
  /// On a busy processor the event loop comes first, whatever users make the daemon read.
  @Test func readersAreLessUrgentThanTheProcess() async throws {
    let own = try #require(ThreadPriority.current)
    for _ in 0..<20 {
      let found = await withCheckedContinuation { continuation in
        ReaderThreads.shared.perform { continuation.resume(returning: ThreadPriority.current) }
      }
      #expect(found == min(own + ReaderThreads.stepsBelow, 19))
    }
    #expect(ThreadPriority.current == own)
  }
}
