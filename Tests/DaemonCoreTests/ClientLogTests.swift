import Logging
import NIOCore
import NIOPosix
import Supervision
import Synchronization
import Testing

@testable import DaemonCore

@Suite struct ClientLogTests {
  private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
  }

  private struct Collector: LogHandler {
    let lines: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .debug
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
    func log(event: LogEvent) { lines.add("\(event.level) \(event.message)") }
  }

  /// However many lines a user causes: a few, and how many more there were.
  @Test func aFloodIsAFewLinesAndACount() async throws {
    let lines = Lines()
    let logger = Logger(label: "test") { _ in Collector(lines: lines) }
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    var bounds = LineBudget.Bounds()
    bounds.window = 200_000_000
    let log = ClientLog(logger, eventLoop: loop, bounds: bounds)
    try await loop.submit {
      for _ in 0..<1_000 { log.write(.warning, "flood", user: 7) }
      log.write(.warning, "other", user: 8)
      for _ in 0..<50 { log.write(.debug, "detail", user: 7) }
    }.get()
    // Two windows later the count of the first one is there.
    try await loop.scheduleTask(in: .nanoseconds(2 * Int64(bounds.window))) {}.futureResult.get()
    let all = lines.all
    #expect(all.filter { $0 == "warning flood" }.count == 10)
    #expect(all.filter { $0 == "warning other" }.count == 1)
    #expect(all.filter { $0 == "debug detail" }.count == 50, "who asks for details gets each of them")
    #expect(all.last == "warning and 990 more lines because of user 7 in the last minute", "\(all.suffix(2))")
  }
}
