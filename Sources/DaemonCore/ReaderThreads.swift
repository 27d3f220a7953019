internal import LinuxSystem
internal import NIOPosix

/// Threads that read the database. They are less urgent than the event loop and the writer, so a flood of reads takes only
/// the processor time that those leave.
///
/// There are as many as the database has readers; further reads wait for their turn here.
final class ReaderThreads: Sendable {
  static let shared = ReaderThreads()
  /// Steps of nice(2): of two busy threads, the event loop gets ten times as much.
  static let stepsBelow: Int32 = 10

  private let pool = NIOThreadPool(numberOfThreads: 3)

  private init() { pool.start() }

  /// Does `work` on one of the threads. It may block.
  func perform(_ work: @escaping @Sendable () -> Void) {
    pool.submit { _ in
      ThreadPriority.lower(by: Self.stepsBelow)
      work()
    }
  }
}
