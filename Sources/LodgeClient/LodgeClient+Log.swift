public import Guest
import WireProtocol

/// A part of a guest's console log.
public struct LogPart: Sendable, Hashable {
  /// Whole lines of the log file: time, stream, text (docs/operating.md has the form).
  public var bytes: [UInt8]
  /// Where the next part begins. Opaque: only the daemon that made it reads it.
  public var cursor: [UInt8]
  /// Nothing more can come: the guest does not run and everything was read.
  public var isEnd: Bool
  /// Bytes that rotation has removed before they were read.
  public var lostBytes: UInt64
}

extension LodgeClient {
  /// Reads the console log, one part of at most 64 KiB at a time.
  ///
  /// - Parameters:
  ///   - cursor: `LogPart.cursor` of the part before; empty begins at the oldest byte that is kept.
  ///   - tail: with an empty cursor: begins so many lines before the end; 0 begins at the oldest byte.
  ///   - waits: with nothing to read yet, the reply comes when there is, or empty after 20 seconds.
  public func log(
    of name: GuestName, after cursor: [UInt8] = [], tail: UInt32 = 0, waits: Bool = false
  ) async throws(GuestError) -> LogPart {
    let reply = try await call(
      Admin.LogRead.self, .init(name: name.value, cursor: cursor, tailLines: tail, wait: waits))
    return LogPart(bytes: reply.bytes, cursor: reply.next, isEnd: reply.end, lostBytes: reply.lostBytes)
  }

  /// The console log, part after part.
  ///
  /// - Parameter follows: goes on until the guest has ended and everything was read; otherwise it ends where the log
  ///   ends at present.
  public func logParts(of name: GuestName, tail: UInt32 = 0, follows: Bool = false) -> LogParts {
    LogParts(client: self, name: name, tail: tail, follows: follows)
  }
}

/// A console log as a sequence; see `LodgeClient.logParts`.
public struct LogParts: AsyncSequence, Sendable {
  public typealias Element = LogPart
  public typealias Failure = GuestError

  let client: LodgeClient
  let name: GuestName
  let tail: UInt32
  let follows: Bool

  public func makeAsyncIterator() -> Iterator { Iterator(parts: self) }

  public struct Iterator: AsyncIteratorProtocol {
    let parts: LogParts
    private var cursor: [UInt8] = []
    private var isDone = false

    init(parts: LogParts) { self.parts = parts }

    public mutating func next() async throws(GuestError) -> LogPart? { try await next(isolation: nil) }

    public mutating func next(
      isolation actor: isolated (any _Concurrency.Actor)?
    ) async throws(GuestError) -> LogPart? {
      while !isDone, !Task.isCancelled {
        let part = try await parts.client.log(
          of: parts.name, after: cursor, tail: cursor.isEmpty ? parts.tail : 0, waits: parts.follows)
        cursor = part.cursor
        isDone = part.isEnd || (!parts.follows && part.bytes.isEmpty)
        if !part.bytes.isEmpty || part.lostBytes > 0 { return part }
      }
      return nil
    }
  }
}
